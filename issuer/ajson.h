/*
 * JSON from a CA, by jansson and within bounds: no doubled members, nothing behind the
 * value, LIMIT_JSON_DEPTH levels.
 */
#ifndef CERTMILL_ISSUER_AJSON_H
#define CERTMILL_ISSUER_AJSON_H

#include <jansson.h>
#include <stddef.h>

/* The object in len bytes, or NULL. json_decref frees. */
json_t *ajson_parse(const char *text, size_t len);
/* A member of 1 to max octets, or NULL where it is absent, no string, or longer. Lives as long as
 * object. */
const char *ajson_string(const json_t *object, const char *key, size_t max);
/* Likewise, an https URL (http_url_good). */
const char *ajson_url(const json_t *object, const char *key);

#endif
