/* What is right and wrong about the certificates that a service sends. */
#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "client/chain.h"
#include "client/service.h"

#define SKEW_S      3600
#define SHOWN_NAMES 4

static enum service_grade unless_dane(bool dane)
{
    return dane ? SERVICE_WARNING : SERVICE_PROBLEM;
}

/* RFC 7671 5.1: what a record of usage 3 matches is bound by that, not by its names and dates. */
static const char *no_matter(const struct service_judge *judge)
{
    return judge->dane_ee ? ", which does not matter to TLSA records of usage 3" : "";
}

/* A name of an X.509 as text of ASCII without control characters (RFC 2253 2.4). */
static void name_text(char *dst, size_t cap, const X509_NAME *name)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int n = 0;
    if (bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0) {
        n = BIO_read(bio, dst, (int)cap - 1);
    }
    dst[n > 0 ? n : 0] = '\0';
    BIO_free(bio);
}

/* -- names -- */

static bool is_for(X509 *leaf, const char *name)
{
    return name != NULL && X509_check_host(leaf, name, 0,
                                           X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
                                               X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS,
                                           NULL) == 1;
}

/* The first DNS names of a certificate. */
static void list_names(char *dst, size_t cap, const X509 *cert)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    int shown = 0, more = 0;
    size_t len = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_DNS || shown == SHOWN_NAMES || cap - len < 80) {
            more++;
            continue;
        }
        const unsigned char *data = ASN1_STRING_get0_data(name->d.dNSName);
        int octets = ASN1_STRING_length(name->d.dNSName);
        len += (size_t)snprintf(dst + len, cap - len, "%s", shown++ > 0 ? ", " : "");
        for (int j = 0; j < octets && cap - len > 40; j++) {
            dst[len++] = data[j] > 0x20 && data[j] < 0x7f ? (char)data[j] : '?';
        }
        dst[len] = '\0';
    }
    if (shown == 0) {
        snprintf(dst, cap, "no name of a host");
    } else if (more > 0) {
        snprintf(dst + len, cap - len, " and %d more", more);
    }
    GENERAL_NAMES_free(names);
}

void service_judge_name(struct service_findings *findings, const struct service_judge *judge)
{
    char names[240] = "";
    X509 *leaf = judge->served->certs[0];
    if (is_for(leaf, judge->name) || is_for(leaf, judge->also)) {
        const char *name = is_for(leaf, judge->name) ? judge->name : judge->also;
        service_say(findings, SERVICE_GOOD, "name", "the certificate is for %.253s", name);
        return;
    }
    list_names(names, sizeof(names), leaf);
    service_say(findings, unless_dane(judge->dane_ee), "name",
                "the certificate is for %s, not for %.100s%s", names, judge->name,
                no_matter(judge));
}

/* -- dates -- */

static int64_t seconds_of(const ASN1_TIME *time)
{
    struct tm tm;
    return ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) : -1;
}

static void day_text(char dst[static 32], int64_t at)
{
    struct tm tm;
    time_t t = (time_t)at;
    if (gmtime_r(&t, &tm) == NULL || strftime(dst, 32, "%Y-%m-%d %H:%M UTC", &tm) == 0) {
        dst[0] = '\0';
    }
}

static void judge_leaf_dates(struct service_findings *findings, int64_t from, int64_t to,
                             int64_t now)
{
    char day[32];
    int64_t left = to - now;
    day_text(day, to);
    if (left < (to - from) / 6) {
        service_say(findings, SERVICE_WARNING, "dates",
                    "the certificate ends on %s, in %" PRId64 " hours: it should have been renewed "
                    "by now",
                    day, left / 3600);
    } else {
        service_say(findings, SERVICE_GOOD, "dates", "valid until %s", day);
    }
}

void service_judge_dates(struct service_findings *findings, const struct service_judge *judge)
{
    for (size_t i = 0; i < judge->served->count; i++) {
        const X509 *cert = judge->served->certs[i];
        int64_t from = seconds_of(X509_get0_notBefore(cert)), to = chain_not_after(cert);
        char day[32];
        if (from < 0 || to < 0 || to <= from) {
            service_say(findings, SERVICE_PROBLEM, "dates",
                        "certificate %zu has no sane time of validity", i + 1);
        } else if (to <= judge->now) {
            day_text(day, to);
            service_say(findings, unless_dane(judge->dane_ee), "dates",
                        "certificate %zu has expired on %s%s", i + 1, day, no_matter(judge));
        } else if (from > judge->now && from - judge->now > SKEW_S) {
            day_text(day, from);
            service_say(findings, unless_dane(judge->dane_ee), "dates",
                        "certificate %zu is valid from %s only%s: is a clock wrong?", i + 1, day,
                        no_matter(judge));
        } else if (i == 0) {
            judge_leaf_dates(findings, from, to, judge->now);
        }
    }
}

/* -- the chain as it is sent -- */

static bool issued(X509 *issuer, X509 *subject)
{
    bool yes = X509_check_issued(issuer, subject) == X509_V_OK &&
               X509_get0_pubkey(issuer) != NULL &&
               X509_verify(subject, X509_get0_pubkey(issuer)) == 1;
    ERR_clear_error();
    return yes;
}

static bool self_signed(X509 *cert)
{
    return (X509_get_extension_flags(cert) & EXFLAG_SS) != 0;
}

/* The way from the leaf through what is sent: marks what is on it. Returns whether each issuer
 * stands right behind what it issued. */
static bool walk(const struct service_served *served, bool on_way[static LIMIT_SERVICE_CHAIN],
                 size_t *last)
{
    size_t at = 0;
    bool in_order = true, found = true;
    on_way[0] = true;
    while (found && !self_signed(served->certs[at])) {
        size_t next = at + 1 < served->count ? at + 1 : 0;
        found = false;
        for (size_t n = 0; n < served->count && !found; n++, next = (next + 1) % served->count) {
            found = !on_way[next] && issued(served->certs[next], served->certs[at]);
            if (found) {
                break;
            }
        }
        if (found) {
            in_order = in_order && next == at + 1;
            on_way[next] = true;
            at = next;
        }
    }
    *last = at;
    return in_order;
}

void service_judge_chain(struct service_findings *findings, const struct service_judge *judge)
{
    const struct service_served *served = judge->served;
    bool on_way[LIMIT_SERVICE_CHAIN] = {false};
    size_t last, before = findings->count;
    bool in_order = walk(served, on_way, &last);
    char text[200];
    if (served->cut) {
        service_say(findings, SERVICE_PROBLEM, "chain", "more than %d certificates are sent",
                    LIMIT_SERVICE_CHAIN);
    }
    if (!in_order) {
        service_say(
            findings, SERVICE_WARNING, "chain",
            "the certificates are sent in the wrong order, which not all clients bear: each "
            "issuer has to come right behind what it issued");
    }
    for (size_t i = 1; i < served->count; i++) {
        if (!on_way[i]) {
            name_text(text, sizeof(text), X509_get_subject_name(served->certs[i]));
            service_say(findings, SERVICE_WARNING, "chain",
                        "certificate %zu (%s) has no place in the chain", i + 1, text);
        }
    }
    if (last > 0 && self_signed(served->certs[last]) && !judge->dane) {
        service_say(findings, SERVICE_WARNING, "chain",
                    "the root certificate is sent as well, which clients have or do not trust");
    }
    if (findings->count == before) {
        service_say(findings, SERVICE_GOOD, "chain", "%zu certificate%s, in order", served->count,
                    served->count == 1 ? "" : "s");
    }
}

/* -- trust -- */

static int verify(const struct service_judge *judge, int *depth)
{
    const struct service_served *served = judge->served;
    STACK_OF(X509) *issuers = sk_X509_new_null();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    int error = X509_V_ERR_OUT_OF_MEM;
    *depth = 0;
    for (size_t i = 1; issuers != NULL && i < served->count; i++) {
        sk_X509_push(issuers, served->certs[i]);
    }
    if (context != NULL && issuers != NULL &&
        X509_STORE_CTX_init(context, judge->store, served->certs[0], issuers) == 1) {
        X509_STORE_CTX_set_default(context, "ssl_server");
        X509_STORE_CTX_set_flags(context, X509_V_FLAG_NO_CHECK_TIME | X509_V_FLAG_TRUSTED_FIRST);
        error = X509_verify_cert(context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
        *depth = X509_STORE_CTX_get_error_depth(context);
    }
    ERR_clear_error();
    X509_STORE_CTX_free(context);
    sk_X509_free(issuers);
    return error;
}

void service_judge_trust(struct service_findings *findings, const struct service_judge *judge)
{
    const struct service_served *served = judge->served;
    bool on_way[LIMIT_SERVICE_CHAIN] = {false};
    char issuer[200];
    int depth, error = verify(judge, &depth);
    size_t last;
    walk(served, on_way, &last);
    name_text(issuer, sizeof(issuer), X509_get_issuer_name(served->certs[last]));
    switch (error) {
    case X509_V_OK:
        service_say(findings, SERVICE_GOOD, "trust", "trusted by the CAs of this system");
        return;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        service_say(
            findings, unless_dane(judge->dane), "trust",
            "not trusted by the CAs of this system: what is sent ends before %s, so that an "
            "intermediate certificate is missing, or this system does not know the CA",
            issuer);
        return;
    default:
        service_say(findings, unless_dane(judge->dane), "trust",
                    "not trusted by the CAs of this system: certificate %d: %s", depth + 1,
                    X509_verify_cert_error_string(error));
    }
}
