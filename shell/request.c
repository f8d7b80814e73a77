#include "shell/request.h"

#include <stddef.h>
#include <string.h>

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
#define TAKEN                                                                                      \
    "taken are ping, get certificate|ocsp|renewal-info, revoke certificate|request|signed, "       \
    "show csr|certificate|configuration|acmeaccount, check NAME..., help, version"

struct reader {
    char *const *words;
    size_t count, pos;
};

#define AT(field) offsetof(struct request, field)

const struct option_row request_options[] = {
    {"--log-level", 'l', "LEVEL", AT(level_word), 0,
     "log lines from DEBUG, INFO, WARNING, ERROR or CRITICAL on"},
    {"--staging", 's', NULL, AT(staging), 0, "from the CA's staging server"},
    {"--force", 0, NULL, AT(force), 0, "anew, even where there is one that is good for a while"},
    {"--acme-server-url", 0, "URL", AT(acme_server_url), LIMIT_URL,
     "from the CA with that directory"},
    {"--authority", 0, "NAME", AT(authority), LIMIT_URL,
     "from the CA of that name in the server's configuration"},
    {"--profile", 0, "NAME", AT(profile), LIMIT_WORD, "a kind of certificate that the CA offers"},
    {"--preferred-chain", 0, "NAME", AT(preferred_chain), LIMIT_DOMAIN_TEXT,
     "the chain that this issuer or root is in; blanks or underscores"},
    {"--reason", 0, "WORD", AT(reason), LIMIT_WORD, "revoke request: why, as keyCompromise"},
};
const size_t request_option_count = sizeof(request_options) / sizeof(request_options[0]);

static int take_option(struct reader *r, struct request *out, struct err *err)
{
    int ret =
        option_take(request_options, request_option_count, out, r->words, r->count, &r->pos, err);
    if (ret == 0) {
        return err_set(err, ERR_UNKNOWN,
                       "option '%.100s' is not taken from a client: --log-level LEVEL, --staging, "
                       "--force, --acme-server-url URL, --authority NAME, --profile NAME, "
                       "--preferred-chain NAME and --reason WORD are",
                       r->words[r->pos]);
    }
    if (ret > 0 && out->level_word != NULL && log_level_parse(out->level_word, &out->level) < 0) {
        return err_set(err, ERR_UNKNOWN,
                       "'%.100s' is no log level: taken are DEBUG, INFO, WARNING, ERROR, CRITICAL",
                       out->level_word);
    }
    return ret;
}

/* The command that the one or two words make; ERR_UNKNOWN names the word that fits none. */
static int find_op(const struct request_op **op, const char *first, const char *second,
                   struct err *err)
{
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
        return err_set(err, ERR_UNKNOWN, "'%.100s' is no command: " TAKEN, first);
    }
    if (second == NULL) {
        return err_set(err, ERR_UNKNOWN, "%.100s needs a second word: " TAKEN, first);
    }
    return err_set(err, ERR_UNKNOWN, "'%.100s' is not taken after %s: " TAKEN, second, first);
}

/* "check" at hand: the names behind it, up to the next option. */
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
    size_t used = 0;
    int ret;

    *out = (struct request){.level = LOG_LEVEL_INFO};
    while (r.pos < r.count) {
        const char *word = r.words[r.pos];
        if (word[0] == '-') {
            if ((ret = take_option(&r, out, err)) < 0) {
                return ret;
            }
        } else if (used == 2) {
            if ((ret = find_op(&out->op, command[0], command[1], err)) < 0) {
                return ret;
            }
            return err_set(err, ERR_UNKNOWN, "'%.100s' is one word too many: " TAKEN, word);
        } else {
            command[used++] = word;
            r.pos++;
            if (used == 1 && strcmp(word, "check") == 0 && (ret = take_names(&r, out, err)) < 0) {
                return ret;
            }
        }
    }
    if (used == 0) {
        return err_set(err, ERR_UNKNOWN, "no command: " TAKEN);
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
