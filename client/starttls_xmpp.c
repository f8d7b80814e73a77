/*
 * XMPP (RFC 6120 5): a stream of XML, of which no more is read than its tags. Comments, DTDs and
 * processing instructions are forbidden there (11.1), so a tag ends at the first > that is not
 * in quotes, and what is between tags says nothing to us.
 */
#include <idn2.h>
#include <string.h>

#include "client/starttls_impl.h"

#define NS_TLS "urn:ietf:params:xml:ns:xmpp-tls"

enum { FEATURES, COMMAND };

#define HOST_MAX 512 /* octets of UTF-8 that struct starttls has room for */

/* Addresses of XMPP have U-labels (RFC 7622 3.2): servers do not know their A-labels. */
void starttls_xmpp_begin(struct starttls *s, const char *host)
{
    char *unicode = NULL;
    bool good = idn2_to_unicode_8z8z(host, &unicode, 0) == IDN2_OK && strlen(unicode) <= HOST_MAX &&
                strpbrk(unicode, "<>&'\"") == NULL;
    starttls_say(s,
                 "<?xml version='1.0'?><stream:stream to='%s' xmlns='jabber:%s' "
                 "xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
                 good ? unicode : host, s->protocol == STARTTLS_XMPP ? "client" : "server");
    idn2_free(unicode);
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int starttls_xmpp_piece(const struct starttls *s, struct err *err)
{
    uint8_t quote = 0;
    if (s->len == 0) {
        return 0;
    }
    if (s->in[0] != '<') {
        const uint8_t *next = memchr(s->in, '<', s->len);
        size_t len = next != NULL ? (size_t)(next - s->in) : s->len;
        for (size_t i = 0; i < len; i++) {
            if (s->in[i] == '\0' || (s->depth < 2 && !is_blank(s->in[i]))) {
                return starttls_refuse(err, ERR_PROTOCOL, "this is not XMPP", s->in, len);
            }
        }
        return (int)len;
    }
    for (size_t i = 1; i < s->len; i++) {
        uint8_t c = s->in[i];
        if (c == '\0' || (quote == 0 && c == '<')) {
            return starttls_refuse(err, ERR_PROTOCOL, "the server's XML is broken", s->in, s->len);
        }
        if (quote == 0 && c == '>') {
            return (int)i + 1;
        }
        if (quote == 0 && (c == '"' || c == '\'')) {
            quote = c;
        } else if (quote == c) {
            quote = 0;
        }
    }
    return 0;
}

struct tag {
    const char *name; /* without prefix */
    size_t len;
    bool tls; /* of the namespace of STARTTLS */
    bool close, empty;
};

/* Whether the text has ="VALUE" behind the name of a declaration of namespaces. */
static bool declares_tls(const char *text, size_t len)
{
    const char *at = memmem(text, len, NS_TLS, strlen(NS_TLS));
    if (at == NULL || (size_t)(at - text) < strlen("xmlns='")) {
        return false;
    }
    size_t after = (size_t)(at - text) + strlen(NS_TLS);
    return after < len && (at[-1] == '\'' || at[-1] == '"') && text[after] == at[-1] &&
           at[-2] == '=' && memmem(text, (size_t)(at - text), "xmlns", strlen("xmlns")) != NULL;
}

/* Takes "<name ...>" apart. */
static void read_tag(struct tag *tag, const char *text, size_t len)
{
    size_t pos = 1, end = len - 1;
    *tag = (struct tag){0};
    if (pos < end && text[pos] == '/') {
        tag->close = true;
        pos++;
    }
    if (end > pos && text[end - 1] == '/') {
        tag->empty = true;
        end--;
    }
    size_t start = pos;
    while (pos < end && !is_blank((uint8_t)text[pos])) {
        if (text[pos++] == ':') {
            start = pos;
        }
    }
    tag->name = text + start;
    tag->len = pos - start;
    tag->tls = declares_tls(text + pos, len - pos);
}

static bool is(const struct tag *tag, const char *name)
{
    return tag->len == strlen(name) && memcmp(tag->name, name, tag->len) == 0;
}

static int refuse(struct err *err, int code, const char *what, const char *text, size_t len)
{
    return starttls_refuse(err, code, what, (const uint8_t *)text, len);
}

static int open_tag(struct starttls *s, const struct tag *tag, struct err *err)
{
    const char *name = tag->name;
    if (s->depth == 0 && (!is(tag, "stream") || tag->empty)) {
        return refuse(err, ERR_PROTOCOL, "the server opens no stream", name, tag->len);
    }
    if (s->depth == 1 && is(tag, "error")) {
        s->code = 1; /* its first child is the reason */
    } else if (s->depth == 2 && s->code == 1) {
        return refuse(err, ERR_UNAVAILABLE, "the server ends the stream", name, tag->len);
    }
    if (s->depth == 1 && s->step == COMMAND && is(tag, "failure")) {
        return err_set(err, ERR_UNAVAILABLE, "the server refuses STARTTLS");
    }
    if (s->depth == 1 && s->step == COMMAND && is(tag, "proceed") && tag->tls) {
        s->offered = s->inside = true;
    } else if (s->depth == 1 && is(tag, "features")) {
        s->inside = s->step == FEATURES;
    } else if (s->depth == 2 && s->step == FEATURES && s->inside && is(tag, "starttls")) {
        s->offered = s->offered || tag->tls;
    } else if (s->depth == 1 && s->code != 1) {
        return refuse(err, ERR_PROTOCOL, "the server says something else than was asked for", name,
                      tag->len);
    }
    return 0;
}

/* An element ends, depth being that of what it stands in. */
static int close_tag(struct starttls *s, struct err *err)
{
    if (s->depth == 0) {
        return err_set(err, ERR_UNAVAILABLE, "the server ends the stream");
    }
    if (s->depth > 1 || !s->inside) {
        return 0;
    }
    if (s->step == COMMAND) {
        return 1;
    }
    if (!s->offered) {
        return err_set(
            err, ERR_UNAVAILABLE,
            "the server does not offer STARTTLS: TLS is off there, or somebody on the way "
            "took the offer out");
    }
    s->step = COMMAND;
    s->inside = false;
    starttls_say(s, "<starttls xmlns='" NS_TLS "'/>");
    return 0;
}

int starttls_xmpp(struct starttls *s, const char *tag, size_t len, struct err *err)
{
    struct tag t;
    int ret;
    if (tag[0] != '<') {
        return 0;
    }
    if (len >= strlen("<?xml?>") && tag[1] == '?' && s->depth == 0 && s->lines++ == 0) {
        return 0;
    }
    if (tag[1] == '?' || tag[1] == '!') {
        return refuse(err, ERR_PROTOCOL, "the server sends XML that XMPP forbids", tag, len);
    }
    read_tag(&t, tag, len);
    if (t.close) {
        if (s->depth == 0) {
            return refuse(err, ERR_PROTOCOL, "the server's XML is broken", tag, len);
        }
        s->depth--;
        return close_tag(s, err);
    }
    if ((ret = open_tag(s, &t, err)) < 0) {
        return ret;
    }
    if (t.empty) {
        return close_tag(s, err);
    }
    s->depth++;
    return 0;
}
