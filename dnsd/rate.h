/*
 * Response rate limiting: how many answers of a kind leave for one block of addresses, so that
 * nobody floods a third party with them by forging its address. A worker's own table; nothing
 * here is shared or allocates.
 */
#ifndef CERTMILL_DNSD_RATE_H
#define CERTMILL_DNSD_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"
#include "common/server_conf_value.h"

enum rate_class {
    RATE_ANSWER, /* answers, NODATA, referrals */
    RATE_NXDOMAIN,
    RATE_ERROR, /* FORMERR, NOTIMP, REFUSED and the like */
    RATE_CLASSES,
};

enum rate_verdict {
    RATE_SEND,
    RATE_SLIP, /* send it truncated and empty: a real client comes back over TCP */
    RATE_DROP,
};

struct rate_options {
    uint32_t per_second[RATE_CLASSES]; /* this worker's share; 0: no limit */
    uint32_t refused_drop;             /* likewise; REFUSED beyond it are dropped, never slipped */
    uint8_t slip;                      /* one in so many of the dropped; 0: none */
    uint8_t ipv4_bits, ipv6_bits;      /* size of the blocks */
    uint8_t allow_count;
    struct server_conf_prefix allow[LIMIT_RATE_ALLOW]; /* never limited */
};

struct rate;

/* hash_key: random, so that nobody can choose blocks that collide. -ENOMEM. */
int rate_new(struct rate **out, const uint8_t hash_key[static 16]);
void rate_free(struct rate *rate);

/* What to do with an answer of this class. address: 4 or 16 octets; now: monotonic milliseconds. */
enum rate_verdict rate_judge(struct rate *rate, const struct rate_options *options,
                             enum rate_class class, bool refused, const uint8_t *address,
                             size_t address_len, uint64_t now);

#endif
