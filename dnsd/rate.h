/*
 * Response rate limiting: how many answers of a kind leave for one block of addresses, so that
 * nobody floods a third party with them by forging its address. A worker's own table; nothing
 * here locks, waits, allocates or calls the system.
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

struct rate_answer {
    enum rate_class class;
    bool refused;
    const uint8_t *address; /* of the client: */
    size_t address_len;     /* 4 or 16 octets; IPv4-mapped (RFC 4291 2.5.5.2) is IPv4 */
    uint64_t now;           /* monotonic milliseconds */
};

/* Whom it hit: the block of an answer that was not sent. */
struct rate_example {
    enum rate_class class;
    uint8_t address[16]; /* bits behind the block's are 0 */
    uint8_t address_len; /* 4 or 16 */
    uint8_t bits;
};

struct rate;

/* hash_key: random, so that nobody can choose blocks that collide. -ENOMEM. */
int rate_new(struct rate **out, const uint8_t hash_key[static 16]);
void rate_free(struct rate *rate);

/* Whether nothing is held back from this client. address: 4 or 16 octets, as in rate_answer. */
bool rate_allows(const struct rate_options *options, const uint8_t *address, size_t address_len);

/* What to do with an answer over UDP. A block has credit for a second's worth of the rate, and for
 * LIMIT_RATE_BURST answers at least; what it has used comes back with time. */
enum rate_verdict rate_judge(struct rate *rate, const struct rate_options *options,
                             const struct rate_answer *answer);

/* Any thread: adds to limited what was not sent as it was, of each class, since the start. */
void rate_limited(const struct rate *rate, uint64_t limited[static RATE_CLASSES]);
/* Main thread: the next answer that is not sent is to be kept as an example. */
void rate_arm(struct rate *rate);
/* Worker: whether an example was kept since the last call; the main thread then has to be woken. */
bool rate_alarm(struct rate *rate);
/* Main thread: the example that was kept since rate_arm; false: none. */
bool rate_example(const struct rate *rate, struct rate_example *example);

#endif
