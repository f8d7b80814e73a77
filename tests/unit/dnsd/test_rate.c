/*
 * Response rate limits: what counts together, what comes back when, who is never limited.
 */
#include <arpa/inet.h>
#include <string.h>

#include "dnsd/rate.h"
#include "tests/unit/common/run.h"

#define BURST LIMIT_RATE_BURST
#define START UINT64_C(5000000)

static const uint8_t hash_key[16] = "rate limits";

/* A rate above the burst, so that a second's worth is what a block has. */
static const struct rate_options plain = {
    .per_second = {1000, 500, 300}, .slip = 2, .ipv4_bits = 24, .ipv6_bits = 56};

static struct rate *new_rate(void)
{
    struct rate *rate = NULL;

    CU_ASSERT_EQUAL_FATAL(rate_new(&rate, hash_key), 0);
    return rate;
}

static enum rate_verdict judge(struct rate *rate, const struct rate_options *options,
                               enum rate_class class, const char *from, uint64_t now)
{
    uint8_t address[16];
    bool v6 = strchr(from, ':') != NULL;

    if (inet_pton(v6 ? AF_INET6 : AF_INET, from, address) != 1) {
        CU_FAIL_FATAL("address");
    }
    return rate_judge(
        rate, options,
        &(struct rate_answer){
            .class = class, .address = address, .address_len = v6 ? 16 : 4, .now = now});
}

/* How many of n answers at this instant are sent. */
static unsigned sent_of(struct rate *rate, const struct rate_options *options, const char *from,
                        unsigned n, uint64_t now)
{
    unsigned sent = 0;

    for (unsigned i = 0; i < n; i++) {
        sent += judge(rate, options, RATE_ANSWER, from, now) == RATE_SEND;
    }
    return sent;
}

static void test_rates(void)
{
    static const unsigned rates[RATE_CLASSES] = {1000, 500, 300};
    struct rate *rate = new_rate();

    for (int class = 0; class < RATE_CLASSES; class ++) { /* each by itself */
        for (unsigned i = 0; i < rates[class]; i++) {
            CU_ASSERT_EQUAL(judge(rate, &plain, (enum rate_class) class, "192.0.2.1", START),
                            RATE_SEND);
        }
        CU_ASSERT_NOT_EQUAL(judge(rate, &plain, (enum rate_class) class, "192.0.2.1", START),
                            RATE_SEND);
    }
    rate_free(rate);
    rate_free(NULL);
}

/* What a CA's resolvers ask in one go is answered however low the rate is. */
static void test_burst(void)
{
    struct rate_options low = plain;
    struct rate *rate = new_rate();

    low.per_second[RATE_ANSWER] = 1;
    CU_ASSERT_EQUAL(sent_of(rate, &low, "192.0.2.1", 2 * BURST, START), BURST);
    CU_ASSERT_EQUAL(sent_of(rate, &low, "192.0.2.1", 9, START + 5000), 5);
    rate_free(rate);
}

static void test_no_limit(void)
{
    static const struct rate_options off = {
        .per_second = {0, 1, 0}, .slip = 2, .ipv4_bits = 24, .ipv6_bits = 56};
    struct rate *rate = new_rate();

    for (int i = 0; i < 3 * BURST; i++) {
        CU_ASSERT_EQUAL(judge(rate, &off, RATE_ANSWER, "192.0.2.1", START), RATE_SEND);
        CU_ASSERT_EQUAL(judge(rate, &off, RATE_ERROR, "192.0.2.1", START), RATE_SEND);
    }
    for (int i = 0; i < BURST; i++) {
        CU_ASSERT_EQUAL(judge(rate, &off, RATE_NXDOMAIN, "192.0.2.1", START), RATE_SEND);
    }
    CU_ASSERT_NOT_EQUAL(judge(rate, &off, RATE_NXDOMAIN, "192.0.2.1", START), RATE_SEND);
    rate_free(rate);
}

static void test_refill(void)
{
    struct rate *rate = new_rate();

    CU_ASSERT_EQUAL(sent_of(rate, &plain, "192.0.2.1", 1500, START), 1000);
    CU_ASSERT_EQUAL(sent_of(rate, &plain, "192.0.2.1", 100, START), 0); /* the clock stands */
    CU_ASSERT_EQUAL(sent_of(rate, &plain, "192.0.2.1", 100, START + 10), 10);
    /* an answer a millisecond is the rate: none of it is lost by asking often */
    for (uint64_t ms = 11; ms < 511; ms++) {
        CU_ASSERT_EQUAL(sent_of(rate, &plain, "192.0.2.1", 3, START + ms), 1);
    }
    CU_ASSERT_EQUAL(sent_of(rate, &plain, "192.0.2.1", 3000, START + 60000), 1000);
    rate_free(rate);
}

/* Less than an answer comes back between two of them, and is not lost either. */
static void test_slow_refill(void)
{
    struct rate_options slow = plain;
    struct rate *rate = new_rate();
    unsigned sent = 0;

    slow.per_second[RATE_ANSWER] = 3;
    CU_ASSERT_EQUAL(sent_of(rate, &slow, "192.0.2.1", BURST, START), BURST);
    for (uint64_t ms = 1; ms <= 10000; ms++) {
        sent += sent_of(rate, &slow, "192.0.2.1", 1, START + ms);
    }
    CU_ASSERT_EQUAL(sent, 30);
    rate_free(rate);
}

/* Over the greatest numbers there are, back, and around 32 bits of milliseconds. */
static void test_clock(void)
{
    static const uint64_t jumps[] = {
        0,     UINT32_MAX - 1, (uint64_t)UINT32_MAX + 5000, UINT64_C(1) << 40, UINT64_MAX,
        70000, UINT64_MAX / 2,
    };
    struct rate_options greatest = plain;
    struct rate *rate = new_rate();

    for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
        CU_ASSERT_EQUAL(sent_of(rate, &plain, "192.0.2.1", 3000, jumps[i]), 1000);
    }
    CU_ASSERT_EQUAL(sent_of(rate, &plain, "198.51.100.1", 3000, UINT32_MAX), 1000);
    CU_ASSERT_EQUAL(sent_of(rate, &plain, "198.51.100.1", 3000, UINT32_MAX + UINT64_C(10)), 10);
    greatest.per_second[RATE_ANSWER] = 1000000;
    CU_ASSERT_EQUAL(sent_of(rate, &greatest, "203.0.113.1", 1000001, START), 1000000);
    CU_ASSERT_EQUAL(sent_of(rate, &greatest, "203.0.113.1", 3, START + UINT32_MAX), 3);
    rate_free(rate);
}

/* Two addresses, and whether they are one block. */
static bool are_one(const struct rate_options *options, const char *a, const char *b)
{
    struct rate *rate = new_rate();
    unsigned sent;

    sent_of(rate, options, a, 1000, START);
    sent = sent_of(rate, options, b, 1, START);
    rate_free(rate);
    return sent == 0;
}

static void test_blocks(void)
{
    struct rate_options odd = plain;

    CU_ASSERT_TRUE(are_one(&plain, "192.0.2.1", "192.0.2.255"));
    CU_ASSERT_FALSE(are_one(&plain, "192.0.2.1", "192.0.3.1"));
    CU_ASSERT_TRUE(are_one(&plain, "192.0.2.1", "::ffff:192.0.2.77")); /* RFC 4291 2.5.5.2 */
    CU_ASSERT_FALSE(are_one(&plain, "192.0.2.1", "::192.0.2.1"));
    CU_ASSERT_TRUE(are_one(&plain, "2001:db8:1:2::1", "2001:db8:1:ff:ffff::2"));
    CU_ASSERT_FALSE(are_one(&plain, "2001:db8:1:2::1", "2001:db8:1:102::1"));
    odd.ipv4_bits = 27;
    odd.ipv6_bits = 67;
    CU_ASSERT_TRUE(are_one(&odd, "192.0.2.1", "192.0.2.31"));
    CU_ASSERT_FALSE(are_one(&odd, "192.0.2.1", "192.0.2.32"));
    CU_ASSERT_TRUE(are_one(&odd, "2001:db8::1", "2001:db8::1fff:0:0:2"));
    CU_ASSERT_FALSE(are_one(&odd, "2001:db8::1", "2001:db8::2000:0:0:1"));
    odd.ipv4_bits = 32;
    odd.ipv6_bits = 128;
    CU_ASSERT_FALSE(are_one(&odd, "192.0.2.1", "192.0.2.0"));
    CU_ASSERT_FALSE(are_one(&odd, "2001:db8::1", "2001:db8::"));
    odd.ipv4_bits = 8;
    odd.ipv6_bits = 64;
    CU_ASSERT_TRUE(are_one(&odd, "10.255.0.1", "10.0.0.0"));
    CU_ASSERT_TRUE(are_one(&odd, "2001:db8::1", "2001:db8::ffff:0:0:1"));
    CU_ASSERT_FALSE(are_one(&odd, "2001:db8::1", "2001:db8:0:1::1"));
}

static void test_slip(void)
{
    struct rate_options options = plain;

    for (options.slip = 0; options.slip <= 10; options.slip++) {
        struct rate *rate = new_rate();
        unsigned verdicts[3] = {0};

        for (int i = 0; i < 1000 + 600; i++) {
            verdicts[judge(rate, &options, RATE_ANSWER, "192.0.2.1", START)]++;
        }
        CU_ASSERT_EQUAL(verdicts[RATE_SEND], 1000);
        CU_ASSERT_EQUAL(verdicts[RATE_SLIP], options.slip > 0 ? 600u / options.slip : 0);
        CU_ASSERT_EQUAL(verdicts[RATE_DROP], 600 - verdicts[RATE_SLIP]);
        rate_free(rate);
    }
}

static enum rate_verdict judge_error(struct rate *rate, const struct rate_options *options,
                                     bool refused)
{
    static const uint8_t address[4] = {192, 0, 2, 1};

    return rate_judge(rate, options,
                      &(struct rate_answer){.class = RATE_ERROR,
                                            .refused = refused,
                                            .address = address,
                                            .address_len = 4,
                                            .now = START});
}

/* REFUSED has a rate of its own, below that of errors; beyond it none slips. */
static void test_refused(void)
{
    struct rate_options options = plain;
    struct rate *rate = new_rate();

    options.slip = 1;
    options.refused_drop = 250;
    for (int i = 0; i < 1000; i++) {
        CU_ASSERT_EQUAL(judge_error(rate, &options, true), i < 250 ? RATE_SEND : RATE_DROP);
    }
    for (int i = 0; i < 100; i++) { /* what was dropped did not count as an error */
        CU_ASSERT_EQUAL(judge_error(rate, &options, false), i < 50 ? RATE_SEND : RATE_SLIP);
    }
    rate_free(rate);
    rate = new_rate();
    options.per_second[RATE_ERROR] = 0;
    for (int i = 0; i < 1000; i++) {
        CU_ASSERT_EQUAL(judge_error(rate, &options, true), i < 250 ? RATE_SEND : RATE_DROP);
        CU_ASSERT_EQUAL(judge_error(rate, &options, false), RATE_SEND);
    }
    rate_free(rate);
}

static void allow(struct rate_options *options, const char *prefix)
{
    struct err err;

    CU_ASSERT_EQUAL_FATAL(
        server_conf_parse_prefix(prefix, &options->allow[options->allow_count++], &err), 0);
}

static bool is_limited(const struct rate_options *options, const char *from)
{
    struct rate *rate = new_rate();
    unsigned sent = sent_of(rate, options, from, 1100, START);
    uint64_t limited[RATE_CLASSES] = {0};

    rate_limited(rate, limited);
    CU_ASSERT_EQUAL(limited[RATE_ANSWER], 1100 - sent);
    rate_free(rate);
    return sent < 1100;
}

static void test_allow(void)
{
    struct rate_options options = plain;

    allow(&options, "192.0.2.128/25");
    allow(&options, "203.0.113.9");
    allow(&options, "2001:db8:8000::/33");
    CU_ASSERT_FALSE(is_limited(&options, "192.0.2.128"));
    CU_ASSERT_FALSE(is_limited(&options, "::ffff:192.0.2.255"));
    CU_ASSERT_TRUE(is_limited(&options, "192.0.2.127"));
    CU_ASSERT_FALSE(is_limited(&options, "203.0.113.9"));
    CU_ASSERT_TRUE(is_limited(&options, "203.0.113.8"));
    CU_ASSERT_FALSE(is_limited(&options, "2001:db8:ffff::1"));
    CU_ASSERT_TRUE(is_limited(&options, "2001:db8:7fff::1"));
    allow(&options, "::/0"); /* IPv6, and not IPv4 by its mapped form */
    CU_ASSERT_FALSE(is_limited(&options, "2001:db8::1"));
    CU_ASSERT_TRUE(is_limited(&options, "198.51.100.1"));
    allow(&options, "0.0.0.0/0");
    CU_ASSERT_FALSE(is_limited(&options, "198.51.100.1"));
}

/* More blocks than the table has room for: each has its credit, and a block in use stays. */
static void test_full_table(void)
{
    struct rate *rate = new_rate();
    char from[INET_ADDRSTRLEN];

    CU_ASSERT_EQUAL(sent_of(rate, &plain, "192.0.2.1", 1100, START), 1000);
    for (uint32_t i = 0; i < 4 * 4 * LIMIT_RATE_SETS; i++) {
        uint8_t address[4] = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        const struct rate_answer answer = {.class = RATE_ANSWER,
                                           .address = address,
                                           .address_len = 4,
                                           .now = START + 1 + i / 1000};
        struct rate_options narrow = plain;

        narrow.ipv4_bits = 32;
        CU_ASSERT_EQUAL(rate_judge(rate, &narrow, &answer), RATE_SEND);
        if (i % 1000 == 0) { /* an answer a millisecond is what it has */
            CU_ASSERT_TRUE(sent_of(rate, &plain, "192.0.2.1", 10, START + 1 + i / 1000) <= 1);
        }
    }
    /* idle meanwhile: pushed out, and full as it would be anyway */
    for (int i = 0; i < 8; i++) {
        snprintf(from, sizeof(from), "10.0.0.%d", i);
        CU_ASSERT_EQUAL(sent_of(rate, &plain, from, 1, START + 2000), 1);
    }
    rate_free(rate);
}

static void test_example(void)
{
    struct rate *rate = new_rate();
    struct rate_example example;
    uint64_t limited[RATE_CLASSES] = {0};

    CU_ASSERT_FALSE(rate_example(rate, &example));
    sent_of(rate, &plain, "192.0.2.1", 1001, START);
    CU_ASSERT_FALSE(rate_alarm(rate)); /* nobody wanted to know */
    rate_arm(rate);
    CU_ASSERT_EQUAL(sent_of(rate, &plain, "198.51.100.1", 1000, START), 1000);
    CU_ASSERT_FALSE(rate_alarm(rate)); /* nothing to know */
    CU_ASSERT_FALSE(rate_example(rate, &example));
    sent_of(rate, &plain, "2001:db8:1:2ff::1", 1001, START);
    sent_of(rate, &plain, "192.0.2.1", 1, START);
    CU_ASSERT_TRUE(rate_alarm(rate));
    CU_ASSERT_FALSE(rate_alarm(rate)); /* once */
    CU_ASSERT_TRUE_FATAL(rate_example(rate, &example));
    CU_ASSERT_EQUAL(example.class, RATE_ANSWER);
    CU_ASSERT_EQUAL(example.address_len, 16);
    CU_ASSERT_EQUAL(example.bits, 56);
    CU_ASSERT_EQUAL(memcmp(example.address, "\x20\x01\x0d\xb8\0\1\2\0\0\0\0\0\0\0\0\0", 16), 0);
    rate_limited(rate, limited);
    CU_ASSERT_EQUAL(limited[RATE_ANSWER], 3);
    CU_ASSERT_EQUAL(limited[RATE_NXDOMAIN] + limited[RATE_ERROR], 0);
    rate_free(rate);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"rates", test_rates},
        {"burst", test_burst},
        {"no limit", test_no_limit},
        {"refill", test_refill},
        {"slow refill", test_slow_refill},
        {"clock", test_clock},
        {"blocks", test_blocks},
        {"slip", test_slip},
        {"REFUSED", test_refused},
        {"allow list", test_allow},
        {"a full table", test_full_table},
        {"example", test_example},
    };

    return RUN("rate", cases);
}
