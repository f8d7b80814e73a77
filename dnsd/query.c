#include "dnsd/query.h"

#include "common/err.h"
#include "common/wire.h"
#include "dnsd/answer.h"
#include "dnsd/dns.h"
#include "dnsd/edns.h"
#include "dnsd/lower.h"
#include "dnsd/service.h"

#define UDP_PLAIN 512 /* octets without EDNS, RFC 1035 4.2.1 */

struct question {
    size_t len; /* octets with type and class, 0 where it does not parse */
    uint16_t type, class;
};

/* Length of the uncompressed name that starts at p, within n octets; 0 where there is none. */
static size_t name_at(const uint8_t *p, size_t n)
{
    if (n > LIMIT_NAME_WIRE) {
        n = LIMIT_NAME_WIRE;
    }
    for (size_t i = 0; i < n; i += 1u + p[i]) {
        if (p[i] == 0) {
            return i + 1;
        }
        if (p[i] > LIMIT_LABEL) {
            return 0;
        }
    }
    return 0;
}

static void question_parse(struct question *question, struct query_info *info, const uint8_t *in,
                           size_t len)
{
    const uint8_t *name = in + DNS_HEADER;
    size_t name_len = name_at(name, len - DNS_HEADER);

    question->len = 0;
    if (wire_read_u16(in + 4) != 1 || name_len == 0 || len - DNS_HEADER - name_len < 4) {
        return;
    }
    question->len = name_len + 4;
    question->type = wire_read_u16(name + name_len);
    question->class = wire_read_u16(name + name_len + 2);
    info->qtype = question->type;
    info->name_len = (uint8_t)name_len;
    lower_copy(info->name, name, name_len);
}

/* A question that the zones need not be asked about. */
static bool refuse(const struct question *question, struct query_info *info, unsigned *rcode)
{
    switch (question->type) {
    case DNS_TYPE_OPT:
    case DNS_TYPE_TKEY:
    case DNS_TYPE_TSIG:
        info->outcome = QUERY_FORMERR;
        *rcode = DNS_FORMERR;
        return true;
    case DNS_TYPE_MAILA:
    case DNS_TYPE_MAILB:
        info->outcome = QUERY_NOTIMP;
        *rcode = DNS_NOTIMP;
        return true;
    default:
        break;
    }
    if (question->class != DNS_CLASS_IN || question->type == DNS_TYPE_AXFR ||
        question->type == DNS_TYPE_IXFR) {
        info->outcome = QUERY_REFUSED;
        *rcode = DNS_REFUSED;
        return true;
    }
    return false;
}

/* What the message as such calls for, before a zone is looked at. True: rcode says it all. */
static bool judge(const uint8_t *in, const struct question *question, const struct edns *edns,
                  int parsed, struct answer *a)
{
    if ((in[2] & DNS_FLAG_OPCODE) != 0) {
        a->info->outcome = QUERY_NOTIMP;
        a->rcode = DNS_NOTIMP;
        return true;
    }
    if (question->len == 0 || parsed < 0) {
        a->info->outcome = QUERY_FORMERR;
        a->rcode = DNS_FORMERR;
        return true;
    }
    if (edns->version != 0) {
        a->info->outcome = QUERY_BADVERS;
        a->rcode = DNS_BADVERS;
        return true;
    }
    return refuse(question, a->info, &a->rcode);
}

static size_t size_limit(const struct query_context *context, const struct edns *edns, size_t cap)
{
    size_t limit = UDP_PLAIN, payload = context->service->payload;

    if (context->tcp) {
        limit = LIMIT_DNS_MESSAGE;
    } else if (edns->present && edns->payload > UDP_PLAIN) {
        limit = edns->payload < payload ? edns->payload : payload;
    }
    return (limit < cap ? limit : cap) - (edns->present ? EDNS_OPT_LEN : 0);
}

/* The header once all is known, and OPT where the query had one. Returns the length. */
static size_t finish(struct answer *a, const uint8_t *in, const struct edns *edns, uint16_t payload,
                     bool has_question)
{
    uint8_t *out = a->reply.out;

    if (edns->present) {
        edns_write(out + a->reply.len, a->rcode, payload, edns->dnssec_ok);
        a->reply.len += EDNS_OPT_LEN;
        a->reply.additional++;
    }
    out[0] = in[0];
    out[1] = in[1];
    out[2] = (uint8_t)(DNS_FLAG_QR | (in[2] & (DNS_FLAG_OPCODE | DNS_FLAG_RD)) |
                       (a->authoritative ? DNS_FLAG_AA : 0) | (a->truncated ? DNS_FLAG_TC : 0));
    out[3] = a->rcode & 0x0F;
    wire_write_u16(out + 4, has_question);
    wire_write_u16(out + 6, a->reply.answer);
    wire_write_u16(out + 8, a->reply.authority);
    wire_write_u16(out + 10, a->reply.additional);
    a->info->rcode = a->rcode & 0x0F;
    a->info->answered = a->reply.answer > 0;
    a->info->truncated = a->truncated;
    return a->reply.len;
}

static void info_reset(struct query_info *info)
{
    info->outcome = QUERY_DROPPED;
    info->qtype = 0;
    info->rcode = 0;
    info->answered = info->truncated = info->challenge = false;
    info->name_len = 0;
}

size_t query_answer(const struct query_context *context, const uint8_t *in, size_t in_len,
                    uint8_t *out, size_t cap, struct query_info *info)
{
    struct question question = {0};
    struct edns edns = {0};
    int parsed = ERR_MALFORMED;

    info_reset(info);
    if (in_len < DNS_HEADER || (in[2] & DNS_FLAG_QR) != 0) {
        return 0;
    }
    question_parse(&question, info, in, in_len);
    if (question.len > 0) {
        const struct edns_counts counts = {wire_read_u16(in + 6), wire_read_u16(in + 8),
                                           wire_read_u16(in + 10)};

        parsed = edns_parse(&edns, in, in_len, DNS_HEADER + question.len, &counts);
        memcpy(out + DNS_HEADER, in + DNS_HEADER, question.len);
    }
    struct answer a = {
        .image = context->image,
        .info = info,
        .reply = {.out = out,
                  .len = DNS_HEADER + question.len,
                  .limit = size_limit(context, &edns, cap)},
    };
    if (!judge(in, &question, &edns, parsed, &a)) {
        answer_build(&a);
    }
    return finish(&a, in, &edns, context->service->payload, question.len > 0);
}
