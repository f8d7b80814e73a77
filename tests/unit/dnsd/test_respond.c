/*
 * Which answers of a worker are limited: over UDP, to a client that may be forged, and never one
 * that a CA waits for.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "dnsd/dns.h"
#include "dnsd/respond.h"
#include "tests/unit/common/run.h"
#include "tests/unit/dnsd/defaults.h"
#include "tests/unit/dnsd/images.h"
#include "tests/unit/dnsd/packets.h"

#define LIVE "deep.a.www.example.org.acme.example"

struct fixture {
    struct stats stats;
    struct image image;
    struct service service;
    struct responder responder;
    struct sockaddr_in from;
    size_t len;
    uint8_t out[LIMIT_EDNS_PAYLOAD];
};

static void set_up(struct fixture *f)
{
    static const char text[] = IMAGES_SOA "@ 3600 NS ns1\n"
                                          "ns1 3600 A 192.0.2.1\n"
                                          "alias 60 CNAME " LIVE ".\n"
                                          "sub 3600 NS ns.example.net.\n";
    struct zone *zone = images_zone("acme.example", text);

    *f = (struct fixture){.service = default_service};
    images_challenge(zone, LIVE, "value");
    images_map(&f->image, images_build(&zone, 1, 7));
    zone_free(zone);
    f->service.rate = (struct rate_options){
        .per_second = {10, 10, 10}, .slip = 2, .ipv4_bits = 24, .ipv6_bits = 56};
    f->responder = (struct responder){
        .image = &f->image, .service = &f->service, .stats = &f->stats, .now_ms = 1, .now = 1000};
    f->from.sin_family = AF_INET;
    inet_pton(AF_INET, "192.0.2.1", &f->from.sin_addr);
    if (rate_new(&f->responder.rate, (const uint8_t *)"0123456789abcdef") < 0 ||
        seen_new(&f->responder.seen, (const uint8_t *)"0123456789abcdef") < 0) {
        CU_FAIL_FATAL("no memory");
    }
}

static void tear_down(struct fixture *f)
{
    seen_free(f->responder.seen);
    rate_free(f->responder.rate);
    image_unmap(&f->image);
}

static size_t ask(struct fixture *f, const struct packet *query, bool tcp)
{
    f->len = respond(&f->responder, tcp, (const struct sockaddr *)&f->from, query->bytes,
                     query->len, f->out, sizeof(f->out));
    return f->len;
}

struct outcome {
    unsigned whole, slipped, dropped;
};

/* What becomes of so many of a question at once. */
static struct outcome ask_many(struct fixture *f, const struct packet *query, bool tcp, unsigned n)
{
    struct outcome o = {0};

    for (unsigned i = 0; i < n; i++) {
        if (ask(f, query, tcp) == 0) {
            o.dropped++;
        } else if ((f->out[2] & DNS_FLAG_TC) != 0) {
            o.slipped++;
        } else {
            o.whole++;
        }
    }
    return o;
}

#define MANY (LIMIT_RATE_BURST + 100u)

static void expect_limited(struct fixture *f, const char *name, uint16_t type)
{
    struct packet query;

    packet_query(&query, name, type);
    packet_opt(&query, 1232, 0, false);
    struct outcome o = ask_many(f, &query, false, MANY);
    CU_ASSERT_EQUAL(o.whole, LIMIT_RATE_BURST);
    CU_ASSERT_EQUAL(o.slipped, 50);
    CU_ASSERT_EQUAL(o.dropped, 50);
    f->responder.now_ms += 1000000; /* all credit is back */
}

static void test_classes(void)
{
    struct fixture f;
    struct packet query;

    set_up(&f);
    expect_limited(&f, "acme.example", DNS_TYPE_SOA);
    expect_limited(&f, "acme.example", DNS_TYPE_TXT); /* NODATA */
    expect_limited(&f, "x.sub.acme.example", DNS_TYPE_A);
    expect_limited(&f, "nothing.acme.example", DNS_TYPE_TXT);
    expect_limited(&f, "example.com", DNS_TYPE_A);
    expect_limited(&f, "acme.example", DNS_TYPE_AXFR);
    CU_ASSERT_EQUAL(stats_get(&f.stats, STATS_RATE_DROPPED), 300);
    CU_ASSERT_EQUAL(stats_get(&f.stats, STATS_RATE_SLIPPED), 300);
    /* answers, NODATA and referrals are one class; the others have what they had */
    packet_query(&query, "acme.example", DNS_TYPE_SOA);
    ask_many(&f, &query, false, MANY);
    packet_query(&query, "acme.example", DNS_TYPE_TXT);
    CU_ASSERT_EQUAL(ask_many(&f, &query, false, 10).whole, 0);
    packet_query(&query, "x.sub.acme.example", DNS_TYPE_A);
    CU_ASSERT_EQUAL(ask_many(&f, &query, false, 10).whole, 0);
    packet_query(&query, "nothing.acme.example", DNS_TYPE_TXT);
    CU_ASSERT_EQUAL(ask_many(&f, &query, false, 10).whole, 10);
    packet_query(&query, "example.com", DNS_TYPE_A);
    CU_ASSERT_EQUAL(ask_many(&f, &query, false, 10).whole, 10);
    tear_down(&f);
}

/* Header with TC, question, OPT: no more than was asked. */
static void test_slip(void)
{
    struct packet query;
    struct fixture f;

    set_up(&f);
    f.service.rate.slip = 1;
    packet_query(&query, "nothing.acme.example", DNS_TYPE_TXT);
    packet_opt(&query, 1232, 0, false);
    ask_many(&f, &query, false, LIMIT_RATE_BURST);
    CU_ASSERT_EQUAL(ask(&f, &query, false), query.len);
    CU_ASSERT_EQUAL(f.out[2], 0x80 | DNS_FLAG_AA | DNS_FLAG_TC | DNS_FLAG_RD);
    CU_ASSERT_EQUAL(memcmp(f.out + 4, "\0\1\0\0\0\0\0\1", 8), 0);
    CU_ASSERT_EQUAL(memcmp(f.out + 12, query.bytes + 12, query.len - 12 - 11), 0);
    CU_ASSERT_TRUE(ask(&f, &query, true) > query.len); /* comes back over TCP and is answered */
    CU_ASSERT_EQUAL(f.out[2] & DNS_FLAG_TC, 0);
    tear_down(&f);
}

static void test_never_tcp(void)
{
    struct packet query;
    struct fixture f;

    set_up(&f);
    packet_query(&query, "nothing.acme.example", DNS_TYPE_TXT);
    ask_many(&f, &query, false, MANY);
    CU_ASSERT_EQUAL(ask_many(&f, &query, true, 1000).whole, 1000);
    CU_ASSERT_EQUAL(ask_many(&f, &query, false, 10).whole, 0);
    tear_down(&f);
}

/* All that a CA's resolver may ask on its way to a live challenge, from a block that is limited. */
static void test_never_challenge(void)
{
    static const struct {
        const char *name;
        uint16_t type;
    } asked[] = {
        {LIVE, DNS_TYPE_TXT},
        {LIVE, DNS_TYPE_A},
        {"DEEP.a.wWw.example.org.acme.example", DNS_TYPE_TXT},
        {"a.www.example.org.acme.example", DNS_TYPE_NS}, /* empty non-terminals, RFC 9156 */
        {"www.example.org.acme.example", DNS_TYPE_A},
        {"org.acme.example", DNS_TYPE_A},
        {"alias.acme.example", DNS_TYPE_TXT}, /* a CNAME that leads there */
    };
    struct packet query;
    struct fixture f;

    set_up(&f);
    packet_query(&query, "acme.example", DNS_TYPE_SOA);
    ask_many(&f, &query, false, MANY);
    packet_query(&query, "nothing.acme.example", DNS_TYPE_SOA);
    ask_many(&f, &query, false, MANY);
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        packet_query(&query, asked[i].name, asked[i].type);
        CU_ASSERT_EQUAL(ask_many(&f, &query, false, 1000).whole, 1000);
    }
    packet_query(&query, "acme.example", DNS_TYPE_SOA);
    CU_ASSERT_EQUAL(ask_many(&f, &query, false, 10).whole, 0);
    tear_down(&f);
}

static void add_cookie(struct packet *query, const uint8_t *cookie, uint16_t len)
{
    packet_opt(query, 1232, 0, false);
    wire_write_u16(query->bytes + query->len - 2, (uint16_t)(4 + len));
    packet_add_u16(query, 10);
    packet_add_u16(query, len);
    packet_add(query, cookie, len);
}

/* RFC 7873 1: who shows our cookie has received our answers, so nobody else is hit. */
static void test_never_cookie(void)
{
    uint8_t cookie[COOKIE_FULL];
    struct packet query;
    struct fixture f;

    set_up(&f);
    cookie_make(&f.service.secrets, (const uint8_t *)"8 octets", (uint8_t *)&f.from.sin_addr, 4,
                f.responder.now, cookie);
    packet_query(&query, "nothing.acme.example", DNS_TYPE_TXT);
    add_cookie(&query, cookie, COOKIE_FULL);
    CU_ASSERT_EQUAL(ask_many(&f, &query, false, 1000).whole, 1000);
    CU_ASSERT_EQUAL(stats_get(&f.stats, STATS_COOKIE), 1000);
    /* a client's part alone, and a cookie that is not ours, prove nothing */
    packet_query(&query, "nothing.acme.example", DNS_TYPE_TXT);
    add_cookie(&query, cookie, COOKIE_CLIENT);
    CU_ASSERT_EQUAL(ask_many(&f, &query, false, MANY).whole, LIMIT_RATE_BURST);
    cookie[COOKIE_FULL - 1] ^= 1;
    packet_query(&query, "nothing.acme.example", DNS_TYPE_TXT);
    add_cookie(&query, cookie, COOKIE_FULL);
    CU_ASSERT_EQUAL(ask_many(&f, &query, false, 10).whole, 0);
    CU_ASSERT_EQUAL(stats_get(&f.stats, STATS_COOKIE), 1000);
    tear_down(&f);
}

static unsigned sent(struct fixture *f, const char *name, uint16_t type, bool tcp)
{
    struct packet query;

    packet_query(&query, name, type);
    return ask_many(f, &query, tcp, 5).whole;
}

/* Under pressure errors and NXDOMAIN stay here, but neither over TCP, nor to a cookie of ours or an
 * address on the list, nor where their limit is off; answers, NODATA and referrals leave always. */
static void test_pressed(void)
{
    uint8_t cookie[COOKIE_FULL];
    struct packet query;
    struct fixture f;

    set_up(&f);
    f.responder.pressed = true;
    CU_ASSERT_EQUAL(sent(&f, "nothing.acme.example", DNS_TYPE_TXT, false), 0);
    CU_ASSERT_EQUAL(sent(&f, "example.com", DNS_TYPE_A, false), 0);
    CU_ASSERT_EQUAL(sent(&f, "acme.example", DNS_TYPE_AXFR, false), 0);
    CU_ASSERT_EQUAL(stats_get(&f.stats, STATS_SHED), 15);
    CU_ASSERT_EQUAL(sent(&f, LIVE, DNS_TYPE_TXT, false), 5);
    CU_ASSERT_EQUAL(sent(&f, "org.acme.example", DNS_TYPE_A, false), 5);
    CU_ASSERT_EQUAL(sent(&f, "acme.example", DNS_TYPE_SOA, false), 5);
    CU_ASSERT_EQUAL(sent(&f, "x.sub.acme.example", DNS_TYPE_A, false), 5);
    CU_ASSERT_EQUAL(sent(&f, "nothing.acme.example", DNS_TYPE_TXT, true), 5);
    CU_ASSERT_EQUAL(sent(&f, "example.com", DNS_TYPE_A, true), 5);
    cookie_make(&f.service.secrets, (const uint8_t *)"8 octets", (uint8_t *)&f.from.sin_addr, 4,
                f.responder.now, cookie);
    packet_query(&query, "nothing.acme.example", DNS_TYPE_TXT);
    add_cookie(&query, cookie, COOKIE_FULL);
    CU_ASSERT_EQUAL(ask_many(&f, &query, false, 5).whole, 5);
    f.service.rate.allow_count = 1;
    f.service.rate.allow[0] = (struct server_conf_prefix){.bits = 128};
    f.service.rate.allow[0].address[10] = f.service.rate.allow[0].address[11] = 0xFF;
    memcpy(f.service.rate.allow[0].address + 12, &f.from.sin_addr, 4);
    CU_ASSERT_EQUAL(sent(&f, "example.com", DNS_TYPE_A, false), 5);
    f.service.rate.allow_count = 0;
    f.service.rate.per_second[RATE_NXDOMAIN] = 0;
    CU_ASSERT_EQUAL(sent(&f, "nothing.acme.example", DNS_TYPE_TXT, false), 5);
    CU_ASSERT_EQUAL(sent(&f, "example.com", DNS_TYPE_A, false), 0);
    CU_ASSERT_EQUAL(stats_get(&f.stats, STATS_SHED), 20);
    tear_down(&f);
}

static void test_refused_drop(void)
{
    struct packet query;
    struct fixture f;

    set_up(&f);
    f.service.rate.per_second[RATE_ERROR] = 0;
    f.service.rate.refused_drop = 10;
    packet_query(&query, "example.com", DNS_TYPE_A);
    struct outcome o = ask_many(&f, &query, false, MANY);
    CU_ASSERT_EQUAL(o.whole, LIMIT_RATE_BURST);
    CU_ASSERT_EQUAL(o.dropped, 100);
    packet_question(&query, "example.com", DNS_TYPE_A, 1); /* FORMERR, RFC 9619 */
    CU_ASSERT_EQUAL(ask_many(&f, &query, false, 1000).whole, 1000);
    tear_down(&f);
}

/* Before the first image all is SERVFAIL (RFC 8906 3: but not silence), limited as errors are. */
static void test_no_image(void)
{
    struct packet query;
    struct fixture f;

    set_up(&f);
    f.responder.image = NULL;
    packet_query(&query, LIVE, DNS_TYPE_TXT);
    struct outcome o = ask_many(&f, &query, false, MANY);
    CU_ASSERT_EQUAL(o.whole, LIMIT_RATE_BURST);
    CU_ASSERT_EQUAL(ask(&f, &query, true), query.len);
    CU_ASSERT_EQUAL(f.out[3] & 0x0F, DNS_SERVFAIL);
    f.responder.image = &f.image;
    CU_ASSERT_TRUE(ask(&f, &query, false) > query.len);
    CU_ASSERT_EQUAL(f.out[3] & 0x0F, DNS_NOERROR);
    tear_down(&f);
}

/* What is not answered costs no credit. */
static void test_dropped(void)
{
    struct packet query;
    struct fixture f;

    set_up(&f);
    packet_query(&query, "example.com", DNS_TYPE_A);
    query.bytes[2] |= 0x80;
    CU_ASSERT_EQUAL(ask_many(&f, &query, false, MANY).dropped, MANY);
    CU_ASSERT_EQUAL(stats_get(&f.stats, STATS_RATE_DROPPED), 0);
    query.bytes[2] &= 0x7F;
    CU_ASSERT_EQUAL(ask_many(&f, &query, false, 10).whole, 10);
    tear_down(&f);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"classes", test_classes},
        {"slip", test_slip},
        {"never over TCP", test_never_tcp},
        {"never a live challenge", test_never_challenge},
        {"never a valid cookie", test_never_cookie},
        {"under pressure", test_pressed},
        {"REFUSED beyond a rate", test_refused_drop},
        {"no image", test_no_image},
        {"dropped", test_dropped},
    };

    return RUN("respond", cases);
}
