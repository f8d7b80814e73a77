/* The client's commands, whole: what they do, print and say. */
#include <CUnit/Basic.h>
#include <fcntl.h>
#include <string.h>

#include "client/command.h"
#include "commands_run.h"

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

/* A server that does not get a new one. */
static void test_the_same_again(void)
{
    CU_ASSERT_EQUAL(run("good", "-D", "a.example", "get", "certificate", NULL), 0);
    const char *before = file_of("chain.ecdsa.crt");
    CU_ASSERT_EQUAL(run("again", "-D", "a.example", "--cert-renew-threshold-days", "30", "periodic",
                        "--now", NULL),
                    1);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "a.example ecdsa"));
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "the server gives the certificate again"));
    CU_ASSERT_STRING_EQUAL(file_of("chain.ecdsa.crt"), before);
    CU_ASSERT_EQUAL(run("again", "-D", "a.example", "periodic", "--now", NULL), 0);
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

int main(int argc, char **argv)
{
    if (commands_is_part(argc, argv)) {
        return commands_part(argc, argv);
    }
    unsetenv("TERM");
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("commands", set_up, tear_down);
    CU_add_test(suite, "get", test_get);
    CU_add_test(suite, "failures keep the old", test_failures_keep_the_old);
    CU_add_test(suite, "the same again", test_the_same_again);
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
