/*
 * When a certificate is to be renewed. Pure: no clock, no files.
 */
#ifndef CERTMILL_CLIENT_DUE_H
#define CERTMILL_CLIENT_DUE_H

#include <stdbool.h>
#include <stdint.h>

enum due_by { DUE_BY_CA, DUE_BY_THIRD, DUE_BY_DAYS };

/* When, and who says so. */
struct state_due {
    enum due_by by;
    int64_t at; /* seconds since 1970 */
};

struct due_wish {
    int64_t not_before, not_after; /* seconds since 1970 */
    int64_t threshold_days;        /* cert-renew-threshold-days; 0: not set */
    bool window;                   /* the CA suggests one (RFC 9773 4.1): start to end */
    int64_t start, end;
    uint8_t digest[32]; /* SHA-256 of the certificate */
};

/* The configured number of days before the end wins; else a moment of the CA's window, uniform over
 * all certificates and always the same for one (RFC 9773 4.2 wants a random one; drawn anew at
 * each run the earliest of them would win); else when a third of the lifetime is left. A window
 * that is empty or begins after the certificate's end is none; one that ends after it is cut. */
struct state_due due_when(const struct due_wish *wish);

/* "ca", "third", "days": for JSON. */
const char *due_by_name(enum due_by by);

#endif
