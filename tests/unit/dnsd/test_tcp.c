/*
 * The stream of a connection (RFC 1035 4.2.2, RFC 7766): in whatever pieces it comes, whoever does
 * not read, however it ends.
 */
#include "tests/unit/dnsd/tcpserver.h"

static struct image image;

static void start(struct server *s)
{
    struct service service = default_service;

    service.tcp_idle_ms = service.tcp_lifetime_ms = 600000;
    server_start(s, &image, &service);
}

/* A peer that asks and does not read stops itself; once it reads, every answer is there. */
static void test_no_reading(void)
{
    uint8_t answer[LIMIT_DNS_MESSAGE];
    struct server s;
    struct packet p;
    size_t asked = 0, sent = 0, stuck = 0, right = 0;

    start(&s);
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
    start(&s);
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

/* RFC 7766 6.2.1.1: many queries in one segment; and 8: one in many, octet by octet. */
static void test_pieces(void)
{
    const int on = 1;
    struct packet p, many = {.len = 0};
    struct server s;

    start(&s);
    int fd = client(&s);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    frame(&p, "nothing.acme.example", DNS_TYPE_A);
    for (int i = 0; i < 50; i++) {
        packet_add(&many, p.bytes, p.len);
    }
    CU_ASSERT_EQUAL(send(fd, many.bytes, many.len, 0), (ssize_t)many.len);
    for (int i = 0; i < 50; i++) {
        CU_ASSERT_TRUE(is_nxdomain(fd));
    }
    for (size_t i = 0; i < 5 * p.len; i++) {
        CU_ASSERT_EQUAL(send(fd, many.bytes + i, 1, 0), 1);
    }
    for (int i = 0; i < 5; i++) {
        CU_ASSERT_TRUE(is_nxdomain(fd));
    }
    close(fd);
    server_stop(&s);
}

/* Half a query waits while others are served; each answer has the id of its query, in order. */
static void test_halves(void)
{
    uint8_t answer[LIMIT_DNS_MESSAGE];
    struct packet p, many = {.len = 0};
    struct server s;

    start(&s);
    int fd = client(&s), other = client(&s);
    for (uint16_t id = 0; id < 20; id++) {
        frame(&p, id % 2 == 0 ? MANY : "nothing.acme.example", DNS_TYPE_TXT);
        wire_write_u16(p.bytes + 2, id);
        packet_add(&many, p.bytes, p.len);
    }
    size_t half = p.len + 7;
    CU_ASSERT_EQUAL(send(fd, many.bytes, half, 0), (ssize_t)half);
    CU_ASSERT_TRUE(works(other));
    CU_ASSERT_EQUAL(send(fd, many.bytes + half, many.len - half, 0), (ssize_t)(many.len - half));
    for (uint16_t id = 0; id < 20; id++) {
        CU_ASSERT_EQUAL(read_answer(fd, answer) == MANY_LEN, id % 2 == 0);
        CU_ASSERT_EQUAL(wire_read_u16(answer), id);
    }
    close(fd);
    close(other);
    server_stop(&s);
}

/* A client that sends no more (RFC 7766 6.2.3) still gets all that it asked, however late it reads
 * it; the half query at the end gets nothing. */
static void test_half_close(void)
{
    uint8_t answer[LIMIT_DNS_MESSAGE];
    struct server s;
    struct packet p;

    start(&s);
    int fd = client(&s), other = client(&s);
    frame(&p, MANY, DNS_TYPE_TXT);
    for (int i = 0; i < 30; i++) {
        CU_ASSERT_EQUAL(send(fd, p.bytes, p.len, 0), (ssize_t)p.len);
    }
    send(fd, p.bytes, 9, 0);
    shutdown(fd, SHUT_WR);
    CU_ASSERT_TRUE(works(other));
    for (int i = 0; i < 30; i++) {
        CU_ASSERT_EQUAL(read_answer(fd, answer), MANY_LEN);
    }
    CU_ASSERT_TRUE(closed(fd));
    close(fd);
    close(other);
    server_stop(&s);
    CU_ASSERT_EQUAL(stats_get(&s.stats, STATS_TCP_CLOSED), 0);
}

/* What gets no answer ends the connection, once the answers before it are sent: the empty message,
 * one without a whole header, a response. Nobody else notices. */
static void test_nonsense(void)
{
    static const struct {
        const char *bytes;
        size_t len;
    } nonsense[] = {{"\0", 2}, {"\0\1x", 3}, {"\0\x0Bhello world", 13}};
    struct packet p, response;
    struct server s;

    start(&s);
    int other = client(&s);
    frame(&p, "nothing.acme.example", DNS_TYPE_A);
    response = p;
    response.bytes[4] |= DNS_FLAG_QR;
    for (size_t i = 0; i < 4; i++) {
        struct packet all = p;
        int fd = client(&s);

        packet_add(&all, i < 3 ? (const void *)nonsense[i].bytes : response.bytes,
                   i < 3 ? nonsense[i].len : response.len);
        packet_add(&all, p.bytes, p.len); /* is not looked at any more */
        CU_ASSERT_EQUAL(send(fd, all.bytes, all.len, 0), (ssize_t)all.len);
        CU_ASSERT_TRUE(is_nxdomain(fd));
        CU_ASSERT_TRUE(closed(fd));
        close(fd);
        CU_ASSERT_TRUE(works(other));
    }
    close(other);
    server_stop(&s);
    CU_ASSERT_EQUAL(stats_get(&s.stats, STATS_DROPPED), 4);
    CU_ASSERT_EQUAL(stats_get(&s.stats, STATS_NXDOMAIN), 8);
}

/* At the end, who is connected is served on; who comes is left to the next server of the socket. */
static void test_ending(void)
{
    uint8_t question[LIMIT_DNS_MESSAGE];
    struct server s;
    struct packet p;

    start(&s);
    int fd = client(&s);
    CU_ASSERT_TRUE(works(fd));
    atomic_store(&s.ending, true);
    CU_ASSERT_TRUE(works(fd));
    int late = client(&s);
    frame(&p, "nothing.acme.example", DNS_TYPE_A);
    CU_ASSERT_EQUAL(send(late, p.bytes, p.len, 0), (ssize_t)p.len);
    CU_ASSERT_TRUE(works(fd));
    int next = accept4(s.fd, NULL, NULL, SOCK_CLOEXEC);
    CU_ASSERT_TRUE_FATAL(next >= 0);
    CU_ASSERT_EQUAL(recv(next, question, sizeof(question), 0), (ssize_t)p.len);
    close(next);
    close(late);
    close(fd);
    server_stop(&s);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"in pieces", test_pieces},       {"in halves", test_halves},
        {"no reading", test_no_reading},  {"the longest message", test_longest},
        {"half-closed", test_half_close}, {"nonsense", test_nonsense},
        {"ending", test_ending},
    };
    int status;

    server_image(&image);
    status = RUN("tcp", cases);
    image_unmap(&image);
    return status;
}
