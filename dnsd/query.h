/*
 * The answer to one DNS message: bytes in, bytes out. Knows no socket, no clock and
 * no allocation; safe from any thread, since an image never changes.
 *
 * RFC 1034 4.3.2 with 2181, 2308 (negative answers), 4343 (case), 4592 (wildcards),
 * 6604 and 6672 (CNAME, DNAME), 6891 (EDNS), 8020, 8482 (ANY: one RRset), 9471 (glue), 9619.
 */
#ifndef CERTMILL_DNSD_QUERY_H
#define CERTMILL_DNSD_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"

struct image;
struct service;

/* Room that an answer may need: what a caller offers as cap. Over UDP, service.payload. */
#define QUERY_TCP_ROOM LIMIT_DNS_MESSAGE

struct query_context {
    const struct image *image; /* NULL: none has come yet; SERVFAIL, "not ready" (RFC 8914 4.15) */
    const struct service *service;
    const uint8_t *address; /* of the client, for its cookie: */
    size_t address_len;     /* 4 or 16 octets */
    uint32_t now;           /* Unix seconds, 32 bits of them */
    bool tcp;               /* the client's size limit does not count */
    const uint64_t *hash; /* what query_hash returned for this message and image; NULL: not asked */
};

/* What became of a message; the worker counts by it. */
enum query_outcome {
    QUERY_DROPPED,  /* too short or itself a response: no answer */
    QUERY_ANSWERED, /* the ANSWER section is not empty */
    QUERY_NODATA,
    QUERY_NXDOMAIN,
    QUERY_REFERRAL,
    QUERY_REFUSED, /* not our zone, not class IN, a zone transfer */
    QUERY_FORMERR,
    QUERY_NOTIMP,
    QUERY_BADVERS,
    QUERY_BADCOOKIE, /* RFC 7873 5.2.3 */
    QUERY_SERVFAIL,  /* no image */
    QUERY_OUTCOMES,
};

struct query_info {
    enum query_outcome outcome;
    uint16_t qtype;
    uint8_t rcode; /* as in the header */
    bool answered; /* the ANSWER section is not empty */
    bool truncated;
    bool cookie;    /* the client showed a cookie of ours: its address is not forged */
    bool challenge; /* a challenge value is live at or below name, which is no apex */
    uint16_t question_end, opt_len; /* octets of the answer: up to there, and of OPT at its end */
    uint8_t name_len;
    /* The question's name in lower case; where challenge is set and a CNAME or DNAME of
     * ours led on from there, the name it led to. Valid for name_len octets. */
    uint8_t name[LIMIT_NAME_WIRE + 1];
};

/* Answers in[in_len] into out[cap]; the two do not overlap; cap is at least 512. Returns the
 * answer's length, at most cap, or 0 where nothing is to be sent. Fills *info. */
size_t query_answer(const struct query_context *context, const uint8_t *in, size_t in_len,
                    uint8_t *out, size_t cap, struct query_info *info);

/* The hash of a message's question in this image, and what it leads to on its way into the cache:
 * of a batch first all messages are hashed, then image_lookup_fetch is called for each, then they
 * are answered. Any number for what is no question. */
uint64_t query_hash(const struct image *image, const uint8_t *in, size_t in_len);

/* Makes of an answer over UDP, len octets at out, the one that says "truncated" and nothing else:
 * header with TC, question, and OPT where it has one. Returns its length. */
size_t query_truncate(uint8_t *out, size_t len, const struct query_info *info);

#endif
