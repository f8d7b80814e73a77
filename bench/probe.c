/*
 * probe ADDRESS:PORT NAME [--expect TEXT] [--type N] [--every MICROSECONDS] [--seconds N]: asks one
 * name over UDP again and again, from several ports in turn, until SIGTERM or for N seconds, and
 * prints as JSON
 *
 *   asked, answered  questions, and those that came back right within a second
 *   lost             the others
 *   wrong            answers without TEXT in their answer section, or with none at all
 *   p50, p99, most   milliseconds from question to answer
 *   gap              longest time without a right answer, in milliseconds: what a client that asks
 * again sees
 *
 * An answer's time is that at which it reached the socket, told by the kernel: on a busy host this
 * program itself may wait for a core.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/loopback.h"
#include "common/limits.h"
#include "common/wire.h"
#include "zones/name.h"

#define SOCKETS 16    /* a port each: some at every worker */
#define RING    65536 /* a message's id has 16 bits */
#define LOST_NS INT64_C(1000000000)

struct probe {
    struct sockaddr_in to;
    uint8_t query[512];
    size_t len;
    const char *expect;
    int64_t every, seconds; /* nanoseconds, seconds */
    struct pollfd fds[SOCKETS];
    int64_t sent[RING]; /* 0: answered or never asked */
    uint32_t *times;    /* microseconds, each right answer's */
    size_t asked, answered, room, lost, wrong;
    int64_t last, gap; /* the last right answer, and the longest time between two */
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t); /* the clock of SO_TIMESTAMPNS */
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t arrival(struct msghdr *h)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec t;

            memcpy(&t, CMSG_DATA(c), sizeof(t));
            return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
        }
    }
    return now_ns();
}

static bool is_right(const struct probe *p, const uint8_t *answer, size_t len)
{
    return len >= p->len && (answer[2] & 0x80) != 0 && (answer[3] & 15) == 0 &&
           wire_read_u16(answer + 6) > 0 &&
           (p->expect == NULL ||
            memmem(answer + p->len, len - p->len, p->expect, strlen(p->expect)) != NULL);
}

static void take_answer(struct probe *p, const uint8_t *answer, size_t len, int64_t at)
{
    int64_t *sent = len >= 12 ? &p->sent[wire_read_u16(answer)] : NULL;

    if (sent == NULL || !is_right(p, answer, len)) {
        p->wrong++;
        return;
    }
    if (*sent == 0 || at - *sent > LOST_NS) {
        return;
    }
    if (p->answered == p->room) {
        p->room = p->room > 0 ? p->room * 2 : 65536;
        if ((p->times = reallocarray(p->times, p->room, sizeof(*p->times))) == NULL) {
            perror("probe");
            exit(1);
        }
    }
    p->times[p->answered++] = (uint32_t)((at - *sent) / 1000);
    *sent = 0;
    if (p->last != 0 && at - p->last > p->gap) {
        p->gap = at - p->last;
    }
    p->last = at > p->last ? at : p->last;
}

static void receive(struct probe *p, int fd)
{
    uint8_t answer[LIMIT_EDNS_PAYLOAD];
    _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct timespec))];

    for (;;) {
        struct iovec iov = {answer, sizeof(answer)};
        struct msghdr h = {.msg_iov = &iov,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof(control)};
        ssize_t n = recvmsg(fd, &h, MSG_DONTWAIT);

        if (n < 0) {
            return;
        }
        take_answer(p, answer, (size_t)n, arrival(&h));
    }
}

static void ask(struct probe *p)
{
    int64_t *sent = &p->sent[p->asked % RING];

    p->lost += *sent != 0;
    wire_write_u16(p->query, (uint16_t)(p->asked % RING));
    *sent = now_ns();
    (void)send(p->fds[p->asked % SOCKETS].fd, p->query, p->len, MSG_DONTWAIT);
    p->asked++;
}

static void wait_until(struct probe *p, int64_t until)
{
    int64_t left;

    while ((left = until - now_ns()) > 0) {
        struct timespec t = {left / 1000000000, left % 1000000000};

        if (ppoll(p->fds, SOCKETS, &t, NULL) <= 0) {
            continue;
        }
        for (size_t i = 0; i < SOCKETS; i++) {
            if (p->fds[i].revents != 0) {
                receive(p, p->fds[i].fd);
            }
        }
    }
}

static int compare_times(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

    return (a > b) - (a < b);
}

static double time_at(const struct probe *p, size_t percent)
{
    size_t at = p->answered * percent / 100;

    return p->answered == 0 ? 0 : p->times[at < p->answered ? at : p->answered - 1] / 1e3;
}

static void run(struct probe *p)
{
    int64_t start = now_ns(), next = start, end;

    while (!stopped && (p->seconds == 0 || next - start < p->seconds * 1000000000)) {
        ask(p);
        next += p->every;
        wait_until(p, next);
    }
    /* what is still under way, unless the end is the gap */
    end = now_ns() + LOST_NS / 4;
    wait_until(p, end);
    for (size_t i = 0; i < RING; i++) {
        p->lost += p->sent[i] != 0;
    }
    if (p->times != NULL) {
        qsort(p->times, p->answered, sizeof(*p->times), compare_times);
    }
    printf("{\"asked\": %zu, \"answered\": %zu, \"lost\": %zu, \"wrong\": %zu, \"p50\": %.3f, "
           "\"p99\": %.3f, \"most\": %.3f, \"gap\": %.3f}\n",
           p->asked, p->answered, p->lost, p->wrong, time_at(p, 50), time_at(p, 99),
           time_at(p, 100), (double)p->gap / 1e6);
}

static int open_sockets(struct probe *p)
{
    const int on = 1;

    for (size_t i = 0; i < SOCKETS; i++) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0 ||
            connect(fd, (const struct sockaddr *)&p->to, sizeof(p->to)) < 0) {
            perror("probe: socket");
            return -1;
        }
        p->fds[i] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    return 0;
}

static int parse(struct probe *p, int argc, char **argv)
{
    uint16_t type = 16;
    int len;

    p->every = 1000000;
    if (argc < 3 || argc % 2 == 0 || loopback_parse(&p->to, argv[1]) < 0 ||
        (len = name_from_text(p->query + 12, argv[2])) < 0) {
        return -1;
    }
    for (int i = 3; i < argc; i += 2) {
        if (strcmp(argv[i], "--expect") == 0) {
            p->expect = argv[i + 1];
        } else if (strcmp(argv[i], "--type") == 0) {
            type = (uint16_t)strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--every") == 0) {
            p->every = strtoll(argv[i + 1], NULL, 10) * 1000;
        } else if (strcmp(argv[i], "--seconds") == 0) {
            p->seconds = strtoll(argv[i + 1], NULL, 10);
        } else {
            return -1;
        }
    }
    p->query[5] = 1;
    wire_write_u16(p->query + 12 + len, type);
    wire_write_u16(p->query + 14 + len, 1);
    p->len = 16 + (size_t)len;
    return p->every > 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
    const struct sigaction action = {.sa_handler = on_signal};
    static struct probe probe;

    if (parse(&probe, argc, argv) < 0) {
        fprintf(stderr, "usage: probe ADDRESS:PORT NAME [--expect TEXT] [--type N] "
                        "[--every MICROSECONDS] [--seconds N]\n");
        return 2;
    }
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    if (open_sockets(&probe) < 0) {
        return 1;
    }
    run(&probe);
    return 0;
}
