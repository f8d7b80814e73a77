#include "issuer/notifier.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"

#define HOUR_MS 3600000
#define TICK_MS 60000

static const char *const kinds[] = {"issued", "refused", "failed", "expiring"};
#define KINDS (sizeof kinds / sizeof *kinds)

struct notifier {
    struct notifier_options opt;
    uv_timer_t timer;
    uint64_t hour; /* its begin, clock_mono_ms */
    int64_t sent;  /* within it */
    uint64_t held[KINDS];
    bool held_any;
};

static void on_tick(uv_timer_t *timer)
{
    notifier_tick(timer->data);
}

int notifier_new(struct notifier **out, const struct notifier_options *options)
{
    struct notifier *notifier = calloc(1, sizeof *notifier);

    if (notifier == NULL) {
        return -ENOMEM;
    }
    notifier->opt = *options;
    notifier->hour = clock_mono_ms(options->clock);
    (void)uv_timer_init(options->loop, &notifier->timer);
    notifier->timer.data = notifier;
    (void)uv_timer_start(&notifier->timer, on_tick, TICK_MS, TICK_MS);
    uv_unref((uv_handle_t *)&notifier->timer);
    *out = notifier;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void notifier_free(struct notifier *notifier)
{
    if (notifier != NULL) {
        uv_close((uv_handle_t *)&notifier->timer, on_closed);
    }
}

void notifier_configure(struct notifier *notifier, const struct server_conf *conf)
{
    if (notifier != NULL) {
        notifier->opt.conf = conf;
    }
}

static void send_text(const struct notifier *notifier, enum ipc_notify how, char *text)
{
    int ret =
        text != NULL ? notifier->opt.send(notifier->opt.arg, how, text, strlen(text)) : -ENOMEM;

    if (ret < 0) {
        log_warning(notifier->opt.log, NULL, "a notification is lost: %s", err_string(ret));
    }
    free(text);
}

static void tell(const struct notifier *notifier, const struct audit_event *event)
{
    const struct server_conf *conf = notifier->opt.conf;
    int64_t now = clock_wall_us(notifier->opt.clock);

    if (conf->notify_program != NULL) {
        send_text(notifier, IPC_NOTIFY_PROGRAM, notifier_json(event, now));
    }
    if (conf->notify_email.count > 0) {
        send_text(notifier, IPC_NOTIFY_MAIL, notifier_mail(event, now, conf));
    }
}

void notifier_tick(struct notifier *notifier)
{
    char text[256];
    size_t len = 0;

    if (clock_mono_ms(notifier->opt.clock) - notifier->hour < HOUR_MS) {
        return;
    }
    notifier->hour = clock_mono_ms(notifier->opt.clock);
    notifier->sent = 0;
    if (!notifier->held_any) {
        return;
    }
    notifier->held_any = false;
    len = (size_t)snprintf(text, sizeof text, "more than notify-per-hour; not told one by one:");
    for (size_t i = 0; i < KINDS; i++) {
        if (notifier->held[i] > 0) {
            len += (size_t)snprintf(text + len, sizeof text - len, " %s %llu", kinds[i],
                                    (unsigned long long)notifier->held[i]);
        }
        notifier->held[i] = 0;
    }
    notifier->sent = 1;
    tell(notifier, &(struct audit_event){.what = "summary", .peer_uid = -1, .outcome = text});
}

/* Its index among the kinds where it is wanted, else -1. */
static int kind_of(const struct server_conf *conf, const char *what)
{
    for (size_t i = 0; i < KINDS; i++) {
        for (size_t j = 0; strcmp(kinds[i], what) == 0 && j < conf->notify_events.count; j++) {
            if (strcmp(conf->notify_events.items[j], what) == 0) {
                return (int)i;
            }
        }
    }
    return -1;
}

void notifier_event(void *arg, const struct audit_event *event)
{
    struct notifier *notifier = arg;
    const struct server_conf *conf = notifier->opt.conf;
    int kind = kind_of(conf, event->what);

    if (kind < 0 || (conf->notify_program == NULL && conf->notify_email.count == 0)) {
        return;
    }
    notifier_tick(notifier);
    if (notifier->sent < conf->notify_per_hour) {
        notifier->sent++;
        tell(notifier, event);
        return;
    }
    if (!notifier->held_any) {
        log_warning(notifier->opt.log, NULL,
                    "more than %lld notifications in an hour: the others are counted, and told "
                    "when it is over",
                    (long long)conf->notify_per_hour);
    }
    notifier->held_any = true;
    notifier->held[kind]++;
}
