#include "dnsd/stats.h"

_Static_assert(STATS_NODATA == (int)QUERY_NODATA && STATS_SERVFAIL == (int)QUERY_SERVFAIL,
               "outcomes are counters");

static const char *const names[STATS_COUNTERS] = {
    [STATS_DROPPED] = "dropped",
    [STATS_NOERROR] = "noerror",
    [STATS_NODATA] = "nodata",
    [STATS_NXDOMAIN] = "nxdomain",
    [STATS_REFERRAL] = "referral",
    [STATS_REFUSED] = "refused",
    [STATS_FORMERR] = "formerr",
    [STATS_NOTIMP] = "notimp",
    [STATS_BADVERS] = "badvers",
    [STATS_BADCOOKIE] = "badcookie",
    [STATS_SERVFAIL] = "servfail",
    [STATS_UDP] = "udp",
    [STATS_TCP] = "tcp",
    [STATS_TRUNCATED] = "truncated",
    [STATS_SEND_FAILED] = "send_failed",
    [STATS_SEEN] = "seen",
    [STATS_SEEN_LOST] = "seen_lost",
    [STATS_TCP_OPENED] = "tcp_opened",
    [STATS_TCP_CLOSED] = "tcp_closed",
    [STATS_TCP_REFUSED] = "tcp_refused",
    [STATS_COOKIE] = "cookie",
    [STATS_RATE_DROPPED] = "rate_dropped",
    [STATS_RATE_SLIPPED] = "rate_slipped",
    [STATS_SHED] = "shed",
};

static uint64_t sum(const struct stats *const *blocks, size_t count, enum stats_counter counter)
{
    uint64_t total = 0;

    for (size_t i = 0; i < count; i++) {
        total += stats_get(blocks[i], counter);
    }
    return total;
}

void stats_put(struct msg_writer *w, const struct stats *const *blocks, size_t count)
{
    msg_put_u16(w, STATS_COUNTERS + 1);
    msg_put_str(w, "queries");
    msg_put_u64(w, sum(blocks, count, STATS_UDP) + sum(blocks, count, STATS_TCP));
    for (int i = 0; i < STATS_COUNTERS; i++) {
        msg_put_str(w, names[i]);
        msg_put_u64(w, sum(blocks, count, (enum stats_counter)i));
    }
}
