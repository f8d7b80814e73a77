/*
 * A thousand sets are looked at within a second, so what is equal octet by octet is not parsed
 * twice: the chain file should begin with the certificate file's text and go on with the issuer
 * file's, the concat file should be key and chain. Only where that is not so (another program
 * wrote them with other line ends, or something is wrong) are they parsed and compared.
 */
#include "client/state.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/install_dir.h"
#include "client/key.h"
#include "client/key_match.h"
#include "client/keyfile.h"
#include "client/renewal.h"
#include "common/file.h"
#include "common/timestamp.h"

#define CONCAT_MAX (LIMIT_CHAIN_PEM + KEY_FILE_MAX)
#define LOOKS_MAX  3 /* at files that are replaced just then */

/* What is being looked at. */
struct look {
    const struct state_view *view;
    struct state *state;
    struct text {
        char *data; /* NULL: not there, or not readable */
        size_t len;
        int ret;
    } texts[FILE_KINDS];
    int ret;     /* this host's trouble, which says nothing of the files */
    size_t rest; /* where the issuers begin in the chain file's text; 0: not known */
};

static void note(struct look *look, enum state_problem problem, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void note(struct look *look, enum state_problem problem, const char *fmt, ...)
{
    struct state *state = look->state;
    va_list ap;
    if (state->problems == 0) {
        va_start(ap, fmt);
        vsnprintf(state->reason, sizeof(state->reason), fmt, ap);
        va_end(ap);
    }
    state->problems |= problem;
}

/* The path of a file, for messages. */
struct path {
    char text[640];
};

static struct path path_of(const struct look *look, enum file_kind kind)
{
    struct path path;
    char name[256];
    files_name(name, look->view->files, kind);
    snprintf(path.text, sizeof(path.text), "%.380s/%s", look->view->files->path, name);
    return path;
}

static void load(struct look *look, enum file_kind kind, size_t max)
{
    struct text *text = &look->texts[kind];
    char name[256];
    files_name(name, look->view->files, kind);
    text->ret = file_read(look->view->files->folder, name, max, &text->data, &text->len, NULL);
    if (text->ret < 0) {
        text->data = NULL;
    }
    if (text->ret == -ENOMEM || text->ret == -EMFILE || text->ret == -ENFILE) {
        look->ret = text->ret;
    }
}

/* -- certificate and chain -- */

static void read_leaf(struct look *look)
{
    struct text *text = &look->texts[FILE_CERTIFICATE];
    struct chain chain;
    struct err err = {0};
    if (text->ret == -ENOENT) {
        note(look, STATE_NO_CERTIFICATE, "there is no certificate yet (%s)",
             path_of(look, FILE_CERTIFICATE).text);
        return;
    }
    if (text->data == NULL) {
        note(look, STATE_UNREADABLE, "%s cannot be read: %s", path_of(look, FILE_CERTIFICATE).text,
             err_string(text->ret));
        return;
    }
    if (chain_parse(&chain, text->data, text->len, &err) < 0) {
        note(look, STATE_UNREADABLE, "%s holds no certificate in PEM form",
             path_of(look, FILE_CERTIFICATE).text);
        return;
    }
    look->state->chain = (struct chain){.certs = {chain.certs[0]}, .count = 1};
    chain.certs[0] = NULL;
    chain_clear(&chain);
}

/* Puts the issuers behind the leaf. */
static bool append(struct chain *chain, struct chain *issuers)
{
    bool fits = issuers->count < CHAIN_MAX;
    for (size_t i = 0; fits && i < issuers->count; i++) {
        chain->certs[chain->count++] = issuers->certs[i];
    }
    if (fits) {
        *issuers = (struct chain){0};
    }
    chain_clear(issuers);
    return fits;
}

/* The chain file where it does not begin with the very text of the certificate file: written
 * again by us it has to be the same certificates. */
static int read_other_chain(struct look *look, struct chain *issuers, struct err *err)
{
    const struct text *text = &look->texts[FILE_CHAIN];
    struct chain chain;
    char *pem = NULL;
    size_t len = 0;
    int ret = chain_parse(&chain, text->data, text->len, err);
    if (ret < 0) {
        return ret;
    }
    if (X509_cmp(chain.certs[0], look->state->chain.certs[0]) != 0) {
        ret = err_set(err, ERR_CORRUPT, "it does not begin with the certificate");
    } else if ((ret = chain_pem(&chain, 1, chain.count - 1, &pem, &len, err)) == 0) {
        ret = issuers_read(look->view->issuers, issuers, pem, len, err);
        free(pem);
    }
    chain_clear(&chain);
    return ret;
}

static void read_chain(struct look *look)
{
    const struct text *text = &look->texts[FILE_CHAIN], *leaf = &look->texts[FILE_CERTIFICATE];
    struct chain issuers = {0};
    struct err err = {0};
    int ret;
    if (text->data == NULL) {
        note(look, STATE_INCOMPLETE, "%s cannot be read: %s", path_of(look, FILE_CHAIN).text,
             err_string(text->ret));
        return;
    }
    if (text->len >= leaf->len && memcmp(text->data, leaf->data, leaf->len) == 0) {
        look->rest = leaf->len;
        ret = issuers_read(look->view->issuers, &issuers, text->data + leaf->len,
                           text->len - leaf->len, &err);
    } else {
        ret = read_other_chain(look, &issuers, &err);
    }
    if (ret == 0 && !append(&look->state->chain, &issuers)) {
        ret = err_set(&err, ERR_LIMIT, "it has more than %d certificates", CHAIN_MAX);
    }
    if (ret == 0 && look->state->chain.count > 1) {
        ret = chain_check_link(&look->state->chain, 0, &err);
    }
    if (ret < 0) {
        note(look, STATE_CHAIN, "%s: %.200s", path_of(look, FILE_CHAIN).text, err.text);
    }
}

/* -- the other files -- */

/* Whether the certificates among what is in a PEM text are those of the chain from first on. */
static bool has_chain(const struct text *text, const struct chain *chain, size_t first)
{
    BIO *bio = BIO_new_mem_buf(text->data, (int)text->len);
    size_t at = first;
    bool same = bio != NULL;
    X509 *cert;
    while (same && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        same = at < chain->count && X509_cmp(cert, chain->certs[at++]) == 0;
        X509_free(cert);
    }
    ERR_clear_error();
    BIO_free(bio);
    return same && at == chain->count;
}

static void check_issuer_file(struct look *look)
{
    const struct text *text = &look->texts[FILE_ISSUER], *chain = &look->texts[FILE_CHAIN];
    if (text->data == NULL) {
        if (look->state->chain.count > 1) {
            note(look, STATE_INCOMPLETE, "%s cannot be read: %s", path_of(look, FILE_ISSUER).text,
                 err_string(text->ret));
        }
        return;
    }
    if (look->rest > 0 && text->len == chain->len - look->rest &&
        memcmp(text->data, chain->data + look->rest, text->len) == 0) {
        return;
    }
    if (!has_chain(text, &look->state->chain, 1)) {
        note(look, STATE_INCOMPLETE, "%s does not hold the issuers of the chain",
             path_of(look, FILE_ISSUER).text);
    }
}

static bool is_key_and_chain(const struct text *text, const struct text *key,
                             const struct text *chain)
{
    return key->data != NULL && text->len == key->len + chain->len &&
           CRYPTO_memcmp(text->data, key->data, key->len) == 0 &&
           memcmp(text->data + key->len, chain->data, chain->len) == 0;
}

static void check_concat_file(struct look *look)
{
    const struct text *text = &look->texts[FILE_CONCAT], *chain = &look->texts[FILE_CHAIN];
    if (text->ret == -ENOENT) {
        return; /* older certgrinders had none */
    }
    if (text->data == NULL) {
        note(look, STATE_INCOMPLETE, "%s cannot be read: %s", path_of(look, FILE_CONCAT).text,
             err_string(text->ret));
        return;
    }
    if (!is_key_and_chain(text, &look->texts[FILE_KEYPAIR], chain) &&
        !(key_match(text->data, text->len, look->view->files->type, look->state->chain.certs[0]) &&
          has_chain(text, &look->state->chain, 0))) {
        note(look, STATE_INCOMPLETE, "%s does not hold the key and the chain",
             path_of(look, FILE_CONCAT).text);
    }
}

/* -- key -- */

/* Why it does not fit, or that it does after all. */
static void explain_key(struct look *look)
{
    const struct text *text = &look->texts[FILE_KEYPAIR];
    const struct chain *chain = &look->state->chain;
    struct err err = {0};
    struct key key;
    if (key_parse(&key, text->data, text->len, look->view->files->type, &err) < 0) {
        note(look, STATE_BAD_KEY, "%s: %.300s", path_of(look, FILE_KEYPAIR).text, err.text);
        return;
    }
    if (chain->count > 0 && EVP_PKEY_eq(X509_get0_pubkey(chain->certs[0]), key.pkey) != 1) {
        note(look, STATE_KEY_MISMATCH, "the certificate is for another key than %s",
             path_of(look, FILE_KEYPAIR).text);
    }
    ERR_clear_error();
    key_clear(&key);
}

static void check_key(struct look *look)
{
    struct text *text = &look->texts[FILE_KEYPAIR];
    const struct chain *chain = &look->state->chain;
    struct err err = {0};
    mode_t was = 0;
    text->ret = keyfile_load(&text->data, &text->len, &was, look->view->files, &err);
    if (text->ret < 0) {
        text->data = NULL;
        if (text->ret == -ENOENT) {
            note(look, STATE_NO_KEY, "there is no key (%s)", path_of(look, FILE_KEYPAIR).text);
        } else {
            note(look, STATE_BAD_KEY, "%.500s", err.text);
        }
        return;
    }
    look->state->key_mode_was = was;
    if (chain->count == 0 ||
        !key_match(text->data, text->len, look->view->files->type, chain->certs[0])) {
        explain_key(look);
    }
}

/* -- what the certificate says -- */

bool state_is_listed(const struct settings *settings, const X509 *leaf, char cn[static 256])
{
    const struct conf_strings *list = &settings->invalid_ca_cn_list;
    cn[0] = '\0';
    X509_NAME_get_text_by_NID(X509_get_issuer_name(leaf), NID_commonName, cn, 256);
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], cn) == 0) {
            return true;
        }
    }
    return false;
}

static void check_issuer(struct look *look, X509 *leaf)
{
    char cn[256];
    const X509_NAME *issuer = X509_get_issuer_name(leaf);
    if ((X509_get_extension_flags(leaf) & EXFLAG_SS) != 0 ||
        X509_NAME_cmp(issuer, X509_get_subject_name(leaf)) == 0) {
        note(look, STATE_SELF_SIGNED, "the certificate is signed by itself");
    } else if (state_is_listed(look->view->settings, leaf, cn)) {
        note(look, STATE_INVALID_CA, "the certificate is by %.100s, which is in invalid-ca-cn-list",
             cn);
    }
}

static void check_names(struct look *look, X509 *leaf)
{
    const struct set *set = look->view->set;
    struct chain_wish wish = {.names = set->names, .count = set->count};
    struct err err = {0};
    if (chain_check_names(leaf, &wish, &err) < 0) {
        note(look, STATE_NAMES, "the set of names is another now: %.300s", err.text);
    }
}

/* What the CA said goes into *wish, as far as it is asked at all. */
static void hear_ca(struct look *look, X509 *leaf, struct due_wish *wish)
{
    const struct state_view *view = look->view;
    if (!renewal_hear(wish, &look->state->ask, view->files, leaf, view->now)) {
        look->state->ask = renewal_is_ours(view->files);
    }
}

static void check_dates(struct look *look, X509 *leaf)
{
    const struct state_view *view = look->view;
    struct state *state = look->state;
    struct due_wish wish = {.not_before = chain_not_before(leaf),
                            .not_after = chain_not_after(leaf),
                            .threshold_days = view->settings->cert_renew_threshold_days};
    char date[TIMESTAMP_SIZE];
    if (wish.not_before < 0 || wish.not_after <= wish.not_before) {
        note(look, STATE_UNREADABLE, "the certificate has no sane validity");
        return;
    }
    if (wish.not_after <= view->now) {
        note(look, STATE_EXPIRED, "the certificate has expired on %s",
             timestamp_format(date, wish.not_after));
    } else if (wish.not_before - view->now > CHAIN_SKEW_S) {
        note(look, STATE_NOT_YET_VALID,
             "the certificate is not valid before %s: is this host's clock right?",
             timestamp_format(date, wish.not_before));
    }
    hear_ca(look, leaf, &wish);
    state->known_due = true;
    state->due = due_when(&wish);
    if (state->due.at <= view->now) {
        note(look, STATE_DUE, "the certificate is to be renewed since %s",
             timestamp_format(date, state->due.at));
    }
}

/* -- all of it -- */

static void look_once(struct look *look)
{
    const struct chain *chain = &look->state->chain;
    load(look, FILE_CERTIFICATE, LIMIT_CHAIN_PEM);
    load(look, FILE_CHAIN, LIMIT_CHAIN_PEM);
    load(look, FILE_ISSUER, LIMIT_CHAIN_PEM);
    load(look, FILE_CONCAT, CONCAT_MAX);
    read_leaf(look);
    check_key(look);
    if (chain->count == 0) {
        return;
    }
    X509 *leaf = chain->certs[0];
    check_issuer(look, leaf);
    check_names(look, leaf);
    read_chain(look);
    if (look->texts[FILE_CHAIN].data != NULL && (look->state->problems & STATE_CHAIN) == 0) {
        check_issuer_file(look);
        check_concat_file(look);
    }
    check_dates(look, leaf);
}

static void look_clear(struct look *look)
{
    for (int kind = 0; kind < FILE_KINDS; kind++) {
        if (look->texts[kind].data != NULL) {
            OPENSSL_cleanse(look->texts[kind].data, look->texts[kind].len);
        }
        free(look->texts[kind].data);
    }
}

/* Which version of the files is in place, "" for files that nobody swaps. */
static void read_version(char dst[static 32], const struct files *files)
{
    char path[320];
    snprintf(path, sizeof(path), "%s/%.*s.%s/current", INSTALL_FOLDER, FILES_NAME_MAX, files->name,
             key_type_name(files->type));
    ssize_t len = readlinkat(files->folder, path, dst, 31);
    dst[len > 0 ? len : 0] = '\0';
}

int state_read(struct state *out, const struct state_view *view, struct err *err)
{
    char before[32], after[32];
    int ret = 0;
    *out = (struct state){0};
    for (int i = 0; i < LOOKS_MAX; i++) {
        struct look look = {.view = view, .state = out};
        read_version(before, view->files);
        look_once(&look);
        look_clear(&look);
        ret = look.ret;
        read_version(after, view->files);
        if (out->problems == 0 || strcmp(before, after) == 0) {
            break;
        }
        if (i + 1 < LOOKS_MAX) {
            state_clear(out);
        }
    }
    return ret == 0 ? 0 : err_set(err, ret, "the files could not be read: %s", err_string(ret));
}

void state_clear(struct state *state)
{
    chain_clear(&state->chain);
    *state = (struct state){0};
}

const char *state_problem_name(enum state_problem problem)
{
    switch (problem) {
    case STATE_NO_CERTIFICATE:
        return "no certificate";
    case STATE_UNREADABLE:
        return "unreadable";
    case STATE_NO_KEY:
        return "no key";
    case STATE_BAD_KEY:
        return "bad key";
    case STATE_KEY_MISMATCH:
        return "key mismatch";
    case STATE_NAMES:
        return "names";
    case STATE_SELF_SIGNED:
        return "self-signed";
    case STATE_INVALID_CA:
        return "invalid CA";
    case STATE_EXPIRED:
        return "expired";
    case STATE_NOT_YET_VALID:
        return "not yet valid";
    case STATE_DUE:
        return "due";
    case STATE_CHAIN:
        return "chain";
    case STATE_INCOMPLETE:
        return "incomplete";
    }
    return "?";
}
