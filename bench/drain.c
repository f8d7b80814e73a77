/*
 * drain PID PORTS QUERIES FILE [ROUNDS]: what a server can do when no generator is in its way.
 * Stops it (SIGSTOP), puts QUERIES of FILE (dnsperf's format) into the queue of each of the PORTS
 * (one, or several as "5300,5301"), lets it go on, and sleeps until all is answered. The time is
 * the kernel's: from the first answer's time stamp to the last one's, at each port. Prints a line
 * of JSON: medians over the rounds of answers a second (all ports together), nanoseconds of
 * processor time an answer, and answers lost. The server's sockets need a queue that holds as many.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/numbers.h"
#include "bench/schedstat.h"
#include "common/wire.h"
#include "zones/name.h"

#define PORTS    16
#define FILE_MAX 200000 /* queries read of the file */
#define QUEUE    (1 << 30)
#define BATCH    64
#define ROUNDS   64

struct query {
    uint16_t len;
    uint8_t data[126];
};

struct drain {
    pid_t pid;
    size_t ports;
    int fds[PORTS];
    size_t each, loaded;
    struct query *queries;
};

struct port_result {
    size_t answers;
    double first, last; /* s */
};

struct result {
    double rate, cpu_ns, lost;
};

static void die(const char *what)
{
    fprintf(stderr, "drain: %s: %s\n", what, strerror(errno));
    exit(1);
}

static bool parse_line(struct query *q, char *line)
{
    static const struct {
        const char *name;
        uint16_t type;
    } types[] = {{"TXT", 16}, {"SOA", 6}, {"A", 1}, {"NS", 2}};
    char *type = strchr(line, ' ');
    uint8_t name[LIMIT_NAME_WIRE];

    line[strcspn(line, "\n")] = 0;
    if (type == NULL) {
        return false;
    }
    *type++ = 0;
    if (name_from_text(name, line) < 0 || name_len(name) > sizeof(q->data) - 16) {
        return false;
    }
    size_t len = name_len(name);
    memcpy(q->data, (const uint8_t[12]){0, 0, 1, 0, 0, 1}, 12);
    memcpy(q->data + 12, name, len);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(type, types[i].name) == 0) {
            wire_write_u16(q->data + 12 + len, types[i].type);
        }
    }
    wire_write_u16(q->data + 14 + len, 1);
    q->len = (uint16_t)(16 + len);
    return true;
}

static void load(struct drain *d, const char *path)
{
    FILE *f = fopen(path, "re");
    char line[512];

    d->queries = calloc(FILE_MAX, sizeof(*d->queries));
    if (f == NULL || d->queries == NULL) {
        die(path);
    }
    while (d->loaded < FILE_MAX && fgets(line, sizeof(line), f) != NULL) {
        d->loaded += parse_line(&d->queries[d->loaded], line);
    }
    fclose(f);
    if (d->loaded == 0) {
        errno = EINVAL;
        die(path);
    }
}

static void open_port(struct drain *d, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), queue = QUEUE, on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &queue, sizeof(queue)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        die("socket");
    }
    d->fds[d->ports++] = fd;
}

static void fill(const struct drain *d, size_t port)
{
    size_t at = port * (d->loaded / 2 + 1);

    for (size_t sent = 0; sent < d->each;) {
        struct mmsghdr messages[BATCH] = {0};
        struct iovec iov[BATCH];
        size_t n = d->each - sent < BATCH ? d->each - sent : BATCH;

        for (size_t i = 0; i < n; i++) {
            struct query *q = &d->queries[(at + sent + i) % d->loaded];
            iov[i] = (struct iovec){q->data, q->len};
            messages[i].msg_hdr.msg_iov = &iov[i];
            messages[i].msg_hdr.msg_iovlen = 1;
        }
        int done = sendmmsg(d->fds[port], messages, (unsigned)n, 0);
        if (done <= 0) {
            die("sendmmsg");
        }
        sent += (size_t)done;
    }
}

static double stamp_of(struct msghdr *h)
{
    struct timespec t = {0};

    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            memcpy(&t, CMSG_DATA(c), sizeof(t));
        }
    }
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void collect(int fd, struct port_result *r)
{
    uint8_t control[64], data[2048];
    struct iovec iov = {data, sizeof(data)};

    *r = (struct port_result){0};
    for (;;) {
        struct msghdr h = {.msg_iov = &iov,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof(control)};
        if (recvmsg(fd, &h, MSG_DONTWAIT) < 0) {
            return;
        }
        r->last = stamp_of(&h);
        r->first = r->answers++ == 0 ? r->last : r->first;
    }
}

/* with_waiting: the time that threads were ready and had no core counts as well. */
static uint64_t ran(pid_t pid, bool with_waiting)
{
    struct schedstat s;
    uint64_t sum = 0;

    schedstat_read(&s, pid);
    for (size_t i = 0; i < s.count; i++) {
        sum += s.threads[i].ran + (with_waiting ? s.threads[i].waited : 0);
    }
    return sum;
}

/* Until the server has slept for a while: then it has nothing left to do. */
static void wait_idle(pid_t pid)
{
    uint64_t before, now = ran(pid, true);
    int quiet = 0;

    do {
        usleep(10000);
        before = now;
        now = ran(pid, true);
        quiet = now - before < 200000 ? quiet + 1 : 0;
    } while (quiet < 8);
}

static struct result measure(const struct drain *d)
{
    struct result r = {0};
    size_t answers = 0;

    if (kill(d->pid, SIGSTOP) < 0) {
        die("SIGSTOP");
    }
    usleep(5000);
    for (size_t i = 0; i < d->ports; i++) {
        struct port_result late;

        collect(d->fds[i], &late);
        fill(d, i);
    }
    uint64_t before = ran(d->pid, false);
    kill(d->pid, SIGCONT);
    wait_idle(d->pid);
    uint64_t used = ran(d->pid, false) - before;
    for (size_t i = 0; i < d->ports; i++) {
        struct port_result p;

        collect(d->fds[i], &p);
        answers += p.answers;
        if (p.answers > 1) {
            r.rate += (double)(p.answers - 1) / (p.last - p.first);
        }
    }
    r.cpu_ns = answers > 0 ? (double)used / (double)answers : 0;
    r.lost = (double)(d->ports * d->each - answers);
    return r;
}

int main(int argc, char **argv)
{
    struct drain d = {0};
    double rate[ROUNDS], cpu[ROUNDS], lost = 0;

    if (argc < 5) {
        fprintf(stderr, "usage: drain PID PORTS QUERIES FILE [ROUNDS]\n");
        return 2;
    }
    d.pid = (pid_t)atoi(argv[1]);
    for (char *at = argv[2]; *at != 0 && d.ports < PORTS; at += *at == ',') {
        open_port(&d, (uint16_t)strtoul(at, &at, 10));
    }
    d.each = strtoul(argv[3], NULL, 10);
    load(&d, argv[4]);
    size_t rounds = argc > 5 ? strtoul(argv[5], NULL, 10) : 5;
    rounds = rounds < ROUNDS ? rounds : ROUNDS;
    measure(&d);
    for (size_t i = 0; i < rounds; i++) {
        struct result r = measure(&d);
        rate[i] = r.rate;
        cpu[i] = r.cpu_ns;
        lost += r.lost;
    }
    double cpu_ns = numbers_median(cpu, rounds); /* sorts */
    printf("{\"rate\": %.0f, \"cpu_ns\": %.1f, \"best_cpu_ns\": %.1f, \"lost\": %.0f}\n",
           numbers_median(rate, rounds), cpu_ns, cpu[0], lost);
    return 0;
}
