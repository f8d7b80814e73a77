/*
 * CAA (RFC 8659 3): the nearest name at or above the domain with CAA records, aliases followed by
 * the resolver, decides. All levels are asked for at once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "issuer/preflight_priv.h"
#include "zones/caa.h"
#include "zones/name.h"

struct relevant {
    const char *name; /* of the certificate */
    bool wildcard;
    const uint8_t *level;         /* where the climb ended */
    uint8_t end[LIMIT_NAME_WIRE]; /* where its CNAMEs lead to */
    const ldns_rr_list *list;
};

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

/* The records of set, as octets behind the list of them; *out is malloc'd in one piece. How many,
 * or -ENOMEM. */
static int read_records(struct caa_rdata **out, const struct relevant *set)
{
    const ldns_rr *rr;
    size_t count = 0, at = 0, octets = 0;

    while ((rr = dnsmsg_find(set->list, set->end, LDNS_RR_TYPE_CAA, &at)) != NULL) {
        count++;
        for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
            octets += ldns_rdf_size(ldns_rr_rdf(rr, i));
        }
    }
    if ((*out = malloc(count * sizeof **out + octets + 1)) == NULL) {
        return -ENOMEM;
    }
    uint8_t *data = (uint8_t *)(*out + count);

    at = 0;
    for (size_t i = 0; i < count; i++) {
        int len;

        rr = dnsmsg_find(set->list, set->end, LDNS_RR_TYPE_CAA, &at);
        len = rr != NULL ? dnsmsg_rdata(data, octets, rr) : 0;
        (*out)[i] = (struct caa_rdata){data, len > 0 ? (size_t)len : 0};
        data += (*out)[i].len;
        octets -= (*out)[i].len;
    }
    return (int)count;
}

static int judge_records(enum caa_verdict *verdict, const struct relevant *set,
                         const struct caa_wish *wish, const char **tag)
{
    struct caa_rdata *records;
    int count = read_records(&records, set);

    if (count < 0) {
        return count;
    }
    *verdict = caa_judge(records, (size_t)count, wish, tag);
    free(records);
    return 0;
}

static void judge_one(struct judge *judge, const struct relevant *set,
                      const struct preflight_authority *authority)
{
    struct caa_wish wish = {.wildcard = set->wildcard,
                            .method = order_challenge_name(authority->authority->challenge),
                            .issuers = authority->caa,
                            .issuer_count = authority->caa_count,
                            .account_url = authority->account_url};
    struct preflight_finding about = {
        .name = set->name, .kind = "caa", .authority = authority->authority->name};
    char owner[LIMIT_NAME_TEXT], value[LIMIT_URL + LIMIT_DOMAIN_TEXT + 64];
    const char *tag;
    enum caa_verdict verdict = CAA_FORBIDS;

    if (judge_records(&verdict, set, &wish, &tag) < 0) {
        judge->out->short_of_memory = true;
        return;
    }
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
                     about.authority, set->name, caa_verdict_text(verdict));
        return;
    }
    record_value(value, sizeof value, authority);
    findings_add(judge->out, &about,
                 "%s may not issue for %s: the CAA records of %s %s; publish \"%s. CAA 0 %s "
                 "\"%s\"\"",
                 about.authority, set->name, owner, caa_verdict_text(verdict), owner, tag, value);
}

/* 1: found, 0: none at this level, -1: pending or failed, which is told. */
static int look(struct judge *judge, struct relevant *set, const uint8_t *level)
{
    const struct preflight_finding about = {.name = set->name, .kind = "caa"};
    enum preflight_outcome outcome;
    const struct lookup *lookup;
    size_t at = 0;

    outcome = preflight_ask(judge, level, LDNS_RR_TYPE_CAA, &lookup);
    if (outcome == OUTCOME_ANSWER && dnsmsg_follow(set->end, lookup->pkt, level) < 0) {
        outcome = OUTCOME_TEMPORARY;
    }
    if (outcome != OUTCOME_ANSWER) {
        preflight_failed(judge, &about, outcome, level, lookup);
        return -1;
    }
    set->level = level;
    set->list = ldns_pkt_answer(lookup->pkt);
    return dnsmsg_find(set->list, set->end, LDNS_RR_TYPE_CAA, &at) != NULL;
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
