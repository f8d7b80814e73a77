/* Copies: each form holds what it should, and bad places are told before anything is ordered. */
#include "client/copies.h"

#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/pkcs12.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ca.h"
#include "client/copies_form.h"
#include "tests/unit/common/folder.h"

#define DAY 86400L

static char base[] = "/tmp/certmill-copies-XXXXXX";
static char folder[64], password_path[80];
static struct err err;
static struct files files = {.path = folder,
                             .name = "*.a.example",
                             .type = KEY_ECDSA,
                             .owner = {.uid = (uid_t)-1, .gid = (gid_t)-1}};
static struct chain chain, renewed;
static struct key key;
static struct settings_copy rows[8];
static struct settings settings = {.copies = {.rows = rows}};
static char paths[8][LIMIT_PATH];

static void fresh(void)
{
    folder_remove(folder);
    snprintf(folder, sizeof(folder), "%s/f", base);
    if (mkdir(folder, 0750) < 0) {
        abort();
    }
    settings.copies.count = 0;
    err = (struct err){0};
}

/* Another row: name in the folder. */
static struct settings_copy *row(const char *form, const char *name)
{
    size_t i = settings.copies.count++;
    snprintf(paths[i], sizeof(paths[i]), "%s%s%s", name[0] == '/' ? "" : folder,
             name[0] == '/' ? "" : "/", name);
    rows[i] = (struct settings_copy){.form = (char *)form, .path = paths[i]};
    return &rows[i];
}

static const char *slurp(const char *name, size_t *len)
{
    static char text[65536];
    char path[LIMIT_PATH];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0) {
        close(fd);
    }
    *len = n > 0 ? (size_t)n : 0;
    text[*len] = '\0';
    return text;
}

static bool holds(const char *name, const char *expected)
{
    size_t len;
    return strcmp(slurp(name, &len), expected) == 0;
}

static void spill(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || fchmod(fd, mode) < 0) {
        abort();
    }
    close(fd);
}

static mode_t mode_of(const char *name)
{
    char path[LIMIT_PATH];
    struct stat st;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return lstat(path, &st) < 0 ? 0 : st.st_mode;
}

static int write_copies(const struct chain *of)
{
    err = (struct err){0};
    return copies_write(&settings, &files, &key, of, &err);
}

static void test_forms(void)
{
    char *leaf = ca_pem(NULL, chain.certs[0]),
         *all = ca_pem(ca_pem(NULL, chain.certs[0]), chain.certs[1]);
    char combined[16384];
    unsigned char *der = NULL;
    size_t len;
    fresh();
    row("combined", "{name}.{type}.pem");
    row("chain", "chain//{type}.pem");
    row("certificate", "leaf.pem");
    row("key", "key.pem")->mode = (char *)"0400";
    row("der", "leaf.der");
    snprintf(combined, sizeof(combined), "%s/chain", folder);
    CU_ASSERT_EQUAL(mkdir(combined, 0700), 0);
    CU_ASSERT_EQUAL(copies_prepare(&settings, &files, &err), 0);
    CU_ASSERT_EQUAL(write_copies(&chain), 5);
    snprintf(combined, sizeof(combined), "%s%s", key.pem, all);
    CU_ASSERT_TRUE(holds("*.a.example.ecdsa.pem", combined));
    CU_ASSERT_TRUE(holds("chain/ecdsa.pem", all));
    CU_ASSERT_TRUE(holds("leaf.pem", leaf));
    CU_ASSERT_TRUE(holds("key.pem", key.pem));
    int der_len = i2d_X509(chain.certs[0], &der);
    const char *text = slurp("leaf.der", &len);
    CU_ASSERT_TRUE(len == (size_t)der_len && memcmp(text, der, len) == 0);
    CU_ASSERT_EQUAL(mode_of("leaf.der"), S_IFREG | 0640);
    CU_ASSERT_EQUAL(mode_of("key.pem"), S_IFREG | 0400);
    OPENSSL_free(der);
    free(leaf);
    free(all);
}

/* Only what is missing or differs is written. */
static void test_up_to_date(void)
{
    char path[LIMIT_PATH];
    fresh();
    row("combined", "a");
    row("pkcs12", "b")->password_file = password_path;
    row("der", "c");
    spill(password_path, "secret word\nnot this\n", 0600);
    CU_ASSERT_EQUAL(write_copies(&chain), 3);
    CU_ASSERT_EQUAL(write_copies(&chain), 0);
    snprintf(path, sizeof(path), "%s/a", folder);
    unlink(path);
    CU_ASSERT_EQUAL(write_copies(&chain), 1);
    spill(path, "something else", 0640);
    CU_ASSERT_EQUAL(write_copies(&chain), 1);
    chmod(path, 0644);
    CU_ASSERT_EQUAL(write_copies(&chain), 1);
    CU_ASSERT_EQUAL(mode_of("a"), S_IFREG | 0640);
    spill(password_path, "another\n", 0600);
    CU_ASSERT_EQUAL(write_copies(&chain), 1);
    CU_ASSERT_EQUAL(write_copies(&renewed), 3);
    CU_ASSERT_EQUAL(write_copies(&renewed), 0);
    CU_ASSERT_EQUAL(write_copies(&chain), 3);
}

/* Files that need no renewal: their copies are brought up to date all the same. */
static void test_follow(void)
{
    char name[256];
    fresh();
    CU_ASSERT_FALSE(copies_due(&settings, &files, &chain));
    row("combined", "a");
    files.folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    files_name(name, &files, FILE_KEYPAIR);
    int fd = openat(files.folder, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
    CU_ASSERT_EQUAL(write(fd, key.pem, key.len), (ssize_t)key.len);
    close(fd);
    CU_ASSERT_TRUE(copies_due(&settings, &files, &chain));
    CU_ASSERT_EQUAL(mode_of("a"), 0);
    CU_ASSERT_EQUAL(copies_follow(&settings, &files, &chain, &err), 1);
    CU_ASSERT_FALSE(copies_due(&settings, &files, &chain));
    CU_ASSERT_EQUAL(copies_follow(&settings, &files, &chain, &err), 0);
    CU_ASSERT_TRUE(copies_due(&settings, &files, &renewed));
    row("chain", "/nonexistent/a");
    CU_ASSERT_TRUE(copies_due(&settings, &files, &chain));
    CU_ASSERT_EQUAL(copies_follow(&settings, &files, &chain, &err), -ENOENT);
    close(files.folder);
}

static int opens_with(const char *password)
{
    size_t len;
    const unsigned char *at = (const unsigned char *)slurp("b", &len);
    EVP_PKEY *pkey = NULL;
    X509 *leaf = NULL;
    STACK_OF(X509) *issuers = NULL;
    PKCS12 *p12 = d2i_PKCS12(NULL, &at, (long)len);
    int good = p12 != NULL && PKCS12_parse(p12, password, &pkey, &leaf, &issuers) == 1 &&
               EVP_PKEY_eq(pkey, key.pkey) == 1 && X509_cmp(leaf, chain.certs[0]) == 0 &&
               sk_X509_num(issuers) == 1;
    if (good) {
        int alias_len;
        const char *alias = (const char *)X509_alias_get0(leaf, &alias_len);
        good = alias_len == 11 && memcmp(alias, "*.a.example", 11) == 0;
    }
    EVP_PKEY_free(pkey);
    X509_free(leaf);
    sk_X509_pop_free(issuers, X509_free);
    PKCS12_free(p12);
    return good;
}

static void test_pkcs12(void)
{
    fresh();
    row("pkcs12", "b")->password_file = password_path;
    spill(password_path, "secret word\r\nnot this\n", 0600);
    CU_ASSERT_EQUAL(write_copies(&chain), 1);
    CU_ASSERT_TRUE(opens_with("secret word"));
    CU_ASSERT_FALSE(opens_with("secret"));
    CU_ASSERT_FALSE(opens_with(""));
    rows[0].password_file = NULL;
    CU_ASSERT_EQUAL(write_copies(&chain), 1);
    CU_ASSERT_TRUE(opens_with(""));
    CU_ASSERT_EQUAL(write_copies(&chain), 0);
}

static void bad_password(const char *text, mode_t mode, int code, const char *why)
{
    spill(password_path, text, mode);
    err = (struct err){0};
    CU_ASSERT_EQUAL(copies_prepare(&settings, &files, &err), code);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, why));
    CU_ASSERT_EQUAL(write_copies(&chain), code);
    CU_ASSERT_EQUAL(mode_of("b"), 0);
    CU_ASSERT_PTR_NULL(strstr(err.text, "hidden"));
}

static void test_bad_passwords(void)
{
    char large[2000];
    fresh();
    row("pkcs12", "b")->password_file = password_path;
    bad_password("hidden\n", 0644, ERR_PERMISSION, "has mode 0644");
    bad_password("hidden\n", 0620, ERR_PERMISSION, "chmod 0600");
    bad_password("\nhidden\n", 0600, ERR_MALFORMED, "is empty");
    bad_password("", 0600, ERR_MALFORMED, "is empty");
    memset(large, 'h', sizeof(large));
    large[sizeof(large) - 1] = '\0';
    bad_password(large, 0600, ERR_LIMIT, "larger than 1024");
    rows[0].password_file = folder;
    CU_ASSERT_EQUAL(write_copies(&chain), ERR_PERMISSION);
    rows[0].password_file = (char *)"/nonexistent/password";
    CU_ASSERT_EQUAL(write_copies(&chain), -ENOENT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "password-file: /nonexistent/password: No such file"));
}

static void test_bad_places(void)
{
    char path[LIMIT_PATH];
    fresh();
    row("chain", "/nonexistent/folder/a");
    CU_ASSERT_EQUAL(copies_prepare(&settings, &files, &err), -ENOENT);
    CU_ASSERT_STRING_EQUAL(err.text, "copies: /nonexistent/folder/a: its folder: No such file or "
                                     "directory; make it first");
    CU_ASSERT_EQUAL(write_copies(&chain), -ENOENT);
    fresh();
    row("chain", "a");
    snprintf(path, sizeof(path), "%s/a", folder);
    mkdir(path, 0700);
    CU_ASSERT_EQUAL(copies_prepare(&settings, &files, &err), ERR_EXISTS);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "f/a is there and is no file: move it away"));
    rmdir(path);
    CU_ASSERT_EQUAL(symlink("/etc/passwd", path), 0);
    CU_ASSERT_EQUAL(write_copies(&chain), ERR_EXISTS);
    unlink(path);
    if (geteuid() != 0) {
        chmod(folder, 0500);
        CU_ASSERT_EQUAL(copies_prepare(&settings, &files, &err), -EACCES);
        chmod(folder, 0700);
    }
}

/* A path that is too long to make, and what a crash left aside. */
static void test_names(void)
{
    char name[256], long_name[256];
    size_t len;
    fresh();
    memset(long_name, 'n', 255);
    long_name[255] = '\0';
    row("der", long_name); /* the longest that there is */
    CU_ASSERT_EQUAL(write_copies(&chain), 1);
    slurp(long_name, &len);
    CU_ASSERT_TRUE(len > 100);
    fresh();
    row("der", "a");
    CU_ASSERT_EQUAL(write_copies(&chain), 1);
    uint64_t hash = (0xcbf29ce484222325u ^ 'a') * 0x100000001b3u;
    snprintf(name, sizeof(name), "%s/.certmill-%016" PRIx64 ".tmp", folder, hash);
    spill(name, "left behind", 0600);
    CU_ASSERT_EQUAL(write_copies(&renewed), 1);
    CU_ASSERT_EQUAL(access(name, F_OK), -1);
    memset(paths[0], 'p', sizeof(paths[0]));
    paths[0][0] = '/';
    paths[0][sizeof(paths[0]) - 1] = '\0';
    memcpy(paths[0] + 100, "{name}", 6);
    CU_ASSERT_EQUAL(copies_prepare(&settings, &files, &err), ERR_LIMIT);
}

static int check(void)
{
    char *names[] = {(char[]){"a.example"}, (char[]){"b.example"}};
    struct set sets[] = {{.names = names, .count = 1, .name = "a.example"},
                         {.names = names + 1, .count = 1, .name = "b.example"}};
    struct client client = {.settings = {.path = (char *)"/etc//certs/", .copies = settings.copies},
                            .sets = {.items = sets, .count = 2},
                            .types = {KEY_RSA, KEY_ECDSA},
                            .type_count = 2};
    err = (struct err){0};
    return copies_check(&client, &err);
}

static void test_check(void)
{
    fresh();
    CU_ASSERT_EQUAL(check(), 0);
    row("combined", "{name}.{type}");
    row("chain", "chain/{name}.{type}");
    CU_ASSERT_EQUAL(check(), 0);
    row("der", "/srv/{name}.der");
    CU_ASSERT_EQUAL(check(), ERR_EXISTS);
    CU_ASSERT_STRING_EQUAL(err.text, "copies: a.example rsa and a.example ecdsa would both go to "
                                     "/srv/a.example.der: put {name} and {type} into the path");
    snprintf(paths[2], sizeof(paths[2]), "/srv/{type}.der");
    CU_ASSERT_EQUAL(check(), ERR_EXISTS);
    snprintf(paths[2], sizeof(paths[2]), "%s//chain/{name}.{type}", folder);
    CU_ASSERT_EQUAL(check(), ERR_EXISTS); /* another row's */
    snprintf(paths[2], sizeof(paths[2]), "/etc/certs/{name}-chain.{type}.crt");
    CU_ASSERT_EQUAL(check(), ERR_EXISTS);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "one of the files of a.example themselves"));
    snprintf(paths[2], sizeof(paths[2]), "/srv/{name}.{type}/");
    CU_ASSERT_EQUAL(check(), ERR_MALFORMED);
    snprintf(paths[2], sizeof(paths[2]), "/srv/{name}.{type}");
    rows[2].group = (char *)"no-such-group";
    CU_ASSERT_EQUAL(check(), ERR_NOT_FOUND);
    CU_ASSERT_STRING_EQUAL(err.text, "copies: /srv/{name}.{type}: group: there is no group "
                                     "no-such-group on this host");
}

static struct ca_wish wish_of(const char *subject, EVP_PKEY *pkey, X509 *issuer, EVP_PKEY *by)
{
    return (struct ca_wish){.subject = subject,
                            .names = "DNS:*.a.example",
                            .key = pkey,
                            .issuer = issuer,
                            .issuer_key = by,
                            .ca = issuer == NULL,
                            .from = -DAY,
                            .to = DAY};
}

static int set_up(void)
{
    EVP_PKEY *ca_key = EVP_EC_gen("P-256");
    struct ca_wish wish = wish_of("CA", ca_key, NULL, NULL);
    X509 *ca = ca_make(&wish);
    struct key_form form = {.rsa_bits = 2048, .curve = "P-256"};
    if (mkdtemp(base) == NULL || key_make(&key, KEY_ECDSA, &form, &err) < 0) {
        return -1;
    }
    snprintf(password_path, sizeof(password_path), "%s/password", base);
    wish = wish_of("*.a.example", key.pkey, ca, ca_key);
    chain = (struct chain){.certs = {ca_make(&wish), ca}, .count = 2};
    wish.to = 2 * DAY;
    X509_up_ref(ca);
    renewed = (struct chain){.certs = {ca_make(&wish), ca}, .count = 2};
    EVP_PKEY_free(ca_key);
    return 0;
}

static int tear_down(void)
{
    chain_clear(&chain);
    chain_clear(&renewed);
    key_clear(&key);
    return folder_remove(base);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("copies", set_up, tear_down);
    CU_add_test(suite, "forms", test_forms);
    CU_add_test(suite, "up to date", test_up_to_date);
    CU_add_test(suite, "follow", test_follow);
    CU_add_test(suite, "PKCS#12", test_pkcs12);
    CU_add_test(suite, "bad passwords", test_bad_passwords);
    CU_add_test(suite, "bad places", test_bad_places);
    CU_add_test(suite, "names", test_names);
    CU_add_test(suite, "check", test_check);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
