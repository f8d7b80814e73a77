/*
 * DNS cookies: RFC 7873 as RFC 9018 fixes their form.
 */
#include <arpa/inet.h>

#include "tests/unit/common/run.h"
#include "tests/unit/dnsd/asking.h"

#define WWW "www.example.org.acme.example"

static struct image image;
static struct asking a;

static size_t unhex(uint8_t *dst, const char *text)
{
    size_t len = strlen(text) / 2;

    for (size_t i = 0; i < len; i++) {
        char byte[3] = {text[2 * i], text[2 * i + 1], '\0'};

        dst[i] = (uint8_t)strtoul(byte, NULL, 16);
    }
    return len;
}

static struct cookie_secrets secrets_of(const char *first, const char *second)
{
    struct cookie_secrets secrets = {.count = second != NULL ? 2 : 1};

    unhex(secrets.key[0], first);
    if (second != NULL) {
        unhex(secrets.key[1], second);
    }
    return secrets;
}

static size_t address_of(uint8_t *dst, const char *text)
{
    bool is_ipv6 = strchr(text, ':') != NULL;

    CU_ASSERT_EQUAL_FATAL(inet_pton(is_ipv6 ? AF_INET6 : AF_INET, text, dst), 1);
    return is_ipv6 ? 16 : 4;
}

#define SECRET     "e5e973e5a6b2a43f48e7dc849e37bfcf"
#define OLD_SECRET "dd3bdf9344b678b185a6f5cb60fca715"
#define NEW_SECRET "445536bcd2513298075a5d379663c962"

/* RFC 9018 appendix A: what comes, whether it is good, what goes. */
static const struct vector {
    const char *secret, *previous, *address, *query, *reply;
    uint32_t now;
    bool good;
} vectors[] = {
    /* A.1, a new one */
    {SECRET, NULL, "198.51.100.100", "2464c4abcf10c957",
     "2464c4abcf10c957010000005cf79f111f8130c3eee29480", 1559731985, false},
    /* A.2, renewed after 40 minutes */
    {SECRET, NULL, "198.51.100.100", "2464c4abcf10c957010000005cf79f111f8130c3eee29480",
     "2464c4abcf10c957010000005cf7a871d4a564a1442aca77", 1559734385, true},
    /* A.3, with reserved octets that are not 0, run out since */
    {SECRET, NULL, "203.0.113.203", "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5",
     "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e", 1559734700, false},
    /* A.4, IPv6 and a secret rolled over */
    {NEW_SECRET, OLD_SECRET, "2001:db8:220:1:59de:d0f4:8769:82b8",
     "22681ab97d52c298010000005cf7c57926556bd0934c72f8",
     "22681ab97d52c298010000005cf7c609a6bb79d16625507a", 1559741961, true},
};

static enum query_outcome ask_cookie(const void *cookie, size_t len)
{
    asking_question(&a, WWW, DNS_TYPE_TXT);
    asking_option(&a, DNS_OPTION_COOKIE, cookie, len);
    return asking_ask(&a);
}

static void test_vectors(void)
{
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        const struct vector *v = &vectors[i];
        uint8_t address[16], query[40], reply[40];
        size_t query_len = unhex(query, v->query), reply_len = unhex(reply, v->reply);

        asking_begin(&a, &image);
        a.service.secrets = secrets_of(v->secret, v->previous);
        a.context.address = address;
        a.context.address_len = address_of(address, v->address);
        a.context.now = v->now;
        CU_ASSERT_EQUAL(ask_cookie(query, query_len), QUERY_ANSWERED);
        CU_ASSERT_EQUAL(a.info.cookie, v->good);
        CU_ASSERT_TRUE(asking_has(&a, DNS_OPTION_COOKIE, reply, reply_len));
        CU_ASSERT_EQUAL(ask_cookie(reply, reply_len), QUERY_ANSWERED); /* and back again */
        CU_ASSERT_TRUE(a.info.cookie);
        CU_ASSERT_TRUE(asking_has(&a, DNS_OPTION_COOKIE, reply, reply_len));
    }
    asking_end(&a);
}

/* A.3's cookie while it was young: the reserved octets are hashed as they came (4.2, 4.4). */
static void test_reserved(void)
{
    struct cookie_secrets secrets = secrets_of(SECRET, NULL);
    uint8_t address[16], cookie[COOKIE_FULL];
    size_t address_len = address_of(address, vectors[2].address);
    bool fresh;

    unhex(cookie, vectors[2].query);
    CU_ASSERT_TRUE(cookie_check(&secrets, cookie, address, address_len, 1559727985, &fresh));
    for (size_t i = 0; i < sizeof(cookie); i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            cookie[i] ^= (uint8_t)(1u << bit);
            CU_ASSERT_FALSE(
                cookie_check(&secrets, cookie, address, address_len, 1559727985, &fresh));
            CU_ASSERT_FALSE(fresh);
            cookie[i] ^= (uint8_t)(1u << bit);
        }
    }
    for (size_t i = 0; i < address_len; i++) {
        address[i] ^= 1;
        CU_ASSERT_FALSE(cookie_check(&secrets, cookie, address, address_len, 1559727985, &fresh));
        address[i] ^= 1;
    }
    CU_ASSERT_TRUE(cookie_check(&secrets, cookie, address, address_len, 1559727985, &fresh));
}

/* RFC 9018 4.3: an hour back, five minutes ahead, in serial arithmetic, so that nothing happens in
 * the year 2106; renewed from half an hour on. */
static void test_window(void)
{
    static const uint32_t times[] = {0,          1,          1800,       3600,
                                     1559731985, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF};
    static const struct {
        int32_t age;
        bool good, fresh;
    } cases[] = {
        {0, true, true},
        {1799, true, true},
        {1800, true, false},
        {3600, true, false},
        {3601, false, false},
        {-1, true, true},
        {-300, true, true},
        {-301, false, false},
        {0x7FFFFFFF, false, false},
        {-0x7FFFFFFF, false, false},
        {INT32_MIN, false, false},
    };
    struct cookie_secrets secrets = secrets_of(SECRET, NULL);
    uint8_t cookie[COOKIE_FULL];

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        cookie_make(&secrets, (const uint8_t *)"12345678", default_address, 4, times[i], cookie);
        for (size_t j = 0; j < sizeof(cases) / sizeof(cases[0]); j++) {
            uint32_t now = times[i] + (uint32_t)cases[j].age;
            bool fresh;

            CU_ASSERT_EQUAL(cookie_check(&secrets, cookie, default_address, 4, now, &fresh),
                            cases[j].good);
            CU_ASSERT_EQUAL(fresh, cases[j].fresh);
        }
    }
}

/* RFC 9018 5: a secret is first known everywhere, then used, then forgotten. */
static void test_rollover(void)
{
    static const struct {
        const char *first, *second;
        bool good, fresh;
    } steps[] = {
        {OLD_SECRET, NULL, true, true},        {OLD_SECRET, NEW_SECRET, true, true},
        {NEW_SECRET, OLD_SECRET, true, false}, {NEW_SECRET, NULL, false, false},
        {OLD_SECRET, OLD_SECRET, true, true},
    };
    struct cookie_secrets secrets = secrets_of(OLD_SECRET, NULL);
    uint8_t cookie[COOKIE_FULL];
    bool fresh;

    cookie_make(&secrets, (const uint8_t *)"12345678", default_address, 4, 1000, cookie);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        secrets = secrets_of(steps[i].first, steps[i].second);
        CU_ASSERT_EQUAL(cookie_check(&secrets, cookie, default_address, 4, 1000, &fresh),
                        steps[i].good);
        CU_ASSERT_EQUAL(fresh, steps[i].fresh);
    }
    secrets.count = 0;
    CU_ASSERT_FALSE(cookie_check(&secrets, cookie, default_address, 4, 1000, &fresh));
}

static uint8_t good[COOKIE_FULL]; /* for the client "12345678" at the default address and time */

static void begin(enum cookie_mode mode)
{
    asking_begin(&a, &image);
    a.service.cookies = mode;
    cookie_make(&a.service.secrets, (const uint8_t *)"12345678", default_address, 4, a.context.now,
                good);
}

/* RFC 7873 4, 5.2.2: 8 octets, or 16 to 40; FORMERR for others, with OPT but no cookie. */
static void test_lengths(void)
{
    uint8_t cookie[300];

    begin(COOKIE_ON);
    memset(cookie, 'c', sizeof(cookie));
    memcpy(cookie, good, sizeof(good));
    for (size_t len = 0; len < 300; len += len < 48 ? 1 : 17) {
        bool is_cookie = len == 8 || (len >= 16 && len <= 40);

        begin(COOKIE_ON);
        CU_ASSERT_EQUAL(ask_cookie(cookie, len), is_cookie ? QUERY_ANSWERED : QUERY_FORMERR);
        CU_ASSERT_TRUE(ldns_pkt_edns(a.answer));
        CU_ASSERT_EQUAL(asking_options_len(&a), is_cookie ? 4 + COOKIE_FULL : 0);
        CU_ASSERT_EQUAL(a.info.cookie, len == COOKIE_FULL); /* a longer one is not ours */
        begin(COOKIE_OFF);
        CU_ASSERT_EQUAL(ask_cookie(cookie, len), QUERY_ANSWERED);
        CU_ASSERT_EQUAL(asking_options_len(&a), 0);
        CU_ASSERT_FALSE(a.info.cookie);
    }
    asking_end(&a);
}

/* RFC 7873 5.2: of several the first counts. */
static void test_first(void)
{
    begin(COOKIE_ON);
    asking_question(&a, WWW, DNS_TYPE_TXT);
    asking_option(&a, DNS_OPTION_COOKIE, good, sizeof(good));
    asking_option(&a, DNS_OPTION_COOKIE, "abcdefgh", 8);
    asking_option(&a, DNS_OPTION_COOKIE, "", 0);
    CU_ASSERT_EQUAL(asking_ask(&a), QUERY_ANSWERED);
    CU_ASSERT_TRUE(a.info.cookie);
    CU_ASSERT_TRUE(asking_has(&a, DNS_OPTION_COOKIE, good, sizeof(good)));
    asking_question(&a, WWW, DNS_TYPE_TXT);
    asking_option(&a, DNS_OPTION_COOKIE, "", 0);
    asking_option(&a, DNS_OPTION_COOKIE, good, sizeof(good));
    CU_ASSERT_EQUAL(asking_ask(&a), QUERY_FORMERR);
    asking_end(&a);
}

/* RFC 7873 5.2.1 to 5.2.5, as configured: which answer, and always a good cookie with it. */
static void test_modes(void)
{
    static const struct {
        size_t len; /* of what the client shows; 0: no option */
        bool is_good, tcp;
        enum query_outcome on, enforce;
    } cases[] = {
        {0, false, false, QUERY_ANSWERED, QUERY_ANSWERED},
        {COOKIE_CLIENT, false, false, QUERY_ANSWERED, QUERY_BADCOOKIE},
        {COOKIE_CLIENT, false, true, QUERY_ANSWERED, QUERY_ANSWERED},
        {COOKIE_FULL, false, false, QUERY_ANSWERED, QUERY_BADCOOKIE},
        {COOKIE_FULL, false, true, QUERY_ANSWERED, QUERY_ANSWERED},
        {COOKIE_FULL, true, false, QUERY_ANSWERED, QUERY_ANSWERED},
        {COOKIE_FULL, true, true, QUERY_ANSWERED, QUERY_ANSWERED},
        {40, false, false, QUERY_ANSWERED, QUERY_BADCOOKIE},
    };

    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
        enum cookie_mode mode = i % 2 == 0 ? COOKIE_ON : COOKIE_ENFORCE;
        enum query_outcome want = i % 2 == 0 ? cases[i / 2].on : cases[i / 2].enforce;
        uint8_t shown[40] = {0};

        begin(mode);
        memcpy(shown, good, sizeof(good));
        shown[COOKIE_FULL - 1] ^= !cases[i / 2].is_good;
        a.context.tcp = cases[i / 2].tcp;
        asking_question(&a, WWW, DNS_TYPE_TXT);
        if (cases[i / 2].len > 0) {
            asking_option(&a, DNS_OPTION_COOKIE, shown, cases[i / 2].len);
        }
        CU_ASSERT_EQUAL(asking_ask(&a), want);
        CU_ASSERT_EQUAL(asking_rcode(&a), want == QUERY_BADCOOKIE ? DNS_BADCOOKIE : DNS_NOERROR);
        CU_ASSERT_EQUAL(a.info.cookie, cases[i / 2].is_good);
        CU_ASSERT_EQUAL(ldns_pkt_qdcount(a.answer), 1);
        CU_ASSERT_EQUAL(ldns_pkt_ancount(a.answer), want != QUERY_BADCOOKIE);
        CU_ASSERT_EQUAL(asking_has(&a, DNS_OPTION_COOKIE, good, sizeof(good)),
                        cases[i / 2].len > 0);
    }
    asking_end(&a);
}

/* BADCOOKIE tells nothing about a zone, and comes before REFUSED; what is malformed stays so. */
static void test_enforced_errors(void)
{
    begin(COOKIE_ENFORCE);
    asking_question(&a, "nowhere.example", DNS_TYPE_A);
    asking_option(&a, DNS_OPTION_COOKIE, "12345678", 8);
    CU_ASSERT_EQUAL(asking_ask(&a), QUERY_BADCOOKIE);
    CU_ASSERT_FALSE(ldns_pkt_aa(a.answer));
    a.context.image = NULL;
    CU_ASSERT_EQUAL(asking_ask(&a), QUERY_BADCOOKIE);
    packet_add(&a.packet, "x", 1);
    CU_ASSERT_EQUAL(asking_ask(&a), QUERY_FORMERR);
    packet_query(&a.packet, WWW, DNS_TYPE_TXT);
    CU_ASSERT_EQUAL(asking_ask(&a), QUERY_SERVFAIL);
    asking_end(&a);
}

static enum query_outcome ask_nothing(const void *cookie, size_t len)
{
    packet_begin(&a.packet);
    asking_opt(&a, 1232);
    asking_option(&a, DNS_OPTION_COOKIE, cookie, len);
    return asking_ask(&a);
}

/* RFC 7873 5.4: no question, only a cookie: the one case in which QDCOUNT 0 is right (RFC 9619 4).
 */
static void test_no_question(void)
{
    uint8_t bad[COOKIE_FULL];

    for (unsigned i = 0; i < 4; i++) {
        begin(i % 2 == 0 ? COOKIE_ON : COOKIE_ENFORCE);
        a.context.tcp = i / 2 == 1;
        memcpy(bad, good, sizeof(bad));
        bad[COOKIE_FULL - 1] ^= 1;
        CU_ASSERT_EQUAL(ask_nothing("12345678", 8), QUERY_NODATA);
        CU_ASSERT_EQUAL(asking_rcode(&a), DNS_NOERROR);
        CU_ASSERT_TRUE(asking_has(&a, DNS_OPTION_COOKIE, good, sizeof(good)));
        CU_ASSERT_EQUAL(ask_nothing(good, sizeof(good)), QUERY_NODATA);
        CU_ASSERT_TRUE(a.info.cookie);
        CU_ASSERT_EQUAL(ask_nothing(bad, sizeof(bad)), QUERY_BADCOOKIE);
        CU_ASSERT_EQUAL(asking_rcode(&a), DNS_BADCOOKIE);
        CU_ASSERT_TRUE(asking_has(&a, DNS_OPTION_COOKIE, good, sizeof(good)));
        CU_ASSERT_EQUAL(a.len, DNS_HEADER + EDNS_OPT_LEN + 4 + COOKIE_FULL);
    }
    begin(COOKIE_OFF);
    CU_ASSERT_EQUAL(ask_nothing("12345678", 8), QUERY_FORMERR);
    begin(COOKIE_ON);
    packet_begin(&a.packet);
    packet_question(&a.packet, WWW, DNS_TYPE_TXT, DNS_CLASS_IN);
    packet_question(&a.packet, WWW, DNS_TYPE_TXT, DNS_CLASS_IN);
    asking_opt(&a, 1232);
    asking_option(&a, DNS_OPTION_COOKIE, "12345678", 8);
    CU_ASSERT_EQUAL(asking_ask(&a), QUERY_FORMERR);
    asking_end(&a);
}

/* Outside the question too: NOTIMP, FORMERR and REFUSED bring a cookie to who showed one. */
static void test_errors(void)
{
    begin(COOKIE_ON);
    asking_question(&a, WWW, DNS_TYPE_TXT);
    asking_option(&a, DNS_OPTION_COOKIE, "12345678", 8);
    a.packet.bytes[2] = 5 << 3; /* UPDATE */
    CU_ASSERT_EQUAL(asking_ask(&a), QUERY_NOTIMP);
    CU_ASSERT_TRUE(asking_has(&a, DNS_OPTION_COOKIE, good, sizeof(good)));
    a.packet.bytes[2] = 0;
    packet_add(&a.packet, "x", 1);
    CU_ASSERT_EQUAL(asking_ask(&a), QUERY_FORMERR);
    CU_ASSERT_TRUE(asking_has(&a, DNS_OPTION_COOKIE, good, sizeof(good)));
    asking_end(&a);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"the RFC's vectors", test_vectors},
        {"reserved octets", test_reserved},
        {"time", test_window},
        {"roll-over", test_rollover},
        {"lengths", test_lengths},
        {"the first counts", test_first},
        {"modes", test_modes},
        {"errors where enforced", test_enforced_errors},
        {"no question", test_no_question},
        {"with errors", test_errors},
    };
    int status;

    images_map(&image, images_simple(1));
    status = RUN("cookie", cases);
    image_unmap(&image);
    return status;
}
