#include "issuer/desk_priv.h"

#include <stdlib.h>
#include <string.h>

void desk_event_free(struct desk_queued *queued)
{
    if (queued == NULL) {
        return;
    }
    free(queued->body);
    free(queued->text);
    free(queued->location);
    free(queued->domain);
    for (size_t i = 0; i < 8; i++) {
        free(queued->alternates[i]);
    }
    free(queued);
}

/* Copies text where there is one; false when out of memory. */
static bool copy_text(char **copy, const char **text)
{
    if (*text == NULL) {
        return true;
    }
    *text = *copy = strdup(*text);
    return *copy != NULL;
}

static bool copy_body(struct desk_queued *queued)
{
    struct order_event *event = &queued->event;

    if (event->body == NULL) {
        return true;
    }
    if ((queued->body = malloc(event->body_len + 1)) == NULL) {
        return false;
    }
    memcpy(queued->body, event->body, event->body_len);
    queued->body[event->body_len] = '\0';
    event->body = queued->body;
    return true;
}

static struct desk_queued *copy_event(const struct order_event *event)
{
    struct desk_queued *queued = calloc(1, sizeof *queued);
    bool ok;

    if (queued == NULL) {
        return NULL;
    }
    queued->event = *event;
    ok = copy_body(queued) && copy_text(&queued->text, &queued->event.transport_text) &&
         copy_text(&queued->location, &queued->event.location) &&
         copy_text(&queued->domain, &queued->event.domain);
    for (size_t i = 0; ok && i < event->alternate_count && i < 8; i++) {
        ok = copy_text(&queued->alternates[i], &queued->event.alternates[i]);
    }
    if (ok) {
        return queued;
    }
    desk_event_free(queued);
    return NULL;
}

void desk_event_ready(struct desk_run *run)
{
    struct desk *desk = run->desk;

    if (!run->ready) {
        run->ready = true;
        run->next_ready = NULL;
        *desk->last_ready = run;
        desk->last_ready = &run->next_ready;
    }
    turn_arm(&desk->turn);
}

void desk_event_push(struct desk_run *run, const struct order_event *event)
{
    struct desk_queued *queued;

    if (run->finished) {
        return;
    }
    if ((queued = copy_event(event)) == NULL) {
        /* one that needs no memory; what was queued stays in front of it */
        (void)err_set(&run->lost, -ENOMEM, "out of memory");
    } else {
        *run->last_event = queued;
        run->last_event = &queued->next;
    }
    desk_event_ready(run);
}

struct desk_queued *desk_event_pop(struct desk_run *run)
{
    struct desk_queued *queued = run->events;

    if (queued != NULL && (run->events = queued->next) == NULL) {
        run->last_event = &run->events;
    }
    return queued;
}

void desk_event_drop_timers(struct desk_run *run)
{
    struct desk_queued **at = &run->events;

    while (*at != NULL) {
        struct desk_queued *queued = *at;

        if (queued->event.kind == ORDER_EV_TIMER) {
            *at = queued->next;
            desk_event_free(queued);
        } else {
            at = &queued->next;
        }
    }
    run->last_event = at;
}

void desk_event_free_all(struct desk_run *run)
{
    struct desk_queued *queued;

    while ((queued = desk_event_pop(run)) != NULL) {
        desk_event_free(queued);
    }
}
