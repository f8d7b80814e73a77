/*
 * A certificate that somebody names or hands in, found again among those that were issued here.
 * What was not issued here is nobody's business: no CA, no responder is asked about it.
 */
#ifndef CERTMILL_ISSUER_ISSUED_H
#define CERTMILL_ISSUER_ISSUED_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/server_conf.h"
#include "issuer/renewal.h"
#include "issuer/store.h"

/* Strings are owned; issued_clear frees them. */
struct issued {
    uint64_t id, order_id; /* of the store's row */
    char *serial, *names;  /* names divided by "," */
    char *directory_url;
    char *pem; /* the chain as it was issued */
    int64_t not_after, revoked;
    int revoked_reason;
    struct renewal_window window; /* end 0: none is known */
    bool outdated;                /* the CA is to be asked about its renewal */
};

/* By the first certificate of a PEM chain, to the last octet. ERR_NOT_FOUND where it was not issued
 * here, ERR_MALFORMED, ERR_LIMIT. now: Unix seconds. */
int issued_find(struct issued *out, struct store *store, const char *pem, size_t len, int64_t now,
                struct err *err);
/* By its serial number, hexadecimal digits of either case with or without colons. ERR_MALFORMED,
 * ERR_NOT_FOUND; ERR_EXISTS where two CAs have used the same. */
int issued_by_serial(struct issued *out, struct store *store, const char *serial, int64_t now,
                     struct err *err);
void issued_clear(struct issued *issued);

/* Whether a client may have all its names: one of the configuration, or (client NULL) one with
 * these domain sets. ERR_POLICY. */
int issued_permit(const struct issued *issued, const struct server_conf_client *client,
                  const char *domains, struct err *err);

#endif
