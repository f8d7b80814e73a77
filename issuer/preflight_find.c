#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/encode.h"
#include "issuer/preflight_priv.h"
#include "zones/name.h"

/* -- findings -- */

void findings_clear(struct findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        free((char *)(uintptr_t)findings->list[i].text);
    }
    free(findings->list);
    memset(findings, 0, sizeof *findings);
}

static bool is_same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool is_known(const struct findings *findings, const struct preflight_finding *f)
{
    for (size_t i = 0; i < findings->count; i++) {
        const struct preflight_finding *old = &findings->list[i];

        if (old->severity == f->severity && is_same_text(old->authority, f->authority) &&
            strcmp(old->kind, f->kind) == 0 && strcmp(old->text, f->text) == 0) {
            return true;
        }
    }
    return false;
}

static int make_room(struct findings *findings)
{
    size_t room = findings->room == 0 ? 8 : 2 * findings->room;
    struct preflight_finding *list;

    if (findings->count < findings->room) {
        return 0;
    }
    if ((list = realloc(findings->list, room * sizeof *list)) == NULL) {
        return -ENOMEM;
    }
    findings->list = list;
    findings->room = room;
    return 0;
}

void findings_add(struct findings *findings, const struct preflight_finding *about, const char *fmt,
                  ...)
{
    struct preflight_finding f = *about;
    char text[LIMIT_PREFLIGHT_TEXT + 1];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    f.text = text;
    if (is_known(findings, &f)) {
        return;
    }
    if (make_room(findings) < 0 || (f.text = strdup(text)) == NULL) {
        findings->short_of_memory = true;
        return;
    }
    findings->list[findings->count++] = f;
}

/* -- questions -- */

static bool is_said(const struct lookup *lookup)
{
    const ldns_pkt_rcode rcode =
        lookup->state == LOOKUP_DONE ? ldns_pkt_get_rcode(lookup->pkt) : LDNS_RCODE_SERVFAIL;

    return rcode == LDNS_RCODE_NOERROR || rcode == LDNS_RCODE_NXDOMAIN;
}

enum preflight_outcome preflight_ask(struct judge *judge, const uint8_t *name, uint16_t type,
                                     const struct lookup **lookup)
{
    const struct lookup *unchecked;

    *lookup = lookups_ask(judge->lookups, name, type);
    if ((*lookup)->state == LOOKUP_PENDING) {
        judge->pending = true;
        return OUTCOME_PENDING;
    }
    if (is_said(*lookup)) {
        return OUTCOME_ANSWER;
    }
    if ((*lookup)->state == LOOKUP_FAILED ||
        ldns_pkt_get_rcode((*lookup)->pkt) != LDNS_RCODE_SERVFAIL) {
        return OUTCOME_TEMPORARY;
    }
    unchecked = lookups_ask_unchecked(judge->lookups, name, type);
    if (unchecked->state == LOOKUP_PENDING) {
        judge->pending = true;
        return OUTCOME_PENDING;
    }
    return is_said(unchecked) ? OUTCOME_BOGUS : OUTCOME_TEMPORARY;
}

const char *preflight_answer_text(const struct lookup *lookup)
{
    if (lookup->state != LOOKUP_DONE) {
        switch (lookup->error) {
        case ERR_TIMEOUT:
            return "no answer in time";
        case -ECONNREFUSED:
            return "nobody listens there";
        case ERR_MALFORMED:
            return "a malformed answer";
        case ERR_LIMIT:
        case ERR_BUSY:
            return "too many questions at once";
        default:
            return "no answer";
        }
    }
    switch (ldns_pkt_get_rcode(lookup->pkt)) {
    case LDNS_RCODE_NOERROR:
        return "NOERROR";
    case LDNS_RCODE_FORMERR:
        return "FORMERR";
    case LDNS_RCODE_SERVFAIL:
        return "SERVFAIL";
    case LDNS_RCODE_NXDOMAIN:
        return "NXDOMAIN";
    case LDNS_RCODE_NOTIMPL:
        return "NOTIMP";
    case LDNS_RCODE_REFUSED:
        return "REFUSED";
    default:
        return "an error";
    }
}

void preflight_failed(struct judge *judge, const struct preflight_finding *about,
                      enum preflight_outcome outcome, const uint8_t *name,
                      const struct lookup *lookup)
{
    struct preflight_finding f = *about;
    char text[LIMIT_NAME_TEXT];

    name_to_text(text, name);
    if (outcome == OUTCOME_BOGUS) {
        f.kind = "dnssec";
        f.severity = PREFLIGHT_DEFINITE;
        f.authority = NULL;
        findings_add(judge->out, &f,
                     "the DNSSEC chain of %s is broken: the resolver answers SERVFAIL, and gives "
                     "the data only when it is told not to check; sign the zone anew, or put the "
                     "DS records right that its parent has",
                     text);
    } else if (outcome == OUTCOME_TEMPORARY) {
        f.severity = PREFLIGHT_TEMPORARY;
        findings_add(judge->out, &f, "%s cannot be looked up now: %s from the resolver", text,
                     preflight_answer_text(lookup));
    }
}

int preflight_random_label(char dst[static PREFLIGHT_LABEL])
{
    static const char prefix[] = "probe-";
    uint8_t bytes[(PREFLIGHT_LABEL - sizeof prefix) / 2];

    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) {
        return -EIO;
    }
    memcpy(dst, prefix, sizeof prefix);
    hex_encode(dst + sizeof prefix - 1, bytes, sizeof bytes);
    return 0;
}
