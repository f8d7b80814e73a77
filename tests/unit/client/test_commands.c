/*
 * The client's commands, whole, against a server that is this program itself: run with
 * --serve HOW it answers as the case wants.
 */
#include "client/client.h"

#include <CUnit/Basic.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ca.h"
#include "client/command.h"

static char base[] = "/tmp/certmill-commands-XXXXXX";
static char text[16384]; /* what a command printed */
static char said[16384]; /* what it logged */

/* -- the server -- */

static X509_REQ *read_csr(void)
{
    char pem[65536];
    size_t len = fread(pem, 1, sizeof(pem), stdin);
    BIO *bio = BIO_new_mem_buf(pem, (int)len);
    X509_REQ *req = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
    BIO_free(bio);
    if (req == NULL) {
        exit(3);
    }
    return req;
}

static void names_of(X509_REQ *req, char *dst, size_t cap)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(req);
    GENERAL_NAMES *san = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
    size_t at = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(san); i++) {
        at += (size_t)snprintf(
            dst + at, cap - at, "%sDNS:%s", i > 0 ? "," : "",
            (const char *)ASN1_STRING_get0_data(sk_GENERAL_NAME_value(san, i)->d.dNSName));
    }
    GENERAL_NAMES_free(san);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

static int serve_certificate(const char *how)
{
    char names[4096] = "";
    EVP_PKEY *root_key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
    X509_REQ *req = read_csr();
    names_of(req, names, sizeof(names));
    if (strcmp(how, "refuse-b") == 0 && strstr(names, "b.example") != NULL) {
        fputs("2026-11-21 01:46:18 +0000 certmill-shell ERROR b.example is not yours\n", stderr);
        return 4;
    }
    struct ca_wish wish = {.subject = "Root", .key = root_key, .ca = 1, .from = -60, .to = 86400};
    X509 *root = ca_make(&wish);
    wish =
        (struct ca_wish){.subject = "leaf",
                         .names = names,
                         .key = strcmp(how, "other-key") == 0 ? other : X509_REQ_get0_pubkey(req),
                         .issuer = root,
                         .issuer_key = root_key,
                         .from = -60,
                         .to = 86400};
    char *pem = ca_pem(ca_pem(NULL, ca_make(&wish)), root);
    fputs("2026-11-21 01:46:18 +0000 certmill-shell INFO published at generation 3\n", stderr);
    fputs(pem, stdout);
    return 0;
}

static int serve(const char *how, const char *word)
{
    if (strcmp(how, "garbage") == 0) {
        puts("Welcome to this system!");
        return 0;
    }
    if (strcmp(word, "ping") == 0) {
        puts("pong");
        return 0;
    }
    return serve_certificate(how);
}

/* -- the client -- */

static void slurp(FILE *file, char *dst, size_t cap)
{
    rewind(file);
    dst[fread(dst, 1, cap - 1, file)] = '\0';
    fclose(file);
}

/* Runs certmill with a server of that kind, keys of type ecdsa, and the words (NULL-terminated). */
static int run(const char *how, ...)
{
    char server[64];
    char *argv[32] = {(char[]){"certmill"}, (char[]){"--server"}, server, (char[]){"--path"}, base,
                      (char[]){"-k"},       (char[]){"ecdsa"}};
    int argc = 7, status;
    FILE *out = tmpfile(), *log = tmpfile();
    va_list ap;
    snprintf(server, sizeof(server), "/proc/self/exe --serve %s", how);
    va_start(ap, how);
    while ((argv[argc] = va_arg(ap, char *)) != NULL) {
        argc++;
    }
    va_end(ap);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        dup2(fileno(out), 1);
        dup2(fileno(log), 2);
        exit(client_main(argc, argv)); /* not _exit: tools/coverage counts at the end */
    }
    waitpid(child, &status, 0);
    slurp(out, text, sizeof(text));
    slurp(log, said, sizeof(said));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The contents of a file of a.example. */
static char *file_of(const char *kind)
{
    static char contents[2][16384];
    static int turn;
    char path[256];
    char *dst = contents[turn++ % 2];
    snprintf(path, sizeof(path), "%s/a.example-%s", base, kind);
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, dst, sizeof(contents[0]) - 1);
    if (fd >= 0) {
        close(fd);
    }
    dst[n] = '\0';
    return dst;
}

static void test_get(void)
{
    char key[4096], chain[16384];
    CU_ASSERT_EQUAL(run("good", "-D", "a.example,*.a.example", "get", "certificate", NULL), 0);
    CU_ASSERT_STRING_EQUAL(text, "");
    CU_ASSERT_PTR_NOT_NULL(
        strstr(said, " certmill INFO [a.example ecdsa] published at generation 3\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "new certificate, valid until "));
    strcpy(key, file_of("keypair.ecdsa.key"));
    strcpy(chain, file_of("chain.ecdsa.crt"));
    CU_ASSERT_EQUAL(strncmp(chain, file_of("certificate.ecdsa.crt"), 100), 0);
    CU_ASSERT_EQUAL(
        strcmp(chain + strlen(file_of("certificate.ecdsa.crt")), file_of("issuer.ecdsa.crt")), 0);
    char *concat = file_of("concat.ecdsa.pem");
    CU_ASSERT_EQUAL(strncmp(concat, key, strlen(key)), 0);
    CU_ASSERT_STRING_EQUAL(concat + strlen(key), chain);
    CU_ASSERT_PTR_NOT_NULL(strstr(file_of("request.ecdsa.csr"), "BEGIN CERTIFICATE REQUEST"));

    /* Again: the key stays, the rest is new; its mode is brought back. */
    char path[256];
    struct stat st;
    snprintf(path, sizeof(path), "%s/a.example-keypair.ecdsa.key", base);
    CU_ASSERT_EQUAL(chmod(path, 0644), 0);
    CU_ASSERT_EQUAL(run("good", "-D", "a.example,*.a.example", "get", "certificate", NULL), 0);
    CU_ASSERT_STRING_EQUAL(file_of("keypair.ecdsa.key"), key);
    CU_ASSERT_STRING_NOT_EQUAL(file_of("chain.ecdsa.crt"), chain);
    CU_ASSERT_EQUAL(lstat(path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode, S_IFREG | 0640);
}

static void test_failures_keep_the_old(void)
{
    char chain[16384];
    strcpy(chain, file_of("chain.ecdsa.crt"));
    CU_ASSERT_NOT_EQUAL(chain[0], '\0');
    CU_ASSERT_EQUAL(run("garbage", "-D", "a.example", "get", "certificate", NULL), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "ERROR [a.example ecdsa] the server sent something else"));
    CU_ASSERT_EQUAL(run("other-key", "-D", "a.example", "get", "certificate", NULL), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "for another key than ours"));
    CU_ASSERT_EQUAL(
        run("good", "-D", "a.example", "--expected-chain-length", "3", "get", "certificate", NULL),
        1);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "has 2 certificates, expected-chain-length says 3"));
    CU_ASSERT_STRING_EQUAL(file_of("chain.ecdsa.crt"), chain);
}

static void test_one_of_two(void)
{
    char chain[16384];
    strcpy(chain, file_of("chain.ecdsa.crt"));
    CU_ASSERT_EQUAL(
        run("refuse-b", "-D", "b.example", "-D", "a.example", "get", "certificate", NULL), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(
        said, "ERROR [b.example ecdsa] the server does not permit it: b.example is not yours\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "ERROR 0 fine, 1 renewed, 1 failed\n"));
    CU_ASSERT_STRING_NOT_EQUAL(file_of("chain.ecdsa.crt"), chain);
}

static void test_check_connection(void)
{
    CU_ASSERT_EQUAL(run("good", "check", "connection", NULL), 0);
    CU_ASSERT_EQUAL(run("garbage", "check", "connection", NULL), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "answers 'Welcome to this system!', not pong"));
}

static void test_show(void)
{
    CU_ASSERT_EQUAL(
        run("good", "-D", "a.example,*.a.example", "-D", "c.example", "show", "certificate", NULL),
        0);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "a.example ecdsa\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "  issuer       CN=Root\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "c.example ecdsa\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "there is none yet"));
    CU_ASSERT_EQUAL(run("good", "-D", "a.example", "show", "paths", NULL), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "/a.example-keypair.ecdsa.key\n"));
    CU_ASSERT_EQUAL(run("good", "-D", "a.example", "show", "configuration", NULL), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "key-type-list:\n  - \"ecdsa\"\n"));
    CU_ASSERT_EQUAL(run("good", "version", NULL), 0);
    CU_ASSERT_EQUAL(strncmp(text, "certmill ", 9), 0);
    CU_ASSERT_EQUAL(run("good", "help", NULL), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "get certificate"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "--domain-list"));
    CU_ASSERT_EQUAL(run("good", "--no-such", "--help", NULL), 0);
    CU_ASSERT_EQUAL(run("good", "help", "show", "paths", NULL), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "certmill [OPTIONS] show paths\n"));
    CU_ASSERT_EQUAL(run("good", "check", "connection", "--help", NULL), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "certmill [OPTIONS] check connection\n"));
}

static void test_help_of_each(void)
{
    for (size_t i = 0; client_commands[i] != NULL; i++) {
        const struct client_command *c = client_commands[i];
        char title[96];
        snprintf(title, sizeof(title), "certmill [OPTIONS] %s%s%s", c->first,
                 c->second != NULL ? " " : "", c->second != NULL ? c->second : "");
        CU_ASSERT_EQUAL(run("good", "help", c->first, c->second, NULL), 0);
        CU_ASSERT_EQUAL(strncmp(text, title, strlen(title)), 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(text, c->help));
        CU_ASSERT_PTR_NULL(strstr(text, "(null)"));
    }
}

static void test_usage(void)
{
    CU_ASSERT_EQUAL(run("good", NULL), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "no command"));
    CU_ASSERT_EQUAL(run("good", "get", NULL), 2);
    CU_ASSERT_EQUAL(run("good", "get", "lost", NULL), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "'lost' is not taken after get"));
    CU_ASSERT_EQUAL(run("good", "help", "me", NULL), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "'me' is no command"));
    CU_ASSERT_EQUAL(run("good", "version", "me", NULL), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "'me' is one word too many"));
    CU_ASSERT_EQUAL(run("good", "gte", "certifcate", NULL), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "did you mean 'get certificate'?"));
    CU_ASSERT_EQUAL(run("good", "vresion", NULL), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "did you mean 'version'?"));
    CU_ASSERT_EQUAL(run("good", "show", "nonsense", NULL), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "'nonsense' is not taken after show, but certificate"));
    CU_ASSERT_EQUAL(run("good", "show", NULL), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "show needs a second word, one of certificate"));
    CU_ASSERT_EQUAL(run("good", "get", "certificate", NULL), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "domain-list is not set"));
    CU_ASSERT_EQUAL(
        run("good", "-D", "a.example", "--path", "/nonexistent", "get", "certificate", NULL), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "path: /nonexistent: No such file"));
}

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(name);
}

static int set_up(void)
{
    return mkdtemp(base) == NULL ? -1 : 0;
}

static int tear_down(void)
{
    return nftw(base, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int main(int argc, char **argv)
{
    if (argc > 3 && strcmp(argv[1], "--serve") == 0) {
        int status = serve(argv[2], argv[argc - 1]);
        fflush(stdout);
        _exit(status);
    }
    unsetenv("TERM");
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("commands", set_up, tear_down);
    CU_add_test(suite, "get", test_get);
    CU_add_test(suite, "failures keep the old", test_failures_keep_the_old);
    CU_add_test(suite, "one of two", test_one_of_two);
    CU_add_test(suite, "check connection", test_check_connection);
    CU_add_test(suite, "show", test_show);
    CU_add_test(suite, "help of each", test_help_of_each);
    CU_add_test(suite, "usage", test_usage);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
