#include "bench/soak_load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "common/wire.h"
#include "zones/name.h"

#define APEX      "example.org.acme.example"
#define QUERY     128
#define SOCKETS   64
#define TICKS     500   /* a second */
#define ADDRESSES 16384 /* blocks of /24 that are asked from, so that no rate limit counts */

struct soak_load {
    pthread_t thread;
    struct sockaddr_in to;
    size_t count;
    unsigned long rate;
    int fds[SOCKETS];
    uint64_t random, asked, answered, foreign;
    atomic_bool stop;
};

void soak_name(char dst[static SOAK_TEXT], size_t name)
{
    snprintf(dst, SOAK_TEXT, "n%05zu." APEX, name);
}

void soak_value(char dst[static SOAK_TEXT], size_t name, uint32_t value)
{
    snprintf(dst, SOAK_TEXT, "n%05zu-%010u-%025u", name, value, value);
}

static size_t make_query(uint8_t *out, size_t name)
{
    char text[SOAK_TEXT];
    int len;

    memset(out, 0, 12);
    wire_write_u16(out, (uint16_t)name);
    out[5] = 1;
    soak_name(text, name);
    if ((len = name_from_text(out + 12, text)) < 0) {
        abort();
    }
    wire_write_u16(out + 12 + len, 16);
    wire_write_u16(out + 14 + len, 1);
    return 16 + (size_t)len;
}

static int open_socket(const struct sockaddr_in *to, int type, unsigned from)
{
    const struct timeval patience = {0, 500000};
    struct sockaddr_in own = {.sin_family = AF_INET};
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    own.sin_addr.s_addr = htonl(0x7F400001u + (from % ADDRESSES << 8));
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
        bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0 ||
        connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0) {
        perror("soak: socket");
        exit(2);
    }
    return fd;
}

static bool read_full(int fd, uint8_t *buf, size_t want)
{
    size_t have = 0;
    ssize_t n;

    while (have < want && (n = recv(fd, buf + have, want - have, 0)) > 0) {
        have += (size_t)n;
    }
    return have == want;
}

static size_t ask_tcp(int fd, const uint8_t *query, size_t len, uint8_t *answer, size_t cap)
{
    uint8_t framed[2 + QUERY];

    wire_write_u16(framed, (uint16_t)len);
    memcpy(framed + 2, query, len);
    if (send(fd, framed, 2 + len, MSG_NOSIGNAL) < 0 || !read_full(fd, framed, 2) ||
        wire_read_u16(framed) > cap || !read_full(fd, answer, wire_read_u16(framed))) {
        return 0;
    }
    return wire_read_u16(framed);
}

size_t soak_ask(const struct sockaddr_in *to, bool tcp, size_t name, unsigned from, uint8_t *answer,
                size_t cap)
{
    uint8_t query[QUERY];
    size_t len = make_query(query, name), got = 0;
    int fd = open_socket(to, tcp ? SOCK_STREAM : SOCK_DGRAM, from);
    ssize_t n;

    if (tcp) {
        got = ask_tcp(fd, query, len, answer, cap);
    } else if (send(fd, query, len, 0) > 0 && (n = recv(fd, answer, cap, 0)) > 0) {
        got = (size_t)n;
    }
    close(fd);
    return got;
}

/* Each value begins with its name's number, and so does the question. */
static bool is_own(const uint8_t *answer, size_t len)
{
    size_t end = 12 + 1 + 6 + sizeof("." APEX) + 4;
    unsigned count = wire_read_u16(answer + 6);

    for (; count > 0; count--) {
        if (len < end || len - end < 13 + 6 || memcmp(answer + end + 13, answer + 13, 6) != 0) {
            return false;
        }
        end += 12 + (size_t)wire_read_u16(answer + end + 10);
    }
    return true;
}

static void take_answers(struct soak_load *l, int fd)
{
    uint8_t answer[4096];
    ssize_t n;

    while ((n = recv(fd, answer, sizeof(answer), MSG_DONTWAIT)) >= 12) {
        l->answered++;
        l->foreign += !is_own(answer, (size_t)n);
    }
}

static void *run(void *arg)
{
    struct soak_load *l = arg;
    uint8_t query[QUERY];

    for (uint64_t tick = 0; !atomic_load(&l->stop); tick++) {
        for (unsigned long i = 0; i < l->rate / TICKS; i++) {
            l->random = l->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            size_t len = make_query(query, (l->random >> 33) % l->count);
            l->asked += send(l->fds[l->asked % SOCKETS], query, len, MSG_DONTWAIT) > 0;
        }
        nanosleep(&(struct timespec){0, 1000000000 / TICKS}, NULL);
        for (size_t i = 0; i < SOCKETS; i++) {
            take_answers(l, l->fds[i]);
        }
    }
    nanosleep(&(struct timespec){0, 200000000}, NULL);
    for (size_t i = 0; i < SOCKETS; i++) {
        take_answers(l, l->fds[i]);
        close(l->fds[i]);
    }
    return NULL;
}

struct soak_load *soak_load_start(const struct sockaddr_in *to, size_t count, unsigned long rate)
{
    struct soak_load *l = calloc(1, sizeof(*l));

    if (l == NULL) {
        exit(2);
    }
    l->to = *to;
    l->count = count;
    l->rate = rate;
    l->random = 7;
    for (unsigned i = 0; i < SOCKETS; i++) {
        l->fds[i] = open_socket(to, SOCK_DGRAM, 1000 + i);
    }
    if (pthread_create(&l->thread, NULL, run, l) != 0) {
        exit(2);
    }
    return l;
}

bool soak_load_stop(struct soak_load *l)
{
    bool good;

    atomic_store(&l->stop, true);
    pthread_join(l->thread, NULL);
    printf("load: %llu asked, %llu answered, %llu with another name's values\n",
           (unsigned long long)l->asked, (unsigned long long)l->answered,
           (unsigned long long)l->foreign);
    good = l->foreign == 0 && l->answered > 0;
    free(l);
    return good;
}
