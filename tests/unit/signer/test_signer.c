/*
 * The whole process, forked: started over its control channel, asked over the issuer's.
 */
#include <CUnit/Basic.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/boot.h"
#include "common/role.h"
#include "jws_check.h"
#include "signer/request.h"

static char state[] = "/tmp/test_signerXXXXXX";
static uint8_t buf[LIMIT_MESSAGE];

struct process {
    pid_t pid;
    int control, issuer;
};

static int receive(int fd, struct msg_reader *r)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    CU_ASSERT_EQUAL_FATAL(poll(&p, 1, 20000), 1);
    int n = msg_recv(fd, buf, sizeof(buf), NULL, NULL);
    if (n > 0) {
        CU_ASSERT_EQUAL_FATAL(msg_open(r, buf, (size_t)n), 0);
    }
    return n;
}

static void send_boot(int control, int peer)
{
    char args[4][64], *argv[4], *words[5];
    struct conf_input input = {.argc = 4, .argv = argv, .envp = (char *[]){NULL}, .words = words};
    struct boot_socket socket = {.kind = IPC_SOCKET_PEER, .role = IPC_ROLE_ISSUER, .fd = peer};
    struct boot boot = {.sockets = &socket, .socket_count = 1};
    struct err err = {0};

    snprintf(args[0], sizeof(args[0]), "--acme-zone=acme.example");
    snprintf(args[1], sizeof(args[1]), "--state-dir=%s", state);
    snprintf(args[2], sizeof(args[2]), "--signer-user=nobody");
    snprintf(args[3], sizeof(args[3]), "--log-level=CRITICAL");
    for (size_t i = 0; i < 4; i++) {
        argv[i] = args[i];
    }
    CU_ASSERT_EQUAL_FATAL(conf_load(&server_conf_schema, &boot.conf, &input, &err), 0);
    CU_ASSERT_EQUAL_FATAL(boot_send(control, IPC_BOOT, &boot, &err), 0);
    free(input.file_used);
    conf_clear(&server_conf_schema, &boot.conf);
}

static void start(struct process *p)
{
    int control[2], issuer[2];

    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control), 0);
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, issuer), 0);
    fflush(NULL);
    p->pid = fork();
    if (p->pid == 0) {
        close(control[0]);
        close(issuer[0]);
        close(issuer[1]);
        _exit(signer_main(control[1]));
    }
    close(control[1]);
    send_boot(control[0], issuer[1]);
    close(issuer[1]);
    p->control = control[0];
    p->issuer = issuer[0];
}

static void expect_ready(struct process *p)
{
    struct msg_reader r = {0};
    char text[LIMIT_ERROR_TEXT] = "";

    CU_ASSERT_FATAL(receive(p->control, &r) > 0);
    if (r.type == IPC_FAILED) {
        msg_get_str(&r, text, sizeof(text));
        fprintf(stderr, "signer: %s\n", text);
    }
    CU_ASSERT_EQUAL_FATAL(r.type, IPC_READY);
    CU_ASSERT_EQUAL(msg_done(&r), 0);
}

/* Closes the control channel; the exit status. */
static int finish(struct process *p)
{
    int status = -1;

    close(p->control);
    close(p->issuer);
    CU_ASSERT_EQUAL(waitpid(p->pid, &status, 0), p->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void ask_key(int fd, uint64_t number, const char *name, const char *type)
{
    uint8_t out[256];
    struct msg_writer w;

    msg_begin(&w, out, sizeof(out), IPC_KEY_REQUEST);
    msg_put_u64(&w, number);
    msg_put_str(&w, name);
    msg_put_str(&w, type);
    CU_ASSERT_EQUAL_FATAL(msg_send(fd, &w, NULL, 0), 0);
}

static void ask_sign(int fd, uint64_t number, const char *url, const char *nonce)
{
    uint8_t out[8192];
    struct msg_writer w;

    msg_begin(&w, out, sizeof(out), IPC_SIGN_REQUEST);
    msg_put_u64(&w, number);
    msg_put_str(&w, "account");
    msg_put_str(&w, url);
    msg_put_str(&w, nonce);
    msg_put_str(&w, "");
    msg_put_str(&w, "{}");
    CU_ASSERT_EQUAL_FATAL(msg_send(fd, &w, NULL, 0), 0);
}

static void test_asked(void)
{
    struct process p;
    struct msg_reader r = {0};
    char text[4096];
    size_t len;

    start(&p);
    expect_ready(&p);
    ask_sign(p.issuer, 6, "https://ca.example/x", "n");
    CU_ASSERT_FATAL(receive(p.issuer, &r) > 0);
    CU_ASSERT_EQUAL(r.type, IPC_SIGN_FAILED); /* no such key yet */
    CU_ASSERT_EQUAL(msg_get_u64(&r), 6);

    ask_key(p.issuer, 7, "account", "ecdsa-p256");
    CU_ASSERT_FATAL(receive(p.issuer, &r) > 0);
    CU_ASSERT_EQUAL_FATAL(r.type, IPC_KEY);
    CU_ASSERT_EQUAL(msg_get_u64(&r), 7);
    CU_ASSERT_EQUAL(msg_get_u8(&r), 1);
    msg_get_str(&r, text, sizeof(text));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "P-256"));
    msg_get_str(&r, text, sizeof(text));
    CU_ASSERT_EQUAL(strlen(text), 43);
    CU_ASSERT_EQUAL(msg_done(&r), 0);

    ask_sign(p.issuer, 8, "https://ca.example/x", "n-_1");
    CU_ASSERT_FATAL(receive(p.issuer, &r) > 0);
    CU_ASSERT_EQUAL_FATAL(r.type, IPC_SIGNED);
    CU_ASSERT_EQUAL(msg_get_u64(&r), 8);
    const uint8_t *jws = msg_get_bytes(&r, LIMIT_MESSAGE, &len);
    CU_ASSERT_EQUAL(msg_done(&r), 0);
    json_t *json = json_loadb((const char *)jws, len, JSON_REJECT_DUPLICATES, NULL);
    CU_ASSERT_EQUAL(json_object_size(json), 3);
    json_decref(json);
    CU_ASSERT_EQUAL(finish(&p), 0);
}

static void test_refused(void)
{
    static const char *const urls[] = {"",
                                       "ftp://ca",
                                       "https://a\"b",
                                       "https://a\\b",
                                       "https://a b",
                                       "https://a\nb",
                                       "https://\xc3\xb8"};
    static const char *const nonces[] = {"a\"", "a b", "a=", "a\\u0000", "\x80"};
    struct process p;
    struct msg_reader r = {0};

    start(&p);
    expect_ready(&p);
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        ask_sign(p.issuer, i, urls[i], "n");
        CU_ASSERT_FATAL(receive(p.issuer, &r) > 0);
        CU_ASSERT_EQUAL(r.type, IPC_SIGN_FAILED);
        CU_ASSERT_EQUAL(msg_get_u64(&r), i);
    }
    for (size_t i = 0; i < sizeof(nonces) / sizeof(nonces[0]); i++) {
        ask_sign(p.issuer, i, "https://ca.example/x", nonces[i]);
        CU_ASSERT_FATAL(receive(p.issuer, &r) > 0);
        CU_ASSERT_EQUAL(r.type, IPC_SIGN_FAILED);
    }
    /* what does not decode closes the channel, and a new one works */
    CU_ASSERT_EQUAL(send(p.issuer, "\1\0\0\141nonsense", 12, 0), 12);
    CU_ASSERT_EQUAL(receive(p.issuer, &r), 0);

    int pair[2];
    uint8_t out[16];
    struct msg_writer w;
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    msg_begin(&w, out, sizeof(out), IPC_PEER);
    msg_put_u8(&w, IPC_ROLE_ISSUER);
    CU_ASSERT_EQUAL(msg_send(p.control, &w, &pair[1], 1), 0);
    close(pair[1]);
    close(p.issuer);
    p.issuer = pair[0];
    ask_key(p.issuer, 9, "account", "ecdsa-p256");
    CU_ASSERT_FATAL(receive(p.issuer, &r) > 0);
    CU_ASSERT_EQUAL(r.type, IPC_KEY);
    CU_ASSERT_EQUAL(finish(&p), 0);
}

/* The issuer asks much and reads nothing: the signer must still hear the supervisor. */
static void test_flood(void)
{
    struct process p;
    struct msg_writer w;
    struct msg_reader r = {0};
    uint8_t out[16];
    int status = -1, sent = 0;

    start(&p);
    expect_ready(&p);
    ask_key(p.issuer, 1, "account", "ecdsa-p256");
    fcntl(p.issuer, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 2000; i++) {
        uint8_t ask[256];
        msg_begin(&w, ask, sizeof(ask), IPC_KEY_REQUEST);
        msg_put_u64(&w, (uint64_t)i + 2);
        msg_put_str(&w, "account");
        msg_put_str(&w, "ecdsa-p256");
        sent += msg_send(p.issuer, &w, NULL, 0) == 0;
    }
    CU_ASSERT(sent > 10);
    for (int i = 0; i < 1 + sent / 2; i++) {
        CU_ASSERT_FATAL(receive(p.issuer, &r) > 0);
        CU_ASSERT_EQUAL(r.type, IPC_KEY);
    }
    msg_begin(&w, out, sizeof(out), IPC_STOP);
    CU_ASSERT_EQUAL(msg_send(p.control, &w, NULL, 0), 0);
    CU_ASSERT_EQUAL(waitpid(p.pid, &status, 0), p.pid);
    CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(p.control);
    close(p.issuer);
}

static void test_cannot_start(void)
{
    struct process p;
    struct msg_reader r = {0};
    char text[LIMIT_ERROR_TEXT];

    memcpy(state, "/tmp/no-signer", sizeof("/tmp/no-signer"));
    start(&p);
    CU_ASSERT_FATAL(receive(p.control, &r) > 0);
    CU_ASSERT_EQUAL(r.type, IPC_FAILED);
    msg_get_str(&r, text, sizeof(text));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "/tmp/no-signer"));
    CU_ASSERT_EQUAL(finish(&p), 1);
}

int main(void)
{
    char keys[64], key[80], copy[sizeof(state)];
    const struct passwd *nobody = getpwnam("nobody");

    if (mkdtemp(state) == NULL || chmod(state, 0711) < 0) {
        return 2;
    }
    memcpy(copy, state, sizeof(copy));
    snprintf(keys, sizeof(keys), "%s/keys", state);
    snprintf(key, sizeof(key), "%s/account.pem", keys);
    if (mkdir(keys, 0700) < 0 ||
        (geteuid() == 0 && chown(keys, nobody->pw_uid, nobody->pw_gid) < 0)) {
        return 2;
    }
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("signer", NULL, NULL);
    CU_add_test(suite, "makes a key and signs", test_asked);
    CU_add_test(suite, "refuses what is not acceptable", test_refused);
    CU_add_test(suite, "hears the supervisor under a flood", test_flood);
    CU_add_test(suite, "says why it cannot start", test_cannot_start);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    unlink(key);
    rmdir(keys);
    rmdir(copy);
    return failures != 0;
}
