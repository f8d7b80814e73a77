/*
 * The parts of client/starttls. Private to it.
 */
#ifndef CERTMILL_CLIENT_STARTTLS_IMPL_H
#define CERTMILL_CLIENT_STARTTLS_IMPL_H

#include "client/starttls.h"

/* What shall be sent. */
void starttls_say(struct starttls *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* err_set with the start of what the server said, harmless to show: "what: 'text'". */
int starttls_refuse(struct err *err, int code, const char *what, const uint8_t *text, size_t len);

/* Each takes one whole piece of what came (starttls_line: a line without its end), and returns as
 * starttls_input. */
int starttls_smtp(struct starttls *s, const char *line, size_t len, struct err *err);
int starttls_imap(struct starttls *s, const char *line, size_t len, struct err *err);
int starttls_pop3(struct starttls *s, const char *line, size_t len, struct err *err);
int starttls_xmpp(struct starttls *s, const char *tag, size_t len, struct err *err);
int starttls_ldap(struct starttls *s, const uint8_t *message, size_t len, struct err *err);

/* How many octets the first piece has, of what is there: 0 where more is needed; negative. */
int starttls_xmpp_piece(const struct starttls *s, struct err *err);
int starttls_ldap_piece(const struct starttls *s, struct err *err);

/* LDAP's request, and XMPP's stream to the host. */
void starttls_ldap_begin(struct starttls *s);
void starttls_xmpp_begin(struct starttls *s, const char *host);

#endif
