/*
 * A question put to query_answer, with what it may depend on, and the options of the answer.
 */
#ifndef CERTMILL_TESTS_DNSD_ASKING_H
#define CERTMILL_TESTS_DNSD_ASKING_H

#include <CUnit/Basic.h>

#include "dnsd/dns.h"
#include "dnsd/edns.h"
#include "dnsd/query.h"
#include "tests/unit/dnsd/defaults.h"
#include "tests/unit/dnsd/images.h"
#include "tests/unit/dnsd/packets.h"

struct asking {
    struct packet packet;
    size_t opt; /* where the query's OPT has its RDLENGTH */
    struct service service;
    struct query_context context;
    struct query_info info;
    uint8_t out[LIMIT_DNS_MESSAGE];
    size_t len;
    ldns_pkt *answer; /* as ldns reads it */
};

static inline void asking_end(struct asking *a)
{
    ldns_pkt_free(a->answer);
    a->answer = NULL;
}

/* Defaults; the caller may change service and context before it asks. *a: zeroed at first. */
static inline void asking_begin(struct asking *a, const struct image *image)
{
    asking_end(a);
    a->service = default_service;
    a->context = (struct query_context){.image = image,
                                        .service = &a->service,
                                        .address = default_address,
                                        .address_len = sizeof(default_address),
                                        .now = 1559731985};
}

static inline void asking_opt(struct asking *a, uint16_t payload)
{
    packet_opt(&a->packet, payload, 0, false);
    a->opt = a->packet.len - 2;
}

static inline void asking_option(struct asking *a, uint16_t code, const void *data, size_t len)
{
    packet_option_at(&a->packet, a->opt, code, data, len);
}

/* A question with an OPT. */
static inline void asking_question(struct asking *a, const char *name, uint16_t type)
{
    packet_query(&a->packet, name, type);
    asking_opt(a, 1232);
}

/* The query stands in memory of its exact size, for the sanitizer's sake. */
static inline enum query_outcome asking_ask(struct asking *a)
{
    uint8_t *in = malloc(a->packet.len);

    memcpy(in, a->packet.bytes, a->packet.len);
    a->len = query_answer(&a->context, in, a->packet.len, a->out,
                          a->context.tcp ? QUERY_TCP_ROOM : a->service.payload, &a->info);
    free(in);
    ldns_pkt_free(a->answer);
    a->answer = NULL;
    CU_ASSERT_EQUAL_FATAL(ldns_wire2pkt(&a->answer, a->out, a->len), LDNS_STATUS_OK);
    return a->info.outcome;
}

/* RCODE with the upper bits of OPT. */
static inline unsigned asking_rcode(const struct asking *a)
{
    return (unsigned)ldns_pkt_get_rcode(a->answer) |
           (unsigned)ldns_pkt_edns_extended_rcode(a->answer) << 4;
}

/* The options of the answer: how many are of this code; the last one's data and length. */
static inline size_t asking_options(const struct asking *a, uint16_t code, const uint8_t **data,
                                    size_t *len)
{
    const ldns_rdf *rdf = ldns_pkt_edns_data(a->answer);
    size_t left = rdf != NULL ? ldns_rdf_size(rdf) : 0, count = 0;
    const uint8_t *p = rdf != NULL ? ldns_rdf_data(rdf) : NULL;

    *data = NULL;
    *len = 0;
    while (left >= 4) {
        size_t size = wire_read_u16(p + 2);

        CU_ASSERT_TRUE_FATAL(size <= left - 4);
        if (wire_read_u16(p) == code) {
            *data = p + 4;
            *len = size;
            count++;
        }
        p += 4 + size;
        left -= 4 + size;
    }
    CU_ASSERT_EQUAL(left, 0);
    return count;
}

static inline bool asking_has(const struct asking *a, uint16_t code, const void *want,
                              size_t want_len)
{
    const uint8_t *data;
    size_t len;

    return asking_options(a, code, &data, &len) == 1 && len == want_len &&
           memcmp(data, want, len) == 0;
}

/* The extended error, -1: none. */
static inline int asking_error(const struct asking *a)
{
    const uint8_t *data;
    size_t len;

    return asking_options(a, DNS_OPTION_EDE, &data, &len) == 1 && len == 2 ? wire_read_u16(data)
                                                                           : -1;
}

/* Octets of all options in the answer. */
static inline size_t asking_options_len(const struct asking *a)
{
    const ldns_rdf *rdf = ldns_pkt_edns_data(a->answer);

    return rdf != NULL ? ldns_rdf_size(rdf) : 0;
}

#endif
