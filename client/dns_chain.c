/*
 * The tree of zones, as far as it had to be walked: for each name on the way whether a zone begins
 * there, and its keys where there is a chain of trust from the root's (RFC 4035 5, RFC 6840). What
 * was learnt serves all later questions of the run.
 */
#include "client/dns_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zones/name.h"

enum ds_field { DS_TAG, DS_ALGORITHM, DS_DIGEST, DS_HASH, DS_FIELDS };

static const uint8_t root[] = {0};

static struct dns_check check_of(struct dns *dns, struct dns_zone *zone)
{
    return (struct dns_check){
        .now = (uint32_t)clock_wall_s(dns->clock), .left = &dns->checks, .reason = zone->reason};
}

static void free_zone(struct dns_zone *zone)
{
    ldns_rr_list_deep_free(zone->keys);
    free(zone);
}

void dns_chain_begin(struct dns *dns)
{
    const bool full = dns->zone_count >= LIMIT_DNS_ZONES_KEPT;
    struct dns_zone **at = &dns->zones, *zone;

    while ((zone = *at) != NULL) {
        if (full || zone->state == DNS_ZONE_UNKNOWN) {
            *at = zone->next;
            dns->zone_count--;
            free_zone(zone);
        } else {
            at = &zone->next;
        }
    }
}

void dns_chain_clear(struct dns *dns)
{
    struct dns_zone *zone;

    while ((zone = dns->zones) != NULL) {
        dns->zones = zone->next;
        free_zone(zone);
    }
    dns->zone_count = 0;
}

/* -- questions -- */

/* A reply to go on with; else *pkt is NULL and the zone's state UNKNOWN. */
static int fetch(struct dns *dns, struct dns_zone *zone, uint16_t type, ldns_pkt **pkt)
{
    const struct dnsmsg_question question = {
        .name = zone->name,
        .type = type,
        .recursion_desired = true,
        .checking_disabled = true, /* a validating resolver would hide what is wrong */
        .authenticated_data = true,
    };
    struct dns_reply reply;
    char what[192], server[DNSADDR_TEXT], code[32];
    int ret = dns_question(dns, &question, &reply);

    *pkt = reply.pkt;
    if (ret < 0 || (reply.pkt != NULL && (dns_reply_code(reply.pkt) == LDNS_RCODE_NOERROR ||
                                          dns_reply_code(reply.pkt) == LDNS_RCODE_NXDOMAIN))) {
        return ret;
    }
    dns_rrset_text(what, zone->name, type);
    zone->state = DNS_ZONE_UNKNOWN;
    if (reply.pkt != NULL) {
        dns_reply_code_text(code, dns_reply_code(reply.pkt));
        dnsaddr_text(server, &dns->servers[reply.server]);
        dns_say(reply.reason, "%s answered %s", server, code);
    }
    dns_say(zone->reason, "cannot be validated: %s: %s", what, reply.reason);
    ldns_pkt_free(reply.pkt);
    *pkt = NULL;
    return 0;
}

/* -- a zone's keys -- */

static bool ds_known(const ldns_rr *ds)
{
    return ldns_rr_rd_count(ds) == DS_FIELDS &&
           dns_rrset_algorithm_known(ldns_rdf2native_int8(ldns_rr_rdf(ds, DS_ALGORITHM))) &&
           dns_rrset_digest_known(ldns_rdf2native_int8(ldns_rr_rdf(ds, DS_DIGEST)));
}

static bool ds_matches(const ldns_rr *ds, const ldns_rr *key)
{
    ldns_rr *made;
    bool same;

    if (ldns_calc_keytag(key) != ldns_rdf2native_int16(ldns_rr_rdf(ds, DS_TAG)) ||
        ldns_rdf_compare(ldns_rr_rdf(key, 2), ldns_rr_rdf(ds, DS_ALGORITHM)) != 0) {
        return false;
    }
    made = ldns_key_rr2ds(key, (ldns_hash)ldns_rdf2native_int8(ldns_rr_rdf(ds, DS_DIGEST)));
    same = made != NULL && ldns_rr_rd_count(made) == DS_FIELDS &&
           ldns_rdf_compare(ldns_rr_rdf(made, DS_HASH), ldns_rr_rdf(ds, DS_HASH)) == 0;
    ldns_rr_free(made);
    return same;
}

/* Whether a trusted DS, or DNSKEY out of the trust anchor, is this key. */
static bool is_trusted(const ldns_rr *trusted, const ldns_rr *key)
{
    if (!dns_rrset_zone_key(key)) {
        return false;
    }
    if (ldns_rr_get_type(trusted) == LDNS_RR_TYPE_DS) {
        return ds_known(trusted) && ds_matches(trusted, key);
    }
    for (size_t i = 0; i < ldns_rr_rd_count(key); i++) {
        if (ldns_rdf_compare(ldns_rr_rdf(trusted, i), ldns_rr_rdf(key, i)) != 0) {
            return false;
        }
    }
    return true;
}

/* The zone's DNSKEY records, cloned: name_equal, class and type looked at by dnsmsg_find. */
static ldns_rr_list *keys_in(const ldns_pkt *pkt, const uint8_t *owner)
{
    ldns_rr_list *keys = ldns_rr_list_new();
    const ldns_rr *rr;
    size_t at = 0;

    while (keys != NULL &&
           (rr = dnsmsg_find(ldns_pkt_answer(pkt), owner, LDNS_RR_TYPE_DNSKEY, &at)) != NULL) {
        (void)ldns_rr_list_push_rr(keys, ldns_rr_clone(rr));
    }
    return keys;
}

/* RFC 4035 5.2: a key that is trusted has signed all keys. */
static bool prove_keys(struct dns *dns, struct dns_zone *zone, const ldns_pkt *pkt,
                       const ldns_rr_list *keys, const ldns_rr_list *trusted)
{
    const struct dns_check check = check_of(dns, zone);
    ldns_rr_list *trusted_keys = ldns_rr_list_new();
    char name[LIMIT_NAME_TEXT];
    unsigned labels, compared = 0;
    bool right;

    for (size_t i = 0; trusted_keys != NULL && i < ldns_rr_list_rr_count(trusted); i++) {
        for (size_t k = 0; k < ldns_rr_list_rr_count(keys); k++) {
            if (compared >= LIMIT_DNS_DS * LIMIT_DNS_DS) {
                break;
            }
            compared++;
            if (is_trusted(ldns_rr_list_rr(trusted, i), ldns_rr_list_rr(keys, k))) {
                (void)ldns_rr_list_push_rr(trusted_keys, ldns_rr_list_rr(keys, k));
            }
        }
    }
    right = trusted_keys != NULL &&
            dns_rrset_verify(&check, ldns_pkt_answer(pkt), zone->name, LDNS_RR_TYPE_DNSKEY,
                             zone->name, trusted_keys, &labels);
    if (trusted_keys == NULL || ldns_rr_list_rr_count(trusted_keys) == 0) {
        name_to_text(name, zone->name);
        dns_say(zone->reason,
                *zone->name == 0 ? "none of the keys of the root%.0s is in the trust anchor"
                : ldns_rr_list_rr_count(keys) == 0
                    ? "%.150s has a DS but no DNSKEY record"
                    : "none of the keys (DNSKEY) of %.150s has the DS that its parent has",
                name);
    }
    ldns_rr_list_free(trusted_keys);
    return right;
}

static int learn_keys(struct dns *dns, struct dns_zone *zone, const ldns_rr_list *trusted)
{
    ldns_rr_list *keys;
    ldns_pkt *pkt;
    int ret = fetch(dns, zone, LDNS_RR_TYPE_DNSKEY, &pkt);

    if (ret < 0 || pkt == NULL) {
        return ret;
    }
    if ((keys = keys_in(pkt, zone->name)) == NULL) {
        ldns_pkt_free(pkt);
        return -ENOMEM;
    }
    if (prove_keys(dns, zone, pkt, keys, trusted)) {
        zone->state = DNS_ZONE_SIGNED;
        zone->keys = keys;
    } else {
        zone->state = DNS_ZONE_BOGUS;
        ldns_rr_list_deep_free(keys);
    }
    ldns_pkt_free(pkt);
    return 0;
}

/* -- a name below a zone -- */

/* The DS records that we can use; SHA-1 only where there is nothing better (RFC 4509 3). */
static ldns_rr_list *usable_ds(const ldns_pkt *pkt, const uint8_t *owner)
{
    ldns_rr_list *list = ldns_rr_list_new();
    bool better = false;

    for (int pass = 0; list != NULL && pass < 2; pass++) {
        size_t at = 0;
        const ldns_rr *rr;

        while ((rr = dnsmsg_find(ldns_pkt_answer(pkt), owner, LDNS_RR_TYPE_DS, &at)) != NULL) {
            const bool sha1 =
                ds_known(rr) && ldns_rdf2native_int8(ldns_rr_rdf(rr, DS_DIGEST)) == LDNS_SHA1;

            better = better || (ds_known(rr) && !sha1);
            if (pass == 1 && ds_known(rr) && !(sha1 && better) &&
                ldns_rr_list_rr_count(list) < LIMIT_DNS_DS) {
                (void)ldns_rr_list_push_rr(list, (ldns_rr *)rr);
            }
        }
    }
    return list;
}

static int learn_child(struct dns *dns, struct dns_zone *zone, const struct dns_zone *parent,
                       const ldns_pkt *pkt)
{
    const struct dns_check check = check_of(dns, zone);
    ldns_rr_list *ds;
    unsigned labels;
    int ret = 0;

    if (!dns_rrset_verify(&check, ldns_pkt_answer(pkt), zone->name, LDNS_RR_TYPE_DS, parent->name,
                          parent->keys, &labels)) {
        zone->state = DNS_ZONE_BOGUS;
        return 0;
    }
    if ((ds = usable_ds(pkt, zone->name)) == NULL) {
        return -ENOMEM;
    }
    if (ldns_rr_list_rr_count(ds) == 0) {
        zone->state = DNS_ZONE_INSECURE; /* RFC 4035 5.2, RFC 6840 5.2 */
    } else {
        ret = learn_keys(dns, zone, ds);
    }
    ldns_rr_list_free(ds);
    return ret;
}

/* No DS. */
static void learn_absence(struct dns *dns, struct dns_zone *zone, const struct dns_zone *parent,
                          const ldns_pkt *pkt)
{
    const struct dns_check check = check_of(dns, zone);
    struct dns_denial denial;
    char what[192];

    dns_denial_gather(&denial, &check, pkt, parent->name, parent->keys);
    zone->state = dns_denial_ds(&denial, zone->name);
    dns_rrset_text(what, zone->name, LDNS_RR_TYPE_DS);
    dns_say(zone->reason, "nothing proves that there is no %s", what);
}

/* An alias there: no zone begins at a CNAME, and below a DNAME there is nothing. */
static void learn_alias(struct dns *dns, struct dns_zone *zone, const struct dns_zone *parent,
                        const ldns_pkt *pkt, const struct dns_found *found)
{
    const struct dns_check check = check_of(dns, zone);
    unsigned labels;

    if (!name_within(found->by, parent->name) ||
        !dns_rrset_verify(&check, ldns_pkt_answer(pkt), found->by, (uint16_t)found->by_type,
                          parent->name, parent->keys, &labels)) {
        zone->state = DNS_ZONE_BOGUS;
    } else {
        zone->state = found->by_type == LDNS_RR_TYPE_CNAME ? DNS_ZONE_NO_CUT : DNS_ZONE_NO_NAME;
    }
}

static int learn(struct dns *dns, struct dns_zone *zone, const struct dns_zone *parent)
{
    struct dns_found found;
    ldns_pkt *pkt;
    int ret;

    if (parent == NULL) {
        return learn_keys(dns, zone, dns->anchors);
    }
    if ((ret = fetch(dns, zone, LDNS_RR_TYPE_DS, &pkt)) < 0 || pkt == NULL) {
        return ret;
    }
    dns_reply_find(&found, pkt, zone->name, LDNS_RR_TYPE_DS);
    if (found.step == DNS_STEP_FOUND) {
        ret = learn_child(dns, zone, parent, pkt);
    } else if (found.step == DNS_STEP_SILENT) {
        learn_absence(dns, zone, parent, pkt);
    } else {
        learn_alias(dns, zone, parent, pkt, &found);
    }
    ldns_pkt_free(pkt);
    return ret;
}

/* -- the walk -- */

static int place(struct dns *dns, const uint8_t *name, const struct dns_zone *parent,
                 struct dns_zone **out)
{
    struct dns_zone *zone;
    int ret;

    for (zone = dns->zones; zone != NULL; zone = zone->next) {
        if (name_equal(zone->name, name)) {
            *out = zone;
            return 0;
        }
    }
    if ((zone = calloc(1, sizeof *zone)) == NULL) {
        return -ENOMEM;
    }
    (void)name_lower(zone->name, name);
    if ((ret = learn(dns, zone, parent)) < 0) {
        free_zone(zone);
        return ret;
    }
    zone->next = dns->zones;
    dns->zones = zone;
    dns->zone_count++;
    *out = zone;
    return 0;
}

int dns_chain_zone(struct dns *dns, const uint8_t *name, const struct dns_zone **zone)
{
    unsigned labels = name_labels(name);
    struct dns_zone *at, *parent;
    int ret = place(dns, root, NULL, &parent);

    for (unsigned i = 1; ret == 0 && parent->state == DNS_ZONE_SIGNED && i <= labels; i++) {
        const uint8_t *here = name;

        for (unsigned skip = labels - i; skip > 0; skip--) {
            here = name_parent(here);
        }
        if ((ret = place(dns, here, parent, &at)) < 0 || at->state == DNS_ZONE_NO_NAME) {
            break;
        }
        if (at->state != DNS_ZONE_NO_CUT) {
            parent = at;
        }
    }
    *zone = ret == 0 ? parent : NULL;
    return ret;
}
