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

void tlsa_time_local(char dst[static 32], int64_t time)
{
    time_t at = (time_t)time;
    struct tm tm;
    if (localtime_r(&at, &tm) == NULL || strftime(dst, 32, "%Y-%m-%d %H:%M:%S %z", &tm) == 0) {
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

/* A record to be printed. */
struct print {
    struct client *client;
    const struct tlsa_key *key;
    const char *name;
    char owner[LIMIT_DOMAIN_TEXT + 1];
    enum tlsa_print how;
};

static json_t *item_of(const struct print *p, const uint8_t *rdata, size_t len)
{
    enum tlsa_holder holder = p->how == TLSA_PRINT_REMOVE ? TLSA_STALE : p->key->holder;
    json_t *item = tlsa_record_json(p->owner, rdata, len);
    json_t *more =
        json_pack("{s:s,s:s,s:s,s:s}", "name", p->name, "set", p->key->set->names[0], "key_type",
                  key_type_name(p->key->type), "state", tlsa_holder_name(holder));
    if (item == NULL || more == NULL || json_object_update(item, more) < 0) {
        json_decref(item);
        item = NULL;
    }
    json_decref(more);
    return item;
}

static int print_one(const struct print *p, const char *type, struct err *err)
{
    struct client *client = p->client;
    struct tlsa_of of = tlsa_key_of(p->key);
    bool comment = tlsa_is_wildcard(p->name) || p->how == TLSA_PRINT_REMOVE;
    uint8_t *rdata;
    size_t len;
    int ret = tlsa_make(&rdata, &len, type, &of, err);
    if (ret == ERR_NOT_FOUND) {
        log_warning(client->log, NULL, "%s: type %s: %s: certmill get certificate asks for one",
                    p->owner, type, err->text);
        *err = (struct err){0};
        return 0;
    }
    if (ret < 0) {
        return ret;
    }
    char *line = tlsa_line(p->owner, rdata, len);
    if (line == NULL) {
        ret = err_set(err, -ENOMEM, "out of memory");
    } else if (client->settings.json) {
        client_item(client, item_of(p, rdata, len));
    } else {
        fprintf(client->out, "%s%s\n", comment ? "; " : "", line);
    }
    free(line);
    free(rdata);
    return ret;
}

/* A wildcard's records are printed for a host below it, out of a zone file's sight. */
static int owner_of(struct print *p, const struct tlsa_service *service, struct err *err)
{
    char host[LIMIT_DOMAIN_TEXT + 8];
    if (!tlsa_is_wildcard(p->name)) {
        return tlsa_owner(p->owner, service->port, service->protocol, p->name, err);
    }
    snprintf(host, sizeof(host), "HOST%s", p->name + 1);
    if (!p->client->settings.json) {
        fprintf(p->client->out,
                "; %s: TLSA records are looked up under each host's own name (RFC 6698 A.2.1.3):\n",
                p->name);
    }
    return tlsa_owner(p->owner, service->port, service->protocol, host, err);
}

int tlsa_print(struct client *client, const struct tlsa_key *key,
               const struct tlsa_service *service, enum tlsa_print how, struct err *err)
{
    const struct conf_strings *types = &client->settings.tlsa_type_list;
    for (size_t i = 0; i < key->set->count; i++) {
        struct print print = {.client = client, .key = key, .name = key->set->names[i], .how = how};
        int ret = owner_of(&print, service, err);
        if (ret == ERR_LIMIT) { /* a name that has no TLSA records, whatever we do */
            log_warning(client->log, NULL, "%s", err->text);
            *err = (struct err){0};
            continue;
        }
        for (size_t j = 0; ret == 0 && j < types->count; j++) {
            if (how == TLSA_PRINT_ALL || tlsa_type_of_key(types->items[j])) {
                ret = print_one(&print, types->items[j], err);
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
