#include "dnsd/query.h"

#include <string.h>

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
    info->question_end = (uint16_t)(DNS_HEADER + question->len);
    question->type = wire_read_u16(name + name_len);
    question->class = wire_read_u16(name + name_len + 2);
    info->qtype = question->type;
    info->name_len = (uint8_t)name_len;
    lower_copy(info->name, name, name_len);
}

static bool settle(struct answer *a, enum query_outcome outcome, unsigned rcode, enum dns_ede error)
{
    a->info->outcome = outcome;
    a->rcode = rcode;
    a->error = error;
    return true;
}

/* A question that the zones need not be asked about. */
static bool refuse(struct answer *a, const struct question *question)
{
    switch (question->type) {
    case DNS_TYPE_OPT:
    case DNS_TYPE_TKEY:
    case DNS_TYPE_TSIG:
        return settle(a, QUERY_FORMERR, DNS_FORMERR, DNS_EDE_NONE);
    case DNS_TYPE_MAILA:
    case DNS_TYPE_MAILB:
        return settle(a, QUERY_NOTIMP, DNS_NOTIMP, DNS_EDE_NOT_SUPPORTED);
    case DNS_TYPE_AXFR:
    case DNS_TYPE_IXFR:
        return settle(a, QUERY_REFUSED, DNS_REFUSED, DNS_EDE_PROHIBITED);
    default:
        break;
    }
    if (question->class != DNS_CLASS_IN) {
        return settle(a, QUERY_REFUSED, DNS_REFUSED, DNS_EDE_NOT_AUTHORITATIVE);
    }
    if (a->image == NULL) {
        return settle(a, QUERY_SERVFAIL, DNS_SERVFAIL, DNS_EDE_NOT_READY);
    }
    return false;
}

/* Whether the client must come back with the cookie that it gets now. Without a question it
 * came for nothing else, and a cookie of ours that has run out is bad over TCP too (RFC 7873 5.4).
 */
static bool is_bad_cookie(const struct query_context *context, const struct edns *edns,
                          const struct question *question, const struct query_info *info)
{
    if (question->len == 0) {
        return edns->cookie_len > COOKIE_CLIENT && !info->cookie;
    }
    return context->service->cookies == COOKIE_ENFORCE && !context->tcp && edns->cookie_len > 0 &&
           !info->cookie;
}

/* What the message as such calls for, before a zone is looked at. True: rcode says it all.
 * parsed: what edns_parse said. */
static bool judge(struct answer *a, const struct query_context *context, const uint8_t *in,
                  const struct question *question, const struct edns *edns, int parsed)
{
    /* RFC 7873 5.4: no question at all, but a cookie */
    bool cookie_only = wire_read_u16(in + 4) == 0 && edns->cookie_len > 0;

    if ((in[2] & DNS_FLAG_OPCODE) != 0) {
        return settle(a, QUERY_NOTIMP, DNS_NOTIMP, DNS_EDE_NOT_SUPPORTED);
    }
    if (parsed < 0 || (question->len == 0 && !cookie_only)) {
        return settle(a, QUERY_FORMERR, DNS_FORMERR, DNS_EDE_NONE);
    }
    if (edns->version != 0) {
        return settle(a, QUERY_BADVERS, DNS_BADVERS, DNS_EDE_NONE);
    }
    if (is_bad_cookie(context, edns, question, a->info)) {
        return settle(a, QUERY_BADCOOKIE, DNS_BADCOOKIE, DNS_EDE_NONE);
    }
    if (question->len == 0) {
        return settle(a, QUERY_NODATA, DNS_NOERROR, DNS_EDE_NONE);
    }
    return refuse(a, question);
}

static size_t size_limit(const struct query_context *context, const struct edns *edns, size_t cap)
{
    size_t limit = UDP_PLAIN, payload = context->service->payload;

    if (context->tcp) {
        limit = LIMIT_DNS_MESSAGE;
    } else if (edns->present && edns->payload > UDP_PLAIN) {
        limit = edns->payload < payload ? edns->payload : payload;
    }
    return limit < cap ? limit : cap;
}

/* The cookie to answer with, into room where the client's own does not do. NULL: none. */
static const uint8_t *give_cookie(const struct query_context *context, const struct edns *edns,
                                  struct query_info *info, uint8_t room[static COOKIE_FULL])
{
    const struct service *service = context->service;
    bool fresh = false;

    if (edns->cookie_len == 0) {
        return NULL;
    }
    info->cookie = edns->cookie_len == COOKIE_FULL &&
                   cookie_check(&service->secrets, edns->cookie, context->address,
                                context->address_len, context->now, &fresh);
    if (fresh) {
        return edns->cookie;
    }
    cookie_make(&service->secrets, edns->cookie, context->address, context->address_len,
                context->now, room);
    return room;
}

/* All of the answer's OPT that does not depend on the question. */
static void plan_opt(struct edns_reply *reply, const struct query_context *context,
                     const struct edns *edns, const uint8_t *cookie)
{
    const struct service *service = context->service;

    reply->payload = service->payload;
    reply->keepalive = service->keepalive;
    reply->dnssec_ok = edns->dnssec_ok;
    reply->tell_keepalive = edns->keepalive;
    reply->nsid_len = edns->nsid ? service->nsid_len : 0;
    reply->error = DNS_EDE_NONE;
    reply->nsid = service->nsid;
    reply->cookie = cookie;
}

/* The header once all is known. Returns the length. */
static size_t finish(struct answer *a, const uint8_t *in, bool has_question)
{
    uint8_t *out = a->reply.out;

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
    info->answered = info->truncated = info->cookie = info->challenge = false;
    info->question_end = DNS_HEADER;
    info->opt_len = 0;
    info->name_len = 0;
}

size_t query_answer(const struct query_context *context, const uint8_t *in, size_t in_len,
                    uint8_t *out, size_t cap, struct query_info *info)
{
    struct question question;
    struct edns edns;
    struct edns_reply opt;
    uint8_t cookie[COOKIE_FULL];
    int parsed;

    info_reset(info);
    if (in_len < DNS_HEADER || (in[2] & DNS_FLAG_QR) != 0) {
        return 0;
    }
    question_parse(&question, info, in, in_len);
    const struct edns_walk walk = {
        .question = question.len > 0 ? 0 : wire_read_u16(in + 4),
        .answer = wire_read_u16(in + 6),
        .authority = wire_read_u16(in + 8),
        .additional = wire_read_u16(in + 10),
        .cookies = context->service->cookies != COOKIE_OFF,
        .keepalive = context->tcp,
    };
    parsed = edns_parse(&edns, in, in_len, info->question_end, &walk);
    memcpy(out + DNS_HEADER, in + DNS_HEADER, question.len);
    struct answer a = {
        .image = context->image,
        .info = info,
        .error = DNS_EDE_NONE,
        .reply = {.out = out, .len = info->question_end, .limit = size_limit(context, &edns, cap)},
    };
    if (edns.present) {
        plan_opt(&opt, context, &edns, give_cookie(context, &edns, info, cookie));
        a.reply.limit -= edns_reply_len(&opt);
    }
    if (!judge(&a, context, in, &question, &edns, parsed)) {
        answer_build(&a);
    }
    if (edns.present) {
        opt.error = (int8_t)a.error;
        info->opt_len = (uint16_t)edns_write(out + a.reply.len, a.rcode, &opt);
        a.reply.len += info->opt_len;
        a.reply.additional++;
    }
    return finish(&a, in, question.len > 0);
}

size_t query_truncate(uint8_t *out, size_t len, const struct query_info *info)
{
    out[2] |= DNS_FLAG_TC;
    wire_write_u16(out + 6, 0);
    wire_write_u16(out + 8, 0);
    wire_write_u16(out + 10, info->opt_len > 0);
    memmove(out + info->question_end, out + len - info->opt_len, info->opt_len);
    return (size_t)info->question_end + info->opt_len;
}
