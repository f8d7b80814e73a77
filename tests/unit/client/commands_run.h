/*
 * Whole commands in a process of their own, against a server that is this program itself: run as
 * `certmill` it is the client, run with --serve HOW it answers as the case wants.
 */
#ifndef CERTMILL_TESTS_UNIT_CLIENT_COMMANDS_RUN_H
#define CERTMILL_TESTS_UNIT_CLIENT_COMMANDS_RUN_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ca.h"
#include "client/client.h"
#include "tests/unit/common/folder.h"

static char base[] = "/tmp/certmill-commands-XXXXXX";
static char text[16384]; /* what a command printed */
static char said[16384]; /* what it logged */

/* -- the server -- */

static inline X509_REQ *read_csr(void)
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

static inline void names_of(X509_REQ *req, char *dst, size_t cap)
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

static inline int serve_certificate(const char *how)
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

/* Always the one that it gave first. */
static inline int serve_again(const char *folder)
{
    char path[300], pem[16384] = "";
    X509_REQ_free(read_csr());
    snprintf(path, sizeof(path), "%s/a.example-chain.ecdsa.crt", folder);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return 3;
    }
    fwrite(pem, 1, fread(pem, 1, sizeof(pem), file), stdout);
    fclose(file);
    return 0;
}

static inline int serve(const char *how, const char *word)
{
    if (strcmp(how, "garbage") == 0) {
        puts("Welcome to this system!");
        return 0;
    }
    if (strcmp(word, "ping") == 0) {
        puts("pong");
        return 0;
    }
    return strcmp(how, "again") == 0 ? serve_again(getenv("TEST_FOLDER")) : serve_certificate(how);
}

/* -- the client -- */

static inline void slurp(FILE *file, char *dst, size_t cap)
{
    rewind(file);
    dst[fread(dst, 1, cap - 1, file)] = '\0';
    fclose(file);
}

/* Settings of whoever runs the tests. */
static inline void forget_settings(void)
{
    for (size_t i = 0; environ[i] != NULL;) {
        char name[256];
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(environ[i], "="), environ[i]);
        bool ours = strncmp(name, "CERTMILL_", 9) == 0 || strncmp(name, "CERTGRINDER_", 12) == 0;
        if (!ours || unsetenv(name) < 0) {
            i++;
        }
    }
}

/* Runs certmill with a server of that kind, keys of type ecdsa, and the words (NULL-terminated). */
static inline int run(const char *how, ...)
{
    char server[64];
    char *argv[32] = {(char[]){"certmill"}, (char[]){"--server"}, server, (char[]){"--path"}, base,
                      (char[]){"-k"},       (char[]){"ecdsa"}};
    int argc = 7, status = -1;
    FILE *out = tmpfile(), *log = tmpfile();
    va_list ap;
    snprintf(server, sizeof(server), "/proc/self/exe --serve %s", how);
    va_start(ap, how);
    while ((argv[argc] = va_arg(ap, char *)) != NULL) {
        argc++;
    }
    va_end(ap);
    pid_t child = fork();
    if (child == 0) {
        dup2(fileno(out), 1);
        dup2(fileno(log), 2);
        forget_settings();
        execv("/proc/self/exe", argv);
        _exit(99);
    }
    waitpid(child, &status, 0);
    slurp(out, text, sizeof(text));
    slurp(log, said, sizeof(said));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* -- the test program -- */

/* Whether main is to be one of these two. */
static inline bool commands_is_part(int argc, char **argv)
{
    return strcmp(argv[0], "certmill") == 0 || (argc > 3 && strcmp(argv[1], "--serve") == 0);
}

static inline int commands_part(int argc, char **argv)
{
    if (strcmp(argv[0], "certmill") == 0) {
        return client_main(argc, argv);
    }
    int status = serve(argv[2], argv[argc - 1]);
    fflush(stdout);
    _exit(status); /* what it has allocated is nobody's business */
}

static inline int set_up(void)
{
    return mkdtemp(base) == NULL ? -1 : setenv("TEST_FOLDER", base, 1);
}

static inline int tear_down(void)
{
    return folder_remove(base);
}

#endif
