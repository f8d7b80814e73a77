/* SMTP (RFC 3207), IMAP (RFC 9051) and POP3 (RFC 2595): protocols of lines. */
#include <string.h>
#include <strings.h>

#include "client/starttls_impl.h"

enum { GREETING, CAPABILITIES, COMMAND };

static bool begins(const char *line, size_t len, const char *with)
{
    return len >= strlen(with) && strncasecmp(line, with, strlen(with)) == 0;
}

/* That line begins with the word, and the word ends there. */
static bool is_word(const char *line, size_t len, const char *word)
{
    return begins(line, len, word) && (len == strlen(word) || line[strlen(word)] == ' ');
}

static int refuse(struct err *err, int code, const char *what, const char *line, size_t len)
{
    return starttls_refuse(err, code, what, (const uint8_t *)line, len);
}

static int not_offered(struct err *err, const char *what)
{
    return err_set(
        err, ERR_UNAVAILABLE,
        "the server does not offer %s: TLS is off there, or somebody on the way took the "
        "offer out",
        what);
}

/* -- SMTP -- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The last line of an answer. */
static int smtp_answer(struct starttls *s, const char *line, size_t len, struct err *err)
{
    switch (s->step++) {
    case GREETING:
        if (s->code != 220) {
            return refuse(err, ERR_UNAVAILABLE, "the server will not talk", line, len);
        }
        starttls_say(s, "EHLO %s\r\n", s->own);
        return 0;
    case CAPABILITIES:
        if (s->code != 250) {
            return refuse(err, ERR_UNAVAILABLE, "the server answers EHLO by", line, len);
        }
        if (!s->offered) {
            return not_offered(err, "STARTTLS");
        }
        starttls_say(s, "STARTTLS\r\n");
        return 0;
    default:
        return s->code == 220
                   ? 1
                   : refuse(err, ERR_UNAVAILABLE, "the server answers STARTTLS by", line, len);
    }
}

int starttls_smtp(struct starttls *s, const char *line, size_t len, struct err *err)
{
    if (len < 3 || !is_digit(line[0]) || !is_digit(line[1]) || !is_digit(line[2]) ||
        (len > 3 && line[3] != ' ' && line[3] != '-')) {
        return refuse(err, ERR_PROTOCOL, "this is not SMTP", line, len);
    }
    unsigned code = (unsigned)(line[0] - '0') * 100 + (unsigned)(line[1] - '0') * 10 +
                    (unsigned)(line[2] - '0');
    if (s->lines > 0 && code != s->code) {
        return refuse(err, ERR_PROTOCOL, "the server's answer changes its code", line, len);
    }
    s->code = code;
    /* The first line of EHLO's answer is the server's name (RFC 5321 4.1.1.1). */
    if (s->step == CAPABILITIES && s->lines > 0 && len > 4 &&
        is_word(line + 4, len - 4, "STARTTLS")) {
        s->offered = true;
    }
    s->lines++;
    if (len > 3 && line[3] == '-') {
        return 0;
    }
    s->lines = 0;
    return smtp_answer(s, line, len, err);
}

/* -- IMAP -- */

static void imap_capabilities(struct starttls *s, const char *line, size_t len)
{
    while (len > 0) {
        const char *space = memchr(line, ' ', len);
        size_t word = space != NULL ? (size_t)(space - line) : len;
        s->offered = s->offered || (word == strlen("STARTTLS") && begins(line, word, "STARTTLS"));
        line += space != NULL ? word + 1 : word;
        len -= space != NULL ? word + 1 : word;
    }
}

static int imap_greeting(struct starttls *s, const char *line, size_t len, struct err *err)
{
    if (is_word(line, len, "* PREAUTH")) {
        return refuse(err, ERR_UNAVAILABLE,
                      "the server takes us for logged in, so that TLS cannot begin", line, len);
    }
    if (!is_word(line, len, "* OK")) {
        return begins(line, len, "* BYE")
                   ? refuse(err, ERR_UNAVAILABLE, "the server will not talk", line, len)
                   : refuse(err, ERR_PROTOCOL, "this is not IMAP", line, len);
    }
    s->step = CAPABILITIES;
    starttls_say(s, "c1 CAPABILITY\r\n");
    return 0;
}

int starttls_imap(struct starttls *s, const char *line, size_t len, struct err *err)
{
    const char *tag = s->step == CAPABILITIES ? "c1 " : "c2 ";
    if (s->step == GREETING) {
        return imap_greeting(s, line, len, err);
    }
    if (begins(line, len, "* BYE")) {
        return refuse(err, ERR_UNAVAILABLE, "the server ends the connection", line, len);
    }
    if (begins(line, len, "* ")) {
        if (s->step == CAPABILITIES && begins(line, len, "* CAPABILITY ")) {
            imap_capabilities(s, line + strlen("* CAPABILITY "), len - strlen("* CAPABILITY "));
        }
        return 0;
    }
    if (!begins(line, len, tag)) {
        return refuse(err, ERR_PROTOCOL, "the server's answer has another tag", line, len);
    }
    if (!is_word(line + 3, len - 3, "OK")) {
        return refuse(err, ERR_UNAVAILABLE,
                      s->step == CAPABILITIES ? "the server answers CAPABILITY by"
                                              : "the server answers STARTTLS by",
                      line, len);
    }
    if (s->step == COMMAND) {
        return 1;
    }
    if (!s->offered) {
        return not_offered(err, "STARTTLS");
    }
    s->step = COMMAND;
    starttls_say(s, "c2 STARTTLS\r\n");
    return 0;
}

/* -- POP3 -- */

static int pop3_capability(struct starttls *s, const char *line, size_t len, struct err *err)
{
    if (s->lines++ == 0) {
        return is_word(line, len, "+OK")
                   ? 0
                   : refuse(err, ERR_UNAVAILABLE, "the server answers CAPA by", line, len);
    }
    if (is_word(line, len, "STLS")) {
        s->offered = true;
    }
    if (len != 1 || line[0] != '.') {
        return 0;
    }
    if (!s->offered) {
        return not_offered(err, "STLS");
    }
    s->step = COMMAND;
    starttls_say(s, "STLS\r\n");
    return 0;
}

int starttls_pop3(struct starttls *s, const char *line, size_t len, struct err *err)
{
    switch (s->step) {
    case GREETING:
        if (!is_word(line, len, "+OK")) {
            return begins(line, len, "-ERR")
                       ? refuse(err, ERR_UNAVAILABLE, "the server will not talk", line, len)
                       : refuse(err, ERR_PROTOCOL, "this is not POP3", line, len);
        }
        s->step = CAPABILITIES;
        starttls_say(s, "CAPA\r\n");
        return 0;
    case CAPABILITIES:
        return pop3_capability(s, line, len, err);
    default:
        return is_word(line, len, "+OK")
                   ? 1
                   : refuse(err, ERR_UNAVAILABLE, "the server answers STLS by", line, len);
    }
}
