/*
 * A CA's errors in words: problem documents (RFC 7807, RFC 8555 6.7) with their
 * subproblems by identifier. All text is foreign: bounded, control characters taken out.
 */
#ifndef CERTMILL_ISSUER_PROBLEM_H
#define CERTMILL_ISSUER_PROBLEM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct problem {
    char type[64]; /* last part of the URN, "rateLimited"; "" where there is none */
    char *text;    /* "rateLimited: DETAIL (HTTP 429)", and a line a subproblem; never NULL */
};

/* What surrounded the document. */
struct problem_context {
    int status;             /* HTTP status, 0: none */
    int64_t retry_after_ms; /* -1: none */
    int64_t now;            /* Unix seconds, to say until when; 0: not known */
};

/* The answer's body, which need not be a problem document or JSON. 0 or -ENOMEM. */
int problem_parse(struct problem *out, const char *body, size_t len,
                  const struct problem_context *context);
/* An error member of an order or a challenge; object may be NULL. */
int problem_from_json(struct problem *out, const json_t *object);
void problem_clear(struct problem *problem);

/* When the CA wants to be asked again: Unix seconds, rounded up; 0: it did not say. */
int64_t problem_retry_at(const struct problem_context *context);

/* Whether a failed validation may succeed a moment later: the CA's own failure, or its resolver or
 * connection did not come through (RFC 8555 6.7: serverInternal, connection, and dns where the
 * words speak of a timeout, SERVFAIL or the network). */
bool problem_is_temporary(const struct problem *problem);

/* Whether it is urn:ietf:params:acme:error:TYPE. */
bool problem_is(const struct problem *problem, const char *type);

#endif
