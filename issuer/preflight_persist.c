/*
 * dns-persist-01 (draft-ietf-acme-dns-persist): a TXT record at _validation-persist.NAME that names
 * the CA and the account, and stands for good.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "issuer/preflight_priv.h"
#include "zones/caa.h"
#include "zones/name.h"

#define PREFIX "_validation-persist"
#define VALUE  4096

struct persist {
    const struct preflight_authority *authority;
    bool wildcard;
    int64_t now;
};

static bool is_issuer(const struct persist *persist, const struct caa_value *value)
{
    const struct preflight_authority *authority = persist->authority;

    for (size_t i = 0; i < authority->caa_count; i++) {
        if (strlen(authority->caa[i]) == value->issuer_len &&
            strncasecmp(authority->caa[i], value->issuer, value->issuer_len) == 0) {
            return true;
        }
    }
    return authority->caa_count == 0 && value->issuer_len > 0;
}

static bool is_value(const struct caa_parameter *p, const char *text)
{
    return strlen(text) == p->value_len && strncasecmp(p->value, text, p->value_len) == 0;
}

static bool is_past(const struct caa_parameter *p, int64_t now)
{
    char digits[24];

    if (p->value_len >= sizeof digits) {
        return false;
    }
    memcpy(digits, p->value, p->value_len);
    digits[p->value_len] = '\0';
    return strtoll(digits, NULL, 10) <= now;
}

static bool permits(const struct persist *persist, const char *text, size_t len)
{
    const char *account = persist->authority->account_url;
    struct caa_parameter p;
    struct caa_value value;
    bool account_fits = account == NULL, wildcard = !persist->wildcard;

    if (caa_value_parse(&value, text, len) < 0 || !is_issuer(persist, &value)) {
        return false;
    }
    while (caa_value_next(&value, &p) > 0) {
        if (caa_parameter_is(&p, "accounturi") && account != NULL &&
            strlen(account) == p.value_len && memcmp(account, p.value, p.value_len) == 0) {
            account_fits = true;
        } else if (caa_parameter_is(&p, "policy") && is_value(&p, "wildcard")) {
            wildcard = true;
        } else if (caa_parameter_is(&p, "persistUntil") && is_past(&p, persist->now)) {
            return false;
        }
    }
    return account_fits && wildcard;
}

/* The strings of a TXT record, one behind the other. */
static size_t join(char dst[static VALUE], const ldns_rr *rr)
{
    size_t len = 0;

    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        const ldns_rdf *rdf = ldns_rr_rdf(rr, i);
        size_t size = ldns_rdf_size(rdf);

        if (size < 2 || size - 1 > VALUE - len) {
            continue;
        }
        memcpy(dst + len, ldns_rdf_data(rdf) + 1, size - 1);
        len += size - 1;
    }
    return len;
}

static bool has_record(const struct persist *persist, const ldns_pkt *pkt, const uint8_t *owner)
{
    uint8_t end[LIMIT_NAME_WIRE];
    char value[VALUE];
    const ldns_rr *rr;
    size_t at = 0;

    if (dnsmsg_follow(end, pkt, owner) < 0) {
        return false;
    }
    while ((rr = dnsmsg_find(ldns_pkt_answer(pkt), end, LDNS_RR_TYPE_TXT, &at)) != NULL) {
        if (permits(persist, value, join(value, rr))) {
            return true;
        }
    }
    return false;
}

void preflight_persist(struct judge *judge, const char *name,
                       const struct preflight_authority *authority)
{
    const struct persist persist = {
        .authority = authority, .wildcard = strncmp(name, "*.", 2) == 0, .now = judge->now};
    struct preflight_finding about = {
        .name = name, .kind = "cname", .authority = authority->authority->name};
    const char *account = authority->account_url, *plain = name + (persist.wildcard ? 2 : 0);
    char text[LIMIT_NAME_TEXT];
    uint8_t owner[LIMIT_NAME_WIRE];
    enum preflight_outcome outcome;
    const struct lookup *lookup;

    (void)snprintf(text, sizeof text, PREFIX ".%s", plain);
    if (name_from_text(owner, text) < 0) {
        about.severity = PREFLIGHT_DEFINITE;
        findings_add(judge->out, &about, "%s is too long: %s is no name", name, text);
        return;
    }
    outcome = preflight_ask(judge, owner, LDNS_RR_TYPE_TXT, &lookup);
    if (outcome != OUTCOME_ANSWER) {
        preflight_failed(judge, &about, outcome, owner, lookup);
    } else if (has_record(&persist, lookup->pkt, owner)) {
        findings_add(judge->out, &about, "%s names %s", text, authority->authority->name);
    } else {
        about.severity = PREFLIGHT_DEFINITE;
        findings_add(judge->out, &about,
                     "%s has no TXT record that permits %s; publish \"%s. TXT \"%s; "
                     "accounturi=%s%s\"\"",
                     text, authority->authority->name, text,
                     authority->caa_count > 0 ? authority->caa[0] : "the CA's name",
                     account != NULL ? account : "our account's URL",
                     persist.wildcard ? "; policy=wildcard" : "");
    }
}
