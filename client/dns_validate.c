/*
 * What a reply says, judged by the keys of the zone it comes from. That zone is the signer's where
 * there is a signature (it signs nothing outside itself), else the one that the name is in: there
 * must be none where that zone is signed.
 */
#include "client/dns_priv.h"

#include "zones/name.h"

/* The records of a name and type, or their absence. */
struct subject {
    struct dns *dns;
    const uint8_t *name;
    uint16_t type;
    enum dns_trust *trust;
    char *reason;
};

static struct dns_check check_of(const struct subject *s)
{
    return (struct dns_check){
        .now = (uint32_t)clock_wall_s(s->dns->clock), .left = &s->dns->checks, .reason = s->reason};
}

static void set_bogus(const struct subject *s, const char *before, const char *behind)
{
    char what[192];

    dns_rrset_text(what, s->name, s->type);
    *s->trust = DNS_BOGUS;
    dns_say(s->reason, "%s%s%s", before, what, behind);
}

/* Its keys where it is signed and signs what it was said to; else NULL, and trust is set. */
static int zone_of(const struct subject *s, const uint8_t *signer, const struct dns_zone **out)
{
    const uint8_t *where = signer;
    const struct dns_zone *zone;
    int ret;

    if (where == NULL) { /* a DS is its parent's */
        where = s->type == LDNS_RR_TYPE_DS && *s->name != 0 ? name_parent(s->name) : s->name;
    }
    *out = NULL;
    if ((ret = dns_chain_zone(s->dns, where, &zone)) < 0) {
        return ret;
    }
    switch (zone->state) {
    case DNS_ZONE_INSECURE:
        *s->trust = DNS_INSECURE;
        return 0;
    case DNS_ZONE_UNKNOWN:
    case DNS_ZONE_BOGUS:
        *s->trust = zone->state == DNS_ZONE_BOGUS ? DNS_BOGUS : DNS_INDETERMINATE;
        dns_say(s->reason, "%s", zone->reason);
        return 0;
    default:
        break;
    }
    if (signer == NULL) {
        return 0;
    }
    if (name_equal(zone->name, signer)) {
        *out = zone;
    }
    return 0;
}

int dns_validate_records(struct dns *dns, const ldns_pkt *pkt, const uint8_t *owner, uint16_t type,
                         enum dns_trust *trust, char *reason)
{
    const struct subject s = {dns, owner, type, trust, reason};
    const struct dns_check check = check_of(&s);
    uint8_t signer[LIMIT_NAME_WIRE];
    const bool is_signed = dns_rrset_signer(signer, ldns_pkt_answer(pkt), owner, type);
    const struct dns_zone *zone;
    struct dns_denial denial;
    unsigned labels;
    int ret;

    set_bogus(&s, "",
              is_signed ? " is signed in the name of what is no signed zone"
                        : " has no signature, although the zone it is in is signed");
    if ((ret = zone_of(&s, is_signed ? signer : NULL, &zone)) < 0 || zone == NULL) {
        return ret;
    }
    if (!dns_rrset_verify(&check, ldns_pkt_answer(pkt), owner, type, zone->name, zone->keys,
                          &labels)) {
        return 0;
    }
    if (labels == dns_rrset_labels(owner)) {
        *trust = DNS_SECURE;
        return 0;
    }
    dns_denial_gather(&denial, &check, pkt, zone->name, zone->keys);
    switch (dns_denial_wildcard(&denial, owner, labels)) {
    case DNS_PROOF_SECURE:
        *trust = DNS_SECURE;
        break;
    case DNS_PROOF_INSECURE:
        *trust = DNS_INSECURE;
        break;
    case DNS_PROOF_NONE:
        set_bogus(&s, "",
                  " comes from a wildcard, and nothing proves that there is none of its own");
        break;
    }
    return 0;
}

int dns_validate_denial(struct dns *dns, const ldns_pkt *pkt, const uint8_t *name, uint16_t type,
                        enum dns_trust *trust, char *reason)
{
    const struct subject s = {dns, name, type, trust, reason};
    const struct dns_check check = check_of(&s);
    uint8_t signer[LIMIT_NAME_WIRE];
    const bool is_signed = dns_rrset_proof_signer(signer, ldns_pkt_authority(pkt), name);
    const struct dns_zone *zone;
    struct dns_denial denial;
    enum dns_proof proof;
    int ret;

    set_bogus(&s, "the absence of ",
              is_signed ? " is signed in the name of what is no signed zone"
                        : " is not signed, although the zone is");
    if ((ret = zone_of(&s, is_signed ? signer : NULL, &zone)) < 0 || zone == NULL) {
        return ret;
    }
    dns_denial_gather(&denial, &check, pkt, zone->name, zone->keys);
    proof = dns_reply_code(pkt) == LDNS_RCODE_NXDOMAIN ? dns_denial_nxdomain(&denial, name)
                                                       : dns_denial_nodata(&denial, name, type);
    switch (proof) {
    case DNS_PROOF_SECURE:
        *trust = DNS_SECURE;
        break;
    case DNS_PROOF_INSECURE:
        *trust = DNS_INSECURE;
        break;
    case DNS_PROOF_NONE:
        set_bogus(&s, "nothing proves the absence of ", "");
        break;
    }
    return 0;
}
