#include "client/facts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "client/guard.h"
#include "client/server.h"
#include "common/domainset.h"

/* -- the zone -- */

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the one at hand */
};

static int next(struct reader *r, struct err *err)
{
    yaml_event_delete(&r->event);
    memset(&r->event, 0, sizeof(r->event));
    if (!yaml_parser_parse(&r->parser, &r->event)) {
        return err_set(err, ERR_MALFORMED, "the server's configuration is not YAML: %s",
                       r->parser.problem != NULL ? r->parser.problem : "unreadable");
    }
    return 0;
}

static bool is_scalar(const struct reader *r, const char *text)
{
    return r->event.type == YAML_SCALAR_EVENT &&
           strcmp((const char *)r->event.data.scalar.value, text) == 0;
}

/* From the event at hand to the end of what it begins. */
static int skip(struct reader *r, struct err *err)
{
    size_t depth = 0;
    int ret = 0;
    for (;;) {
        yaml_event_type_t type = r->event.type;
        if (type == YAML_MAPPING_START_EVENT || type == YAML_SEQUENCE_START_EVENT) {
            depth++;
        } else if (type == YAML_MAPPING_END_EVENT || type == YAML_SEQUENCE_END_EVENT) {
            depth--;
        }
        if (depth == 0 || (ret = next(r, err)) < 0) {
            return ret;
        }
    }
}

/* The value at hand, a name of a zone, unless there is one already. */
static int take_zone(const struct reader *r, char dst[static LIMIT_DOMAIN_TEXT + 1],
                     struct err *err)
{
    const char *value = (const char *)r->event.data.scalar.value;
    if (r->event.type != YAML_SCALAR_EVENT || strlen(value) != r->event.data.scalar.length) {
        return err_set(err, ERR_MALFORMED, "the server's configuration names a zone by no name");
    }
    if (dst[0] != '\0') {
        return 0;
    }
    int ret = domain_normalize_owner(dst, value, err);
    if (ret < 0) {
        dst[0] = '\0';
        err_prefix(err, "the server's configuration names a zone that is none");
    }
    return ret;
}

/* The mapping at hand; the value of key is a zone. */
static int read_row(struct reader *r, const char *key, char dst[static LIMIT_DOMAIN_TEXT + 1],
                    struct err *err)
{
    int ret = next(r, err);
    while (ret == 0 && r->event.type != YAML_MAPPING_END_EVENT) {
        bool wanted = is_scalar(r, key);
        if ((ret = skip(r, err)) < 0 || (ret = next(r, err)) < 0 ||
            (wanted && (ret = take_zone(r, dst, err)) < 0) || (ret = skip(r, err)) < 0) {
            break;
        }
        ret = next(r, err);
    }
    return ret;
}

/* The value of `zones` at hand: the name in the first row counts. */
static int read_rows(struct reader *r, char dst[static LIMIT_DOMAIN_TEXT + 1], struct err *err)
{
    int ret;
    if (r->event.type != YAML_SEQUENCE_START_EVENT) {
        return skip(r, err);
    }
    while ((ret = next(r, err)) == 0 && r->event.type != YAML_SEQUENCE_END_EVENT) {
        ret = r->event.type == YAML_MAPPING_START_EVENT ? read_row(r, "name", dst, err)
                                                        : skip(r, err);
        if (ret < 0) {
            break;
        }
    }
    return ret;
}

static int read_all(struct reader *r, char dst[static LIMIT_DOMAIN_TEXT + 1], struct err *err)
{
    int ret;
    for (int i = 0; i < 3; i++) { /* the beginning of the stream, the document, the mapping */
        if ((ret = next(r, err)) < 0) {
            return ret;
        }
    }
    if (r->event.type != YAML_MAPPING_START_EVENT) {
        return err_set(err, ERR_MALFORMED, "the server's configuration has no keys");
    }
    while ((ret = next(r, err)) == 0 && r->event.type != YAML_MAPPING_END_EVENT) {
        bool zones = is_scalar(r, "zones"), zone = is_scalar(r, "acme-zone");
        if ((ret = skip(r, err)) < 0 || (ret = next(r, err)) < 0) {
            return ret;
        }
        if (zone) {
            ret = take_zone(r, dst, err);
        }
        if (ret == 0) {
            ret = zones ? read_rows(r, dst, err) : skip(r, err);
        }
        if (ret < 0) {
            return ret;
        }
    }
    return ret;
}

int facts_zone_parse(char dst[static LIMIT_DOMAIN_TEXT + 1], const char *text, size_t len,
                     struct err *err)
{
    struct reader r = {0};
    dst[0] = '\0';
    if (!yaml_parser_initialize(&r.parser)) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
    int ret = read_all(&r, dst, err);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    if (ret < 0) {
        dst[0] = '\0';
    } else if (dst[0] == '\0') {
        ret = err_set(err, ERR_NOT_FOUND, "the server's configuration names no zone");
    }
    return ret;
}

/* -- the account -- */

/* The value behind label in a line that begins with it; *len octets. NULL: there is none. */
static const char *find_line(const char *text, const char *label, size_t *len)
{
    size_t label_len = strlen(label);
    while (*text != '\0') {
        if (strncmp(text, label, label_len) == 0) {
            text += label_len;
            *len = strcspn(text, "\r\n");
            while (*len > 0 && text[*len - 1] == ' ') {
                --*len;
            }
            return text;
        }
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    return NULL;
}

/* RFC 8659 4.2: what a parameter's value may hold; a quote or backslash would end the string that
 * a zone file has it in. */
static bool is_url(const char *text, size_t len)
{
    if (len > LIMIT_URL ||
        (strncmp(text, "https://", 8) != 0 && strncmp(text, "http://", 7) != 0)) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] < 0x21 || text[i] > 0x7e || strchr(";\"\\", text[i]) != NULL) {
            return false;
        }
    }
    return true;
}

static int take_issuers(struct facts_account *out, const char *text, size_t len, struct err *err)
{
    const char *end = text + len;
    while (text < end && out->issuer_count < LIMIT_CAA_IDENTITIES) {
        char name[LIMIT_DOMAIN_TEXT + 1];
        const char *comma = memchr(text, ',', (size_t)(end - text));
        size_t octets = (size_t)((comma != NULL ? comma : end) - text);
        if (octets > LIMIT_DOMAIN_TEXT) {
            return err_set(err, ERR_MALFORMED, "the server names the CA by what is no name");
        }
        memcpy(name, text, octets);
        name[octets] = '\0';
        int ret = domain_normalize(out->issuers[out->issuer_count], name, err);
        if (ret < 0) {
            return err_prefix(err, "the server names the CA by what is no name");
        }
        out->issuer_count++;
        text += octets + (comma != NULL);
        while (text < end && *text == ' ') {
            text++;
        }
    }
    return 0;
}

/* https://acme-v02.api.letsencrypt.org/acme/acct/123: an original certgrinderd says no more. */
static bool is_letsencrypt(const char *url)
{
    static const char host_end[] = ".api.letsencrypt.org";
    const char *host = strstr(url, "://") + 3;
    size_t len = strcspn(host, "/:?#@"), end_len = sizeof(host_end) - 1;
    return (host[len] == '/' || host[len] == '\0') && len > end_len &&
           strncmp(host + len - end_len, host_end, end_len) == 0;
}

int facts_account_parse(struct facts_account *out, const char *text, struct err *err)
{
    size_t len;
    const char *value = find_line(text, "  Account URL: ", &len);
    *out = (struct facts_account){0};
    if (value == NULL) {
        return err_set(err, ERR_NOT_FOUND, "the server says nothing of its account at the CA");
    }
    if (!is_url(value, len)) {
        return err_set(err, ERR_MALFORMED, "the server's account URL is none");
    }
    memcpy(out->url, value, len);
    out->url[len] = '\0';
    if ((value = find_line(text, "  CAA identities: ", &len)) != NULL) {
        int ret = take_issuers(out, value, len, err);
        if (ret < 0) {
            return ret;
        }
    }
    if (out->issuer_count == 0 && is_letsencrypt(out->url)) {
        strcpy(out->issuers[out->issuer_count++], "letsencrypt.org");
    }
    return 0;
}

/* -- asking -- */

static void line(void *arg, enum log_level level, const char *message)
{
    const struct client *client = arg;
    /* What it says of its doings is for those who look for a fault. */
    log_write(client->log, level == LOG_LEVEL_INFO ? LOG_LEVEL_DEBUG : level, "server", "%s",
              message);
}

struct asking {
    struct client *client;
    const char *second; /* word of the command */
    char *output;
    size_t len;
    struct err *err;
    int ret;
};

static void ask_guarded(void *arg)
{
    struct asking *asking = arg;
    struct client *client = asking->client;
    const struct server_call call = {.settings = &client->settings,
                                     .session = client->session,
                                     .first = "show",
                                     .second = asking->second,
                                     .timeout_ms = (int)client->settings.server_timeout * 1000,
                                     .stop = client->stop,
                                     .line = line,
                                     .arg = client};
    asking->ret = server_run(&asking->output, &asking->len, &call, asking->err);
}

/* ERR_CANCELLED: the user has ended it. */
static int ask(struct client *client, const char *second, char **output, size_t *len,
               struct err *err)
{
    struct asking asking = {.client = client, .second = second, .err = err};
    int ret = guard_run(client, ask_guarded, &asking, err);
    if (ret > 0) {
        free(asking.output);
        err_set(err, ERR_CANCELLED, "interrupted");
        return ERR_CANCELLED;
    }
    if (ret < 0 || asking.output == NULL) {
        return ret < 0 ? ret : asking.ret < 0 ? asking.ret : ERR_INTERNAL;
    }
    *output = asking.output;
    *len = asking.len;
    return 0;
}

int facts_zone(struct client *client, char dst[static LIMIT_DOMAIN_TEXT + 1], struct err *err)
{
    char *output = NULL;
    size_t len = 0;
    int ret;
    if (client->settings.acme_zone != NULL) {
        return domain_normalize_owner(dst, client->settings.acme_zone, err);
    }
    ret = ask(client, "configuration", &output, &len, err);
    if (ret == 0) {
        ret = facts_zone_parse(dst, output, len, err);
        free(output);
    }
    if (ret < 0 && ret != ERR_CANCELLED) {
        char why[LIMIT_ERROR_TEXT];
        snprintf(why, sizeof(why), "%s", err->text);
        err_set(err, ret,
                "the server did not say in which zone it answers challenges (%.600s): set "
                "acme-zone",
                why);
    }
    return ret;
}

int facts_account(struct client *client, struct facts_account *out, struct err *err)
{
    char *output = NULL;
    size_t len = 0;
    int ret = ask(client, "acmeaccount", &output, &len, err);
    if (ret == 0) {
        ret = facts_account_parse(out, output, err);
        free(output);
    }
    return ret;
}
