/*
 * What an order's end means for limits (issuer/ledger.h). Called with what is stored of that end,
 * so that both are durable together, and once an order, however often the store is asked.
 */
#include "issuer/desk_priv.h"

#include <stdio.h>
#include <string.h>

#include "issuer/authority.h"
#include "issuer/ledger.h"

/* Problem types (RFC 8555 6.7) that are about names, where no authorization says which. */
static const char *const about_names[] = {"rejectedIdentifier", "unsupportedIdentifier", "caa",
                                          "dns"};

static struct authority authority_of(const struct desk_run *run)
{
    struct authorities all;
    const struct authority *found;

    authorities_read(&all, run->desk->opt.conf);
    found = authorities_find(&all, run->ca->url);
    return found != NULL ? *found
                         : (struct authority){.name = run->ca->url, .directory = run->ca->url};
}

static struct ledger_order order_of(const struct desk_run *run, const struct authority *authority)
{
    struct ledger_order order = {.authority = authority};

    order.names = order_names(run->order, &order.name_count);
    order.renewal = order_replaces(run->order);
    return order;
}

static bool counts(struct desk_run *run)
{
    bool first = !run->counted;

    run->counted = true;
    return first && run->desk->opt.ledger != NULL;
}

static void fail_before(struct desk_run *run, const struct ledger_order *order)
{
    for (size_t i = 0; i < order->name_count; i++) {
        if (order_failed_before(run->order, i)) {
            ledger_failed_once(run->desk->opt.ledger, order->authority, order->names[i]);
        }
    }
}

/* The first is counted by whoever took the order, before it was asked for; others are second
 * chances, or follow a restart. */
void desk_ledger_ordered(struct desk_run *run)
{
    bool first = !run->ordered;
    bool posts = false;

    for (int i = 0; i < run->action_count; i++) {
        posts |= run->actions[i].kind == ORDER_ACT_POST && run->actions[i].url == NULL;
    }
    run->ordered |= posts;
    if (posts && !first && run->desk->opt.ledger != NULL) {
        const struct authority authority = authority_of(run);
        const struct ledger_order order = order_of(run, &authority);

        ledger_ordered(run->desk->opt.ledger, &order);
    }
}

void desk_ledger_issued(struct desk_run *run)
{
    const struct authority authority = authority_of(run);
    const struct ledger_order order = order_of(run, &authority);

    if (counts(run)) {
        fail_before(run, &order);
        ledger_issued(run->desk->opt.ledger, &order);
    }
}

static bool is_about_names(const char *problem)
{
    for (size_t i = 0; problem != NULL && i < sizeof about_names / sizeof *about_names; i++) {
        if (strcmp(problem, about_names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The names that the reason mentions; where it mentions none, all. */
static void fail_mentioned(struct desk_run *run, const struct ledger_order *order, const char *text)
{
    struct ledger *ledger = run->desk->opt.ledger;
    bool any = false;

    for (size_t i = 0; i < order->name_count; i++) {
        any |= strstr(text, order->names[i]) != NULL;
    }
    for (size_t i = 0; i < order->name_count; i++) {
        if (!any || strstr(text, order->names[i]) != NULL) {
            ledger_failed(ledger, order->authority, order->names[i], text);
        }
    }
}

static void limited(struct desk_run *run, const struct ledger_order *order,
                    const struct order_action *action)
{
    const char *text = action->text != NULL ? action->text : "rateLimited";
    char when[LEDGER_TIME_TEXT];

    run->limited_until =
        ledger_limited(run->desk->opt.ledger, order, action->retry_at, action->text);
    if (run->limited == NULL && asprintf(&run->limited, "%s; try again at %s", text,
                                         ledger_time(when, run->limited_until)) < 0) {
        run->limited = NULL; /* the CA's words alone will do */
    }
}

void desk_ledger_failed(struct desk_run *run, const struct order_action *action)
{
    const struct authority authority = authority_of(run);
    const struct ledger_order order = order_of(run, &authority);
    const char *text = action->text != NULL ? action->text : "", *name, *why;
    size_t at = 0;

    if (run->reason != NULL || action->failure != ORDER_REFUSED_CA || !counts(run)) {
        return;
    }
    fail_before(run, &order);
    if (action->problem != NULL && strcmp(action->problem, "rateLimited") == 0) {
        limited(run, &order, action);
        return;
    }
    while ((name = order_failed_name(run->order, &at, &why)) != NULL) {
        ledger_failed(run->desk->opt.ledger, &authority, name, why != NULL ? why : text);
    }
    if (at == 0 && is_about_names(action->problem)) {
        fail_mentioned(run, &order, text);
    }
}
