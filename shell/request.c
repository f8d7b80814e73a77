#include "shell/request.h"

#include <string.h>

static const struct request_op ops[] = {
    {"ping", "ping", NULL, REQUEST_INPUT_NONE, false, false, false},
    {"get certificate", "get", "certificate", REQUEST_INPUT_CSR, true, false, false},
    {"get renewal-info", "get", "renewal-info", REQUEST_INPUT_CHAIN, true, false, false},
    {"revoke certificate", "revoke", "certificate", REQUEST_INPUT_CHAIN, true, false, false},
    {"revoke request", "revoke", "request", REQUEST_INPUT_CHAIN, true, false, false},
    {"revoke signed", "revoke", "signed", REQUEST_INPUT_JWS, true, false, false},
    {"get ocsp", "get", "ocsp", REQUEST_INPUT_CHAIN, false, false, false},
    {"show csr", "show", "csr", REQUEST_INPUT_CSR, false, false, false},
    {"show certificate", "show", "certificate", REQUEST_INPUT_CHAIN, false, false, false},
    {"show configuration", "show", "configuration", REQUEST_INPUT_NONE, false, false, false},
    {"show acmeaccount", "show", "acmeaccount", REQUEST_INPUT_NONE, false, false, false},
    {"check", "check", NULL, REQUEST_INPUT_NONE, true, false, true},
    {"help", "help", NULL, REQUEST_INPUT_NONE, false, true, false},
    {"version", "version", NULL, REQUEST_INPUT_NONE, false, true, false},
};

#define OPS (sizeof(ops) / sizeof(ops[0]))
#define TAKEN                                                                                      \
    "taken are ping, get certificate|ocsp|renewal-info, revoke certificate|request|signed, "       \
    "show csr|certificate|configuration|acmeaccount, check NAME..., help, version"

struct reader {
    char *const *words;
    size_t count, pos;
};

/* Whether the word at hand is the option; if so it is consumed with its value. */
static int take_value(struct reader *r, const char *option, char letter, const char **value,
                      struct err *err)
{
    const char *word = r->words[r->pos];
    size_t len = strlen(option);
    if (strncmp(word, option, len) == 0 && word[len] == '=') {
        *value = word + len + 1;
    } else if (letter != 0 && word[0] == '-' && word[1] == letter && word[2] != '\0') {
        *value = word + 2;
    } else if (strcmp(word, option) == 0 ||
               (letter != 0 && word[0] == '-' && word[1] == letter && word[2] == '\0')) {
        if (r->count - r->pos < 2) {
            return err_set(err, ERR_UNKNOWN, "%.100s needs a value after it", word);
        }
        *value = r->words[++r->pos];
    } else {
        return 0;
    }
    r->pos++;
    if (**value == '\0') {
        return err_set(err, ERR_UNKNOWN, "the value of %s is empty", option);
    }
    return 1;
}

static bool take_flag(struct reader *r, const char *option, const char *letter, bool *flag)
{
    const char *word = r->words[r->pos];
    if (strcmp(word, option) != 0 && (letter == NULL || strcmp(word, letter) != 0)) {
        return false;
    }
    *flag = true;
    r->pos++;
    return true;
}

static int take_level(struct reader *r, struct request *out, struct err *err)
{
    const char *level = NULL;
    int ret = take_value(r, "--log-level", 'l', &level, err);
    if (ret > 0 && log_level_parse(level, &out->level) < 0) {
        return err_set(err, ERR_UNKNOWN,
                       "'%.100s' is no log level: taken are DEBUG, INFO, WARNING, ERROR, CRITICAL",
                       level);
    }
    return ret;
}

static int take_option(struct reader *r, struct request *out, struct err *err)
{
    const struct {
        const char *name;
        const char **value;
        size_t max;
    } texts[] = {
        {"--acme-server-url", &out->acme_server_url, LIMIT_URL},
        {"--authority", &out->authority, LIMIT_URL},
        {"--preferred-chain", &out->preferred_chain, LIMIT_DOMAIN_TEXT},
        {"--profile", &out->profile, LIMIT_WORD},
        {"--reason", &out->reason, LIMIT_WORD},
    };
    int ret;
    if (take_flag(r, "--staging", "-s", &out->staging) ||
        take_flag(r, "--force", NULL, &out->force)) {
        return 1;
    }
    if ((ret = take_level(r, out, err)) != 0) {
        return ret;
    }
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if ((ret = take_value(r, texts[i].name, 0, texts[i].value, err)) == 0) {
            continue;
        }
        if (ret > 0 && strlen(*texts[i].value) > texts[i].max) {
            return err_set(err, ERR_LIMIT, "%s takes at most %zu octets", texts[i].name,
                           texts[i].max);
        }
        return ret;
    }
    return err_set(err, ERR_UNKNOWN,
                   "option '%.100s' is not taken from a client: --log-level LEVEL, --staging, "
                   "--force, --acme-server-url URL, --authority NAME, --profile NAME, "
                   "--preferred-chain NAME and --reason WORD are",
                   r->words[r->pos]);
}

/* The command that the one or two words make; ERR_UNKNOWN names the word that fits none. */
static int find_op(const struct request_op **op, const char *first, const char *second,
                   struct err *err)
{
    bool first_known = false;
    for (size_t i = 0; i < OPS; i++) {
        if (strcmp(ops[i].first, first) != 0) {
            continue;
        }
        first_known = true;
        if ((second == NULL) == (ops[i].second == NULL) &&
            (second == NULL || strcmp(ops[i].second, second) == 0)) {
            *op = &ops[i];
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
