/*
 * Changes are counted: `changes` is how many there were, and each image remembers how many
 * it holds. A waiter remembers the count at the time it came, and is called when an image
 * that holds as many is acknowledged. So it does not matter how many changes go into one image, nor
 * whether dnsd died on the way: the new one gets the newest image, and its acknowledgement counts.
 *
 * One image is under way at a time. What changes meanwhile goes together into the next, which
 * is built in the turn in which the acknowledgement comes.
 */
#include "issuer/publisher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/limits.h"
#include "issuer/generation.h"
#include "issuer/publisher_link.h"
#include "issuer/publisher_zones.h"
#include "issuer/turn.h"
#include "zones/image.h"
#include "zones/name.h"
#include "zones/record.h"

#define TRIES         5     /* of a publication that fails or is refused, then the next change */
#define RETRY_MS      200   /* doubled each time: 6 s in all */
#define EXPIRY_MAX_MS 60000 /* look at least so often */
#define STATS_MS      1000

struct waiter {
    struct waiter *next;
    uint64_t id, changes;
    publisher_wait_fn *fn;
    void *arg;
};

struct asker {
    struct asker *next;
    publisher_stats_fn *fn;
    void *arg;
};

struct publisher {
    struct publisher_options opt;
    struct publisher_zones zones;
    char apex[LIMIT_NAME_TEXT];
    struct publisher_link *link;
    struct turn turn;
    uv_timer_t expiry, retry, stats;
    int open_handles;

    struct generation generation;
    uint64_t changes; /* how many there were */
    int image;        /* the newest, or -1 */
    uint64_t image_generation, image_changes;
    bool to_send;                             /* the newest has not been sent on this link */
    bool in_flight;                           /* it was, and no answer came yet */
    unsigned failures;                        /* in a row */
    uint64_t acked_generation, acked_changes; /* changes 0: nobody serves anything now */

    struct waiter *waiters, **last_waiter; /* by changes, so the first is due first */
    uint64_t last_wait;
    struct asker *askers;
    size_t asker_count;
};

static void schedule_expiry(struct publisher *p);

/* -- building and sending -- */

static void changed(struct publisher *p)
{
    p->changes++;
    p->failures = 0;
    turn_arm(&p->turn);
}

static void on_retry(uv_timer_t *timer)
{
    struct publisher *p = timer->data;

    turn_arm(&p->turn);
}

static void failed(struct publisher *p, const char *what, const char *why)
{
    log_error(p->opt.log, NULL, "publishing generation %llu: %s: %s",
              (unsigned long long)p->image_generation, what, why);
    if (++p->failures < TRIES) {
        (void)uv_timer_start(&p->retry, on_retry, RETRY_MS << (p->failures - 1), 0);
    }
}

static int build(struct publisher *p)
{
    struct image_options options = {.generation = generation_take(&p->generation)};
    int fd;

    options.serial = generation_serial(options.generation);
    if (getrandom(options.hash_key, sizeof options.hash_key, 0) != sizeof options.hash_key) {
        return -EIO;
    }
    if ((fd = image_build(p->zones.zones, p->zones.count, &options)) < 0) {
        return fd;
    }
    if (p->image >= 0) {
        (void)close(p->image);
    }
    p->image = fd;
    p->image_generation = options.generation;
    p->image_changes = p->changes;
    p->to_send = true;
    return 0;
}

static void drop_link(struct publisher *p)
{
    publisher_link_free(p->link);
    p->link = NULL;
    p->in_flight = false;
    p->acked_changes = 0;
}

static void send_image(struct publisher *p)
{
    int ret = publisher_link_image(p->link, p->image_generation, p->image);

    if (ret == -EAGAIN) {
        return;
    }
    if (ret < 0) {
        log_error(p->opt.log, NULL, "the channel to dnsd is broken: %s", err_string(ret));
        drop_link(p);
        return;
    }
    p->to_send = false;
    p->in_flight = true;
}

static void publish(struct publisher *p)
{
    int ret;

    if (p->link == NULL || p->in_flight || p->changes == 0 ||
        uv_is_active((uv_handle_t *)&p->retry)) {
        return;
    }
    if (p->image_changes != p->changes && (ret = build(p)) < 0) {
        failed(p, "building the image failed", err_string(ret));
        return;
    }
    if (p->to_send) {
        send_image(p);
    }
}

static void fire_waiters(struct publisher *p)
{
    while (p->waiters != NULL && p->waiters->changes <= p->acked_changes) {
        struct waiter *w = p->waiters;

        if ((p->waiters = w->next) == NULL) {
            p->last_waiter = &p->waiters;
        }
        w->fn(w->arg, p->acked_generation);
        free(w);
    }
}

static void on_turn(void *arg)
{
    struct publisher *p = arg;

    fire_waiters(p);
    publish(p);
    schedule_expiry(p);
}

/* -- what dnsd says -- */

static void on_ack(void *arg, uint64_t generation)
{
    struct publisher *p = arg;

    if (!p->in_flight || generation != p->image_generation) {
        return;
    }
    p->in_flight = false;
    p->failures = 0;
    p->acked_generation = generation;
    p->acked_changes = p->image_changes;
    fire_waiters(p);
    turn_arm(&p->turn);
}

static void on_refused(void *arg, uint64_t generation, const char *reason)
{
    struct publisher *p = arg;

    if (!p->in_flight || generation != p->image_generation) {
        return;
    }
    p->in_flight = false;
    p->image_changes = 0; /* to be built anew */
    failed(p, "dnsd refused it", reason);
}

static void on_seen(void *arg, const struct publisher_seen *seen)
{
    struct publisher *p = arg;

    if (p->opt.on_seen != NULL) {
        p->opt.on_seen(p->opt.arg, seen);
    }
}

static void on_writable(void *arg)
{
    struct publisher *p = arg;

    turn_arm(&p->turn);
}

static void answer_askers(struct publisher *p, const struct publisher_counter *counters,
                          size_t count)
{
    struct asker *next = p->askers;

    (void)uv_timer_stop(&p->stats);
    p->askers = NULL;
    p->asker_count = 0;
    while (next != NULL) {
        struct asker *asker = next;

        next = asker->next;
        asker->fn(asker->arg, counters, count);
        free(asker);
    }
}

static void on_stats(void *arg, const struct publisher_counter *counters, size_t count)
{
    answer_askers(arg, counters, count);
}

static void on_lost(void *arg, const char *why, bool broken)
{
    struct publisher *p = arg;

    log_warning(p->opt.log, NULL, "dnsd is gone: %s", why);
    p->link = NULL;
    drop_link(p);
    if (broken && p->opt.on_broken != NULL) {
        p->opt.on_broken(p->opt.arg);
    }
}

int publisher_attach(struct publisher *p, int fd)
{
    struct publisher_link_events events = {.ack = on_ack,
                                           .refused = on_refused,
                                           .seen = on_seen,
                                           .stats = on_stats,
                                           .writable = on_writable,
                                           .lost = on_lost,
                                           .arg = p};
    int ret;

    drop_link(p);
    if ((ret = publisher_link_new(&p->link, p->opt.loop, fd, &events)) < 0) {
        p->link = NULL;
        return ret;
    }
    p->to_send = p->image >= 0;
    p->failures = 0;
    (void)uv_timer_stop(&p->retry);
    turn_arm(&p->turn);
    return 0;
}

/* -- expiry: by the clock that never jumps, so that a value lives as long as it was to -- */

static int64_t steady(const struct publisher *p)
{
    return (int64_t)(clock_mono_ms(p->opt.clock) / 1000);
}

static void on_expiry(uv_timer_t *timer)
{
    struct publisher *p = timer->data;
    int64_t now = steady(p);
    size_t gone = 0;

    for (size_t i = 0; i < p->zones.count; i++) {
        gone += zone_expire(p->zones.zones[i], now);
    }
    if (gone > 0) {
        log_info(p->opt.log, NULL, "%zu challenge values expired", gone);
        changed(p);
    }
    schedule_expiry(p);
}

static void schedule_expiry(struct publisher *p)
{
    int64_t next = INT64_MAX, now = steady(p);
    uint64_t delay;

    for (size_t i = 0; i < p->zones.count; i++) {
        int64_t at = zone_next_expiry(p->zones.zones[i]);

        next = at < next ? at : next;
    }
    if (next == INT64_MAX) {
        (void)uv_timer_stop(&p->expiry);
        return;
    }
    delay = next <= now ? 1 : (uint64_t)(next - now) * 1000;
    (void)uv_timer_start(&p->expiry, on_expiry, delay < EXPIRY_MAX_MS ? delay : EXPIRY_MAX_MS, 0);
}

/* -- life -- */

int publisher_new(struct publisher **out, const struct publisher_options *options)
{
    struct publisher *p = calloc(1, sizeof *p);

    if (p == NULL) {
        return -ENOMEM;
    }
    p->opt = *options;
    p->image = -1;
    generation_init(&p->generation, options->first_generation, clock_wall_s(options->clock),
                    options->reserve, options->arg);
    p->last_waiter = &p->waiters;
    turn_init(&p->turn, options->loop, on_turn, p);
    (void)uv_timer_init(options->loop, &p->expiry);
    (void)uv_timer_init(options->loop, &p->retry);
    (void)uv_timer_init(options->loop, &p->stats);
    p->expiry.data = p->retry.data = p->stats.data = p;
    p->open_handles = 4;
    *out = p;
    return 0;
}

static void closed_one(void *arg)
{
    struct publisher *p = arg;

    if (--p->open_handles == 0) {
        free(p);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    closed_one(handle->data);
}

void publisher_free(struct publisher *p)
{
    if (p == NULL) {
        return;
    }
    publisher_link_free(p->link);
    answer_askers(p, NULL, 0);
    for (struct waiter *w = p->waiters, *next; w != NULL; w = next) {
        next = w->next;
        free(w);
    }
    publisher_zones_clear(&p->zones);
    if (p->image >= 0) {
        (void)close(p->image);
    }
    turn_close(&p->turn, closed_one);
    uv_close((uv_handle_t *)&p->expiry, on_timer_closed);
    uv_close((uv_handle_t *)&p->retry, on_timer_closed);
    uv_close((uv_handle_t *)&p->stats, on_timer_closed);
}

int publisher_configure(struct publisher *p, const struct boot *boot, struct err *err)
{
    int ret = publisher_zones_load(&p->zones, boot, err);

    if (ret < 0) {
        return ret;
    }
    name_to_text(p->apex, zone_apex(p->zones.zones[0]));
    changed(p);
    return 0;
}

/* -- challenge values -- */

int publisher_record_wire(const struct publisher *p, const char *domain,
                          uint8_t dst[static LIMIT_NAME_WIRE])
{
    return p->zones.count > 0 ? record_name(dst, domain, zone_apex(p->zones.zones[0]))
                              : ERR_NOT_FOUND;
}

int publisher_record(const struct publisher *p, const char *domain, char *dst, size_t cap)
{
    uint8_t wire[LIMIT_NAME_WIRE];
    char text[LIMIT_NAME_TEXT];
    int ret = publisher_record_wire(p, domain, wire);

    if (ret < 0) {
        return ret;
    }
    name_to_text(text, wire);
    if (strlen(text) >= cap) {
        return ERR_LIMIT;
    }
    memcpy(dst, text, strlen(text) + 1);
    return 0;
}

const char *publisher_zone(const struct publisher *p)
{
    return p->apex;
}

int publisher_add(struct publisher *p, const char *domain, const char *value, uint64_t order,
                  int64_t expires, struct err *err)
{
    uint8_t name[LIMIT_NAME_WIRE];
    int ret = publisher_record_wire(p, domain, name);

    if (ret < 0) {
        return err_set(err, ret, "no record name can be made for %s: %s", domain, err_string(ret));
    }
    if ((ret = zone_add(p->zones.zones[0], name, value, order,
                        expires - clock_wall_s(p->opt.clock) + steady(p))) == ERR_EXISTS) {
        return err_set(err, ret,
                       "zone %s has other data (a CNAME, DNAME or delegation) where the challenge "
                       "of %s belongs; remove it from the zone file",
                       p->apex, domain);
    }
    if (ret < 0) {
        return err_set(err, ret, "the challenge of %s cannot be published: %s", domain,
                       err_string(ret));
    }
    if (ret > 0) {
        changed(p);
    }
    return 0;
}

int publisher_remove(struct publisher *p, const char *domain, const char *value, uint64_t order)
{
    uint8_t name[LIMIT_NAME_WIRE];
    int ret = publisher_record_wire(p, domain, name);

    if (ret < 0) {
        return ret;
    }
    for (size_t i = 0; i < p->zones.count; i++) {
        if (name_within(name, zone_apex(p->zones.zones[i])) &&
            zone_remove(p->zones.zones[i], name, value, order) > 0) {
            changed(p);
        }
    }
    return 0;
}

void publisher_release(struct publisher *p, uint64_t order)
{
    size_t gone = 0;

    for (size_t i = 0; i < p->zones.count; i++) {
        gone += zone_remove_owner(p->zones.zones[i], order);
    }
    if (gone > 0) {
        changed(p);
    }
}

/* -- the barrier -- */

uint64_t publisher_wait(struct publisher *p, publisher_wait_fn *fn, void *arg)
{
    struct waiter *w = malloc(sizeof *w);

    if (w == NULL) {
        return 0;
    }
    *w = (struct waiter){.id = ++p->last_wait, .changes = p->changes, .fn = fn, .arg = arg};
    *p->last_waiter = w;
    p->last_waiter = &w->next;
    turn_arm(&p->turn);
    return w->id;
}

void publisher_cancel(struct publisher *p, uint64_t wait)
{
    for (struct waiter **at = &p->waiters; *at != NULL; at = &(*at)->next) {
        struct waiter *w = *at;

        if (w->id != wait) {
            continue;
        }
        if ((*at = w->next) == NULL) {
            p->last_waiter = at;
        }
        free(w);
        return;
    }
}

/* -- for status and records -- */

uint64_t publisher_generation(const struct publisher *p)
{
    return p->acked_generation;
}

size_t publisher_live(const struct publisher *p)
{
    size_t count = 0;

    for (size_t i = 0; i < p->zones.count; i++) {
        count += zone_challenge_count(p->zones.zones[i]);
    }
    return count;
}

struct each {
    publisher_record_fn *fn;
    void *arg;
    int64_t offset; /* from the steady clock to Unix seconds */
    char zone[LIMIT_NAME_TEXT];
};

static void each_challenge(void *arg, const uint8_t *name, const char *value, uint64_t owner,
                           int64_t expires)
{
    struct each *each = arg;
    char text[LIMIT_NAME_TEXT];

    name_to_text(text, name);
    each->fn(each->arg, each->zone, text, value, owner, expires + each->offset);
}

void publisher_each(const struct publisher *p, publisher_record_fn *fn, void *arg)
{
    struct each each = {.fn = fn, .arg = arg, .offset = clock_wall_s(p->opt.clock) - steady(p)};

    for (size_t i = 0; i < p->zones.count; i++) {
        name_to_text(each.zone, zone_apex(p->zones.zones[i]));
        zone_each_challenge(p->zones.zones[i], each_challenge, &each);
    }
}

static void on_stats_timer(uv_timer_t *timer)
{
    answer_askers(timer->data, NULL, 0);
}

int publisher_stats(struct publisher *p, publisher_stats_fn *fn, void *arg)
{
    struct asker *asker;
    bool asked = p->askers != NULL;

    if (p->asker_count == LIMIT_STATS_WAITING) {
        return ERR_LIMIT;
    }
    if ((asker = malloc(sizeof *asker)) == NULL) {
        return -ENOMEM;
    }
    *asker = (struct asker){.next = p->askers, .fn = fn, .arg = arg};
    p->askers = asker;
    p->asker_count++;
    if (asked) {
        return 0;
    }
    if (p->link != NULL && publisher_link_stats(p->link) == 0) {
        return uv_timer_start(&p->stats, on_stats_timer, STATS_MS, 0);
    }
    return uv_timer_start(&p->stats, on_stats_timer, 0, 0);
}
