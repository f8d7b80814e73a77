/*
 * The contents of a copy. Private to client/copies.
 */
#ifndef CERTMILL_CLIENT_COPIES_FORM_H
#define CERTMILL_CLIENT_COPIES_FORM_H

#include <stdbool.h>

#include "client/chain.h"
#include "client/files.h"
#include "client/key.h"
#include "client/settings.h"
#include "common/err.h"

#define COPIES_MAX (1u << 20) /* octets; a chain and a key in PEM have 320 KiB at most */

struct copies_form {
    const struct settings_copy *row;
    const struct files *files;
    const struct key *key;
    const struct chain *chain;
};

/* The password of a row of form pkcs12, "" where it has no file; copies_wipe it. ERR_PERMISSION
 * where others may read the file or group members change it, ERR_MALFORMED, -errno. */
int copies_password(char **password, const struct settings_copy *row, struct err *err);

/* What the copy shall hold, malloc'd; copies_wipe it. -ENOMEM, ERR_CRYPTO, and those of
 * copies_password. */
int copies_make(const struct copies_form *form, char **data, size_t *len, struct err *err);

/* Whether that is what it holds already. A PKCS#12 file is never made the same twice, so its
 * contents count. */
bool copies_same(const struct copies_form *form, const char *old, size_t old_len, const char *data,
                 size_t len);

void copies_wipe(char *data, size_t len);

#endif
