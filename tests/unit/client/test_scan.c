/*
 * Keys and certificates that other programs keep in a folder: found by what files hold, and
 * replaced so that each file is whole whenever a run ends.
 */
#include "client/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client/scan_write.h"
#include "common/file.h"
#include "tests/unit/client/ca.h"
#include "tests/unit/common/run.h"

#define DAY (24L * 3600)

static char base[] = "/tmp/certmill-scan-XXXXXX", path[64];
static struct err err;
static struct scan scan;
static EVP_PKEY *key, *other, *ca_key, *sub_key;
static X509 *root, *sub, *leaf, *fresh_leaf, *new_sub;

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(name);
}

static void fresh(void)
{
    scan_clear(&scan);
    nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    snprintf(path, sizeof(path), "%s/folder", base);
    CU_ASSERT_EQUAL_FATAL(mkdir(path, 0755), 0);
}

static void make_folder(const char *name)
{
    char full[256];
    snprintf(full, sizeof(full), "%s/%s", path, name);
    CU_ASSERT_EQUAL_FATAL(mkdir(full, 0755), 0);
}

static void make_link(const char *target, const char *name)
{
    char full[256];
    snprintf(full, sizeof(full), "%s/%s", path, name);
    CU_ASSERT_EQUAL_FATAL(symlink(target, full), 0);
}

static void put_text(const char *name, const char *text)
{
    char full[256];
    snprintf(full, sizeof(full), "%s/%s", path, name);
    FILE *file = fopen(full, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_TRUE(fputs(text, file) >= 0 && fclose(file) == 0);
}

static char *key_text(EVP_PKEY *pkey)
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
static void put(const char *name, EVP_PKEY *pkey, X509 *a, X509 *b)
{
    char *text = pkey != NULL ? key_text(pkey) : NULL;
    text = a != NULL ? ca_pem(text, a) : text;
    text = b != NULL ? ca_pem(text, b) : text;
    put_text(name, text);
    free(text);
}

static char *get(const char *name)
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

static void look(void)
{
    scan_clear(&scan);
    CU_ASSERT_EQUAL_FATAL(scan_folder(&scan, path, time(NULL), &err), 0);
}

static const struct scan_file *file_of(const char *name)
{
    for (size_t i = 0; i < scan.count; i++) {
        if (strcmp(scan.files[i].path, name) == 0) {
            return &scan.files[i];
        }
    }
    return NULL;
}

static X509 *issue(EVP_PKEY *for_key, const char *names, long from, long to)
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

static void make_world(void)
{
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
}

/* -- finding -- */

/* certbot's names, combined files, subfolders: what counts is in the files. */
static void test_roles(void)
{
    fresh();
    make_folder("a");
    make_folder("a/deep");
    make_folder("private");
    put("private/whatever", key, NULL, NULL);
    put("a/cert.pem", NULL, leaf, NULL);
    put("a/fullchain.pem", NULL, leaf, sub);
    put("a/chain.pem", NULL, sub, NULL);
    put("combined", key, leaf, sub);
    put("ca.pem", NULL, root, NULL);         /* to be trusted, not to be sent */
    put("a/root.pem", NULL, sub, root);      /* likewise */
    put("a/cert.pem.old", NULL, leaf, NULL); /* a copy */
    put("a/deep/cert.pem", NULL, leaf, NULL);
    put(".hidden", NULL, leaf, NULL);
    put_text("README", "no key");
    look();
    CU_ASSERT_EQUAL_FATAL(scan.pair_count, 1);
    const struct scan_pair *pair = &scan.pairs[0];
    CU_ASSERT_EQUAL(pair->verdict, SCAN_RENEWS);
    CU_ASSERT_FALSE(pair->lags);
    CU_ASSERT_EQUAL(pair->type, KEY_ECDSA);
    CU_ASSERT_EQUAL(pair->set.count, 2);
    CU_ASSERT_STRING_EQUAL(pair->set.names[0], "a.example");
    CU_ASSERT_EQUAL(file_of("a/cert.pem")->role, SCAN_LEAF);
    CU_ASSERT_EQUAL(file_of("a/fullchain.pem")->role, SCAN_ALL);
    CU_ASSERT_EQUAL(file_of("combined")->role, SCAN_ALL);
    CU_ASSERT_EQUAL(file_of("a/chain.pem")->role, SCAN_ISSUERS);
    CU_ASSERT_EQUAL(file_of("a/chain.pem")->pair, 0);
    CU_ASSERT_EQUAL(file_of("ca.pem")->pair, SCAN_NONE);
    CU_ASSERT_EQUAL(file_of("a/root.pem")->pair, SCAN_NONE);
    CU_ASSERT_PTR_NULL(file_of("a/cert.pem.old"));
    CU_ASSERT_PTR_NULL(file_of("a/deep/cert.pem"));
    CU_ASSERT_PTR_NULL(file_of(".hidden"));
}

static void test_links(void)
{
    fresh();
    make_folder("live");
    make_folder("archive");
    make_folder(".certmill");
    put("archive/cert1", NULL, leaf, NULL);
    put("archive/key1", key, NULL, NULL);
    put(".certmill/cert", NULL, fresh_leaf, NULL);
    make_link("../archive/cert1", "live/cert.pem");
    make_link("../archive/key1", "live/privkey.pem");
    make_link("/nonexistent", "live/broken.pem");
    make_link("loop.pem", "loop.pem");
    make_link(".certmill/cert", "ours.crt"); /* periodic's */
    look();
    CU_ASSERT_EQUAL(scan.count, 2);
    CU_ASSERT_PTR_NOT_NULL(file_of("archive/cert1"));
    CU_ASSERT_EQUAL_FATAL(scan.pair_count, 1);
    CU_ASSERT_EQUAL(scan.pairs[0].verdict, SCAN_RENEWS);
}

static void test_link_out(void)
{
    char out[128];
    fresh();
    snprintf(out, sizeof(out), "%s/outside.pem", base);
    make_folder("live");
    put("../outside.pem", NULL, leaf, NULL);
    put("key", key, NULL, NULL);
    make_link("../../outside.pem", "live/cert.pem");
    look();
    CU_ASSERT_EQUAL_FATAL(scan.pair_count, 1);
    CU_ASSERT_EQUAL(scan.pairs[0].verdict, SCAN_PEOPLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(scan.pairs[0].reason, "live/cert.pem is a link out"));
    unlink(out);
}

static void expect(enum scan_verdict verdict, const char *reason)
{
    look();
    CU_ASSERT_EQUAL_FATAL(scan.pair_count, 1);
    if (scan.pairs[0].verdict != verdict || strstr(scan.pairs[0].reason, reason) == NULL) {
        printf("\n  -- %d: %s\n", scan.pairs[0].verdict, scan.pairs[0].reason);
    }
    CU_ASSERT_EQUAL(scan.pairs[0].verdict, verdict);
    CU_ASSERT_PTR_NOT_NULL(strstr(scan.pairs[0].reason, reason));
}

static void expect_of(X509 *cert, enum scan_verdict verdict, const char *reason)
{
    fresh();
    put("key", key, NULL, NULL);
    put("cert", NULL, cert, NULL);
    expect(verdict, reason);
    X509_free(cert);
}

static void test_verdicts(void)
{
    const struct ca_wish self = {
        .subject = "self", .names = "DNS:a.example", .key = key, .from = -DAY, .to = DAY};
    const struct ca_wish ca = {.subject = "ca", .key = key, .ca = 1, .from = -DAY, .to = DAY};
    expect_of(ca_make(&self), SCAN_LEAVES, "signed by itself");
    expect_of(ca_make(&ca), SCAN_LEAVES, "names no domain");
    expect_of(issue(key, "DNS:a.example", -9 * DAY, -DAY), SCAN_PEOPLE, "has expired on");
    expect_of(issue(key, "DNS:a.example", 9 * DAY, 99 * DAY), SCAN_PEOPLE, "not valid before");
    expect_of(issue(key, "DNS:a.example,IP:127.0.0.1", -DAY, DAY), SCAN_LEAVES, "not DNS names");
    expect_of(issue(key, "DNS:under_score.example", -DAY, DAY), SCAN_LEAVES, "no certificate can");
    expect_of(issue(key, "email:a@a.example", -DAY, DAY), SCAN_LEAVES, "not DNS names");
}

/* Two pairs in one file: which of them a reader takes nobody knows. */
static void test_shared_files(void)
{
    X509 *rsa = issue(other, "DNS:a.example", -DAY, DAY);
    fresh();
    put("key", key, NULL, NULL);
    put("other", other, NULL, NULL);
    put("both", NULL, leaf, rsa);
    look();
    CU_ASSERT_EQUAL_FATAL(scan.pair_count, 2);
    CU_ASSERT_EQUAL(scan.pairs[0].verdict, SCAN_PEOPLE);
    CU_ASSERT_EQUAL(scan.pairs[1].verdict, SCAN_PEOPLE);
    fresh();
    put("key", key, leaf, NULL);
    put("other", other, rsa, NULL);
    put("chain", NULL, sub, NULL);
    look();
    CU_ASSERT_EQUAL(scan.pair_count, 2);
    CU_ASSERT_TRUE(file_of("chain")->shared);
    CU_ASSERT_EQUAL(scan.pairs[0].verdict, SCAN_RENEWS);
    X509_free(rsa);
}

/* What a crash leaves, or a hand: an older certificate in one of the files. */
static void test_lags(void)
{
    fresh();
    put("key", key, NULL, NULL);
    put("a", NULL, fresh_leaf, sub);
    put("b", NULL, leaf, NULL);
    look();
    CU_ASSERT_EQUAL_FATAL(scan.pair_count, 1);
    CU_ASSERT_TRUE(scan.pairs[0].lags);
    CU_ASSERT_EQUAL(X509_cmp(scan.pairs[0].leaf, fresh_leaf), 0);
}

static void test_bad_keys(void)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data, *text;
    PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL);
    long len = BIO_get_mem_data(bio, &data);
    text = strndup(data, (size_t)len);
    fresh();
    put_text("encrypted", text);
    put("cert", NULL, leaf, NULL);
    put_text("cut", "-----BEGIN PRIVATE KEY-----\nMIGH");
    put_text("ssh", "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n-----END OPENSSH PRIVATE KEY-----\n");
    EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    put("ed", ed, NULL, NULL);
    look();
    CU_ASSERT_EQUAL(scan.pair_count, 0);
    CU_ASSERT_EQUAL(file_of("encrypted")->pem.fault_code, ERR_MALFORMED);
    CU_ASSERT_PTR_NOT_NULL(strstr(file_of("encrypted")->pem.fault, "pass phrase"));
    CU_ASSERT_EQUAL(file_of("ed")->pem.fault_code, ERR_RANGE);
    CU_ASSERT_PTR_NULL(file_of("ssh"));
    EVP_PKEY_free(ed);
    free(text);
    BIO_free(bio);
}

static void test_no_folder(void)
{
    scan_clear(&scan);
    CU_ASSERT_EQUAL(scan_folder(&scan, "/nonexistent", 0, &err), -ENOENT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/nonexistent"));
    CU_ASSERT_TRUE(scan_folder(&scan, "/dev/null", 0, &err) < 0);
}

/* -- writing -- */

static void test_rewrite(void)
{
    const struct chain chain = {.certs = {fresh_leaf, new_sub}, .count = 2};
    char *text = ca_pem(ca_pem(strdup("# old words\n"), leaf), sub), *k = key_text(key), *out;
    char *expected = NULL, *parameters = strdup("-----BEGIN DH PARAMETERS-----\nAA==\n"
                                                "-----END DH PARAMETERS-----\n");
    size_t len;
    text = realloc(text, strlen(text) + strlen(k) + strlen(parameters) + 1);
    strcat(strcat(text, parameters), k);
    CU_ASSERT_EQUAL_FATAL(scan_pem_rewrite(&out, &len, text, strlen(text), &chain, SCAN_ALL, &err),
                          0);
    expected = ca_pem(ca_pem(NULL, fresh_leaf), new_sub);
    expected = realloc(expected, strlen(expected) + strlen(k) + strlen(parameters) + 1);
    strcat(strcat(expected, parameters), k);
    CU_ASSERT_STRING_EQUAL(out, expected);
    CU_ASSERT_EQUAL(len, strlen(expected));
    free(out);
    const struct chain alone = {.certs = {fresh_leaf}, .count = 1};
    CU_ASSERT_EQUAL(scan_pem_rewrite(&out, &len, text, strlen(text), &alone, SCAN_ISSUERS, &err),
                    ERR_NOT_FOUND);
    free(expected);
    free(parameters);
    free(k);
    free(text);
}

static int steps, stop_at;
static bool dies, in_place;

static int on_step(void *arg, const char *what)
{
    (void)arg;
    (void)what;
    if (++steps != stop_at) {
        return 0;
    }
    if (dies) {
        _exit(0);
    }
    return -EIO;
}

static const char *const names[] = {"a/fullchain.pem", "combined", "a/chain.pem", "a/cert.pem"};

static void put_set(void)
{
    fresh();
    make_folder("a");
    put("a/privkey.pem", key, NULL, NULL);
    put("a/fullchain.pem", NULL, leaf, sub);
    put("a/chain.pem", NULL, sub, NULL);
    put("a/cert.pem", NULL, leaf, NULL);
    put("combined", key, leaf, sub);
    look();
    CU_ASSERT_EQUAL_FATAL(scan.pair_count, 1);
}

static int write_new(unsigned keep_old)
{
    static const struct install_hook hook = {.step = on_step};
    const struct chain chain = {.certs = {fresh_leaf, new_sub}, .count = 2};
    const struct scan_write write = {
        .scan = &scan, .pair = 0, .chain = &chain, .keep_old = keep_old, .hook = &hook};
    steps = 0;
    return scan_write(&write, &in_place, &err);
}

static char *expected_of(size_t i, bool new)
{
    X509 *a = new ? fresh_leaf : leaf, *b = new ? new_sub : sub;
    char *text = i == 1 ? key_text(key) : NULL;
    text = i == 2 ? text : ca_pem(text, a);
    return i == 3 ? text : ca_pem(text, b);
}

/* How many files are new; each is whole, and in its turn. */
static size_t count_new(void)
{
    size_t count = 0;
    for (size_t i = 0; i < 4; i++) {
        char *old = expected_of(i, false), *new = expected_of(i, true);
        const char *now = get(names[i]);
        bool is_new = strcmp(now, new) == 0;
        CU_ASSERT_TRUE(is_new || strcmp(now, old) == 0);
        CU_ASSERT_TRUE(!is_new || count == i);
        count += is_new;
        free(old);
        free(new);
    }
    return count;
}

static size_t leftovers(void)
{
    char command[200], line[32] = "";
    snprintf(command, sizeof(command), "find %s -name '*certmill-new' | wc -l", path);
    FILE *out = popen(command, "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    CU_ASSERT_PTR_NOT_NULL(fgets(line, sizeof(line), out));
    pclose(out);
    return strtoul(line, NULL, 10);
}

static void test_write(void)
{
    stop_at = 0;
    put_set();
    char full[256];
    struct stat st;
    snprintf(full, sizeof(full), "%s/combined", path);
    CU_ASSERT_EQUAL(chmod(full, 0600), 0);
    CU_ASSERT_EQUAL(write_new(1), 0);
    CU_ASSERT_EQUAL(count_new(), 4);
    CU_ASSERT_EQUAL(leftovers(), 0);
    CU_ASSERT_TRUE(stat(full, &st) == 0 && (st.st_mode & 0777) == 0600);
    char *old = expected_of(0, false);
    CU_ASSERT_STRING_EQUAL(get("a/fullchain.pem.old"), old);
    free(old);
    look();
    CU_ASSERT_FALSE(scan.pairs[0].lags);
    put_set();
    CU_ASSERT_EQUAL(write_new(0), 0);
    CU_ASSERT_STRING_EQUAL(get("a/fullchain.pem.old"), "");
}

#define STEPS 16 /* write 4 files, keep 4; replace one and sync its folder, 4 times */

static size_t new_after(int step)
{
    return step <= 9 ? 0 : (size_t)(step - 8) / 2;
}

/* An error at each step: before the first rename nothing has changed. */
static void test_errors(void)
{
    for (stop_at = 1; stop_at <= STEPS; stop_at++) {
        put_set();
        CU_ASSERT_EQUAL(write_new(1), -EIO);
        CU_ASSERT_EQUAL(count_new(), new_after(stop_at));
        CU_ASSERT_EQUAL(in_place, stop_at == STEPS);
        CU_ASSERT_EQUAL(leftovers(), 0);
    }
    put_set();
    CU_ASSERT_EQUAL(write_new(1), 0);
    CU_ASSERT_TRUE(in_place);
}

/* Killed at each step: every file is whole, and the next run brings all to the same. */
static void test_crashes(void)
{
    dies = true;
    for (stop_at = 1; stop_at <= STEPS; stop_at++) {
        int status;
        put_set();
        pid_t pid = fork();
        if (pid == 0) {
            write_new(1);
            _exit(1);
        }
        CU_ASSERT_TRUE(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
        size_t new = count_new();
        CU_ASSERT_EQUAL(new, new_after(stop_at));
        look();
        CU_ASSERT_EQUAL_FATAL(scan.pair_count, 1);
        CU_ASSERT_EQUAL(scan.pairs[0].lags, new > 0 && new < 4);
        int again = stop_at;
        stop_at = 0;
        CU_ASSERT_EQUAL(write_new(1), 0);
        CU_ASSERT_EQUAL(count_new(), 4);
        CU_ASSERT_EQUAL(leftovers(), 0);
        stop_at = again;
    }
    dies = false;
    stop_at = 0;
}

static void test_changed_meanwhile(void)
{
    put_set();
    put("a/cert.pem", NULL, fresh_leaf, NULL);
    CU_ASSERT_EQUAL(write_new(1), ERR_BUSY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "a/cert.pem has been changed"));
    char *old = expected_of(0, false);
    CU_ASSERT_STRING_EQUAL(get("a/fullchain.pem"), old);
    free(old);
    /* a link in the file's place, or its folder's, is not followed */
    put_set();
    char full[256], away[256];
    snprintf(full, sizeof(full), "%s/a", path);
    snprintf(away, sizeof(away), "%s/b", path);
    CU_ASSERT_EQUAL(rename(full, away), 0);
    make_link("b", "a");
    CU_ASSERT_TRUE(write_new(1) < 0);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"roles", test_roles},
        {"links", test_links},
        {"link out", test_link_out},
        {"verdicts", test_verdicts},
        {"shared", test_shared_files},
        {"lags", test_lags},
        {"bad keys", test_bad_keys},
        {"no folder", test_no_folder},
        {"rewrite", test_rewrite},
        {"write", test_write},
        {"errors", test_errors},
        {"crashes", test_crashes},
        {"changed", test_changed_meanwhile},
    };
    if (mkdtemp(base) == NULL) {
        return 2;
    }
    scan.folder = -1;
    make_world();
    int status = RUN("scan", cases);
    scan_clear(&scan);
    nftw(base, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    X509 *certs[] = {root, sub, leaf, fresh_leaf, new_sub};
    EVP_PKEY *keys[] = {key, other, ca_key, sub_key};
    for (size_t i = 0; i < sizeof(certs) / sizeof(certs[0]); i++) {
        X509_free(certs[i]);
    }
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        EVP_PKEY_free(keys[i]);
    }
    return status;
}
