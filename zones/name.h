/*
 * Owner names in wire format (RFC 1035 3.1): length-prefixed labels, ended by the
 * root's zero octet, at most 255 octets. Comparison ignores ASCII case (RFC 4343).
 */
#ifndef CERTMILL_ZONES_NAME_H
#define CERTMILL_ZONES_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/limits.h"

/* Parses presentation form (RFC 1035 5.1: \DDD and \X escapes; a last dot is optional)
 * into dst. Returns the wire length, or ERR_MALFORMED / ERR_LIMIT. */
int name_from_text(uint8_t dst[static LIMIT_NAME_WIRE], const char *text);

/* Presentation form without last dot ("." for the root); dst always terminated. */
void name_to_text(char dst[static LIMIT_NAME_TEXT], const uint8_t *name);

/* Length of an uncompressed name within len bytes, or ERR_MALFORMED (a pointer, an
 * over-long label or name, the end of the bytes). */
int name_measure(const uint8_t *wire, size_t len);

/* Length of a valid name; number of labels without the root. */
size_t name_len(const uint8_t *name);
unsigned name_labels(const uint8_t *name);

/* Copies name in lower case; returns its length. dst may be name. */
size_t name_lower(uint8_t *dst, const uint8_t *name);

bool name_equal(const uint8_t *a, const uint8_t *b);
/* Whether name is apex or below it. */
bool name_within(const uint8_t *name, const uint8_t *apex);
/* name without its first label; the root has no parent (NULL). */
const uint8_t *name_parent(const uint8_t *name);

/* A key whose bytewise order (memcmp, shorter first on a tie) is the canonical order of
 * RFC 4034 6.1. Returns its length, at most NAME_KEY_MAX. */
#define NAME_KEY_MAX (2 * LIMIT_NAME_WIRE)
size_t name_key(uint8_t dst[static NAME_KEY_MAX], const uint8_t *name);

#endif
