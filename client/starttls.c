#include "client/starttls.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/starttls_impl.h"

const char *starttls_name(enum starttls_protocol protocol)
{
    switch (protocol) {
    case STARTTLS_SMTP:
        return "smtp";
    case STARTTLS_IMAP:
        return "imap";
    case STARTTLS_POP3:
        return "pop3";
    case STARTTLS_XMPP:
    case STARTTLS_XMPP_SERVER:
        return "xmpp";
    case STARTTLS_LDAP:
        return "ldap";
    default:
        return NULL;
    }
}

const char *starttls_bye(enum starttls_protocol protocol, size_t *len)
{
    static const char unbind[] =
        "\x30\x05\x02\x01\x02\x42"; /* and the 0 of its end: RFC 4511 4.3 */
    static const char *const words[] = {[STARTTLS_SMTP] = "QUIT\r\n",
                                        [STARTTLS_IMAP] = "c3 LOGOUT\r\n",
                                        [STARTTLS_POP3] = "QUIT\r\n",
                                        [STARTTLS_XMPP] = "</stream:stream>",
                                        [STARTTLS_XMPP_SERVER] = "</stream:stream>",
                                        [STARTTLS_LDAP] = unbind};
    const char *bye = words[protocol];
    *len = bye == NULL ? 0 : bye == unbind ? sizeof(unbind) : strlen(bye);
    return bye;
}

enum starttls_protocol starttls_of_port(unsigned port)
{
    switch (port) {
    case 25:
    case 587:
        return STARTTLS_SMTP;
    case 110:
        return STARTTLS_POP3;
    case 143:
        return STARTTLS_IMAP;
    case 389:
        return STARTTLS_LDAP;
    case 5222:
        return STARTTLS_XMPP;
    case 5269:
        return STARTTLS_XMPP_SERVER;
    default:
        return STARTTLS_NONE;
    }
}

enum starttls_protocol starttls_of_word(const char *word, unsigned port)
{
    enum starttls_protocol usual = starttls_of_port(port);
    for (enum starttls_protocol p = STARTTLS_SMTP; p <= STARTTLS_LDAP; p++) {
        if (strcmp(starttls_name(p), word) == 0) {
            return p == STARTTLS_XMPP && usual == STARTTLS_XMPP_SERVER ? usual : p;
        }
    }
    return STARTTLS_NONE;
}

void starttls_say(struct starttls *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(s->out, sizeof(s->out), fmt, ap);
    va_end(ap);
    s->out_len = n < 0 ? 0 : (size_t)n;
    if (s->out_len >= sizeof(s->out)) {
        s->out_len = sizeof(s->out) - 1;
    }
}

int starttls_refuse(struct err *err, int code, const char *what, const uint8_t *text, size_t len)
{
    char shown[201];
    size_t n = 0;
    for (; n < len && n < sizeof(shown) - 1; n++) {
        shown[n] = text[n] >= 0x20 && text[n] < 0x7f ? (char)text[n] : '?';
    }
    shown[n] = '\0';
    return err_set(err, code, "%s: '%s'", what, shown);
}

void starttls_begin(struct starttls *s, enum starttls_protocol protocol, const char *host,
                    const char *own)
{
    memset(s, 0, sizeof(*s));
    s->protocol = protocol;
    s->own = own;
    if (protocol == STARTTLS_XMPP || protocol == STARTTLS_XMPP_SERVER) {
        starttls_xmpp_begin(s, host);
    } else if (protocol == STARTTLS_LDAP) {
        starttls_ldap_begin(s);
    }
}

/* Octets of the first line with its end, 0 where it is not whole. A line ends in CR LF, and has
 * neither elsewhere (RFC 5321 2.3.8). */
static int line_piece(const struct starttls *s, struct err *err)
{
    const uint8_t *lf = memchr(s->in, '\n', s->len);
    if (lf == NULL) {
        return 0;
    }
    size_t len = (size_t)(lf - s->in) + 1;
    if (len < 2 || memchr(s->in, '\r', len) != lf - 1 || memchr(s->in, '\0', len) != NULL) {
        return starttls_refuse(err, ERR_PROTOCOL, "the server's line does not end as lines do",
                               s->in, len);
    }
    return (int)len;
}

static int next_piece(const struct starttls *s, struct err *err)
{
    switch (s->protocol) {
    case STARTTLS_XMPP:
    case STARTTLS_XMPP_SERVER:
        return starttls_xmpp_piece(s, err);
    case STARTTLS_LDAP:
        return starttls_ldap_piece(s, err);
    default:
        return line_piece(s, err);
    }
}

static int take_piece(struct starttls *s, size_t len, struct err *err)
{
    const char *text = (const char *)s->in;
    switch (s->protocol) {
    case STARTTLS_SMTP:
        return starttls_smtp(s, text, len - 2, err);
    case STARTTLS_IMAP:
        return starttls_imap(s, text, len - 2, err);
    case STARTTLS_POP3:
        return starttls_pop3(s, text, len - 2, err);
    case STARTTLS_XMPP:
    case STARTTLS_XMPP_SERVER:
        return starttls_xmpp(s, text, len, err);
    case STARTTLS_LDAP:
        return starttls_ldap(s, s->in, len, err);
    default:
        return err_set(err, ERR_INTERNAL, "nothing is said before TLS here");
    }
}

static int take_all(struct starttls *s, struct err *err)
{
    int n, ret = 0;
    while (ret == 0 && s->out_len == 0 && (n = next_piece(s, err)) != 0) {
        if (n < 0) {
            return n;
        }
        if ((ret = take_piece(s, (size_t)n, err)) < 0) {
            return ret;
        }
        s->len -= (size_t)n;
        memmove(s->in, s->in + n, s->len);
    }
    if ((ret > 0 || s->out_len > 0) && s->len > 0) {
        return starttls_refuse(err, ERR_PROTOCOL,
                               "the server goes on where it has to wait for TLS or for a command, "
                               "as an attacker on the way would (RFC 3207 6)",
                               s->in, s->len);
    }
    return ret;
}

int starttls_input(struct starttls *s, const void *data, size_t len, struct err *err)
{
    if (s->done) {
        return err_set(err, ERR_INTERNAL, "the dialogue before TLS is over");
    }
    s->out_len = 0;
    if (len > sizeof(s->in) - s->total) {
        s->done = true;
        return err_set(err, ERR_LIMIT, "the server sends more than %u octets before TLS",
                       LIMIT_STARTTLS);
    }
    memcpy(s->in + s->len, data, len);
    s->len += len;
    s->total += len;
    int ret = take_all(s, err);
    s->done = ret != 0;
    if (s->done) {
        s->out_len = 0;
    }
    return ret;
}
