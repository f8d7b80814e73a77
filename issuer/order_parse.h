/*
 * The CA's order and authorization objects (RFC 8555 7.1.3, 7.1.4, 8), bounded and copied.
 * Pure; the bytes are hostile.
 */
#ifndef CERTMILL_ISSUER_ORDER_PARSE_H
#define CERTMILL_ISSUER_ORDER_PARSE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "common/limits.h"
#include "issuer/order.h"

enum order_status {
    ORDER_STATUS_PENDING,
    ORDER_STATUS_READY,
    ORDER_STATUS_PROCESSING,
    ORDER_STATUS_VALID,
    ORDER_STATUS_INVALID,
};

struct order_object {
    enum order_status status;
    char *finalize;
    char *certificate; /* NULL until it is valid */
    char **names;      /* identifiers, all of type dns */
    size_t name_count; /* 1 to LIMIT_NAMES */
    char **authorizations;
    size_t authorization_count; /* 1 to LIMIT_NAMES */
    char *problem;              /* its error member in words, or NULL */
    char problem_type[64];      /* as in struct problem */
};

/* ERR_MALFORMED, ERR_LIMIT (err says which member), -ENOMEM. On error *out is empty. */
int order_object_parse(struct order_object *out, const char *body, size_t len, struct err *err);
void order_object_clear(struct order_object *object);

enum authz_status {
    AUTHZ_PENDING,
    AUTHZ_VALID,
    AUTHZ_INVALID,
    AUTHZ_GONE, /* deactivated, expired, revoked */
};

struct authz_object {
    char *domain; /* without *. */
    /* its challenge of the wanted kind; challenge_url NULL: none is offered. Only looked at while
     * pending. */
    char *challenge_url;
    char *issuer_domain; /* dns-persist-01: the first of its issuer-domain-names */
    char *problem;       /* the failed challenge's error in words, or NULL */
    enum authz_status status;
    bool wildcard;
    bool challenge_pending; /* the CA has not been told yet that it is ready */
    bool problem_temporary; /* problem_is_temporary */
    char status_text[32];
    char problem_type[64];       /* as in struct problem */
    char offered[128];           /* kinds of its challenges, for people, divided by ", " */
    char token[LIMIT_TOKEN + 1]; /* base64url; "" for dns-persist-01 */
};

int authz_object_parse(struct authz_object *out, enum order_challenge wanted, const char *body,
                       size_t len, struct err *err);
void authz_object_clear(struct authz_object *object);

#endif
