/*
 * Connections that behave badly: half a query, no reading, too many, too long. The server runs in a
 * thread of its own, with limits that a test can reach.
 */
#include <errno.h>
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

static struct image image;

struct server {
    uv_loop_t loop;
    uv_async_t stop;
    struct tcp *tcp;
    struct stats stats;
    struct responder responder;
    struct service service;
    struct quota *quota;
    struct sockaddr_in address;
    pthread_t thread;
    int fd;
};

static void nothing(void *arg)
{
    (void)arg;
}

static void on_stop(uv_async_t *stop)
{
    struct server *s = stop->data;

    tcp_close(s->tcp);
    uv_close((uv_handle_t *)stop, NULL);
}

static void *run(void *arg)
{
    uv_run(arg, UV_RUN_DEFAULT);
    return NULL;
}

static void server_start(struct server *s, size_t max_clients, uint32_t idle_ms)
{
    const int small = 8192; /* inherited by connections: soon full */

    memset(s, 0, sizeof(*s));
    s->service = default_service;
    s->service.tcp_clients = max_clients;
    s->service.tcp_idle_ms = idle_ms;
    s->responder = (struct responder){.image = &image, .service = &s->service, .stats = &s->stats};
    CU_ASSERT_EQUAL_FATAL(quota_new(&s->quota, max_clients, (const uint8_t[16]){0}), 0);
    CU_ASSERT_EQUAL_FATAL(seen_new(&s->responder.seen), 0);
    s->fd = process_socket(SOCK_STREAM, "127.0.0.1", &s->address);
    setsockopt(s->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    uv_loop_init(&s->loop);
    uv_async_init(&s->loop, &s->stop, on_stop);
    s->stop.data = s;
    const struct tcp_options options = {.loop = &s->loop,
                                        .responder = &s->responder,
                                        .before = nothing,
                                        .after = nothing,
                                        .service = &s->service,
                                        .quota = s->quota};
    CU_ASSERT_EQUAL_FATAL(tcp_new(&s->tcp, &options, &s->fd, 1), 0);
    tcp_start(s->tcp);
    pthread_create(&s->thread, NULL, run, &s->loop);
}

static void server_stop(struct server *s)
{
    uv_async_send(&s->stop);
    pthread_join(s->thread, NULL);
    CU_ASSERT_EQUAL(uv_loop_close(&s->loop), 0);
    tcp_free(s->tcp);
    quota_free(s->quota);
    seen_free(s->responder.seen);
    close(s->fd);
}

static int client(const struct server *s)
{
    const int small = 16384;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    process_patience(fd);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    if (fd < 0 || connect(fd, (const struct sockaddr *)&s->address, sizeof(s->address)) < 0) {
        process_die("connect");
    }
    return fd;
}

static void frame(struct packet *p, const char *name, uint16_t type)
{
    struct packet query;

    packet_query(&query, name, type);
    p->len = 0;
    packet_add_u16(p, (uint16_t)query.len);
    packet_add(p, query.bytes, query.len);
}

/* Reads one answer; its length without the prefix, 0 at the end. */
static size_t read_answer(int fd, uint8_t *answer)
{
    uint8_t prefix[2];
    size_t len;

    if (recv(fd, prefix, 2, MSG_WAITALL) != 2) {
        return 0;
    }
    len = wire_read_u16(prefix);
    return recv(fd, answer, len, MSG_WAITALL) == (ssize_t)len ? len : 0;
}

static bool works(int fd)
{
    uint8_t answer[LIMIT_DNS_MESSAGE];
    struct packet p;

    frame(&p, "nothing.acme.example", DNS_TYPE_A);
    return send(fd, p.bytes, p.len, MSG_NOSIGNAL) == (ssize_t)p.len &&
           read_answer(fd, answer) > 0 && answer[3] == DNS_NXDOMAIN;
}

static bool closed(int fd)
{
    uint8_t octet;
    ssize_t n = recv(fd, &octet, 1, 0);

    return n == 0 || (n < 0 && errno == ECONNRESET);
}

/* Octets that come one by one do not keep a half-sent query alive. */
static void test_half_sent(void)
{
    const struct timeval pause = {0, 20000};
    struct server s;
    bool gone = false;

    server_start(&s, 10, 200);
    int fd = client(&s), silent = client(&s);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &pause, sizeof(pause));
    send(fd, "\xFF\xFF", 2, 0);
    for (int i = 0; i < 1000 && !gone; i++) {
        send(fd, "x", 1, MSG_NOSIGNAL);
        gone = closed(fd);
    }
    CU_ASSERT_TRUE(gone);
    CU_ASSERT_TRUE(closed(silent));
    close(fd);
    close(silent);
    server_stop(&s);
    CU_ASSERT_EQUAL(stats_get(&s.stats, STATS_TCP_CLOSED), 2);
}

static void test_too_many(void)
{
    struct server s;
    int fds[4];

    server_start(&s, 3, 60000);
    for (int i = 0; i < 3; i++) {
        fds[i] = client(&s);
        CU_ASSERT_TRUE(works(fds[i]));
    }
    CU_ASSERT_TRUE(works(fds[0])); /* so the second is the longest idle one */
    fds[3] = client(&s);
    CU_ASSERT_TRUE(works(fds[3]));
    CU_ASSERT_TRUE(closed(fds[1]));
    CU_ASSERT_TRUE(works(fds[0]));
    CU_ASSERT_TRUE(works(fds[2]));
    for (int i = 0; i < 4; i++) {
        close(fds[i]);
    }
    server_stop(&s);
}

/* A peer that asks and does not read stops itself; once it reads, every answer is there. */
static void test_no_reading(void)
{
    uint8_t answer[LIMIT_DNS_MESSAGE];
    struct server s;
    struct packet p;
    size_t asked = 0, sent = 0, stuck = 0, right = 0;

    server_start(&s, 10, 60000);
    int fd = client(&s), other = client(&s);
    frame(&p, MANY, DNS_TYPE_TXT);
    while (stuck < 20) {
        ssize_t n = send(fd, p.bytes + sent, p.len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n > 0) {
            sent += (size_t)n;
            stuck = 0;
        } else {
            stuck++;
            CU_ASSERT_TRUE(works(other)); /* and gives the server time to take more */
        }
        if (sent == p.len) {
            sent = 0;
            asked++;
        }
    }
    CU_ASSERT_TRUE(asked > 100);
    while (right < asked && read_answer(fd, answer) == MANY_LEN && answer[7] == 100) {
        right++;
    }
    CU_ASSERT_EQUAL(right, asked);
    if (sent > 0) {
        CU_ASSERT_EQUAL(send(fd, p.bytes + sent, p.len - sent, 0), (ssize_t)(p.len - sent));
        CU_ASSERT_EQUAL(read_answer(fd, answer), MANY_LEN);
    }
    CU_ASSERT_TRUE(works(fd));
    close(fd);
    close(other);
    server_stop(&s);
}

/* The longest message there is: a query with padding (RFC 7830), in pieces. */
static void test_longest(void)
{
    static uint8_t message[2 + LIMIT_DNS_MESSAGE];
    uint8_t answer[LIMIT_DNS_MESSAGE];
    struct server s;
    struct packet p;
    size_t pad;

    packet_query(&p, "nothing.acme.example", DNS_TYPE_A);
    packet_opt(&p, 1232, 0, false);
    memset(message, 0, sizeof(message));
    wire_write_u16(message, LIMIT_DNS_MESSAGE);
    memcpy(message + 2, p.bytes, p.len);
    pad = LIMIT_DNS_MESSAGE - p.len;
    wire_write_u16(message + p.len, (uint16_t)pad); /* RDLENGTH of OPT, its last two octets */
    wire_write_u16(message + 2 + p.len, 12);
    wire_write_u16(message + 4 + p.len, (uint16_t)(pad - 4));
    server_start(&s, 10, 60000);
    int fd = client(&s);
    for (size_t pos = 0, n; pos < sizeof(message); pos += n) {
        n = pos % 3001 + 1 < sizeof(message) - pos ? pos % 3001 + 1 : sizeof(message) - pos;
        CU_ASSERT_EQUAL_FATAL(send(fd, message + pos, n, 0), (ssize_t)n);
    }
    CU_ASSERT_TRUE(read_answer(fd, answer) > 0);
    CU_ASSERT_EQUAL(answer[3], DNS_NXDOMAIN);
    CU_ASSERT_TRUE(works(fd));
    close(fd);
    server_stop(&s);
}

/* Empty messages and answers get no answer and do no harm. */
static void test_nonsense(void)
{
    struct server s;
    struct packet p;

    server_start(&s, 10, 60000);
    int fd = client(&s);
    frame(&p, "nothing.acme.example", DNS_TYPE_A);
    p.bytes[4] |= DNS_FLAG_QR;
    for (int i = 0; i < 100; i++) {
        send(fd, "\0\0\0\1x", 5, 0);
        send(fd, p.bytes, p.len, 0);
    }
    CU_ASSERT_TRUE(works(fd));
    close(fd);
    server_stop(&s);
    CU_ASSERT_EQUAL(stats_get(&s.stats, STATS_DROPPED), 300);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"half a query", test_half_sent}, {"too many connections", test_too_many},
        {"no reading", test_no_reading},  {"the longest message", test_longest},
        {"nonsense", test_nonsense},
    };
    struct zone *zone = images_zone("acme.example", IMAGES_SOA "@ 3600 NS ns1\n"
                                                               "ns1 3600 A 192.0.2.1\n");
    int status;

    for (int i = 0; i < 100; i++) {
        char value[64];

        snprintf(value, sizeof(value), "%043d", i);
        images_challenge(zone, MANY, value);
    }
    images_map(&image, images_build(&zone, 1, 1));
    status = RUN("tcp", cases);
    image_unmap(&image);
    zone_free(zone);
    return status;
}
