#include <CUnit/Basic.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/boot.h"
#include "common/boot_conf.h"
#include "common/limits.h"
#include "common/msg.h"
#include "common/server_conf_ca.h"

static uint8_t buf[LIMIT_MESSAGE];

static int open_fds(void)
{
    int n = 0;

    for (int fd = 0; fd < 4096; fd++) {
        n += fcntl(fd, F_GETFD) >= 0;
    }
    return n;
}

static void load(struct server_conf *conf)
{
    char variable[] = "CERTMILLD_ACME_ZONE=acme.example.com";
    char *envp[] = {variable, NULL}, *words[1];
    struct conf_input input = {.envp = envp, .words = words};
    struct err err = {0};

    CU_ASSERT_EQUAL_FATAL(conf_load(&server_conf_schema, conf, &input, &err), 0);
}

static void round_trip(size_t sockets, size_t zone_files)
{
    struct boot sent = {.generation = 7}, got;
    struct err err = {0};
    int pair[2], before = open_fds(), size = 1 << 20;

    load(&sent.conf);
    sent.sockets = calloc(sockets + 1, sizeof(*sent.sockets));
    sent.files = calloc(zone_files + 1, sizeof(*sent.files));
    sent.socket_count = sockets;
    sent.file_count = zone_files;
    for (size_t i = 0; i < sockets; i++) {
        sent.sockets[i] = (struct boot_socket){.kind = i % 5, .role = i % 4, .worker = i % 64};
        snprintf(sent.sockets[i].address, sizeof(sent.sockets[i].address), "address %zu", i);
        sent.sockets[i].fd = memfd_create("s", MFD_CLOEXEC);
        CU_ASSERT_EQUAL(pwrite(sent.sockets[i].fd, &i, sizeof(i), 0), sizeof(i));
    }
    for (size_t i = 0; i < zone_files; i++) {
        sent.files[i] = (struct boot_file){IPC_FILE_ZONE, 0, memfd_create("z", MFD_CLOEXEC)};
        CU_ASSERT_EQUAL(pwrite(sent.files[i].fd, &i, sizeof(i), 0), sizeof(i));
    }
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    CU_ASSERT_EQUAL_FATAL(boot_send(pair[0], IPC_BOOT, &sent, &err), 0);
    boot_clear(&sent);
    CU_ASSERT_EQUAL_FATAL(boot_receive(pair[1], &got, &err), 0);
    CU_ASSERT_EQUAL(got.generation, 7);
    CU_ASSERT_STRING_EQUAL(got.conf.acme_zone, "acme.example.com");
    CU_ASSERT_EQUAL(got.socket_count, sockets);
    CU_ASSERT_EQUAL(got.file_count, zone_files);
    for (size_t i = 0; i < got.socket_count; i++) {
        char expected[32];
        size_t v = SIZE_MAX;

        snprintf(expected, sizeof(expected), "address %zu", i);
        CU_ASSERT_STRING_EQUAL(got.sockets[i].address, expected);
        CU_ASSERT_EQUAL(got.sockets[i].kind, i % 5);
        CU_ASSERT_EQUAL(got.sockets[i].role, i % 4);
        CU_ASSERT_EQUAL(got.sockets[i].worker, i % 64);
        CU_ASSERT_EQUAL(pread(got.sockets[i].fd, &v, sizeof(v), 0), sizeof(v));
        CU_ASSERT_EQUAL(v, i);
        CU_ASSERT(fcntl(got.sockets[i].fd, F_GETFD) & FD_CLOEXEC);
    }
    for (size_t i = 0; i < got.file_count; i++) {
        size_t v = SIZE_MAX;
        CU_ASSERT_EQUAL(pread(got.files[i].fd, &v, sizeof(v), 0), sizeof(v));
        CU_ASSERT_EQUAL(v, i);
    }
    boot_clear(&got);
    close(pair[0]);
    close(pair[1]);
    CU_ASSERT_EQUAL(open_fds(), before);
}

static void test_round_trip(void)
{
    round_trip(0, 0);
    round_trip(5, 1);
    round_trip(128, 0);
    round_trip(64, 64);
    round_trip(300, 3);
}

/* Whatever is cut off: an error, and no descriptor is left open. */
static void test_truncated(void)
{
    struct boot boot = {0};
    struct err err = {0};
    int pair[2], before, fds[LIMIT_MESSAGE_FDS];
    size_t nfds = LIMIT_MESSAGE_FDS;

    load(&boot.conf);
    struct boot_socket sockets[2] = {{.fd = 0}, {.fd = 1}};
    struct boot_file file = {IPC_FILE_ZONE, 0, 2};
    boot.sockets = sockets;
    boot.socket_count = 2;
    boot.files = &file;
    boot.file_count = 1;
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    CU_ASSERT_EQUAL_FATAL(boot_send(pair[0], IPC_BOOT, &boot, &err), 0);
    int len = msg_recv(pair[1], buf, sizeof(buf), fds, &nfds);
    CU_ASSERT_FATAL(len > 0);
    CU_ASSERT_EQUAL_FATAL(nfds, 4);
    before = open_fds();
    for (int cut = 4; cut <= len + 1; cut++) {
        int copy[4] = {dup(fds[0]), dup(fds[1]), dup(fds[2]), dup(fds[3])};
        struct msg_reader r;
        struct boot got;

        buf[len] = 0;
        CU_ASSERT_EQUAL(msg_open(&r, buf, (size_t)cut), 0);
        int ret = boot_decode(&got, &r, copy, 4, &err);
        CU_ASSERT_EQUAL(ret == 0, cut == len);
        boot_clear(&got);
        CU_ASSERT_EQUAL(open_fds(), before);
    }
    for (size_t wrong = 0; wrong < 4; wrong++) {
        int copy[4] = {dup(fds[0]), dup(fds[1]), dup(fds[2]), dup(fds[3])};
        struct msg_reader r;
        struct boot got;

        CU_ASSERT_EQUAL(msg_open(&r, buf, (size_t)len), 0);
        CU_ASSERT(boot_decode(&got, &r, copy, wrong, &err) < 0);
        for (size_t i = wrong; i < 4; i++) {
            close(copy[i]);
        }
        CU_ASSERT_EQUAL(open_fds(), before);
    }
    for (size_t i = 0; i < 4; i++) {
        close(fds[i]);
    }
    conf_clear(&server_conf_schema, &boot.conf);
    close(pair[0]);
    close(pair[1]);
}

/* More than any message holds. */
static void test_many_clients(void)
{
    enum { CLIENTS = 10000 };
    char *set = (char *)"a.example,b.example,c.example", name[32];
    struct boot sent = {0}, got;
    struct err err = {0};
    int pair[2], before = open_fds();

    load(&sent.conf);
    for (int i = 0; i < CLIENTS; i++) {
        struct server_conf_client *client =
            conf_table_add(&server_conf_client_schema, &sent.conf.clients);

        CU_ASSERT_PTR_NOT_NULL_FATAL(client);
        snprintf(name, sizeof(name), "client-%05d", i);
        client->name = strdup(name);
        CU_ASSERT_EQUAL(conf_strings_add(&client->names, set), 0);
    }
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    CU_ASSERT_EQUAL_FATAL(boot_send(pair[0], IPC_BOOT, &sent, &err), 0);
    CU_ASSERT_EQUAL_FATAL(boot_receive(pair[1], &got, &err), 0);
    CU_ASSERT_EQUAL(got.conf.clients.count, CLIENTS);
    CU_ASSERT_PTR_NOT_NULL(server_conf_client_find(&got.conf, "client-00000"));
    CU_ASSERT_PTR_NOT_NULL(server_conf_client_find(&got.conf, "client-09999"));
    CU_ASSERT_PTR_NULL(server_conf_client_find(&got.conf, "client-10000"));
    boot_clear(&sent);
    boot_clear(&got);
    close(pair[0]);
    close(pair[1]);
    CU_ASSERT_EQUAL(open_fds(), before);
}

/* The configuration itself is wrong, or is none. */
static void test_bad_conf(void)
{
    static const char *const texts[] = {"", "x", "\x01\0\0", "\x07\0\0\0", "\x01\0\0\0\xff"};
    struct server_conf conf;
    struct err err = {0};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        int fd = memfd_create("c", MFD_CLOEXEC);

        CU_ASSERT(write(fd, texts[i], i < 2 ? strlen(texts[i]) : i + 1) >= 0);
        CU_ASSERT(boot_conf_open(&conf, fd) < 0);
        close(fd);
    }
    CU_ASSERT_EQUAL(boot_conf_open(&conf, -1), -EBADF);
    load(&conf);
    int fd = boot_conf_seal(&conf, &err);
    conf_clear(&server_conf_schema, &conf);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT(write(fd, "x", 1) < 0);
    CU_ASSERT_EQUAL(boot_conf_open(&conf, fd), 0);
    CU_ASSERT_STRING_EQUAL(conf.acme_zone, "acme.example.com");
    conf_clear(&server_conf_schema, &conf);
    close(fd);
}

static void test_unexpected(void)
{
    struct msg_writer w;
    struct boot got;
    struct err err = {0};
    int pair[2], before = open_fds(), fds[2] = {0, 1};

    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    msg_begin(&w, buf, sizeof(buf), IPC_STOP);
    CU_ASSERT_EQUAL(msg_send(pair[0], &w, fds, 2), 0);
    CU_ASSERT_EQUAL(boot_receive(pair[1], &got, &err), ERR_PROTOCOL);
    /* more descriptors than are spoken of */
    msg_begin(&w, buf, sizeof(buf), IPC_SOCKETS);
    msg_put_u16(&w, 1);
    msg_put_u8(&w, IPC_SOCKET_UDP);
    msg_put_u8(&w, 0);
    msg_put_u16(&w, 0);
    msg_put_str(&w, "x");
    CU_ASSERT_EQUAL(msg_send(pair[0], &w, fds, 2), 0);
    CU_ASSERT_EQUAL(boot_receive(pair[1], &got, &err), ERR_PROTOCOL);
    CU_ASSERT_EQUAL(send(pair[0], "\x07\0\0\1", 4, 0), 4);
    CU_ASSERT_EQUAL(boot_receive(pair[1], &got, &err), ERR_VERSION);
    close(pair[0]);
    CU_ASSERT_EQUAL(boot_receive(pair[1], &got, &err), ERR_UNAVAILABLE);
    close(pair[1]);
    CU_ASSERT_EQUAL(open_fds(), before);
}

static void test_words(void)
{
    struct msg_reader r;
    struct err err = {.code = ERR_CORRUPT};
    char text[LIMIT_ERROR_TEXT];
    int pair[2];

    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    CU_ASSERT_EQUAL(boot_ready(pair[0]), 0);
    int n = msg_recv(pair[1], buf, sizeof(buf), NULL, NULL);
    CU_ASSERT_EQUAL(msg_open(&r, buf, (size_t)n), 0);
    CU_ASSERT(r.type == IPC_READY && msg_done(&r) == 0);
    CU_ASSERT_EQUAL(boot_failed(pair[0], &err), 0);
    n = msg_recv(pair[1], buf, sizeof(buf), NULL, NULL);
    CU_ASSERT_EQUAL(msg_open(&r, buf, (size_t)n), 0);
    msg_get_str(&r, text, sizeof(text));
    CU_ASSERT(r.type == IPC_FAILED && msg_done(&r) == 0);
    CU_ASSERT_STRING_EQUAL(text, err_string(ERR_CORRUPT));
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("boot", NULL, NULL);
    CU_add_test(suite, "all arrives, however much it is", test_round_trip);
    CU_add_test(suite, "cut or wrong messages leave nothing behind", test_truncated);
    CU_add_test(suite, "ten thousand clients", test_many_clients);
    CU_add_test(suite, "a wrong configuration", test_bad_conf);
    CU_add_test(suite, "other messages are refused", test_unexpected);
    CU_add_test(suite, "ready and failed", test_words);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
