#include <string.h>

#include "client/client.h"
#include "client/commands.h"
#include "client/key_work.h"
#include "client/term.h"
#include "client/tlsa_print.h"

static json_t *time_json(int64_t time)
{
    char text[32];
    tlsa_time_text(text, time);
    return time == 0 ? json_null() : json_string(text);
}

static json_t *owner_json(const struct rollover_owner *o)
{
    return json_pack("{s:s,s:s,s:o,s:I,s:o,s:o}", "owner", o->name, "seen",
                     rollover_sight_name(o->sight), "since", time_json(o->since), "ttl",
                     (json_int_t)o->ttl, "old_ttl_over", time_json(rollover_expired(o)), "possible",
                     time_json(rollover_possible(o)));
}

static void add_item(struct client *client, const struct staged *staged, int ready, int64_t at,
                     const struct err *why)
{
    json_t *owners = json_array();
    for (size_t i = 0; i < staged->state.count; i++) {
        json_array_append_new(owners, owner_json(&staged->state.owners[i]));
    }
    client_item(client, json_pack("{s:s,s:s,s:b,s:o,s:b,s:o,s:s,s:o}", "set", staged->set->names[0],
                                  "key_type", key_type_name(staged->files.type), "staged", 1,
                                  "staged_at", time_json(staged->state.staged), "ready", ready == 0,
                                  "possible", ready == ERR_LATER ? time_json(at) : json_null(),
                                  "reason", ready == 0 ? "" : why->text, "owners", owners));
}

static void print_owner(struct client *client, const struct rollover_owner *o)
{
    char since[32], over[32], possible[32];
    tlsa_time_local(since, o->since);
    tlsa_time_local(over, rollover_expired(o));
    tlsa_time_local(possible, rollover_possible(o));
    switch (o->sight) {
    case ROLLOVER_THERE:
        fprintf(client->out, ";   %s: the staged key's records are ", o->name);
        term_put(client->out, TERM_GREEN, "there");
        fprintf(client->out,
                ", seen since %s; the old TTL (%u s) is over at %s; activation from %s on\n", since,
                o->ttl, over, possible);
        break;
    case ROLLOVER_OTHER:
        fprintf(client->out, ";   %s: the staged key's records are ", o->name);
        term_put(client->out, TERM_RED, "missing, or not all there");
        fprintf(client->out, " (old TTL: %u s)\n", o->ttl);
        break;
    case ROLLOVER_NONE:
        fprintf(client->out, ";   %s: ", o->name);
        term_put(client->out, TERM_RED, "no TLSA records at all");
        fprintf(client->out, " (kept in caches for %u s)\n", o->ttl);
        break;
    default:
        fprintf(client->out, ";   %s: ", o->name);
        term_put(client->out, TERM_RED, "could not be looked up");
        fputc('\n', client->out);
    }
}

/* Whether records have to be added. */
static bool lacks(const struct rollover *state)
{
    for (size_t i = 0; i < state->count; i++) {
        if (state->owners[i].sight == ROLLOVER_OTHER || state->owners[i].sight == ROLLOVER_NONE) {
            return true;
        }
    }
    return false;
}

static int print(struct key_work *work, const struct staged *staged, int ready,
                 const struct err *why, struct err *err)
{
    struct client *client = work->client;
    char time[32];
    tlsa_time_local(time, staged->state.staged);
    fprintf(client->out, "; %s %s: a key is staged since %s\n", staged->set->names[0],
            key_type_name(staged->files.type), time);
    for (size_t i = 0; i < staged->state.count; i++) {
        print_owner(client, &staged->state.owners[i]);
    }
    fprintf(client->out, ";   %s\n",
            ready == 0 ? "it can be activated now: certmill key activate" : why->text);
    if (lacks(&staged->state)) {
        fputs(";   the staged key's records, to be there beside those of the key in use:\n",
              client->out);
        return key_work_print(work, staged, TLSA_PRINT_OF_KEY, err);
    }
    return 0;
}

static int show(struct key_work *work, struct staged *staged, struct err *err)
{
    struct client *client = work->client;
    struct err why = {0};
    int64_t at;
    int ret = work->given ? rollover_watch(&staged->state, &work->service, err) : 0;
    if (ret == 0) {
        ret = staged_look(staged, &work->asker, err);
    }
    if (ret < 0) {
        return ret;
    }
    int ready = rollover_ready(&staged->state, staged->set, clock_wall_s(client->clock), &at, &why);
    if (client->settings.json) {
        add_item(client, staged, ready, at, &why);
    } else {
        ret = print(work, staged, ready, &why, err);
    }
    return ready == ERR_UNAVAILABLE ? err_set(err, ready, "%s", why.text) : ret;
}

static void none(struct key_work *work, const struct set *set, enum key_type type)
{
    struct client *client = work->client;
    if (client->settings.json) {
        client_item(client, json_pack("{s:s,s:s,s:b}", "set", set->names[0], "key_type",
                                      key_type_name(type), "staged", 0));
    } else {
        fprintf(client->out, "; %s %s: no key is staged\n", set->names[0], key_type_name(type));
    }
}

static int run(struct client *client)
{
    static const struct key_work_steps steps = {.each = show, .none = none};
    return key_work_run(client, &steps);
}

const struct client_command client_key_status = {
    .first = "key",
    .second = "status",
    .args = "[PORT PROTO]",
    .args_max = 2,
    .help = "say what DNS has of staged keys, and when they may be activated",
    .needs = CLIENT_NEEDS_PATH,
    .run = run};
