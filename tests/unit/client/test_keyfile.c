/* Key files as people leave them behind: what is in them, and how the file itself is. */
#include "client/keyfile.h"

#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/key_text.h"
#include "common/file.h"

static struct err err;
static char folder[] = "/tmp/certmill-keyfile-XXXXXX";
static char pem[4096]; /* an ECDSA key */

static int parse(const char *text)
{
    struct key key = {0};
    err = (struct err){0};
    int ret = key_parse(&key, text, strlen(text), KEY_ECDSA, &err);
    if (ret == 0) {
        CU_ASSERT_EQUAL(key.len, strlen(key.pem));
        CU_ASSERT_EQUAL(key.pem[key.len - 1], '\n');
        CU_ASSERT_PTR_NOT_NULL(key.pkey);
        CU_ASSERT_PTR_NULL(strstr(key.pem, "CERTIFICATE"));
    }
    key_clear(&key);
    return ret;
}

static void check_refused(const char *text, const char *words)
{
    CU_ASSERT_EQUAL(parse(text), ERR_MALFORMED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, words));
}

#define BLOCK(label) "-----BEGIN " label "-----\nAAAA\n-----END " label "-----\n"

static void test_in_its_place(void)
{
    char half[sizeof(pem)], twice[2 * sizeof(pem) + 1];
    check_refused("", "it is empty");
    check_refused("\n\n", "no private key in PEM form");
    check_refused("\x30\x82\x01\x02", "DER form");
    check_refused(BLOCK("CERTIFICATE"), "a certificate in it, and no private key");
    check_refused(BLOCK("PUBLIC KEY"), "a public key in it");
    check_refused(BLOCK("CERTIFICATE REQUEST"), "a CSR in it");
    check_refused(BLOCK("EC PARAMETERS"), "only parameters");
    check_refused(BLOCK("PRIVATE KEY"), "is damaged");
    check_refused(BLOCK("ENCRYPTED PRIVATE KEY"), "damaged");
    check_refused("-----BEGIN PRIVATE KEY", "cut off");
    check_refused("-----BEGIN PRIVATE KEY-----\n", "cut off");
    snprintf(half, sizeof(half), "%.*s", (int)strlen(pem) / 2, pem);
    check_refused(half, "cut off");
    snprintf(twice, sizeof(twice), "%s%s", pem, pem);
    check_refused(twice, "several private keys");
    snprintf(twice, sizeof(twice), "%s%s", pem, half);
    check_refused(twice, "cut off");
    snprintf(twice, sizeof(twice), "%s%s", half, pem);
    check_refused(twice, "cut off");
}

static void test_around_it(void)
{
    char text[3 * sizeof(pem)], *at = text;
    struct key key;
    snprintf(text, sizeof(text), "Bag Attributes\n%s%strailing text", BLOCK("EC PARAMETERS"), pem);
    CU_ASSERT_EQUAL(parse(text), 0);
    snprintf(text, sizeof(text), "%s%s", pem, BLOCK("CERTIFICATE"));
    CU_ASSERT_EQUAL(parse(text), 0);
    snprintf(text, sizeof(text), "%.*s", (int)strlen(pem) - 1, pem);
    CU_ASSERT_EQUAL(parse(text), 0);
    for (const char *p = pem; *p != '\0'; p++) {
        if (*p == '\n') {
            *at++ = '\r';
        }
        *at++ = *p;
    }
    *at = '\0';
    CU_ASSERT_EQUAL(parse(text), 0);
    CU_ASSERT_EQUAL_FATAL(key_parse(&key, pem, strlen(pem), KEY_ECDSA, &err), 0);
    CU_ASSERT_STRING_EQUAL(key.pem, pem);
    key_clear(&key);
}

static void test_too_large(void)
{
    struct key_text found;
    char *large = calloc(1, KEY_FILE_MAX + 1);
    CU_ASSERT_EQUAL(key_text_find(&found, large, KEY_FILE_MAX + 1, &err), ERR_LIMIT);
    CU_ASSERT_EQUAL(key_text_find(&found, large, KEY_FILE_MAX, &err), ERR_MALFORMED);
    free(large);
}

static void test_other_types(void)
{
    char text[8192] = "";
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL);
    BIO_read(bio, text, sizeof(text) - 1);
    CU_ASSERT_EQUAL(parse(text), ERR_RANGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "no public CA issues"));
    EVP_PKEY_free(pkey);
    memset(text, 0, sizeof(text));
    pkey = EVP_RSA_gen(2048);
    PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL);
    BIO_read(bio, text, sizeof(text) - 1);
    CU_ASSERT_EQUAL(parse(text), ERR_RANGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "an RSA key, not ecdsa"));
    EVP_PKEY_free(pkey);
    BIO_free(bio);
}

static void test_forms(void)
{
    struct key key;
    struct key_form form = {.rsa_bits = 2048, .curve = "P-256"};
    CU_ASSERT_EQUAL_FATAL(key_make(&key, KEY_RSA, &form, &err), 0);
    CU_ASSERT_EQUAL(EVP_PKEY_get_bits(key.pkey), 2048);
    key_clear(&key);
    CU_ASSERT_EQUAL_FATAL(key_make(&key, KEY_ECDSA, &form, &err), 0);
    CU_ASSERT_EQUAL(EVP_PKEY_get_bits(key.pkey), 256);
    key_clear(&key);
    form.curve = "no such curve";
    CU_ASSERT_EQUAL(key_make(&key, KEY_ECDSA, &form, &err), ERR_CRYPTO);
    CU_ASSERT_PTR_NULL(key.pkey);
}

/* -- the file -- */

#define NAME "a.example-keypair.ecdsa.key"

static struct files files_here(void)
{
    return (struct files){.folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                          .path = folder,
                          .name = "a.example",
                          .type = KEY_ECDSA};
}

static mode_t mode_now(const struct files *files)
{
    struct stat st = {0};
    fstatat(files->folder, NAME, &st, 0);
    return st.st_mode & 07777;
}

static void test_modes(void)
{
    static const struct {
        mode_t before, wanted, after;
    } rows[] = {{0644, 0, 0640}, {0600, 0, 0640},    {0640, 0, 0640},
                {0666, 0, 0640}, {0640, 0600, 0600}, {0440, 0440, 0440}};
    struct files files = files_here();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct key key;
        unlinkat(files.folder, NAME, 0);
        CU_ASSERT_EQUAL_FATAL(
            file_write_atomic(files.folder, NAME, pem, strlen(pem), rows[i].before, &err), 0);
        files.owner.mode = rows[i].wanted;
        CU_ASSERT_EQUAL_FATAL(keyfile_open(&key, &files, &err), 0);
        CU_ASSERT_EQUAL(mode_now(&files), rows[i].after);
        CU_ASSERT_EQUAL(key.mode_was, rows[i].before == rows[i].after ? 0 : rows[i].before);
        key_clear(&key);
    }
    close(files.folder);
}

/* -- whose file it is -- */

#define OTHER "somebody's"

/* A key under another name, and none under its own. */
static void put_other(const struct files *files, mode_t mode)
{
    unlinkat(files->folder, NAME, 0);
    unlinkat(files->folder, OTHER, 0);
    CU_ASSERT_EQUAL_FATAL(file_write_atomic(files->folder, OTHER, pem, strlen(pem), mode, &err), 0);
}

/* It is read while it is closed to others; its mode never changes. */
static void check_left(const struct files *files, mode_t mode, const char *words)
{
    struct key key;
    err = (struct err){0};
    int ret = keyfile_open(&key, files, &err);
    CU_ASSERT_EQUAL(mode_now(files), mode);
    CU_ASSERT_EQUAL(key.mode_was, 0);
    if ((mode & 07) == 0) {
        CU_ASSERT_EQUAL(ret, 0);
        CU_ASSERT_STRING_EQUAL(key.pem, pem);
    } else {
        CU_ASSERT_EQUAL(ret, ERR_PERMISSION);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, words));
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "chmod o-rwx"));
    }
    key_clear(&key);
}

static void test_of_others(void)
{
    static const mode_t modes[] = {0600, 0400, 0660, 0644, 0604};
    struct files files = files_here();
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        put_other(&files, modes[i]);
        CU_ASSERT_EQUAL_FATAL(symlinkat(OTHER, files.folder, NAME), 0);
        check_left(&files, modes[i], NAME " is a link to another file, which has mode 06");
        put_other(&files, modes[i]);
        CU_ASSERT_EQUAL_FATAL(linkat(files.folder, OTHER, files.folder, NAME, 0), 0);
        check_left(&files, modes[i], NAME " is a file with a second name (hard link)");
    }
    unlinkat(files.folder, OTHER, 0);
    close(files.folder);
}

/* Nor is a new key put in the place of a link that leads nowhere: a disk may not be mounted. */
static void test_not_there(void)
{
    struct files files = files_here();
    struct key key;
    struct stat st;
    unlinkat(files.folder, NAME, 0);
    CU_ASSERT_EQUAL_FATAL(symlinkat("nowhere", files.folder, NAME), 0);
    CU_ASSERT_EQUAL(keyfile_open(&key, &files, &err), -ENOENT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, NAME " is a link to a file that is not there"));
    CU_ASSERT_PTR_NULL(key.pkey);
    CU_ASSERT_EQUAL(fstatat(files.folder, NAME, &st, AT_SYMLINK_NOFOLLOW), 0);
    CU_ASSERT_TRUE(S_ISLNK(st.st_mode));
    CU_ASSERT_EQUAL(unlinkat(files.folder, ".certmill/a.example.ecdsa", AT_REMOVEDIR), 0);
    CU_ASSERT_EQUAL(unlinkat(files.folder, ".certmill", AT_REMOVEDIR), 0);
    close(files.folder);
}

/* The same by our own link, into a version that has the key by hard link. */
static void test_by_our_link(void)
{
    static const char at[] = ".certmill/a.example.ecdsa/current/keypair.key";
    struct files files = files_here();
    struct key key;
    put_other(&files, 0644);
    CU_ASSERT_EQUAL_FATAL(mkdirat(files.folder, ".certmill", 0700), 0);
    CU_ASSERT_EQUAL_FATAL(mkdirat(files.folder, ".certmill/a.example.ecdsa", 0700), 0);
    CU_ASSERT_EQUAL_FATAL(mkdirat(files.folder, ".certmill/a.example.ecdsa/7", 0700), 0);
    CU_ASSERT_EQUAL_FATAL(symlinkat("7", files.folder, ".certmill/a.example.ecdsa/current"), 0);
    CU_ASSERT_EQUAL_FATAL(linkat(files.folder, OTHER, files.folder, at, 0), 0);
    CU_ASSERT_EQUAL_FATAL(symlinkat(at, files.folder, NAME), 0);
    CU_ASSERT_EQUAL_FATAL(keyfile_open(&key, &files, &err), 0);
    CU_ASSERT_EQUAL(mode_now(&files), 0640);
    CU_ASSERT_EQUAL(key.mode_was, 0644);
    key_clear(&key);
    /* But what stands there must be a file. */
    put_other(&files, 0644);
    CU_ASSERT_EQUAL_FATAL(symlinkat(at, files.folder, NAME), 0);
    CU_ASSERT_EQUAL_FATAL(unlinkat(files.folder, at, 0), 0);
    CU_ASSERT_EQUAL_FATAL(symlinkat("../../../" OTHER, files.folder, at), 0);
    CU_ASSERT_EQUAL(keyfile_open(&key, &files, &err), -ELOOP);
    CU_ASSERT_EQUAL(mode_now(&files), 0644);
    unlinkat(files.folder, at, 0);
    unlinkat(files.folder, OTHER, 0);
    unlinkat(files.folder, ".certmill/a.example.ecdsa/current", 0);
    unlinkat(files.folder, ".certmill/a.example.ecdsa/7", AT_REMOVEDIR);
    unlinkat(files.folder, ".certmill/a.example.ecdsa", AT_REMOVEDIR);
    unlinkat(files.folder, ".certmill", AT_REMOVEDIR);
    close(files.folder);
}

static void test_said(void)
{
    struct files files = files_here();
    struct log *log;
    struct report report;
    struct report_line line;
    int pipe_fds[2];
    char text[2048] = "";
    CU_ASSERT_EQUAL_FATAL(pipe(pipe_fds), 0);
    struct log_options options = {.program = "x", .level = LOG_LEVEL_INFO, .fd = pipe_fds[1]};
    CU_ASSERT_EQUAL_FATAL(log_new(&log, &options, NULL), 0);
    FILE *null = fopen("/dev/null", "we");
    report_init(&report, log, LOG_LEVEL_INFO, null, false);
    report_begin(&line, &report, "a.example ecdsa");
    keyfile_tell_mode(&(struct key){0}, &files, &line);
    keyfile_tell_mode(&(struct key){.mode_was = 0644}, &files, &line);
    report_end(&line, true, "done");
    CU_ASSERT(read(pipe_fds[0], text, sizeof(text) - 1) > 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, NAME " had mode 0644 and has 0640 now; everybody"));
    CU_ASSERT_PTR_NULL(strstr(text, "mode 0000"));
    report_clear(&report);
    log_free(log);
    fclose(null);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    close(files.folder);
}

static void test_no_file(void)
{
    struct files files = files_here();
    struct key key;
    unlinkat(files.folder, NAME, 0);
    CU_ASSERT_EQUAL_FATAL(mkdirat(files.folder, NAME, 0700), 0);
    err = (struct err){0};
    CU_ASSERT(keyfile_open(&key, &files, &err) < 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, NAME " is not a regular file"));
    CU_ASSERT_EQUAL(mode_now(&files), 0700);
    unlinkat(files.folder, NAME, AT_REMOVEDIR);
    CU_ASSERT_EQUAL_FATAL(file_write_atomic(files.folder, NAME, "half", 4, 0640, &err), 0);
    CU_ASSERT_EQUAL(keyfile_open(&key, &files, &err), ERR_MALFORMED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, NAME ": there is no private key"));
    CU_ASSERT_PTR_NULL(key.pkey);
    close(files.folder);
}

int main(void)
{
    struct key key;
    if (mkdtemp(folder) == NULL ||
        key_make(&key, KEY_ECDSA, &(struct key_form){.curve = "P-256"}, NULL) < 0) {
        return 1;
    }
    snprintf(pem, sizeof(pem), "%s", key.pem);
    key_clear(&key);
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("keyfile", NULL, NULL);
    CU_add_test(suite, "what stands in a key's place", test_in_its_place);
    CU_add_test(suite, "what may stand around it", test_around_it);
    CU_add_test(suite, "too large", test_too_large);
    CU_add_test(suite, "other types", test_other_types);
    CU_add_test(suite, "what new keys are", test_forms);
    CU_add_test(suite, "modes", test_modes);
    CU_add_test(suite, "of others", test_of_others);
    CU_add_test(suite, "not there", test_not_there);
    CU_add_test(suite, "by our own link", test_by_our_link);
    CU_add_test(suite, "a change of mode is said", test_said);
    CU_add_test(suite, "no file, no key", test_no_file);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    char file[sizeof(folder) + sizeof(NAME) + 2];
    snprintf(file, sizeof(file), "%s/%s", folder, NAME);
    unlink(file);
    rmdir(folder);
    return failures != 0;
}
