#include "dnsd/query.h"

#include <string.h>

#include "common/attribute.h"
#include "common/err.h"
#include "common/wire.h"
#include "dnsd/answer.h"
#include "dnsd/chaos.h"
#include "dnsd/dns.h"
#include "dnsd/edns.h"
#include "dnsd/lower.h"
#include "dnsd/service.h"

#define UDP_PLAIN 512 /* octets without EDNS, RFC 1035 4.2.1 */

struct question {
    size_t len; /* octets with type and class, 0 where it does not parse */
    uint16_t type, class;
};

/* A message, taken apart. */
struct request {
    const struct query_context *context;
    const uint8_t *in;
    struct question question;
    struct edns edns;
    bool malformed; /* behind the question */
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
    info->question_end = (uint16_t)(DNS_HEADER + question->len);
    info->qtype = question->type;
    info->name_len = (uint8_t)name_len;
    lower_copy(info->name, name, name_len);
}

static void take_apart(struct request *r, struct query_info *info, size_t len)
{
    const uint8_t *in = r->in;
    unsigned known = r->context->tcp ? EDNS_KEEPALIVE : 0;

    question_parse(&r->question, info, in, len);
    if (r->context->service->cookies != COOKIE_OFF) {
        known |= EDNS_COOKIE;
    }
    r->malformed = edns_parse(&r->edns, in, len, info->question_end, known) < 0;
}

static bool settle(struct answer *a, enum query_outcome outcome, unsigned rcode, enum dns_ede error)
{
    a->info->outcome = outcome;
    a->rcode = rcode;
    a->error = error;
    return true;
}

/* A question that the zones need not be asked about. */
static bool judge_question(struct answer *a, const struct request *r)
{
    switch (r->question.type) {
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
    if (r->question.class == DNS_CLASS_CH) {
        chaos_answer(a, r->context->service);
        return true;
    }
    if (r->question.class != DNS_CLASS_IN) {
        return settle(a, QUERY_REFUSED, DNS_REFUSED, DNS_EDE_NOT_AUTHORITATIVE);
    }
    if (a->image == NULL) {
        return settle(a, QUERY_SERVFAIL, DNS_SERVFAIL, DNS_EDE_NOT_READY);
    }
    return false;
}

/* A message without a question, which may come for a cookie (RFC 7873 5.4). */
static bool judge_empty(struct answer *a, const struct request *r)
{
    if (wire_read_u16(r->in + 4) != 0 || r->edns.cookie_len == 0) {
        return settle(a, QUERY_FORMERR, DNS_FORMERR, DNS_EDE_NONE);
    }
    if (r->edns.cookie_len > COOKIE_CLIENT && !a->info->cookie) {
        return settle(a, QUERY_BADCOOKIE, DNS_BADCOOKIE, DNS_EDE_NONE);
    }
    return settle(a, QUERY_NODATA, DNS_NOERROR, DNS_EDE_NONE);
}

/* What the message as such calls for, before a zone is looked at. True: rcode says it all. */
static bool judge(struct answer *a, const struct request *r)
{
    if ((r->in[2] & DNS_FLAG_OPCODE) != 0) {
        return settle(a, QUERY_NOTIMP, DNS_NOTIMP, DNS_EDE_NOT_SUPPORTED);
    }
    if (r->malformed) {
        return settle(a, QUERY_FORMERR, DNS_FORMERR, DNS_EDE_NONE);
    }
    if (r->edns.version != 0) {
        return settle(a, QUERY_BADVERS, DNS_BADVERS, DNS_EDE_NONE);
    }
    if (r->question.len == 0) {
        return judge_empty(a, r);
    }
    if (r->edns.cookie_len > 0 && !a->info->cookie && !r->context->tcp &&
        r->context->service->cookies == COOKIE_ENFORCE) {
        return settle(a, QUERY_BADCOOKIE, DNS_BADCOOKIE, DNS_EDE_NONE);
    }
    return judge_question(a, r);
}

static size_t size_limit(const struct request *r, size_t cap)
{
    size_t limit = UDP_PLAIN, payload = r->context->service->payload;

    if (r->context->tcp) {
        limit = LIMIT_DNS_MESSAGE;
    } else if (r->edns.present && r->edns.payload > UDP_PLAIN) {
        limit = r->edns.payload < payload ? r->edns.payload : payload;
    }
    return limit < cap ? limit : cap;
}

/* The cookie to answer with, into room where the client's own does not do. */
static const uint8_t *give_cookie(const struct request *r, struct query_info *info,
                                  uint8_t room[static COOKIE_FULL])
{
    const struct query_context *c = r->context;
    const struct cookie_secrets *secrets = &c->service->secrets;
    bool fresh = false;

    info->cookie =
        r->edns.cookie_len == COOKIE_FULL &&
        cookie_check(secrets, r->edns.cookie, c->address, c->address_len, c->now, &fresh);
    if (fresh) {
        return r->edns.cookie;
    }
    cookie_make(secrets, r->edns.cookie, c->address, c->address_len, c->now, room);
    return room;
}

/* All of the answer's OPT that does not depend on the question. */
static void plan_opt(struct edns_reply *opt, const struct request *r, struct query_info *info,
                     uint8_t room[static COOKIE_FULL])
{
    const struct service *service = r->context->service;

    opt->payload = service->payload;
    opt->dnssec_ok = r->edns.dnssec_ok;
    opt->options_len = 0;
    if (r->edns.options) {
        opt->tell_keepalive = r->edns.keepalive;
        opt->keepalive = service->keepalive;
        opt->nsid_len = r->edns.nsid ? service->nsid_len : 0;
        opt->nsid = service->nsid;
        opt->cookie = r->edns.cookie_len > 0 ? give_cookie(r, info, room) : NULL;
        edns_measure(opt);
    }
}

/* The header once all is known. Returns the length. */
static size_t finish(struct answer *a, const struct request *r)
{
    uint8_t *out = a->reply.out;
    const uint8_t *in = r->in;

    out[0] = in[0];
    out[1] = in[1];
    out[2] = (uint8_t)(DNS_FLAG_QR | (in[2] & (DNS_FLAG_OPCODE | DNS_FLAG_RD)) |
                       (a->authoritative ? DNS_FLAG_AA : 0) | (a->truncated ? DNS_FLAG_TC : 0));
    out[3] = a->rcode & 0x0F;
    wire_write_u16(out + 4, r->question.len > 0);
    wire_write_u16(out + 6, a->reply.answer);
    wire_write_u16(out + 8, a->reply.authority);
    wire_write_u16(out + 10, a->reply.additional);
    a->info->rcode = a->rcode & 0x0F;
    a->info->answered = a->reply.answer > 0;
    a->info->truncated = a->truncated;
    return a->reply.len;
}

uint64_t query_hash(const struct image *image, const uint8_t *in, size_t in_len)
{
    uint8_t lower[LOWER_ROOM];
    size_t len = in_len > DNS_HEADER ? name_at(in + DNS_HEADER, in_len - DNS_HEADER) : 0;

    lower_copy(lower, in + DNS_HEADER, len);
    return image_lookup_hash(image, lower, len);
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
    struct request r;
    struct edns_reply opt LEFT_AS_IS;
    uint8_t cookie[COOKIE_FULL];
    struct answer a LEFT_AS_IS;

    r.context = context;
    r.in = in;
    info_reset(info);
    if (in_len < DNS_HEADER || (in[2] & DNS_FLAG_QR) != 0) {
        return 0;
    }
    take_apart(&r, info, in_len);
    memcpy(out + DNS_HEADER, in + DNS_HEADER, r.question.len);
    answer_init(&a, context->image, info);
    a.hash = context->hash;
    a.reply.out = out;
    a.reply.len = info->question_end;
    a.reply.limit = size_limit(&r, cap);
    if (r.edns.present) {
        plan_opt(&opt, &r, info, cookie);
        a.reply.limit -= EDNS_OPT_LEN + opt.options_len;
    }
    if (!judge(&a, &r)) {
        answer_build(&a);
    }
    if (r.edns.present) {
        info->opt_len = (uint16_t)edns_write(out + a.reply.len, a.rcode, a.error, &opt);
        a.reply.len += info->opt_len;
        a.reply.additional++;
    }
    return finish(&a, &r);
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
