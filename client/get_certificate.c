/*
 * One certificate: key (made once), CSR, the server's command, the chain proved, the files.
 * Whatever fails, what was in place stays in place.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "client/chain.h"
#include "client/client.h"
#include "client/commands.h"
#include "client/csr.h"
#include "client/install.h"
#include "client/key.h"
#include "client/keyfile.h"
#include "client/server.h"

static void line(void *arg, enum log_level level, const char *message)
{
    report_step(arg, level, message);
}

/* Asks for the chain. */
static int ask(struct client *client, struct report_line *report, const char *csr, size_t csr_len,
               struct chain *chain, struct err *err)
{
    struct server_call call = {.settings = &client->settings,
                               .first = "get",
                               .second = "certificate",
                               .input = csr,
                               .input_len = csr_len,
                               .timeout_ms = (int)client->settings.server_timeout * 1000,
                               .line = line,
                               .arg = report};
    char *output;
    size_t len;
    int ret = server_run(&output, &len, &call, err);
    if (ret == 0) {
        ret = chain_parse(chain, output, len, err);
        free(output);
    }
    return ret;
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

static int install(const struct files *files, const struct key *key, const char *csr,
                   size_t csr_len, const struct chain *chain, struct err *err)
{
    char *leaf = NULL, *all = NULL, *issuers = NULL, *concat = NULL;
    size_t leaf_len = 0, all_len = 0, issuers_len = 0, concat_len = 0;
    int ret;
    if ((ret = chain_pem(chain, 0, 1, &leaf, &leaf_len, err)) == 0 &&
        (ret = chain_pem(chain, 0, chain->count, &all, &all_len, err)) == 0 &&
        (ret = chain_pem(chain, 1, chain->count - 1, &issuers, &issuers_len, err)) == 0) {
        concat = concatenate(key, all, all_len, &concat_len);
        ret = concat == NULL ? err_set(err, -ENOMEM, "out of memory") : 0;
    }
    if (ret == 0) {
        struct install_contents contents = {.files = {
                                                [FILE_REQUEST] = {csr, csr_len},
                                                [FILE_CERTIFICATE] = {leaf, leaf_len},
                                                [FILE_CHAIN] = {all, all_len},
                                                [FILE_ISSUER] = {issuers, issuers_len},
                                                [FILE_CONCAT] = {concat, concat_len},
                                            }};
        ret = install_commit(files, &contents, NULL, err);
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

static int get_with_key(struct client *client, struct report_line *report, const struct set *set,
                        const struct files *files, const struct key *key, struct chain *chain,
                        struct err *err)
{
    struct chain_wish wish = {.key = key->pkey,
                              .names = set->names,
                              .count = set->count,
                              .length = (size_t)client->settings.expected_chain_length};
    char *csr = NULL;
    size_t csr_len = 0;
    int ret = csr_make(&csr, &csr_len, key->pkey, set->names, set->count, err);
    if (ret == 0 && (ret = ask(client, report, csr, csr_len, chain, err)) == 0) {
        wish.now = clock_wall_s(client->clock);
        if ((ret = chain_check(chain, &wish, err)) == 0) {
            ret = install(files, key, csr, csr_len, chain, err);
        }
    }
    free(csr);
    return ret;
}

static void tell(struct report_line *report, const struct chain *chain, const struct err *err)
{
    char text[LIMIT_ERROR_TEXT] = "new certificate";
    struct tm tm;
    if (err->code != 0) {
        report_end(report, false, err->text);
        return;
    }
    time_t until = (time_t)chain_not_after(chain->certs[0]);
    if (localtime_r(&until, &tm) != NULL) {
        strftime(text, sizeof(text), "new certificate, valid until %Y-%m-%d %H:%M", &tm);
    }
    report_end(report, true, text);
}

static int get(struct client *client, const struct set *set, const struct files *files)
{
    struct report_line report;
    char subject[300];
    struct err err = {0};
    struct key key = {0};
    struct chain chain = {0};
    snprintf(subject, sizeof(subject), "%s %s", set->names[0], key_type_name(files->type));
    report_begin(&report, &client->report, subject);
    int ret = install_prepare(files, NULL, &err);
    if (ret == 0 && (ret = keyfile_open(&key, files, &err)) == 0) {
        ret = get_with_key(client, &report, set, files, &key, &chain, &err);
    }
    tell(&report, &chain, &err);
    chain_clear(&chain);
    key_clear(&key);
    return ret;
}

static int run(struct client *client)
{
    int failures = client_each(client, get);
    if (failures > 0) {
        log_error(client->log, NULL, "%d of %zu certificates could not be had", failures,
                  client->sets.count * client->type_count);
    }
    return failures == 0 ? CLIENT_OK : CLIENT_FAILED;
}

const struct client_command client_get_certificate = {
    .first = "get",
    .second = "certificate",
    .help = "a new certificate for each set of names and type of key",
    .needs = CLIENT_NEEDS_PATH,
    .run = run};
