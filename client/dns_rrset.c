/*
 * One RRset and its signatures. ldns puts the octets in order that were signed (RFC 4034 6) and
 * checks the signature over them; whether that signature is one that may count, it leaves to us:
 * signer, dates, labels, and the key's flags, protocol and algorithm.
 */
#include "client/dns_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "zones/name.h"

enum rrsig_field {
    SIG_TYPE,
    SIG_ALGORITHM,
    SIG_LABELS,
    SIG_TTL,
    SIG_EXPIRATION,
    SIG_INCEPTION,
    SIG_TAG,
    SIG_SIGNER,
    SIG_SIGNATURE,
    SIG_FIELDS
};
enum dnskey_field { KEY_FLAGS, KEY_PROTOCOL, KEY_ALGORITHM, KEY_KEY, KEY_FIELDS };

#define ZONE_KEY 0x0100 /* RFC 4034 2.1.1 */
#define REVOKED  0x0080 /* RFC 5011 2.1 */

void dns_rrset_text(char dst[static 192], const uint8_t *owner, uint16_t type)
{
    char name[LIMIT_NAME_TEXT], *text = ldns_rr_type2str((ldns_rr_type)type);

    name_to_text(name, owner);
    (void)snprintf(dst, 192, "%.20s %.160s", text != NULL ? text : "?", name);
    free(text);
}

bool dns_rrset_algorithm_known(uint8_t algorithm)
{
    switch (algorithm) {
    case LDNS_RSASHA1:
    case LDNS_RSASHA1_NSEC3:
    case LDNS_RSASHA256:
    case LDNS_RSASHA512:
    case LDNS_ECDSAP256SHA256:
    case LDNS_ECDSAP384SHA384:
    case LDNS_ED25519:
    case LDNS_ED448:
        return true;
    default:
        return false;
    }
}

bool dns_rrset_digest_known(uint8_t digest)
{
    return digest == LDNS_SHA1 || digest == LDNS_SHA256 || digest == LDNS_SHA384;
}

unsigned dns_rrset_labels(const uint8_t *owner)
{
    return name_labels(owner) - (owner[0] == 1 && owner[1] == '*');
}

static uint8_t field8(const ldns_rr *rr, size_t field)
{
    return ldns_rdf2native_int8(ldns_rr_rdf(rr, field));
}

bool dns_rrset_zone_key(const ldns_rr *key)
{
    return ldns_rr_rd_count(key) == KEY_FIELDS &&
           (ldns_rdf2native_int16(ldns_rr_rdf(key, KEY_FLAGS)) & (ZONE_KEY | REVOKED)) ==
               ZONE_KEY &&
           field8(key, KEY_PROTOCOL) == 3;
}

/* The next signature over the type that owner has. */
static const ldns_rr *next_signature(const ldns_rr_list *section, const uint8_t *owner,
                                     uint16_t type, size_t *at)
{
    const ldns_rr *rr;

    while ((rr = dnsmsg_find(section, owner, LDNS_RR_TYPE_RRSIG, at)) != NULL) {
        if (ldns_rr_rd_count(rr) == SIG_FIELDS &&
            ldns_rdf2rr_type(ldns_rr_rdf(rr, SIG_TYPE)) == (ldns_rr_type)type &&
            ldns_rdf_size(ldns_rr_rdf(rr, SIG_SIGNATURE)) > 0) {
            return rr;
        }
    }
    return NULL;
}

bool dns_rrset_signer(uint8_t dst[static LIMIT_NAME_WIRE], const ldns_rr_list *section,
                      const uint8_t *owner, uint16_t type)
{
    uint8_t signer[LIMIT_NAME_WIRE];
    const ldns_rr *rr;
    size_t at = 0;
    bool found = false;

    while ((rr = next_signature(section, owner, type, &at)) != NULL) {
        if (dnsmsg_name(signer, rr, SIG_SIGNER) == 0 && name_within(owner, signer) &&
            (!found || name_labels(signer) > name_labels(dst))) {
            (void)name_lower(dst, signer);
            found = true;
        }
    }
    return found;
}

/* What a proof of absence consists of. */
static bool is_proof(const ldns_rr *sig)
{
    const ldns_rr_type type = ldns_rdf2rr_type(ldns_rr_rdf(sig, SIG_TYPE));

    return type == LDNS_RR_TYPE_NSEC || type == LDNS_RR_TYPE_NSEC3 || type == LDNS_RR_TYPE_SOA;
}

bool dns_rrset_proof_signer(uint8_t dst[static LIMIT_NAME_WIRE], const ldns_rr_list *section,
                            const uint8_t *name)
{
    uint8_t signer[LIMIT_NAME_WIRE];
    bool found = false;

    for (size_t i = 0; i < ldns_rr_list_rr_count(section); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(section, i);
        const ldns_rdf *owner = ldns_rr_owner(rr);

        if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_RRSIG && ldns_rr_rd_count(rr) == SIG_FIELDS &&
            is_proof(rr) && dnsmsg_name(signer, rr, SIG_SIGNER) == 0 && name_within(name, signer) &&
            name_measure(ldns_rdf_data(owner), ldns_rdf_size(owner)) > 0 &&
            name_within(ldns_rdf_data(owner), signer) &&
            (!found || name_labels(signer) > name_labels(dst))) {
            (void)name_lower(dst, signer);
            found = true;
        }
    }
    return found;
}

/* The records, borrowed, in canonical order, each once (RFC 4034 6.3). */
static ldns_rr_list *gather(const ldns_rr_list *section, const uint8_t *owner, uint16_t type)
{
    ldns_rr_list *all = ldns_rr_list_new(), *once = ldns_rr_list_new();
    const ldns_rr *rr;
    size_t at = 0;

    while (all != NULL && (rr = dnsmsg_find(section, owner, type, &at)) != NULL) {
        (void)ldns_rr_list_push_rr(all, (ldns_rr *)rr);
    }
    if (all != NULL && once != NULL) {
        ldns_rr_list_sort(all);
        for (size_t i = 0; i < ldns_rr_list_rr_count(all); i++) {
            ldns_rr *next = ldns_rr_list_rr(all, i);

            if (i == 0 || ldns_rr_compare(ldns_rr_list_rr(all, i - 1), next) != 0) {
                (void)ldns_rr_list_push_rr(once, next);
            }
        }
    }
    ldns_rr_list_free(all);
    return once;
}

static void say_date(char dst[static 32], uint32_t now, uint32_t when)
{
    /* The one nearest to now of the moments that the 32 bits may mean. */
    time_t at = (time_t)now + (int32_t)(when - now);
    struct tm tm;

    if (gmtime_r(&at, &tm) == NULL || strftime(dst, 32, "%Y-%m-%d %H:%M UTC", &tm) == 0) {
        (void)snprintf(dst, 32, "%u", when);
    }
}

/* RFC 4035 5.3.1, but for the key. */
static bool may_count(const struct dns_check *check, const ldns_rr *sig, const uint8_t *owner,
                      const uint8_t *apex, const char *what)
{
    uint32_t from = ldns_rdf2native_int32(ldns_rr_rdf(sig, SIG_INCEPTION));
    uint32_t to = ldns_rdf2native_int32(ldns_rr_rdf(sig, SIG_EXPIRATION));
    uint8_t signer[LIMIT_NAME_WIRE];
    char date[32];

    if (dnsmsg_name(signer, sig, SIG_SIGNER) < 0 || !name_equal(signer, apex)) {
        dns_say(check->reason, "%s is not signed by the zone it is in", what);
        return false;
    }
    if (field8(sig, SIG_LABELS) > dns_rrset_labels(owner)) {
        dns_say(check->reason, "the signature of %s is for a longer name", what);
        return false;
    }
    if ((int32_t)(to - check->now) < 0) {
        say_date(date, check->now, to);
        dns_say(check->reason, "the signature of %s has expired on %s", what, date);
        return false;
    }
    if ((int32_t)(check->now - from) < 0) {
        say_date(date, check->now, from);
        dns_say(check->reason, "the signature of %s begins only on %s", what, date);
        return false;
    }
    return true;
}

static bool fits(const ldns_rr *key, const ldns_rr *sig)
{
    return dns_rrset_zone_key(key) && field8(key, KEY_ALGORITHM) == field8(sig, SIG_ALGORITHM) &&
           ldns_calc_keytag(key) == ldns_rdf2native_int16(ldns_rr_rdf(sig, SIG_TAG));
}

static bool check_one(const ldns_rr_list *rrset, const ldns_rr *sig, ldns_rr *key)
{
    ldns_rr_list *keys = ldns_rr_list_new(), *good = ldns_rr_list_new();
    bool right = keys != NULL && good != NULL && ldns_rr_list_push_rr(keys, key) &&
                 ldns_verify_rrsig_keylist_notime(rrset, sig, keys, good) == LDNS_STATUS_OK;

    ldns_rr_list_free(keys);
    ldns_rr_list_free(good);
    return right;
}

static bool check_keys(const struct dns_check *check, const ldns_rr_list *rrset, const ldns_rr *sig,
                       const ldns_rr_list *keys, const char *what)
{
    unsigned tried = 0;

    dns_say(check->reason, "%s is signed by a key that the zone does not have", what);
    for (size_t i = 0; i < ldns_rr_list_rr_count(keys) && tried < LIMIT_DNS_KEYS; i++) {
        ldns_rr *key = ldns_rr_list_rr(keys, i);

        if (!fits(key, sig)) {
            continue;
        }
        if (*check->left == 0) {
            dns_say(check->reason, "%s: too many signatures to check", what);
            return false;
        }
        --*check->left;
        tried++;
        if (check_one(rrset, sig, key)) {
            return true;
        }
        dns_say(check->reason, "the signature of %s is wrong", what);
    }
    return false;
}

bool dns_rrset_verify(const struct dns_check *check, const ldns_rr_list *section,
                      const uint8_t *owner, uint16_t type, const uint8_t *apex,
                      const ldns_rr_list *keys, unsigned *labels)
{
    ldns_rr_list *rrset = gather(section, owner, type);
    const ldns_rr *sig;
    char what[192];
    size_t at = 0;
    bool right = false;

    dns_rrset_text(what, owner, type);
    dns_say(check->reason, "%s has no signature", what);
    /* ldns reads the first record of none, too. */
    for (unsigned i = 0;
         rrset != NULL && ldns_rr_list_rr_count(rrset) > 0 && !right && i < LIMIT_DNS_SIGNATURES &&
         (sig = next_signature(section, owner, type, &at)) != NULL;
         i++) {
        right =
            may_count(check, sig, owner, apex, what) && check_keys(check, rrset, sig, keys, what);
        *labels = field8(sig, SIG_LABELS);
    }
    ldns_rr_list_free(rrset);
    return right;
}
