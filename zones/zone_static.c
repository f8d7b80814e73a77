#include "zones/zone_static.h"

#include <errno.h>
#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zones/image_format.h"
#include "zones/name.h"
#include "zones/rdata.h"

int zone_key_compare(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

int zone_static_new(struct zone_static **out, const char *apex, struct err *err)
{
    struct zone_static *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        return err_set(err, -ENOMEM, "zone %.253s: out of memory", apex);
    }
    int len = name_from_text(s->apex, apex);
    if (len < 0) {
        free(s);
        return err_set(err, ERR_MALFORMED, "zone \"%.253s\": not a domain name", apex);
    }
    s->apex_len = (uint8_t)name_lower(s->apex, s->apex);
    *out = s;
    return 0;
}

void zone_static_free(struct zone_static *s)
{
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; i < s->count; i++) {
        free(s->records[i]);
    }
    free(s->records);
    free(s->nodes);
    free(s);
}

/* The type's name, as RFC 3597 has it where there is none. */
static void type_text(char dst[static 16], uint16_t type)
{
    const ldns_rr_descriptor *descriptor = ldns_rr_descript(type);

    if (descriptor != NULL && descriptor->_name != NULL) {
        snprintf(dst, 16, "%.15s", descriptor->_name);
    } else {
        snprintf(dst, 16, "TYPE%u", type);
    }
}

/* "acme.zone:17: " or, where no line is to blame, "acme.zone: ", before what fmt says of the
 * record. */
static int refuse(struct err *err, int code, const char *source, const struct static_record *record,
                  const char *what)
{
    char text[LIMIT_NAME_TEXT], type[16];

    name_to_text(text, record->name);
    type_text(type, record->type);
    if (record->line == 0) {
        return err_set(err, code, "%.255s: %s %.255s: %s", source, type, text, what);
    }
    return err_set(err, code, "%.255s:%u: %s %.255s: %s", source, record->line, type, text, what);
}

static int grow(struct zone_static *s)
{
    if (s->count < s->room) {
        return 0;
    }
    size_t room = s->room == 0 ? 16 : 2 * s->room;
    struct static_record **records = reallocarray(s->records, room, sizeof(void *));
    if (records == NULL) {
        return -ENOMEM;
    }
    s->records = records;
    s->room = room;
    return 0;
}

static struct static_record *copy_record(const struct static_input *in)
{
    uint8_t key[NAME_KEY_MAX];
    size_t key_len = name_key(key, in->name), name_bytes = name_len(in->name);
    struct static_record *record = malloc(sizeof(*record) + key_len + name_bytes + in->rdata_len);

    if (record == NULL) {
        return NULL;
    }
    uint8_t *name = record->bytes + key_len, *rdata = name + name_bytes;
    memcpy(record->bytes, key, key_len);
    name_lower(name, in->name);
    if (in->rdata_len > 0) {
        memcpy(rdata, in->rdata, in->rdata_len);
    }
    record->ttl = in->ttl;
    record->line = in->line;
    record->type = in->type;
    record->key_len = (uint16_t)key_len;
    record->rdata_len = (uint16_t)in->rdata_len;
    record->name_len = (uint8_t)name_bytes;
    record->key = record->bytes;
    record->name = name;
    record->rdata = rdata;
    return record;
}

static const char *forbidden_type(uint16_t type)
{
    switch (type) {
    case LDNS_RR_TYPE_RRSIG:
    case LDNS_RR_TYPE_NSEC:
    case LDNS_RR_TYPE_NSEC3:
    case LDNS_RR_TYPE_NSEC3PARAM:
    case LDNS_RR_TYPE_SIG:
    case LDNS_RR_TYPE_NXT:
        return "signatures cannot stand in the file: the zone changes with every challenge";
    case 0:
    case LDNS_RR_TYPE_OPT:
        return "this type cannot stand in a zone";
    default:
        /* RFC 6895 3.1: 128 to 255 are for questions and meta data. */
        return type >= 128 && type <= 255 ? "this type cannot stand in a zone" : NULL;
    }
}

static const char *judge_record(const struct zone_static *s, const struct static_record *record)
{
    bool at_apex = record->name_len == s->apex_len;
    bool wildcard = record->name[0] == 1 && record->name[1] == '*';

    if (record->type == LDNS_RR_TYPE_SOA && !at_apex) {
        return "an SOA record stands only at the zone's own name";
    }
    if (wildcard && record->type == LDNS_RR_TYPE_NS) {
        return "a wildcard cannot be delegated (RFC 4592 4.2)";
    }
    if (wildcard && record->type == LDNS_RR_TYPE_DNAME) {
        return "a wildcard cannot own a DNAME (RFC 4592 4.4)";
    }
    if (!rdata_valid(record->type, record->rdata, record->rdata_len)) {
        return "the data has not the form of its type";
    }
    if (record->ttl > INT32_MAX) {
        return "the TTL is over 2147483647 seconds (RFC 2181 8)";
    }
    return forbidden_type(record->type);
}

int zone_static_add(struct zone_static *s, const struct static_input *in, const char *source,
                    struct err *err)
{
    if (in->rdata_len > UINT16_MAX || grow(s) < 0) {
        return err_set(err, -ENOMEM, "%.255s: out of memory", source);
    }
    struct static_record *record = copy_record(in);
    if (record == NULL) {
        return err_set(err, -ENOMEM, "%.255s: out of memory", source);
    }
    s->records[s->count++] = record;
    if (!name_within(record->name, s->apex)) {
        char what[LIMIT_NAME_TEXT + 64], apex[LIMIT_NAME_TEXT];
        name_to_text(apex, s->apex);
        snprintf(what, sizeof(what), "record out of zone: not %.253s or below it", apex);
        return refuse(err, ERR_MALFORMED, source, record, what);
    }
    const char *what = judge_record(s, record);
    return what == NULL ? 0 : refuse(err, ERR_MALFORMED, source, record, what);
}

static int compare_records(const void *left, const void *right)
{
    const struct static_record *a = *(struct static_record *const *)left;
    const struct static_record *b = *(struct static_record *const *)right;
    int order = zone_key_compare(a->key, a->key_len, b->key, b->key_len);

    if (order == 0) {
        order = (a->type > b->type) - (a->type < b->type);
    }
    if (order == 0) {
        order = rdata_compare(a->type, a->rdata, a->rdata_len, b->rdata, b->rdata_len);
    }
    return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
}

static bool same_name(const struct static_record *a, const struct static_record *b)
{
    return zone_key_compare(a->key, a->key_len, b->key, b->key_len) == 0;
}

static bool same_set(const struct static_record *a, const struct static_record *b)
{
    return a->type == b->type && same_name(a, b);
}

/* Of one type. */
static bool same_data(const struct static_record *a, const struct static_record *b)
{
    return rdata_compare(a->type, a->rdata, a->rdata_len, b->rdata, b->rdata_len) == 0;
}

/* Drops doubles (RFC 2181 5), whatever the case of names in them, but for an SOA's, which are
 * judged later. */
static void drop_doubles(struct zone_static *s)
{
    size_t kept = 0;

    for (size_t i = 0; i < s->count; i++) {
        struct static_record *record = s->records[i],
                             *last = kept > 0 ? s->records[kept - 1] : NULL;
        if (last != NULL && record->type != LDNS_RR_TYPE_SOA && same_set(last, record) &&
            same_data(last, record)) {
            if (record->ttl < last->ttl) {
                last->ttl = record->ttl;
            }
            free(record);
        } else {
            s->records[kept++] = record;
        }
    }
    s->count = kept;
}

/* Gives each RRset its smallest TTL (RFC 2181 5.2). */
static void level_ttls(struct zone_static *s)
{
    for (size_t i = 0, end; i < s->count; i = end) {
        uint32_t ttl = s->records[i]->ttl;
        for (end = i + 1; end < s->count && same_set(s->records[i], s->records[end]); end++) {
            if (s->records[end]->ttl < ttl) {
                ttl = s->records[end]->ttl;
            }
        }
        for (size_t j = i; j < end; j++) {
            s->records[j]->ttl = ttl;
        }
    }
}

static bool is_single(uint16_t type)
{
    return type == LDNS_RR_TYPE_SOA || type == LDNS_RR_TYPE_CNAME || type == LDNS_RR_TYPE_DNAME;
}

/* What a name's records may not be together; record: the one to blame. */
static const char *judge_node(const struct static_node *node, const struct static_record **record)
{
    for (uint32_t i = 1; i < node->count; i++) {
        const struct static_record *a = node->records[i - 1], *b = node->records[i];
        *record = a->line > b->line ? a : b;
        if (a->type == b->type && is_single(a->type)) {
            return "there can be only one of this type at a name";
        }
    }
    for (uint32_t i = 0; i < node->count; i++) {
        *record = node->records[i];
        if (node->records[i]->type == LDNS_RR_TYPE_CNAME && node->count > 1) {
            return "a CNAME stands alone, but its name has other records (RFC 2181 10.1)";
        }
    }
    if (node->count > UINT16_MAX) {
        return "too many records at one name";
    }
    return NULL;
}

/* An RRset that no message holds would be truncated even over TCP; *record: where it is too much.
 */
static bool is_too_large(const struct static_node *node, const struct static_record **record)
{
    size_t octets = 0;

    for (uint32_t i = 0; i < node->count; i++) {
        *record = node->records[i];
        if (i > 0 && node->records[i - 1]->type != node->records[i]->type) {
            octets = 0;
        }
        octets += IMAGE_RR_HEAD + (size_t)node->records[i]->rdata_len;
        if (octets > LIMIT_RRSET) {
            return true;
        }
    }
    return false;
}

static uint32_t node_flags(const struct zone_static *s, const struct static_node *node)
{
    uint32_t flags = 0;

    for (uint32_t i = 0; i < node->count; i++) {
        uint16_t type = node->records[i]->type;
        if (type == LDNS_RR_TYPE_CNAME) {
            flags |= STATIC_CNAME;
        }
        if (type == LDNS_RR_TYPE_DNAME) {
            flags |= STATIC_DNAME;
        }
        if (type == LDNS_RR_TYPE_NS && node->records[i]->name_len != s->apex_len) {
            flags |= STATIC_CUT;
        }
    }
    return flags;
}

/* Divides the sorted records into nodes. */
static int make_nodes(struct zone_static *s, const char *source, struct err *err)
{
    if (s->count == 0) {
        return 0;
    }
    s->nodes = calloc(s->count, sizeof(*s->nodes));
    if (s->nodes == NULL) {
        return err_set(err, -ENOMEM, "%.255s: out of memory", source);
    }
    for (size_t i = 0; i < s->count; i++) {
        struct static_node *node = &s->nodes[s->node_count];
        node->records = &s->records[i];
        node->count = 1;
        while (i + 1 < s->count && same_name(s->records[i], s->records[i + 1])) {
            node->count++;
            i++;
        }
        node->flags = node_flags(s, node);
        const struct static_record *record = node->records[0];
        const char *what = judge_node(node, &record);
        if (what != NULL) {
            return refuse(err, ERR_MALFORMED, source, record, what);
        }
        if (is_too_large(node, &record)) {
            return refuse(err, ERR_LIMIT, source, record,
                          "the records of this type at this name do not fit into a DNS message");
        }
        s->node_count++;
    }
    return 0;
}

static bool node_has(const struct static_node *node, uint16_t type)
{
    for (uint32_t i = 0; node != NULL && i < node->count; i++) {
        if (node->records[i]->type == type) {
            return true;
        }
    }
    return false;
}

/* A node stands directly behind what is above it, but for what is below that too. */
static int mark_occluded(struct zone_static *s, const char *source, struct err *err)
{
    const struct static_node *top = NULL; /* the cut or DNAME that we are below */

    for (size_t i = 0; i < s->node_count; i++) {
        struct static_node *node = &s->nodes[i];
        const struct static_record *record = node->records[0];
        if (top != NULL && name_within(record->name, top->records[0]->name)) {
            node->flags |= STATIC_OCCLUDED;
            if ((top->flags & STATIC_CUT) == 0) {
                return refuse(err, ERR_MALFORMED, source, record,
                              "nothing can stand below a DNAME (RFC 6672 2.4)");
            }
        } else if ((node->flags & (STATIC_CUT | STATIC_DNAME)) != 0) {
            top = node;
        }
    }
    return 0;
}

int zone_static_finish(struct zone_static *s, const char *source, struct err *err)
{
    char apex[LIMIT_NAME_TEXT];
    int ret;

    name_to_text(apex, s->apex);
    if (s->count > 1) {
        qsort(s->records, s->count, sizeof(void *), compare_records);
    }
    drop_doubles(s);
    level_ttls(s);
    if ((ret = make_nodes(s, source, err)) < 0 || (ret = mark_occluded(s, source, err)) < 0) {
        return ret;
    }
    const struct static_node *node = zone_static_find(s, s->apex);
    if (!node_has(node, LDNS_RR_TYPE_SOA)) {
        return err_set(err, ERR_MALFORMED, "%.255s: no SOA record at %.253s", source, apex);
    }
    if (!node_has(node, LDNS_RR_TYPE_NS)) {
        return err_set(err, ERR_MALFORMED, "%.255s: no NS record at %.253s", source, apex);
    }
    return 0;
}

const struct static_node *zone_static_find(const struct zone_static *s, const uint8_t *name)
{
    uint8_t key[NAME_KEY_MAX];
    size_t key_len = name_key(key, name), low = 0, high = s->node_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct static_record *record = s->nodes[middle].records[0];
        int order = zone_key_compare(key, key_len, record->key, record->key_len);
        if (order == 0) {
            return &s->nodes[middle];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

size_t zone_static_octets(const struct zone_static *s, const uint8_t *name, uint16_t type)
{
    const struct static_node *node = zone_static_find(s, name);
    size_t octets = 0;

    for (uint32_t i = 0; node != NULL && i < node->count; i++) {
        if (node->records[i]->type == type) {
            octets += IMAGE_RR_HEAD + (size_t)node->records[i]->rdata_len;
        }
    }
    return octets;
}

bool zone_static_blocks(const struct zone_static *s, const uint8_t *name)
{
    uint32_t bad = STATIC_CNAME | STATIC_CUT;

    for (; name != NULL && name_len(name) >= s->apex_len; name = name_parent(name)) {
        const struct static_node *node = zone_static_find(s, name);
        if (node != NULL && (node->flags & bad) != 0) {
            return true;
        }
        bad = STATIC_CUT | STATIC_DNAME;
    }
    return false;
}
