/*
 * What the zones say to a question: RFC 1034 4.3.2, steps 2 to 6, for one name and type of class
 * IN. query.c has read the question before and adds header and OPT afterwards.
 */
#ifndef CERTMILL_DNSD_ANSWER_H
#define CERTMILL_DNSD_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/limits.h"
#include "dnsd/dns.h"
#include "dnsd/query.h"
#include "dnsd/reply.h"

/* A name on the way to the last one: where it stands in the message, and the DNAME that led on. */
struct answer_link {
    size_t offset, len;
    const struct image_rrset *dname; /* NULL: a CNAME did */
};

struct answer {
    const struct image *image;
    const uint64_t *hash;    /* of the question's name (image_lookup_hash), or NULL */
    struct reply reply;      /* header and question are in place, the name at DNS_HEADER */
    struct query_info *info; /* in: name, name_len, qtype; out: outcome, challenge, name */
    unsigned rcode;
    enum dns_ede error; /* tells more where rcode is an error */
    bool authoritative, truncated;
    unsigned links;
    struct answer_link passed[LIMIT_CNAME_CHAIN];
};

/* An answer without records yet; reply.out, len and limit are the caller's. By field: passed is
 * as large as all the rest and seldom used. */
static inline void answer_init(struct answer *answer, const struct image *image,
                               struct query_info *info)
{
    answer->image = image;
    answer->info = info;
    answer->reply.answer = answer->reply.authority = answer->reply.additional = 0;
    answer->rcode = DNS_NOERROR;
    answer->error = DNS_EDE_NONE;
    answer->authoritative = answer->truncated = false;
    answer->links = 0;
}

/* Fills reply, rcode, error and flags. */
void answer_build(struct answer *answer);

#endif
