/*
 * A folder of keys and certificates, and a CA whose they are: for tests of client/scan.
 */
#ifndef CERTMILL_TESTS_SCAN_WORLD_H
#define CERTMILL_TESTS_SCAN_WORLD_H

#include "client/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "tests/unit/client/ca.h"
#include "tests/unit/common/folder.h"
#include "tests/unit/common/run.h"

#define DAY (24L * 3600)

static char base[] = "/tmp/certmill-scan-XXXXXX", path[64];
static struct err err;
static struct scan scan;
static EVP_PKEY *key, *other, *ca_key, *sub_key;
static X509 *root, *sub, *leaf, *fresh_leaf, *new_sub;

static inline void fresh(void)
{
    scan_clear(&scan);
    folder_remove(path);
    snprintf(path, sizeof(path), "%s/folder", base);
    CU_ASSERT_EQUAL_FATAL(mkdir(path, 0755), 0);
}

static inline void make_folder(const char *name)
{
    char full[256];
    snprintf(full, sizeof(full), "%s/%s", path, name);
    CU_ASSERT_EQUAL_FATAL(mkdir(full, 0755), 0);
}

static inline void make_link(const char *target, const char *name)
{
    char full[256];
    snprintf(full, sizeof(full), "%s/%s", path, name);
    CU_ASSERT_EQUAL_FATAL(symlink(target, full), 0);
}

static inline void put_text(const char *name, const char *text)
{
    char full[256];
    snprintf(full, sizeof(full), "%s/%s", path, name);
    FILE *file = fopen(full, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_TRUE(fputs(text, file) >= 0 && fclose(file) == 0);
}

static inline char *key_text(EVP_PKEY *pkey)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data;
    PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL);
    long len = BIO_get_mem_data(bio, &data);
    char *text = strndup(data, (size_t)len);
    BIO_free(bio);
    return text;
}

/* The key (or NULL) and up to two certificates. */
static inline void put(const char *name, EVP_PKEY *pkey, X509 *a, X509 *b)
{
    char *text = pkey != NULL ? key_text(pkey) : NULL;
    text = a != NULL ? ca_pem(text, a) : text;
    text = b != NULL ? ca_pem(text, b) : text;
    put_text(name, text);
    free(text);
}

static inline char *get(const char *name)
{
    static char texts[4][65536];
    static unsigned turn;
    char full[256], *data, *text = texts[turn++ % 4];
    size_t len;
    snprintf(full, sizeof(full), "%s/%s", path, name);
    text[0] = '\0';
    if (file_read(AT_FDCWD, full, sizeof(texts[0]) - 1, &data, &len, NULL) == 0) {
        memcpy(text, data, len + 1);
        free(data);
    }
    return text;
}

static inline void look(void)
{
    scan_clear(&scan);
    CU_ASSERT_EQUAL_FATAL(scan_folder(&scan, path, time(NULL), &err), 0);
}

static inline const struct scan_file *file_of(const char *name)
{
    for (size_t i = 0; i < scan.count; i++) {
        if (strcmp(scan.files[i].path, name) == 0) {
            return &scan.files[i];
        }
    }
    return NULL;
}

static inline X509 *issue(EVP_PKEY *for_key, const char *names, long from, long to)
{
    const struct ca_wish wish = {.subject = "leaf",
                                 .names = names,
                                 .key = for_key,
                                 .issuer = sub,
                                 .issuer_key = sub_key,
                                 .from = from,
                                 .to = to};
    return ca_make(&wish);
}

static inline int make_world(void)
{
    if (mkdtemp(base) == NULL) {
        return -errno;
    }
    scan.folder = -1;
    key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    other = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    ca_key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    sub_key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    struct ca_wish wish = {
        .subject = "root", .key = ca_key, .ca = 1, .from = -90 * DAY, .to = 900 * DAY};
    root = ca_make(&wish);
    wish = (struct ca_wish){.subject = "sub",
                            .key = sub_key,
                            .issuer = root,
                            .issuer_key = ca_key,
                            .ca = 1,
                            .from = -80 * DAY,
                            .to = 800 * DAY};
    sub = ca_make(&wish);
    wish.from = -DAY;
    new_sub = ca_make(&wish);
    leaf = issue(key, "DNS:a.example,DNS:b.example", -60 * DAY, 30 * DAY);
    fresh_leaf = issue(key, "DNS:b.example,DNS:a.example", -DAY, 89 * DAY);
    return 0;
}

static inline void end_world(void)
{
    X509 *certs[] = {root, sub, leaf, fresh_leaf, new_sub};
    EVP_PKEY *keys[] = {key, other, ca_key, sub_key};
    scan_clear(&scan);
    folder_remove(base);
    for (size_t i = 0; i < sizeof(certs) / sizeof(certs[0]); i++) {
        X509_free(certs[i]);
    }
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        EVP_PKEY_free(keys[i]);
    }
}

#endif
