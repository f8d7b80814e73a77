/*
 * Public keys that were in use or staged once, so that their TLSA records can be named as stale:
 * .certmill/NAME.TYPE/history, lines of text, the oldest first:
 *
 *   certmill keys 1
 *   1795225578 replaced 3076301006072a8648ce3d0201...
 *
 * when it ended (seconds since 1970), why, SubjectPublicKeyInfo. Without private parts.
 */
#ifndef CERTMILL_CLIENT_KEYHISTORY_H
#define CERTMILL_CLIENT_KEYHISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "client/files.h"
#include "common/err.h"

enum keyhistory_why {
    KEYHISTORY_REPLACED,  /* was in use, until another was activated */
    KEYHISTORY_ABANDONED, /* was staged, and never came in use */
    KEYHISTORY_WHYS,
};

struct keyhistory_key {
    int64_t ended; /* seconds since 1970 */
    enum keyhistory_why why;
    uint8_t *spki; /* DER */
    size_t len;
};

struct keyhistory {
    struct keyhistory_key keys[LIMIT_KEY_HISTORY];
    size_t count;
};

/* Reads the text. ERR_MALFORMED (with the line), ERR_LIMIT, ERR_VERSION, -ENOMEM.
 * keyhistory_clear frees. */
int keyhistory_parse(struct keyhistory *out, const char *text, size_t len, struct err *err);
void keyhistory_clear(struct keyhistory *history);

/* The text, malloc'd; NULL: out of memory. */
char *keyhistory_text(const struct keyhistory *history, size_t *len);

/* Puts a key behind the others. One that is there already moves there; the oldest makes room.
 * -ENOMEM, ERR_RANGE where it is longer than a key can be. */
int keyhistory_put(struct keyhistory *history, int64_t ended, enum keyhistory_why why,
                   const uint8_t *spki, size_t len);

/* Reads the file of a set and type of key; without a file there are none. err names the file. */
int keyhistory_read(struct keyhistory *out, const struct files *files, struct err *err);

/* Adds a key to the file, for good; after install_prepare, and under the set's lock. A history that
 * cannot be read any more is an error, and stays. */
int keyhistory_add(const struct files *files, int64_t ended, enum keyhistory_why why,
                   const uint8_t *spki, size_t len, struct err *err);

/* "replaced", "abandoned" */
const char *keyhistory_why_name(enum keyhistory_why why);

#endif
