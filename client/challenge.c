/*
 * A wildcard CNAME (*.NAME) answers for _acme-challenge.NAME as long as that has no record of its
 * own, so that what looks like a wrong record is a missing one. It is told by a sibling that nobody
 * has made: where that leads to the same place.
 */
#include "client/challenge.h"

#include <errno.h>
#include <ldns/ldns.h>
#include <stdarg.h>
#include <string.h>
#include <sys/random.h>

#include "client/names.h"
#include "zones/name.h"
#include "zones/record.h"

#define PREFIX "_acme-challenge."

struct walk {
    struct challenge *c;
    const struct asker *asker;
    const char *label;
    char steps[LIMIT_CNAME_CHAIN + 2][LIMIT_NAME_TEXT]; /* from owner on */
    size_t count;
};

const char *challenge_state_name(enum challenge_state state)
{
    static const char *const names[] = {"there", "missing", "wrong", "unknown"};
    return names[state];
}

int challenge_label(char dst[static CHALLENGE_LABEL])
{
    uint8_t random[10];
    if (getrandom(random, sizeof(random), 0) != sizeof(random)) {
        return -EIO;
    }
    int at = snprintf(dst, CHALLENGE_LABEL, "certmill-");
    for (size_t i = 0; i < sizeof(random); i++) {
        at += snprintf(dst + at, CHALLENGE_LABEL - (size_t)at, "%02x", random[i]);
    }
    return 0;
}

int challenge_init(struct challenge *out, const char *name, const char *zone, struct err *err)
{
    uint8_t apex[LIMIT_NAME_WIRE], wire[LIMIT_NAME_WIRE];
    char text[LIMIT_DOMAIN_TEXT + sizeof(PREFIX)];
    *out = (struct challenge){.state = CHALLENGE_UNKNOWN};
    int ret = name_from_text(apex, zone);
    if (ret < 0) {
        return err_set(err, ret, "%s is no zone", zone);
    }
    if (snprintf(text, sizeof(text), PREFIX "%s", names_plain(name)) >= (int)sizeof(text)) {
        return err_set(err, ERR_LIMIT, "%s is no name", name);
    }
    if ((ret = name_from_text(wire, text)) < 0) {
        return err_set(err, ret, "%s is too long to have a challenge: %s is no name", name, text);
    }
    (void)name_lower(wire, wire);
    name_to_text(out->owner, wire);
    if ((ret = record_name(wire, name, apex)) < 0) {
        return err_set(err, ret, "%s has no record in %s: %s", name, zone, err_string(ret));
    }
    name_to_text(out->record, wire);
    return 0;
}

/* -- what is found -- */

__attribute__((format(printf, 3, 4))) static void
say(struct challenge *c, enum challenge_state state, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int at = snprintf(c->text, sizeof(c->text), "%s ", c->owner);
    vsnprintf(c->text + at, sizeof(c->text) - (size_t)at, fmt, args);
    va_end(args);
    c->state = state;
    size_t len = strlen(c->text);
    if (state == CHALLENGE_MISSING || (state == CHALLENGE_WRONG && c->target[0] != '\0')) {
        snprintf(c->text + len, sizeof(c->text) - len, "; publish \"%s. CNAME %s.\"", c->owner,
                 c->record);
    }
}

static bool same(const char *a, const char *b)
{
    return strcasecmp(a, b) == 0;
}

/* Asks for the CNAME of a name. 1: it leads to target; 0: it does not, answer says why; negative:
 * out of memory. dns_answer_clear. */
static int ask(const struct walk *walk, const char *owner, char target[static LIMIT_NAME_TEXT],
               struct dns_answer *answer)
{
    struct err err = {0};
    int ret = walk->asker->ask(walk->asker->arg, owner, LDNS_RR_TYPE_CNAME, answer, &err);
    if (ret < 0) {
        *answer = (struct dns_answer){.outcome = DNS_FAILED};
        snprintf(answer->reason, sizeof(answer->reason), "%.200s", err.text);
        return ret == -ENOMEM ? ret : 0;
    }
    if (answer->trust == DNS_BOGUS || answer->outcome == DNS_FAILED) {
        return 0;
    }
    if (answer->outcome == DNS_FOUND && answer->count > 0) {
        const struct dns_record *r = &answer->records[0];
        if (name_measure(r->rdata, r->len) != (int)r->len) {
            return 0;
        }
        name_to_text(target, r->rdata);
        return 1;
    }
    if (answer->name_count > 1) { /* a DNAME above it */
        snprintf(target, LIMIT_NAME_TEXT, "%s", answer->names[answer->name_count - 1]);
        return 1;
    }
    return 0;
}

/* Whether a name that nobody has made leads to the same place. */
static int is_wildcard(const struct walk *walk, bool *wildcard)
{
    char sibling[LIMIT_NAME_TEXT + CHALLENGE_LABEL], target[LIMIT_NAME_TEXT];
    struct dns_answer answer = {0};
    snprintf(sibling, sizeof(sibling), "%s.%s", walk->label, walk->c->owner + sizeof(PREFIX) - 1);
    int ret = ask(walk, sibling, target, &answer);
    *wildcard = ret > 0 && same(target, walk->c->target);
    dns_answer_clear(&answer);
    return ret < 0 ? ret : 0;
}

static int no_cname(const struct walk *walk)
{
    struct dns_answer answer = {0};
    struct err err = {0};
    int ret = walk->asker->ask(walk->asker->arg, walk->c->owner, LDNS_RR_TYPE_TXT, &answer, &err);
    bool txt = ret == 0 && answer.outcome == DNS_FOUND && answer.name_count <= 1;
    dns_answer_clear(&answer);
    say(walk->c, CHALLENGE_MISSING, "%s",
        txt ? "has TXT records of its own in place of a CNAME: remove them" : "has no CNAME");
    return ret == -ENOMEM ? ret : 0;
}

static bool is_cut(const char *to, const char *record)
{
    size_t len = strlen(record);
    return strncasecmp(to, record, len) == 0 && to[len] == '.';
}

/* The chain ends, in a loop or at `to`, which is not our record. */
static int astray(const struct walk *walk, const char *to, const char *how)
{
    struct challenge *c = walk->c;
    bool wildcard = false;
    int ret = is_wildcard(walk, &wildcard);
    if (wildcard) {
        say(c, CHALLENGE_MISSING,
            "has no record of its own: a wildcard CNAME answers for it, and leads to %s",
            c->target);
    } else if (is_cut(to, c->record)) {
        say(c, CHALLENGE_WRONG,
            "leads to %s: the dot behind the target is missing in the zone file", to);
    } else {
        say(c, CHALLENGE_WRONG, "leads to %s%s", to, how);
    }
    return ret;
}

/* No CNAME at the last of the steps. */
static int end(const struct walk *walk, const struct dns_answer *answer)
{
    const char *here = walk->steps[walk->count - 1];
    if (answer->trust == DNS_BOGUS) {
        walk->c->target[0] = '\0'; /* nobody knows */
        say(walk->c, CHALLENGE_WRONG,
            "cannot be looked up: the DNSSEC chain of %s is broken, and so a CA will refuse: %s",
            here, answer->reason);
        return 0;
    }
    if (answer->outcome == DNS_FAILED || answer->outcome == DNS_FOUND) {
        say(walk->c, CHALLENGE_UNKNOWN, "cannot be looked up: %s: %s", here,
            answer->outcome == DNS_FAILED ? answer->reason : "a CNAME that leads to no name");
        return 0;
    }
    if (walk->count == 1) {
        return no_cname(walk);
    }
    return astray(walk, here, answer->outcome == DNS_NXDOMAIN ? ", which does not exist" : "");
}

static bool was_here(const struct walk *walk, const char *name)
{
    for (size_t i = 0; i < walk->count; i++) {
        if (same(walk->steps[i], name)) {
            return true;
        }
    }
    return false;
}

/* One step. 1: there may be another; 0: the end. */
static int step(struct walk *walk)
{
    struct challenge *c = walk->c;
    char *next = walk->steps[walk->count];
    struct dns_answer answer = {0};
    int ret = ask(walk, walk->steps[walk->count - 1], next, &answer);
    if (ret == 0) {
        ret = end(walk, &answer);
    } else if (ret > 0) {
        if (walk->count == 1) {
            snprintf(c->target, sizeof(c->target), "%s", next);
        }
        if (same(next, c->record)) {
            say(c, CHALLENGE_THERE, "leads to %s", c->record);
            ret = 0;
        } else if (was_here(walk, next)) {
            ret = astray(walk, c->target, " in a loop of CNAMEs");
        } else if (walk->count++ == LIMIT_CNAME_CHAIN) {
            say(c, CHALLENGE_WRONG, "leads on and on: too many CNAMEs, one after the other");
            ret = 0;
        }
    }
    dns_answer_clear(&answer);
    return ret;
}

int challenge_look(struct challenge *challenge, const struct asker *asker, const char *label,
                   struct err *err)
{
    struct walk walk = {.c = challenge, .asker = asker, .label = label, .count = 1};
    int ret;
    challenge->target[0] = '\0';
    snprintf(walk.steps[0], sizeof(walk.steps[0]), "%s", challenge->owner);
    while ((ret = step(&walk)) > 0) {
    }
    return ret < 0 ? err_set(err, ret, "out of memory") : 0;
}
