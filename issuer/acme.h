/*
 * One CA as seen from our account: directory, nonces, account, signed POSTs
 * (RFC 8555 6, 7.1.1, 7.2, 7.3). All asynchronous on one libuv loop; HTTP by
 * issuer/http.c (libcurl multi), signatures by issuer/signclient.c.
 */
#ifndef CERTMILL_ISSUER_ACME_H
#define CERTMILL_ISSUER_ACME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/log.h"

struct acme;
struct acme_request;
struct http;
struct signclient;

/* What is on record of an account; strings are NULL where not known. */
struct acme_account {
    const char *url;
    const char *key;     /* the signer's name of its key */
    const char *pending; /* of a key that it is being rolled over to (RFC 8555 7.3.5) */
    const char *key_type, *thumbprint;
    const char *contact; /* address that the CA was told, "": none */
    const char *terms;   /* URL of the terms of service that were agreed to, "": there were none */
    const char *status;  /* "valid", "deactivated", "revoked" (7.1.6) */
    const char *eab_kid; /* that it was bound by */
};

/* What may change while it runs; copied. */
struct acme_settings {
    const char *email;     /* or NULL */
    const char *key_type;  /* used when a key is made */
    const char *authority; /* its name in the configuration */
    const char *eab_kid;   /* the signer has a binding for this authority; or NULL */
};

struct acme_options {
    const char *directory_url;
    const char *key; /* name of its first key; further ones are KEY-2, KEY-3 ... */
    struct acme_settings settings;
    const struct acme_account *account; /* from the store, or NULL: found or made at first need */
    struct http *http;
    struct signclient *signclient;
    struct log *log;
    /* Called when something of the account has changed: to be stored before it returns. Negative:
     * it is not. */
    int (*on_account)(void *arg, const struct acme_account *account);
    /* Called when the CA refuses a directory, a nonce or an account because of a limit, whoever
     * wanted it: retry_after_ms -1: it did not say for how long. NULL: nobody wants to know. */
    void (*on_limited)(void *arg, int64_t retry_after_ms, const char *text);
    /* Whether orders run whose values are made with the key. NULL: never. */
    bool (*is_busy)(void *arg);
    void *arg;
};

int acme_new(struct acme **out, const struct acme_options *options);
/* For what begins from now on; the contact is updated at the CA with the next request (7.3.2).
 * -ENOMEM: the old ones stay. */
int acme_configure(struct acme *acme, const struct acme_settings *settings);
/* Cancels what is under way; callbacks come with ERR_CANCELLED before it returns. */
void acme_free(struct acme *acme);

/* A CA that refuses a nonce or an account because of a limit has refused the request: its answer is
 * given as the request's, with its Retry-After. */
struct acme_response {
    int error;        /* 0, or ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_LIMIT, ERR_CANCELLED, ERR_CA ... */
    const char *text; /* with error: what failed, for a person */
    int status;
    const char *body; /* NUL after body_len bytes */
    size_t body_len;
    const char *location;
    const char *nonce;      /* of acme_get_nonce */
    int64_t retry_after_ms; /* -1: none */
    const char *alternates[8];
    size_t alternate_count;
};

typedef void acme_response_fn(void *arg, const struct acme_response *response);

/* Signed POST to url (NULL: newOrder); payload NULL is POST-as-GET. Directory, key,
 * account and nonce are had first where missing. badNonce is retried up to LIMIT_BADNONCE
 * times, a lost connection or 5xx a few times with growing delay (all bounded), other answers are
 * the caller's. The callback comes exactly once, never from within this call. *request may be NULL.
 */
int acme_post(struct acme *acme, const char *url, const char *payload, acme_response_fn *fn,
              void *arg, struct acme_request **request);

enum acme_resource {
    ACME_NEW_ORDER,
    ACME_REVOKE_CERT,
    ACME_RENEWAL_INFO,
    ACME_NEW_ACCOUNT,
    ACME_KEY_CHANGE,
};
/* acme_post to a URL of the directory. The callback says ERR_NOT_FOUND where it has none. */
int acme_post_resource(struct acme *acme, enum acme_resource resource, const char *payload,
                       acme_response_fn *fn, void *arg, struct acme_request **request);
/* Unsigned GET of what stands below a URL of the directory (RFC 9773 4.1): RESOURCE/path. Otherwise
 * the same; needs no account. */
int acme_get_resource(struct acme *acme, enum acme_resource resource, const char *path,
                      acme_response_fn *fn, void *arg, struct acme_request **request);
/* For a request that somebody else signs, to a URL of the directory: a fresh nonce (RFC 8555 7.2)
 * as the response's nonce, and the URL as its location. ERR_NOT_FOUND as above; needs no account.
 */
int acme_get_nonce(struct acme *acme, enum acme_resource resource, acme_response_fn *fn, void *arg,
                   struct acme_request **request);
/* The request that somebody else has signed, a flattened JWS: posted as it is, with badNonce and
 * 5xx for the caller. ERR_RANGE where url, which it is signed for, is not the directory's (any
 * more). */
int acme_post_signed(struct acme *acme, enum acme_resource resource, const char *url,
                     const char *jws, acme_response_fn *fn, void *arg,
                     struct acme_request **request);
/* Forgets the request; its callback will not come. */
void acme_cancel(struct acme_request *request);

/* Calls back when directory, key and account are there (or with the error). */
int acme_ready(struct acme *acme, acme_response_fn *fn, void *arg);
/* Calls back when the directory is there (or with the error); asks nothing of key or account. */
int acme_know(struct acme *acme, acme_response_fn *fn, void *arg);

/* Changes to the account, one at a time (ERR_BUSY); what comes of it is in the response: error 0,
 * or the reason as text. */
enum acme_change {
    /* To a new key of key_type (RFC 8555 7.3.5). ERR_BUSY where is_busy; requests that come later
     * wait until it is over. */
    ACME_ROLL_OVER,
    ACME_DEACTIVATE, /* for good (7.3.6) */
    ACME_AGREE,      /* to the terms of service as they are now */
    ACME_REGISTER,   /* find or make it; instead of one that is not valid any more, a new one */
};
int acme_change(struct acme *acme, enum acme_change change, const char *key_type,
                acme_response_fn *fn, void *arg);
bool acme_changing(const struct acme *acme);

/* What is on record now; good until the loop's next turn. */
void acme_account_get(const struct acme *acme, struct acme_account *account);

/* NULL until known. */
const char *acme_account_url(const struct acme *acme);
const char *acme_thumbprint(const struct acme *acme);
const char *acme_directory_url(const struct acme *acme);
/* Its connections, for what needs no signature (renewalInfo). */
struct http *acme_http(const struct acme *acme);

/* -- what the CA's directory says; nothing of it is known before acme_know or any answer. What is
 * given here is good until the loop's next turn. -- */

struct acme_profile {
    char *name;        /* visible ASCII */
    char *description; /* foreign text, may be "" */
};

/* URLs for people, foreign text; or NULL. */
const char *acme_terms(const struct acme *acme);
const char *acme_website(const struct acme *acme);
bool acme_wants_binding(const struct acme *acme); /* meta.externalAccountRequired */
bool acme_has_directory(const struct acme *acme);
/* NULL where the CA does not offer it. */
const char *
acme_renewal_info_url(const struct acme *acme); /* RFC 9773 4.1: "/" and the ID follow */
bool acme_has_renewal_info(const struct acme *acme);
const char *acme_revoke_url(const struct acme *acme);
/* *count of them. */
const struct acme_profile *acme_profiles(const struct acme *acme, size_t *count);
/* NULL: it offers no such profile. */
const struct acme_profile *acme_profile_find(const struct acme *acme, const char *name);
/* Issuer domain names (RFC 8659 4.2), *count of them; may be none. */
char *const *acme_caa_identities(const struct acme *acme, size_t *count);

#endif
