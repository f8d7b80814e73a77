#include "bench/dnsd_process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/boot.h"
#include "common/ipc.h"

#define SOCKETS (2 * LIMIT_DNS_THREADS + 1)

static void die(const char *what)
{
    fprintf(stderr, "dnsd_serve: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int open_socket(int type, uint16_t port, int queue)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        (type == SOCK_STREAM && listen(fd, 128) < 0)) {
        die("socket");
    }
    if (type == SOCK_DGRAM && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &queue, sizeof(int)) < 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &queue, sizeof(int));
    }
    return fd;
}

static void add_socket(struct boot *boot, enum ipc_socket_kind kind, size_t worker, int fd)
{
    struct boot_socket *s = &boot->sockets[boot->socket_count++];

    *s = (struct boot_socket){.kind = kind, .worker = (uint16_t)worker, .fd = fd};
    s->role = kind == IPC_SOCKET_PEER ? IPC_ROLE_ISSUER : 0;
    snprintf(s->address, sizeof(s->address), "bench");
}

static void load_conf(struct dnsd_process *p, struct boot *boot, const struct dnsd_options *o)
{
    char run_dir[64], threads[32], *argv[64], *words[65];
    struct conf_input input = {.argv = argv, .envp = (char *[]){NULL}, .words = words};
    struct err err = {0};

    snprintf(run_dir, sizeof(run_dir), "--run-dir=%s", p->folder);
    snprintf(threads, sizeof(threads), "--dns-threads=%zu", o->workers);
    argv[input.argc++] = run_dir;
    argv[input.argc++] = threads;
    argv[input.argc++] = (char[]){"--acme-zone=acme.example.com"};
    argv[input.argc++] = (char[]){"--dns-user=nobody"};
    argv[input.argc++] = (char[]){"--log-level=WARNING"};
    for (size_t i = 0; i < o->setting_count && input.argc < 64; i++) {
        argv[input.argc++] = o->settings[i];
    }
    if (conf_load(&server_conf_schema, &boot->conf, &input, &err) < 0) {
        fprintf(stderr, "dnsd_serve: %s\n", err.text);
        exit(1);
    }
    free(input.file_used);
}

static void pin(const char *cpus)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    while (cpus != NULL && *cpus != 0) {
        CPU_SET(strtoul(cpus, (char **)&cpus, 10), &set);
        cpus += *cpus == ',';
    }
    if (CPU_COUNT(&set) > 0 && sched_setaffinity(0, sizeof(set), &set) < 0) {
        die("sched_setaffinity");
    }
}

static void run_child(const struct dnsd_options *o, int control)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin(o->cpus);
    if (control == IPC_CONTROL_FD) {
        fcntl(control, F_SETFD, 0);
    } else if (dup2(control, IPC_CONTROL_FD) < 0) {
        _exit(1);
    }
    execl(o->binary, o->binary, "--role", "dnsd", NULL);
    perror(o->binary);
    _exit(1);
}

/* The next message on a channel; its type, or 0 where the channel has ended. */
static uint16_t receive(struct dnsd_process *p, int fd)
{
    size_t nfds = 0;
    int len = msg_recv(fd, p->buf, sizeof(p->buf), NULL, &nfds);

    return len > 0 && msg_open(&p->reader, p->buf, (size_t)len) == 0 ? p->reader.type : 0;
}

void dnsd_process_start(struct dnsd_process *p, const struct dnsd_options *o)
{
    struct boot_socket sockets[SOCKETS];
    struct boot boot = {.sockets = sockets};
    int control[2], issuer[2];
    struct err err = {0};

    *p = (struct dnsd_process){.folder = "/tmp/dnsd-serve-XXXXXX"};
    if (mkdtemp(p->folder) == NULL || chmod(p->folder, 0755) < 0) {
        die(p->folder);
    }
    load_conf(p, &boot, o);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, issuer) < 0) {
        die("socketpair");
    }
    for (size_t i = 0; i < o->workers; i++) {
        uint16_t port = (uint16_t)(o->port + (o->spread ? i : 0));
        int queue = o->queue > 0 ? o->queue : LIMIT_UDP_QUEUE;

        add_socket(&boot, IPC_SOCKET_UDP, i, open_socket(SOCK_DGRAM, port, queue));
        add_socket(&boot, IPC_SOCKET_TCP, i, open_socket(SOCK_STREAM, port, queue));
    }
    add_socket(&boot, IPC_SOCKET_PEER, 0, issuer[1]);
    if ((p->pid = fork()) == 0) {
        run_child(o, control[1]);
    }
    close(control[1]);
    p->control = control[0];
    p->issuer = issuer[0];
    if (boot_send(p->control, IPC_BOOT, &boot, &err) < 0) {
        fprintf(stderr, "dnsd_serve: %s\n", err.text);
        exit(1);
    }
    for (size_t i = 0; i < boot.socket_count; i++) {
        close(sockets[i].fd);
    }
    conf_clear(&server_conf_schema, &boot.conf);
    if (receive(p, p->control) != IPC_READY) {
        fprintf(stderr, "dnsd_serve: dnsd did not start\n");
        exit(1);
    }
}

void dnsd_process_image(struct dnsd_process *p, uint64_t generation, int fd)
{
    uint8_t buf[64];
    struct msg_writer w;

    msg_begin(&w, buf, sizeof(buf), IPC_IMAGE);
    msg_put_u64(&w, generation);
    int ret = msg_send(p->issuer, &w, &fd, 1);
    close(fd);
    if (ret < 0) {
        errno = -ret;
        die("sending an image");
    }
}

void dnsd_process_wait(struct dnsd_process *p, uint64_t generation)
{
    for (;;) {
        uint16_t type = receive(p, p->issuer);

        if (type == IPC_IMAGE_ACK && msg_get_u64(&p->reader) == generation) {
            return;
        }
        if (type == 0 || type == IPC_IMAGE_REFUSED) {
            fprintf(stderr, "dnsd_serve: generation %llu is not served\n",
                    (unsigned long long)generation);
            exit(1);
        }
    }
}

void dnsd_process_drain(struct dnsd_process *p)
{
    while (recv(p->issuer, p->buf, sizeof(p->buf), MSG_DONTWAIT) > 0) {
    }
}

void dnsd_process_stats(struct dnsd_process *p)
{
    struct msg_writer w;
    uint8_t buf[16];
    uint16_t type;

    msg_begin(&w, buf, sizeof(buf), IPC_STATS_REQUEST);
    if (msg_send(p->issuer, &w, NULL, 0) < 0) {
        die("asking for statistics");
    }
    do {
        type = receive(p, p->issuer);
    } while (type != IPC_STATS && type != 0);
    printf("{");
    for (uint16_t n = msg_get_u16(&p->reader), i = 0; i < n; i++) {
        char name[64];

        msg_get_str(&p->reader, name, sizeof(name));
        printf("%s\"%s\": %llu", i > 0 ? ", " : "", name,
               (unsigned long long)msg_get_u64(&p->reader));
    }
    printf("}\n");
}

void dnsd_process_stop(struct dnsd_process *p)
{
    char empty[48];

    close(p->control);
    close(p->issuer);
    waitpid(p->pid, NULL, 0);
    snprintf(empty, sizeof(empty), "%s/empty", p->folder);
    rmdir(empty);
    rmdir(p->folder);
}
