/*
 * Kinds of account key, by the words that configuration and protocol have for them.
 */
#ifndef CERTMILL_COMMON_KEYTYPE_H
#define CERTMILL_COMMON_KEYTYPE_H

/* NULL-terminated. */
extern const char *const keytype_words[];

#endif
