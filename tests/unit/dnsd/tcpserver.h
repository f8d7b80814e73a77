/*
 * DNS over TCP in a thread of its own, with limits that a test can reach and change, and its
 * clients.
 */
#ifndef CERTMILL_TESTS_DNSD_TCPSERVER_H
#define CERTMILL_TESTS_DNSD_TCPSERVER_H

#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>

#include "dnsd/dns.h"
#include "dnsd/tcp.h"
#include "tests/unit/common/run.h"
#include "tests/unit/dnsd/defaults.h"
#include "tests/unit/dnsd/images.h"
#include "tests/unit/dnsd/packets.h"
#include "tests/unit/dnsd/process.h"

#define MANY     "many.acme.example"
#define MANY_LEN (12 + 19 + 4 + 100 * 56)

struct server {
    uv_loop_t loop;
    uv_async_t stop;
    struct tcp *tcp;
    struct stats stats;
    struct responder responder;
    struct service service; /* the thread's */
    pthread_mutex_t lock;   /* holds the thread up before its next batch; around next */
    atomic_int batches;     /* begun, or held up */
    atomic_bool ending;     /* calls tcp_stop before the next batch */
    struct service next;
    struct quota *quota;
    struct sockaddr_in address;
    pthread_t thread;
    int fd;
};

static inline void server_before(void *arg)
{
    struct server *s = arg;

    atomic_fetch_add(&s->batches, 1);
    if (atomic_exchange(&s->ending, false)) {
        CU_ASSERT_TRUE(tcp_stop(s->tcp));
    }
    pthread_mutex_lock(&s->lock);
    s->service = s->next;
    pthread_mutex_unlock(&s->lock);
}

static inline void server_after(void *arg)
{
    (void)arg;
}

static inline void server_on_stop(uv_async_t *stop)
{
    struct server *s = stop->data;

    tcp_close(s->tcp);
    uv_close((uv_handle_t *)stop, NULL);
}

static inline void *server_run(void *arg)
{
    uv_run(arg, UV_RUN_DEFAULT);
    return NULL;
}

static inline void server_start(struct server *s, const struct image *image,
                                const struct service *service)
{
    const int small = 8192; /* inherited by connections: soon full */

    memset(s, 0, sizeof(*s));
    s->service = s->next = *service;
    pthread_mutex_init(&s->lock, NULL);
    s->responder = (struct responder){.image = image, .service = &s->service, .stats = &s->stats};
    CU_ASSERT_EQUAL_FATAL(quota_new(&s->quota, service->tcp_clients + 1, (const uint8_t[16]){0}),
                          0);
    CU_ASSERT_EQUAL_FATAL(seen_new(&s->responder.seen, (const uint8_t *)"0123456789abcdef"), 0);
    s->fd = process_socket(SOCK_STREAM, "127.0.0.1", &s->address);
    setsockopt(s->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    uv_loop_init(&s->loop);
    uv_async_init(&s->loop, &s->stop, server_on_stop);
    s->stop.data = s;
    const struct tcp_options options = {.loop = &s->loop,
                                        .responder = &s->responder,
                                        .before = server_before,
                                        .after = server_after,
                                        .arg = s,
                                        .service = &s->service,
                                        .quota = s->quota};
    CU_ASSERT_EQUAL_FATAL(tcp_new(&s->tcp, &options, &s->fd, 1), 0);
    tcp_start(s->tcp);
    pthread_create(&s->thread, NULL, server_run, &s->loop);
}

static inline void server_stop(struct server *s)
{
    uv_async_send(&s->stop);
    pthread_join(s->thread, NULL);
    CU_ASSERT_EQUAL(uv_loop_close(&s->loop), 0);
    CU_ASSERT_EQUAL(quota_total(s->quota), 0);
    tcp_free(s->tcp);
    quota_free(s->quota);
    seen_free(s->responder.seen);
    pthread_mutex_destroy(&s->lock);
    close(s->fd);
}

/* A socket at 127.0.0.host, not connected yet. */
static inline int client_socket(int host)
{
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(0x7F000000u + (unsigned)host)};
    const int small = 16384;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    process_patience(fd);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    if (fd < 0 || bind(fd, (const struct sockaddr *)&from, sizeof(from)) < 0) {
        process_die("bind");
    }
    return fd;
}

static inline void client_connect(int fd, const struct server *s)
{
    if (connect(fd, (const struct sockaddr *)&s->address, sizeof(s->address)) < 0) {
        process_die("connect");
    }
}

static inline int client_of(const struct server *s, int host)
{
    int fd = client_socket(host);

    client_connect(fd, s);
    return fd;
}

static inline int client(const struct server *s)
{
    return client_of(s, 1);
}

static inline void frame(struct packet *p, const char *name, uint16_t type)
{
    struct packet query;

    packet_query(&query, name, type);
    p->len = 0;
    packet_add_u16(p, (uint16_t)query.len);
    packet_add(p, query.bytes, query.len);
}

/* Reads one answer; its length without the prefix, 0 at the end. */
static inline size_t read_answer(int fd, uint8_t *answer)
{
    uint8_t prefix[2];
    size_t len;

    if (recv(fd, prefix, 2, MSG_WAITALL) != 2) {
        return 0;
    }
    len = wire_read_u16(prefix);
    return recv(fd, answer, len, MSG_WAITALL) == (ssize_t)len ? len : 0;
}

static inline bool is_nxdomain(int fd)
{
    uint8_t answer[LIMIT_DNS_MESSAGE];

    return read_answer(fd, answer) > 0 && answer[3] == DNS_NXDOMAIN;
}

static inline bool works(int fd)
{
    struct packet p;

    frame(&p, "nothing.acme.example", DNS_TYPE_A);
    return send(fd, p.bytes, p.len, MSG_NOSIGNAL) == (ssize_t)p.len && is_nxdomain(fd);
}

/* Whether the server has closed, or does; gives up after the patience of the socket. */
static inline bool closed(int fd)
{
    uint8_t octet;
    ssize_t n = recv(fd, &octet, 1, 0);

    return n == 0 || (n < 0 && errno == ECONNRESET);
}

/* A zone with MANY in it, mapped. */
static inline void server_image(struct image *image)
{
    struct zone *zone = images_zone("acme.example", IMAGES_SOA "@ 3600 NS ns1\n"
                                                               "ns1 3600 A 192.0.2.1\n");

    for (int i = 0; i < 100; i++) {
        char value[64];

        snprintf(value, sizeof(value), "%043d", i);
        images_challenge(zone, MANY, value);
    }
    images_map(image, images_build(&zone, 1, 1));
    zone_free(zone);
}

#endif
