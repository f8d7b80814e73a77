#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/scan_priv.h"
#include "common/domainset.h"
#include "common/timestamp.h"

#define SKEW_S 3600 /* a clock that is behind by so much is forgiven */

/* -- names -- */

/* A certificate's names as a set; *why where they make none. -ENOMEM. */
static int names_of(struct set *out, X509 *cert, const char **why)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    char text[LIMIT_NAMES * (LIMIT_DOMAIN_TEXT + 1) + 1] = "";
    size_t at = 0;
    int ret = 0, count = names != NULL ? sk_GENERAL_NAME_num(names) : 0;
    *why = count == 0 ? "names no domain" : count > LIMIT_NAMES ? "has too many names" : NULL;
    for (int i = 0; i < count && *why == NULL; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        const ASN1_IA5STRING *value = name->d.dNSName;
        size_t len = name->type == GEN_DNS ? (size_t)ASN1_STRING_length(value) : 0;
        const char *data = len > 0 ? (const char *)ASN1_STRING_get0_data(value) : "";
        if (len == 0 || len > LIMIT_DOMAIN_TEXT || memchr(data, '\0', len) != NULL ||
            memchr(data, ',', len) != NULL) {
            *why = "has names that are not DNS names, and that the server cannot get";
        } else {
            at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%.*s", i > 0 ? "," : "",
                                   (int)len, data);
        }
    }
    GENERAL_NAMES_free(names);
    if (*why == NULL && (ret = set_parse(out, text, NULL)) < 0 && ret != -ENOMEM) {
        *why = "has names that no certificate can be asked for";
    }
    return ret == -ENOMEM ? ret : 0;
}

static bool same_names(const struct set *a, const struct set *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++) {
        same = false;
        for (size_t j = 0; !same && j < b->count; j++) {
            same = strcmp(a->names[i], b->names[j]) == 0;
        }
    }
    return same;
}

/* -- verdicts -- */

static void say(struct scan_pair *pair, enum scan_verdict verdict, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The first reason stands. */
static void say(struct scan_pair *pair, enum scan_verdict verdict, const char *fmt, ...)
{
    va_list args;
    if (pair->verdict != SCAN_RENEWS) {
        return;
    }
    va_start(args, fmt);
    vsnprintf(pair->reason, sizeof(pair->reason), fmt, args);
    va_end(args);
    pair->verdict = verdict;
}

static void judge_files(const struct scan *scan, size_t at, struct scan_pair *pair)
{
    for (size_t i = 0; i < scan->count; i++) {
        const struct scan_file *file = &scan->files[i];
        if (file->pair != at || file->role == SCAN_ISSUERS) {
            continue;
        }
        if (file->outside) {
            say(pair, SCAN_PEOPLE,
                "%.300s is a link out of the folder, and is not followed: scan the folder that it "
                "leads to",
                file->path);
        } else if (file->shared) {
            say(pair, SCAN_PEOPLE,
                "%.300s holds certificates for several keys or names: give each a file",
                file->path);
        }
    }
}

/* Whether another pair of the same names and type has a certificate for longer. */
static bool is_replaced(const struct scan *scan, size_t at)
{
    const struct scan_pair *pair = &scan->pairs[at];
    for (size_t i = 0; i < scan->pair_count; i++) {
        const struct scan_pair *other = &scan->pairs[i];
        if (i != at && other->type == pair->type && same_names(&other->set, &pair->set) &&
            chain_not_after(other->leaf) > chain_not_after(pair->leaf)) {
            return true;
        }
    }
    return false;
}

/* Something that a run was about to put in place is there still. */
static bool is_torn(const struct scan *scan, size_t at)
{
    for (size_t i = 0; i < scan->count; i++) {
        const struct scan_file *file = &scan->files[i];
        const char *slash = strrchr(file->path, '/');
        int len = slash != NULL ? (int)(slash - file->path + 1) : 0;
        char aside[256], path[LIMIT_PATH];
        if (file->pair == at && file->role != SCAN_ISSUERS && !file->shared && !file->outside &&
            scan_aside(aside, file->path + len) == 0 &&
            snprintf(path, sizeof(path), "%.*s%s", len, file->path, aside) < (int)sizeof(path) &&
            faccessat(scan->folder, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
            return true;
        }
    }
    return false;
}

static void judge(const struct scan *scan, size_t at, int64_t now)
{
    struct scan_pair *pair = &scan->pairs[at];
    int64_t from = chain_not_before(pair->leaf), until = chain_not_after(pair->leaf);
    char date[TIMESTAMP_SIZE];
    if (X509_NAME_cmp(X509_get_issuer_name(pair->leaf), X509_get_subject_name(pair->leaf)) == 0) {
        say(pair, SCAN_LEAVES, "it is signed by itself");
    }
    if (X509_check_ca(pair->leaf) == 1) {
        say(pair, SCAN_LEAVES, "it is a CA's");
    }
    ERR_clear_error();
    if (from < 0 || until <= from) {
        say(pair, SCAN_PEOPLE, "it has no sane validity");
    } else if (until <= now && is_replaced(scan, at)) {
        say(pair, SCAN_LEAVES, "it has expired on %s, and another one is there for its names",
            timestamp_format(date, until));
    } else if (from - now > SKEW_S) {
        say(pair, SCAN_PEOPLE, "it is not valid before %s: is this host's clock right?",
            timestamp_format(date, from));
    }
    judge_files(scan, at, pair);
    pair->torn = is_torn(scan, at);
}

/* -- pairs -- */

/* The file with the key of a certificate, or SCAN_NONE. */
static size_t find_key(const struct scan *scan, X509 *cert)
{
    EVP_PKEY *public = X509_get0_pubkey(cert);
    uint8_t digest[SCAN_DIGEST];
    ERR_clear_error();
    if (public == NULL || scan_public(digest, public) < 0) {
        return SCAN_NONE;
    }
    for (size_t i = 0; i < scan->count; i++) {
        const struct scan_file *file = &scan->files[i];
        if (file->pem.key != NULL && memcmp(file->public, digest, sizeof(digest)) == 0) {
            return i;
        }
    }
    return SCAN_NONE;
}

static size_t find_pair(const struct scan *scan, size_t key, const struct set *set)
{
    for (size_t i = 0; i < scan->pair_count; i++) {
        const struct scan_pair *pair = &scan->pairs[i];
        if (memcmp(scan->files[pair->key].public, scan->files[key].public, SCAN_DIGEST) == 0 &&
            same_names(&pair->set, set)) {
            return i;
        }
    }
    return SCAN_NONE;
}

/* The pair of a leaf, made where there is none. SCAN_NONE: out of memory. */
static size_t pair_of(struct scan *scan, size_t file, size_t key, X509 *leaf)
{
    const char *why = NULL;
    struct set set = {0};
    if (names_of(&set, leaf, &why) < 0) {
        return SCAN_NONE;
    }
    size_t at = find_pair(scan, key, &set);
    if (at != SCAN_NONE) {
        struct scan_pair *pair = &scan->pairs[at];
        int order = X509_cmp(pair->leaf, leaf);
        pair->lags = pair->lags || order != 0;
        if (order != 0 && chain_not_before(leaf) > chain_not_before(pair->leaf)) {
            pair->leaf = leaf;
            pair->first = file;
        }
        set_clear(&set);
        return at;
    }
    struct scan_pair *pairs = realloc(scan->pairs, (scan->pair_count + 1) * sizeof(pairs[0]));
    if (pairs == NULL) {
        set_clear(&set);
        return SCAN_NONE;
    }
    scan->pairs = pairs;
    struct scan_pair *pair = &pairs[scan->pair_count];
    *pair = (struct scan_pair){
        .set = set, .type = scan->files[key].pem.type, .key = key, .leaf = leaf, .first = file};
    if (why != NULL) {
        say(pair, SCAN_LEAVES, "it %s", why);
    }
    return scan->pair_count++;
}

static int take_leaves(struct scan *scan, size_t at, struct err *err)
{
    struct scan_file *file = &scan->files[at];
    file->role = file->pem.cert_count > 1 ? SCAN_ALL : SCAN_LEAF;
    for (size_t i = 0; i < file->pem.cert_count; i++) {
        bool issuer = i > 0 && X509_check_ca(file->pem.certs[i]) == 1;
        size_t key = issuer ? SCAN_NONE : find_key(scan, file->pem.certs[i]);
        if (key == SCAN_NONE) {
            continue;
        }
        size_t pair = pair_of(scan, at, key, file->pem.certs[i]);
        if (pair == SCAN_NONE) {
            return err_set(err, -ENOMEM, "out of memory");
        }
        if (file->pair != SCAN_NONE && file->pair != pair) {
            file->shared = true;
            say(&scan->pairs[pair], SCAN_PEOPLE,
                "%.300s holds certificates for several keys or names: give each a file",
                file->path);
        } else {
            file->pair = pair;
        }
    }
    return 0;
}

/* -- files of issuers -- */

static bool same_folder(const char *a, const char *b)
{
    const char *x = strrchr(a, '/'), *y = strrchr(b, '/');
    size_t len = x != NULL ? (size_t)(x - a) : 0;
    return len == (y != NULL ? (size_t)(y - b) : 0) && memcmp(a, b, len) == 0;
}

/* What is signed by itself is there to be trusted, not to be sent. */
static bool holds_issuers(const struct scan_file *file)
{
    if (file->pair != SCAN_NONE || file->outside || file->pem.cert_count == 0 ||
        file->pem.key != NULL || file->pem.fault_code != 0) {
        return false;
    }
    for (size_t i = 0; i < file->pem.cert_count; i++) {
        X509 *cert = file->pem.certs[i];
        if (X509_NAME_cmp(X509_get_issuer_name(cert), X509_get_subject_name(cert)) == 0) {
            return false;
        }
    }
    return true;
}

static bool is_issuer_of(const struct scan *scan, const struct scan_file *file, size_t pair)
{
    if (X509_check_issued(file->pem.certs[0], scan->pairs[pair].leaf) != X509_V_OK) {
        return false;
    }
    for (size_t i = 0; i < scan->count; i++) {
        const struct scan_file *other = &scan->files[i];
        if (other != file && other->pair == pair && other->role != SCAN_ISSUERS &&
            same_folder(other->path, file->path)) {
            return true;
        }
    }
    return false;
}

static void take_issuers(struct scan *scan, struct scan_file *file)
{
    if (!holds_issuers(file)) {
        return;
    }
    for (size_t i = 0; i < scan->pair_count; i++) {
        if (is_issuer_of(scan, file, i)) {
            file->shared = file->pair != SCAN_NONE;
            file->pair = file->shared ? file->pair : i;
            file->role = SCAN_ISSUERS;
        }
    }
    ERR_clear_error();
}

int scan_make_pairs(struct scan *scan, int64_t now, struct err *err)
{
    int ret = 0;
    for (size_t i = 0; ret == 0 && i < scan->count; i++) {
        ret = take_leaves(scan, i, err);
    }
    for (size_t i = 0; ret == 0 && i < scan->count; i++) {
        take_issuers(scan, &scan->files[i]);
    }
    for (size_t i = 0; ret == 0 && i < scan->pair_count; i++) {
        judge(scan, i, now);
    }
    return ret;
}
