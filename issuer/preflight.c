/*
 * A check has its own lookups. Whenever one of them is answered, all its names are judged anew at
 * the end of the loop's turn (issuer/preflight_lookup.h); once nothing is pending, or its time is
 * over, it ends.
 */
#include "issuer/preflight.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "issuer/preflight_priv.h"

static void check_free(struct preflight_check *check)
{
    for (size_t i = 0; i < check->name_count; i++) {
        free(check->names[i]);
    }
    for (size_t i = 0; i < check->authority_count; i++) {
        free((char *)(uintptr_t)check->authorities[i].account_url);
        for (size_t j = 0; j < check->authorities[i].caa_count; j++) {
            free((char *)(uintptr_t)check->authorities[i].caa[j]);
        }
        free((char **)(uintptr_t)check->authorities[i].caa);
        free((char *)(uintptr_t)check->own[i].name);
    }
    free(check->names);
    free(check->authorities);
    free(check->own);
    lookups_clear(&check->lookups);
    free(check);
}

static void schedule(struct preflight *preflight);

/* Out of the list; it can be freed then. */
static void retire(struct preflight_check *check)
{
    struct preflight *preflight = check->preflight;

    if ((*check->at = check->next) != NULL) {
        check->next->at = check->at;
    } else {
        preflight->last = check->at;
    }
    preflight->check_count--;
    schedule(preflight);
}

/* -- judging -- */

static void judge_authority(struct judge *judge, const char *name,
                            const struct preflight_authority *authority)
{
    char label[PREFLIGHT_ACCOUNT_LABEL];

    switch (authority->authority->challenge) {
    case ORDER_DNS_01:
        preflight_cname(judge, name, NULL, NULL);
        break;
    case ORDER_DNS_ACCOUNT_01:
        if (authority->account_url != NULL &&
            preflight_account_label(label, authority->account_url) == 0) {
            preflight_cname(judge, name, label, authority->authority->name);
        }
        break;
    case ORDER_DNS_PERSIST_01:
        preflight_persist(judge, name, authority);
        break;
    case ORDER_CHALLENGES:
        break;
    }
}

static bool needs_zone(const struct preflight_check *check)
{
    for (size_t i = 0; i < check->authority_count; i++) {
        if (check->authorities[i].authority->challenge != ORDER_DNS_PERSIST_01) {
            return true;
        }
    }
    return false;
}

static bool has_dns_01(const struct preflight_check *check, size_t before)
{
    for (size_t i = 0; i < before; i++) {
        if (check->authorities[i].authority->challenge == ORDER_DNS_01) {
            return true;
        }
    }
    return false;
}

/* Whether it is complete. */
static bool judge_all(struct preflight_check *check, struct findings *out)
{
    struct preflight *preflight = check->preflight;
    struct judge judge = {.lookups = &check->lookups,
                          .out = out,
                          .publisher = preflight->opt.publisher,
                          .conf = preflight->opt.conf,
                          .now = clock_wall_s(preflight->opt.clock),
                          .label = check->label};

    for (size_t i = 0; i < check->name_count; i++) {
        for (size_t j = 0; j < check->authority_count; j++) {
            if (check->authorities[j].authority->challenge != ORDER_DNS_01 ||
                !has_dns_01(check, j)) {
                judge_authority(&judge, check->names[i], &check->authorities[j]);
            }
        }
        preflight_caa(&judge, check->names[i], check->authorities, check->authority_count);
    }
    if (needs_zone(check)) {
        preflight_zone(&judge, preflight);
    }
    return !judge.pending;
}

/* Whether it has ended. */
static bool advance(struct preflight_check *check)
{
    struct findings findings = {0};
    bool done = judge_all(check, &findings);

    if (done) {
        retire(check);
        check->fn(check->arg, findings.list, findings.count);
        check_free(check);
    }
    findings_clear(&findings);
    return done;
}

static void on_turn(void *arg)
{
    struct preflight *preflight = arg;
    struct preflight_check *next;

    probe_turn(preflight);
    for (struct preflight_check *c = preflight->checks; c != NULL; c = next) {
        next = c->next;
        if (c->dirty) {
            c->dirty = false;
            if (advance(c)) {
                next = preflight->checks; /* the callback may have ended others */
            }
        }
    }
}

static void on_answer(void *arg)
{
    struct preflight_check *check = arg;

    check->dirty = true;
    turn_arm(&check->preflight->turn);
}

/* -- deadlines -- */

static void on_timer(uv_timer_t *timer)
{
    struct preflight *preflight = timer->data;
    uint64_t now = uv_now(preflight->opt.loop);

    for (struct preflight_check *c = preflight->checks; c != NULL && c->deadline <= now;
         c = c->next) {
        lookups_expire(&c->lookups);
        c->dirty = true;
    }
    turn_arm(&preflight->turn);
    schedule(preflight);
}

/* All have the same time, so that the first that came is the first to end. */
static void schedule(struct preflight *preflight)
{
    const struct preflight_check *first = preflight->checks;
    uint64_t now = uv_now(preflight->opt.loop);

    while (first != NULL && first->lookups.expired) {
        first = first->next;
    }
    if (first == NULL) {
        (void)uv_timer_stop(&preflight->timer);
    } else {
        (void)uv_timer_start(&preflight->timer, on_timer,
                             first->deadline > now ? first->deadline - now : 0, 0);
    }
}

/* -- checks -- */

static int copy_names(struct preflight_check *check, const struct preflight_request *request)
{
    if ((check->names = calloc(request->name_count + 1, sizeof *check->names)) == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < request->name_count; i++) {
        if ((check->names[i] = strdup(request->names[i])) == NULL) {
            return -ENOMEM;
        }
        check->name_count++;
    }
    return 0;
}

static int copy_authority(struct preflight_authority *to, struct authority *own,
                          const struct preflight_authority *from)
{
    char **caa = calloc(from->caa_count + 1, sizeof *caa);

    own->challenge = from->authority->challenge;
    to->authority = own;
    to->caa = (const char *const *)caa;
    if (caa == NULL || (own->name = strdup(from->authority->name)) == NULL ||
        (from->account_url != NULL && (to->account_url = strdup(from->account_url)) == NULL)) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < from->caa_count; i++) {
        if ((caa[i] = strdup(from->caa[i])) == NULL) {
            return -ENOMEM;
        }
        to->caa_count++;
    }
    return 0;
}

static int copy_authorities(struct preflight_check *check, const struct preflight_request *request)
{
    int ret = 0;

    check->authorities = calloc(request->authority_count + 1, sizeof *check->authorities);
    check->own = calloc(request->authority_count + 1, sizeof *check->own);
    if (check->authorities == NULL || check->own == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < request->authority_count && ret == 0; i++) {
        check->authority_count++;
        ret = copy_authority(&check->authorities[i], &check->own[i], &request->authorities[i]);
    }
    return ret;
}

static void append(struct preflight *preflight, struct preflight_check *check)
{
    check->deadline = uv_now(preflight->opt.loop) + LIMIT_PREFLIGHT_MS;
    check->at = preflight->last;
    *check->at = check;
    preflight->last = &check->next;
    preflight->check_count++;
    check->dirty = true;
    schedule(preflight);
    turn_arm(&preflight->turn);
}

int preflight_start(struct preflight *preflight, const struct preflight_request *request,
                    preflight_fn *fn, void *arg, struct preflight_check **out, struct err *err)
{
    struct preflight_check *check;

    if (preflight->check_count >= LIMIT_PREFLIGHT_CHECKS) {
        return err_set(err, ERR_BUSY, "busy: %d checks are under way; try again in a while",
                       LIMIT_PREFLIGHT_CHECKS);
    }
    if ((check = calloc(1, sizeof *check)) == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    check->preflight = preflight;
    check->fn = fn;
    check->arg = arg;
    lookups_init(&check->lookups, preflight->resolve, on_answer, check);
    if (copy_names(check, request) < 0 || copy_authorities(check, request) < 0 ||
        preflight_random_label(check->label) < 0) {
        check_free(check);
        return err_set(err, -ENOMEM, "out of memory");
    }
    append(preflight, check);
    *out = check;
    return 0;
}

void preflight_cancel(struct preflight_check *check)
{
    retire(check);
    check_free(check);
}

/* -- life -- */

static void closed_one(void *arg)
{
    struct preflight *preflight = arg;

    if (--preflight->open_handles == 0) {
        free(preflight);
    }
}

static void on_closed(uv_handle_t *handle)
{
    closed_one(handle->data);
}

int preflight_new(struct preflight **out, const struct preflight_options *options)
{
    struct preflight *preflight = calloc(1, sizeof *preflight);
    int ret;

    if (preflight == NULL) {
        return -ENOMEM;
    }
    preflight->opt = *options;
    preflight->last = &preflight->checks;
    if ((ret = resolve_new(&preflight->resolve, options->loop, &options->conf->resolver)) < 0) {
        free(preflight);
        return ret;
    }
    turn_init(&preflight->turn, options->loop, on_turn, preflight);
    (void)uv_timer_init(options->loop, &preflight->timer);
    preflight->timer.data = preflight;
    probe_init(preflight);
    preflight->open_handles = 3;
    *out = preflight;
    return 0;
}

static struct preflight_check *take_first(struct preflight *preflight)
{
    struct preflight_check *first = preflight->checks;

    if (first != NULL && (preflight->checks = first->next) != NULL) {
        preflight->checks->at = &preflight->checks;
    }
    return first;
}

void preflight_free(struct preflight *preflight)
{
    struct preflight_check *check;

    if (preflight == NULL) {
        return;
    }
    probe_stop(preflight);
    while ((check = take_first(preflight)) != NULL) {
        check->fn(check->arg, NULL, 0);
        check_free(check);
    }
    findings_clear(&preflight->probe.findings);
    resolve_free(preflight->resolve);
    turn_close(&preflight->turn, closed_one);
    uv_close((uv_handle_t *)&preflight->timer, on_closed);
    uv_close((uv_handle_t *)&preflight->probe.timer, on_closed);
}

void preflight_configure(struct preflight *preflight, const struct server_conf *conf)
{
    preflight->opt.conf = conf;
    resolve_configure(preflight->resolve, &conf->resolver);
    probe_stop(preflight);
    preflight->probe.good_until = 0;
    for (struct preflight_check *c = preflight->checks; c != NULL; c = c->next) {
        c->dirty = true;
    }
    turn_arm(&preflight->turn);
}
