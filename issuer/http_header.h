/*
 * What we read out of an answer's header fields, line by line (RFC 9110 5, RFC 8288
 * Link, RFC 8555 6.5.1 Replay-Nonce). Pure; the lines are hostile.
 */
#ifndef CERTMILL_ISSUER_HTTP_HEADER_H
#define CERTMILL_ISSUER_HTTP_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"

struct http_fields {
    char nonce[LIMIT_NONCE + 1]; /* "" where absent or not base64url */
    char content_type[64];       /* without parameters, lower case */
    char *location;              /* absolute https URL, or NULL */
    int64_t retry_after_ms;      /* -1: none */
    int64_t retry_date, date; /* Retry-After as a date, and the CA's own; Unix seconds, 0: none */
    char *alternates[LIMIT_ALTERNATES];
    size_t alternate_count;
    size_t bytes; /* of all lines so far */
};

void http_fields_init(struct http_fields *fields);
void http_fields_clear(struct http_fields *fields);

/* One line as it came, with its CRLF or without. A status line starts the fields anew (after 1xx
 * and redirects). now: Unix seconds, for a Retry-After that is a date where the answer has no Date
 * (RFC 9110 6.6.1): where it has, what matters is how long after it, whatever our clock says.
 * Unknown and malformed fields are ignored. ERR_LIMIT past LIMIT_HTTP_HEADER bytes, -ENOMEM. */
int http_fields_line(struct http_fields *fields, const char *line, size_t len, int64_t now);

/* The same with http instead of https. */
bool http_url_plain(const char *url, size_t len);
/* An absolute https URL of printable ASCII with a host, at most LIMIT_URL octets. */
bool http_url_good(const char *url, size_t len);
/* 1 to LIMIT_NONCE characters of base64url (RFC 8555 6.5.1). */
bool http_nonce_good(const char *nonce, size_t len);

#endif
