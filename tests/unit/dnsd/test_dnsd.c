/*
 * The process as a whole: boot, sandbox, images, answers over both transports, reports, end.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "dnsd/dns.h"
#include "dnsd/query.h"
#include "tests/unit/common/run.h"
#include "tests/unit/dnsd/talk.h"

static int room(const struct process *p)
{
    int room = -1;
    socklen_t len = sizeof(room);

    CU_ASSERT_EQUAL(getsockopt(p->kept, SOL_SOCKET, SO_RCVBUF, &room, &len), 0);
    return room;
}

/* The supervisor can give a socket more room than dnsd could. */
static void test_room(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct process p = {.kept = fd};
    int before = room(&p);

    close(fd);
    process_start(&p);
    publish(&p, 1);
    CU_ASSERT_EQUAL(room(&p), before);
    CU_ASSERT_EQUAL(stop(&p), 0);
}

static void test_life(void)
{
    struct process p;

    process_start(&p);
    publish(&p, 1);
    CU_ASSERT_TRUE(answers_generation(&p.udp, 1));
    CU_ASSERT_TRUE(answers_generation(&p.any, 1));
    CU_ASSERT_EQUAL(rcode_udp(&p.udp, "nothing.acme.example"), DNS_NXDOMAIN);
    CU_ASSERT_EQUAL(rcode_udp(&p.udp, "example.com"), DNS_REFUSED);
    publish(&p, 2);
    CU_ASSERT_TRUE(answers_generation(&p.udp, 2));
    CU_ASSERT_EQUAL(stop(&p), 0);
}

/* From several ports, so that each worker gets some. */
#define EARLY 8

static void send_early(const struct process *p, const struct packet *query, int *udp, int *tcp)
{
    struct packet framed = {.len = 0};

    packet_add_u16(&framed, (uint16_t)query->len);
    packet_add(&framed, query->bytes, query->len);
    for (int i = 0; i < EARLY; i++) {
        udp[i] = connect_to(SOCK_DGRAM, &p->udp);
        tcp[i] = connect_to(SOCK_STREAM, &p->tcp);
        CU_ASSERT_EQUAL(send(udp[i], query->bytes, query->len, 0), (ssize_t)query->len);
        CU_ASSERT_EQUAL(send(tcp[i], framed.bytes, framed.len, 0), (ssize_t)framed.len);
    }
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* False: the image came so late that dnsd may have answered without it, which shows nothing. */
static bool early_queries(void)
{
    int64_t begin = now_ms();
    uint8_t answer[LIMIT_EDNS_PAYLOAD];
    struct packet query;
    struct process p;
    int udp[EARLY], tcp[EARLY];

    process_start(&p);
    packet_query(&query, NAME, DNS_TYPE_TXT);
    send_early(&p, &query, udp, tcp);
    size_t len = query.len + 13 + strlen("generation-1");
    /* dnsd turns its loop, so it could have answered by now */
    process_send(&p, p.issuer, IPC_STATS_REQUEST, -1);
    CU_ASSERT_TRUE(process_expect(&p, IPC_STATS));
    bool silent = true;
    for (int i = 0; i < EARLY; i++) {
        silent &= recv(udp[i], answer, sizeof(answer), MSG_DONTWAIT) < 0;
        silent &= recv(tcp[i], answer, sizeof(answer), MSG_DONTWAIT) < 0;
    }
    publish(&p, 1);
    bool in_time = now_ms() - begin < LIMIT_IMAGE_WAIT_MS;
    CU_ASSERT_TRUE(silent || !in_time);
    for (int i = 0; i < EARLY; i++) {
        if (in_time) {
            CU_ASSERT_EQUAL(recv(udp[i], answer, sizeof(answer), 0), (ssize_t)len);
            CU_ASSERT_EQUAL(answer[3], DNS_NOERROR);
            CU_ASSERT_EQUAL(read_full(tcp[i], answer, 2 + len), 2 + len);
            CU_ASSERT_EQUAL(answer[2 + 3], DNS_NOERROR);
        }
        close(udp[i]);
        close(tcp[i]);
    }
    CU_ASSERT_EQUAL(stop(&p), 0);
    return in_time;
}

/* What is asked between a start and the first image is answered from that image. */
static void test_early_queries(void)
{
    int tries = 30;

    while (!early_queries() && --tries > 0) {
    }
    CU_ASSERT_TRUE(tries > 0);
}

/* A client at another address of the host gets its answer from the address it asked. */
static void test_source_address(void)
{
    struct process p;

    process_start(&p);
    publish(&p, 1);
    struct sockaddr_in other = p.any;
    inet_pton(AF_INET, "127.0.0.77", &other.sin_addr);
    CU_ASSERT_TRUE(
        answers_generation(&other, 1)); /* the socket is connected: others are not seen */
    CU_ASSERT_EQUAL(stop(&p), 0);
}

/* The same by IPv6, and by IPv4 on a socket for both. */
static void test_source_address6(void)
{
    uint8_t answer[LIMIT_EDNS_PAYLOAD];
    struct packet query;
    struct process p;
    size_t len;

    process_start(&p);
    publish(&p, 1);
    if (p.any6.sin6_port != 0) {
        struct sockaddr_in mapped = p.any;

        mapped.sin_port = p.any6.sin6_port;
        inet_pton(AF_INET, "127.0.0.77", &mapped.sin_addr);
        CU_ASSERT_TRUE(answers_generation(&mapped, 1));
        CU_ASSERT_TRUE_FATAL(process_expect(&p, IPC_SEEN));
        msg_get_u16(&p.reader);
        msg_get_bytes(&p.reader, LIMIT_NAME_WIRE, &len);
        msg_get_u32(&p.reader);
        msg_get_u8(&p.reader);
        const uint8_t *address = msg_get_bytes(&p.reader, 16, &len);
        CU_ASSERT_TRUE(len == 4 && memcmp(address, "\x7f\0\0\1", 4) == 0);
        p.any6.sin6_addr = in6addr_loopback;
        packet_query(&query, NAME, DNS_TYPE_TXT);
        int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        process_patience(fd);
        if (connect(fd, (struct sockaddr *)&p.any6, sizeof(p.any6)) == 0) {
            CU_ASSERT_EQUAL(send(fd, query.bytes, query.len, 0), (ssize_t)query.len);
            CU_ASSERT_TRUE(recv(fd, answer, sizeof(answer), 0) > 12);
        }
        close(fd);
    }
    CU_ASSERT_EQUAL(stop(&p), 0);
}

static void test_tcp(void)
{
    struct packet query, stream = {.len = 0};
    uint8_t answer[2048];
    struct process p;

    process_start(&p);
    publish(&p, 1);
    packet_query(&query, NAME, DNS_TYPE_TXT);
    for (int i = 0; i < 20; i++) {
        packet_add_u16(&stream, (uint16_t)query.len);
        packet_add(&stream, query.bytes, query.len);
    }
    int fd = connect_to(SOCK_STREAM, &p.tcp);
    /* one octet, the rest of the first and all but the last octet, the last octet */
    send(fd, stream.bytes, 1, 0);
    send(fd, stream.bytes + 1, stream.len - 2, 0);
    send(fd, stream.bytes + stream.len - 1, 1, 0);
    size_t one = 2 + query.len + 13 + strlen("generation-1");
    CU_ASSERT_EQUAL(read_full(fd, answer, 20 * one), 20 * one);
    for (size_t i = 0; i < 20; i++) {
        CU_ASSERT_EQUAL(wire_read_u16(answer + i * one), one - 2);
        CU_ASSERT_EQUAL(memcmp(answer + (i + 1) * one - 12, "generation-1", 12), 0);
    }
    /* what was asked before the end of the stream is answered after it */
    send(fd, stream.bytes, 2 + query.len, 0);
    shutdown(fd, SHUT_WR);
    CU_ASSERT_EQUAL(read_full(fd, answer, sizeof(answer)), one);
    close(fd);
    CU_ASSERT_EQUAL(stop(&p), 0);
}

static void test_seen(void)
{
    uint8_t wire[LIMIT_NAME_WIRE];
    struct process p;
    size_t len;

    process_start(&p);
    publish(&p, 9);
    CU_ASSERT_EQUAL(rcode_udp(&p.udp, "nothing.acme.example"), DNS_NXDOMAIN);
    CU_ASSERT_TRUE(answers_generation(&p.udp, 9));
    CU_ASSERT_TRUE_FATAL(process_expect(&p, IPC_SEEN));
    CU_ASSERT_EQUAL(msg_get_u16(&p.reader), 1);
    const uint8_t *name = msg_get_bytes(&p.reader, LIMIT_NAME_WIRE, &len);
    CU_ASSERT_EQUAL((int)len, name_from_text(wire, NAME));
    CU_ASSERT_EQUAL(memcmp(name, wire, len), 0);
    CU_ASSERT_EQUAL(msg_get_u16(&p.reader), DNS_TYPE_TXT);
    CU_ASSERT_EQUAL(msg_get_u8(&p.reader), 0);
    CU_ASSERT_EQUAL(msg_get_u8(&p.reader), DNS_NOERROR);
    CU_ASSERT_EQUAL(msg_get_u8(&p.reader), 1);
    const uint8_t *address = msg_get_bytes(&p.reader, 16, &len);
    CU_ASSERT_EQUAL(len, 4);
    CU_ASSERT_EQUAL(memcmp(address, "\x7f\0\0\1", 4), 0);
    CU_ASSERT_EQUAL(msg_get_u32(&p.reader), 1);
    CU_ASSERT_EQUAL(msg_get_u64(&p.reader), 9);
    CU_ASSERT_EQUAL(msg_done(&p.reader), 0);
    CU_ASSERT_EQUAL(stop(&p), 0);
}

/* An issuer that does not read for a while: answers go on, nothing that counts is lost. */
static void test_deaf_issuer(void)
{
    struct zone *zone = images_zone("acme.example", IMAGES_SOA "@ 3600 NS ns1\n"
                                                               "ns1 3600 A 192.0.2.1\n");
    const int small = 4096;
    uint64_t times = 0;
    struct process p;
    uint16_t type;
    char name[64];

    process_start(&p);
    setsockopt(p.issuer, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "host%d.acme.example", i);
        images_challenge(zone, name, "value");
    }
    process_image(&p, 1, images_build(&zone, 1, 1));
    CU_ASSERT_EQUAL(acked(&p), 1);
    for (int i = 0; i < 4000; i++) {
        snprintf(name, sizeof(name), "host%d.acme.example", i % 200);
        CU_ASSERT_EQUAL_FATAL(rcode_udp(&p.udp, name), DNS_NOERROR);
    }
    process_image(&p, 2, images_build(&zone, 1, 2));
    while ((type = process_receive(&p, p.issuer)) == IPC_SEEN) {
        for (uint16_t n = msg_get_u16(&p.reader); n > 0; n--) {
            size_t len;

            msg_get_bytes(&p.reader, LIMIT_NAME_WIRE, &len);
            msg_get_u32(&p.reader); /* type, transport, rcode */
            msg_get_u8(&p.reader);
            msg_get_bytes(&p.reader, 16, &len);
            times += msg_get_u32(&p.reader);
            msg_get_u64(&p.reader);
        }
        CU_ASSERT_EQUAL(msg_done(&p.reader), 0);
    }
    CU_ASSERT_EQUAL(type, IPC_IMAGE_ACK);
    CU_ASSERT_EQUAL(msg_get_u64(&p.reader), 2);
    CU_ASSERT_TRUE(times > 0 && times <= 4000);
    CU_ASSERT_EQUAL(stop(&p), 0);
    zone_free(zone);
}

static void expect_refused(struct process *p, uint64_t generation)
{
    char reason[LIMIT_ERROR_TEXT];

    CU_ASSERT_TRUE_FATAL(process_expect(p, IPC_IMAGE_REFUSED));
    CU_ASSERT_EQUAL(msg_get_u64(&p->reader), generation);
    msg_get_str(&p->reader, reason, sizeof(reason));
    CU_ASSERT_EQUAL(msg_done(&p->reader), 0);
    CU_ASSERT_NOT_EQUAL(reason[0], '\0');
}

/* A zone image with a bit turned, sealed as it should be. */
static int broken_image(uint64_t generation)
{
    int fd = images_simple(generation);
    int copy = memfd_create("broken", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    struct stat st;
    uint8_t *bytes;

    fstat(fd, &st);
    bytes = malloc((size_t)st.st_size);
    CU_ASSERT_EQUAL_FATAL(pread(fd, bytes, (size_t)st.st_size, 0), st.st_size);
    memset(bytes + 48, 0xFF, 16);
    CU_ASSERT_EQUAL_FATAL(pwrite(copy, bytes, (size_t)st.st_size, 0), st.st_size);
    fcntl(copy, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
    free(bytes);
    close(fd);
    return copy;
}

static void test_bad_images(void)
{
    struct process p;
    int fd;

    process_start(&p);
    publish(&p, 1);
    fd = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    process_image(&p, 2, fd);
    expect_refused(&p, 2);
    process_image(&p, 3, broken_image(3));
    expect_refused(&p, 3);
    process_image(&p, 4, images_simple(5)); /* says another generation */
    expect_refused(&p, 4);
    CU_ASSERT_TRUE(answers_generation(&p.udp, 1));
    publish(&p, 6);
    CU_ASSERT_TRUE(answers_generation(&p.udp, 6));
    CU_ASSERT_EQUAL(stop(&p), 0);
}

/* Images faster than they can be taken up: the last counts, acknowledgements rise. */
static void test_many_images(void)
{
    uint64_t last = 0, got;
    struct process p;

    process_start(&p);
    for (uint64_t g = 1; g <= 200; g++) {
        process_image(&p, g, images_simple(g));
    }
    do {
        got = acked(&p);
        CU_ASSERT_TRUE_FATAL(got > last && got <= 200);
        last = got;
    } while (got < 200);
    CU_ASSERT_TRUE(answers_generation(&p.udp, 200));
    CU_ASSERT_EQUAL(stop(&p), 0);
}

static void new_issuer(struct process *p)
{
    int pair[2];

    close(p->issuer);
    CU_ASSERT_TRUE(answers_generation(&p->udp, 5)); /* goes on without an issuer */
    process_pair(pair);
    process_send(p, p->control, IPC_PEER, pair[1]);
    close(pair[1]);
    p->issuer = pair[0];
}

static void test_new_issuer(void)
{
    struct process p;

    process_start(&p);
    publish(&p, 5);
    new_issuer(&p);
    publish(&p, 1); /* its generations start again */
    CU_ASSERT_TRUE(answers_generation(&p.udp, 1));
    CU_ASSERT_EQUAL(stop(&p), 0);
}

/* An issuer that breaks the protocol is cut off; the next one is listened to. */
static void test_broken_issuer(void)
{
    struct process p;

    process_start(&p);
    publish(&p, 5);
    process_send(&p, p.issuer, IPC_SIGN_REQUEST, -1);
    CU_ASSERT_FALSE(process_expect(&p, IPC_STATS)); /* the end comes instead */
    new_issuer(&p);
    CU_ASSERT_EQUAL(send(p.issuer, "\xff\xff", 2, 0), 2);
    CU_ASSERT_FALSE(process_expect(&p, IPC_STATS)); /* the end comes instead */
    new_issuer(&p);
    publish(&p, 6);
    CU_ASSERT_EQUAL(stop(&p), 0);
}

static void test_stats(void)
{
    struct process p;

    process_start(&p);
    publish(&p, 1);
    for (int i = 0; i < 10; i++) {
        CU_ASSERT_TRUE(answers_generation(&p.udp, 1));
    }
    CU_ASSERT_EQUAL(rcode_udp(&p.udp, "nothing.acme.example"), DNS_NXDOMAIN);
    CU_ASSERT_EQUAL(statistic(&p, "queries"), 11);
    CU_ASSERT_EQUAL(statistic(&p, "udp"), 11);
    CU_ASSERT_EQUAL(statistic(&p, "noerror"), 10);
    CU_ASSERT_EQUAL(statistic(&p, "nxdomain"), 1);
    CU_ASSERT_EQUAL(statistic(&p, "seen"), 10);
    CU_ASSERT_EQUAL(statistic(&p, "tcp"), 0);
    CU_ASSERT_EQUAL(stop(&p), 0);
}

/* Asks as a resolver does, again after a second: the junk may still fill the queue. */
static bool answers_again(const struct sockaddr_in *to)
{
    const struct timeval second = {1, 0};
    uint8_t answer[LIMIT_EDNS_PAYLOAD];
    int fd = connect_to(SOCK_DGRAM, to);
    struct packet query;
    ssize_t n = -1;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
    packet_query(&query, NAME, DNS_TYPE_TXT);
    for (int i = 0; i < 20 && n < 0; i++) {
        send(fd, query.bytes, query.len, 0);
        n = recv(fd, answer, sizeof(answer), 0);
    }
    close(fd);
    return n > (ssize_t)query.len && answer[3] == DNS_NOERROR;
}

/* Whatever comes in on the sockets, the next good query is answered. */
static void test_hostile(void)
{
    uint8_t junk[2000];
    struct process p;

    process_start(&p);
    publish(&p, 1);
    int udp = connect_to(SOCK_DGRAM, &p.udp), any = connect_to(SOCK_DGRAM, &p.any);
    int tcp = connect_to(SOCK_STREAM, &p.tcp);
    srand(1);
    for (int i = 0; i < 500; i++) {
        size_t len = (size_t)rand() % sizeof(junk);

        for (size_t j = 0; j < len; j++) {
            junk[j] = (uint8_t)rand();
        }
        send(udp, junk, len, 0);
        send(any, junk, len % 64, 0);
        send(tcp, junk, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    close(tcp);
    CU_ASSERT_TRUE(answers_again(&p.udp));
    CU_ASSERT_TRUE(answers_again(&p.any));
    close(udp);
    close(any);
    CU_ASSERT_EQUAL(stop(&p), 0);
}

static void test_ends(void)
{
    struct process p;

    process_start(&p);
    kill(p.pid, SIGINT); /* a terminal's: the supervisor decides */
    kill(p.pid, SIGHUP);
    publish(&p, 1);
    kill(p.pid, SIGTERM);
    CU_ASSERT_EQUAL(process_wait(&p), 0);

    process_start(&p);
    close(p.control);
    p.control = -1;
    CU_ASSERT_EQUAL(process_wait(&p), 0);

    process_start(&p);
    process_send(&p, p.control, IPC_SIGN_REQUEST, -1);
    CU_ASSERT_EQUAL(process_wait(&p), 1);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"life", test_life},
        {"room of its sockets", test_room},
        {"queries before the first image", test_early_queries},
        {"source address", test_source_address},
        {"source address, IPv6", test_source_address6},
        {"TCP", test_tcp},
        {"seen", test_seen},
        {"a deaf issuer", test_deaf_issuer},
        {"bad images", test_bad_images},
        {"many images", test_many_images},
        {"a new issuer", test_new_issuer},
        {"a broken issuer", test_broken_issuer},
        {"statistics", test_stats},
        {"hostile input", test_hostile},
        {"ends", test_ends},
    };

    signal(SIGPIPE, SIG_IGN);
    return RUN("dnsd", cases);
}
