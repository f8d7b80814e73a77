/*
 * Proofs that something is not there: NSEC (RFC 4035 5.4) and NSEC3 (RFC 5155 8), with what
 * RFC 6840 4 adds: what stands above a delegation or a DNAME says nothing of the names below it.
 *
 * ldns has ldns_dnssec_verify_denial and its like, which know neither of these nor the closest
 * encloser of a wildcard, and compute any number of iterations; so only its hash is used.
 */
#include "client/dns_priv.h"

#include <stdlib.h>
#include <string.h>

#include "common/wire.h"
#include "zones/name.h"

#define HASH      20 /* SHA-1, the only one (RFC 5155 11) */
#define HASH_TEXT 32

enum nsec_field { NSEC_NEXT, NSEC_TYPES, NSEC_FIELDS };
enum nsec3_field {
    NSEC3_ALGORITHM,
    NSEC3_FLAGS,
    NSEC3_ITERATIONS,
    NSEC3_SALT,
    NSEC3_NEXT,
    NSEC3_TYPES,
    NSEC3_FIELDS
};

/* -- what both have -- */

static const uint8_t *owner_of(const ldns_rr *rr)
{
    return ldns_rdf_data(ldns_rr_owner(rr));
}

/* RFC 4034 4.1.2: blocks of number, length and bits. */
static bool bitmap_has(const uint8_t *at, size_t left, uint16_t type)
{
    while (left > 2) {
        size_t len = at[1];

        if (len > left - 2) {
            return false;
        }
        if (at[0] == type >> 8) {
            size_t octet = (type & 0xff) / 8;

            return octet < len && (at[2 + octet] & 0x80 >> type % 8) != 0;
        }
        at += 2 + len;
        left -= 2 + len;
    }
    return false;
}

static bool has_type(const ldns_rr *rr, uint16_t type)
{
    size_t field =
        ldns_rr_get_type(rr) == LDNS_RR_TYPE_NSEC ? (size_t)NSEC_TYPES : (size_t)NSEC3_TYPES;
    const ldns_rdf *rdf = field < ldns_rr_rd_count(rr) ? ldns_rr_rdf(rr, field) : NULL;

    return rdf != NULL && bitmap_has(ldns_rdf_data(rdf), ldns_rdf_size(rdf), type);
}

/* Seen from the parent: the child knows what else is there. */
static bool is_delegation(const ldns_rr *rr)
{
    return has_type(rr, LDNS_RR_TYPE_NS) && !has_type(rr, LDNS_RR_TYPE_SOA);
}

/* Whether the record of just this name says that it has no such type (RFC 6840 4.1, 4.3). */
static bool lacks(const ldns_rr *rr, const uint8_t *apex, uint16_t type)
{
    if (has_type(rr, type) || has_type(rr, LDNS_RR_TYPE_CNAME)) {
        return false;
    }
    if (type == LDNS_RR_TYPE_DS) { /* the child's own word does not count */
        return !has_type(rr, LDNS_RR_TYPE_SOA) || *apex == 0;
    }
    return !is_delegation(rr);
}

static enum dns_zone_state cut_at(const ldns_rr *rr)
{
    if (has_type(rr, LDNS_RR_TYPE_DS) || has_type(rr, LDNS_RR_TYPE_SOA)) {
        return DNS_ZONE_BOGUS;
    }
    return has_type(rr, LDNS_RR_TYPE_NS) ? DNS_ZONE_INSECURE : DNS_ZONE_NO_CUT;
}

/* The name's last `labels` labels. */
static const uint8_t *last_labels(const uint8_t *name, unsigned labels)
{
    for (unsigned have = name_labels(name); have > labels; have--) {
        name = name_parent(name);
    }
    return name;
}

static bool make_wildcard(uint8_t dst[static LIMIT_NAME_WIRE], const uint8_t *encloser)
{
    size_t len = name_len(encloser);

    if (len > LIMIT_NAME_WIRE - 2) {
        return false;
    }
    dst[0] = 1;
    dst[1] = '*';
    memcpy(dst + 2, encloser, len);
    return true;
}

/* -- NSEC -- */

static const uint8_t *next_of(const ldns_rr *nsec)
{
    return ldns_rdf_data(ldns_rr_rdf(nsec, NSEC_NEXT));
}

/* Canonical order, RFC 4034 6.1. */
static int compare(const uint8_t *a, const uint8_t *b)
{
    uint8_t key_a[NAME_KEY_MAX], key_b[NAME_KEY_MAX];
    size_t len_a = name_key(key_a, a), len_b = name_key(key_b, b);
    int ret = memcmp(key_a, key_b, len_a < len_b ? len_a : len_b);

    return ret != 0 ? ret : (len_a > len_b) - (len_a < len_b);
}

static bool is_below(const uint8_t *name, const uint8_t *above)
{
    return name_within(name, above) && !name_equal(name, above);
}

/* Whether name would come between the record's owner and the next. */
static bool spans(const ldns_rr *nsec, const uint8_t *apex, const uint8_t *name)
{
    const uint8_t *owner = owner_of(nsec), *next = next_of(nsec);

    if (compare(owner, name) >= 0 || !name_within(name, apex) ||
        (is_below(name, owner) && (is_delegation(nsec) || has_type(nsec, LDNS_RR_TYPE_DNAME)))) {
        return false;
    }
    return name_equal(next, apex) || compare(name, next) < 0; /* the last one leads to the apex */
}

/* Spanned, and not an empty non-terminal: it does not exist. */
static const ldns_rr *nsec_without(const struct dns_denial *d, const uint8_t *name)
{
    for (size_t i = 0; i < d->nsec_count; i++) {
        if (spans(d->nsec[i], d->apex, name) && !name_within(next_of(d->nsec[i]), name)) {
            return d->nsec[i];
        }
    }
    return NULL;
}

static const ldns_rr *nsec_at(const struct dns_denial *d, const uint8_t *name)
{
    for (size_t i = 0; i < d->nsec_count; i++) {
        if (name_equal(owner_of(d->nsec[i]), name)) {
            return d->nsec[i];
        }
    }
    return NULL;
}

static bool nsec_non_terminal(const struct dns_denial *d, const uint8_t *name)
{
    for (size_t i = 0; i < d->nsec_count; i++) {
        if (spans(d->nsec[i], d->apex, name) && is_below(next_of(d->nsec[i]), name)) {
            return true;
        }
    }
    return false;
}

static unsigned common_labels(const uint8_t *a, const uint8_t *b)
{
    unsigned labels = name_labels(a), other = name_labels(b);

    labels = labels < other ? labels : other;
    while (!name_equal(last_labels(a, labels), last_labels(b, labels))) {
        labels--;
    }
    return labels;
}

/* Labels of the closest encloser of a name that the record denies: it shares them with the name
 * before it or the one behind. */
static unsigned nsec_encloser(const ldns_rr *nsec, const uint8_t *name)
{
    unsigned before = common_labels(owner_of(nsec), name);
    unsigned behind = common_labels(next_of(nsec), name);

    return before > behind ? before : behind;
}

static bool nsec_nodata(const struct dns_denial *d, const uint8_t *name, uint16_t type)
{
    const ldns_rr *rr = nsec_at(d, name);
    uint8_t wildcard[LIMIT_NAME_WIRE];

    if (rr != NULL) {
        return lacks(rr, d->apex, type);
    }
    if (nsec_non_terminal(d, name)) {
        return true;
    }
    return (rr = nsec_without(d, name)) != NULL &&
           make_wildcard(wildcard, last_labels(name, nsec_encloser(rr, name))) &&
           (rr = nsec_at(d, wildcard)) != NULL && lacks(rr, d->apex, type);
}

static bool nsec_nxdomain(const struct dns_denial *d, const uint8_t *name)
{
    const ldns_rr *rr = nsec_without(d, name);
    uint8_t wildcard[LIMIT_NAME_WIRE];

    return rr != NULL && make_wildcard(wildcard, last_labels(name, nsec_encloser(rr, name))) &&
           nsec_without(d, wildcard) != NULL;
}

/* -- NSEC3 -- */

static int digit32(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'v' ? c - 'a' + 10 : -1;
}

/* base32hex without padding, RFC 5155 3.3. */
static bool decode_label(uint8_t dst[static HASH], const uint8_t *name)
{
    uint64_t bits = 0;

    if (name[0] != HASH_TEXT) {
        return false;
    }
    for (size_t i = 0; i < HASH_TEXT; i++) {
        int digit = digit32(name[1 + i]);

        if (digit < 0) {
            return false;
        }
        bits = bits << 5 | (unsigned)digit;
        if (i % 8 == 7) {
            for (size_t k = 0; k < 5; k++) {
                dst[i / 8 * 5 + k] = (uint8_t)(bits >> (32 - 8 * k));
            }
        }
    }
    return true;
}

static bool next_hash(uint8_t dst[static HASH], const ldns_rr *rr)
{
    const ldns_rdf *rdf = ldns_rr_rdf(rr, NSEC3_NEXT);

    if (ldns_rdf_size(rdf) != 1 + HASH || ldns_rdf_data(rdf)[0] != HASH) {
        return false;
    }
    memcpy(dst, ldns_rdf_data(rdf) + 1, HASH);
    return true;
}

static bool hash_name(uint8_t dst[static HASH], const ldns_rr *nsec3, const uint8_t *name)
{
    ldns_rdf *rdf = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, name_len(name), name);
    ldns_rdf *hashed = rdf != NULL ? ldns_nsec3_hash_name_frm_nsec3(nsec3, rdf) : NULL;
    bool made = hashed != NULL && decode_label(dst, ldns_rdf_data(hashed));

    ldns_rdf_deep_free(rdf);
    ldns_rdf_deep_free(hashed);
    return made;
}

static const ldns_rr *nsec3_at(const struct dns_denial *d, const uint8_t hash[static HASH])
{
    uint8_t own[HASH];

    for (size_t i = 0; i < d->nsec3_count; i++) {
        if (decode_label(own, owner_of(d->nsec3[i])) && memcmp(own, hash, HASH) == 0) {
            return d->nsec3[i];
        }
    }
    return NULL;
}

static const ldns_rr *nsec3_without(const struct dns_denial *d, const uint8_t *name)
{
    uint8_t own[HASH], next[HASH], hash[HASH];

    if (d->nsec3_count == 0 || !hash_name(hash, d->nsec3[0], name)) {
        return NULL;
    }
    for (size_t i = 0; i < d->nsec3_count; i++) {
        bool behind, before;

        if (!decode_label(own, owner_of(d->nsec3[i])) || !next_hash(next, d->nsec3[i])) {
            continue;
        }
        behind = memcmp(own, hash, HASH) < 0;
        before = memcmp(hash, next, HASH) < 0;
        /* The last one leads to the first; a zone of one name has one that leads to itself. */
        if (memcmp(own, next, HASH) < 0 ? behind && before
                                        : (behind || before) && memcmp(own, hash, HASH) != 0) {
            return d->nsec3[i];
        }
    }
    return NULL;
}

static const ldns_rr *nsec3_of(const struct dns_denial *d, const uint8_t *name)
{
    uint8_t hash[HASH];

    return d->nsec3_count > 0 && hash_name(hash, d->nsec3[0], name) ? nsec3_at(d, hash) : NULL;
}

/* RFC 5155 8.3: the longest name above that exists, and the record that denies the one below it,
 * or NULL. */
static const ldns_rr *nsec3_encloser(const struct dns_denial *d, const uint8_t *name,
                                     const uint8_t **encloser)
{
    const uint8_t *below = name;

    while (!name_equal(below, d->apex)) {
        const uint8_t *at = name_parent(below);
        const ldns_rr *rr = at != NULL ? nsec3_of(d, at) : NULL;

        if (at == NULL) {
            return NULL;
        }
        if (rr != NULL) {
            *encloser = at;
            return is_delegation(rr) || has_type(rr, LDNS_RR_TYPE_DNAME) ? NULL
                                                                         : nsec3_without(d, below);
        }
        below = at;
    }
    return NULL;
}

static bool is_opt_out(const ldns_rr *nsec3)
{
    return (ldns_rdf2native_int8(ldns_rr_rdf(nsec3, NSEC3_FLAGS)) & 1) != 0;
}

static enum dns_proof nsec3_nodata(const struct dns_denial *d, const uint8_t *name, uint16_t type)
{
    const ldns_rr *rr = nsec3_of(d, name), *cover;
    uint8_t wildcard[LIMIT_NAME_WIRE];
    const uint8_t *encloser;

    if (rr != NULL) {
        return lacks(rr, d->apex, type) ? DNS_PROOF_SECURE : DNS_PROOF_NONE;
    }
    if ((cover = nsec3_encloser(d, name, &encloser)) == NULL) {
        return DNS_PROOF_NONE;
    }
    if (is_opt_out(cover)) {
        return DNS_PROOF_INSECURE;
    }
    return make_wildcard(wildcard, encloser) && (rr = nsec3_of(d, wildcard)) != NULL &&
                   lacks(rr, d->apex, type)
               ? DNS_PROOF_SECURE
               : DNS_PROOF_NONE;
}

static enum dns_proof nsec3_nxdomain(const struct dns_denial *d, const uint8_t *name)
{
    const uint8_t *encloser;
    const ldns_rr *cover = nsec3_encloser(d, name, &encloser);
    uint8_t wildcard[LIMIT_NAME_WIRE];

    if (cover == NULL || nsec3_of(d, name) != NULL || !make_wildcard(wildcard, encloser) ||
        nsec3_without(d, wildcard) == NULL) {
        return DNS_PROOF_NONE;
    }
    return is_opt_out(cover) ? DNS_PROOF_INSECURE : DNS_PROOF_SECURE; /* RFC 5155 9.2 */
}

/* -- either -- */

static enum dns_proof none(const struct dns_denial *d)
{
    return d->costly ? DNS_PROOF_INSECURE : DNS_PROOF_NONE;
}

enum dns_proof dns_denial_nodata(const struct dns_denial *denial, const uint8_t *name,
                                 uint16_t type)
{
    enum dns_proof proof = DNS_PROOF_NONE;

    if (nsec_nodata(denial, name, type)) {
        return DNS_PROOF_SECURE;
    }
    proof = nsec3_nodata(denial, name, type);
    return proof != DNS_PROOF_NONE ? proof : none(denial);
}

enum dns_proof dns_denial_nxdomain(const struct dns_denial *denial, const uint8_t *name)
{
    enum dns_proof proof;

    if (nsec_nxdomain(denial, name)) {
        return DNS_PROOF_SECURE;
    }
    proof = nsec3_nxdomain(denial, name);
    return proof != DNS_PROOF_NONE ? proof : none(denial);
}

enum dns_proof dns_denial_wildcard(const struct dns_denial *denial, const uint8_t *name,
                                   unsigned labels)
{
    const ldns_rr *rr = nsec_without(denial, name);

    if (rr != NULL && nsec_encloser(rr, name) <= labels) {
        return DNS_PROOF_SECURE;
    }
    if ((rr = nsec3_without(denial, last_labels(name, labels + 1))) != NULL) {
        return is_opt_out(rr) ? DNS_PROOF_INSECURE : DNS_PROOF_SECURE; /* RFC 5155 8.8 */
    }
    return none(denial);
}

enum dns_zone_state dns_denial_ds(const struct dns_denial *denial, const uint8_t *name)
{
    const ldns_rr *rr = nsec_at(denial, name);
    const uint8_t *encloser;

    if (rr != NULL || (rr = nsec3_of(denial, name)) != NULL) {
        return cut_at(rr);
    }
    if (nsec_non_terminal(denial, name)) {
        return DNS_ZONE_NO_CUT;
    }
    if (nsec_without(denial, name) != NULL) {
        return DNS_ZONE_NO_NAME;
    }
    if ((rr = nsec3_encloser(denial, name, &encloser)) != NULL) {
        return is_opt_out(rr) ? DNS_ZONE_INSECURE : DNS_ZONE_NO_NAME;
    }
    return denial->costly ? DNS_ZONE_INSECURE : DNS_ZONE_BOGUS;
}

/* -- the records -- */

/* NSEC3 with other parameters than the first are not of its chain (RFC 5155 8.2). */
static bool same_chain(const ldns_rr *a, const ldns_rr *b)
{
    return ldns_rdf_compare(ldns_rr_rdf(a, NSEC3_ITERATIONS), ldns_rr_rdf(b, NSEC3_ITERATIONS)) ==
               0 &&
           ldns_rdf_compare(ldns_rr_rdf(a, NSEC3_SALT), ldns_rr_rdf(b, NSEC3_SALT)) == 0;
}

static void take_nsec3(struct dns_denial *out, const ldns_rr *rr)
{
    const uint8_t *parent = name_parent(owner_of(rr));

    if (ldns_rr_rd_count(rr) < NSEC3_TYPES || parent == NULL || !name_equal(parent, out->apex) ||
        ldns_rdf2native_int8(ldns_rr_rdf(rr, NSEC3_ALGORITHM)) != LDNS_SHA1 ||
        (ldns_rdf2native_int8(ldns_rr_rdf(rr, NSEC3_FLAGS)) & ~1U) != 0) {
        return; /* RFC 5155 8.1, 8.2 */
    }
    if (ldns_rdf2native_int16(ldns_rr_rdf(rr, NSEC3_ITERATIONS)) > LIMIT_DNS_ITERATIONS) {
        out->costly = true;
    } else if (out->nsec3_count == 0 || same_chain(out->nsec3[0], rr)) {
        out->nsec3[out->nsec3_count++] = rr;
    }
}

void dns_denial_gather(struct dns_denial *out, const struct dns_check *check, const ldns_pkt *pkt,
                       const uint8_t *apex, const ldns_rr_list *keys)
{
    const ldns_rr_list *list = ldns_pkt_authority(pkt);
    unsigned seen = 0;

    *out = (struct dns_denial){.apex = apex};
    for (size_t i = 0; i < ldns_rr_list_rr_count(list) && seen < LIMIT_DNS_DENIALS; i++) {
        const ldns_rr *rr = ldns_rr_list_rr(list, i);
        const ldns_rr_type type = ldns_rr_get_type(rr);
        uint8_t owner[LIMIT_NAME_WIRE], signer[LIMIT_NAME_WIRE];
        unsigned labels;

        /* Only of class IN is what is verified below; another's would come along unverified. */
        if ((type != LDNS_RR_TYPE_NSEC && type != LDNS_RR_TYPE_NSEC3) ||
            ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN ||
            name_measure(owner_of(rr), ldns_rdf_size(ldns_rr_owner(rr))) < 0) {
            continue;
        }
        (void)name_lower(owner, owner_of(rr));
        if (!dns_rrset_signer(signer, list, owner, (uint16_t)type) || !name_equal(signer, apex)) {
            continue;
        }
        seen++;
        if (!dns_rrset_verify(check, list, owner, (uint16_t)type, apex, keys, &labels) ||
            labels != dns_rrset_labels(owner)) {
            continue;
        }
        if (type == LDNS_RR_TYPE_NSEC3) {
            take_nsec3(out, rr);
        } else if (ldns_rr_rd_count(rr) == NSEC_FIELDS && name_within(next_of(rr), apex)) {
            out->nsec[out->nsec_count++] = rr;
        }
    }
}
