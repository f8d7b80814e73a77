#include "client/tlsa_print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/tlsa_judge.h"

bool tlsa_is_wildcard(const char *name)
{
    return name[0] == '*' && name[1] == '.';
}

void tlsa_time_text(char dst[static 32], int64_t time)
{
    time_t at = (time_t)time;
    struct tm tm;
    if (gmtime_r(&at, &tm) == NULL || strftime(dst, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
        dst[0] = '\0';
    }
}

json_t *tlsa_record_json(const char *owner, const uint8_t *rdata, size_t len)
{
    struct tlsa tlsa;
    char *line = tlsa_line(owner, rdata, len);
    json_t *json = NULL;
    if (line != NULL && tlsa_parse(&tlsa, rdata, len) == 0) {
        json = json_pack("{s:s,s:i,s:i,s:i,s:s,s:s}", "owner", owner, "usage", (int)tlsa.usage,
                         "selector", (int)tlsa.selector, "matching", (int)tlsa.matching, "data",
                         strrchr(line, ' ') + 1, "record", line);
    }
    free(line);
    return json;
}

static json_t *item_of(const char *name, const char *owner, const struct tlsa_key *key,
                       const uint8_t *rdata, size_t len)
{
    json_t *item = tlsa_record_json(owner, rdata, len);
    json_t *more =
        json_pack("{s:s,s:s,s:s,s:s}", "name", name, "set", key->set->names[0], "key_type",
                  key_type_name(key->type), "state", tlsa_holder_name(key->holder));
    if (item == NULL || more == NULL || json_object_update(item, more) < 0) {
        json_decref(item);
        item = NULL;
    }
    json_decref(more);
    return item;
}

static int print_one(struct client *client, const struct tlsa_key *key, const char *name,
                     const char *owner, const char *type, struct err *err)
{
    struct tlsa_of of = tlsa_key_of(key);
    uint8_t *rdata;
    size_t len;
    int ret = tlsa_make(&rdata, &len, type, &of, err);
    if (ret == ERR_NOT_FOUND) {
        log_warning(client->log, NULL, "%s: type %s: %s: certmill get certificate asks for one",
                    owner, type, err->text);
        *err = (struct err){0};
        return 0;
    }
    if (ret < 0) {
        return ret;
    }
    char *line = tlsa_line(owner, rdata, len);
    if (line == NULL) {
        ret = err_set(err, -ENOMEM, "out of memory");
    } else if (client->settings.json) {
        client_item(client, item_of(name, owner, key, rdata, len));
    } else {
        fprintf(client->out, "%s%s\n", tlsa_is_wildcard(name) ? "; " : "", line);
    }
    free(line);
    free(rdata);
    return ret;
}

/* A wildcard's records are printed for a host below it, out of a zone file's sight. */
static int owner_of(struct client *client, char owner[static LIMIT_DOMAIN_TEXT + 1],
                    const struct tlsa_service *service, const char *name, struct err *err)
{
    char host[LIMIT_DOMAIN_TEXT + 8];
    if (!tlsa_is_wildcard(name)) {
        return tlsa_owner(owner, service->port, service->protocol, name, err);
    }
    snprintf(host, sizeof(host), "HOST%s", name + 1);
    if (!client->settings.json) {
        fprintf(client->out,
                "; %s: TLSA records are looked up under each host's own name (RFC 6698 A.2.1.3):\n",
                name);
    }
    return tlsa_owner(owner, service->port, service->protocol, host, err);
}

int tlsa_print(struct client *client, const struct tlsa_key *key,
               const struct tlsa_service *service, bool of_key, struct err *err)
{
    const struct conf_strings *types = &client->settings.tlsa_type_list;
    for (size_t i = 0; i < key->set->count; i++) {
        char owner[LIMIT_DOMAIN_TEXT + 1];
        int ret = owner_of(client, owner, service, key->set->names[i], err);
        if (ret == ERR_LIMIT) { /* a name that has no TLSA records, whatever we do */
            log_warning(client->log, NULL, "%s", err->text);
            *err = (struct err){0};
            continue;
        }
        for (size_t j = 0; ret == 0 && j < types->count; j++) {
            if (!of_key || tlsa_type_of_key(types->items[j])) {
                ret = print_one(client, key, key->set->names[i], owner, types->items[j], err);
            }
        }
        if (ret < 0) {
            return ret;
        }
    }
    return 0;
}

void tlsa_print_cautions(struct client *client)
{
    const struct conf_strings *types = &client->settings.tlsa_type_list;
    for (size_t i = 0; i < types->count; i++) {
        const char *caution = tlsa_caution(types->items[i]);
        if (caution != NULL) {
            log_warning(client->log, NULL, "%s", caution);
        }
    }
}
