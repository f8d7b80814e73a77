/*
 * One domain name to its normal form. ASCII names go by our own rules (letters, digits and
 * hyphens, RFC 1123 2.1); libidn2 sees only names with characters beyond ASCII or with
 * A-labels, and what it gives goes through the same rules again.
 */
#include <idn2.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "common/domainset.h"
#include "common/limits.h"
#include "common/log_line.h"

/* A U-label octet becomes less than four octets at most; more cannot give a name of 253. */
#define INPUT_MAX (4ul * (LIMIT_DOMAIN_TEXT + 1))

_Static_assert(LIMIT_DOMAIN_TEXT + 1 == 254, "dst of domain_normalize");

static int refuse(struct err *err, const char *name, const char *why)
{
    char shown[LIMIT_DOMAIN_TEXT + 32];
    struct log_line line;

    log_line_begin(&line, shown, sizeof(shown), 1);
    log_line_raw(&line, "'");
    log_line_text(&line, name);
    log_line_end(&line, "'");
    return err_set(err, ERR_MALFORMED, "%s is not a domain name: %s", shown, why);
}

static bool needs_idn(const char *name)
{
    for (const char *p = name; *p != '\0'; p++) {
        if ((unsigned char)*p >= 0x80 ||
            ((p == name || p[-1] == '.') && strncasecmp(p, "xn--", 4) == 0)) {
            return true;
        }
    }
    return false;
}

static bool is_label_character(char c, bool underscore)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || (c == '_' && underscore);
}

static const char *label_fault(const char *label, size_t len, bool underscore)
{
    if (len == 0) {
        return "a label is empty";
    }
    if (len > LIMIT_LABEL) {
        return "a label is longer than 63 octets";
    }
    for (size_t i = 0; i < len; i++) {
        if (label[i] == '*') {
            return "an asterisk may stand only alone as the first label";
        }
        if (label[i] == ':') {
            return "it looks like an address, or has a port";
        }
        if (!is_label_character(label[i], underscore)) {
            return "a character that no name here may hold";
        }
    }
    if (label[0] == '-' || label[len - 1] == '-') {
        return "a label begins or ends with a hyphen";
    }
    return NULL;
}

/* name in lower-case ASCII, without the last dot and without `*.` */
static const char *name_fault(const char *name, bool underscore)
{
    const char *label = name, *fault;
    size_t len;

    for (;;) {
        len = strcspn(label, ".");
        if ((fault = label_fault(label, len, underscore)) != NULL) {
            return fault;
        }
        if (label[len] == '\0') {
            break;
        }
        label += len + 1;
    }
    /* RFC 3696 2: a top-level label of digits only would make it an address */
    return strspn(label, "0123456789") == len ? "it is an address" : NULL;
}

/* Copies in lower case; false where it does not fit into cap with its NUL. */
static bool copy_lower(char *dst, size_t cap, const char *src)
{
    size_t len = strlen(src);

    if (len >= cap) {
        return false;
    }
    for (size_t i = 0; i <= len; i++) {
        dst[i] = src[i] >= 'A' && src[i] <= 'Z' ? (char)(src[i] + ('a' - 'A')) : src[i];
    }
    return true;
}

/* To A-labels, into dst[cap]. NULL or what is wrong. */
static const char *to_ascii(char *dst, size_t cap, const char *name)
{
    uint8_t *ascii = NULL;
    bool fits;
    int ret;

    if (!needs_idn(name)) {
        return copy_lower(dst, cap, name) ? NULL : "it is longer than 253 octets";
    }
    ret = idn2_lookup_u8((const uint8_t *)name, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (ret != IDN2_OK) {
        return idn2_strerror(ret);
    }
    fits = copy_lower(dst, cap, (const char *)ascii);
    idn2_free(ascii);
    return fits ? NULL : "it is longer than 253 octets";
}

static int normalize(char dst[static LIMIT_DOMAIN_TEXT + 1], const char *name, bool owner,
                     struct err *err)
{
    bool wildcard = !owner && name[0] == '*' && name[1] == '.';
    const char *rest = wildcard ? name + 2 : name, *fault;
    /* with the last dot that may follow */
    char ascii[LIMIT_DOMAIN_TEXT + 2] = "";
    size_t len;

    if (rest[0] == '\0') {
        return refuse(err, name, "it is empty");
    }
    if (strlen(rest) > INPUT_MAX) {
        return refuse(err, name, "it is longer than 253 octets");
    }
    if ((fault = to_ascii(ascii, sizeof(ascii), rest)) != NULL) {
        return refuse(err, name, fault);
    }
    len = strlen(ascii);
    if (len > 1 && ascii[len - 1] == '.') {
        ascii[--len] = '\0';
    }
    if (len + (wildcard ? 2 : 0) > LIMIT_DOMAIN_TEXT) {
        return refuse(err, name, "it is longer than 253 octets");
    }
    if ((fault = name_fault(ascii, owner)) != NULL) {
        return refuse(err, name, fault);
    }
    if (wildcard) {
        *dst++ = '*';
        *dst++ = '.';
    }
    memcpy(dst, ascii, len + 1);
    return 0;
}

int domain_normalize(char dst[static LIMIT_DOMAIN_TEXT + 1], const char *name, struct err *err)
{
    return normalize(dst, name, false, err);
}

int domain_normalize_owner(char dst[static LIMIT_DOMAIN_TEXT + 1], const char *name,
                           struct err *err)
{
    return normalize(dst, name, true, err);
}
