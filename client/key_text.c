#include "client/key_text.h"

#include <stdbool.h>
#include <string.h>

#include "client/key.h"

#define BEGIN "-----BEGIN "
#define END   "-----END "
#define DASH  "-----"

/* What a file is seen to hold. */
struct contents {
    struct key_text key;
    size_t keys;
    bool cut, certificate, public_key, request, parameters;
};

static const char *find(const char *text, const char *end, const char *what)
{
    return memmem(text, (size_t)(end - text), what, strlen(what));
}

static bool ends_with(const char *label, size_t len, const char *tail)
{
    size_t n = strlen(tail);
    return len >= n && memcmp(label + len - n, tail, n) == 0;
}

/* The octet behind the line that p is in. */
static const char *next_line(const char *p, const char *end)
{
    const char *newline = memchr(p, '\n', (size_t)(end - p));
    return newline != NULL ? newline + 1 : end;
}

/* One block, whose BEGIN stands at start; returns where to go on. */
static const char *take(struct contents *c, const char *start, const char *end)
{
    const char *label = start + strlen(BEGIN), *dash = find(label, end, DASH);
    if (dash == NULL || (size_t)(dash - label) > 64 ||
        memchr(label, '\n', (size_t)(dash - label)) != NULL) {
        c->cut = true;
        return end;
    }
    size_t len = (size_t)(dash - label);
    bool private = ends_with(label, len, "PRIVATE KEY");
    const char *stop = find(dash, end, END), *next = find(dash, end, BEGIN);
    if (stop == NULL || (next != NULL && next < stop)) {
        c->cut = c->cut || private;
        return next != NULL ? next : end;
    }
    stop = next_line(stop, end);
    if (private) {
        c->keys++;
        c->key = (struct key_text){.start = start, .len = (size_t)(stop - start)};
    }
    c->certificate = c->certificate || ends_with(label, len, "CERTIFICATE");
    c->public_key = c->public_key || ends_with(label, len, "PUBLIC KEY");
    c->request = c->request || ends_with(label, len, "CERTIFICATE REQUEST");
    c->parameters = c->parameters || ends_with(label, len, "PARAMETERS");
    return stop;
}

/* Why there is no key to be had. */
static const char *fault(const struct contents *c, const char *text, size_t len)
{
    if (c->keys > 1) {
        return "there are several private keys in it: leave the one that is in use";
    }
    if (c->cut) {
        return "the private key in it has no end, the file was cut off: put it back from a "
               "backup, or move it away, and a new one is made";
    }
    if (c->certificate || c->public_key || c->request || c->parameters) {
        return c->certificate
                   ? "there is a certificate in it, and no private key: put the key there"
               : c->public_key ? "there is a public key in it, and no private one: put that there"
               : c->request
                   ? "there is a CSR in it, and no private key: put the key there"
                   : "there are only parameters in it, and no private key: put the key there";
    }
    if (len > 1 && text[0] == '\x30') { /* ASN.1 SEQUENCE */
        return "the key is in DER form, not PEM: convert it with openssl pkey -inform DER -in "
               "FILE -out NEW";
    }
    return "there is no private key in PEM form in it: put the key back from a backup, or move "
           "the file away, and a new one is made";
}

int key_text_find(struct key_text *out, const char *text, size_t len, struct err *err)
{
    struct contents c = {0};
    const char *end = text + len;
    *out = (struct key_text){0};
    if (len > KEY_FILE_MAX) {
        return err_set(err, ERR_LIMIT, "it is larger than any key: %zu octets", len);
    }
    if (len == 0) {
        return err_set(err, ERR_MALFORMED,
                       "it is empty: put the key back from a backup, or remove the file, and a "
                       "new one is made");
    }
    for (const char *p = text; (p = find(p, end, BEGIN)) != NULL;) {
        p = take(&c, p, end);
    }
    if (c.keys != 1 || c.cut) {
        return err_set(err, ERR_MALFORMED, "%s", fault(&c, text, len));
    }
    *out = c.key;
    return 0;
}
