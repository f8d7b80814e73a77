#include "issuer/order_priv.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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
