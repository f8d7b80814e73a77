/*
 * What must survive: accounts, orders, certificates, reserved generations. An interface of
 * whole operations (no SQL outside store.c), synchronous, durable on return: SQLite in
 * WAL mode, synchronous=FULL, schema versions with migrations. Opened by the issuer only.
 */
#ifndef CERTMILL_ISSUER_STORE_H
#define CERTMILL_ISSUER_STORE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/err.h"
#include "issuer/order.h"

struct store;

/* path: a file in an existing folder; made where missing. ERR_VERSION: written by a newer
 * certmill; ERR_CORRUPT; ERR_BUSY: another process holds it. err says what to do. */
int store_open(struct store **out, const char *path, struct err *err);
/* A store that is not there: each operation fails with the words of why, and ERR_INTERNAL. */
int store_open_lost(struct store **out, const char *path, const struct err *why);
/* Why it is not there, or NULL: it is. */
const char *store_lost(const struct store *store);
void store_close(struct store *store);

/* Several operations in one transaction, so with one fsync: what is called in between is
 * durable only when store_batch_end returned 0, else nothing of it happened. Does not nest. */
int store_batch_begin(struct store *store, struct err *err);
int store_batch_end(struct store *store, struct err *err);
/* Writes the events, and rows of the ledger, that wait for the next durable operation; 0 where
 * there are none. */
int store_flush(struct store *store, struct err *err);

/* -- accounts: one per directory URL -- */
struct acme_account; /* issuer/acme.h */
/* In place of what there is; created (Unix microseconds) only where there is nothing. */
int store_account_put(struct store *store, const char *directory_url,
                      const struct acme_account *account, int64_t now_us, struct err *err);
/* A url that is not known is NULL. */
typedef void store_account_fn(void *arg, const char *directory_url,
                              const struct acme_account *account, int64_t created);
int store_account_get(struct store *store, const char *directory_url, store_account_fn *fn,
                      void *arg, struct err *err); /* ERR_NOT_FOUND */
int store_account_each(struct store *store, store_account_fn *fn, void *arg, struct err *err);

/* -- orders -- */
struct store_order {
    uint64_t id;
    const char *client;  /* who asked, as policy knows it, or "" */
    const char *address; /* from where, or ""; NULL to store: the same */
    int64_t peer_uid;    /* of submit.sock, -1 unknown */
    const char *directory_url;
    const char *names;  /* normal form, divided by "," */
    const uint8_t *csr; /* DER */
    size_t csr_len;
    const char *preferred_chain;                      /* or NULL */
    const char *profile, *replaces;                   /* or NULL */
    const char *challenge;                            /* order_challenge_name */
    const char *state;                                /* order_state_name */
    const char *url, *finalize_url, *certificate_url; /* or NULL */
    const char *failure;                              /* reason, or NULL */
    int64_t created, updated;                         /* Unix microseconds */
};

/* Puts a new order in state "new"; *id is set. */
int store_order_add(struct store *store, const struct store_order *order, uint64_t *id,
                    struct err *err);
int store_order_save(struct store *store, uint64_t id, const struct order_saved *saved,
                     int64_t now_us, struct err *err);
int store_order_fail(struct store *store, uint64_t id, const char *reason, int64_t now_us,
                     struct err *err);

struct store_certificate {
    uint64_t order_id;
    const char *serial;            /* lower-case hex */
    const char *names;             /* divided by "," */
    const char *issuer;            /* RFC 2253 form */
    const char *pem;               /* the whole chain */
    int64_t not_before, not_after; /* Unix seconds */
    int64_t created;               /* Unix microseconds */
    const char *csr_sha256;        /* of the CSR's DER, lower-case hex; NULL to store: not known */
    const char *spki_sha256;       /* of the key, likewise */
    /* only stored: the other chains of the same leaf, NULL-terminated, or NULL; at most
     * LIMIT_ALTERNATES count. Read by store_certificate_chains. */
    const char *const *alternates;
    /* only read: */
    uint64_t id;
    const char *directory_url, *client; /* of its order */
    int64_t revoked;                    /* Unix seconds; 0: it is not */
    int revoked_reason;                 /* RFC 5280 5.3.1 */
    /* Renewal information (issuer/renewal.h), Unix seconds; renew_end 0: no window is known. */
    int64_t renew_start, renew_end, renew_checked, renew_next;
    const char *renew_explanation;         /* URL, or "" */
    const char *preferred_chain, *profile; /* of its order, or NULL */
    const uint8_t *csr;                    /* of its order, DER */
    size_t csr_len;
};

/* One transaction: the certificate is there and the order is "issued". */
int store_order_issue(struct store *store, uint64_t id, const struct store_certificate *cert,
                      struct err *err);

/* One timeline entry of an order: at (Unix microseconds), what happened. Not durable by itself:
 * it goes with the next durable operation, or after a moment. */
int store_event_add(struct store *store, uint64_t order_id, int64_t at_us, const char *text);
typedef void store_event_fn(void *arg, int64_t at_us, const char *text);
int store_event_each(struct store *store, uint64_t order_id, store_event_fn *fn, void *arg,
                     struct err *err);

/* Rows are good within the callback only; a callback must not call the store. */
typedef void store_order_fn(void *arg, const struct store_order *order);
/* Orders in no final state, oldest first: what is to be resumed. */
int store_order_each_open(struct store *store, store_order_fn *fn, void *arg, struct err *err);
/* The newest limit orders, newest first. */
int store_order_each(struct store *store, unsigned limit, store_order_fn *fn, void *arg,
                     struct err *err);
int store_order_get(struct store *store, uint64_t id, store_order_fn *fn, void *arg,
                    struct err *err); /* ERR_NOT_FOUND */
/* Counts by state, indexed by enum order_state. */
int store_order_count(struct store *store, uint64_t counts[static ORDER_STATES], struct err *err);

typedef void store_certificate_fn(void *arg, const struct store_certificate *cert);
/* The newest limit certificates; name (normal form) or NULL for all. */
int store_certificate_each(struct store *store, const char *name, unsigned limit,
                           store_certificate_fn *fn, void *arg, struct err *err);
enum store_key {
    STORE_BY_SERIAL, /* lower-case hex */
    STORE_BY_CSR,    /* csr_sha256 */
    STORE_BY_SPKI,   /* spki_sha256 */
};
/* The newest limit certificates with just this value, newest first; none is no error. */
int store_certificate_find(struct store *store, enum store_key key, const char *value,
                           unsigned limit, store_certificate_fn *fn, void *arg, struct err *err);
/* All chains of a certificate (store_certificate.id), leaf first, the one it was handed out with
 * first: *chains malloc'd with *count texts in it; store_chains_free frees. ERR_NOT_FOUND. */
int store_certificate_chains(struct store *store, uint64_t id, char ***chains, size_t *count,
                             struct err *err);
void store_chains_free(char **chains, size_t count);
/* The newest certificate of an order; ERR_NOT_FOUND. */
int store_certificate_of(struct store *store, uint64_t order_id, store_certificate_fn *fn,
                         void *arg, struct err *err);

/* What the CA said about a certificate's renewal, or (end 0) when it is to be asked again. */
struct renewal_window;
int store_certificate_renewal(struct store *store, uint64_t certificate_id,
                              const struct renewal_window *window, struct err *err);
/* The CA has revoked it, at a time in Unix seconds; of several the first holds. */
int store_certificate_revoked(struct store *store, uint64_t certificate_id, int64_t at, int reason,
                              struct err *err);

/* -- what ends, and what is old -- */
struct store_ending {
    uint64_t id; /* store_certificate.id */
    int64_t not_before, not_after;
    int told; /* how far it was told of */
};
typedef void store_ending_fn(void *arg, const struct store_ending *ending);
/* The next limit certificates behind cursor, by their ends; cursor is the last one then. Returns
 * how many. */
int store_ending_each(struct store *store, struct store_ending *cursor, unsigned limit,
                      store_ending_fn *fn, void *arg, struct err *err);
int store_ending_told(struct store *store, uint64_t id, int told, struct err *err);
/* Whether each of the names has a certificate that is newer than this one: 1, 0, or an error. */
int store_is_replaced(struct store *store, uint64_t id, const char *names, struct err *err);
int store_certificate_get(struct store *store, uint64_t id, store_certificate_fn *fn, void *arg,
                          struct err *err); /* ERR_NOT_FOUND */
/* Removes timelines' lines from before then, of the limit oldest; how many. */
int store_events_prune(struct store *store, int64_t before_us, unsigned limit, struct err *err);

/* -- copies -- */
struct store_backup;
/* Begins a copy into path, which is made anew; what is written meanwhile goes along. The store
 * outlives it. */
int store_backup_start(struct store_backup **out, struct store *store, const char *path,
                       struct err *err);
/* At most so many pages of it: 1 there is more, 0 it is whole (but not synced), else an error. */
int store_backup_step(struct store_backup *backup, int pages, struct err *err);
void store_backup_free(struct store_backup *backup);
/* Judges a store that nobody has open, without changing it: a sentence to out, or ERR_CORRUPT,
 * ERR_VERSION, ERR_BUSY. */
int store_check(const char *path, FILE *out, struct err *err);

/* -- generations of the zone image -- */
/* The first generation not yet promised, and the promise that all below limit may be used. */
int store_generation_get(struct store *store, uint64_t *first, struct err *err);
int store_generation_reserve(struct store *store, uint64_t limit, struct err *err);

#endif
