#include "client/tlsa_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/install_dir.h"
#include "client/key.h"
#include "common/file.h"

const char *tlsa_holder_name(enum tlsa_holder holder)
{
    static const char *const names[] = {"current", "staged", "stale"};
    return names[holder];
}

void tlsa_staged_path(char dst[static 320], const struct files *files)
{
    snprintf(dst, 320, INSTALL_FOLDER "/%.*s.%s/staged.key", FILES_NAME_MAX, files->name,
             key_type_name(files->type));
}

struct tlsa_of tlsa_key_of(const struct tlsa_key *key)
{
    return (struct tlsa_of){.spki = key->spki, .spki_len = key->spki_len, .chain = &key->chain};
}

static void key_free(struct tlsa_key *key)
{
    free(key->spki);
    chain_clear(&key->chain);
}

void tlsa_keys_clear(struct tlsa_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        key_free(&keys->items[i]);
    }
    free(keys->items);
    *keys = (struct tlsa_keys){0};
}

const struct tlsa_key *tlsa_keys_find(const struct tlsa_keys *keys, enum tlsa_holder holder,
                                      enum key_type type)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (keys->items[i].holder == holder && keys->items[i].type == type) {
            return &keys->items[i];
        }
    }
    return NULL;
}

void tlsa_keys_tell_missing(struct client *client, const struct set *set, enum key_type type)
{
    struct files files = client_files(client, set, type);
    char name[256];
    files_name(name, &files, FILE_KEYPAIR);
    if (faccessat(files.folder, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
        log_warning(client->log, NULL,
                    "%s %s: there is no key yet: certmill get certificate makes it", set->names[0],
                    key_type_name(type));
    }
}

/* Takes key over, whatever happens. */
static int push(struct tlsa_keys *keys, struct tlsa_key *key)
{
    struct tlsa_key *items = realloc(keys->items, (keys->count + 1) * sizeof(*items));
    if (items == NULL) {
        key_free(key);
        return -ENOMEM;
    }
    items[keys->count++] = *key;
    keys->items = items;
    return 0;
}

/* The public part of a private key's file: 0, -ENOENT, or another error. */
static int read_public(struct tlsa_key *out, const struct files *files, const char *path,
                       struct err *err)
{
    struct key key;
    char *pem;
    size_t len;
    int ret = file_read(files->folder, path, KEY_FILE_MAX, &pem, &len, err);
    if (ret < 0) {
        return ret;
    }
    ret = key_parse(&key, pem, len, files->type, err);
    OPENSSL_cleanse(pem, len);
    free(pem);
    if (ret == 0) {
        ret = tlsa_spki(&out->spki, &out->spki_len, key.pkey, err);
        key_clear(&key);
    }
    return ret < 0 ? err_prefix(err, "%s", path) : 0;
}

/* The chain, else the certificate alone: 0, -ENOENT, or another error. */
static int read_chain(struct chain *out, const struct files *files, struct err *err)
{
    static const enum file_kind kinds[] = {FILE_CHAIN, FILE_CERTIFICATE};
    int ret = -ENOENT;
    for (size_t i = 0; i < 2 && ret == -ENOENT; i++) {
        char name[256], *pem;
        size_t len;
        files_name(name, files, kinds[i]);
        ret = file_read(files->folder, name, LIMIT_CHAIN_PEM, &pem, &len, err);
        if (ret == 0) {
            if ((ret = chain_parse(out, pem, len, err)) < 0) {
                err_prefix(err, "%s", name);
            }
            free(pem);
        }
    }
    return ret;
}

/* Whether the leaf is of the key. */
static bool fits(const struct tlsa_key *key)
{
    uint8_t *spki = NULL;
    size_t len;
    EVP_PKEY *leaf = X509_get0_pubkey(key->chain.certs[0]);
    if (leaf == NULL || tlsa_spki(&spki, &len, leaf, NULL) < 0) {
        return false;
    }
    bool same = len == key->spki_len && memcmp(spki, key->spki, len) == 0;
    free(spki);
    return same;
}

static void tell(struct client *client, const struct files *files, const struct err *err,
                 unsigned *unreadable)
{
    log_error(client->log, NULL, "%s %s: %s: %s%s", files->name, key_type_name(files->type),
              files->path, err->text,
              err->code == -EACCES ? "; run certmill as the user whose files these are" : "");
    ++*unreadable;
}

static int read_current(struct tlsa_keys *out, struct client *client, const struct set *set,
                        const struct files *files, unsigned *unreadable)
{
    struct tlsa_key key = {.holder = TLSA_CURRENT, .set = set, .type = files->type};
    struct err err = {0}, chain_err = {0};
    char name[256];
    files_name(name, files, FILE_KEYPAIR);
    int ret = read_public(&key, files, name, &err);
    int chain_ret = ret == -ENOMEM ? ret : read_chain(&key.chain, files, &chain_err);
    if (ret == -ENOMEM || chain_ret == -ENOMEM) {
        key_free(&key);
        return -ENOMEM;
    }
    if (chain_ret < 0 && chain_ret != -ENOENT) {
        tell(client, files, &chain_err, unreadable);
    }
    if ((ret == -EACCES || ret == -EPERM) && chain_ret == 0) {
        EVP_PKEY *leaf = X509_get0_pubkey(key.chain.certs[0]);
        ret = leaf == NULL ? ERR_MALFORMED : tlsa_spki(&key.spki, &key.spki_len, leaf, &err);
    }
    if (ret < 0) {
        if (ret != -ENOENT) {
            tell(client, files, &err, unreadable);
        }
        key_free(&key);
        return 0;
    }
    if (key.chain.count > 0 && !fits(&key)) {
        log_warning(client->log, NULL,
                    "%s %s: the certificate is not of the key beside it: records are made of the "
                    "key; certmill get certificate gets another",
                    set->names[0], key_type_name(files->type));
        chain_clear(&key.chain);
    }
    return push(out, &key);
}

static int read_staged(struct tlsa_keys *out, struct client *client, const struct set *set,
                       const struct files *files, unsigned *unreadable)
{
    struct tlsa_key key = {.holder = TLSA_STAGED, .set = set, .type = files->type};
    const struct tlsa_key *current = tlsa_keys_find(out, TLSA_CURRENT, files->type);
    struct err err = {0};
    char path[320];
    tlsa_staged_path(path, files);
    int ret = read_public(&key, files, path, &err);
    if (ret < 0) {
        key_free(&key);
        if (ret != -ENOENT && ret != -ENOMEM) {
            tell(client, files, &err, unreadable);
        }
        return ret == -ENOMEM ? ret : 0;
    }
    if (current != NULL && key.spki != NULL && current->spki_len == key.spki_len &&
        memcmp(current->spki, key.spki, key.spki_len) == 0) { /* activated, and then interrupted */
        key_free(&key);
        return 0;
    }
    return push(out, &key);
}

static int read_old(struct tlsa_keys *out, struct client *client, const struct set *set,
                    const struct files *files, unsigned *unreadable)
{
    struct keyhistory history;
    struct err err = {0};
    int ret = keyhistory_read(&history, files, &err);
    if (ret < 0) {
        if (ret != -ENOMEM) {
            tell(client, files, &err, unreadable);
        }
        return ret == -ENOMEM ? ret : 0;
    }
    for (size_t i = history.count; ret == 0 && i > 0; i--) {
        struct keyhistory_key *old = &history.keys[i - 1];
        struct tlsa_key key = {.holder = TLSA_STALE,
                               .set = set,
                               .type = files->type,
                               .spki = old->spki,
                               .spki_len = old->len,
                               .ended = old->ended,
                               .why = old->why};
        old->spki = NULL;
        ret = push(out, &key);
    }
    keyhistory_clear(&history);
    return ret;
}

bool tlsa_key_is_old_certificate(const struct tlsa_key *key)
{
    return key->holder == TLSA_STALE && key->chain.count > 0;
}

/* The certificate of a version folder, where that can be read. */
static int read_version(struct tlsa_keys *keys, const struct set *set, enum key_type type,
                        int version)
{
    struct tlsa_key key = {.holder = TLSA_STALE, .set = set, .type = type};
    char *pem;
    size_t len;
    if (file_read(version, "certificate.crt", LIMIT_CHAIN_PEM, &pem, &len, NULL) < 0) {
        return 0;
    }
    int ret = chain_parse(&key.chain, pem, len, NULL);
    free(pem);
    EVP_PKEY *leaf = ret == 0 ? X509_get0_pubkey(key.chain.certs[0]) : NULL;
    if (leaf == NULL || key.chain.count != 1 ||
        (ret = tlsa_spki(&key.spki, &key.spki_len, leaf, NULL)) < 0) {
        key_free(&key);
        return ret == -ENOMEM ? ret : 0;
    }
    return push(keys, &key);
}

int tlsa_keys_read_old(struct tlsa_keys *keys, struct client *client, const struct set *set)
{
    unsigned long versions[INSTALL_VERSIONS_MAX];
    int ret = 0;
    for (int type = 0; ret == 0 && type < KEY_TYPES; type++) {
        struct files files = client_files(client, set, (enum key_type)type);
        int dir = install_folder_look(&files);
        size_t count = dir < 0 ? 0 : install_versions_old(dir, versions);
        for (size_t i = 0; ret == 0 && i < count; i++) {
            int version = install_version_open(dir, versions[i]);
            if (version >= 0) {
                ret = read_version(keys, set, (enum key_type)type, version);
                close(version);
            }
        }
        if (dir >= 0) {
            close(dir);
        }
    }
    if (ret < 0) {
        tlsa_keys_clear(keys);
    }
    return ret;
}

int tlsa_keys_read(struct tlsa_keys *out, struct client *client, const struct set *set,
                   unsigned *unreadable)
{
    static int (*const readers[])(struct tlsa_keys *, struct client *, const struct set *,
                                  const struct files *,
                                  unsigned *) = {read_current, read_staged, read_old};
    *out = (struct tlsa_keys){0};
    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
        for (int type = 0; type < KEY_TYPES; type++) {
            struct files files = client_files(client, set, (enum key_type)type);
            if (readers[i](out, client, set, &files, unreadable) < 0) {
                tlsa_keys_clear(out);
                return -ENOMEM;
            }
        }
    }
    return 0;
}
