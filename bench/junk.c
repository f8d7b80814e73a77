/*
 * junk KIND ADDRESS:PORT [--zone NAME] [--prefix A.B.C] [--rate N] [--seconds N] [--cpu N]: sends
 * queries that nobody wants answered, from many addresses of 127/8 and many ports, as fast as one
 * core makes them or N a second, until SIGTERM or for N seconds. Answers are not read. Prints how
 * many were sent, in how many seconds, and how many the kernel did not take.
 *
 *   outside    random names in zones of others
 *   inside     random names in the zone, nine in ten not there, some minimised, some with OPT
 *   malformed  random octets, cut queries, bad labels and pointers, QR set, no question or two
 *   apex       good questions for the zone's SOA: load, not junk
 *
 * Loopback only: it forges nothing, as each address of 127/8 is the host's own. With --prefix all
 * come from one /24, the CA's resolver's for instance.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
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

#define BATCH    64
#define SOCKETS  64
#define SPREAD   16      /* batches from one socket before the next */
#define PACKET   512     /* the longest query made here has 12 + 255 + 4 + 11 */
#define PAUSE_NS 1000000 /* a given rate is kept by the millisecond */

enum kind {
    OUTSIDE,
    INSIDE,
    MALFORMED,
    APEX,
    KINDS,
};

static const char *const kind_names[KINDS] = {"outside", "inside", "malformed", "apex"};

struct options {
    enum kind kind;
    struct sockaddr_in to;
    uint8_t zone[LIMIT_NAME_WIRE];
    size_t zone_len;
    uint32_t prefix; /* 0: all of 127/8 */
    uint64_t rate, seconds;
    int cpu;
};

struct batch {
    struct mmsghdr messages[BATCH];
    struct iovec iov[BATCH];
    _Alignas(struct cmsghdr) uint8_t control[BATCH][CMSG_SPACE(sizeof(struct in_pktinfo))];
    uint8_t packet[BATCH][PACKET];
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* xorshift64*; the same packets in every run. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

static uint8_t *put_label(uint8_t *p, size_t len, uint64_t *random)
{
    uint64_t bits = next_random(random);

    *p++ = (uint8_t)len;
    for (size_t i = 0; i < len; i++, bits = bits >> 5 | bits << 59) {
        *p++ = (uint8_t)("abcdefghijklmnopqrstuvwxyz012345"[bits & 31]);
    }
    return p;
}

static uint8_t *put_question(uint8_t *p, const struct options *o, uint64_t *random)
{
    static const uint8_t com[] = "\3com", acme[] = "\x0f_acme-challenge";
    static const uint16_t types[] = {16, 1, 28, 6, 257, 65, 255, 5};
    uint64_t bits = next_random(random);

    if (o->kind == OUTSIDE) {
        if ((bits & 3) == 0) {
            memcpy(p, acme, sizeof(acme) - 1);
            p += sizeof(acme) - 1;
        }
        p = put_label(p, 3 + (bits >> 2) % 20, random);
        memcpy(p, com, sizeof(com));
        p += sizeof(com);
    } else {
        size_t labels = o->kind == APEX || (bits & 15) == 0 ? 0 : 1 + (bits >> 4) % 4;

        for (size_t i = 0; i < labels; i++) {
            p = put_label(p, 1 + (bits >> (8 + 4 * i) & 15), random);
        }
        memcpy(p, o->zone, o->zone_len);
        p += o->zone_len;
    }
    wire_write_u16(p, o->kind == APEX ? 6 : types[bits >> 40 & 7]);
    wire_write_u16(p + 2, 1);
    return p + 4;
}

/* A query with its question, and an OPT record in half of all. */
static size_t make_query(uint8_t *out, const struct options *o, uint64_t *random)
{
    static const uint8_t opt[] = {0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0};
    uint64_t bits = next_random(random);
    uint8_t *p = out + 12;

    memset(out, 0, 12);
    wire_write_u16(out, (uint16_t)bits);
    out[2] = bits >> 16 & 1;
    out[5] = 1;
    p = put_question(p, o, random);
    if ((bits >> 17 & 1) != 0) {
        out[11] = 1;
        memcpy(p, opt, sizeof(opt));
        p += sizeof(opt);
    }
    return (size_t)(p - out);
}

static size_t make_noise(uint8_t *out, size_t len, uint64_t *random)
{
    for (size_t i = 0; i < len; i += 8) {
        uint64_t bits = next_random(random);
        memcpy(out + i, &bits, 8);
    }
    return len;
}

/* A good query, spoilt in one of several ways. */
static size_t make_malformed(uint8_t *out, const struct options *o, uint64_t *random)
{
    uint64_t bits = next_random(random);
    size_t len = make_query(out, o, random);

    switch (bits & 7) {
    case 0:
        return make_noise(out, bits >> 8 & 255, random);
    case 1:
        return (bits >> 8) % len; /* cut somewhere, to nothing at all even */
    case 2:
        out[12] = 64 + (uint8_t)(bits >> 8 & 127); /* label types that are none */
        return len;
    case 3:
        out[12] = 0xC0; /* a pointer, to itself or elsewhere */
        out[13] = (uint8_t)(bits >> 8 & 31);
        return len;
    case 4:
        out[2] |= 0x80; /* an answer */
        return len;
    case 5:
        out[5] = 2;
        return len;
    case 6:
        out[5] = 0;
        return len;
    default:
        out[(bits >> 8) % len] = (uint8_t)(bits >> 32); /* one octet */
        out[11] = 2;                                    /* and more records than there are */
        return len;
    }
}

static void aim(struct batch *b, size_t i, const struct options *o, uint64_t *random)
{
    uint64_t bits = next_random(random);
    struct in_pktinfo info = {0};
    uint32_t host = o->prefix != 0 ? o->prefix | (1 + bits % 254)
                                   : 127U << 24 | (1 + (uint32_t)(bits % 0xFFFFFD));

    info.ipi_spec_dst.s_addr = htonl(host);
    memcpy(b->control[i] + CMSG_LEN(0), &info, sizeof(info));
    b->iov[i].iov_len = o->kind == MALFORMED ? make_malformed(b->packet[i], o, random)
                                             : make_query(b->packet[i], o, random);
}

static void batch_init(struct batch *b, struct options *o)
{
    memset(b, 0, sizeof(*b));
    for (size_t i = 0; i < BATCH; i++) {
        struct msghdr *h = &b->messages[i].msg_hdr;

        b->iov[i].iov_base = b->packet[i];
        h->msg_iov = &b->iov[i];
        h->msg_iovlen = 1;
        h->msg_name = &o->to;
        h->msg_namelen = sizeof(o->to);
        h->msg_control = b->control[i];
        h->msg_controllen = sizeof(b->control[i]);

        struct cmsghdr *c = CMSG_FIRSTHDR(h);
        c->cmsg_level = IPPROTO_IP;
        c->cmsg_type = IP_PKTINFO;
        c->cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
    }
}

/* Ports of their own; room for as little as the kernel gives, since nobody reads the answers. */
static int open_sockets(int fds[static SOCKETS])
{
    const int room = 1;

    for (size_t i = 0; i < SOCKETS; i++) {
        struct sockaddr_in any = {.sin_family = AF_INET};

        fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fds[i] < 0 || bind(fds[i], (struct sockaddr *)&any, sizeof(any)) < 0 ||
            setsockopt(fds[i], SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) < 0) {
            perror("junk: socket");
            return -1;
        }
    }
    return 0;
}

struct sent {
    uint64_t count, refused;
};

static void send_batch(int fd, struct batch *b, struct sent *sent)
{
    unsigned at = 0;

    while (at < BATCH) {
        int n = sendmmsg(fd, b->messages + at, BATCH - at, 0);

        if (n <= 0) {
            sent->refused++;
            n = 1;
        } else {
            sent->count += (uint64_t)n;
        }
        at += (unsigned)n;
    }
}

static void flood(struct options *o, const int *fds)
{
    static struct batch batch;
    uint64_t random = UINT64_C(0x9E3779B97F4A7C15), start = now_ns(), now = start;
    struct sent sent = {0};

    batch_init(&batch, o);
    for (uint64_t turn = 0; !stopped && (o->seconds == 0 || now - start < o->seconds * 1000000000);
         turn++) {
        for (size_t i = 0; i < BATCH; i++) {
            aim(&batch, i, o, &random);
        }
        send_batch(fds[turn / SPREAD % SOCKETS], &batch, &sent);
        now = now_ns();
        while (o->rate != 0 && !stopped && sent.count * 1000000000 / o->rate > now - start) {
            nanosleep(&(struct timespec){0, PAUSE_NS}, NULL);
            now = now_ns();
        }
    }
    printf("{\"kind\": \"%s\", \"sent\": %llu, \"seconds\": %.3f, \"refused\": %llu}\n",
           kind_names[o->kind], (unsigned long long)sent.count, (double)(now - start) / 1e9,
           (unsigned long long)sent.refused);
}

static int parse_option(struct options *o, const char *name, const char *value)
{
    char text[32];
    struct in_addr address;
    int len;

    if (strcmp(name, "--rate") == 0) {
        o->rate = strtoull(value, NULL, 10);
    } else if (strcmp(name, "--seconds") == 0) {
        o->seconds = strtoull(value, NULL, 10);
    } else if (strcmp(name, "--cpu") == 0) {
        o->cpu = (int)strtol(value, NULL, 10);
    } else if (strcmp(name, "--zone") == 0) {
        if ((len = name_from_text(o->zone, value)) < 0 || len > 180) {
            return -1;
        }
        o->zone_len = (size_t)len;
    } else if (strcmp(name, "--prefix") == 0) {
        snprintf(text, sizeof(text), "%s.0", value);
        if (inet_pton(AF_INET, text, &address) != 1 ||
            ntohl(address.s_addr) >> 24 != IN_LOOPBACKNET) {
            return -1;
        }
        o->prefix = ntohl(address.s_addr);
    } else {
        return -1;
    }
    return 0;
}

static int parse(struct options *o, int argc, char **argv)
{
    *o = (struct options){.kind = KINDS, .cpu = -1, .zone_len = 1};
    for (int i = 0; i < KINDS && argc > 1; i++) {
        o->kind = strcmp(argv[1], kind_names[i]) == 0 ? (enum kind)i : o->kind;
    }
    if (argc < 3 || argc % 2 == 0 || o->kind == KINDS || loopback_parse(&o->to, argv[2]) < 0) {
        return -1;
    }
    for (int i = 3; i < argc; i += 2) {
        if (parse_option(o, argv[i], argv[i + 1]) < 0) {
            return -1;
        }
    }
    return o->kind == OUTSIDE || o->zone_len > 1 ? 0 : -1;
}

int main(int argc, char **argv)
{
    const struct sigaction action = {.sa_handler = on_signal};
    struct options options;
    int fds[SOCKETS];
    cpu_set_t cpus;

    if (parse(&options, argc, argv) < 0) {
        fprintf(stderr, "usage: junk outside|inside|malformed|apex 127.X.Y.Z:PORT [--zone NAME] "
                        "[--prefix 127.X.Y] [--rate N] [--seconds N] [--cpu N]\n");
        return 2;
    }
    CPU_ZERO(&cpus);
    if (options.cpu >= 0) {
        CPU_SET(options.cpu, &cpus);
        if (sched_setaffinity(0, sizeof(cpus), &cpus) < 0) {
            perror("junk: --cpu");
            return 1;
        }
    }
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    if (open_sockets(fds) < 0) {
        return 1;
    }
    flood(&options, fds);
    return 0;
}
