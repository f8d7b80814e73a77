#include <CUnit/Basic.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer/keyfile.h"
#include "signer/keys.h"

static char path[] = "/tmp/test_keyfileXXXXXX";
static struct keyfile_folder folder = {-1, path};

static void put(const char *file, const char *text, size_t len, mode_t mode)
{
    int fd = openat(folder.fd, file, O_CREAT | O_TRUNC | O_WRONLY, 0600);

    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, text, len), (ssize_t)len);
    CU_ASSERT_EQUAL(fchmod(fd, mode), 0);
    close(fd);
}

static size_t get(const char *file, char *text, size_t cap)
{
    int fd = openat(folder.fd, file, O_RDONLY);
    ssize_t n = read(fd, text, cap - 1);

    close(fd);
    CU_ASSERT_FATAL(n >= 0);
    text[n] = '\0';
    return (size_t)n;
}

static int entries(void)
{
    DIR *dir = opendir(path);
    int n = 0;

    while (readdir(dir) != NULL) {
        n++;
    }
    closedir(dir);
    return n - 2;
}

static void test_make_and_load(void)
{
    static const char *const types[] = {"ecdsa-p256", "ecdsa-p384", "rsa-2048"};
    struct err err = {0};
    struct stat st;

    for (size_t i = 0; i < 3; i++) {
        EVP_PKEY *made, *loaded;

        CU_ASSERT_EQUAL(keyfile_load(&folder, types[i], &loaded, &err), -ENOENT);
        CU_ASSERT_EQUAL_FATAL(keyfile_create(&folder, types[i], types[i], &made, &err), 0);
        CU_ASSERT_EQUAL_FATAL(keyfile_load(&folder, types[i], &loaded, &err), 0);
        CU_ASSERT_EQUAL(EVP_PKEY_eq(made, loaded), 1);
        EVP_PKEY_free(made);
        EVP_PKEY_free(loaded);
    }
    CU_ASSERT_EQUAL(fstatat(folder.fd, "ecdsa-p256.pem", &st, 0), 0);
    CU_ASSERT_EQUAL(st.st_mode & 07777, 0600);
    CU_ASSERT_EQUAL(entries(), 3); /* nothing left aside */
}

static void test_names(void)
{
    static const char *const bad[] = {"", "a.b", "../a", "a/b", "A", "a b", "\xc3\xb8"};
    char longest[KEYFILE_NAME + 2];
    struct err err = {0};
    EVP_PKEY *key;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_FALSE(keyfile_name_ok(bad[i]));
        CU_ASSERT_EQUAL(keyfile_load(&folder, bad[i], &key, &err), ERR_MALFORMED);
        CU_ASSERT_EQUAL(keyfile_create(&folder, bad[i], "ecdsa-p256", &key, &err), ERR_MALFORMED);
    }
    memset(longest, 'a', sizeof(longest));
    longest[KEYFILE_NAME + 1] = '\0';
    CU_ASSERT_FALSE(keyfile_name_ok(longest));
    CU_ASSERT_TRUE(keyfile_name_ok(longest + 1));
    CU_ASSERT_TRUE(keyfile_name_ok("account-acme-v02-api-letsencrypt-org"));
    CU_ASSERT_EQUAL(keyfile_create(&folder, "a", "rsa-1024", &key, &err), ERR_UNKNOWN);
    CU_ASSERT_EQUAL(keyfile_create(&folder, "a", "", &key, &err), ERR_UNKNOWN);
}

static void test_permissions(void)
{
    static const mode_t bad[] = {0640, 0604, 0620, 0602, 0610, 0666};
    struct err err = {0};
    EVP_PKEY *key;
    char pem[4096];
    size_t len = get("ecdsa-p256.pem", pem, sizeof(pem));

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        put("open.pem", pem, len, bad[i]);
        CU_ASSERT_EQUAL(keyfile_load(&folder, "open", &key, &err), ERR_PERMISSION);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "chmod 600"));
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "open.pem"));
    }
    CU_ASSERT_EQUAL(symlinkat("ecdsa-p256.pem", folder.fd, "link.pem"), 0);
    CU_ASSERT_EQUAL(keyfile_load(&folder, "link", &key, &err), ERR_PERMISSION);
    CU_ASSERT_EQUAL(mkdirat(folder.fd, "folder.pem", 0700), 0);
    CU_ASSERT_EQUAL(keyfile_load(&folder, "folder", &key, &err), ERR_PERMISSION);
    CU_ASSERT_EQUAL(mkfifoat(folder.fd, "fifo.pem", 0600), 0);
    CU_ASSERT_EQUAL(keyfile_load(&folder, "fifo", &key, &err), ERR_PERMISSION);
    if (geteuid() == 0) {
        put("foreign.pem", pem, len, 0600);
        CU_ASSERT_EQUAL(fchownat(folder.fd, "foreign.pem", 65534, 65534, 0), 0);
        CU_ASSERT_EQUAL(keyfile_load(&folder, "foreign", &key, &err), ERR_PERMISSION);
    }
}

static void load_text(const char *text, size_t len, int expected)
{
    struct err err = {0};
    EVP_PKEY *key = NULL;

    put("broken.pem", text, len, 0600);
    CU_ASSERT_EQUAL(keyfile_load(&folder, "broken", &key, &err), expected);
    CU_ASSERT_PTR_NULL(key);
    CU_ASSERT_PTR_NULL(strstr(err.text, "MIG")); /* no key material in the message */
}

static void test_corrupt(void)
{
    static const char password[] =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
        "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgFQkzOFQ5iZAICCAAw\n"
        "-----END ENCRYPTED PRIVATE KEY-----\n";
    char pem[4096], *big;
    size_t len = get("ecdsa-p256.pem", pem, sizeof(pem));

    for (size_t cut = 0; cut + 2 < len; cut += 7) {
        load_text(pem, cut, ERR_CORRUPT);
    }
    load_text("\0\1\2", 3, ERR_CORRUPT);
    load_text(password, strlen(password), ERR_CORRUPT);
    CU_ASSERT_FATAL((big = calloc(1, LIMIT_KEY_PEM + 1)) != NULL);
    load_text(big, LIMIT_KEY_PEM + 1, ERR_LIMIT);
    free(big);
}

static void test_keys(void)
{
    struct err err = {0};
    struct keys *keys;
    const struct key *one, *two;
    bool created;

    CU_ASSERT_EQUAL_FATAL(keys_new(&keys, dup(folder.fd), path), 0);
    CU_ASSERT_EQUAL(keys_get(keys, "fresh", NULL, &one, &created, &err), ERR_NOT_FOUND);
    CU_ASSERT_EQUAL_FATAL(keys_get(keys, "fresh", "ecdsa-p256", &one, &created, &err), 0);
    CU_ASSERT_TRUE(created);
    CU_ASSERT_EQUAL(strlen(one->thumbprint), 43);
    CU_ASSERT_EQUAL_FATAL(keys_get(keys, "fresh", "rsa-4096", &two, &created, &err), 0);
    CU_ASSERT_FALSE(created);
    CU_ASSERT_PTR_EQUAL(one, two);
    CU_ASSERT_EQUAL(keys_get(keys, "open", "ecdsa-p256", &one, &created, &err), ERR_PERMISSION);
    CU_ASSERT_EQUAL(keys_get(keys, "../x", "ecdsa-p256", &one, &created, &err), ERR_MALFORMED);
    for (int i = 0; i < LIMIT_KEYS; i++) {
        char name[32];
        snprintf(name, sizeof(name), "k%d", i);
        int ret = keys_get(keys, name, "ecdsa-p256", &one, &created, &err);
        CU_ASSERT_EQUAL(ret, i < LIMIT_KEYS - 1 ? 0 : ERR_LIMIT);
    }
    keys_free(keys);
    keys_free(NULL);
}

static void clean(void)
{
    DIR *dir = opendir(path);
    const struct dirent *e;

    while ((e = readdir(dir)) != NULL) {
        unlinkat(folder.fd, e->d_name, 0);
    }
    unlinkat(folder.fd, "folder.pem", AT_REMOVEDIR);
    closedir(dir);
    close(folder.fd);
    rmdir(path);
}

int main(void)
{
    if (mkdtemp(path) == NULL || (folder.fd = open(path, O_RDONLY | O_DIRECTORY)) < 0) {
        return 2;
    }
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("keyfile", NULL, NULL);
    CU_add_test(suite, "a key is made and found again", test_make_and_load);
    CU_add_test(suite, "names and types", test_names);
    CU_add_test(suite, "what others can reach is refused", test_permissions);
    CU_add_test(suite, "what is no whole key is refused", test_corrupt);
    CU_add_test(suite, "keys are kept, and bounded", test_keys);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    clean();
    return failures != 0;
}
