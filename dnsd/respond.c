#include "dnsd/respond.h"

#include "common/attribute.h"
#include "dnsd/address.h"
#include "zones/image.h"

static void note(struct responder *r, const struct query_info *info, const struct query_context *c)
{
    stats_add(r->stats, STATS_SEEN, 1);
    if (!seen_note(r->seen, info, c->tcp, r->image->generation, c->address, c->address_len)) {
        stats_add(r->stats, STATS_SEEN_LOST, 1);
    }
}

static enum rate_class class_of(enum query_outcome outcome)
{
    switch (outcome) {
    case QUERY_ANSWERED:
    case QUERY_NODATA:
    case QUERY_REFERRAL:
        return RATE_ANSWER;
    case QUERY_NXDOMAIN:
        return RATE_NXDOMAIN;
    default:
        return RATE_ERROR;
    }
}

/* What is left of an answer over UDP to a client whose address may be forged. */
static size_t limit(struct responder *r, const struct query_info *info,
                    const struct query_context *c, uint8_t *out, size_t len)
{
    const struct rate_answer answer = {
        .class = class_of(info->outcome),
        .refused = info->outcome == QUERY_REFUSED,
        .address = c->address,
        .address_len = c->address_len,
        .now = r->now_ms,
    };

    if (r->pressed && answer.class != RATE_ANSWER &&
        r->service->rate.per_second[answer.class] > 0 &&
        !rate_allows(&r->service->rate, c->address, c->address_len)) {
        stats_add(r->stats, STATS_SHED, 1);
        return 0;
    }
    switch (rate_judge(r->rate, &r->service->rate, &answer)) {
    case RATE_SLIP:
        stats_add(r->stats, STATS_RATE_SLIPPED, 1);
        return query_truncate(out, len, info);
    case RATE_DROP:
        stats_add(r->stats, STATS_RATE_DROPPED, 1);
        return 0;
    default:
        return len;
    }
}

size_t respond(struct responder *responder, bool tcp, const struct sockaddr *from,
               const uint8_t *in, size_t in_len, uint8_t *out, size_t cap)
{
    struct query_context context = {.image = responder->image,
                                    .service = responder->service,
                                    .hash = responder->hash,
                                    .now = responder->now,
                                    .tcp = tcp};
    struct query_info info LEFT_AS_IS;
    size_t len;

    context.address = address_octets(from, &context.address_len);
    len = query_answer(&context, in, in_len, out, cap, &info);

    stats_add(responder->stats, (enum stats_counter)info.outcome, 1);
    stats_add(responder->stats, tcp ? STATS_TCP : STATS_UDP, 1);
    if (info.truncated) {
        stats_add(responder->stats, STATS_TRUNCATED, 1);
    }
    if (info.challenge) {
        note(responder, &info, &context);
    }
    if (info.cookie) {
        stats_add(responder->stats, STATS_COOKIE, 1);
    }
    /* a CA's validation waits for the answer about a live challenge, so that always leaves */
    if (!tcp && len > 0 && !info.challenge && !info.cookie) {
        len = limit(responder, &info, &context, out, len);
    }
    return len;
}
