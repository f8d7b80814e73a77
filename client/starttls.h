/*
 * What is said before TLS begins: five protocols, bytes in and bytes out.
 *
 * Strict, because whoever sits between can say anything here. Nothing may follow the
 * server's go-ahead, nor any other answer, before it was asked for more: that would be taken
 * for what came through TLS (RFC 3207 6, CVE-2011-0411).
 */
#ifndef CERTMILL_CLIENT_STARTTLS_H
#define CERTMILL_CLIENT_STARTTLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum starttls_protocol {
    STARTTLS_NONE,        /* TLS from the start */
    STARTTLS_SMTP,        /* RFC 3207 */
    STARTTLS_IMAP,        /* RFC 9051 6.2.1 */
    STARTTLS_POP3,        /* RFC 2595 4 */
    STARTTLS_XMPP,        /* RFC 6120 5, towards clients */
    STARTTLS_XMPP_SERVER, /* the same, between servers */
    STARTTLS_LDAP,        /* RFC 4511 4.14 */
};

struct starttls {
    enum starttls_protocol protocol;
    unsigned step;   /* of the dialogue */
    bool offered;    /* the server can do it */
    bool done;       /* it has gone ahead, or failed */
    unsigned code;   /* SMTP: of the answer that is under way */
    unsigned lines;  /* of it, so far */
    unsigned depth;  /* XMPP: elements that are open */
    bool inside;     /* XMPP: of stream:features */
    const char *own; /* what EHLO says */
    size_t total;    /* octets that came */
    size_t len;
    uint8_t in[LIMIT_STARTTLS];
    size_t out_len;
    char out[768]; /* to be sent before the next input */
};

/* "smtp" and so on; NULL for STARTTLS_NONE. */
const char *starttls_name(enum starttls_protocol protocol);

/* What is usual on a port of TCP: 25 and 587 SMTP, 110 POP3, 143 IMAP, 389 LDAP, 5222 and 5269
 * XMPP, on all others TLS from the start. */
enum starttls_protocol starttls_of_port(unsigned port);

/* The protocol of a word of settings.starttls, port telling the two kinds of XMPP apart. */
enum starttls_protocol starttls_of_word(const char *word, unsigned port);

/* Begins. host: the server's name, in normal form (common/domainset.h). own: for EHLO, a domain or
 * an address literal (RFC 5321 4.1.3), has to stay. Then, as after each starttls_input: out_len
 * octets of out are to be sent. */
void starttls_begin(struct starttls *s, enum starttls_protocol protocol, const char *host,
                    const char *own);

/* Takes what the server sent. 1: TLS begins now; 0: send out, then wait for more; ERR_PROTOCOL,
 * ERR_LIMIT, ERR_UNAVAILABLE (it does not offer TLS, or refuses), and err says what it said. */
int starttls_input(struct starttls *s, const void *data, size_t len, struct err *err);

/* What ends the session within TLS, so that the server's log shows nobody who broke off; NULL for
 * STARTTLS_NONE. */
const char *starttls_bye(enum starttls_protocol protocol, size_t *len);

#endif
