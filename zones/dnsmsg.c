#include "zones/dnsmsg.h"

#include <errno.h>
#include <string.h>

#include "common/wire.h"
#include "zones/name.h"

#define HEADER 12

static ldns_rdf *owner_rdf(const uint8_t *name)
{
    return ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, name_len(name), name);
}

int dnsmsg_make(uint8_t **out, size_t *len, const struct dnsmsg_question *question, uint16_t id)
{
    const uint16_t flags = question->recursion_desired ? LDNS_RD : 0;
    ldns_rdf *owner = owner_rdf(question->name);
    ldns_pkt *pkt = owner == NULL ? NULL
                                  : ldns_pkt_query_new(owner, (ldns_rr_type)question->type,
                                                       LDNS_RR_CLASS_IN, flags);
    int ret = -ENOMEM;

    if (pkt == NULL) {
        ldns_rdf_deep_free(owner);
        return ret;
    }
    ldns_pkt_set_id(pkt, id);
    ldns_pkt_set_cd(pkt, question->checking_disabled);
    ldns_pkt_set_ad(pkt, question->authenticated_data);
    ldns_pkt_set_edns_udp_size(pkt, LIMIT_RESOLVE_PAYLOAD);
    ldns_pkt_set_edns_do(pkt, true);
    ret = ldns_pkt2wire(out, pkt, len) == LDNS_STATUS_OK ? 0 : -ENOMEM;
    ldns_pkt_free(pkt);
    return ret;
}

/* Whether the message is a response to the question (RFC 5452 9.1), and nothing more. */
static bool is_answer(const uint8_t *message, size_t len, const struct dnsmsg_question *question,
                      uint16_t id)
{
    const uint8_t *at = message + HEADER;
    int name;

    if (len < HEADER || wire_read_u16(message) != id || (message[2] & 0xf8) != 0x80 ||
        wire_read_u16(message + 4) != 1 || (name = name_measure(at, len - HEADER)) < 0 ||
        len - HEADER - (size_t)name < 4 || !name_equal(at, question->name)) {
        return false;
    }
    return wire_read_u16(at + name) == question->type &&
           wire_read_u16(at + name + 2) == LDNS_RR_CLASS_IN;
}

int dnsmsg_read(ldns_pkt **out, const uint8_t *message, size_t len,
                const struct dnsmsg_question *question, uint16_t id)
{
    if (!is_answer(message, len, question, id)) {
        return ERR_NOT_FOUND;
    }
    return ldns_wire2pkt(out, message, len) == LDNS_STATUS_OK ? 0 : ERR_MALFORMED;
}

/* ldns checks what it reads; this is for what it may have left undone. */
static const uint8_t *wire_of(const ldns_rdf *rdf)
{
    const uint8_t *data = rdf != NULL ? ldns_rdf_data(rdf) : NULL;

    if (data == NULL || ldns_rdf_get_type(rdf) != LDNS_RDF_TYPE_DNAME ||
        name_measure(data, ldns_rdf_size(rdf)) != (int)ldns_rdf_size(rdf)) {
        return NULL;
    }
    return data;
}

const ldns_rr *dnsmsg_find(const ldns_rr_list *list, const uint8_t *owner, uint16_t type,
                           size_t *at)
{
    while (*at < ldns_rr_list_rr_count(list)) {
        const ldns_rr *rr = ldns_rr_list_rr(list, (*at)++);
        const uint8_t *name = wire_of(ldns_rr_owner(rr));

        if (ldns_rr_get_type(rr) == (ldns_rr_type)type &&
            ldns_rr_get_class(rr) == LDNS_RR_CLASS_IN && name != NULL && name_equal(name, owner)) {
            return rr;
        }
    }
    return NULL;
}

int dnsmsg_name(uint8_t dst[static LIMIT_NAME_WIRE], const ldns_rr *rr, size_t index)
{
    const uint8_t *name = index < ldns_rr_rd_count(rr) ? wire_of(ldns_rr_rdf(rr, index)) : NULL;

    if (name == NULL) {
        return ERR_MALFORMED;
    }
    (void)name_lower(dst, name);
    return 0;
}

int dnsmsg_follow(uint8_t dst[static LIMIT_NAME_WIRE], const ldns_pkt *pkt, const uint8_t *name)
{
    const ldns_rr_list *answer = ldns_pkt_answer(pkt);

    (void)name_lower(dst, name);
    for (int steps = 0; steps <= LIMIT_CNAME_CHAIN; steps++) {
        size_t at = 0;
        const ldns_rr *rr = dnsmsg_find(answer, dst, LDNS_RR_TYPE_CNAME, &at);

        if (rr == NULL) {
            return steps;
        }
        if (dnsmsg_name(dst, rr, 0) < 0) {
            return ERR_LIMIT;
        }
    }
    return ERR_LIMIT;
}

int dnsmsg_rdata(uint8_t *dst, size_t cap, const ldns_rr *rr)
{
    size_t len = 0;

    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        const ldns_rdf *rdf = ldns_rr_rdf(rr, i);
        size_t size = ldns_rdf_size(rdf);

        if (size > cap - len) {
            return ERR_LIMIT;
        }
        if (size > 0) {
            memcpy(dst + len, ldns_rdf_data(rdf), size);
        }
        len += size;
    }
    return (int)len;
}
