#include "dnsd/answer.h"

#include "common/limits.h"
#include "dnsd/lower.h"
#include "zones/name.h"

/* The name that is looked for now: the question's, or where a CNAME led. */
static struct reply_owner current_name(const struct answer *a, size_t offset)
{
    return (struct reply_owner){offset, a->info->name, a->info->name_len};
}

/* Whether rdata that stands in the answer is one name; a broken image must not lead us astray. */
static bool is_name(const uint8_t *rdata, size_t len)
{
    return len <= LIMIT_NAME_WIRE && name_measure(rdata, len) == (int)len;
}

/* The last octets of a name, from skip on, as an owner of their own. */
static struct reply_owner suffix(const struct reply_owner *name, size_t skip)
{
    return (struct reply_owner){name->offset + skip, name->name + skip, name->name_len - skip};
}

static bool put_at(struct answer *a, const struct image_rrset *rrset,
                   const struct reply_owner *owner)
{
    bool fits = owner->offset == DNS_HEADER ? reply_put_answer(&a->reply, rrset)
                                            : reply_put(&a->reply, rrset, owner, &a->reply.answer);

    a->truncated |= !fits;
    return fits;
}

/* NXDOMAIN or NODATA: the SOA with the negative TTL (RFC 2308 3, 5). */
static void put_soa(struct answer *a, const struct image_zone *zone, const struct reply_owner *name)
{
    size_t apex_len = name_len(image_zone_apex(a->image, zone));
    struct reply_owner apex = suffix(name, name->name_len - apex_len);
    uint8_t *soa = a->reply.out + a->reply.len;

    if (!reply_put(&a->reply, image_zone_soa(a->image, zone), &apex, &a->reply.authority)) {
        a->truncated = true;
        return;
    }
    wire_write_u32(soa + 6, image_zone_negative_ttl(a->image, zone));
}

static void nodata(struct answer *a, const struct image_zone *zone, const struct reply_owner *name)
{
    a->info->outcome = QUERY_NODATA;
    put_soa(a, zone, name);
}

static void nxdomain(struct answer *a, const struct image_zone *zone,
                     const struct reply_owner *name)
{
    a->info->outcome = QUERY_NXDOMAIN;
    a->rcode = DNS_NXDOMAIN;
    put_soa(a, zone, name);
}

/* One of the address RRsets of a nameserver. required: RFC 9471 2.1 */
static bool put_address(struct answer *a, const struct image_node *node, uint16_t type,
                        const struct reply_owner *owner, bool required)
{
    const struct image_rrset *rrset = image_node_rrset(a->image, node, type);

    if (rrset == NULL || reply_put(&a->reply, rrset, owner, &a->reply.additional)) {
        return true;
    }
    a->truncated |= required;
    return !required;
}

/* An NS RRset that stands at from in the answer. */
struct servers {
    const struct image_zone *zone;
    size_t from;
    uint16_t count;
    const uint8_t *cut; /* the delegated name, below which addresses are required; NULL at apex */
};

/* The addresses of nameservers: those that are required, or the others. */
static void put_addresses(struct answer *a, const struct servers *ns, bool required)
{
    const uint8_t *apex = image_zone_apex(a->image, ns->zone);
    uint8_t target[LOWER_ROOM];
    size_t pos = ns->from;

    for (uint16_t i = ns->count; i > 0; i--) {
        struct reply_owner owner = {pos + 2 + DNS_RR_FIXED, a->reply.out + pos + 2 + DNS_RR_FIXED,
                                    wire_read_u16(a->reply.out + pos + 10)};
        const struct image_node *node = NULL;

        pos = owner.offset + owner.name_len;
        if (!is_name(owner.name, owner.name_len)) {
            continue;
        }
        lower_copy(target, owner.name, owner.name_len);
        if ((ns->cut != NULL && name_within(target, ns->cut)) != required) {
            continue;
        }
        if (name_within(target, apex)) {
            node = image_find(a->image, ns->zone, target, owner.name_len);
        }
        if (node == NULL) {
            continue;
        }
        if (!put_address(a, node, DNS_TYPE_A, &owner, required) ||
            !put_address(a, node, DNS_TYPE_AAAA, &owner, required)) {
            return;
        }
    }
}

static void referral(struct answer *a, const struct image_result *found,
                     const struct reply_owner *name)
{
    const struct image_rrset *ns = image_node_rrset(a->image, found->node, DNS_TYPE_NS);
    struct reply_owner cut = suffix(name, found->node_offset);
    size_t from = a->reply.len;

    a->info->outcome = QUERY_REFERRAL;
    a->authoritative = a->reply.answer > 0;
    if (ns == NULL || !reply_put(&a->reply, ns, &cut, &a->reply.authority)) {
        a->truncated = true;
        return;
    }
    const struct servers servers = {found->zone, from, image_rrset_count(ns), cut.name};
    put_addresses(a, &servers, true);
    if (!a->truncated) {
        put_addresses(a, &servers, false);
    }
}

/* RFC 8482 4.1: one RRset is enough; the smallest, as nobody needs it. */
static const struct image_rrset *any_rrset(const struct image *image, const struct image_node *node)
{
    const struct image_rrset *best = NULL;
    size_t best_len = SIZE_MAX;

    for (const struct image_rrset *i = image_node_first(image, node); i != NULL;
         i = image_rrset_next(image, i)) {
        size_t len;

        (void)image_rrset_wire(i, &len);
        if (len < best_len) {
            best = i;
            best_len = len;
        }
    }
    return best;
}

/* Whether the name that is looked for now was on the way already: going on would only repeat it. */
static bool is_circle(const struct answer *a)
{
    uint8_t name[LOWER_ROOM];

    for (unsigned i = 0; i < a->links; i++) {
        if (a->passed[i].len == a->info->name_len) {
            lower_copy(name, a->reply.out + a->passed[i].offset, a->info->name_len);
            if (memcmp(name, a->info->name, a->info->name_len) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* Whether a DNAME has led on already, and so stands in the answer: no record stands there twice
 * (RFC 2181 5). */
static bool has_dname(const struct answer *a, const struct image_rrset *dname)
{
    for (unsigned i = 0; i < a->links; i++) {
        if (a->passed[i].dname == dname) {
            return true;
        }
    }
    return false;
}

/* The name of *name becomes target, which stands in the answer at offset; dname led there, or a
 * CNAME where it is NULL. */
static bool follow(struct answer *a, struct reply_owner *name, const struct image_rrset *dname,
                   size_t offset, size_t target_len)
{
    if (!is_name(a->reply.out + offset, target_len)) {
        return false;
    }
    lower_copy(a->info->name, a->reply.out + offset, target_len);
    a->info->name_len = (uint8_t)target_len;
    a->passed[a->links++] = (struct answer_link){name->offset, name->name_len, dname};
    *name = current_name(a, offset);
    return !is_circle(a);
}

/* A node that the name exists at (itself or by a wildcard). True: a CNAME leads on to *name. */
static bool at_node(struct answer *a, const struct image_result *found, struct reply_owner *name)
{
    uint16_t qtype = a->info->qtype;
    const struct image_rrset *rrset = qtype == DNS_TYPE_ANY
                                          ? any_rrset(a->image, found->node)
                                          : image_node_rrset(a->image, found->node, qtype);
    size_t from = a->reply.len;

    a->info->challenge = found->match == IMAGE_NODE && image_node_challenge(found->node) &&
                         name->name_len > name_len(image_zone_apex(a->image, found->zone));
    if (rrset != NULL) {
        a->info->outcome = QUERY_ANSWERED;
        if (!has_dname(a, rrset) && put_at(a, rrset, name) && qtype == DNS_TYPE_NS) {
            const struct servers servers = {found->zone, from, image_rrset_count(rrset), NULL};
            put_addresses(a, &servers, false);
        }
        return false;
    }
    rrset = image_node_rrset(a->image, found->node, DNS_TYPE_CNAME);
    if (rrset == NULL || qtype == DNS_TYPE_ANY) {
        nodata(a, found->zone, name);
        return false;
    }
    a->info->outcome = QUERY_ANSWERED;
    if (!put_at(a, rrset, name)) {
        return false;
    }
    from += 2;
    return follow(a, name, NULL, from + DNS_RR_FIXED, wire_read_u16(a->reply.out + from + 8));
}

/* RFC 6672 3.2: the DNAME, a CNAME made from it, and on to its target. */
static bool below_dname(struct answer *a, const struct image_result *found,
                        struct reply_owner *name)
{
    const struct image_rrset *dname = image_node_rrset(a->image, found->node, DNS_TYPE_DNAME);
    struct reply_owner owner = suffix(name, found->node_offset);
    uint8_t target[LIMIT_NAME_WIRE];
    size_t wire_len;

    a->info->outcome = QUERY_ANSWERED;
    if (dname == NULL ||
        !(has_dname(a, dname) || reply_put(&a->reply, dname, &owner, &a->reply.answer))) {
        a->truncated = true;
        return false;
    }
    const uint8_t *rr = image_rrset_wire(dname, &wire_len) + 2;
    size_t rdata_len = wire_read_u16(rr + 8), target_len = found->node_offset + rdata_len;
    if (target_len > LIMIT_NAME_WIRE) {
        a->rcode = DNS_YXDOMAIN;
        return false;
    }
    memcpy(target, a->reply.out + name->offset, found->node_offset);
    memcpy(target + found->node_offset, rr + DNS_RR_FIXED, rdata_len);
    if (!reply_put_cname(&a->reply, name, wire_read_u32(rr + 4), target, target_len)) {
        a->truncated = true;
        return false;
    }
    if (a->info->qtype == DNS_TYPE_CNAME || a->info->qtype == DNS_TYPE_ANY) {
        return false;
    }
    return follow(a, name, dname, a->reply.len - target_len, target_len);
}

/* DS belongs to the parent's side of a cut (RFC 4035 3.1.4.1). False: nothing special here. */
static bool at_cut_ds(struct answer *a, const struct image_result *found,
                      const struct reply_owner *name)
{
    const struct image_zone *zone = found->zone;
    const struct image_node *node = found->node;

    if (found->match == IMAGE_NODE && name->name_len > 1 &&
        name_len(image_zone_apex(a->image, zone)) == name->name_len) {
        size_t skip = 1u + name->name[0];
        struct image_result parent;

        image_lookup(a->image, name->name + skip, name->name_len - skip, &parent);
        if (parent.match == IMAGE_NO_ZONE) {
            return false;
        }
        if (parent.match == IMAGE_DELEGATION) { /* the parent is further down, and not here */
            parent.node_offset += skip;
            referral(a, &parent, name);
            return true;
        }
        zone = parent.zone;
        node = image_find(a->image, zone, name->name, name->name_len);
    } else if (found->match != IMAGE_DELEGATION || found->node_offset != 0) {
        return false;
    }
    const struct image_rrset *ds =
        node != NULL ? image_node_rrset(a->image, node, DNS_TYPE_DS) : NULL;
    if (ds == NULL) {
        nodata(a, zone, name);
    } else {
        a->info->outcome = QUERY_ANSWERED;
        (void)put_at(a, ds, name);
    }
    return true;
}

/* One name. True: look for *name next. */
static bool step(struct answer *a, struct reply_owner *name)
{
    struct image_result found;

    if (a->hash != NULL) {
        image_lookup_hashed(a->image, name->name, name->name_len, *a->hash, &found);
        a->hash = NULL; /* no other name's */
    } else {
        image_lookup(a->image, name->name, name->name_len, &found);
    }
    if (found.match == IMAGE_NO_ZONE) {
        if (a->reply.answer == 0) {
            a->info->outcome = QUERY_REFUSED;
            a->rcode = DNS_REFUSED;
            a->error = DNS_EDE_NOT_AUTHORITATIVE;
        }
        return false;
    }
    a->authoritative = true;
    if (a->info->qtype == DNS_TYPE_DS && at_cut_ds(a, &found, name)) {
        return false;
    }
    switch (found.match) {
    case IMAGE_NODE:
    case IMAGE_WILDCARD:
        return at_node(a, &found, name);
    case IMAGE_DNAME:
        return below_dname(a, &found, name);
    case IMAGE_DELEGATION:
        referral(a, &found, name);
        return false;
    default:
        nxdomain(a, found.zone, name);
        return false;
    }
}

void answer_build(struct answer *answer)
{
    struct reply_owner name = current_name(answer, DNS_HEADER);

    for (int i = 0; i < LIMIT_CNAME_CHAIN; i++) {
        if (!step(answer, &name)) {
            return;
        }
    }
}
