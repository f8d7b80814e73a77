/*
 * CAA (RFC 8659 3): the nearest name at or above the domain with CAA records, aliases followed by
 * the resolver, decides. All levels are asked for at once.
 */
#include "issuer/preflight_caa.h"

#include <stdio.h>
#include <string.h>

#include "issuer/preflight_priv.h"
#include "zones/name.h"

struct relevant {
    const char *name; /* of the certificate */
    bool wildcard;
    const uint8_t *level;         /* where the climb ended */
    uint8_t end[LIMIT_NAME_WIRE]; /* where its CNAMEs lead to */
    const ldns_rr_list *list;
};

static const char *reason(enum caa_verdict verdict)
{
    switch (verdict) {
    case CAA_ACCOUNT:
        return "permit it for another account only";
    case CAA_METHOD:
        return "permit it by another validation method only";
    case CAA_CRITICAL:
        return "hold a critical property that CAs do not know, which forbids all";
    default:
        return "do not permit it";
    }
}

/* The value of the record to publish. */
static void record_value(char *dst, size_t cap, const struct preflight_authority *authority)
{
    const char *method = order_challenge_name(authority->authority->challenge);

    (void)snprintf(dst, cap, "%s%s%s%s%s", authority->caa[0],
                   authority->account_url != NULL ? "; accounturi=" : "",
                   authority->account_url != NULL ? authority->account_url : "",
                   strcmp(method, "dns-01") == 0 ? "" : "; validationmethods=",
                   strcmp(method, "dns-01") == 0 ? "" : method);
}

static void judge_one(struct judge *judge, const struct relevant *set,
                      const struct preflight_authority *authority)
{
    struct caa_wish wish = {.wildcard = set->wildcard,
                            .method = order_challenge_name(authority->authority->challenge),
                            .authority = authority};
    struct preflight_finding about = {
        .name = set->name, .kind = "caa", .authority = authority->authority->name};
    char owner[LIMIT_NAME_TEXT], value[LIMIT_URL + LIMIT_DOMAIN_TEXT + 64];
    const char *tag;
    enum caa_verdict verdict = caa_judge(set->list, set->end, &wish, &tag);

    name_to_text(owner, set->end);
    about.unjudged = authority->caa_count == 0;
    if (verdict == CAA_PERMITS) {
        findings_add(judge->out, &about,
                     authority->caa_count > 0
                         ? "the CAA records of %s permit %s"
                         : "the CAA records of %s are not judged: by which name %s goes there is "
                           "not known (set caa for it)",
                     owner, about.authority);
        return;
    }
    about.severity = PREFLIGHT_DEFINITE;
    if (verdict == CAA_CRITICAL || authority->caa_count == 0) {
        findings_add(judge->out, &about,
                     "the CAA records of %s, looked at by %s for %s, %s; remove it", owner,
                     about.authority, set->name, reason(verdict));
        return;
    }
    record_value(value, sizeof value, authority);
    findings_add(judge->out, &about,
                 "%s may not issue for %s: the CAA records of %s %s; publish \"%s. CAA 0 %s "
                 "\"%s\"\"",
                 about.authority, set->name, owner, reason(verdict), owner, tag, value);
}

/* 1: found, 0: none at this level, -1: pending or failed, which is told. */
static int look(struct judge *judge, struct relevant *set, const uint8_t *level)
{
    const struct preflight_finding about = {.name = set->name, .kind = "caa"};
    enum preflight_outcome outcome;
    const struct lookup *lookup;
    size_t at = 0;

    outcome = preflight_ask(judge, level, LDNS_RR_TYPE_CAA, &lookup);
    if (outcome == OUTCOME_ANSWER && resolve_message_follow(set->end, lookup->pkt, level) < 0) {
        outcome = OUTCOME_TEMPORARY;
    }
    if (outcome != OUTCOME_ANSWER) {
        preflight_failed(judge, &about, outcome, level, lookup);
        return -1;
    }
    set->level = level;
    set->list = ldns_pkt_answer(lookup->pkt);
    return resolve_message_find(set->list, set->end, LDNS_RR_TYPE_CAA, &at) != NULL;
}

void preflight_caa(struct judge *judge, const char *name,
                   const struct preflight_authority *authorities, size_t count)
{
    struct relevant set = {.name = name, .wildcard = strncmp(name, "*.", 2) == 0};
    const struct preflight_finding about = {.name = name, .kind = "caa"};
    uint8_t wire[LIMIT_NAME_WIRE];
    int found = 0;

    if (name_from_text(wire, set.wildcard ? name + 2 : name) < 0) {
        return;
    }
    for (const uint8_t *level = wire; *level != 0; level = name_parent(level)) {
        (void)lookups_ask(judge->lookups, level, LDNS_RR_TYPE_CAA);
    }
    for (const uint8_t *level = wire; *level != 0 && found == 0; level = name_parent(level)) {
        found = look(judge, &set, level);
    }
    if (found == 0) {
        findings_add(judge->out, &about, "%s has no CAA records, nor has any name above it", name);
    }
    for (size_t i = 0; found > 0 && i < count; i++) {
        judge_one(judge, &set, &authorities[i]);
    }
}
