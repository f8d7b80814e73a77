/*
 * The actions of one order (issuer/order.h) after one event. What is to be stored is stored first,
 * for all orders of a round together; then everything else is done, in the order given.
 */
#include "issuer/desk_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/encode.h"

/* -- storing -- */

bool desk_act_stores(const struct desk_run *run)
{
    for (int i = 0; i < run->action_count; i++) {
        if (run->actions[i].kind == ORDER_ACT_SAVE || run->actions[i].kind == ORDER_ACT_FINISH) {
            return true;
        }
    }
    return false;
}

/* Whether the chain is what was ordered; else the run's reason says why not. */
static bool read_chain(struct desk_run *run, const char *chain)
{
    struct err err = {0};
    char text[LIMIT_ERROR_TEXT + 64];

    if (run->cert.count > 0) {
        return true;
    }
    if (cert_parse(&run->cert, chain, strlen(chain), &err) == 0 &&
        strcmp(run->cert.spki_sha256, run->csr_spki) != 0) {
        cert_clear(&run->cert);
        (void)err_set(&err, ERR_CA, "it is for another key than the request's");
    }
    if (err.code == 0) {
        return true;
    }
    (void)snprintf(text, sizeof text, "the CA sent a certificate that cannot be used: %s",
                   err.text);
    if (run->reason == NULL && (run->reason = strdup(text)) != NULL) {
        run->failure = ORDER_REFUSED_CA;
    }
    return false;
}

static int store_issued(struct desk_run *run, const struct order_action *action, struct err *err)
{
    struct desk *desk = run->desk;
    char csr[2 * sizeof run->csr_digest + 1];
    struct store_certificate cert = {
        .order_id = run->id,
        .serial = run->cert.serial,
        .names = run->cert.names,
        .issuer = run->cert.issuer,
        .pem = action->chain,
        .alternates = action->alternates,
        .not_before = run->cert.not_before,
        .not_after = run->cert.not_after,
        .created = clock_wall_us(desk->opt.clock),
        .csr_sha256 = csr,
        .spki_sha256 = run->cert.spki_sha256,
    };

    hex_encode(csr, run->csr_digest, sizeof run->csr_digest);
    return store_order_issue(desk->opt.store, run->id, &cert, err);
}

/* Why it failed: our own words, the CA's with the time that we gave them, or the CA's alone. */
static const char *reason_of(const struct desk_run *run, const struct order_action *action)
{
    if (run->reason != NULL) {
        return run->reason;
    }
    return run->limited != NULL ? run->limited : action->text;
}

static int store_finish(struct desk_run *run, const struct order_action *action, struct err *err)
{
    struct desk *desk = run->desk;
    struct order_saved saved;

    if (action->failure == ORDER_OK) {
        desk_ledger_issued(run); /* whatever it is worth */
    } else {
        desk_ledger_failed(run, action);
    }
    if (action->failure == ORDER_OK && read_chain(run, action->chain)) {
        return store_issued(run, action, err);
    }
    order_get_saved(run->order, &saved);
    /* what the CA has taken goes on after the restart */
    if (action->failure == ORDER_INTERRUPTED && desk->stopping && saved.url != NULL) {
        return 0;
    }
    return store_order_fail(desk->opt.store, run->id, reason_of(run, action),
                            clock_wall_us(desk->opt.clock), err);
}

static int store_state(struct desk_run *run, struct err *err)
{
    struct order_saved saved;

    order_get_saved(run->order, &saved);
    if (saved.state == ORDER_ISSUED || saved.state == ORDER_FAILED) {
        return 0; /* with the certificate or the reason, by store_finish */
    }
    return store_order_save(run->desk->opt.store, run->id, &saved,
                            clock_wall_us(run->desk->opt.clock), err);
}

int desk_act_store(struct desk_run *run, struct err *err)
{
    bool saved = false;
    int ret;

    for (int i = 0; i < run->action_count; i++) {
        const struct order_action *action = &run->actions[i];

        if (action->kind == ORDER_ACT_FINISH) {
            return store_finish(run, action, err);
        }
        if (action->kind != ORDER_ACT_SAVE || saved) {
            continue;
        }
        if ((ret = store_state(run, err)) < 0) {
            return ret;
        }
        saved = true;
    }
    return 0;
}

/* -- talking to the CA -- */

static void drop_post(struct desk_post *post)
{
    if ((*post->at = post->next) != NULL) {
        post->next->at = post->at;
    }
    free(post);
}

static void on_response(void *arg, const struct acme_response *response)
{
    struct desk_post *post = arg;
    struct desk_run *run = post->run;
    struct order_event event = {
        .kind = ORDER_EV_RESPONSE,
        .tag = post->tag,
        .transport = response->error,
        .transport_text = response->text,
        .status = response->status,
        .body = response->body,
        .body_len = response->body_len,
        .location = response->location,
        .retry_after_ms = response->retry_after_ms,
        .alternate_count = response->alternate_count,
    };

    memcpy(event.alternates, response->alternates, sizeof event.alternates);
    drop_post(post);
    desk_event_push(run, &event);
}

static void on_detached(void *arg, const struct acme_response *response)
{
    struct desk *desk = arg;

    if (response->error != 0) {
        log_debug(desk->opt.log, NULL, "an authorization was not deactivated: %s",
                  response->text != NULL ? response->text : err_string(response->error));
    } else if (response->status >= 400) {
        log_debug(desk->opt.log, NULL, "an authorization was not deactivated: HTTP %d",
                  response->status);
    }
}

static int act_post(struct desk_run *run, const struct order_action *action)
{
    struct desk_post *post;
    int ret;

    if (action->detached) {
        /* nice to have: the order's end does not depend on it */
        (void)acme_post(run->ca->acme, action->url, action->payload, on_detached, run->desk, NULL);
        return 0;
    }
    post = calloc(1, sizeof *post);
    if (post == NULL) {
        return -ENOMEM;
    }
    post->run = run;
    post->tag = action->tag;
    post->at = &run->posts;
    if ((post->next = run->posts) != NULL) {
        post->next->at = &post->next;
    }
    run->posts = post;
    ret = acme_post(run->ca->acme, action->url, action->payload, on_response, post, &post->request);
    if (ret < 0) {
        drop_post(post);
    }
    return ret;
}

/* -- the zone -- */

static int act_publish(struct desk_run *run, const struct order_action *action, struct err *err)
{
    struct desk *desk = run->desk;
    int ret = desk_name_add(run, action->domain);

    if (ret < 0) {
        return err_set(err, ret, "no record name can be made for %s: %s", action->domain,
                       err_string(ret));
    }
    return publisher_add(desk->opt.publisher, action->domain, action->value, run->id,
                         clock_wall_s(desk->opt.clock) + LIMIT_CHALLENGE_S, err);
}

static void on_published(void *arg, uint64_t generation)
{
    struct desk_run *run = arg;

    run->wait = 0;
    run->generation = generation;
    desk_event_push(run, &(struct order_event){.kind = ORDER_EV_PUBLISHED});
}

static int wait_published(struct desk_run *run)
{
    if (run->wait != 0) {
        publisher_cancel(run->desk->opt.publisher, run->wait);
    }
    log_debug(run->desk->opt.log, run->subject, "publishing"); /* bench/issue times it from here */
    run->wait = publisher_wait(run->desk->opt.publisher, on_published, run);
    return run->wait != 0 ? 0 : -ENOMEM;
}

/* -- the clock -- */

static void on_timer(uv_timer_t *timer)
{
    desk_event_push(timer->data, &(struct order_event){.kind = ORDER_EV_TIMER});
}

static int act_timer(struct desk_run *run, const struct order_action *action)
{
    desk_event_drop_timers(run);
    if (action->delay_ms == 0) {
        return uv_timer_stop(&run->timer);
    }
    return uv_timer_start(&run->timer, on_timer, action->delay_ms, 0);
}

/* -- the end -- */

static void audit_issued(struct desk_run *run)
{
    char text[64], until[24];
    struct tm tm;
    const time_t end = (time_t)run->cert.not_after;

    if (gmtime_r(&end, &tm) == NULL || strftime(until, sizeof until, "%FT%TZ", &tm) == 0) {
        until[0] = '\0';
    }
    (void)snprintf(text, sizeof text, "issued, good until %s", until);
    desk_audit(run, "issued", text);
}

/* One that the CA knows goes on after the restart: that is no end. */
static bool goes_on(const struct desk_run *run, const struct order_action *action)
{
    struct order_saved saved;

    order_get_saved(run->order, &saved);
    return action->failure == ORDER_INTERRUPTED && run->desk->stopping && saved.url != NULL;
}

static void finish_issued(struct desk_run *run, const struct order_action *action)
{
    char text[LIMIT_ERROR_TEXT + 64];

    if (run->lost.code != 0) {
        /* the CA has issued: the client gets it, and the store is asked again */
        (void)snprintf(text, sizeof text, "the certificate could not be stored: %s",
                       run->lost.text);
        desk_run_say(run, LOG_LEVEL_ERROR, text);
    }
    audit_issued(run);
    desk_run_answer(run, &(struct desk_result){.failure = ORDER_OK, .chain = action->chain});
}

static void act_finish(struct desk_run *run, const struct order_action *action)
{
    const char *reason = reason_of(run, action);
    int64_t retry_at = run->limited_until != 0 ? run->limited_until : action->retry_at;

    order_estimate_learn(&run->ca->estimate, &action->measured);
    if (action->failure == ORDER_OK && run->cert.count > 0) {
        finish_issued(run, action);
        return;
    }
    if (reason == NULL) {
        reason = "no reason is known";
    }
    if (run->lost.code < 0) {
        log_error(run->desk->opt.log, run->subject, "%s", run->lost.text);
    }
    log_warning(run->desk->opt.log, run->subject, "failed: %s", reason);
    if (!goes_on(run, action)) {
        desk_audit(run, "failed", reason);
    }
    desk_run_answer(
        run, &(struct desk_result){.failure = run->reason != NULL ? run->failure : action->failure,
                                   .text = reason,
                                   .problem = run->reason != NULL ? NULL : action->problem,
                                   .retry_at = run->reason != NULL ? 0 : retry_at});
}

/* -- all of it -- */

static int perform(struct desk_run *run, const struct order_action *action, struct err *err)
{
    switch (action->kind) {
    case ORDER_ACT_KNOW:
        return desk_know(run);
    case ORDER_ACT_POST:
        return act_post(run, action);
    case ORDER_ACT_PUBLISH:
        return act_publish(run, action, err);
    case ORDER_ACT_WITHDRAW:
        (void)publisher_remove(run->desk->opt.publisher, action->domain, action->value, run->id);
        return 0;
    case ORDER_ACT_TIMER:
        return act_timer(run, action);
    case ORDER_ACT_LOG:
        desk_run_say(run, action->level, action->text);
        return 0;
    case ORDER_ACT_FINISH:
        act_finish(run, action);
        return 0;
    case ORDER_ACT_SAVE:
        return 0;
    }
    return ERR_INTERNAL;
}

void desk_act_perform(struct desk_run *run)
{
    struct err err = {0};
    bool published = false;
    int ret = 0;

    for (int i = 0; ret >= 0 && i < run->action_count && !run->finished; i++) {
        ret = perform(run, &run->actions[i], &err);
        published |= run->actions[i].kind == ORDER_ACT_PUBLISH;
    }
    if (ret >= 0 && published && !run->finished) {
        ret = wait_published(run);
    }
    if (ret < 0) {
        desk_run_abort(run, ORDER_BROKEN, err.code != 0 ? err.text : err_string(ret));
    }
}
