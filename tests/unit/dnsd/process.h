/*
 * A whole dnsd in a child of the test, with the test as its supervisor and issuer.
 */
#ifndef CERTMILL_TESTS_DNSD_PROCESS_H
#define CERTMILL_TESTS_DNSD_PROCESS_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/boot.h"
#include "common/ipc.h"
#include "common/limits.h"
#include "common/msg.h"
#include "common/role.h"

#define PROCESS_WORKERS 2

struct process {
    pid_t pid;
    int control, issuer;
    struct sockaddr_in udp, tcp; /* 127.0.0.1, a socket a worker */
    struct sockaddr_in any;      /* 0.0.0.0, one socket for all workers; UDP */
    struct sockaddr_in6 any6;    /* [::], for IPv4 too; port 0 where there is no IPv6 */
    int kept;                    /* the first of udp, as the supervisor keeps it */
    char folder[32];
    struct boot boot;
    struct boot_socket sockets[16];
    uint8_t buf[LIMIT_MESSAGE];
    struct msg_reader reader; /* of the message received last */
};

static inline void process_die(const char *what)
{
    perror(what);
    exit(2);
}

/* Nothing in a test waits longer than this: it fails instead of hanging. */
static inline void process_patience(int fd)
{
    const struct timeval patience = {20, 0};

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
}

/* A bound socket; port 0 is filled in. */
static inline int process_socket(int type, const char *address, struct sockaddr_in *bound)
{
    const int on = 1;
    socklen_t len = sizeof(*bound);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    bound->sin_family = AF_INET;
    inet_pton(AF_INET, address, &bound->sin_addr);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0 ||
        bind(fd, (struct sockaddr *)bound, sizeof(*bound)) < 0 ||
        getsockname(fd, (struct sockaddr *)bound, &len) < 0 ||
        (type == SOCK_STREAM && listen(fd, 64) < 0)) {
        process_die("socket");
    }
    return fd;
}

/* Likewise for both families; -1 where the host has no IPv6. */
static inline int process_socket6(struct sockaddr_in6 *bound)
{
    const int off = 0;
    socklen_t len = sizeof(*bound);
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    bound->sin6_family = AF_INET6;
    if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0 ||
        bind(fd, (struct sockaddr *)bound, sizeof(*bound)) < 0 ||
        getsockname(fd, (struct sockaddr *)bound, &len) < 0) {
        bound->sin6_port = 0;
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

static inline void process_add(struct process *p, enum ipc_socket_kind kind, uint16_t worker,
                               const char *address, int fd)
{
    struct boot_socket *s = &p->sockets[p->boot.socket_count++];

    *s = (struct boot_socket){.kind = kind, .role = 0, .worker = worker, .fd = fd};
    snprintf(s->address, sizeof(s->address), "%s", address);
    if (kind == IPC_SOCKET_PEER) {
        s->role = IPC_ROLE_ISSUER;
    }
}

static inline void process_pair(int pair[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        process_die("socketpair");
    }
    process_patience(pair[0]);
}

static inline void process_conf(struct process *p, const char *level)
{
    char args[4][64], *argv[4];

    snprintf(args[0], sizeof(args[0]), "--acme-zone=acme.example");
    snprintf(args[1], sizeof(args[1]), "--run-dir=%s", p->folder);
    snprintf(args[2], sizeof(args[2]), "--dns-user=nobody");
    snprintf(args[3], sizeof(args[3]), "--log-level=%s", level);
    for (size_t i = 0; i < 4; i++) {
        argv[i] = args[i];
    }
    char *words[5];
    struct conf_input input = {.argc = 4, .argv = argv, .envp = (char *[]){NULL}, .words = words};
    struct err err = {0};

    if (conf_load(&server_conf_schema, &p->boot.conf, &input, &err) < 0) {
        fprintf(stderr, "configuration: %s\n", err.text);
        exit(2);
    }
    free(input.file_used);
}

/* The next message on a channel; its type, or 0 at the end. */
static inline uint16_t process_receive(struct process *p, int fd)
{
    size_t nfds = 0;
    int len = msg_recv(fd, p->buf, sizeof(p->buf), NULL, &nfds);

    if (len < 0) {
        fprintf(stderr, "nothing came: %s\n", err_string(len));
        return 0;
    }
    return len > 0 && msg_open(&p->reader, p->buf, (size_t)len) == 0 ? p->reader.type : 0;
}

/* Likewise on the issuer's channel; what is of another type is passed over. */
static inline bool process_expect(struct process *p, uint16_t type)
{
    uint16_t got;

    do {
        got = process_receive(p, p->issuer);
    } while (got != 0 && got != type);
    return got == type;
}

/* set: changes the configuration, or NULL. */
static inline void process_start_with(struct process *p, void (*set)(struct server_conf *conf))
{
    int control[2], issuer[2];
    struct err err = {0};

    memset(p, 0, sizeof(*p));
    snprintf(p->folder, sizeof(p->folder), "/tmp/dnsd-XXXXXX");
    if (mkdtemp(p->folder) == NULL) {
        process_die("mkdtemp");
    }
    chmod(p->folder, 0755);
    p->boot.sockets = p->sockets;
    process_conf(p, "WARNING");
    p->boot.conf.dns_threads = PROCESS_WORKERS;
    if (set != NULL) {
        set(&p->boot.conf);
    }
    process_pair(control);
    process_pair(issuer);
    for (uint16_t i = 0; i < PROCESS_WORKERS; i++) {
        process_add(p, IPC_SOCKET_UDP, i, "udp", process_socket(SOCK_DGRAM, "127.0.0.1", &p->udp));
        process_add(p, IPC_SOCKET_TCP, i, "tcp", process_socket(SOCK_STREAM, "127.0.0.1", &p->tcp));
    }
    p->kept = dup(p->sockets[0].fd);
    process_add(p, IPC_SOCKET_UDP, 0, "any", process_socket(SOCK_DGRAM, "0.0.0.0", &p->any));
    int any6 = process_socket6(&p->any6);
    if (any6 >= 0) {
        process_add(p, IPC_SOCKET_UDP, 0, "any6", any6);
    }
    process_add(p, IPC_SOCKET_PEER, 0, "issuer", issuer[1]);
    fflush(NULL);
    if ((p->pid = fork()) == 0) {
        int status;

        for (size_t i = 0; i < p->boot.socket_count; i++) {
            close(p->sockets[i].fd);
        }
        close(p->kept);
        close(control[0]);
        close(issuer[0]);
        conf_clear(&server_conf_schema, &p->boot.conf);
        status = dnsd_main(control[1]);
        close(control[1]);
        exit(status);
    }
    p->control = control[0];
    p->issuer = issuer[0];
    close(control[1]);
    if (boot_send(p->control, IPC_BOOT, &p->boot, &err) < 0) {
        fprintf(stderr, "boot_send: %s\n", err.text);
        exit(2);
    }
    for (size_t i = 0; i < p->boot.socket_count; i++) {
        close(p->sockets[i].fd);
    }
    p->boot.socket_count = 0;
    if (process_receive(p, p->control) != IPC_READY) {
        fprintf(stderr, "dnsd did not start\n");
        exit(2);
    }
}

static inline void process_start(struct process *p)
{
    process_start_with(p, NULL);
}

static inline void process_send(struct process *p, int channel, uint16_t type, int fd)
{
    uint8_t buf[64];
    struct msg_writer w;

    msg_begin(&w, buf, sizeof(buf), type);
    if (type == IPC_PEER) {
        msg_put_u8(&w, IPC_ROLE_ISSUER);
    }
    if (msg_send(channel, &w, &fd, fd >= 0) < 0) {
        process_die("send");
    }
    (void)p;
}

/* fd is closed. */
static inline void process_image(struct process *p, uint64_t generation, int fd)
{
    uint8_t buf[64];
    struct msg_writer w;

    msg_begin(&w, buf, sizeof(buf), IPC_IMAGE);
    msg_put_u64(&w, generation);
    if (msg_send(p->issuer, &w, &fd, 1) < 0) {
        process_die("send image");
    }
    close(fd);
}

/* Exit status of the child, or -1 where it ended otherwise. */
static inline int process_wait(struct process *p)
{
    char empty[48];
    int status;

    if (waitpid(p->pid, &status, 0) != p->pid) {
        process_die("waitpid");
    }
    if (p->control >= 0) {
        close(p->control);
    }
    close(p->issuer);
    close(p->kept);
    conf_clear(&server_conf_schema, &p->boot.conf);
    snprintf(empty, sizeof(empty), "%s/empty", p->folder);
    rmdir(empty);
    rmdir(p->folder);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#endif
