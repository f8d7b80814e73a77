/*
 * By the server's preflight, which looks at all that a CA will (its resolver is not ours); by
 * ourselves where the server has none, or where a resolver is named.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/challenge.h"
#include "client/client.h"
#include "client/commands.h"
#include "client/facts.h"
#include "client/guard.h"
#include "client/names.h"
#include "client/server.h"
#include "client/term.h"

#define SILENT_MAX 3 /* names without an answer, one after the other: the resolver is not there */

struct check {
    struct client *client;
    struct names names;
    size_t bad; /* names whose record is not there, and further findings */
    bool told;  /* something is printed */
    /* of the names that the server looks at */
    struct challenge *found;
    size_t count;
};

/* -- telling -- */

static void tell(struct check *check, const char *name, const struct challenge *c)
{
    static const enum term_shade shades[] = {[CHALLENGE_THERE] = TERM_GREEN,
                                             [CHALLENGE_MISSING] = TERM_RED,
                                             [CHALLENGE_WRONG] = TERM_RED,
                                             [CHALLENGE_UNKNOWN] = TERM_YELLOW};
    struct client *client = check->client;
    check->bad += c->state != CHALLENGE_THERE;
    check->told = true;
    if (!client->settings.json) {
        term_put(client->out, shades[c->state], "%-8s", challenge_state_name(c->state));
        fprintf(client->out, " %s\n", c->text);
    }
    client_item(client,
                json_pack("{s:o,s:s,s:s,s:s?,s:s?,s:o}", "name", client_text(name), "state",
                          challenge_state_name(c->state), "owner", c->owner, "target",
                          c->record[0] != '\0' ? c->record : NULL, "leads_to",
                          c->target[0] != '\0' ? c->target : NULL, "text", client_text(c->text)));
}

/* -- by ourselves -- */

static int look(struct check *check, const struct asker *asker, const char *zone, struct err *err)
{
    char label[CHALLENGE_LABEL];
    unsigned silent = 0;
    int ret = challenge_label(label);
    if (ret < 0) {
        return err_set(err, ret, "no randomness: %s", strerror(-ret));
    }
    for (size_t i = 0; i < check->names.count; i++) {
        const char *name = check->names.items[i];
        struct challenge c;
        if (challenge_init(&c, name, zone, err) < 0) {
            log_error(check->client->log, NULL, "%s", err->text);
            check->bad++;
            continue;
        }
        if ((ret = challenge_look(&c, asker, label, err)) < 0) {
            return ret;
        }
        tell(check, name, &c);
        silent = c.state == CHALLENGE_UNKNOWN ? silent + 1 : 0;
        if (silent == SILENT_MAX && i + 1 < check->names.count) {
            return err_set(err, ERR_UNAVAILABLE,
                           "no usable answer for %d names in a row: the other %zu were not looked "
                           "at (see name-server)",
                           SILENT_MAX, check->names.count - i - 1);
        }
    }
    return 0;
}

static int by_ourselves(struct check *check, struct err *err)
{
    char zone[LIMIT_DOMAIN_TEXT + 1];
    struct asker asker;
    int ret = facts_zone(check->client, zone, err);
    if (ret < 0 || (ret = asker_open(&asker, check->client, err)) < 0) {
        return ret;
    }
    ret = look(check, &asker, zone, err);
    asker_close(&asker);
    return ret;
}

/* -- by the server -- */

/* Whether name stands in the message, and nothing that makes another name of it. */
static bool mentions(const char *message, const char *name)
{
    const char *at = strstr(message, name);
    size_t len = strlen(name);
    return at != NULL && (at == message || at[-1] == ' ') &&
           (at[len] == ' ' || at[len] == ',' || at[len] == ':' || at[len] == '\0');
}

/* Which of the names a finding is about. */
static struct challenge *subject(struct check *check, const char *message)
{
    for (size_t i = 0; i < check->count; i++) {
        if (mentions(message, check->found[i].owner)) {
            return &check->found[i];
        }
    }
    return NULL;
}

static void take_target(struct challenge *c, const char *message)
{
    const char *to = strstr(message, "leads to ");
    if (to != NULL) {
        to += strlen("leads to ");
        snprintf(c->target, sizeof(c->target), "%.*s", (int)strcspn(to, " ,:;"), to);
    }
    if (c->state == CHALLENGE_THERE) {
        snprintf(c->record, sizeof(c->record), "%s", c->target);
        return;
    }
    const char *record = strstr(message, " CNAME ");
    if (record != NULL) {
        record += strlen(" CNAME ");
        snprintf(c->record, sizeof(c->record), "%.*s", (int)strcspn(record, "\" "), record);
        size_t len = strlen(c->record);
        c->record[len - (len > 0 && c->record[len - 1] == '.')] = '\0';
    }
}

/* A line of the server's log: a finding about a name, or something else that a CA would find. */
static void take_finding(void *arg, enum log_level level, const char *message)
{
    struct check *check = arg;
    struct challenge *c = subject(check, message);
    if (c == NULL) {
        log_write(check->client->log, level == LOG_LEVEL_INFO ? LOG_LEVEL_DEBUG : level, "server",
                  "%s", message);
        return;
    }
    snprintf(c->text, sizeof(c->text), "%s", message);
    if (level == LOG_LEVEL_INFO) {
        c->state = CHALLENGE_THERE;
    } else if (level == LOG_LEVEL_WARNING) {
        c->state = CHALLENGE_UNKNOWN;
    } else {
        c->state = strstr(message, " has no ") != NULL || strstr(message, " has TXT ") != NULL
                       ? CHALLENGE_MISSING
                       : CHALLENGE_WRONG;
    }
    take_target(c, message);
}

/* Some of the names; 0 also where the server found something wrong with them. */
static int ask_server(struct check *check, char *const *names, struct err *err)
{
    struct settings settings = check->client->settings;
    char level[] = "INFO", *output = NULL;
    const struct server_call call = {.settings = &settings,
                                     .session = check->client->session,
                                     .first = "check",
                                     .more = names,
                                     .more_count = check->count,
                                     .timeout_ms = (int)settings.server_timeout * 1000,
                                     .stop = check->client->stop,
                                     .line = take_finding,
                                     .arg = check};
    size_t len, known = 0;
    settings.quiet = settings.debug = false;
    settings.log_level = level;
    for (size_t i = 0; i < check->count; i++) {
        struct challenge *c = &check->found[i];
        *c = (struct challenge){.state = CHALLENGE_UNKNOWN};
        snprintf(c->owner, sizeof(c->owner), "_acme-challenge.%s", names[i]);
    }
    int ret = server_run(&output, &len, &call, err);
    free(output);
    for (size_t i = 0; i < check->count; i++) {
        known += check->found[i].text[0] != '\0';
    }
    if (ret == ERR_POLICY && known > 0) { /* its last word repeats what it found */
        check->bad++;
        ret = 0;
    }
    if (ret < 0) {
        return ret;
    }
    for (size_t i = 0; i < check->count; i++) {
        struct challenge *c = &check->found[i];
        if (c->text[0] == '\0') {
            snprintf(c->text, sizeof(c->text), "%s was not looked at by the server", c->owner);
        }
        tell(check, names[i], c);
    }
    return 0;
}

struct asking {
    struct check *check;
    struct err *err;
    int ret;
};

static void ask_guarded(void *arg)
{
    struct asking *asking = arg;
    struct check *check = asking->check;
    for (size_t i = 0; asking->ret == 0 && i < check->names.count; i += check->count) {
        size_t left = check->names.count - i;
        check->count = left < LIMIT_NAMES ? left : LIMIT_NAMES;
        asking->ret = ask_server(check, check->names.items + i, asking->err);
    }
}

static int by_server(struct check *check, struct err *err)
{
    struct asking asking = {.check = check, .err = err};
    if ((check->found = calloc(LIMIT_NAMES, sizeof(*check->found))) == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    int ret = guard_run(check->client, ask_guarded, &asking, err);
    free(check->found);
    if (ret > 0) {
        return err_set(err, ERR_CANCELLED, "interrupted");
    }
    return ret < 0 ? ret : asking.ret;
}

/* Whether the server has no preflight for us: an original one, or none at all. */
static bool has_none(int error)
{
    return error == ERR_UNKNOWN || error == ERR_UNAVAILABLE || error == ERR_NOT_FOUND;
}

static int check_all(struct check *check, struct err *err)
{
    const struct settings *s = &check->client->settings;
    bool ourselves = s->name_server != NULL || s->validate;
    int ret = ourselves ? ERR_UNKNOWN : by_server(check, err);
    if (!ourselves && !check->told && has_none(ret)) {
        log_write(check->client->log, LOG_LEVEL_INFO, NULL,
                  "looking at the records from here, not from the server: %s", err->text);
        ourselves = true;
    }
    return ourselves ? by_ourselves(check, err) : ret;
}

static int run(struct client *client)
{
    struct check check = {.client = client};
    struct err err = {0};
    int ret = names_of_sets(&check.names, &client->sets, true);
    if (ret < 0) {
        err_set(&err, ret, "out of memory");
    } else {
        ret = check_all(&check, &err);
        names_clear(&check.names);
    }
    if (ret < 0) {
        fflush(client->out);
        log_error(client->log, NULL, "%s", err.text);
    }
    return ret == 0 && check.bad == 0 ? CLIENT_OK : CLIENT_FAILED;
}

const struct client_command client_check_cname = {
    .first = "check",
    .second = "cname",
    .help = "see whether the _acme-challenge records are there",
    .needs = CLIENT_NEEDS_SETS,
    .run = run};
