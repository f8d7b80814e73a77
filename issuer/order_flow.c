#include "issuer/order_priv.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/encode.h"

/* -- answers that are none -- */

static enum order_failure transport_failure(int error)
{
    switch (error) {
    case ERR_CANCELLED:
        return ORDER_INTERRUPTED;
    case ERR_CA:
        return ORDER_REFUSED_CA;
    case ERR_UNAVAILABLE:
    case ERR_TIMEOUT:
    case ERR_LIMIT:
    case ERR_MALFORMED:
        return ORDER_UNAVAILABLE_CA;
    default:
        return ORDER_BROKEN;
    }
}

bool order_flow_answered(struct order *order, const struct order_event *event, const char *doing)
{
    struct problem_context context = {
        .status = event->status, .retry_after_ms = event->retry_after_ms, .now = order->now};
    struct problem problem;

    order->away = event->transport != 0 || event->status >= 500 || event->status == 429;
    if (event->transport != 0) {
        const char *text = event->transport_text;
        order_out_fail(order, transport_failure(event->transport),
                       order_out_text(order, "%s: %s", doing,
                                      text != NULL ? text : err_string(event->transport)));
        return false;
    }
    if (event->status >= 200 && event->status <= 299) {
        return true;
    }
    if (problem_parse(&problem, event->body, event->body_len, &context) < 0) {
        order->out_of_memory = true;
        return false;
    }
    memcpy(order->problem, problem.type, sizeof(order->problem));
    order->retry_at = problem_retry_at(&context);
    order_out_fail(order, event->status >= 500 ? ORDER_UNAVAILABLE_CA : ORDER_REFUSED_CA,
                   order_out_text(order, "%s: %s", doing, problem.text));
    problem_clear(&problem);
    return false;
}

/* -- newOrder (RFC 8555 7.4) -- */

void order_flow_order(struct order *order)
{
    json_t *identifiers = json_array();
    char *payload = NULL;

    for (size_t i = 0; i < order->name_count; i++) {
        json_array_append_new(identifiers,
                              json_pack("{s:s,s:s}", "type", "dns", "value", order->names[i]));
    }
    /* draft-ietf-acme-profiles 4; RFC 9773 5 */
    json_t *root = json_pack("{s:o,s:s*,s:s*}", "identifiers", identifiers, "profile",
                             order->profile, "replaces", order->replaces);
    if (root != NULL) {
        payload = json_dumps(root, JSON_COMPACT);
    }
    json_decref(root);
    if (payload == NULL) {
        order->out_of_memory = true;
        return;
    }
    order_out_save(order, ORDER_ORDERING, false);
    order_out_post(order, ORDER_TAG(CALL_NEW, 0), NULL, order_out_text(order, "%s", payload));
    free(payload);
}

static void begin(struct order *order)
{
    if (order->url == NULL) {
        order_flow_order(order);
        return;
    }
    order_out_log(order, LOG_LEVEL_INFO, "taken up again: asking the CA where the order stands");
    order_out_post(order, ORDER_TAG(CALL_ORDER, 0), order->url, NULL);
}

void order_flow_start(struct order *order)
{
    if (order->profile != NULL || order->replaces != NULL) {
        order_out_know(order);
        return;
    }
    begin(order);
}

static const char *about_profiles(struct order *order, const char *why)
{
    struct say say;

    say_init(&say, LIMIT_FAILURE);
    say_add(&say, "the CA does not take the profile \"");
    say_add_foreign(&say, order->profile, LIMIT_URL);
    say_add(&say, "\": %s; ", why);
    if (order->profiles != NULL) {
        say_add(&say, "it offers ");
        say_add_foreign(&say, order->profiles, LIMIT_PROBLEM_DETAIL);
    } else {
        say_add(&say, "it offers none");
    }
    return order_out_keep(order, &say);
}

static bool profile_known(struct order *order, const struct order_event *event)
{
    const char *offered = event->body != NULL && event->body[0] != '\0' ? event->body : NULL;

    if (order->profile == NULL) {
        return true;
    }
    if (offered != NULL && (order->profiles = strdup(offered)) == NULL) {
        order->out_of_memory = true;
        return false;
    }
    if (event->has_profile || order->url != NULL) {
        return true;
    }
    memcpy(order->problem, "invalidProfile", sizeof("invalidProfile"));
    order_out_fail(order, ORDER_REFUSED_CA, about_profiles(order, "no such profile"));
    return false;
}

void order_flow_known(struct order *order, const struct order_event *event)
{
    order->knowing = false;
    if (event->transport != 0) {
        (void)order_flow_answered(order, event, "the CA's directory could not be read");
        return;
    }
    if (!event->renewal_info && order->replaces != NULL) {
        free(order->replaces); /* RFC 9773 5: only where renewalInfo is advertised */
        order->replaces = NULL;
    }
    if (profile_known(order, event)) {
        begin(order);
    }
}

static bool has_name(const struct order_object *object, const char *name)
{
    for (size_t i = 0; i < object->name_count; i++) {
        if (strcasecmp(object->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

bool order_flow_adopt(struct order *order, struct order_object *object)
{
    bool same = object->name_count == order->name_count;

    for (size_t i = 0; same && i < order->name_count; i++) {
        same = has_name(object, order->names[i]);
    }
    if (!same) {
        order_out_fail(order, ORDER_UNAVAILABLE_CA, "the CA's order has other names than ours");
        return false;
    }
    order->authz = calloc(object->authorization_count, sizeof(*order->authz));
    if (order->authz == NULL) {
        order->out_of_memory = true;
        return false;
    }
    order->authz_count = object->authorization_count;
    for (size_t i = 0; i < order->authz_count; i++) {
        order->authz[i].url = object->authorizations[i];
        object->authorizations[i] = NULL;
    }
    order_anew_drop_left(order);
    free(order->finalize_url);
    order->finalize_url = object->finalize;
    object->finalize = NULL;
    return true;
}

/* draft-ietf-acme-profiles 5 */
static bool invalid_profile(struct order *order, const struct order_event *event)
{
    struct problem_context context = {.status = event->status, .retry_after_ms = -1};
    struct problem problem;

    if (order->profile == NULL || event->transport != 0 || event->status < 400 ||
        event->status > 499) {
        return false;
    }
    if (problem_parse(&problem, event->body, event->body_len, &context) < 0) {
        order->out_of_memory = true;
        return true;
    }
    bool is = problem_is(&problem, "invalidProfile");
    if (is) {
        memcpy(order->problem, problem.type, sizeof(order->problem));
        order_out_fail(order, ORDER_REFUSED_CA, about_profiles(order, problem.text));
    }
    problem_clear(&problem);
    return is;
}

void order_flow_new(struct order *order, const struct order_event *event)
{
    struct order_object object;
    struct err err = {0};

    if (order_anew_without_replaces(order, event) || invalid_profile(order, event) ||
        !order_flow_answered(order, event, "the CA did not take the order")) {
        return;
    }
    if (event->location == NULL) {
        order_out_fail(order, ORDER_UNAVAILABLE_CA, "the CA's newOrder answers without a URL");
        return;
    }
    if (order_object_parse(&object, event->body, event->body_len, &err) < 0) {
        order_out_fail(order, ORDER_UNAVAILABLE_CA,
                       order_out_text(order, "the CA's order makes no sense: %s", err.text));
        return;
    }
    free(order->url);
    order->url = strdup(event->location);
    if (order->url == NULL) {
        order->out_of_memory = true;
    } else if (order_flow_adopt(order, &object)) {
        order_out_save(order, ORDER_AUTHORIZING, true);
        order_out_log(order, LOG_LEVEL_INFO,
                      order_out_text(order, "ordered for %s", order_out_names(order)));
        order_poll_follow(order, &object, event->retry_after_ms);
    }
    order_object_clear(&object);
}

/* -- authorizations (RFC 8555 7.5) -- */

void order_flow_fetch(struct order *order)
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
             order_out_text(order, "the CA offers no dns-01 challenge for %s", domain));
        return;
    }
    if (!challenge_value(order, authz, object->token)) {
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

void order_flow_authz(struct order *order, size_t index, const struct order_event *event)
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
        if (authz_object_parse(&object, event->body, event->body_len, &err) < 0) {
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

void order_flow_published(struct order *order, const struct order_event *event)
{
    if (event->generation != 0) {
        order_out_log(order, LOG_LEVEL_INFO,
                      order_out_text(order, "published at generation %llu",
                                     (unsigned long long)event->generation));
    } else {
        order_out_log(order, LOG_LEVEL_INFO, "published");
    }
    order_out_save(order, ORDER_VALIDATING, false);
    for (size_t i = 0; i < order->authz_count; i++) {
        struct order_authz *authz = &order->authz[i];
        if (authz->status == AUTHZ_PENDING) {
            order_out_post(order, ORDER_TAG(CALL_CHALLENGE, i), authz->challenge_url, "{}");
        }
    }
    order_poll_begin(order);
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

void order_flow_challenge(struct order *order, size_t index, const struct order_event *event)
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
