#include "zones/name.h"

#include <string.h>

static uint8_t lower_octet(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads one octet of a label, perhaps escaped; *text is moved behind it. */
static int read_octet(const char **text, uint8_t *octet)
{
    const char *p = *text;

    if (*p != '\\') {
        *octet = (uint8_t)*p;
        *text = p + 1;
        return 0;
    }
    p++;
    if (*p == '\0') {
        return ERR_MALFORMED;
    }
    if (!is_digit(*p)) {
        *octet = (uint8_t)*p;
        *text = p + 1;
        return 0;
    }
    if (!is_digit(p[1]) || !is_digit(p[2])) {
        return ERR_MALFORMED;
    }
    int value = (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
    if (value > 255) {
        return ERR_MALFORMED;
    }
    *octet = (uint8_t)value;
    *text = p + 3;
    return 0;
}

int name_from_text(uint8_t dst[static LIMIT_NAME_WIRE], const char *text)
{
    size_t label = 0, pos = 1; /* of the label's length octet; of the next octet */

    if (text[0] == '.' && text[1] == '\0') {
        dst[0] = 0;
        return 1;
    }
    while (*text != '\0') {
        if (*text == '.') {
            if (pos == label + 1) {
                return ERR_MALFORMED;
            }
            dst[label] = (uint8_t)(pos - label - 1);
            label = pos++;
            text++;
            continue;
        }
        /* The root's octet has to fit as well. */
        if (pos - label > LIMIT_LABEL || pos >= LIMIT_NAME_WIRE - 1) {
            return ERR_LIMIT;
        }
        if (read_octet(&text, &dst[pos]) < 0) {
            return ERR_MALFORMED;
        }
        pos++;
    }
    if (pos > label + 1) {
        dst[label] = (uint8_t)(pos - label - 1);
        label = pos;
    } else if (label == 0) {
        return ERR_MALFORMED;
    }
    dst[label] = 0;
    return (int)label + 1;
}

static char *write_octet(char *out, uint8_t c)
{
    if (c <= 0x20 || c >= 0x7f) {
        *out++ = '\\';
        *out++ = (char)('0' + c / 100);
        *out++ = (char)('0' + c / 10 % 10);
        *out++ = (char)('0' + c % 10);
        return out;
    }
    if (strchr(".\\\"();@$", c) != NULL) {
        *out++ = '\\';
    }
    *out++ = (char)c;
    return out;
}

void name_to_text(char dst[static LIMIT_NAME_TEXT], const uint8_t *name)
{
    char *out = dst;

    if (*name == 0) {
        *out++ = '.';
    }
    while (*name != 0) {
        const uint8_t *end = name + 1 + *name;
        for (name++; name < end; name++) {
            out = write_octet(out, *name);
        }
        if (*name != 0) {
            *out++ = '.';
        }
    }
    *out = '\0';
}

int name_measure(const uint8_t *wire, size_t len)
{
    size_t pos = 0;

    if (len > LIMIT_NAME_WIRE) {
        len = LIMIT_NAME_WIRE;
    }
    while (pos < len) {
        uint8_t label = wire[pos++];
        if (label == 0) {
            return (int)pos;
        }
        if (label > LIMIT_LABEL || label > len - pos) {
            return ERR_MALFORMED;
        }
        pos += label;
    }
    return ERR_MALFORMED;
}

size_t name_len(const uint8_t *name)
{
    const uint8_t *p = name;

    while (*p != 0) {
        p += 1 + *p;
    }
    return (size_t)(p - name) + 1;
}

unsigned name_labels(const uint8_t *name)
{
    unsigned labels = 0;

    for (; *name != 0; name += 1 + *name) {
        labels++;
    }
    return labels;
}

size_t name_lower(uint8_t *dst, const uint8_t *name)
{
    size_t len = name_len(name);

    /* Length octets are below 64 and so below 'A': they stay as they are. */
    for (size_t i = 0; i < len; i++) {
        dst[i] = lower_octet(name[i]);
    }
    return len;
}

static bool octets_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (lower_octet(a[i]) != lower_octet(b[i])) {
            return false;
        }
    }
    return true;
}

bool name_equal(const uint8_t *a, const uint8_t *b)
{
    size_t len = name_len(a);

    return len == name_len(b) && octets_equal(a, b, len);
}

bool name_within(const uint8_t *name, const uint8_t *apex)
{
    size_t len = name_len(name), apex_len = name_len(apex);

    while (len > apex_len) {
        len -= 1u + *name;
        name += 1 + *name;
    }
    return len == apex_len && octets_equal(name, apex, apex_len);
}

const uint8_t *name_parent(const uint8_t *name)
{
    return *name == 0 ? NULL : name + 1 + *name;
}

/*
 * The labels from the last to the first, in lower case, each ended by 0. Within a label
 * 0 and 1 become 1,1 and 1,2, so that a label that is the beginning of another sorts
 * before it, as an absent octet sorts before any octet.
 */
size_t name_key(uint8_t dst[static NAME_KEY_MAX], const uint8_t *name)
{
    const uint8_t *labels[LIMIT_NAME_LABELS];
    size_t count = 0, n = 0;

    for (; *name != 0; name += 1 + *name) {
        labels[count++] = name;
    }
    while (count > 0) {
        const uint8_t *label = labels[--count];
        for (unsigned i = 1; i <= label[0]; i++) {
            uint8_t c = lower_octet(label[i]);
            if (c <= 1) {
                dst[n++] = 1;
                c++;
            }
            dst[n++] = c;
        }
        dst[n++] = 0;
    }
    return n;
}
