/*
 * What a test says to a whole dnsd, and hears: questions, images, counters.
 */
#ifndef CERTMILL_TESTS_DNSD_TALK_H
#define CERTMILL_TESTS_DNSD_TALK_H

#include "dnsd/dns.h"
#include "dnsd/query.h"
#include "tests/unit/common/run.h"
#include "tests/unit/dnsd/images.h"
#include "tests/unit/dnsd/packets.h"
#include "tests/unit/dnsd/process.h"

/* Of the live challenge in images_simple. */
#define NAME "www.example.org.acme.example"

static inline int connect_to(int type, const struct sockaddr_in *to)
{
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    process_patience(fd);
    if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0) {
        process_die("connect");
    }
    return fd;
}

/* The whole of n octets, or fewer at the end. */
static inline size_t read_full(int fd, uint8_t *buf, size_t n)
{
    size_t have = 0;
    ssize_t got;

    while (have < n && (got = recv(fd, buf + have, n - have, 0)) > 0) {
        have += (size_t)got;
    }
    return have;
}

static inline size_t ask_udp(const struct sockaddr_in *to, const struct packet *query,
                             uint8_t *answer, size_t cap)
{
    int fd = connect_to(SOCK_DGRAM, to);
    ssize_t n;

    if (send(fd, query->bytes, query->len, 0) < 0) {
        process_die("send query");
    }
    n = recv(fd, answer, cap, 0);
    close(fd);
    return n > 0 ? (size_t)n : 0;
}

/* Whether a TXT query for NAME is answered with this generation's value. */
static inline bool answers_generation(const struct sockaddr_in *to, uint64_t generation)
{
    uint8_t answer[LIMIT_EDNS_PAYLOAD];
    struct packet query;
    char value[32];
    int value_len =
        snprintf(value, sizeof(value), "generation-%llu", (unsigned long long)generation);

    packet_query(&query, NAME, DNS_TYPE_TXT);
    size_t len = ask_udp(to, &query, answer, sizeof(answer));
    return len == query.len + 13 + (size_t)value_len && answer[3] == DNS_NOERROR &&
           memcmp(answer + query.len + 13, value, (size_t)value_len) == 0;
}

static inline uint8_t rcode_udp(const struct sockaddr_in *to, const char *name)
{
    uint8_t answer[LIMIT_EDNS_PAYLOAD];
    struct packet query;

    packet_query(&query, name, DNS_TYPE_TXT);
    return ask_udp(to, &query, answer, sizeof(answer)) >= 12 ? answer[3] & 0x0F : 255;
}

static inline uint64_t acked(struct process *p)
{
    if (!process_expect(p, IPC_IMAGE_ACK)) {
        return UINT64_MAX;
    }
    uint64_t generation = msg_get_u64(&p->reader);
    return msg_done(&p->reader) == 0 ? generation : UINT64_MAX;
}

static inline void publish(struct process *p, uint64_t generation)
{
    process_image(p, generation, images_simple(generation));
    CU_ASSERT_EQUAL(acked(p), generation);
}

static inline int stop(struct process *p)
{
    process_send(p, p->control, IPC_STOP, -1);
    return process_wait(p);
}

static inline uint64_t statistic(struct process *p, const char *wanted)
{
    uint64_t found = UINT64_MAX;

    process_send(p, p->issuer, IPC_STATS_REQUEST, -1);
    CU_ASSERT_TRUE_FATAL(process_expect(p, IPC_STATS));
    for (uint16_t i = msg_get_u16(&p->reader); i > 0; i--) {
        char name[64];

        msg_get_str(&p->reader, name, sizeof(name));
        uint64_t value = msg_get_u64(&p->reader);
        if (strcmp(name, wanted) == 0) {
            found = value;
        }
    }
    CU_ASSERT_EQUAL(msg_done(&p->reader), 0);
    return found;
}

#endif
