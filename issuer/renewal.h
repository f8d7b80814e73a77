/*
 * Renewal information (RFC 9773): when the CA wants a certificate renewed. Asked for of the CA that
 * issued it, kept in the store, asked for again after Retry-After.
 */
#ifndef CERTMILL_ISSUER_RENEWAL_H
#define CERTMILL_ISSUER_RENEWAL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/limits.h"
#include "common/log.h"

/* base64url(authority key identifier) "." base64url(serial), RFC 9773 4.1, of the first certificate
 * of a PEM chain. ERR_NOT_FOUND where it has no authority key identifier. */
int renewal_cert_id(char dst[static LIMIT_CERT_ID], const char *pem, size_t len, struct err *err);

struct renewal_window {
    int64_t start, end;          /* Unix seconds */
    int64_t checked;             /* when it was asked for */
    int64_t next;                /* not to be asked for before */
    char explanation[LIMIT_URL]; /* URL, or "" */
};

/* Seconds until the CA may be asked again: within a minute and a day, RENEWAL_INTERVAL where it did
 * not say (-1) (RFC 9773 4.3.2, 4.3.3). */
#define RENEWAL_INTERVAL 21600
int64_t renewal_wait(int64_t retry_after_ms);

/* An answer's body; now and retry_after_ms (-1: none) give next, within a minute and a day
 * (RFC 9773 4.3.2). Timestamps with any fraction and offset (RFC 3339 5.6). ERR_MALFORMED, also for
 * a window that ends before it starts (RFC 9773 4.2). */
int renewal_parse(struct renewal_window *out, const char *body, size_t len, int64_t now,
                  int64_t retry_after_ms, struct err *err);

/* From which moment on a certificate of the store is to be renewed: one within its window, the same
 * each time, spread evenly over certificates (RFC 9773 4.2). Unix seconds; 0: no window is known.
 * A revoked certificate is to be renewed at once (1). */
struct store_certificate;
int64_t renewal_moment(const struct store_certificate *cert);
/* Whether the CA is to be asked (again) about a certificate of the store. A clock that was set back
 * does not put that off by more than a day. */
bool renewal_outdated(const struct store_certificate *cert, int64_t now);

struct desk;
struct renewal;
struct store;

struct renewal_options {
    struct log *log;
    const struct clock *clock;
    struct store *store;
    struct desk *desk; /* whose CA is asked */
};
int renewal_new(struct renewal **out, const struct renewal_options *options);
void renewal_free(struct renewal *renewal);

/* From the loop, later or at once. error 0: window. ERR_NOT_FOUND: this CA has no renewal
 * information. renewal_get fails with ERR_BUSY past LIMIT_RENEWALS, and calls nobody back then. */
typedef void renewal_fn(void *arg, int error, const char *text,
                        const struct renewal_window *window);
int renewal_get(struct renewal *renewal, const char *chain_pem, size_t len, renewal_fn *fn,
                void *arg, struct err *err);
/* Asks the CA if it is time to, for the next who wants to know. */
void renewal_refresh(struct renewal *renewal, const char *chain_pem);

#endif
