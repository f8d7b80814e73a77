/*
 * Waiting for the CA. One timer, one question at a time: the order itself, which tells
 * by its status when all authorizations are valid, so that a hundred names cost no more
 * questions than one.
 *
 * When the CA's resolvers have been seen asking for every domain, its verdict is near: the first
 * question comes after three quarters of what this CA has taken lately, the following at an eighth
 * of it (where nothing is known of the CA: after FIRST_MS), then at doubled distances. So an
 * estimate that is too long shrinks, and one that is too short grows. Where nobody is seen asking,
 * the first question comes after BLIND_MS, or the whole of the estimate. A Retry-After of the CA is
 * obeyed in either case, and not cut short by anything seen meanwhile.
 *
 * Once the CA may have issued (ORDER_FINALIZING on), a CA that is away for a while does not end the
 * order: it is asked again until LIMIT_ORDER_MS, so that no certificate is lost.
 */
#include "issuer/order_priv.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/encode.h"

#define FIRST_MS       3
#define BLIND_MS       100
#define MOST_MS        5000
#define AWAY_MS        1000
#define LOOK_CLOSER    8 /* each so many polls the authorizations are read as well */
#define FINALIZE_TRIES 5

/* Starts the timer of the next poll; false where polls or time are used up. */
static bool wait_next(struct order *order, int64_t retry_after_ms)
{
    if (order->delay_ms == 0) {
        order->delay_ms = FIRST_MS; /* taken up after a restart */
    }
    uint64_t delay = order->delay_ms;

    order->held = retry_after_ms > (int64_t)delay;
    if (order->held) {
        order->paced = true;
        delay = (uint64_t)retry_after_ms;
    }
    if (order->polls >= LIMIT_POLLS || order->waited_ms > LIMIT_ORDER_MS ||
        delay > LIMIT_ORDER_MS - order->waited_ms) {
        return false;
    }
    if (order->step_ms != 0) {
        order->delay_ms = order->step_ms;
        order->step_ms = 0;
    } else {
        order->delay_ms = order->delay_ms < MOST_MS / 2 ? order->delay_ms * 2 : MOST_MS;
    }
    order_out_timer(order, delay);
    return true;
}

/* How long ago, ms; 0 where that is not known. */
static uint32_t since(const struct order *order, int64_t at)
{
    int64_t ms = at != 0 && order->mono_ms > at ? order->mono_ms - at : 0;

    return ms < LIMIT_ORDER_MS ? (uint32_t)ms : LIMIT_ORDER_MS;
}

/* The next poll, where the CA has lately taken so long from a moment that is gone for so long. */
static void pace(struct order *order, uint32_t estimate_ms, uint32_t gone_ms)
{
    uint32_t first = estimate_ms - estimate_ms / 4;

    first = first > gone_ms ? first - gone_ms : 0;
    order->delay_ms = first > FIRST_MS ? first : FIRST_MS;
    order->step_ms = estimate_ms / 8 > FIRST_MS ? estimate_ms / 8 : 0;
    order->paced = false;
}

/* What it took; 0, for nothing learnt, where the CA told us how long to wait. An answer that the
 * first question of its own pace found there may have been there for long: it counts half. */
static uint32_t measured(const struct order *order, int64_t at, bool paced_by_it)
{
    uint32_t ms = since(order, at);

    if (at == 0 || order->paced) {
        return 0;
    }
    if (paced_by_it && order->polls == 1) {
        ms /= 2;
    }
    return ms > 0 ? ms : 1;
}

static void wait_or_fail(struct order *order, int64_t retry_after_ms)
{
    if (wait_next(order, retry_after_ms)) {
        return;
    }
    order_out_fail(order, ORDER_UNAVAILABLE_CA,
                   order_out_text(order, "the CA did not %s within %llu s and %u questions",
                                  order->state >= ORDER_FINALIZING ? "issue" : "validate",
                                  (unsigned long long)(order->waited_ms / 1000), order->polls));
}

bool order_poll_again(struct order *order, int64_t retry_after_ms)
{
    if (order->delay_ms < AWAY_MS) {
        order->delay_ms = AWAY_MS;
    }
    return wait_next(order, retry_after_ms);
}

void order_poll_ask(struct order *order)
{
    order->polls++;
    order_out_post(order, ORDER_TAG(CALL_ORDER, 0), order->url, NULL);
}

void order_poll_begin(struct order *order)
{
    bool pending = false;

    for (size_t i = 0; i < order->authz_count; i++) {
        pending = pending || order->authz[i].status == AUTHZ_PENDING;
    }
    order->polls = 0;
    order->told_at = pending ? order->mono_ms : 0;
    order->seen_at = 0;
    pace(order, 0, 0);
    if (pending && order->challenge == ORDER_DNS_PERSIST_01) {
        pace(order, order->estimate.validate_ms, 0);
        order->delay_ms = order->delay_ms > BLIND_MS ? order->delay_ms : BLIND_MS;
    } else if (pending) {
        order->delay_ms =
            order->estimate.validate_ms > BLIND_MS ? order->estimate.validate_ms : BLIND_MS;
    }
    if (pending) {
        wait_or_fail(order, -1);
    } else {
        order_poll_ask(order); /* all were valid already: the order may be ready by now */
    }
}

/* -- what dnsd has seen -- */

static bool all_seen(const struct order *order)
{
    for (size_t i = 0; i < order->authz_count; i++) {
        const struct order_authz *authz = &order->authz[i];
        if (authz->status == AUTHZ_PENDING && (!authz->seen || !authz->told)) {
            return false;
        }
    }
    return true;
}

static void hurry(struct order *order)
{
    if (order->all_seen || order->explaining || !all_seen(order)) {
        return;
    }
    order->all_seen = true;
    order->seen_at = order->mono_ms;
    bool paced = order->paced;
    pace(order, order->estimate.verdict_ms, 0);
    order->paced = paced;
    if (order->call == CALL_NONE && !order->held) {
        wait_or_fail(order, -1);
    }
}

void order_poll_seen(struct order *order, const char *domain)
{
    if (order->state != ORDER_VALIDATING) {
        return;
    }
    for (size_t i = 0; i < order->authz_count; i++) {
        struct order_authz *authz = &order->authz[i];
        if (authz->domain != NULL && strcasecmp(authz->domain, domain) == 0) {
            authz->seen = true;
        }
    }
    hurry(order);
}

void order_poll_told(struct order *order, int64_t retry_after_ms)
{
    if (order->call == CALL_NONE && retry_after_ms > (int64_t)order->timer_ms) {
        wait_or_fail(order, retry_after_ms);
    }
    hurry(order);
}

void order_poll_timer(struct order *order)
{
    order->waited_ms += order->timer_ms;
    order->timer_ms = 0;
    order->held = false;
    if (order->explaining || order->call != CALL_NONE) {
        return;
    }
    if (order->state == ORDER_DOWNLOADING) {
        order_issue_timer(order);
    } else if (order->state == ORDER_VALIDATING || order->state == ORDER_FINALIZING ||
               order->state == ORDER_AUTHORIZING) {
        order_poll_ask(order);
    }
}

/* -- why it failed -- */

static bool authz_outstanding(const struct order *order)
{
    for (size_t i = 0; i < order->authz_count; i++) {
        if (order->authz[i].call != CALL_NONE) {
            return true;
        }
    }
    return false;
}

/* The order, or one authorization, is invalid: the others are read too, then all reasons are
 * given at once. */
static void explain(struct order *order, const char *problem)
{
    if (order->explaining) {
        return;
    }
    if (order->state >= ORDER_FINALIZING) {
        if (order->resumed && problem == NULL &&
            order_anew(order, ORDER_ANEW_FORGOTTEN, "the order has expired at the CA")) {
            return;
        }
        order_out_fail(order, ORDER_REFUSED_CA,
                       order_out_text(order, "the CA did not issue the certificate: %s",
                                      problem != NULL ? problem : "no reason given"));
        return;
    }
    order->explaining = true;
    if (problem != NULL && (order->explanation = strdup(problem)) == NULL) {
        order->out_of_memory = true;
    }
    order_prove_fetch(order);
    if (!authz_outstanding(order)) {
        order_poll_conclude(order);
    }
}

void order_poll_conclude(struct order *order)
{
    if (order->doom != NULL) {
        order_out_fail(order, order->doom_failure, order->doom);
        return;
    }
    if (order_anew_after_failure(order)) {
        return;
    }
    for (size_t i = 0; i < order->authz_count; i++) {
        if (order->authz[i].known && order->authz[i].status == AUTHZ_INVALID) {
            memcpy(order->problem, order->authz[i].problem_type, sizeof(order->problem));
            break;
        }
    }
    order_out_fail(order, ORDER_REFUSED_CA, order_out_explain(order));
}

void order_poll_authz(struct order *order, size_t index)
{
    const struct order_authz *authz = &order->authz[index];

    if (order->explaining) {
        if (!authz_outstanding(order)) {
            order_poll_conclude(order);
        }
    } else if (order->state != ORDER_VALIDATING) {
        return;
    } else if (authz->status == AUTHZ_INVALID || authz->status == AUTHZ_GONE) {
        explain(order, NULL);
    } else if (authz->refused && authz->status == AUTHZ_PENDING) {
        order_out_fail(order, ORDER_REFUSED_CA,
                       order_out_text(order, "the CA did not take the challenge of %s: %s",
                                      authz->domain, authz->refusal));
    } else {
        order->authz[index].told = true;
        order_poll_told(order, -1);
    }
}

/* -- following the order's status (RFC 8555 7.1.6) -- */

static void finalize(struct order *order)
{
    if (++order->finalize_tries > FINALIZE_TRIES) {
        order_out_fail(order, ORDER_UNAVAILABLE_CA,
                       "the CA says again and again that the order is ready, and that it is not");
        return;
    }
    char *csr = malloc(BASE64URL_LEN(order->csr_len) + 1);
    if (csr == NULL) {
        order->out_of_memory = true;
        return;
    }
    base64url_encode(csr, order->csr, order->csr_len);
    order_out_save(order, ORDER_FINALIZING, false);
    order->polls = 0;
    order->finalized_at = order->mono_ms;
    pace(order, order->estimate.issue_ms, 0);
    order_out_post(order, ORDER_TAG(CALL_FINALIZE, 0), order->finalize_url,
                   order_out_text(order, "{\"csr\":\"%s\"}", csr));
    free(csr);
}

/* All authorizations are valid: the values have done their work. */
static void validated(struct order *order)
{
    if (order->timer_ms != 0) {
        order_out_timer(order, 0);
    }
    if (order->state != ORDER_VALIDATING) {
        return;
    }
    order->measured.validate_ms =
        measured(order, order->told_at, order->challenge == ORDER_DNS_PERSIST_01);
    order->measured.verdict_ms = measured(order, order->seen_at, true);
    if (order->seen_total > 0) {
        order_out_log(order, LOG_LEVEL_INFO,
                      order_out_text(order, "asked by %u resolver%s", (unsigned)order->seen_total,
                                     order->seen_total == 1 ? "" : "s"));
    }
    order_out_log(order, LOG_LEVEL_INFO,
                  order_out_text(order, "validated %s", order_out_names(order)));
    for (size_t i = 0; i < order->authz_count; i++) {
        order->authz[i].status = AUTHZ_VALID;
    }
    order_out_withdraw(order);
}

static void still_pending(struct order *order, int64_t retry_after_ms)
{
    if (order->state < ORDER_VALIDATING || !order->authz[0].known) {
        if (order->state != ORDER_AUTHORIZING) {
            order_out_save(order, ORDER_AUTHORIZING, false);
        }
        order_prove_fetch(order);
        return;
    }
    if (order->state != ORDER_VALIDATING) {
        order_out_save(order, ORDER_VALIDATING, false);
    }
    if (order->polls % LOOK_CLOSER == LOOK_CLOSER - 1) {
        order_prove_fetch(order);
    }
    wait_or_fail(order, retry_after_ms);
}

void order_poll_follow(struct order *order, const struct order_object *object,
                       int64_t retry_after_ms)
{
    switch (object->status) {
    case ORDER_STATUS_PENDING:
        still_pending(order, retry_after_ms);
        break;
    case ORDER_STATUS_READY:
        validated(order);
        finalize(order);
        break;
    case ORDER_STATUS_PROCESSING:
        validated(order);
        if (order->state != ORDER_FINALIZING) {
            order_out_save(order, ORDER_FINALIZING, false);
            order->delay_ms = FIRST_MS;
        }
        wait_or_fail(order, retry_after_ms);
        break;
    case ORDER_STATUS_VALID:
        validated(order);
        if (order->state == ORDER_FINALIZING) {
            order->measured.issue_ms = measured(order, order->finalized_at, true);
        }
        free(order->certificate_url);
        order->certificate_url = strdup(object->certificate);
        if (order->certificate_url == NULL) {
            order->out_of_memory = true;
            return;
        }
        order->polls = 0;
        order->delay_ms = FIRST_MS;
        order_out_save(order, ORDER_DOWNLOADING, true);
        order_issue_download(order);
        break;
    case ORDER_STATUS_INVALID:
        memcpy(order->problem, object->problem_type, sizeof(order->problem));
        explain(order, object->problem);
        break;
    }
}

/* Whether the CA is away, after it may have issued; then it is asked again later. */
static bool away(struct order *order, const struct order_event *event)
{
    bool lost = event->transport == ERR_UNAVAILABLE || event->transport == ERR_TIMEOUT ||
                (event->transport == 0 && (event->status >= 500 || event->status == 429));

    /* before that, the transport has tried again itself; but "later" is no failure */
    bool later = event->transport == 0 && event->retry_after_ms >= 0;
    if (!lost || (order->state < ORDER_FINALIZING && !later) ||
        !order_poll_again(order, event->transport == 0 ? event->retry_after_ms : -1)) {
        return false;
    }
    const char *why = event->transport_text != NULL
                          ? event->transport_text
                          : order_out_text(order, "HTTP %d", event->status);
    order_out_log(order, LOG_LEVEL_WARNING,
                  order_out_text(order, "the CA is away (%s); asking again in %u ms", why,
                                 (unsigned)order->timer_ms));
    return true;
}

static bool parse(struct order *order, const struct order_event *event, struct order_object *object)
{
    struct err err = {0};

    if (order_object_parse(object, event->body, event->body_len, &err) == 0) {
        return true;
    }
    order_out_fail(order, ORDER_UNAVAILABLE_CA,
                   order_out_text(order, "the CA's order makes no sense: %s", err.text));
    return false;
}

/* Whether the CA does not know the order any more, and another is on its way. */
static bool forgotten(struct order *order, const struct order_event *event)
{
    return event->transport == 0 && event->status == 404 &&
           order_anew(order, ORDER_ANEW_FORGOTTEN, "the CA does not know the order any more");
}

void order_poll_order(struct order *order, const struct order_event *event)
{
    struct order_object object;

    if (order->explaining || away(order, event) || forgotten(order, event) ||
        !order_flow_answered(order, event, "the order could not be read from the CA") ||
        !parse(order, event, &object)) {
        return;
    }
    if (order->authz_count > 0 || order_flow_adopt(order, &object)) {
        order_poll_follow(order, &object, event->retry_after_ms);
    }
    order_object_clear(&object);
}

static bool order_not_ready(const struct order_event *event)
{
    struct problem_context context = {.retry_after_ms = -1};
    struct problem problem;

    if (event->transport != 0 || event->status < 400 || event->status > 499 ||
        problem_parse(&problem, event->body, event->body_len, &context) < 0) {
        return false;
    }
    bool is = problem_is(&problem, "orderNotReady");
    problem_clear(&problem);
    return is;
}

void order_poll_finalized(struct order *order, const struct order_event *event)
{
    struct order_object object;

    if (order_not_ready(event)) {
        wait_or_fail(order, event->retry_after_ms);
        return;
    }
    if (event->transport == 0 && event->status == 404 && order->finalize_tries == 1) {
        order_poll_ask(order);
        return;
    }
    bool last = order->finalize_tries >= FINALIZE_TRIES;
    if ((!last && away(order, event)) ||
        !order_flow_answered(order, event, "the CA did not take the CSR") ||
        !parse(order, event, &object)) {
        return;
    }
    pace(order, order->estimate.issue_ms, since(order, order->finalized_at));
    if (object.status == ORDER_STATUS_READY || object.status == ORDER_STATUS_PENDING) {
        wait_or_fail(order, event->retry_after_ms); /* not its own words' meaning: look again */
    } else {
        order_poll_follow(order, &object, event->retry_after_ms);
    }
    order_object_clear(&object);
}
