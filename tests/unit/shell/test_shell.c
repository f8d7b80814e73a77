/* certmill-shell as sshd starts it: environment, command line, standard input. */
#include "shell/shell.h"

#include <CUnit/Basic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char out[8192], log_text[8192];

static void slurp(FILE *file, char *dst, size_t cap)
{
    rewind(file);
    dst[fread(dst, 1, cap - 1, file)] = '\0';
    fclose(file);
}

/* Runs it with SSH_ORIGINAL_COMMAND (or none), the permitted sets in the environment (or none),
 * the text on standard input, and words (divided by blanks) on the command line. */
static int run(const char *original, const char *domains, const char *input, const char *words)
{
    char copy[512], *argv[16] = {(char[]){"certmill-shell"}};
    int argc = 1, status;
    FILE *files[3] = {tmpfile(), tmpfile(), tmpfile()};
    fputs(input, files[0]);
    rewind(files[0]);
    snprintf(copy, sizeof(copy), "%s", words);
    for (char *word = strtok(copy, " "); word != NULL && argc < 15; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    pid_t child = fork();
    if (child == 0) {
        setenv("CERTMILL_SOCKET", "/nonexistent/submit.sock", 1);
        unsetenv("SSH_ORIGINAL_COMMAND");
        unsetenv("CERTGRINDERD_DOMAINSETS");
        if (original != NULL) {
            setenv("SSH_ORIGINAL_COMMAND", original, 1);
        }
        if (domains != NULL) {
            setenv("CERTGRINDERD_DOMAINSETS", domains, 1);
        }
        for (int i = 0; i < 3; i++) {
            dup2(fileno(files[i]), i);
        }
        _exit(shell_main(argc, argv));
    }
    waitpid(child, &status, 0);
    fclose(files[0]);
    slurp(files[1], out, sizeof(out));
    slurp(files[2], log_text, sizeof(log_text));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define CSR "-----BEGIN CERTIFICATE REQUEST-----\nMIH2\n-----END CERTIFICATE REQUEST-----\n"

static void test_local(void)
{
    CU_ASSERT_EQUAL(run(NULL, NULL, "", "help"), SHELL_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "get certificate"));
    CU_ASSERT_EQUAL(run("version", NULL, "", ""), SHELL_OK);
    CU_ASSERT_EQUAL(strncmp(out, "certmill-shell ", 15), 0);
    CU_ASSERT_STRING_EQUAL(log_text, "");
}

static void test_statuses(void)
{
    CU_ASSERT_EQUAL(run(NULL, NULL, "", ""), SHELL_USAGE);
    CU_ASSERT_EQUAL(run("", "a.example", "", ""), SHELL_USAGE);
    CU_ASSERT_EQUAL(run("ping", NULL, "", ""), SHELL_NO_SERVER);
    CU_ASSERT_PTR_NOT_NULL(strstr(log_text, "/nonexistent/submit.sock"));
    CU_ASSERT_EQUAL(run("get certificate", "a.example", CSR, ""), SHELL_NO_SERVER);
    CU_ASSERT_EQUAL(run("get certificate", NULL, CSR, ""), SHELL_POLICY);
    CU_ASSERT_PTR_NOT_NULL(strstr(log_text, "CERTGRINDERD_DOMAINSETS"));
    CU_ASSERT_EQUAL(run("get certificate", "", CSR, ""), SHELL_POLICY);
    CU_ASSERT_EQUAL(run("get certificate", "a.example", "", ""), SHELL_INPUT);
    CU_ASSERT_EQUAL(run("show csr", NULL, "\x01", ""), SHELL_INPUT);
    CU_ASSERT_STRING_EQUAL(out, "");
}

static void test_large_input(void)
{
    char *large = malloc(LIMIT_CSR_PEM + 2);
    memset(large, '\n', LIMIT_CSR_PEM + 1);
    large[LIMIT_CSR_PEM + 1] = '\0';
    memcpy(large, CSR, strlen(CSR));
    CU_ASSERT_EQUAL(run("get certificate", "a.example", large, ""), SHELL_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(log_text, "larger than 64 KiB"));
    large[LIMIT_CSR_PEM] = '\0';
    CU_ASSERT_EQUAL(run("get certificate", "a.example", large, ""), SHELL_NO_SERVER);
    free(large);
}

static void test_own_options(void)
{
    CU_ASSERT_EQUAL(run("get certificate", NULL, CSR, "--domains a.example"), SHELL_NO_SERVER);
    CU_ASSERT_EQUAL(run("ping", NULL, "", "--socket=/other/sock"), SHELL_NO_SERVER);
    CU_ASSERT_PTR_NOT_NULL(strstr(log_text, "/other/sock"));
    CU_ASSERT_EQUAL(run(NULL, NULL, "", "--socket /other/sock ping"), SHELL_NO_SERVER);
    CU_ASSERT_PTR_NOT_NULL(strstr(log_text, "/other/sock"));
    CU_ASSERT_EQUAL(run(NULL, NULL, "", "--domains"), SHELL_USAGE);
    CU_ASSERT_EQUAL(run("get certificate", NULL, CSR, "--client web1"), SHELL_NO_SERVER);
    CU_ASSERT_EQUAL(run("get certificate", NULL, CSR, "--client=web1"), SHELL_NO_SERVER);
    CU_ASSERT_EQUAL(run("--client web1 get certificate", "a.example", CSR, ""), SHELL_USAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(log_text, "option '--client' is not taken"));
    CU_ASSERT_EQUAL(run("get certificate --client=web1", "a.example", CSR,
                        "--client web2 get certificate --client=web1"),
                    SHELL_USAGE);
    CU_ASSERT_EQUAL(run(NULL, NULL, "", "ping --socket /other/sock"), SHELL_USAGE);
}

/* command="certmill-shell $SSH_ORIGINAL_COMMAND": the client's words stand there twice. */
static void test_words_twice(void)
{
    CU_ASSERT_EQUAL(run("get certificate", "a.example", CSR, "get certificate"), SHELL_NO_SERVER);
    CU_ASSERT_EQUAL(run("--domains b.example get certificate", "a.example", CSR,
                        "--domains b.example get certificate"),
                    SHELL_USAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(log_text, "option '--domains' is not taken"));
    CU_ASSERT_EQUAL(run("--socket=/x ping", NULL, "", "--socket=/x ping"), SHELL_USAGE);
    CU_ASSERT_EQUAL(run("'--domains' b.example get certificate", NULL, CSR, "'--domains'"),
                    SHELL_USAGE);
}

static void test_log_level(void)
{
    CU_ASSERT_EQUAL(run("--log-level CRITICAL ping", NULL, "", ""), SHELL_NO_SERVER);
    CU_ASSERT_STRING_EQUAL(log_text, "");
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("shell", NULL, NULL);
    CU_add_test(suite, "local", test_local);
    CU_add_test(suite, "statuses", test_statuses);
    CU_add_test(suite, "large input", test_large_input);
    CU_add_test(suite, "own options", test_own_options);
    CU_add_test(suite, "words twice", test_words_twice);
    CU_add_test(suite, "log level", test_log_level);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
