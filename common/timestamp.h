/*
 * Points in time as text (RFC 3339 5.6).
 */
#ifndef CERTMILL_COMMON_TIMESTAMP_H
#define CERTMILL_COMMON_TIMESTAMP_H

#include <stdbool.h>
#include <stdint.h>

#define TIMESTAMP_SIZE 32 /* "9999-12-31T23:59:59Z" and its NUL, with room */

/* Reads a timestamp with any fraction (cut off behind a microsecond) and offset into Unix
 * microseconds; a leap second is the second after it. False where text is NULL or none. */
bool timestamp_parse(int64_t *micros, const char *text);

/* "2026-11-21T01:46:18Z" for seconds since 1970; years before 1 and after 9999 become the
 * nearest that can be written. Returns dst. */
const char *timestamp_format(char dst[static TIMESTAMP_SIZE], int64_t seconds);

#endif
