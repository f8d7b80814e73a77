/*
 * HTTPS towards CAs: libcurl multi on one libuv loop. Connections are kept and
 * shared (HTTP/2 where offered); sizes and times are bounded (common/limits.h); only https
 * is spoken, redirects are followed for GET and HEAD only; no proxy is taken from the environment.
 *
 * Plain http, for OCSP responders alone (RFC 6960 A.1), takes a struct http of its own: answers of
 * at most LIMIT_OCSP octets within LIMIT_OCSP_MS, and no redirects.
 */
#ifndef CERTMILL_ISSUER_HTTP_H
#define CERTMILL_ISSUER_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "common/err.h"
#include "common/log.h"
#include "issuer/http_header.h"

struct http;
struct http_exchange;

struct http_trust {
    const char *ca_file; /* PEM, in addition to the system's trust; or NULL */
    const char *pem;     /* its content, where it has been read already; or NULL */
    size_t pem_len;
    bool skip_verify; /* take any certificate */
};

/* The files of trust are read now, once. err says which file and why. Free with http_free. */
int http_new(struct http **out, uv_loop_t *loop, struct log *log, const struct http_trust *trust,
             struct err *err);
/* Speaks http only. No http_configure. */
int http_new_plain(struct http **out, uv_loop_t *loop, struct log *log, struct err *err);
/* Replaces the trust of connections made from now on; on error the old one stays. */
int http_configure(struct http *http, const struct http_trust *trust, struct err *err);
/* Cancels what is under way (no callbacks come); handles close on the loop's next turns. */
void http_free(struct http *http);

uv_loop_t *http_loop(const struct http *http);

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST };

/* Copied by http_send. */
struct http_request {
    enum http_method method;
    const char *url;  /* https only; of a plain one http only */
    const char *body; /* POST */
    size_t body_len;
    const char *content_type; /* POST */
    const char *accept;       /* or NULL */
};

/* Good within the callback only. */
struct http_answer {
    int error;        /* 0, ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_LIMIT, -ENOMEM */
    const char *text; /* with error: what failed, for a person */
    int status;
    const char *body; /* a NUL stands after body_len bytes */
    size_t body_len;
    const struct http_fields *fields;
};

typedef void http_answer_fn(void *arg, const struct http_answer *answer);

/* The callback comes once, never from within this call. ERR_MALFORMED for a URL of another scheme,
 * ERR_LIMIT, -ENOMEM. *exchange may be NULL. */
int http_send(struct http *http, const struct http_request *request, http_answer_fn *fn, void *arg,
              struct http_exchange **exchange);
/* Its callback will not come. Not from within its own callback. */
void http_cancel(struct http_exchange *exchange);

#endif
