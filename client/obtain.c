#include "client/obtain.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "client/chain.h"
#include "client/copies.h"
#include "client/csr.h"
#include "client/install.h"
#include "client/interrupt.h"
#include "client/keyfile.h"
#include "client/renewal.h"
#include "client/server.h"

/* Between two questions to a server that is restarted; each wait is twice the one before. */
#define RESTART_FIRST_MS 1000
#define RESTART_LAST_MS  8000

/* What one certificate is made of, on its way. */
struct work {
    struct client *client;
    struct report_line *report;
    const struct set *set;
    const struct files *files;
    const struct key *key;
    bool new_key;
    char *csr;
    size_t csr_len;
    struct chain chain;
};

static void line(void *arg, enum log_level level, const char *message)
{
    report_step(arg, level, message);
}

/* What the server sent is not what was asked for. */
static int reject(int code, struct err *err)
{
    char why[sizeof(err->text)];
    memcpy(why, err->text, sizeof(why));
    return err_set(err, code,
                   "%s; nothing of it is used, the files stay as they were: try certmill check "
                   "connection, and ask the server's operator",
                   why);
}

static int ask_once(struct work *w, bool force, struct err *err)
{
    struct server_call call = {.settings = &w->client->settings,
                               .session = w->client->session,
                               .first = "get",
                               .second = "certificate",
                               .input = w->csr,
                               .input_len = w->csr_len,
                               .timeout_ms = (int)w->client->settings.server_timeout * 1000,
                               .force = force,
                               .stop = w->client->stop,
                               .line = line,
                               .arg = w->report};
    char *output;
    size_t len;
    int ret = server_run(&output, &len, &call, err);
    if (ret == 0) {
        if ((ret = chain_parse(&w->chain, output, len, err)) < 0) {
            reject(ret, err);
        }
        free(output);
    }
    return ret;
}

/* A server that is restarted takes its orders up again, and the same request joins its order. */
static int ask_over_restart(struct work *w, bool force, struct err *err)
{
    int ret = ask_once(w, force, err), wait_ms = RESTART_FIRST_MS;
    bool restarted = ret == ERR_CANCELLED;
    while (restarted && (ret == ERR_CANCELLED || ret == ERR_UNAVAILABLE) &&
           wait_ms <= RESTART_LAST_MS && !interrupt_wait(w->client->stop, wait_ms)) {
        report_step(w->report, LOG_LEVEL_INFO, "the server was restarted meanwhile: asked again");
        *err = (struct err){0};
        ret = ask_once(w, force, err);
        wait_ms *= 2;
    }
    return ret;
}

/* Asks for the chain. An original certgrinderd has no --force, and always orders anew. */
static int ask(struct work *w, bool force, struct err *err)
{
    int ret = ask_over_restart(w, force, err);
    if (force && ret == ERR_UNKNOWN) {
        report_step(w->report, LOG_LEVEL_DEBUG, "the server does not take --force: without it");
        *err = (struct err){0};
        ret = ask_over_restart(w, false, err);
    }
    return ret;
}

/* Asks until it is one that is wanted. */
static int ask_for_new(struct work *w, const struct obtain_wish *wish, struct err *err)
{
    int ret = ask(w, wish->force, err);
    if (ret < 0 || wish->unlike == NULL || X509_cmp(w->chain.certs[0], wish->unlike) != 0) {
        return ret;
    }
    if (!wish->force) {
        chain_clear(&w->chain);
        if ((ret = ask(w, true, err)) < 0 || X509_cmp(w->chain.certs[0], wish->unlike) != 0) {
            return ret;
        }
    }
    return err_set(err, ERR_EXISTS,
                   "the server gives the certificate again that is there already, and is to be "
                   "renewed: its operator's log may say why");
}

/* Puts key, leaf and issuers behind each other. */
static char *concatenate(const struct key *key, const char *chain, size_t chain_len, size_t *len)
{
    bool newline = key->len > 0 && key->pem[key->len - 1] != '\n';
    *len = key->len + newline + chain_len;
    char *text = malloc(*len + 1);
    if (text != NULL) {
        memcpy(text, key->pem, key->len);
        text[key->len] = '\n';
        memcpy(text + key->len + newline, chain, chain_len);
        text[*len] = '\0';
    }
    return text;
}

static int install(struct work *w, bool *in_place, struct err *err)
{
    const struct chain *chain = &w->chain;
    const struct key *key = w->key;
    char *leaf = NULL, *all = NULL, *issuers = NULL, *concat = NULL;
    size_t leaf_len = 0, all_len = 0, issuers_len = 0, concat_len = 0;
    int ret;
    *in_place = false;
    if ((ret = chain_pem(chain, 0, 1, &leaf, &leaf_len, err)) == 0 &&
        (ret = chain_pem(chain, 0, chain->count, &all, &all_len, err)) == 0 &&
        (ret = chain_pem(chain, 1, chain->count - 1, &issuers, &issuers_len, err)) == 0) {
        concat = concatenate(key, all, all_len, &concat_len);
        ret = concat == NULL ? err_set(err, -ENOMEM, "out of memory") : 0;
    }
    if (ret == 0) {
        struct install_contents contents = {
            .files =
                {
                    [FILE_KEYPAIR] = {w->new_key ? key->pem : NULL, w->new_key ? key->len : 0},
                    [FILE_REQUEST] = {w->csr, w->csr_len},
                    [FILE_CERTIFICATE] = {leaf, leaf_len},
                    [FILE_CHAIN] = {all, all_len},
                    [FILE_ISSUER] = {issuers, issuers_len},
                    [FILE_CONCAT] = {concat, concat_len},
                },
            .keep_old = (unsigned)w->client->settings.keep_old};
        ret = install_commit(w->files, &contents, NULL, in_place, err);
    }
    if (concat != NULL) {
        OPENSSL_cleanse(concat, concat_len);
    }
    free(concat);
    free(issuers);
    free(all);
    free(leaf);
    return ret;
}

/* Files, copies, what the CA says of the next time. What is in place counts, even where the disk
 * could not be made to promise that it stays. */
static int put_in_place(struct work *w, int64_t *not_after, struct err *err)
{
    const struct settings *settings = &w->client->settings;
    bool in_place;
    int ret = install(w, &in_place, err);
    if (!in_place) {
        return ret;
    }
    *not_after = chain_not_after(w->chain.certs[0]);
    int copies = copies_write(settings, w->files, w->key, &w->chain, ret == 0 ? err : NULL);
    if (copies < 0 && ret == 0) {
        ret = err_prefix(err, "the new files are in place, but not all of their copies");
    }
    if (settings->cert_renew_threshold_days == 0) {
        renewal_ask(w->client, w->report, w->files, w->chain.certs[0]);
    }
    return ret;
}

/* CSR, the server's answer, the chain proved. */
static int get_chain(struct work *w, const struct obtain_wish *wanted, struct err *err)
{
    struct chain_wish wish = {.key = w->key->pkey,
                              .names = w->set->names,
                              .count = w->set->count,
                              .length = (size_t)w->client->settings.expected_chain_length};
    int ret = csr_make(&w->csr, &w->csr_len, w->key->pkey, w->set->names, w->set->count, err);
    if (ret == 0 && (ret = ask_for_new(w, wanted, err)) == 0) {
        wish.now = clock_wall_s(w->client->clock);
        if ((ret = chain_check(&w->chain, &wish, err)) < 0) {
            reject(ret, err);
        }
    }
    return ret;
}

int obtain_chain(struct client *client, struct report_line *report, const struct set *set,
                 const struct key *key, const struct obtain_wish *wish, struct chain *out,
                 struct err *err)
{
    struct work w = {.client = client, .report = report, .set = set, .key = key};
    int ret = get_chain(&w, wish, err);
    if (ret < 0) {
        chain_clear(&w.chain);
    }
    free(w.csr);
    *out = w.chain;
    return ret;
}

int obtain(struct client *client, struct report_line *report, const struct set *set,
           const struct files *files, const struct obtain_wish *wish, int64_t *not_after,
           struct err *err)
{
    struct work w = {.client = client,
                     .report = report,
                     .set = set,
                     .files = files,
                     .key = wish->key,
                     .new_key = wish->key != NULL};
    struct key own = {0};
    int ret = server_configured(&client->settings, err);
    *not_after = 0;
    if (ret == 0) {
        ret = install_prepare(files, NULL, err);
    }
    if (ret == 0) {
        ret = copies_prepare(&client->settings, files, err);
    }
    if (ret == 0 && w.key == NULL) {
        ret = keyfile_open(&own, files, err);
        keyfile_tell_mode(&own, files, report);
        keyfile_tell_made(&own, files, report);
        w.key = &own;
    }
    if (ret == 0 && (ret = get_chain(&w, wish, err)) == 0) {
        ret = put_in_place(&w, not_after, err);
    }
    chain_clear(&w.chain);
    free(w.csr);
    key_clear(&own);
    return ret;
}
