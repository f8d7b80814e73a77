#include "dnsd/rate_watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum rate_watch_state {
    RATE_WATCH_QUIET, /* the workers keep an example of what they limit next */
    RATE_WATCH_LIMITING,
    RATE_WATCH_RESTING, /* it is over; until the next line may be written */
};

struct rate_watch {
    struct rate_watch_options options;
    uv_timer_t timer;
    enum rate_watch_state state;
    uint64_t told[RATE_CLASSES]; /* in lines before this one's */
    uint64_t last[RATE_CLASSES]; /* when the timer came last */
};

static void totals(const struct rate_watch *w, uint64_t sums[static RATE_CLASSES])
{
    memset(sums, 0, RATE_CLASSES * sizeof(sums[0]));
    for (size_t i = 0; i < w->options.count; i++) {
        rate_limited(w->options.rates[i], sums);
    }
}

static void arm(struct rate_watch *w)
{
    w->state = RATE_WATCH_QUIET;
    for (size_t i = 0; i < w->options.count; i++) {
        rate_arm(w->options.rates[i]);
    }
}

static void say_begin(struct rate_watch *w, const struct rate_example *example)
{
    static const char *const classes[RATE_CLASSES] = {"answers", "NXDOMAIN", "errors"};
    char address[INET6_ADDRSTRLEN];

    inet_ntop(example->address_len == 4 ? AF_INET : AF_INET6, example->address, address,
              sizeof(address));
    log_warning(w->options.log, NULL,
                "more is asked than the rate limits allow, for example %s to %s/%u: answers are "
                "dropped or sent truncated, those for live challenges never",
                classes[example->class], address, example->bits);
}

static void say_end(struct rate_watch *w)
{
    unsigned long long n[RATE_CLASSES];

    for (int i = 0; i < RATE_CLASSES; i++) {
        n[i] = w->last[i] - w->told[i];
    }
    log_info(w->options.log, NULL,
             "the rate limits hold nothing back any more; it was %llu answers, %llu NXDOMAIN, %llu "
             "errors",
             n[RATE_ANSWER], n[RATE_NXDOMAIN], n[RATE_ERROR]);
    memcpy(w->told, w->last, sizeof(w->told));
}

static void on_timer(uv_timer_t *timer)
{
    struct rate_watch *w = timer->data;
    uint64_t now[RATE_CLASSES];

    if (w->state == RATE_WATCH_RESTING) {
        arm(w);
        return;
    }
    totals(w, now);
    if (memcmp(now, w->last, sizeof(now)) == 0) {
        say_end(w);
        w->state = RATE_WATCH_RESTING;
    }
    memcpy(w->last, now, sizeof(now));
    uv_timer_start(timer, on_timer, w->options.pause_ms, 0);
}

void rate_watch_notify(struct rate_watch *watch)
{
    struct rate_example example;

    for (size_t i = 0; watch->state == RATE_WATCH_QUIET && i < watch->options.count; i++) {
        if (rate_example(watch->options.rates[i], &example)) {
            watch->state = RATE_WATCH_LIMITING;
            say_begin(watch, &example);
            totals(watch, watch->last);
            uv_timer_start(&watch->timer, on_timer, watch->options.pause_ms, 0);
        }
    }
}

int rate_watch_new(struct rate_watch **out, const struct rate_watch_options *options)
{
    struct rate_watch *w = calloc(1, sizeof(*w));

    if (w == NULL) {
        return -ENOMEM;
    }
    w->options = *options;
    uv_timer_init(options->loop, &w->timer);
    w->timer.data = w;
    arm(w);
    *out = w;
    return 0;
}

void rate_watch_close(struct rate_watch *watch)
{
    if (watch != NULL) {
        uv_close((uv_handle_t *)&watch->timer, NULL);
    }
}

void rate_watch_free(struct rate_watch *watch)
{
    free(watch);
}
