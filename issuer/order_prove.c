/*
 * Proving names: the authorizations of an order, what is published for them, and our word to the CA
 * (RFC 8555 7.5, 8.4; draft-ietf-acme-dns-account-label; draft-ietf-acme-dns-persist).
 */
#include "issuer/order_priv.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/encode.h"

/* -- authorizations (RFC 8555 7.5) -- */

void order_prove_fetch(struct order *order)
{
    for (size_t i = 0; i < order->authz_count; i++) {
        struct order_authz *authz = &order->authz[i];
        bool settled = authz->known && authz->status != AUTHZ_PENDING;
        if (!settled && authz->call == CALL_NONE) {
            order_out_post(order, ORDER_TAG(CALL_AUTHZ, i), authz->url, NULL);
        }
    }
}

/* Our own name that the authorization is for, or NULL. wildcard is set as it stands there. */
static const char *own_name(const struct order *order, const struct authz_object *object,
                            bool *wildcard)
{
    const char *found = NULL;

    for (size_t i = 0; i < order->name_count; i++) {
        const char *name = order->names[i];
        bool star = strncmp(name, "*.", 2) == 0;
        const char *base = star ? name + 2 : name;
        if (strcasecmp(base, object->domain) != 0 || (found != NULL && star != object->wildcard)) {
            continue;
        }
        found = base;
        *wildcard = star;
    }
    return found;
}

/* RFC 8555 8.1, 8.4 */
static bool challenge_value(struct order *order, struct order_authz *authz, const char *token)
{
    char key_authorization[LIMIT_TOKEN + 64];
    uint8_t digest[32];

    int n =
        snprintf(key_authorization, sizeof(key_authorization), "%s.%s", token, order->thumbprint);
    if (n < 0 || (size_t)n >= sizeof(key_authorization) ||
        EVP_Digest(key_authorization, (size_t)n, digest, NULL, EVP_sha256(), NULL) != 1) {
        return false;
    }
    base64url_encode(authz->value, digest, sizeof(digest));
    return true;
}

/* The order cannot succeed. It ends when all authorizations are known, so that none hangs. */
static void doom(struct order *order, enum order_failure failure, const char *text)
{
    if (order->doom != NULL) {
        return;
    }
    if ((order->doom = strdup(text)) == NULL) {
        order->out_of_memory = true;
    }
    order->doom_failure = failure;
    order->explaining = true;
}

/* First sight of an authorization. */
static void learn(struct order *order, struct order_authz *authz, struct authz_object *object)
{
    const char *domain = own_name(order, object, &authz->wildcard);

    if (domain == NULL) {
        doom(order, ORDER_UNAVAILABLE_CA,
             "the CA wants an authorization for a name that was not ordered");
        return;
    }
    if ((authz->domain = strdup(domain)) == NULL) {
        order->out_of_memory = true;
        return;
    }
    authz->known = true;
    if (object->status != AUTHZ_PENDING) {
        return;
    }
    if (order->thumbprint == NULL) {
        doom(order, ORDER_BROKEN, "the account key is not known");
        return;
    }
    if (object->challenge_url == NULL) {
        doom(order, ORDER_REFUSED_CA,
             order_out_text(order, "the CA offers no %s challenge for %s%s: it offers %s",
                            order_challenge_name(order->challenge), authz->wildcard ? "*." : "",
                            domain, object->offered[0] != '\0' ? object->offered : "none"));
        return;
    }
    authz->issuer_domain = object->issuer_domain;
    object->issuer_domain = NULL;
    if (order->challenge != ORDER_DNS_PERSIST_01 && !challenge_value(order, authz, object->token)) {
        doom(order, ORDER_BROKEN, "the challenge's value could not be computed");
        return;
    }
    authz->challenge_url = object->challenge_url;
    object->challenge_url = NULL;
}

static void update(struct order_authz *authz, struct authz_object *object)
{
    authz->status = object->status;
    memcpy(authz->status_text, object->status_text, sizeof(authz->status_text));
    if (authz->refused && !object->challenge_pending) {
        authz->refused = false; /* it was taken before: the CA is at work */
    }
    free(authz->problem);
    authz->problem = object->problem;
    object->problem = NULL;
    memcpy(authz->problem_type, object->problem_type, sizeof(authz->problem_type));
    authz->temporary = object->problem_temporary;
}

/* RFC 8555 7.5.1 */
static void tell(struct order *order)
{
    order_out_save(order, ORDER_VALIDATING, false);
    for (size_t i = 0; i < order->authz_count; i++) {
        struct order_authz *authz = &order->authz[i];
        if (authz->status == AUTHZ_PENDING) {
            order_out_post(order, ORDER_TAG(CALL_CHALLENGE, i), authz->challenge_url, "{}");
        }
    }
    order_poll_begin(order);
}

static void publish(struct order *order)
{
    bool pending = false, bad = false;

    for (size_t i = 0; i < order->authz_count; i++) {
        const struct order_authz *authz = &order->authz[i];
        if (authz->call != CALL_NONE || !authz->known) {
            return; /* not all are here yet */
        }
        pending = pending || authz->status == AUTHZ_PENDING;
        bad = bad || authz->status == AUTHZ_INVALID || authz->status == AUTHZ_GONE;
    }
    if (bad) {
        order_poll_conclude(order);
        return;
    }
    if (!pending) {
        order_out_save(order, ORDER_VALIDATING, false);
        order_poll_begin(order);
        return;
    }
    if (order->challenge == ORDER_DNS_PERSIST_01) {
        order_out_log(order, LOG_LEVEL_INFO,
                      "nothing is published: the CA looks for the domains' standing records");
        tell(order);
        return;
    }
    order_out_save(order, ORDER_PUBLISHING, false);
    for (size_t i = 0; i < order->authz_count; i++) {
        struct order_authz *authz = &order->authz[i];
        if (authz->status != AUTHZ_PENDING) {
            continue;
        }
        authz->published = true;
        order_out_publish(order, authz);
    }
}

void order_prove_authz(struct order *order, size_t index, const struct order_event *event)
{
    struct order_authz *authz = &order->authz[index];
    struct authz_object object;
    struct err err = {0};

    if (event->transport == 0 && event->status == 404) {
        authz->missing = true;
        if (!order->explaining &&
            order_anew(order, ORDER_ANEW_FORGOTTEN,
                       "the CA does not know an authorization of the order any more")) {
            return;
        }
    }
    /* while only the reason is wanted, what cannot be read is left out of it */
    bool readable = event->transport == 0 && event->status == 200;
    if (!order->explaining || readable) {
        if (!order_flow_answered(order, event, "an authorization could not be read")) {
            return;
        }
        if (authz_object_parse(&object, order->challenge, event->body, event->body_len, &err) < 0) {
            order_out_fail(
                order, ORDER_UNAVAILABLE_CA,
                order_out_text(order, "an authorization of the CA makes no sense: %s", err.text));
            return;
        }
        if (!authz->known) {
            learn(order, authz, &object);
        }
        if (authz->known) {
            update(authz, &object);
        }
        authz_object_clear(&object);
    }
    if (order->finished || order->out_of_memory) {
        return;
    }
    if (order->state == ORDER_AUTHORIZING && !order->explaining) {
        publish(order);
    } else {
        order_poll_authz(order, index);
    }
}

/* -- challenges (RFC 8555 7.5.1) -- */

void order_prove_published(struct order *order, const struct order_event *event)
{
    if (event->generation != 0) {
        order_out_log(order, LOG_LEVEL_INFO,
                      order_out_text(order, "published at generation %llu",
                                     (unsigned long long)event->generation));
    } else {
        order_out_log(order, LOG_LEVEL_INFO, "published");
    }
    tell(order);
}

/* A CA refuses our word where it has it already: sent twice over a lost connection, or before a
 * restart. The authorization says whether that is so. */
static void refused(struct order *order, size_t index, const struct order_event *event)
{
    struct order_authz *authz = &order->authz[index];
    struct problem_context context = {
        .status = event->status, .retry_after_ms = event->retry_after_ms, .now = order->now};
    struct problem problem;

    if (problem_parse(&problem, event->body, event->body_len, &context) < 0) {
        order->out_of_memory = true;
        return;
    }
    free(authz->refusal);
    authz->refusal = problem.text;
    problem.text = NULL;
    problem_clear(&problem);
    authz->refused = true;
    order_out_post(order, ORDER_TAG(CALL_AUTHZ, index), authz->url, NULL);
}

void order_prove_challenge(struct order *order, size_t index, const struct order_event *event)
{
    struct order_authz *authz = &order->authz[index];

    if (order->explaining) {
        order_out_post(order, ORDER_TAG(CALL_AUTHZ, index), authz->url, NULL);
    } else if (order->state != ORDER_VALIDATING) {
        order_poll_authz(order, index);
    } else if (event->transport == 0 && event->status >= 400 && event->status <= 499 &&
               event->status != 429) {
        refused(order, index, event);
    } else if (order_flow_answered(order, event, "the CA did not take a challenge")) {
        authz->told = true;
        order_poll_told(order, event->retry_after_ms);
    }
}
