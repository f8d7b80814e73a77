#include "client/service_dane.h"

#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/tlsa.h"

/* "3 1 1 0123456789abcdef..." */
static const char *record_text(char dst[static 64], const struct tlsa *t)
{
    int n = snprintf(dst, 64, "%u %u %u ", t->usage, t->selector, t->matching);
    for (size_t i = 0; i < t->len && i < 8; i++) {
        n += snprintf(dst + n, 64 - (size_t)n, "%02x", t->data[i]);
    }
    snprintf(dst + n, 64 - (size_t)n, "%s", t->len > 8 ? "..." : "");
    return dst;
}

/* Why clients pass over a record, or NULL. */
static const char *why_unusable(const struct tlsa *t, enum starttls_protocol starttls)
{
    return starttls == STARTTLS_SMTP ? tlsa_unusable_smtp(t) : tlsa_unusable(t);
}

static void take_records(struct service_dane *out, struct service_findings *findings,
                         const struct service *service)
{
    const struct dns_answer *answer = &out->found.answer;
    char text[64];
    for (size_t i = 0; i < answer->count; i++) {
        struct tlsa t;
        if (tlsa_parse(&t, answer->records[i].rdata, answer->records[i].len) < 0) {
            service_say(findings, SERVICE_WARNING, "tlsa",
                        "a record at %.180s is too short to be one", out->found.owner);
            continue;
        }
        const char *why = why_unusable(&t, service->starttls);
        if (why != NULL) {
            service_say(findings, SERVICE_WARNING, "tlsa", "%s helps nobody: %s",
                        record_text(text, &t), why);
        } else if (out->count == LIMIT_SERVICE_TLSA) {
            service_say(findings, SERVICE_WARNING, "tlsa", "there are more than %d records",
                        LIMIT_SERVICE_TLSA);
            break;
        } else {
            out->usable[out->count++] = t;
        }
    }
    if (out->count == 0) {
        service_say(findings, SERVICE_WARNING, "tlsa",
                    "none of the records at %.180s can be used, so that DANE does not protect",
                    out->found.owner);
    } else {
        service_say(findings, SERVICE_GOOD, "tlsa", "%zu record%s at %.180s, secure", out->count,
                    out->count == 1 ? "" : "s", out->found.owner);
    }
}

static void say_ignored(struct service_findings *findings, const struct tlsa_found *found)
{
    if (found->answer.trust == DNS_INSECURE) {
        service_say(
            findings, SERVICE_WARNING, "tlsa",
            "the records at %.180s are not protected by DNSSEC, so clients ignore them: the "
            "zone has to be signed",
            found->owner);
    } else {
        service_say(findings, SERVICE_WARNING, "tlsa",
                    "nobody has validated the records at %.180s, so they are ignored here: ask a "
                    "validating resolver on this host, or set validate",
                    found->owner);
    }
}

int service_dane_look(struct service_dane *out, struct service_findings *findings,
                      const struct tlsa_asker *asker, const struct service *service,
                      struct err *err)
{
    *out = (struct service_dane){0};
    int ret = tlsa_lookup(&out->found, asker, service->port, "tcp", service->name, err);
    const struct dns_answer *answer = &out->found.answer;
    if (ret < 0) {
        return ret;
    }
    if (answer->trust == DNS_BOGUS) {
        service_say(findings, SERVICE_PROBLEM, "tlsa",
                    "the answer for %.120s is bogus, so clients that know DANE refuse the service: "
                    "%.180s",
                    out->found.owner, answer->reason);
    } else if (answer->outcome == DNS_FAILED) {
        service_say(findings, SERVICE_PROBLEM, "tlsa",
                    "%.120s cannot be looked up, so clients that know DANE put the service off: "
                    "%.180s",
                    out->found.owner, answer->reason);
    } else if (answer->outcome != DNS_FOUND) {
        service_say(findings, SERVICE_GOOD, "tlsa", "there are no records at %.180s",
                    out->found.owner);
    } else if (answer->trust != DNS_SECURE) {
        say_ignored(findings, &out->found);
    } else {
        take_records(out, findings, service);
    }
    return 0;
}

/* Which records the served certificates satisfy, each for itself. */
static size_t mark_matched(struct service_dane *dane, const struct service_served *served)
{
    struct chain chain = {0};
    struct tlsa_of of = {.chain = &chain};
    struct err err;
    uint8_t *spki = NULL;
    size_t count = 0;
    for (; chain.count < served->count && chain.count < CHAIN_MAX; chain.count++) {
        chain.certs[chain.count] = served->certs[chain.count];
    }
    if (tlsa_spki(&spki, &of.spki_len, X509_get0_pubkey(chain.certs[0]), &err) < 0) {
        return 0;
    }
    of.spki = spki;
    for (size_t i = 0; i < dane->count; i++) {
        bool yes = tlsa_matches(&dane->usable[i], &of);
        dane->matched[i] = dane->matched[i] || yes;
        count += yes;
    }
    free(spki);
    return count;
}

void service_dane_judge(struct service_findings *findings, struct service_dane *dane,
                        const struct service_session *session)
{
    if (dane->count == 0) {
        return;
    }
    size_t matches = mark_matched(dane, &session->served);
    if (session->dane) {
        service_say(
            findings, SERVICE_GOOD, "dane",
            "verified by a record %u %u %u; %zu of %zu match this certificate and its chain",
            session->matched.usage, session->matched.selector, session->matched.matching, matches,
            dane->count);
    } else if (matches == 0) {
        service_say(findings, SERVICE_PROBLEM, "dane",
                    "none of the %zu records at %.180s matches, so clients that know DANE refuse "
                    "the service",
                    dane->count, dane->found.owner);
    } else {
        service_say(findings, SERVICE_PROBLEM, "dane",
                    "%zu of %zu records match, but clients that know DANE refuse the service: %s",
                    matches, dane->count, X509_verify_cert_error_string(session->dane_error));
    }
}

void service_dane_leftovers(struct service_findings *findings, const struct service_dane *dane)
{
    char text[64];
    for (size_t i = 0; i < dane->count && findings->count < SERVICE_FINDINGS - 1; i++) {
        if (!dane->matched[i]) {
            service_say(findings, SERVICE_WARNING, "tlsa",
                        "%s matches nothing that is served: of a key to come, or to be removed; "
                        "certmill check tlsa says whose it is",
                        record_text(text, &dane->usable[i]));
        }
    }
}

void service_dane_clear(struct service_dane *dane)
{
    tlsa_found_clear(&dane->found);
    dane->count = 0;
}
