/*
 * What acme*.c share: one CA's state, and a request on its way through it.
 */
#ifndef CERTMILL_ISSUER_ACME_PRIV_H
#define CERTMILL_ISSUER_ACME_PRIV_H

#include <uv.h>

#include "issuer/acme.h"
#include "issuer/acme_directory.h"
#include "issuer/http.h"
#include "issuer/nonce.h"
#include "issuer/signclient.h"

enum acme_kind {
    ACME_POST,   /* acme_post: signed with the account's URL as kid */
    ACME_READY,  /* acme_ready: wants directory, key and account only */
    ACME_GET,    /* acme_get_resource: wants the directory only */
    ACME_KNOW,   /* acme_know: wants the directory only */
    ACME_NONCE,  /* acme_get_nonce: wants directory and a fresh nonce */
    ACME_SIGNED, /* acme_post_signed: wants the directory only */
    ACME_OWN,    /* about the account itself: needs no account, is signed as it says */
};

enum acme_stage {
    ACME_WANTS_DIRECTORY,
    ACME_WANTS_ACCOUNT, /* and its key */
    ACME_WANTS_NONCE,
    ACME_SIGNING,
    ACME_SENDING,
    ACME_DELAYED, /* another try at due */
    ACME_FAILED,  /* the callback, with error and text, at due */
    ACME_DONE,    /* ACME_READY, ACME_KNOW, ACME_NONCE: the callback at due */
};

struct acme_request {
    struct acme_request *prev, *next;
    struct acme *acme;
    enum acme_kind kind;
    enum acme_stage stage;
    char *url, *payload;         /* NULL as in acme_post */
    enum acme_resource resource; /* where url is NULL */
    char *path;                  /* ACME_GET; ACME_SIGNED: the URL that was signed */
    char *key;                   /* ACME_OWN: the key that signs */
    bool by_kid;                 /* ACME_OWN: with the account's URL, not the key, in the header */
    char *target; /* where it goes, and what its signature says; from ACME_SIGNING on */
    acme_response_fn *fn;
    void *arg;
    uint64_t started, due; /* loop time, ms */
    unsigned tries, bad_nonces;
    bool reaccounted;               /* the CA did not know the account; asked for it anew once */
    bool asked;                     /* ACME_NONCE: newNonce, whatever the pool holds */
    bool redirected;                /* the directory's URL was gone; read anew once */
    char *nonce;                    /* the one a badNonce answer brought */
    uint64_t sign;                  /* ACME_SIGNING: for signclient_cancel */
    struct http_exchange *exchange; /* ACME_SENDING */
    int error;
    char *text;
    int refused_status; /* ACME_FAILED, not 0: the answer of newNonce or newAccount, with its body
                         */
    char *refused;
    int64_t retry_after_ms;
};

struct acme_nonce_fetch {
    struct acme_nonce_fetch *prev, *next;
    struct acme *acme;
    struct http_exchange *exchange;
};

/* What is on record of the account, and what has been found out in this process. */
struct acme_state {
    char *url, *key, *pending, *key_type, *thumbprint, *contact, *terms, *status, *eab_kid;
};

/* The account being looked for, made or brought up to date: acme_account.c. */
struct acme_search {
    bool under_way;
    bool ready;  /* nothing is left to be done */
    bool listed; /* keys holds what the signer has */
    bool sought; /* none of them has an account */
    bool fresh;  /* the key was made just now, for a new account */
    bool contacted;
    char *keys[LIMIT_KEY_LIST];
    size_t count, at;
    uint64_t ask;  /* of the signer */
    char *trying;  /* the key that the CA is being asked about */
    char *refusal; /* the CA's words about a key whose account is not valid any more, or NULL */
};

struct acme_work; /* acme_change.c */

struct acme {
    char *directory_url, *email, *key_base, *key_type, *authority, *eab_kid;
    struct http *http;
    struct signclient *signclient;
    struct log *log;
    int (*on_account)(void *arg, const struct acme_account *account);
    void (*on_limited)(void *arg, int64_t retry_after_ms, const char *text);
    bool (*is_busy)(void *arg);
    void *arg;

    uv_loop_t *loop;
    uv_timer_t timer; /* the nearest due of all requests */

    struct acme_directory directory;
    uint64_t directory_due;    /* loop time when it is read anew */
    uint64_t directory_doubts; /* loop time until which a doubt does not count */
    uint64_t account_doubts;   /* likewise */
    struct http_exchange *directory_fetch;

    char *jwk, *thumbprint; /* of state.key; NULL until known */
    struct acme_state state;
    struct acme_search search;
    struct acme_work *work; /* a change under way, or NULL */
    char *terms_told;       /* that were said to have changed */

    struct nonce_pool nonces;
    struct acme_nonce_fetch *nonce_fetches;
    unsigned nonce_fetch_count;

    struct acme_request *requests;

    bool closing, have_directory;
    bool unsaved; /* state is not what is stored */
    bool held;    /* by work: who needs the account waits */
};

/* -- acme.c -- */
/* Moves a request on as far as it goes. Never calls its callback. */
void acme_step(struct acme_request *request);
/* Steps all that wait in stage. */
void acme_wake(struct acme *acme, enum acme_stage stage);
/* Lets a request fail on the loop's next turn. text is copied. */
void acme_fail(struct acme_request *request, int error, const char *text);
/* Tries again later, or fails when tries or time are used up. retry_after_ms: -1 or the CA's wish.
 */
void acme_retry(struct acme_request *request, int error, const char *text, int64_t retry_after_ms);
/* acme_retry or acme_fail for all that wait in stage. */
void acme_retry_all(struct acme *acme, enum acme_stage stage, int error, const char *text,
                    int64_t retry_after_ms);
void acme_fail_all(struct acme *acme, enum acme_stage stage, int error, const char *text);

/* An answer that refused what requests need. */
struct acme_refusal {
    int status;
    const char *body;
    int64_t retry_after_ms;
    int error;        /* for those who look at no answer */
    const char *text; /* likewise */
};
/* Ends all that wait in stage: by that answer where it is about a limit, else by its error. */
void acme_refuse_all(struct acme *acme, enum acme_stage stage, const struct acme_refusal *refusal);
struct acme_request *acme_request_new(struct acme *acme, enum acme_kind kind, acme_response_fn *fn,
                                      void *arg);
/* An http_answer_fn; arg is the request. */
void acme_answer(void *arg, const struct http_answer *answer);

/* -- acme_resource.c -- */
/* Where a request is to go, or NULL where the CA's directory does not say. */
const char *acme_target(const struct acme_request *request);
/* Lets a request fail for which the directory has no URL. */
void acme_lacks(struct acme_request *request);
/* Sends an ACME_GET. */
void acme_get(struct acme_request *request);
/* Sends an ACME_SIGNED. */
void acme_send_signed(struct acme_request *request);
/* Sends to r->target; its answer goes to acme_answer, a failure to the caller of r. */
void acme_send(struct acme_request *r, struct http_request *request);
/* Whether an ACME_NONCE has all that it is about; where not, it waits for a nonce or fails. */
bool acme_take_nonce(struct acme_request *request);

/* -- acme_fetch.c: what needs no signature -- */
void acme_fetch_directory(struct acme *acme);
void acme_fetch_nonces(struct acme *acme);
/* For a directory that proved to be outdated. */
void acme_doubt_directory(struct acme *acme);
bool acme_directory_good(const struct acme *acme);
void acme_fetch_cancel(struct acme *acme);

/* -- acme_account.c -- */
void acme_fetch_account(struct acme *acme);
/* Everything is to be looked at again; url: also who the account is. */
void acme_account_doubt(struct acme *acme, bool url);
int acme_account_set(char **dst, const char *text);
/* Likewise, of what is on record. */
int acme_account_change(struct acme *acme, char **dst, const char *text);
/* Has it stored, where something has changed. */
int acme_account_save(struct acme *acme);
/* The account's key is another one from now on. NULL: whichever of the signer's it proves to be. */
int acme_account_use_key(struct acme *acme, const char *key);
void acme_account_cancel(struct acme *acme);
void acme_account_clear(struct acme *acme);
/* A request about the account itself. Takes payload over (NULL: out of memory). */
int acme_account_send(struct acme *acme, enum acme_resource resource, char *payload,
                      const char *key, acme_response_fn *fn);

/* The search goes on, or ends. */
void acme_account_next(struct acme *acme);
void acme_account_no_memory(struct acme *acme);
/* From the store; NULL: nothing is known. */
int acme_account_copy(struct acme *acme, const struct acme_account *account);

/* -- acme_lost.c -- */
struct problem;
/* Whether a refused request has the account looked for anew, by each of our keys, and goes on then.
 */
bool acme_lost_account(struct acme_request *r, const struct problem *problem, int status);
/* Whether it is refused as the account of a key that the CA knows: deactivated, say. Kept in
 * search. */
bool acme_lost_key(struct acme *acme, const struct acme_response *response);
/* The error where no other key has an account. */
void acme_lost_text(const struct acme *acme, char *text, size_t size);

/* -- acme_contact.c -- */
bool acme_contact_is_old(const struct acme *acme);
/* Tells the CA, then goes on with the search. */
void acme_contact_tell(struct acme *acme);
/* Says so where the terms of service are not those that were agreed to. */
void acme_contact_terms(struct acme *acme);

/* -- acme_change.c -- */
void acme_change_cancel(struct acme *acme);

#endif
