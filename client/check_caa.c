#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "client/caa.h"
#include "client/client.h"
#include "client/commands.h"
#include "client/names.h"
#include "client/term.h"

#define RECORD     4096 /* octets of a record that are shown */
#define SILENT_MAX 3    /* names without an answer, one after the other: nobody is there */

struct check {
    struct client *client;
    const struct asker *asker;
    struct facts_account account; /* without issuers: not known */
    struct caa_wish wish;
    char method[LIMIT_WORD + 1]; /* the first one */
    const char *issuers[LIMIT_CAA_IDENTITIES];
    char level[LIMIT_NAME_TEXT]; /* whose records were shown last */
    size_t bad;
    unsigned silent;
};

/* What is found about a name. */
struct finding {
    const char *name;
    const char *state; /* "none", "permits", "forbids", "unknown" */
    char text[4 * LIMIT_NAME_TEXT + CAA_VALUE];
};

/* -- telling -- */

__attribute__((format(printf, 3, 4))) static void say(struct finding *f, const char *state,
                                                      const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(f->text, sizeof(f->text), fmt, args);
    va_end(args);
    f->state = state;
}

/* NULL where memory is short. */
static json_t *records_json(const struct caa_relevant *relevant)
{
    json_t *list = json_array();
    for (size_t i = 0; relevant->relevance == CAA_FOUND && i < relevant->answer.count; i++) {
        char text[RECORD];
        caa_text(text, sizeof(text), &relevant->answer.records[i]);
        if (json_array_append_new(list, json_string(text)) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* The records that a name's climb led to; once where several names lead there. */
static void print_records(struct check *check, const struct caa_relevant *relevant)
{
    if (relevant->relevance != CAA_FOUND || strcmp(check->level, relevant->level) == 0) {
        return;
    }
    snprintf(check->level, sizeof(check->level), "%s", relevant->level);
    for (size_t i = 0; i < relevant->answer.count; i++) {
        char text[RECORD];
        caa_text(text, sizeof(text), &relevant->answer.records[i]);
        fprintf(check->client->out, "         %s. CAA %s\n", caa_owner(relevant), text);
    }
}

static void tell(struct check *check, const struct finding *f, const struct caa_relevant *relevant)
{
    bool good = strcmp(f->state, "none") == 0 || strcmp(f->state, "permits") == 0;
    bool unknown = strcmp(f->state, "unknown") == 0;
    struct client *client = check->client;
    bool found = relevant->relevance == CAA_FOUND;
    check->bad += !good;
    if (!client->settings.json) {
        term_put(client->out,
                 good      ? TERM_GREEN
                 : unknown ? TERM_YELLOW
                           : TERM_RED,
                 "%-8s", f->state);
        fprintf(client->out, " %s: %s\n", f->name, f->text);
        print_records(check, relevant);
    }
    client_item(client,
                json_pack("{s:s,s:s,s:s?,s:s?,s:o,s:s,s:s}", "name", f->name, "state", f->state,
                          "level", found ? relevant->level : NULL, "owner",
                          found ? caa_owner(relevant) : NULL, "records", records_json(relevant),
                          "trust", dns_trust_name(relevant->answer.trust), "text", f->text));
}

/* -- judging -- */

static void forbidden(const struct check *check, struct finding *f, const char *owner,
                      enum caa_verdict verdict, const char *tag)
{
    char value[CAA_VALUE];
    if (verdict == CAA_CRITICAL || check->account.issuer_count == 0) {
        say(f, "forbids", "the CAA records of %s %s; remove it", owner,
            verdict == CAA_CRITICAL ? caa_verdict_text(verdict) : "permit no CA at all");
        return;
    }
    caa_value_make(value, &check->account, &check->client->settings.caa_validation_methods);
    say(f, "forbids", "the CAA records of %s %s (%s); publish \"%s. CAA 128 %s \"%s\"\"", owner,
        caa_verdict_text(verdict), check->account.issuers[0], owner, tag, value);
}

static int judge(struct check *check, struct finding *f, const struct caa_relevant *relevant)
{
    const char *owner = caa_owner(relevant), *tag;
    enum caa_verdict verdict;
    check->wish.wildcard = strncmp(f->name, "*.", 2) == 0;
    int ret = caa_judge_for(&verdict, &tag, relevant, &check->wish);
    if (ret < 0) {
        return ret;
    }
    if (verdict != CAA_PERMITS) {
        forbidden(check, f, owner, verdict, tag);
    } else if (check->account.issuer_count == 0) {
        say(f, "unknown",
            "the CAA records of %s are not judged: the server does not say by which name its CA "
            "goes there",
            owner);
    } else {
        say(f, "permits", "the CAA records of %s permit %s%s", owner, check->account.issuers[0],
            check->account.url[0] != '\0' ? " and our account" : "");
    }
    return 0;
}

static int check_one(struct check *check, const char *name, struct err *err)
{
    struct finding f = {.name = name};
    struct caa_relevant relevant;
    int ret = caa_find(&relevant, check->asker, name, err);
    if (ret == 0 && relevant.relevance == CAA_FOUND) {
        ret = judge(check, &f, &relevant);
    } else if (ret == 0 && relevant.relevance == CAA_NONE) {
        say(&f, "none", "neither it nor a name above it has CAA records, so that any CA may issue");
    } else if (ret == 0) {
        say(&f, "unknown", "a CA will refuse where it finds the same: CAA of %s: %s%s",
            relevant.level,
            relevant.answer.trust == DNS_BOGUS ? "the DNSSEC chain is broken: " : "",
            relevant.answer.reason);
    }
    if (ret == 0) {
        tell(check, &f, &relevant);
        check->silent = relevant.relevance == CAA_FAILED ? check->silent + 1 : 0;
    }
    caa_clear(&relevant);
    return ret == -ENOMEM ? err_set(err, ret, "out of memory") : ret;
}

static int check_names(struct check *check, const struct names *names, struct err *err)
{
    for (size_t i = 0; i < names->count; i++) {
        int ret = check_one(check, names->items[i], err);
        if (ret < 0) {
            return ret;
        }
        if (check->silent == SILENT_MAX && i + 1 < names->count) {
            return err_set(err, ERR_UNAVAILABLE,
                           "no usable answer for %d names in a row: the other %zu were not looked "
                           "at (see name-server)",
                           SILENT_MAX, names->count - i - 1);
        }
    }
    return 0;
}

/* -- who is asked -- */

/* What it does not say is not judged. */
static int ask_server(struct check *check, struct err *end)
{
    const struct conf_strings *methods = &check->client->settings.caa_validation_methods;
    const char *method = methods->count > 0 ? methods->items[0] : "dns-01";
    struct err err = {0};
    snprintf(check->method, sizeof(check->method), "%.*s", (int)strcspn(method, ","), method);
    int ret = facts_account(check->client, &check->account, &err);
    if (ret == ERR_CANCELLED) {
        return err_set(end, ret, "%s", err.text);
    }
    if (ret < 0) {
        log_write(check->client->log, LOG_LEVEL_WARNING, NULL,
                  "the server does not say which CA and account it uses: %s", err.text);
        check->account = (struct facts_account){0};
    }
    for (size_t i = 0; i < check->account.issuer_count; i++) {
        check->issuers[i] = check->account.issuers[i];
    }
    check->wish = (struct caa_wish){
        .method = check->method,
        .issuers = check->issuers,
        .issuer_count = check->account.issuer_count,
        .account_url = check->account.url[0] != '\0' ? check->account.url : NULL,
    };
    return 0;
}

static int check_all(struct check *check, struct err *err)
{
    struct asker asker;
    struct names names;
    int ret = asker_open(&asker, check->client, err);
    if (ret < 0) {
        return ret;
    }
    check->asker = &asker;
    if ((ret = ask_server(check, err)) < 0) {
        goto out;
    }
    if ((ret = names_of_sets(&names, &check->client->sets, false)) < 0) {
        err_set(err, ret, "out of memory");
    } else {
        ret = check_names(check, &names, err);
        names_clear(&names);
    }
out:
    asker_close(&asker);
    return ret;
}

static int run(struct client *client)
{
    struct check check = {.client = client};
    struct err err = {0};
    int ret = check_all(&check, &err);
    if (ret < 0) {
        fflush(client->out);
        log_error(client->log, NULL, "%s", err.text);
    }
    return ret == 0 && check.bad == 0 ? CLIENT_OK : CLIENT_FAILED;
}

const struct client_command client_check_caa = {
    .first = "check",
    .second = "caa",
    .help = "see whether the CAA records in DNS permit the server's CA",
    .needs = CLIENT_NEEDS_SETS,
    .run = run};
