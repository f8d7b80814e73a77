/*
 * Account keys as files: NAME.pem (PKCS#8, RFC 5958) in the folder of the signer's keys.
 */
#ifndef CERTMILL_SIGNER_KEYFILE_H
#define CERTMILL_SIGNER_KEYFILE_H

#include <openssl/evp.h>
#include <stdbool.h>

#include "common/err.h"

#define KEYFILE_NAME 64 /* characters of a key's name */

struct keyfile_folder {
    int fd;           /* of the folder, for openat(2) */
    const char *path; /* for messages */
};

/* [a-z0-9-]{1,64} */
bool keyfile_name_ok(const char *name);

/* Reads NAME.pem. -ENOENT where there is none; ERR_PERMISSION where group or others may
 * touch it, it belongs to another user or is a symbolic link; ERR_CORRUPT where it is
 * not a whole private key. Free with EVP_PKEY_free. */
int keyfile_load(const struct keyfile_folder *folder, const char *name, EVP_PKEY **key,
                 struct err *err);

/* Makes a key of the given type (common/ipc.h) and writes NAME.pem, mode 0600, whole or not
 * at all; one that is there is overwritten, so ask keyfile_load first. ERR_UNKNOWN for
 * another type. */
int keyfile_create(const struct keyfile_folder *folder, const char *name, const char *type,
                   EVP_PKEY **key, struct err *err);

#endif
