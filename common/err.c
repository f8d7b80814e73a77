#include "common/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/libc.h"

static const char *const names[] = {
    "malformed input",
    "limit exceeded",
    "value out of range",
    "unknown word",
    "not found",
    "already exists",
    "made by another version",
    "corrupt data",
    "refused by policy",
    "refused by the CA",
    "not available",
    "timed out",
    "cancelled",
    "cryptographic failure",
    "unsafe permissions",
    "protocol broken",
    "in use",
    "internal error",
    "to be tried later",
};

_Static_assert(sizeof(names) / sizeof(names[0]) == (size_t)ERR_MALFORMED - (size_t)ERR_LATER + 1,
               "a name for each code");

const char *err_string(int code)
{
    const char *name = NULL;

    if (code == 0) {
        return "success";
    }
    if (code <= ERR_MALFORMED && code >= ERR_LATER) {
        return names[ERR_MALFORMED - code];
    }
    if (code < 0 && code >= -4095) {
        name = libc_errno_text(-code);
    }
    return name != NULL ? name : "unknown error";
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
    va_list ap;

    if (err == NULL) {
        return code;
    }
    err->code = code;
    va_start(ap, fmt);
    if (vsnprintf(err->text, sizeof(err->text), fmt, ap) < 0) {
        err->text[0] = '\0';
    }
    va_end(ap);
    return code;
}

int err_prefix(struct err *err, const char *fmt, ...)
{
    char prefix[sizeof(err->text)], rest[sizeof(err->text)];
    va_list ap;
    size_t n;

    if (err == NULL) {
        return ERR_INTERNAL;
    }
    va_start(ap, fmt);
    if (vsnprintf(prefix, sizeof(prefix), fmt, ap) < 0) {
        prefix[0] = '\0';
    }
    va_end(ap);
    snprintf(rest, sizeof(rest), "%s", err->text[0] != '\0' ? err->text : err_string(err->code));
    n = (size_t)snprintf(err->text, sizeof(err->text), "%s: ", prefix);
    if (n < sizeof(err->text)) {
        snprintf(err->text + n, sizeof(err->text) - n, "%s", rest);
    }
    return err->code;
}
