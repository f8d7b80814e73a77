/*
 * Tells the operator of what becomes of certificates: picks the events that are wanted, puts them
 * into words, bounds their number, and hands them on. What is beyond the bound of an hour is
 * counted and said in one notification when the hour is over. Nothing here waits for anything.
 */
#ifndef CERTMILL_ISSUER_NOTIFIER_H
#define CERTMILL_ISSUER_NOTIFIER_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "common/clock.h"
#include "common/ipc.h"
#include "common/log.h"
#include "common/server_conf.h"
#include "issuer/audit.h"

struct notifier;

/* All of it outlives the notifier. */
struct notifier_options {
    uv_loop_t *loop;
    struct log *log;
    const struct clock *clock;
    const struct server_conf *conf;
    /* Hands one notification on. Negative: it cannot be; it is lost then. */
    int (*send)(void *arg, enum ipc_notify how, const char *text, size_t len);
    void *arg;
};

int notifier_new(struct notifier **out, const struct notifier_options *options);
void notifier_free(struct notifier *notifier);
void notifier_configure(struct notifier *notifier, const struct server_conf *conf);

/* An audit_fn; arg is the notifier. */
void notifier_event(void *arg, const struct audit_event *event);
/* Says what was held back where the hour is over; by itself once a minute. */
void notifier_tick(struct notifier *notifier);

/* notifier_text.c: both malloc'd, NULL when out of memory. at_us: Unix microseconds. */
/* One JSON object and a LF. */
char *notifier_json(const struct audit_event *event, int64_t at_us);
/* A whole mail (RFC 5322), lines ended by LF as sendmail takes them. Foreign text cannot make a
 * header line, nor a line longer than RFC 5322 2.1.1 permits. */
char *notifier_mail(const struct audit_event *event, int64_t at_us, const struct server_conf *conf);

#endif
