#include "issuer/order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "issuer/order_priv.h"

static int copy_string(char **dst, const char *src)
{
    if (src == NULL) {
        return 0;
    }
    *dst = strdup(src);
    return *dst != NULL ? 0 : -ENOMEM;
}

static int copy_names(struct order *order, const struct order_request *request)
{
    order->names = calloc(request->name_count, sizeof(*order->names));
    if (order->names == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < request->name_count; i++) {
        order->names[i] = strdup(request->names[i]);
        if (order->names[i] == NULL) {
            return -ENOMEM;
        }
        order->name_count++;
    }
    return 0;
}

int order_new(struct order **out, const struct order_request *request)
{
    struct order *order;

    if (request->name_count == 0 || request->name_count > LIMIT_NAMES || request->csr_len == 0) {
        return ERR_RANGE;
    }
    order = calloc(1, sizeof(*order));
    if (order == NULL) {
        return -ENOMEM;
    }
    order->id = request->id;
    order->challenge = request->challenge;
    order->estimate = request->estimate;
    order->csr = malloc(request->csr_len);
    if (order->csr == NULL || copy_names(order, request) < 0 ||
        copy_string(&order->preferred_chain, request->preferred_chain) < 0 ||
        copy_string(&order->profile, request->profile) < 0 ||
        copy_string(&order->replaces, request->replaces) < 0 ||
        copy_string(&order->hint, request->zone_cname_hint) < 0 ||
        copy_string(&order->thumbprint, request->thumbprint) < 0 ||
        copy_string(&order->account_url, request->account_url) < 0) {
        order_free(order);
        return -ENOMEM;
    }
    memcpy(order->csr, request->csr, request->csr_len);
    order->csr_len = request->csr_len;
    *out = order;
    return 0;
}

int order_resume(struct order **out, const struct order_request *request,
                 const struct order_saved *saved)
{
    struct order *order;

    if (saved->state >= ORDER_ISSUED) {
        return ERR_RANGE;
    }
    int ret = order_new(&order, request);
    if (ret < 0) {
        return ret;
    }
    order->resumed = saved->url != NULL;
    order->state = order->resumed ? saved->state : ORDER_NEW;
    if (copy_string(&order->url, saved->url) < 0 ||
        copy_string(&order->finalize_url, saved->finalize_url) < 0 ||
        copy_string(&order->certificate_url, saved->certificate_url) < 0) {
        order_free(order);
        return -ENOMEM;
    }
    *out = order;
    return 0;
}

static void authz_clear(struct order_authz *authz)
{
    free(authz->url);
    free(authz->domain);
    free(authz->problem);
    free(authz->challenge_url);
    free(authz->refusal);
    free(authz->issuer_domain);
}

void order_authz_free(struct order *order)
{
    for (size_t i = 0; i < order->authz_count; i++) {
        authz_clear(&order->authz[i]);
    }
    free(order->authz);
    order->authz = NULL;
    order->authz_count = 0;
}

void order_free(struct order *order)
{
    if (order == NULL) {
        return;
    }
    for (size_t i = 0; i < order->name_count; i++) {
        free(order->names[i]);
    }
    free(order->names);
    order_authz_free(order);
    for (size_t i = 0; i < order->left_count; i++) {
        free(order->left[i]);
    }
    free(order->left);
    for (size_t i = 0; i < LIMIT_ALTERNATES; i++) {
        free(order->alternates[i]);
    }
    for (size_t i = 0; i < order->chain_count; i++) {
        order_chain_clear(&order->chains[i]);
    }
    order_out_reset(order);
    free(order->actions);
    free(order->csr);
    free(order->preferred_chain);
    free(order->profile);
    free(order->replaces);
    free(order->profiles);
    free(order->account_url);
    free(order->hint);
    free(order->thumbprint);
    free(order->url);
    free(order->finalize_url);
    free(order->certificate_url);
    free(order->explanation);
    free(order->doom);
    free(order);
}

static int replace_string(char **dst, const char *src)
{
    char *copy = strdup(src);

    if (copy == NULL) {
        return -ENOMEM;
    }
    free(*dst);
    *dst = copy;
    return 0;
}

int order_set_thumbprint(struct order *order, const char *thumbprint)
{
    return replace_string(&order->thumbprint, thumbprint);
}

int order_set_account_url(struct order *order, const char *account_url)
{
    return replace_string(&order->account_url, account_url);
}

enum order_state order_get_state(const struct order *order)
{
    return order->state;
}

void order_get_saved(const struct order *order, struct order_saved *saved)
{
    *saved = (struct order_saved){.state = order->state,
                                  .url = order->url,
                                  .finalize_url = order->finalize_url,
                                  .certificate_url = order->certificate_url};
}

uint64_t order_id(const struct order *order)
{
    return order->id;
}

/* An answer that nobody waits for (any more) is dropped. */
static void on_authz_response(struct order *order, const struct order_event *event,
                              enum order_call call, size_t index)
{
    if (index >= order->authz_count || order->authz[index].call != call) {
        return;
    }
    order->authz[index].call = CALL_NONE;
    if (call == CALL_AUTHZ) {
        order_prove_authz(order, index, event);
    } else {
        order_prove_challenge(order, index, event);
    }
}

static void on_response(struct order *order, const struct order_event *event)
{
    enum order_call call = (enum order_call)(event->tag >> 16 & 0xff);

    if (event->tag >> 24 != order->round) {
        return; /* of the order at the CA that was given up */
    }
    if (call == CALL_AUTHZ || call == CALL_CHALLENGE) {
        on_authz_response(order, event, call, event->tag & 0xffff);
        return;
    }
    if (call == CALL_ALTERNATE) {
        order_issue_alternate(order, event->tag & 0xffff, event);
        return;
    }
    if (call == CALL_NONE || event->tag != (ORDER_TAG(order->call, 0) | order->round << 24)) {
        return;
    }
    order->call = CALL_NONE;
    if (call == CALL_NEW) {
        order_flow_new(order, event);
    } else if (call == CALL_ORDER) {
        order_poll_order(order, event);
    } else if (call == CALL_FINALIZE) {
        order_poll_finalized(order, event);
    } else {
        order_issue_certificate(order, event);
    }
}

static void dispatch(struct order *order, const struct order_event *event)
{
    switch (event->kind) {
    case ORDER_EV_START:
        if (!order->started) {
            order_flow_start(order);
        }
        order->started = true;
        break;
    case ORDER_EV_KNOWN:
        if (order->knowing) {
            order_flow_known(order, event);
        }
        break;
    case ORDER_EV_RESPONSE:
        on_response(order, event);
        break;
    case ORDER_EV_PUBLISHED:
        if (order->state == ORDER_PUBLISHING) {
            order_prove_published(order, event);
        }
        break;
    case ORDER_EV_SEEN:
        if (event->domain != NULL) {
            order_poll_seen(order, event->domain);
        }
        break;
    case ORDER_EV_TIMER:
        if (order->timer_ms != 0) {
            order_poll_timer(order);
        }
        break;
    case ORDER_EV_CANCEL:
        if (event->for_good) {
            order_anew_deactivate(order);
        }
        order_out_fail(order, ORDER_INTERRUPTED,
                       "the server was stopped while the order was under way: ask again");
        break;
    }
}

int order_handle(struct order *order, const struct order_event *event,
                 const struct order_action **actions)
{
    order_out_reset(order);
    *actions = NULL;
    if (order->finished) {
        return 0;
    }
    if (event->seen_total > order->seen_total) {
        order->seen_total = event->seen_total;
    }
    if (event->now != 0) {
        order->now = event->now;
    }
    if (event->mono_ms != 0) {
        order->mono_ms = event->mono_ms;
    }
    dispatch(order, event);
    if (order->out_of_memory) {
        return -ENOMEM;
    }
    *actions = order->actions;
    return (int)order->action_count;
}
