#include "issuer/desk_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void desk_fresh_free(struct desk_fresh *fresh)
{
    if (fresh == NULL) {
        return;
    }
    for (size_t i = 0; fresh->list != NULL && i < fresh->count; i++) {
        free(fresh->list[i]);
    }
    free(fresh->list);
    free(fresh->names);
    free(fresh->csr);
    free(fresh->client);
    free(fresh->address);
    free(fresh->preferred_chain);
    free(fresh->profile);
    free(fresh->replaces);
    free(fresh);
}

struct desk_run *desk_run_new(struct desk *desk, const char *directory_url, struct err *err)
{
    struct desk_ca *ca = desk_ca_get(desk, directory_url, err);
    struct desk_run *run;

    if (ca == NULL) {
        return NULL;
    }
    if ((run = calloc(1, sizeof *run)) == NULL) {
        (void)err_set(err, -ENOMEM, "out of memory while taking an order");
        return NULL;
    }
    run->desk = desk;
    run->ca = ca;
    run->last_event = &run->events;
    run->deadline = clock_mono_ms(desk->opt.clock) + LIMIT_ORDER_MS;
    (void)uv_timer_init(desk->opt.loop, &run->timer);
    run->timer.data = run;
    run->at = &desk->runs;
    if ((run->next = desk->runs) != NULL) {
        run->next->at = &run->next;
    }
    desk->runs = run;
    desk->run_count++;
    return run;
}

void desk_run_set_id(struct desk_run *run, uint64_t id)
{
    run->id = id;
    (void)snprintf(run->subject, sizeof run->subject, "order %llu", (unsigned long long)id);
}

static void unlink_ready(struct desk_run *run)
{
    struct desk *desk = run->desk;

    for (struct desk_run **at = &desk->ready; *at != NULL; at = &(*at)->next_ready) {
        if (*at != run) {
            continue;
        }
        if ((*at = run->next_ready) == NULL) {
            desk->last_ready = at;
        }
        return;
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void desk_run_free(struct desk_run *run)
{
    struct desk *desk = run->desk;

    if (run->ready) {
        unlink_ready(run);
    }
    if ((*run->at = run->next) != NULL) {
        run->next->at = run->at;
    }
    desk->run_count--;
    for (struct desk_post *post = run->posts, *next; post != NULL; post = next) {
        next = post->next;
        acme_cancel(post->request);
        free(post);
    }
    if (run->know != NULL) {
        run->know->run = NULL;
    }
    for (struct desk_ticket *ticket = run->tickets; ticket != NULL; ticket = ticket->next) {
        ticket->at = NULL; /* its holder frees it, by desk_leave */
    }
    if (run->wait != 0) {
        publisher_cancel(desk->opt.publisher, run->wait);
    }
    if (run->names != NULL) {
        publisher_release(desk->opt.publisher, run->id);
    }
    desk_name_free_all(run);
    desk_event_free_all(run);
    order_free(run->order);
    desk_fresh_free(run->fresh);
    cert_clear(&run->cert);
    free(run->csr_spki);
    free(run->resolvers);
    free(run->reason);
    free(run->limited);
    uv_close((uv_handle_t *)&run->timer, on_timer_closed);
}

void desk_run_say(struct desk_run *run, enum log_level level, const char *text)
{
    struct desk *desk = run->desk;
    struct desk_event event = {
        .at_us = clock_wall_us(desk->opt.clock), .level = level, .order = run->id, .text = text};

    log_write(desk->opt.log, level, run->subject, "%s", text);
    if (level >= LOG_LEVEL_INFO && run->id != 0 &&
        store_event_add(desk->opt.store, run->id, event.at_us, text) < 0) {
        log_error(desk->opt.log, run->subject, "out of memory: the timeline lacks a line");
    }
    for (struct desk_ticket *ticket = run->tickets; ticket != NULL; ticket = ticket->next) {
        ticket->client.event(ticket->client.arg, &event);
    }
}

void desk_run_abort(struct desk_run *run, enum order_failure failure, const char *reason)
{
    if (run->finished) {
        return;
    }
    if (run->reason == NULL && (run->reason = strdup(reason)) != NULL) {
        run->failure = failure;
    }
    desk_event_free_all(run);
    desk_event_push(run, &(struct order_event){.kind = ORDER_EV_CANCEL, .for_good = true});
}

void desk_run_dismiss(struct desk_run *run, const struct desk_result *result)
{
    struct desk_result own = *result;
    struct desk_ticket *ticket;

    own.order = run->id;
    while ((ticket = run->tickets) != NULL) {
        struct desk_client client = ticket->client;

        desk_leave(ticket);
        client.done(client.arg, &own);
    }
}

void desk_run_answer(struct desk_run *run, const struct desk_result *result)
{
    run->finished = true;
    desk_run_dismiss(run, result);
}
