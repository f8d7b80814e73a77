#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "client/commands.h"
#include "client/key_work.h"
#include "client/tlsa_judge.h"
#include "client/tlsa_print.h"

/* Adds the lines of records that are of old keys, as DNS has them. */
static void add_stale(const struct staged *staged, json_t *lines, const struct tlsa_asker *asker,
                      const struct tlsa_service *service, const char *name)
{
    const struct tlsa_wish wish = {.types = &staged->client->settings.tlsa_type_list,
                                   .port = service->port};
    struct tlsa_found found;
    struct tlsa_judgement j;
    struct err err = {0};
    if (tlsa_is_wildcard(name)) {
        return;
    }
    if (tlsa_lookup(&found, asker, service->port, service->protocol, name, &err) == 0) {
        if (tlsa_judge(&j, &staged->keys, &wish, &found.answer, &err) == 0) {
            for (size_t i = 0; i < j.published_count; i++) {
                const struct tlsa_published *p = &j.published[i];
                char *line = p->key != NULL && p->key->holder == TLSA_STALE
                                 ? tlsa_line(found.owner, p->record->rdata, p->record->len)
                                 : NULL;
                if (line != NULL) {
                    json_array_append_new(lines, json_string(line));
                }
                free(line);
            }
            tlsa_judgement_clear(&j);
        }
    }
    tlsa_found_clear(&found);
}

/* Names what is to be taken out of DNS now; what could not be looked up, check tlsa names. */
static void tell_stale(struct key_work *work, const struct staged *staged, int64_t not_after)
{
    struct client *client = work->client;
    const char *set = staged->set->names[0], *type = key_type_name(staged->files.type);
    json_t *lines = json_array();
    char until[32];
    const char *line;
    size_t n;
    for (size_t i = 0; i < staged->state.service_count; i++) {
        for (size_t k = 0; k < staged->set->count; k++) {
            add_stale(staged, lines, &work->asker, &staged->state.services[i],
                      staged->set->names[k]);
        }
    }
    if (client->settings.json) {
        tlsa_time_text(until, not_after);
        client_item(client, json_pack("{s:s,s:s,s:b,s:s,s:O}", "set", set, "key_type", type,
                                      "activated", 1, "not_after", until, "remove", lines));
    } else {
        json_t *value;
        tlsa_time_local(until, not_after);
        fprintf(client->out, "; %s %s: the staged key is in use, with a certificate until %s\n",
                set, type, until);
        json_array_foreach(lines, n, value)
        {
            if ((line = json_string_value(value)) != NULL) {
                fprintf(client->out, "; to be removed once all services use the new key: %s\n",
                        line);
            }
        }
    }
    json_decref(lines);
}

static int activate(struct key_work *work, struct staged *staged, struct err *err)
{
    struct client *client = work->client;
    struct report_line report;
    char subject[300];
    int64_t at, not_after = 0;
    int ret = staged_look(staged, &work->asker, err);
    if (ret == 0) {
        ret = rollover_ready(&staged->state, staged->set, clock_wall_s(client->clock), &at, err);
    }
    if (ret < 0) {
        return err_prefix(err, "the staged key is not activated");
    }
    snprintf(subject, sizeof(subject), "%s %s", staged->set->names[0],
             key_type_name(staged->files.type));
    report_begin(&report, &client->report, subject);
    ret = staged_activate(staged, &report, &not_after, err);
    if (not_after != 0) { /* its files are in place, whatever came then */
        key_work_changed(work, staged);
        report_end(&report, true, "the staged key is in use, with a new certificate");
        tell_stale(work, staged, not_after);
    } else {
        report_end(&report, false, "the key in use stays, and the other one stays staged");
    }
    return ret;
}

static void resumed(struct key_work *work, const struct staged *staged)
{
    const struct chain *chain = &staged_current(staged)->chain;
    tell_stale(work, staged, chain->count > 0 ? chain_not_after(chain->certs[0]) : 0);
}

static int run(struct client *client)
{
    static const struct key_work_steps steps = {.each = activate, .resumed = resumed};
    return key_work_run(client, &steps);
}

const struct client_command client_key_activate = {
    .first = "key",
    .second = "activate",
    .help = "get certificates for staged keys, and put them in use",
    .needs = CLIENT_NEEDS_PATH,
    .run = run};
