/*
 * Second chances, each given once, so that nothing goes round in circles:
 *
 * - The CA's own resolver failed (a timeout, SERVFAIL): that is often over a moment later.
 * - The CA does not know the order any more, or let it expire: after a restart of ours or of its
 *   own. What was valid there is reused.
 * - The CA does not take the order as the renewal of a certificate (RFC 9773 5): it is ordered as
 *   any other.
 *
 * And the end of authorizations that nobody will prove any more (RFC 8555 7.5.2): a CA counts those
 * that hang. Valid ones are left, for the next order to reuse.
 */
#include "issuer/order_priv.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DEACTIVATE "{\"status\":\"deactivated\"}"

/* -- deactivation -- */

static bool pending(const struct order_authz *authz)
{
    return authz->url != NULL && authz->known && authz->status == AUTHZ_PENDING;
}

static bool has_url(const struct order *order, const char *url)
{
    for (size_t i = 0; i < order->authz_count; i++) {
        if (strcmp(order->authz[i].url, url) == 0) {
            return true;
        }
    }
    return false;
}

void order_anew_drop_left(struct order *order)
{
    for (size_t i = 0; i < order->left_count; i++) {
        if (!has_url(order, order->left[i])) {
            order_out_detached(order, order->left[i], DEACTIVATE);
        }
        free(order->left[i]);
    }
    free(order->left);
    order->left = NULL;
    order->left_count = 0;
}

void order_anew_deactivate(struct order *order)
{
    for (size_t i = 0; i < order->authz_count; i++) {
        if (pending(&order->authz[i])) {
            order_out_detached(order, order->authz[i].url, DEACTIVATE);
        }
    }
    order_anew_drop_left(order);
}

/* The new order may come with the same ones, so their end has to wait for it. */
static void leave_pending(struct order *order)
{
    if (order->left != NULL || order->authz_count == 0) {
        return;
    }
    if ((order->left = calloc(order->authz_count, sizeof(*order->left))) == NULL) {
        order->out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < order->authz_count; i++) {
        if (pending(&order->authz[i])) {
            order->left[order->left_count++] = order->authz[i].url;
            order->authz[i].url = NULL;
        }
    }
}

/* -- ordering anew -- */

static void forget_urls(struct order *order)
{
    free(order->url);
    free(order->finalize_url);
    free(order->certificate_url);
    free(order->explanation);
    order->url = order->finalize_url = order->certificate_url = order->explanation = NULL;
}

bool order_anew(struct order *order, unsigned reason, const char *why)
{
    if ((order->anews & reason) != 0) {
        return false;
    }
    order->anews |= reason;
    order_out_lines(order, LOG_LEVEL_WARNING,
                    order_out_text(order, "%s: ordering anew, this once", why));
    order_out_withdraw(order);
    if (order->timer_ms != 0) {
        order_out_timer(order, 0);
    }
    leave_pending(order);
    order_authz_free(order);
    forget_urls(order);
    order->round++;
    order->call = CALL_NONE;
    order->polls = order->finalize_tries = 0;
    order->delay_ms = order->step_ms = 0;
    order->told_at = order->seen_at = order->finalized_at = 0;
    order->held = order->all_seen = order->explaining = order->asked_for_certificate = false;
    order->problem[0] = '\0';
    order->retry_at = 0;
    order_flow_order(order);
    return true;
}

/* What became of the authorizations of an order that failed. */
struct tally {
    size_t invalid, temporary, other; /* other: neither valid, nor gone */
};

static struct tally count(const struct order *order)
{
    struct tally tally = {0};

    for (size_t i = 0; i < order->authz_count; i++) {
        const struct order_authz *authz = &order->authz[i];
        if (authz->known && authz->status == AUTHZ_INVALID) {
            tally.invalid++;
            tally.temporary += authz->temporary;
        } else if (!authz->missing && (!authz->known || (authz->status != AUTHZ_GONE &&
                                                         authz->status != AUTHZ_VALID))) {
            tally.other++;
        }
    }
    return tally;
}

/* The CA counts a failure, also where the second chance is taken. */
static void remember_failed(struct order *order)
{
    const char *domain, *why;
    size_t at = 0;

    while ((domain = order_failed_name(order, &at, &why)) != NULL) {
        for (size_t i = 0; i < order->name_count && i < LIMIT_NAMES; i++) {
            const char *name = order->names[i];

            order->failed_before[i] |=
                strcasecmp(name + (strncmp(name, "*.", 2) == 0 ? 2 : 0), domain) == 0;
        }
    }
}

bool order_anew_after_failure(struct order *order)
{
    struct tally tally = count(order);

    if (tally.invalid > 0) {
        if (tally.temporary == tally.invalid && (order->anews & ORDER_ANEW_VALIDATION) == 0) {
            remember_failed(order);
        }
        return tally.temporary == tally.invalid &&
               order_anew(
                   order, ORDER_ANEW_VALIDATION,
                   order_out_text(order, "%s\nthat may be over soon", order_out_explain(order)));
    }
    return tally.other == 0 && order->explanation == NULL &&
           order_anew(order, ORDER_ANEW_FORGOTTEN,
                      "the order, or an authorization of it, has expired at the CA");
}

/* -- replaces (RFC 9773 5) -- */

static bool refused_as_renewal(const struct problem *problem)
{
    /* An identifier that the CA cannot read, does not know, or that is not of this account has no
     * type of its own; and where the reason is another one, asking once more tells it. */
    return problem_is(problem, "alreadyReplaced") || problem_is(problem, "malformed") ||
           problem_is(problem, "unauthorized") || problem_is(problem, "conflict") ||
           problem->type[0] == '\0';
}

bool order_anew_without_replaces(struct order *order, const struct order_event *event)
{
    struct problem_context context = {.status = event->status, .retry_after_ms = -1};
    struct problem problem;

    if (order->replaces == NULL || event->transport != 0 || event->status < 400 ||
        event->status > 499) {
        return false;
    }
    if (problem_parse(&problem, event->body, event->body_len, &context) < 0) {
        order->out_of_memory = true;
        return true;
    }
    bool refused = refused_as_renewal(&problem);
    if (refused) {
        order_out_lines(order, LOG_LEVEL_WARNING,
                        order_out_text(order,
                                       "the CA does not take this as the renewal of a certificate: "
                                       "ordering without saying so\n%s",
                                       problem.text));
        free(order->replaces);
        order->replaces = NULL;
        order_flow_order(order);
    }
    problem_clear(&problem);
    return refused;
}
