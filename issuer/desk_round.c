/*
 * One round: every order that has something to do takes one step. The steps are taken first, in
 * memory; then what they want stored is stored in one transaction, with one fsync for all; only
 * then is anything said to the CA, to dnsd or to clients. So the store is never behind the CA, and
 * 64 orders that move at once wait for the disk once.
 *
 * Where the transaction fails it is tried again order by order, so that only those suffer which
 * the store does not take. The client of such an order gets the store's words, or the certificate
 * where it is there already. An order that the store has never had ends with that. Any other
 * stalls: the CA may know of it, so the same step is offered to the store from time to time, and
 * the order goes on when it is taken (a disk with room again).
 */
#include "issuer/desk_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int admit(struct desk_run *run, struct err *err)
{
    struct desk *desk = run->desk;
    const struct desk_fresh *fresh = run->fresh;
    struct store_order row = {
        .client = fresh->client,
        .address = fresh->address,
        .peer_uid = fresh->peer_uid,
        .directory_url = run->ca->url,
        .names = fresh->names,
        .csr = fresh->csr,
        .csr_len = fresh->csr_len,
        .preferred_chain = fresh->preferred_chain,
        .profile = fresh->profile,
        .replaces = fresh->replaces,
        .challenge = order_challenge_name(fresh->challenge),
        .created = clock_wall_us(desk->opt.clock),
    };
    struct order_request request = {
        .names = fresh->list,
        .name_count = fresh->count,
        .csr = fresh->csr,
        .csr_len = fresh->csr_len,
        .preferred_chain = fresh->preferred_chain,
        .profile = fresh->profile,
        .replaces = fresh->replaces,
        .challenge = fresh->challenge,
        .estimate = run->ca->estimate,
        .zone_cname_hint = publisher_zone(desk->opt.publisher),
    };
    int ret = store_order_add(desk->opt.store, &row, &request.id, err);

    if (ret < 0) {
        return ret;
    }
    desk_run_set_id(run, request.id);
    if ((ret = order_new(&run->order, &request)) < 0) {
        return err_set(err, ret, "the order cannot be set up: %s", err_string(ret));
    }
    return 0;
}

static void step(struct desk_run *run, struct desk_queued *queued)
{
    const char *thumbprint = acme_thumbprint(run->ca->acme);
    const char *account_url = acme_account_url(run->ca->acme);
    struct order_event *event = &queued->event;
    /* not before the first answer: until then the account may get another key (acme_change) */
    bool answered = event->kind == ORDER_EV_RESPONSE;
    int ret = 0;

    if (answered && thumbprint != NULL && !run->has_thumbprint) {
        ret = order_set_thumbprint(run->order, thumbprint);
        run->has_thumbprint = ret >= 0;
    }
    if (answered && ret >= 0 && account_url != NULL && !run->has_account_url) {
        ret = order_set_account_url(run->order, account_url);
        run->has_account_url = ret >= 0;
    }
    event->seen_total = (uint32_t)run->resolver_count;
    event->generation = run->generation;
    event->now = clock_wall_s(run->desk->opt.clock);
    event->mono_ms = (int64_t)clock_mono_ms(run->desk->opt.clock);
    if (ret >= 0) {
        ret = order_handle(run->order, event, &run->actions);
    }
    run->action_count = ret > 0 ? ret : 0;
    desk_ledger_ordered(run);
    if (ret < 0) {
        (void)err_set(&run->lost, ret, "the order cannot go on: %s", err_string(ret));
    }
}

/* Ends a run whose state machine is not to be asked any more. */
static void break_off(struct desk_run *run)
{
    struct desk *desk = run->desk;

    if (run->id != 0) {
        (void)store_order_fail(desk->opt.store, run->id, run->lost.text,
                               clock_wall_us(desk->opt.clock), NULL);
    }
    log_error(desk->opt.log, run->subject[0] != '\0' ? run->subject : NULL, "failed: %s",
              run->lost.text);
    desk_audit(run, "failed", run->lost.text);
    desk_run_answer(run, &(struct desk_result){.failure = ORDER_BROKEN, .text = run->lost.text});
}

static bool finishes(const struct desk_run *run)
{
    const struct order_action *last =
        run->action_count > 0 ? &run->actions[run->action_count - 1] : NULL;

    return last != NULL && last->kind == ORDER_ACT_FINISH;
}

static struct desk_run *take_ready(struct desk *desk)
{
    struct desk_run *list = desk->ready;

    desk->ready = NULL;
    desk->last_ready = &desk->ready;
    for (struct desk_run *run = list; run != NULL; run = run->next_ready) {
        run->ready = false;
        run->admitted = false;
        run->stored = false;
        run->unstored = false;
        if (!run->stalled) {
            run->action_count = 0;
        }
    }
    return list;
}

/* Takes the steps of all; true where something wants to be stored. */
static bool step_all(struct desk_run *list)
{
    bool store = false;

    for (struct desk_run *run = list; run != NULL; run = run->next_ready) {
        struct desk_queued *queued;

        if (run->lost.code == 0 && run->order != NULL && !run->stalled &&
            (queued = desk_event_pop(run)) != NULL) {
            step(run, queued);
            desk_event_free(queued);
        }
        store |= desk_act_stores(run);
    }
    return store;
}

static bool any_fresh(const struct desk_run *list)
{
    for (; list != NULL; list = list->next_ready) {
        if (list->fresh != NULL) {
            return true;
        }
    }
    return false;
}

static void admit_all(struct desk_run *list)
{
    for (struct desk_run *run = list; run != NULL; run = run->next_ready) {
        if (run->fresh == NULL) {
            continue;
        }
        run->admitted = true;
        if (admit(run, &run->lost) == 0) {
            run->stored = true;
            desk_fresh_free(run->fresh);
            run->fresh = NULL;
        }
    }
}

static void store_all(struct desk_run *list)
{
    for (struct desk_run *run = list; run != NULL; run = run->next_ready) {
        if (run->lost.code == 0 && desk_act_stores(run)) {
            run->stored = true;
            run->unstored = desk_act_store(run, &run->lost) < 0;
        }
    }
}

/* The transaction did not come about. */
static void store_singly(struct desk_run *list, const struct err *err)
{
    for (struct desk_run *run = list; run != NULL; run = run->next_ready) {
        if (!run->stored) {
            continue;
        }
        run->lost = (struct err){0};
        if (!run->admitted) {
            run->unstored = desk_act_store(run, &run->lost) < 0;
            continue;
        }
        run->unstored = false;
        run->lost = *err;
        run->id = 0; /* it went with the transaction, and may be given to another */
    }
}

/* The store is to be asked again; until then nothing is done of what comes after. */
static void stall(struct desk_run *run)
{
    char text[LIMIT_ERROR_TEXT + 64];

    if (run->stalled) {
        return;
    }
    run->stalled = true;
    if (run->finished) {
        return;
    }
    (void)snprintf(text, sizeof text, "%s; the order goes on once it can be written",
                   run->lost.text);
    log_error(run->desk->opt.log, run->subject, "%s", text);
    desk_run_dismiss(run, &(struct desk_result){.failure = ORDER_BROKEN, .text = text});
}

static void go_on(struct desk_run *run)
{
    if (!run->stalled) {
        return;
    }
    run->stalled = false;
    run->deadline = clock_mono_ms(run->desk->opt.clock) + LIMIT_ORDER_MS;
    desk_run_say(run, LOG_LEVEL_INFO, "the store can be written again: going on");
}

static void perform(struct desk_run *run)
{
    bool unstored = run->unstored && !run->admitted && run->order != NULL;

    if (run->lost.code < 0 && !unstored) {
        break_off(run);
        return;
    }
    if (!unstored) {
        go_on(run);
    }
    if (!run->finished && (!unstored || finishes(run))) {
        desk_act_perform(run);
    }
    if (unstored) {
        stall(run);
    }
}

static void perform_all(struct desk_run *list)
{
    for (struct desk_run *run = list, *next; run != NULL; run = next) {
        next = run->next_ready;
        run->next_ready = NULL;
        perform(run);
        run->lost = (struct err){0};
        if (run->stalled ? run->desk->stopping : run->finished) {
            desk_run_free(run);
        } else if (run->events != NULL && !run->stalled) {
            desk_event_ready(run);
        }
    }
}

void desk_round(struct desk *desk)
{
    struct err err = {0};
    bool batch = false;
    struct desk_run *list = take_ready(desk);
    int ret = 0;

    if (any_fresh(list)) {
        batch = (ret = store_batch_begin(desk->opt.store, &err)) == 0;
        admit_all(list);
    }
    if (step_all(list) && !batch && ret == 0) {
        batch = (ret = store_batch_begin(desk->opt.store, &err)) == 0;
    }
    store_all(list);
    if (batch) {
        ret = store_batch_end(desk->opt.store, &err);
    }
    if (ret < 0 && batch) {
        store_singly(list, &err);
    }
    perform_all(list);
}
