/* LDAP's StartTLS (RFC 4511 4.14): one message each way, in BER. */
#include <stdio.h>
#include <string.h>

#include "client/starttls_impl.h"

#define OID "1.3.6.1.4.1.1466.20037"

enum {
    INTEGER = 0x02,
    OCTETS = 0x04,
    ENUMERATED = 0x0a,
    SEQUENCE = 0x30,
    EXTENDED_REQUEST = 0x77,
    EXTENDED_RESPONSE = 0x78,
    REQUEST_NAME = 0x80,
};

void starttls_ldap_begin(struct starttls *s)
{
    const uint8_t name = sizeof(OID) - 1;
    const uint8_t head[] = {SEQUENCE,         name + 7, INTEGER,      1,   1,
                            EXTENDED_REQUEST, name + 2, REQUEST_NAME, name};
    memcpy(s->out, head, sizeof(head));
    memcpy(s->out + sizeof(head), OID, sizeof(OID));
    s->out_len = sizeof(head) + name;
}

struct element {
    uint8_t tag;
    const uint8_t *data;
    size_t len;
};

/* Reads the head of an element at the start of len octets: its own length goes to *head. 0, or
 * -1 where there is none, or not all of it. */
static int read_head(struct element *e, size_t *head, const uint8_t *p, size_t len)
{
    if (len < 2 || (p[0] & 0x1f) == 0x1f) {
        return -1;
    }
    e->tag = p[0];
    e->len = p[1];
    *head = 2;
    if (p[1] >= 0x80) {
        size_t octets = p[1] & 0x7fu;
        if (octets == 0 || octets > 4 || octets > len - 2) {
            return -1;
        }
        e->len = 0;
        for (size_t i = 0; i < octets; i++) {
            e->len = e->len << 8 | p[2 + i];
        }
        *head += octets;
    }
    e->data = p + *head;
    return 0;
}

static bool take(struct element *e, uint8_t tag, const uint8_t **p, size_t *len)
{
    size_t head;
    if (read_head(e, &head, *p, *len) < 0 || e->tag != tag || e->len > *len - head) {
        return false;
    }
    *p += head + e->len;
    *len -= head + e->len;
    return true;
}

int starttls_ldap_piece(const struct starttls *s, struct err *err)
{
    struct element e;
    size_t head;
    if (s->len > 0 && s->in[0] != SEQUENCE) {
        return starttls_refuse(err, ERR_PROTOCOL, "this is not LDAP", s->in, s->len);
    }
    if (read_head(&e, &head, s->in, s->len) < 0) {
        return s->len < 6 ? 0 : err_set(err, ERR_PROTOCOL, "the server's LDAP message is broken");
    }
    if (e.len > sizeof(s->in) - head) {
        return err_set(err, ERR_LIMIT, "the server's LDAP message has more than %u octets",
                       LIMIT_STARTTLS);
    }
    return e.len > s->len - head ? 0 : (int)(head + e.len);
}

int starttls_ldap(struct starttls *s, const uint8_t *message, size_t len, struct err *err)
{
    struct element all, id, response, code, matched, text;
    (void)s;
    const uint8_t *p = message;
    if (!take(&all, SEQUENCE, &p, &len)) {
        return err_set(err, ERR_PROTOCOL, "the server's LDAP message is broken");
    }
    p = all.data;
    len = all.len;
    if (!take(&id, INTEGER, &p, &len) || id.len != 1 ||
        !take(&response, EXTENDED_RESPONSE, &p, &len)) {
        return err_set(err, ERR_PROTOCOL, "the server's LDAP message is no answer to StartTLS");
    }
    p = response.data;
    len = response.len;
    if (!take(&code, ENUMERATED, &p, &len) || code.len != 1 || !take(&matched, OCTETS, &p, &len) ||
        !take(&text, OCTETS, &p, &len)) {
        return err_set(err, ERR_PROTOCOL, "the server's answer to StartTLS is broken");
    }
    /* 0 is a notice of disconnection (RFC 4511 4.4.1). */
    if (id.data[0] != 1 || code.data[0] != 0) {
        char what[80];
        snprintf(what, sizeof(what), "the server answers StartTLS by result %u", code.data[0]);
        return starttls_refuse(err, ERR_UNAVAILABLE, what, text.data, text.len);
    }
    return 1;
}
