/*
 * The signer's keys: read or made at first need, and kept, so that a signature costs
 * nothing but itself.
 */
#ifndef CERTMILL_SIGNER_KEYS_H
#define CERTMILL_SIGNER_KEYS_H

#include <openssl/evp.h>
#include <stdbool.h>

#include "common/err.h"
#include "common/limits.h"
#include "signer/jws.h"
#include "signer/keyfile.h"

struct keys;

struct key {
    char name[KEYFILE_NAME + 1];
    EVP_PKEY *pkey;
    char *jwk; /* canonical */
    char thumbprint[JWS_THUMBPRINT];
};

/* folder_fd is taken over also on error; path is copied. Free with keys_free. */
int keys_new(struct keys **out, int folder_fd, const char *path);
void keys_free(struct keys *keys);

/* The key of that name; type NULL: it has to exist (ERR_NOT_FOUND), else it is made where
 * it does not (*created). ERR_LIMIT beyond LIMIT_KEYS. The key stays keys'. */
int keys_get(struct keys *keys, const char *name, const char *type, const struct key **key,
             bool *created, struct err *err);

/* Names of the keys NAME, NAME-2, NAME-3 ... that the folder has, the highest number first, at most
 * LIMIT_KEY_LIST of them. Returns how many. */
int keys_list(const struct keys *keys, const char *name,
              char list[static LIMIT_KEY_LIST][KEYFILE_NAME + 1], struct err *err);

#endif
