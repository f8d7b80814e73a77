/*
 * Whether the challenge name of a domain leads to our record: its CNAMEs step by step, and where
 * they do not arrive, why. A wildcard is told by a sibling that nobody has made: where it leads to
 * the same place, no record of the challenge name itself is there.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "issuer/preflight_priv.h"
#include "zones/name.h"

#define PREFIX "_acme-challenge"
#define TYPO   3 /* characters by which a name may differ to be taken for a mistyped one */
#define RECORD (2 * LIMIT_NAME_TEXT)

struct walk {
    struct judge *judge;
    struct preflight_finding about;
    const char *label;                                     /* dns-account-01's, or NULL */
    const char *name;                                      /* the domain without "*." */
    uint8_t owner[LIMIT_NAME_WIRE];                        /* of the challenge */
    uint8_t record[LIMIT_NAME_WIRE];                       /* ours */
    uint8_t steps[LIMIT_CNAME_CHAIN + 2][LIMIT_NAME_WIRE]; /* from owner on */
    size_t count;
    char owner_text[LIMIT_NAME_TEXT], record_text[LIMIT_NAME_TEXT];
};

static const char *plain(const char *name)
{
    return strncmp(name, "*.", 2) == 0 ? name + 2 : name;
}

/* -- what is wrong -- */

static void definite(struct walk *walk, const char *what)
{
    walk->about.severity = PREFLIGHT_DEFINITE;
    findings_add(walk->judge->out, &walk->about, "%s %s; publish \"%s. CNAME %s.\"",
                 walk->owner_text, what, walk->owner_text, walk->record_text);
}

static void no_cname(struct walk *walk)
{
    const struct lookup *txt;
    uint8_t end[LIMIT_NAME_WIRE];
    size_t at = 0;

    if (preflight_ask(walk->judge, walk->owner, LDNS_RR_TYPE_TXT, &txt) == OUTCOME_PENDING) {
        return;
    }
    if (txt->state == LOOKUP_DONE && dnsmsg_follow(end, txt->pkt, walk->owner) == 0 &&
        dnsmsg_find(ldns_pkt_answer(txt->pkt), end, LDNS_RR_TYPE_TXT, &at) != NULL) {
        definite(walk, "has TXT records of its own in place of a CNAME: remove them");
    } else {
        definite(walk, "has no CNAME");
    }
}

/* 1: a name that nobody has made leads to the same place; 0: it does not; -1: not known yet. */
static int is_wildcard(struct walk *walk)
{
    uint8_t sibling[LIMIT_NAME_WIRE], target[LIMIT_NAME_WIRE];
    char text[LIMIT_NAME_TEXT];
    const struct lookup *lookup;
    const ldns_rr *rr;
    size_t at = 0;

    (void)snprintf(text, sizeof text, "%s.%s", walk->judge->label, walk->name);
    if (name_from_text(sibling, text) < 0) {
        return 0;
    }
    switch (preflight_ask(walk->judge, sibling, LDNS_RR_TYPE_CNAME, &lookup)) {
    case OUTCOME_PENDING:
        return -1;
    case OUTCOME_ANSWER:
        break;
    default:
        return 0;
    }
    rr = dnsmsg_find(ldns_pkt_answer(lookup->pkt), sibling, LDNS_RR_TYPE_CNAME, &at);
    return rr != NULL && dnsmsg_name(target, rr, 0) == 0 && name_equal(target, walk->steps[1]);
}

/* Levenshtein's distance, or more than max. */
static unsigned distance(const char *a, const char *b, unsigned max)
{
    size_t n = strlen(a), m = strlen(b);
    unsigned row[LIMIT_DOMAIN_TEXT + 2];

    if (n > LIMIT_DOMAIN_TEXT || m > LIMIT_DOMAIN_TEXT || (n > m ? n - m : m - n) > max) {
        return max + 1;
    }
    for (size_t j = 0; j <= m; j++) {
        row[j] = (unsigned)j;
    }
    for (size_t i = 1; i <= n; i++) {
        unsigned corner = row[0];

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned change = corner + (a[i - 1] != b[j - 1]), least;

            corner = row[j];
            least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            row[j] = change < least ? change : least;
        }
    }
    return row[m];
}

static bool is_ours(const struct walk *walk, const uint8_t *name)
{
    const struct server_conf_zone *zones = walk->judge->conf->zones.rows;
    uint8_t apex[LIMIT_NAME_WIRE];

    for (size_t i = 0; i < walk->judge->conf->zones.count; i++) {
        if (name_from_text(apex, zones[i].name) > 0 && name_within(name, apex)) {
            return true;
        }
    }
    return false;
}

/* "leads to X" and what that looks like. */
static void wrong_target(struct walk *walk, const uint8_t *target, const char *what)
{
    char to[LIMIT_NAME_TEXT], text[RECORD + 128];
    size_t len = strlen(walk->record_text);
    unsigned typo;

    name_to_text(to, target);
    typo = distance(to, walk->record_text, TYPO);
    if (strncmp(to, walk->record_text, len) == 0 && to[len] == '.') {
        (void)snprintf(text, sizeof text,
                       "leads to %s: the dot behind the target is missing in the zone file", to);
    } else if (typo <= TYPO) {
        (void)snprintf(text, sizeof text, "leads to %s, which is mistyped: %u character%s %s%s", to,
                       typo, typo == 1 ? "" : "s", typo == 1 ? "differs" : "differ", what);
    } else if (is_ours(walk, target)) {
        (void)snprintf(text, sizeof text,
                       "leads to %s, which is ours, but not the name of this domain's record", to);
    } else {
        (void)snprintf(text, sizeof text, "leads to %s%s", to, what);
    }
    definite(walk, text);
}

/* The chain ends elsewhere, or not at all. */
static void astray(struct walk *walk, const uint8_t *target, const char *what)
{
    char to[LIMIT_NAME_TEXT], text[LIMIT_NAME_TEXT + 160];

    switch (is_wildcard(walk)) {
    case 1:
        name_to_text(to, walk->steps[1]);
        (void)snprintf(text, sizeof text,
                       "has no record of its own: a wildcard CNAME answers for it, and leads to %s",
                       to);
        definite(walk, text);
        break;
    case 0:
        wrong_target(walk, target, what);
        break;
    default:
        break;
    }
}

static void loop(struct walk *walk)
{
    char text[LIMIT_NAME_TEXT + 64], to[LIMIT_NAME_TEXT];

    switch (is_wildcard(walk)) {
    case 1:
        definite(walk, "has no record of its own: a wildcard CNAME answers for it, in a loop");
        break;
    case 0:
        name_to_text(to, walk->steps[1]);
        (void)snprintf(text, sizeof text, "leads to %s in a loop of CNAMEs", to);
        definite(walk, text);
        break;
    default:
        break;
    }
}

/* -- the way -- */

static bool was_here(const struct walk *walk, const uint8_t *name)
{
    for (size_t i = 0; i < walk->count; i++) {
        if (name_equal(walk->steps[i], name)) {
            return true;
        }
    }
    return false;
}

static void good(struct walk *walk)
{
    walk->about.severity = PREFLIGHT_GOOD;
    findings_add(walk->judge->out, &walk->about, "%s leads to %s", walk->owner_text,
                 walk->record_text);
}

/* Looks at the last step. Whether there is another one. */
static bool step(struct walk *walk)
{
    const uint8_t *here = walk->steps[walk->count - 1];
    uint8_t *next = walk->steps[walk->count];
    enum preflight_outcome outcome;
    const struct lookup *lookup;
    const ldns_rr *rr;
    size_t at = 0;

    outcome = preflight_ask(walk->judge, here, LDNS_RR_TYPE_CNAME, &lookup);
    if (outcome != OUTCOME_ANSWER) {
        preflight_failed(walk->judge, &walk->about, outcome, here, lookup);
        return false;
    }
    rr = dnsmsg_find(ldns_pkt_answer(lookup->pkt), here, LDNS_RR_TYPE_CNAME, &at);
    if (rr == NULL || dnsmsg_name(next, rr, 0) < 0) {
        if (walk->count == 1) {
            no_cname(walk);
        } else if (ldns_pkt_get_rcode(lookup->pkt) == LDNS_RCODE_NXDOMAIN) {
            astray(walk, here, ", which does not exist");
        } else {
            astray(walk, here, "");
        }
        return false;
    }
    return true;
}

static void follow(struct walk *walk)
{
    while (step(walk)) {
        const uint8_t *next = walk->steps[walk->count];

        if (name_equal(next, walk->record)) {
            good(walk);
            return;
        }
        if (was_here(walk, next)) {
            loop(walk);
            return;
        }
        walk->count++;
        if (is_ours(walk, next)) {
            astray(walk, next, "");
            return;
        }
        if (walk->count > LIMIT_CNAME_CHAIN) {
            definite(walk, "leads on and on: too many CNAMEs, one after the other");
            return;
        }
    }
}

void preflight_cname(struct judge *judge, const char *name, const char *label,
                     const char *authority)
{
    struct walk walk = {.judge = judge,
                        .about = {.name = name, .kind = "cname", .authority = authority},
                        .label = label,
                        .name = plain(name),
                        .count = 1};
    char text[LIMIT_NAME_TEXT];

    (void)snprintf(text, sizeof text, "%s%s" PREFIX ".%s", label != NULL ? label : "",
                   label != NULL ? "." : "", walk.name);
    if (name_from_text(walk.owner, text) < 0 ||
        publisher_record_wire(judge->publisher, walk.name, walk.record) < 0) {
        walk.about.severity = PREFLIGHT_DEFINITE;
        findings_add(judge->out, &walk.about, "%s is too long to have a challenge: %s is no name",
                     name, text);
        return;
    }
    (void)name_lower(walk.steps[0], walk.owner);
    name_to_text(walk.owner_text, walk.owner);
    name_to_text(walk.record_text, walk.record);
    follow(&walk);
}

int preflight_account_label(char dst[static PREFLIGHT_ACCOUNT_LABEL], const char *account_url)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint8_t digest[EVP_MAX_MD_SIZE];
    uint32_t bits = 0;
    unsigned have = 0;
    size_t from = 0;

    if (EVP_Digest(account_url, strlen(account_url), digest, NULL, EVP_sha256(), NULL) != 1) {
        return ERR_CRYPTO;
    }
    dst[0] = '_';
    for (size_t i = 1; i < PREFLIGHT_ACCOUNT_LABEL - 1; i++) {
        if (have < 5) {
            bits = bits << 8 | digest[from++];
            have += 8;
        }
        have -= 5;
        dst[i] = alphabet[bits >> have & 31];
    }
    dst[PREFLIGHT_ACCOUNT_LABEL - 1] = '\0';
    return 0;
}
