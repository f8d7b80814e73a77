/*
 * Inside zones/: the static part of a zone, gathered record by record, then sorted and
 * judged as a whole (RFC 1035 5, RFC 2181 5 and 10.1, RFC 4592 4, RFC 6672 2.4).
 */
#ifndef CERTMILL_ZONES_ZONE_STATIC_H
#define CERTMILL_ZONES_ZONE_STATIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "zones/zone.h"

enum static_flag {
    STATIC_CUT = 1,      /* NS below the apex */
    STATIC_DNAME = 2,    /* everything below is elsewhere */
    STATIC_CNAME = 4,    /* nothing else may be here */
    STATIC_OCCLUDED = 8, /* below a cut or a DNAME */
};

struct static_record {
    uint32_t ttl;
    uint32_t line; /* 0: not from a file */
    uint16_t type, key_len, rdata_len;
    uint8_t name_len;
    const uint8_t *key, *name, *rdata; /* within bytes; name in lower case */
    uint8_t bytes[];
};

/* All records of one owner name. */
struct static_node {
    struct static_record *const *records; /* by type */
    uint32_t count;
    uint32_t flags;
};

struct zone_static {
    uint8_t apex[LIMIT_NAME_WIRE];
    uint8_t apex_len;
    struct static_record **records; /* once finished: in canonical order, then by type */
    size_t count, room;
    struct static_node *nodes; /* in canonical order; no empty non-terminals */
    size_t node_count;
};

/* What zone_static_add takes. rdata: wire form, uncompressed. */
struct static_input {
    const uint8_t *name; /* wire, of any case */
    uint16_t type;
    uint32_t ttl;
    const uint8_t *rdata;
    size_t rdata_len;
    uint32_t line;
};

/* An empty one for an apex in presentation form. */
int zone_static_new(struct zone_static **out, const char *apex, struct err *err);
/* Copies one record. source: what stands before the line in err. */
int zone_static_add(struct zone_static *s, const struct static_input *in, const char *source,
                    struct err *err);
/* Sorts and judges. After an error only zone_static_free is left. */
int zone_static_finish(struct zone_static *s, const char *source, struct err *err);

/* The node of exactly this name (wire, lower case), or NULL. */
const struct static_node *zone_static_find(const struct zone_static *s, const uint8_t *name);
/* Octets of the RRset of this type at name (lower case) in an answer, 0 where there is none. */
size_t zone_static_octets(const struct zone_static *s, const uint8_t *name, uint16_t type);
/* Whether the static part leaves no place for a challenge at name (lower case, within
 * the zone): a CNAME there, a cut there or above, a DNAME above. */
bool zone_static_blocks(const struct zone_static *s, const uint8_t *name);

/* Bytewise order of two keys (name.h). */
int zone_key_compare(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);

#endif
