/*
 * Any octets as a query, over an image with every kind of node: no octet is read or written
 * outside, and what comes out holds what query.h and the RFCs say of every answer, as ldns reads
 * it. The first octet chooses transport, cookies, address, whether there is an image, and what is
 * configured.
 */
#include <ldns/ldns.h>
#include <sanitizer/lsan_interface.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire.h"
#include "dnsd/dns.h"
#include "dnsd/query.h"
#include "tests/unit/dnsd/defaults.h"
#include "tests/unit/dnsd/images.h"

#define LONG "long-long-long-long-long-long-long-long-long-long-long-long"

static const char acme[] = IMAGES_SOA "@ 3600 NS ns1\n"
                                      "ns1 3600 A 192.0.2.1\n"
                                      "ns1 3600 AAAA 2001:db8::1\n"
                                      "www 300 A 192.0.2.80\n"
                                      "alias 300 CNAME www\n"
                                      "l1 300 CNAME l2\n"
                                      "l2 300 CNAME l1\n"
                                      "*.w 300 TXT \"w\"\n"
                                      "*.c 300 CNAME x.d\n"
                                      "a.b.e 300 TXT \"deep\"\n"
                                      "sub 3600 NS ns.sub\n"
                                      "sub 3600 NS ns1\n"
                                      "ns.sub 3600 A 192.0.2.53\n"
                                      "d 300 DNAME t\n"
                                      "x.t 300 A 192.0.2.10\n"
                                      "dd 300 DNAME dd.dd\n"
                                      "signed 3600 NS ns1\n"
                                      "signed 3600 DS 1 13 2 "
                                      "000102030405060708090a0b0c0d0e0f"
                                      "101112131415161718191a1b1c1d1e1f\n"
                                      "glue 3600 NS ns.glue\n"
                                      "dl 300 DNAME " LONG "." LONG "." LONG "\n"
                                      "cl 300 CNAME " LONG "." LONG "." LONG ".x\n";

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct image image;

/* More of two kinds than 512 octets hold: nameservers, and addresses of one below its cut. */
static struct zone *zone_acme(void)
{
    static char text[16384];
    size_t len = (size_t)snprintf(text, sizeof(text), "%s", acme);

    for (int i = 0; i < 30; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                "big 3600 NS ns%d.%s.example.\nns.glue 3600 A 192.0.2.%d\n", i,
                                LONG, i);
    }
    return images_zone("acme.example", text);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const char small[] = "@ 60 SOA ns h 1 2 3 4 5\n"
                                "@ 60 NS ns\n"
                                "ns 60 A 192.0.2.3\n";
    struct zone *zones[] = {zone_acme(), images_zone("i.acme.example", small),
                            images_zone("z.sub.acme.example", small)};
    const size_t count = sizeof(zones) / sizeof(zones[0]);

    (void)argc;
    (void)argv;
    for (int i = 0; i < 30; i++) {
        char value[64];

        snprintf(value, sizeof(value), "%043d", i);
        images_challenge(zones[0], "m.acme.example", value);
    }
    images_map(&image, images_build(zones, count, 1));
    for (size_t i = 0; i < count; i++) {
        zone_free(zones[i]);
    }
    return 0;
}

enum choice {
    CHOICE_TCP = 1,
    CHOICE_COOKIES = 6, /* two bits */
    CHOICE_NO_IMAGE = 8,
    CHOICE_IPV6 = 16,
    CHOICE_PLAIN = 32, /* neither NSID nor CH TXT */
    CHOICE_SMALL = 64, /* payload of 512 octets */
};

/* One question and its answer. */
struct trial {
    struct service service;
    struct query_context context;
    struct query_info info;
    const uint8_t *in;
    size_t in_len, cap, len;
    uint8_t *out; /* ends with the buffer, so that a sanitizer sees the first octet too far */
    ldns_pkt *query, *answer; /* query: NULL where ldns does not read it */
};

#define ENSURE(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static void set(struct service_text *text, const char *value)
{
    text->len = (uint8_t)strlen(value);
    memcpy(text->data, value, text->len);
}

static void choose(struct trial *t, uint8_t choice)
{
    static const enum cookie_mode modes[] = {COOKIE_ON, COOKIE_ENFORCE, COOKIE_OFF, COOKIE_ON};
    /* secret, address and time of RFC 9018 A.1, whose cookie is among the seeds */
    static const uint8_t secret[COOKIE_SECRET] = {0xE5, 0xE9, 0x73, 0xE5, 0xA6, 0xB2, 0xA4, 0x3F,
                                                  0x48, 0xE7, 0xDC, 0x84, 0x9E, 0x37, 0xBF, 0xCF};
    static const uint8_t ipv4[4] = {198, 51, 100, 100}, ipv6[16] = {0x20, 0x01, 0x0D, 0xB8};

    t->service = default_service;
    memcpy(t->service.secrets.key[0], secret, sizeof(secret));
    t->service.cookies = modes[(choice & CHOICE_COOKIES) / 2];
    if ((choice & CHOICE_SMALL) != 0) {
        t->service.payload = 512;
    }
    if ((choice & CHOICE_PLAIN) == 0) {
        t->service.nsid_len = LIMIT_NSID;
        set(&t->service.version, "certmill");
        set(&t->service.id, "ns1");
        t->service.hostname.len = LIMIT_CHAOS_TEXT;
    }
    t->context = (struct query_context){
        .image = (choice & CHOICE_NO_IMAGE) != 0 ? NULL : &image,
        .service = &t->service,
        .address = (choice & CHOICE_IPV6) != 0 ? ipv6 : ipv4,
        .address_len = (choice & CHOICE_IPV6) != 0 ? 16 : 4,
        .now = 1559731985,
        .tcp = (choice & CHOICE_TCP) != 0,
    };
}

static void ask(struct trial *t)
{
    static uint8_t room[LIMIT_DNS_MESSAGE];

    t->cap = t->context.tcp ? QUERY_TCP_ROOM : t->service.payload;
    t->out = room + sizeof(room) - t->cap;
    t->len = query_answer(&t->context, t->in, t->in_len, t->out, t->cap, &t->info);
}

/* True of a message as such. */
static void check_header(const struct trial *t)
{
    const struct query_info *info = &t->info;
    const uint8_t *out = t->out;

    ENSURE(memcmp(out, t->in, 2) == 0);
    ENSURE((out[2] & 0xF9) == ((t->in[2] & 0x79) | 0x80)); /* QR, opcode and RD */
    ENSURE((out[3] & 0xF0) == 0);
    ENSURE((out[3] & 0x0F) == info->rcode);
    ENSURE(wire_read_u16(out + 4) <= 1);
    ENSURE((wire_read_u16(out + 4) == 1) == (info->name_len > 0 && info->question_end > 12));
    ENSURE((size_t)info->question_end + info->opt_len <= t->len);
    ENSURE(((out[2] & DNS_FLAG_TC) != 0) == info->truncated);
    ENSURE(info->answered == (wire_read_u16(out + 6) > 0));
}

static void check_outcome(const struct trial *t)
{
    enum query_outcome outcome = t->info.outcome;
    bool from_zone = outcome == QUERY_ANSWERED || outcome == QUERY_NODATA ||
                     outcome == QUERY_NXDOMAIN || outcome == QUERY_REFERRAL;

    ENSURE(!t->info.truncated || (from_zone && !t->context.tcp)); /* here nothing is that long */
    ENSURE(from_zone || t->len == (size_t)t->info.question_end + t->info.opt_len);
    ENSURE(outcome != QUERY_SERVFAIL || t->context.image == NULL);
    ENSURE(outcome != QUERY_BADCOOKIE || t->service.cookies == COOKIE_ENFORCE ||
           (t->service.cookies == COOKIE_ON && wire_read_u16(t->in + 4) == 0));
    ENSURE(outcome != QUERY_BADCOOKIE || !t->info.cookie);
    ENSURE(!t->info.cookie || t->service.cookies != COOKIE_OFF);
    if (t->context.image == NULL) {
        ENSURE(outcome != QUERY_NXDOMAIN && outcome != QUERY_REFERRAL && !t->info.challenge);
    }
}

/* OPT if and only if asked with OPT, each option once, none that is not due (RFC 6891 6.1.1). */
static void check_opt(const struct trial *t)
{
    bool walked = t->info.outcome != QUERY_FORMERR && t->info.outcome != QUERY_NOTIMP;
    const ldns_rdf *rdf = ldns_pkt_edns_data(t->answer);
    size_t left = rdf != NULL ? ldns_rdf_size(rdf) : 0;
    const uint8_t *p = rdf != NULL ? ldns_rdf_data(rdf) : NULL;
    uint64_t seen = 0;

    ENSURE(ldns_pkt_edns(t->answer) == (t->info.opt_len > 0));
    if (t->query != NULL) {
        ENSURE(!ldns_pkt_edns(t->answer) || ldns_pkt_edns(t->query));
        ENSURE(!walked || ldns_pkt_edns(t->answer) == ldns_pkt_edns(t->query));
    }
    while (left > 0) {
        ENSURE(left >= 4 && wire_read_u16(p + 2) <= left - 4);
        uint16_t code = wire_read_u16(p);
        ENSURE(code < 64 && (seen & UINT64_C(1) << code) == 0);
        seen |= UINT64_C(1) << code;
        left -= 4u + wire_read_u16(p + 2);
        p += 4u + wire_read_u16(p + 2);
    }
    ENSURE((seen & ~(UINT64_C(1) << DNS_OPTION_NSID | 1u << DNS_OPTION_COOKIE |
                     1u << DNS_OPTION_KEEPALIVE | 1u << DNS_OPTION_EDE)) == 0);
    ENSURE((seen & 1u << DNS_OPTION_NSID) == 0 || t->service.nsid_len > 0);
    ENSURE((seen & 1u << DNS_OPTION_COOKIE) == 0 || t->service.cookies != COOKIE_OFF);
    ENSURE((seen & 1u << DNS_OPTION_KEEPALIVE) == 0 || t->context.tcp);
    ENSURE((seen & 1u << DNS_OPTION_EDE) == 0 || t->info.rcode != DNS_NOERROR);
}

/* What the client takes, where ldns can tell (RFC 6891 6.2.3). */
static void check_length(const struct trial *t)
{
    size_t limit = 512;

    ENSURE(t->len <= t->cap);
    if (!t->context.tcp && t->query != NULL && t->info.outcome != QUERY_FORMERR) {
        if (ldns_pkt_edns(t->query) && ldns_pkt_edns_udp_size(t->query) > limit) {
            limit = ldns_pkt_edns_udp_size(t->query);
        }
        ENSURE(t->len <= limit);
    }
}

/* Found by way of its hash, as in a batch, it is the same answer. */
static void check_hashed(struct trial *t)
{
    static uint8_t plain[LIMIT_DNS_MESSAGE];
    uint64_t hash = query_hash(&image, t->in, t->in_len);
    size_t len = t->len;

    memcpy(plain, t->out, len);
    image_lookup_fetch(&image, hash);
    t->context.hash = &hash;
    ask(t);
    t->context.hash = NULL;
    ENSURE(t->len == len && memcmp(plain, t->out, len) == 0);
}

/* What did not fit over UDP comes whole over TCP, unless its keepalive is malformed there. */
static void check_tcp(const struct trial *t)
{
    struct trial tcp = *t;

    tcp.context.tcp = true;
    ask(&tcp);
    ENSURE(tcp.info.outcome == QUERY_FORMERR || (!tcp.info.truncated && tcp.len > t->len));
}

/* The answer is spoilt. */
static void check_truncate(struct trial *t)
{
    size_t len = query_truncate(t->out, t->len, &t->info);
    ldns_pkt *pkt = NULL;

    ENSURE(len == (size_t)t->info.question_end + t->info.opt_len && len <= t->len);
    ENSURE(ldns_wire2pkt(&pkt, t->out, len) == LDNS_STATUS_OK);
    ENSURE(ldns_pkt_tc(pkt) && ldns_pkt_qdcount(pkt) == ldns_pkt_qdcount(t->answer));
    ENSURE(ldns_pkt_ancount(pkt) + ldns_pkt_nscount(pkt) + ldns_pkt_arcount(pkt) == 0);
    ENSURE(ldns_pkt_edns(pkt) == ldns_pkt_edns(t->answer));
    ldns_pkt_free(pkt);
}

/* NULL where ldns does not read it; it leaks a record then. */
static ldns_pkt *read_query(const struct trial *t)
{
    ldns_pkt *pkt = NULL;

    __lsan_disable();
    if (ldns_wire2pkt(&pkt, t->in, t->in_len) != LDNS_STATUS_OK) {
        pkt = NULL;
    }
    __lsan_enable();
    return pkt;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trial t = {.in = data + 1, .in_len = size - 1};

    if (size == 0 || size > LIMIT_DNS_MESSAGE) {
        return 0;
    }
    choose(&t, data[0]);
    ask(&t);
    ENSURE(t.info.outcome < QUERY_OUTCOMES && (t.len == 0) == (t.info.outcome == QUERY_DROPPED));
    if (t.len == 0) {
        return 0;
    }
    if (t.context.image != NULL) {
        check_hashed(&t);
    }
    ENSURE(ldns_wire2pkt(&t.answer, t.out, t.len) == LDNS_STATUS_OK);
    t.query = read_query(&t);
    check_header(&t);
    check_outcome(&t);
    check_opt(&t);
    check_length(&t);
    if (t.info.truncated) {
        check_tcp(&t);
        ask(&t);
    }
    check_truncate(&t);
    ldns_pkt_free(t.query);
    ldns_pkt_free(t.answer);
    return 0;
}
