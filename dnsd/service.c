#include "dnsd/service.h"

#include <stdlib.h>
#include <string.h>

#include "common/file.h"

static void set_text(struct service_text *text, const char *value)
{
    text->len = value != NULL ? (uint8_t)strnlen(value, sizeof(text->data)) : 0;
    memcpy(text->data, value != NULL ? value : "", text->len);
}

/* A part of what all workers share; what is not 0 does not become 0. */
static uint32_t part(int64_t all, size_t workers)
{
    return (uint32_t)((all + (int64_t)workers - 1) / (int64_t)workers);
}

static void set_rate(struct rate_options *rate, const struct server_conf *conf, size_t workers)
{
    struct err err;

    rate->per_second[RATE_ANSWER] = part(conf->dns_rate_answers, workers);
    rate->per_second[RATE_NXDOMAIN] = part(conf->dns_rate_nxdomain, workers);
    rate->per_second[RATE_ERROR] = part(conf->dns_rate_errors, workers);
    rate->refused_drop = part(conf->dns_refused_drop, workers);
    rate->slip = (uint8_t)conf->dns_rate_slip;
    rate->ipv4_bits = (uint8_t)conf->dns_rate_ipv4_prefix;
    rate->ipv6_bits = (uint8_t)conf->dns_rate_ipv6_prefix;
    for (size_t i = 0; i < conf->dns_rate_allow.count && i < LIMIT_RATE_ALLOW; i++) {
        if (server_conf_parse_prefix(conf->dns_rate_allow.items[i], &rate->allow[rate->allow_count],
                                     &err) == 0) {
            rate->allow_count++;
        }
    }
}

static int read_secrets(struct cookie_secrets *secrets, int fd, struct err *err)
{
    static const char what[] = "dns-cookie-secret-file";
    char *text;
    size_t len;
    int ret = file_read_fd(fd, what, LIMIT_COOKIE_FILE, &text, &len, err);

    if (ret < 0) {
        return ret;
    }
    if ((ret = cookie_secrets_parse(secrets, text, len, err)) < 0) {
        err_prefix(err, "%s", what);
    }
    explicit_bzero(text, len);
    free(text);
    return ret;
}

static int set_secrets(struct service *service, const struct boot *boot, const uint8_t *spare,
                       struct err *err)
{
    for (size_t i = 0; i < boot->file_count; i++) {
        if (boot->files[i].kind == IPC_FILE_COOKIE_SECRETS) {
            return read_secrets(&service->secrets, boot->files[i].fd, err);
        }
    }
    service->secrets.count = 1;
    memcpy(service->secrets.key[0], spare, COOKIE_SECRET);
    return 0;
}

static enum cookie_mode cookie_mode(const char *word)
{
    return strcmp(word, "off") == 0       ? COOKIE_OFF
           : strcmp(word, "enforce") == 0 ? COOKIE_ENFORCE
                                          : COOKIE_ON;
}

int service_make(struct service *service, const struct boot *boot, size_t workers,
                 const uint8_t spare[static COOKIE_SECRET], struct err *err)
{
    const struct server_conf *conf = &boot->conf;

    memset(service, 0, sizeof(*service));
    service->payload = (uint16_t)conf->dns_udp_payload;
    service->keepalive = (uint16_t)(conf->dns_tcp_idle * 10);
    if (conf->dns_nsid != NULL) {
        int len = server_conf_parse_nsid(conf->dns_nsid, service->nsid, err);

        if (len < 0) {
            return len;
        }
        service->nsid_len = (uint8_t)len;
    }
    set_text(&service->version, conf->dns_version);
    set_text(&service->id, conf->dns_id);
    set_text(&service->hostname, conf->dns_hostname);
    service->cookies = cookie_mode(conf->dns_cookies);
    set_rate(&service->rate, conf, workers);
    service->tcp_clients = part(conf->dns_tcp_clients, workers);
    service->tcp_clients_per_address = (size_t)conf->dns_tcp_clients_per_address;
    service->tcp_idle_ms = (uint32_t)conf->dns_tcp_idle * 1000;
    service->tcp_lifetime_ms = (uint32_t)conf->dns_tcp_lifetime * 1000;
    return set_secrets(service, boot, spare, err);
}

void service_wipe(struct service *service)
{
    explicit_bzero(&service->secrets, sizeof(service->secrets));
}
