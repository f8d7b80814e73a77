#include "shell/request.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/nearest.h"
#include "common/option.h"

const struct request_op request_ops[] = {
    {"ping", "ping", NULL, REQUEST_INPUT_NONE, false, false, false,
     "print pong, where certmilld is there"},
    {"get certificate", "get", "certificate", REQUEST_INPUT_CSR, true, false, false,
     "CSR on standard input, chain on standard output"},
    {"get renewal-info", "get", "renewal-info", REQUEST_INPUT_CHAIN, true, false, false,
     "certificate on standard input: when the CA wants it renewed (RFC 9773), as JSON"},
    {"revoke certificate", "revoke", "certificate", REQUEST_INPUT_CHAIN, true, false, false,
     "certificate on standard input, behind a statement that its key signed"},
    {"revoke request", "revoke", "request", REQUEST_INPUT_CHAIN, true, false, false,
     "certificate on standard input: what its key is to sign, as JSON"},
    {"revoke signed", "revoke", "signed", REQUEST_INPUT_JWS, true, false, false,
     "the same JSON on standard input, with the signature"},
    {"get ocsp", "get", "ocsp", REQUEST_INPUT_CHAIN, false, false, false,
     "chain on standard input, OCSP response on standard output"},
    {"show csr", "show", "csr", REQUEST_INPUT_CSR, false, false, false,
     "CSR on standard input: what it asks for"},
    {"show certificate", "show", "certificate", REQUEST_INPUT_CHAIN, false, false, false,
     "certificate on standard input: what it says"},
    {"show configuration", "show", "configuration", REQUEST_INPUT_NONE, false, false, false,
     "the server's configuration, as far as it concerns this client"},
    {"show acmeaccount", "show", "acmeaccount", REQUEST_INPUT_NONE, false, false, false,
     "accounts of the server at its CAs"},
    {"check", "check", NULL, REQUEST_INPUT_NONE, true, false, true,
     "look at what a CA will find wrong with these names"},
    {"help", "help", NULL, REQUEST_INPUT_NONE, false, true, false, "print this"},
    {"version", "version", NULL, REQUEST_INPUT_NONE, false, true, false, "print the version"},
};

const size_t request_op_count = sizeof(request_ops) / sizeof(request_ops[0]);

struct reader {
    char *const *words;
    size_t count, pos;
};

#define AT(field) offsetof(struct request, field)

const struct option_row request_options[] = {
    {.name = "--log-level",
     .letter = 'l',
     .value = "LEVEL",
     .offset = AT(level_word),
     .help = "log lines from DEBUG, INFO, WARNING, ERROR or CRITICAL on"},
    {.name = "--staging",
     .letter = 's',
     .offset = AT(staging),
     .help = "from the CA's staging server"},
    {.name = "--force",
     .offset = AT(force),
     .help = "anew, even where there is one that is good for a while"},
    {.name = "--acme-server-url",
     .value = "URL",
     .offset = AT(acme_server_url),
     .max = LIMIT_URL,
     .help = "from the CA with that directory"},
    {.name = "--authority",
     .value = "NAME",
     .offset = AT(authority),
     .max = LIMIT_URL,
     .help = "from the CA of that name in the server's configuration"},
    {.name = "--profile",
     .value = "NAME",
     .offset = AT(profile),
     .max = LIMIT_WORD,
     .help = "a kind of certificate that the CA offers"},
    {.name = "--preferred-chain",
     .value = "NAME",
     .offset = AT(preferred_chain),
     .max = LIMIT_DOMAIN_TEXT,
     .help = "the chain that this issuer or root is in; blanks or underscores"},
    {.name = "--reason",
     .value = "WORD",
     .offset = AT(reason),
     .max = LIMIT_WORD,
     .help = "with revoke request: why, as keyCompromise"},
};
const size_t request_option_count = sizeof(request_options) / sizeof(request_options[0]);

/* What may stand behind the word, or first where it is NULL: "certificate, ocsp". */
static void list_words(char *dst, size_t cap, const char *first)
{
    size_t at = 0;
    dst[0] = '\0';
    for (size_t i = 0; i < request_op_count && at < cap; i++) {
        const struct request_op *op = &request_ops[i];
        if (first == NULL) {
            at += (size_t)snprintf(dst + at, cap - at, "%s%s%s", i > 0 ? ", " : "", op->name,
                                   op->names ? " NAME..." : "");
        } else if (op->second != NULL && strcmp(op->first, first) == 0) {
            at += (size_t)snprintf(dst + at, cap - at, "%s%s", at > 0 ? ", " : "", op->second);
        }
    }
}

/* Words that no command has. */
static int unknown_op(const char *first, const char *second, struct err *err)
{
    char given[208], known[512];
    struct nearest near;
    snprintf(given, sizeof(given), "%.100s%s%.100s", first, second != NULL ? " " : "",
             second != NULL ? second : "");
    nearest_init(&near, given);
    for (size_t i = 0; i < request_op_count; i++) {
        nearest_try(&near, request_ops[i].name);
    }
    if (nearest_found(&near) != NULL) {
        return err_set(err, ERR_UNKNOWN, "'%s' is no command; did you mean '%s'?", given,
                       nearest_found(&near));
    }
    list_words(known, sizeof(known), NULL);
    return err_set(err, ERR_UNKNOWN, "'%s' is no command; taken are %s", given, known);
}

/* The command that the one or two words make; ERR_UNKNOWN names the word that fits none. */
static int find_op(const struct request_op **op, const char *first, const char *second,
                   struct err *err)
{
    char known[256];
    bool first_known = false;
    for (size_t i = 0; i < request_op_count; i++) {
        if (strcmp(request_ops[i].first, first) != 0) {
            continue;
        }
        first_known = true;
        if ((second == NULL) == (request_ops[i].second == NULL) &&
            (second == NULL || strcmp(request_ops[i].second, second) == 0)) {
            *op = &request_ops[i];
            return 0;
        }
    }
    if (!first_known) {
        return unknown_op(first, second, err);
    }
    list_words(known, sizeof(known), first);
    if (second == NULL) {
        return err_set(err, ERR_UNKNOWN, "%.100s needs a second word, one of %s", first, known);
    }
    return known[0] != '\0' ? err_set(err, ERR_UNKNOWN, "'%.100s' is not taken after %s, but %s",
                                      second, first, known)
                            : err_set(err, ERR_UNKNOWN, "'%.100s' is one word too many", second);
}

static int unknown_option(const char *word, struct err *err)
{
    char known[512];
    const char *near = option_nearest(request_options, request_option_count, word);
    if (near != NULL) {
        return err_set(err, ERR_UNKNOWN,
                       "option '%.100s' is not taken from a client; did you mean %s?", word, near);
    }
    option_list(request_options, request_option_count, known, sizeof(known));
    return err_set(err, ERR_UNKNOWN, "option '%.100s' is not taken from a client; taken are %s",
                   word, known);
}

/* What begins with a hyphen. 1: --help or the like, and out has its command. */
static int take_option(struct reader *r, struct request *out, struct err *err)
{
    const char *word = r->words[r->pos];
    const struct option_row *asks = option_find(option_asks_rows, option_asks_count, word);
    if (asks != NULL) {
        return find_op(&out->op, asks->name + 2, NULL, err) < 0 ? ERR_INTERNAL : 1;
    }
    int ret =
        option_take(request_options, request_option_count, out, r->words, r->count, &r->pos, err);
    if (ret == 0) {
        return unknown_option(word, err);
    }
    if (ret > 0 && out->level_word != NULL && log_level_parse(out->level_word, &out->level) < 0) {
        return err_set(err, ERR_UNKNOWN,
                       "'%.100s' is no log level: taken are DEBUG, INFO, WARNING, ERROR, CRITICAL",
                       out->level_word);
    }
    return ret < 0 ? ret : 0;
}

/* Whether the word begins a command that has names behind it. */
static bool has_names(const char *first)
{
    for (size_t i = 0; i < request_op_count; i++) {
        if (request_ops[i].names && strcmp(request_ops[i].first, first) == 0) {
            return true;
        }
    }
    return false;
}

/* Such a word at hand: the names behind it, up to the next option. */
static int take_names(struct reader *r, struct request *out, struct err *err)
{
    out->names = r->words + r->pos;
    while (r->pos < r->count && r->words[r->pos][0] != '-') {
        r->pos++;
        out->name_count++;
    }
    return out->name_count > 0
               ? 0
               : err_set(err, ERR_UNKNOWN, "check needs the names to be looked at after it");
}

int request_parse(struct request *out, char *const *words, size_t count, struct err *err)
{
    struct reader r = {.words = words, .count = count};
    const char *command[2] = {NULL, NULL};
    char known[512];
    size_t used = 0;
    int ret;

    *out = (struct request){.level = LOG_LEVEL_INFO};
    while (r.pos < r.count) {
        const char *word = r.words[r.pos];
        if (word[0] == '-') {
            if ((ret = take_option(&r, out, err)) != 0) {
                return ret < 0 ? ret : 0;
            }
        } else if (used == 2) {
            if ((ret = find_op(&out->op, command[0], command[1], err)) < 0) {
                return ret;
            }
            return err_set(err, ERR_UNKNOWN, "'%.100s' is one word too many", word);
        } else {
            command[used++] = word;
            r.pos++;
            if (used == 1 && has_names(word) && (ret = take_names(&r, out, err)) < 0) {
                return ret;
            }
        }
    }
    if (used == 0) {
        list_words(known, sizeof(known), NULL);
        return err_set(err, ERR_UNKNOWN, "no command; taken are %s", known);
    }
    return find_op(&out->op, command[0], command[1], err);
}

static size_t occurrences(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, what)) != NULL; p += strlen(what)) {
        n++;
    }
    return n;
}

int request_check_input(enum request_input kind, const char *input, size_t len, struct err *err)
{
    bool csr = kind == REQUEST_INPUT_CSR, jws = kind == REQUEST_INPUT_JWS;
    const char *what = csr ? "CSR" : jws ? "signed request" : "certificate chain";
    const char *form = jws ? "as JSON" : "in PEM form";
    if (kind == REQUEST_INPUT_NONE) {
        return 0;
    }
    if (strspn(input, " \t\r\n") == len) {
        return err_set(err, ERR_MALFORMED, "no %s on standard input", what);
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)input[i];
        if (c >= 0x7f || (c < 0x20 && c != '\t' && c != '\r' && c != '\n')) {
            return err_set(err, ERR_MALFORMED, "the input is not a %s %s: octet %zu is \\x%02x",
                           what, form, i + 1, c);
        }
    }
    if (jws) {
        return input[strspn(input, " \t\r\n")] == '{'
                   ? 0
                   : err_set(err, ERR_MALFORMED, "the input holds no %s %s", what, form);
    }
    size_t begins = csr ? occurrences(input, "-----BEGIN CERTIFICATE REQUEST-----") +
                              occurrences(input, "-----BEGIN NEW CERTIFICATE REQUEST-----")
                        : occurrences(input, "-----BEGIN CERTIFICATE-----");
    if (begins == 0) {
        return err_set(err, ERR_MALFORMED, "the input holds no %s %s", what, form);
    }
    if (csr && begins > 1) {
        return err_set(err, ERR_MALFORMED, "the input holds %zu CSRs, one is taken", begins);
    }
    return 0;
}
