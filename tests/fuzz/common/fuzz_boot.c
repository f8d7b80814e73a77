/*
 * A child's start: any messages with any number of descriptors where IPC_SOCKETS and IPC_BOOT are
 * to come, and one taken for IPC_RELOAD. No descriptor is lost, none is closed twice.
 *
 * The input is messages, each behind an octet (how many descriptors) and a length in two.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/boot.h"
#include "common/boot_conf.h"
#include "common/conf_internal.h"
#include "common/limits.h"
#include "common/msg.h"
#include "common/wire.h"

#define FDS_MOST 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* The number that the next descriptor gets: the same before and after, or one was lost. */
static int next_descriptor(void)
{
    int fd = dup(STDIN_FILENO);

    close(fd);
    return fd;
}

static void check_boot(const struct boot *boot)
{
    for (size_t i = 0; i < boot->socket_count; i++) {
        check(fcntl(boot->sockets[i].fd, F_GETFD) >= 0);
        check(boot->sockets[i].worker < LIMIT_DNS_THREADS);
        check(memchr(boot->sockets[i].address, '\0', sizeof(boot->sockets[i].address)) != NULL);
    }
    for (size_t i = 0; i < boot->file_count; i++) {
        check(fcntl(boot->files[i].fd, F_GETFD) >= 0);
        check(boot->files[i].row == 0 || boot->files[i].kind != IPC_FILE_ZONE ||
              boot->files[i].row < boot->conf.zones.count);
    }
}

/* A good one; that of any other kind is fuzz_msg's. */
static int configuration(void)
{
    struct server_conf conf = {0};
    struct err err = {0};
    int fd;

    check(conf_defaults(&server_conf_schema, &conf, &err) == 0);
    fd = boot_conf_seal(&conf, &err);
    check(fd >= 0);
    conf_clear(&server_conf_schema, &conf);
    return fd;
}

static void send_all(int fd, const uint8_t *data, size_t size)
{
    int fds[FDS_MOST];

    for (size_t i = 0; i < FDS_MOST; i++) {
        fds[i] = i == 0 ? configuration() : STDIN_FILENO;
    }
    while (size >= 3) {
        size_t len = wire_read_u16(data + 1), nfds = data[0] % (FDS_MOST + 1);

        len = len < size - 3 ? len : size - 3;
        if (len > 0) {
            const struct msg_writer w = {.buf = (uint8_t *)data + 3, .len = len};

            if (msg_send(fd, &w, fds, nfds) < 0) {
                break;
            }
        }
        data += 3 + len;
        size -= 3 + len;
    }
    close(fds[0]);
}

static void try_receive(const uint8_t *data, size_t size)
{
    struct boot boot;
    struct err err = {0};
    int pair[2];

    check(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
    check(fcntl(pair[0], F_SETFL, O_NONBLOCK) == 0);
    send_all(pair[0], data, size);
    close(pair[0]);
    if (boot_receive(pair[1], &boot, &err) == 0) {
        check_boot(&boot);
        boot_clear(&boot);
    } else {
        check(err.text[0] != '\0');
    }
    close(pair[1]);
}

static void try_reload(const uint8_t *data, size_t size)
{
    int fds[FDS_MOST];
    struct msg_reader r;
    struct boot boot;
    struct err err = {0};

    if (size < 3 || msg_open(&r, data + 3, size - 3) < 0) {
        return;
    }
    size_t nfds = data[0] % (FDS_MOST + 1);
    for (size_t i = 0; i < nfds; i++) {
        fds[i] = i == 0 ? configuration() : dup(STDIN_FILENO);
    }
    if (boot_decode(&boot, &r, fds, nfds, &err) == 0) {
        check_boot(&boot);
        boot_clear(&boot);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int before = next_descriptor();

    try_receive(data, size);
    check(next_descriptor() == before);
    try_reload(data, size);
    check(next_descriptor() == before);
    return 0;
}
