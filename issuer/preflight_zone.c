/*
 * The probe of our zone. Whoever needs to know whether the zone is delegated waits for the one that
 * is under way; what it finds holds for some minutes where it is good, for some seconds else.
 */
#include <string.h>

#include "issuer/preflight_priv.h"

#define ORDER 0 /* no order has it: who the probe's value belongs to */

static void wake_all(struct preflight *preflight)
{
    for (struct preflight_check *c = preflight->checks; c != NULL; c = c->next) {
        c->dirty = true;
    }
    turn_arm(&preflight->turn);
}

void probe_stop(struct preflight *preflight)
{
    struct probe *probe = &preflight->probe;

    if (probe->state == PROBE_IDLE) {
        return;
    }
    probe->state = PROBE_IDLE;
    (void)uv_timer_stop(&probe->timer);
    if (probe->wait != 0) {
        publisher_cancel(preflight->opt.publisher, probe->wait);
        probe->wait = 0;
    }
    publisher_release(preflight->opt.publisher, ORDER);
    lookups_clear(&probe->lookups);
}

static void ended(struct preflight *preflight, uint64_t ms)
{
    struct probe *probe = &preflight->probe;

    probe_stop(preflight);
    probe->good_until = uv_now(preflight->opt.loop) + ms;
    wake_all(preflight);
}

static void cannot(struct preflight *preflight, const char *why)
{
    const struct preflight_finding about = {.kind = "delegation", .severity = PREFLIGHT_TEMPORARY};

    findings_clear(&preflight->probe.findings);
    findings_add(&preflight->probe.findings, &about, "our zone cannot be probed: %s", why);
    ended(preflight, LIMIT_PREFLIGHT_BAD_MS);
}

static bool is_good(const struct findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        if (findings->list[i].severity != PREFLIGHT_GOOD) {
            return false;
        }
    }
    return findings->count > 0;
}

void probe_turn(struct preflight *preflight)
{
    struct probe *probe = &preflight->probe;
    struct judge judge = {.lookups = &probe->lookups,
                          .out = &probe->findings,
                          .publisher = preflight->opt.publisher,
                          .conf = preflight->opt.conf};
    uint16_t port = preflight->opt.dns_port != 0 ? preflight->opt.dns_port : 53;

    if (probe->state != PROBE_ASKING) {
        return;
    }
    findings_clear(&probe->findings);
    preflight_probe(&judge, probe->label, probe->value, port);
    if (!judge.pending) {
        ended(preflight,
              is_good(&probe->findings) ? LIMIT_PREFLIGHT_GOOD_MS : LIMIT_PREFLIGHT_BAD_MS);
    }
}

static void on_answer(void *arg)
{
    struct preflight *preflight = arg;

    turn_arm(&preflight->turn);
}

static void on_live(void *arg, uint64_t generation)
{
    struct preflight *preflight = arg;

    (void)generation;
    preflight->probe.wait = 0;
    preflight->probe.state = PROBE_ASKING;
    turn_arm(&preflight->turn);
}

static void on_timer(uv_timer_t *timer)
{
    struct preflight *preflight = timer->data;

    if (preflight->probe.state == PROBE_PUBLISHING) {
        cannot(preflight, "the nameserver has not taken the probe over in time");
    } else {
        lookups_expire(&preflight->probe.lookups);
        turn_arm(&preflight->turn);
    }
}

static void start(struct preflight *preflight)
{
    struct probe *probe = &preflight->probe;
    int64_t expires = clock_wall_s(preflight->opt.clock) + LIMIT_PREFLIGHT_MS / 1000 + 1;
    struct err err = {0};

    probe->state = PROBE_PUBLISHING;
    lookups_init(&probe->lookups, preflight->resolve, on_answer, preflight);
    if (preflight_random_label(probe->label) < 0 || preflight_random_label(probe->value) < 0) {
        cannot(preflight, "no random numbers");
    } else if (publisher_add(preflight->opt.publisher, probe->label, probe->value, ORDER, expires,
                             &err) < 0) {
        cannot(preflight, err.text);
    } else if ((probe->wait = publisher_wait(preflight->opt.publisher, on_live, preflight)) == 0) {
        cannot(preflight, "out of memory");
    } else {
        (void)uv_timer_start(&probe->timer, on_timer, LIMIT_PREFLIGHT_MS * 3 / 4, 0);
    }
}

static void copy(struct judge *judge, const struct findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        findings_add(judge->out, &findings->list[i], "%s", findings->list[i].text);
    }
}

void preflight_zone(struct judge *judge, struct preflight *preflight)
{
    struct probe *probe = &preflight->probe;
    const struct preflight_finding late = {.kind = "delegation", .severity = PREFLIGHT_TEMPORARY};

    if (probe->state == PROBE_IDLE && uv_now(preflight->opt.loop) < probe->good_until) {
        copy(judge, &probe->findings);
        return;
    }
    if (judge->lookups->expired) {
        findings_add(judge->out, &late, "whether our zone is delegated was not found out in time");
        return;
    }
    judge->pending = true;
    if (probe->state == PROBE_IDLE) {
        start(preflight);
    }
}

void probe_init(struct preflight *preflight)
{
    (void)uv_timer_init(preflight->opt.loop, &preflight->probe.timer);
    preflight->probe.timer.data = preflight;
}
