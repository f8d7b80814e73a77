/*
 * Messages as such: what is dropped, what is malformed, EDNS, sizes.
 */
#include "dnsd/dns.h"
#include "dnsd/edns.h"
#include "dnsd/query.h"
#include "tests/unit/common/run.h"
#include "tests/unit/dnsd/defaults.h"
#include "tests/unit/dnsd/images.h"
#include "tests/unit/dnsd/packets.h"

#define WWW  "www.acme.example"
#define MANY "many.acme.example"

static struct image image;

/* The answer of the last ask. */
static uint8_t out[LIMIT_DNS_MESSAGE];
static size_t out_len;
static struct query_info info;

/* Each input stands in memory of its exact size, so that a sanitizer sees the first octet too far.
 */
static enum query_outcome ask(const struct packet *p, bool tcp)
{
    const struct query_context context = {.image = &image,
                                          .service = &default_service,
                                          .address = default_address,
                                          .address_len = 4,
                                          .tcp = tcp};
    uint8_t *in = malloc(p->len + (p->len == 0));

    memcpy(in, p->bytes, p->len);
    out_len = query_answer(&context, in, p->len, out,
                           tcp ? QUERY_TCP_ROOM : default_service.payload, &info);
    free(in);
    return info.outcome;
}

/* An error answer: header, perhaps the question, perhaps OPT; parses, no records. */
static void check_error(const struct packet *p, unsigned rcode, bool question, bool opt)
{
    ldns_pkt *pkt = NULL;

    CU_ASSERT_EQUAL_FATAL(ldns_wire2pkt(&pkt, out, out_len), LDNS_STATUS_OK);
    CU_ASSERT_EQUAL((unsigned)ldns_pkt_get_rcode(pkt), rcode & 0x0F);
    CU_ASSERT_EQUAL(ldns_pkt_id(pkt), wire_read_u16(p->bytes));
    CU_ASSERT_EQUAL((unsigned)ldns_pkt_get_opcode(pkt), p->bytes[2] >> 3 & 0x0F);
    CU_ASSERT_TRUE(ldns_pkt_qr(pkt));
    CU_ASSERT_FALSE(ldns_pkt_aa(pkt) || ldns_pkt_tc(pkt) || ldns_pkt_ra(pkt));
    CU_ASSERT_EQUAL(ldns_pkt_qdcount(pkt), question);
    CU_ASSERT_EQUAL(ldns_pkt_ancount(pkt), 0);
    CU_ASSERT_EQUAL(ldns_pkt_nscount(pkt), 0);
    CU_ASSERT_EQUAL(ldns_pkt_edns(pkt), opt);
    if (opt) {
        CU_ASSERT_EQUAL(ldns_pkt_edns_version(pkt), 0);
        CU_ASSERT_EQUAL(ldns_pkt_edns_extended_rcode(pkt), rcode >> 4);
    }
    ldns_pkt_free(pkt);
}

static void test_dropped(void)
{
    struct packet p;

    packet_query(&p, WWW, DNS_TYPE_A);
    for (size_t len = 0; len < 12; len++) {
        struct packet cut = p;

        cut.len = len;
        CU_ASSERT_EQUAL(ask(&cut, len % 2), QUERY_DROPPED);
        CU_ASSERT_EQUAL(out_len, 0);
    }
    p.bytes[2] |= DNS_FLAG_QR; /* or two servers could answer each other for ever */
    CU_ASSERT_EQUAL(ask(&p, false), QUERY_DROPPED);
    CU_ASSERT_EQUAL(out_len, 0);
}

/* Every prefix of a good query, at every length: malformed, and without its question where that is
 * cut. */
static void test_cut(void)
{
    struct packet p;
    size_t question;

    packet_query(&p, WWW, DNS_TYPE_A);
    question = p.len;
    packet_opt(&p, 1232, 0, true);
    for (size_t len = 12; len < p.len; len++) {
        struct packet cut = p;

        cut.len = len;
        CU_ASSERT_EQUAL(ask(&cut, false), QUERY_FORMERR);
        check_error(&cut, DNS_FORMERR, len >= question, false);
    }
    CU_ASSERT_EQUAL(ask(&p, false), QUERY_ANSWERED);
}

static void test_question_count(void)
{
    struct packet p;

    packet_begin(&p);
    CU_ASSERT_EQUAL(ask(&p, false), QUERY_FORMERR);
    check_error(&p, DNS_FORMERR, false, false);
    packet_question(&p, WWW, DNS_TYPE_A, 1);
    packet_question(&p, WWW, DNS_TYPE_AAAA, 1);
    CU_ASSERT_EQUAL(ask(&p, false), QUERY_FORMERR); /* RFC 9619 */
    check_error(&p, DNS_FORMERR, false, false);
    packet_query(&p, WWW, DNS_TYPE_A);
    wire_write_u16(p.bytes + 4, 0xFFFF);
    CU_ASSERT_EQUAL(ask(&p, false), QUERY_FORMERR);
}

static void test_bad_names(void)
{
    static const struct {
        const char *bytes;
        size_t len;
    } names[] = {
        {"\xC0\x0C", 2},      /* to itself */
        {"\3www\xC0\x0C", 6}, /* back into itself */
        {"\xC0\x00", 2},      /* into the header */
        {"\xFF\xFF", 2},      /* out of the message */
        {"\x40\0", 2},        /* extended label types (RFC 6891 5) */
        {"\x80\0", 2},        /* reserved */
        {"\x41"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         67},
        {"\x3F", 1}, /* goes over the end */
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct packet p;

        packet_begin(&p);
        packet_add(&p, names[i].bytes, names[i].len);
        packet_add(&p, "\0\1\0\1", 4);
        packet_count(&p, 4);
        CU_ASSERT_EQUAL(ask(&p, false), QUERY_FORMERR);
        check_error(&p, DNS_FORMERR, false, false);
    }
}

/* A name of 255 octets is one, of 256 is none. */
static void test_long_names(void)
{
    for (int last = 60; last <= 63; last++) {
        struct packet p;

        packet_begin(&p);
        for (int i = 0; i < 4; i++) {
            uint8_t label[64];

            memset(label, 'a', sizeof(label));
            label[0] = i < 3 ? 63 : (uint8_t)last;
            packet_add(&p, label, label[0] + 1u);
        }
        packet_add(&p, "\0\0\1\0\1", 5);
        packet_count(&p, 4);
        CU_ASSERT_EQUAL(ask(&p, false), last <= 61 ? QUERY_REFUSED : QUERY_FORMERR);
    }
}

static void test_opcodes(void)
{
    for (unsigned opcode = 1; opcode < 16; opcode++) {
        struct packet p;

        packet_query(&p, WWW, DNS_TYPE_SOA);
        p.bytes[2] = (uint8_t)(opcode << 3);
        CU_ASSERT_EQUAL(ask(&p, false), QUERY_NOTIMP);
        check_error(&p, DNS_NOTIMP, true, false);
        packet_opt(&p, 1232, 0, false);
        CU_ASSERT_EQUAL(ask(&p, true), QUERY_NOTIMP);
        check_error(&p, DNS_NOTIMP, true, true);
        p.len = 12;
        wire_write_u16(p.bytes + 4, 0);
        CU_ASSERT_EQUAL(ask(&p, false), QUERY_NOTIMP);
        check_error(&p, DNS_NOTIMP, false, false);
    }
}

static void test_classes(void)
{
    static const uint16_t classes[] = {0, 2, 3, 4, 254, 255, 65535};

    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        struct packet p;

        packet_begin(&p);
        packet_question(&p, WWW, DNS_TYPE_A, classes[i]);
        CU_ASSERT_EQUAL(ask(&p, false), QUERY_REFUSED);
        check_error(&p, DNS_REFUSED, true, false);
    }
}

static void test_leftover(void)
{
    struct packet p;

    packet_query(&p, WWW, DNS_TYPE_A);
    packet_add(&p, "\0", 1);
    CU_ASSERT_EQUAL(ask(&p, false), QUERY_FORMERR);
    check_error(&p, DNS_FORMERR, true, false);
    packet_query(&p, WWW, DNS_TYPE_A);
    packet_opt(&p, 1232, 0, false);
    packet_add(&p, "\0", 1);
    CU_ASSERT_EQUAL(ask(&p, false), QUERY_FORMERR);
    check_error(&p, DNS_FORMERR, true, true);
}

/* A record in a query that is none of our business but parses. section: 6, 8 or 10. */
static enum query_outcome ask_with_record(size_t section, const char *rr, size_t len)
{
    struct packet p;

    packet_query(&p, WWW, DNS_TYPE_A);
    packet_add(&p, rr, len);
    packet_count(&p, section);
    return ask(&p, false);
}

static void test_other_records(void)
{
    static const char a[] = "\xC0\x0C\0\1\0\1\0\0\0\0\0\4\1\2\3\4";
    static const char named[] = "\1x\xC0\x0C\0\1\0\1\0\0\0\0\0\0";
    static const char ahead[] = "\xC0\x40\0\1\0\1\0\0\0\0\0\0";
    static const char long_rdata[] = "\0\0\1\0\1\0\0\0\0\0\5\1\2\3\4";
    static const char opt_outside[] = "\0\0\x29\4\xD0\0\0\0\0\0\0";

    CU_ASSERT_EQUAL(ask_with_record(6, a, sizeof(a) - 1), QUERY_ANSWERED);
    CU_ASSERT_EQUAL(ask_with_record(8, a, sizeof(a) - 1), QUERY_ANSWERED);
    CU_ASSERT_EQUAL(ask_with_record(10, a, sizeof(a) - 1), QUERY_ANSWERED);
    CU_ASSERT_EQUAL(ask_with_record(10, named, sizeof(named) - 1), QUERY_ANSWERED);
    CU_ASSERT_EQUAL(ask_with_record(10, ahead, sizeof(ahead) - 1), QUERY_FORMERR);
    CU_ASSERT_EQUAL(ask_with_record(10, long_rdata, sizeof(long_rdata) - 1), QUERY_FORMERR);
    CU_ASSERT_EQUAL(ask_with_record(6, opt_outside, sizeof(opt_outside) - 1), QUERY_FORMERR);
    CU_ASSERT_EQUAL(ask_with_record(8, opt_outside, sizeof(opt_outside) - 1), QUERY_FORMERR);
    CU_ASSERT_EQUAL(ask_with_record(10, opt_outside, sizeof(opt_outside) - 1), QUERY_ANSWERED);
}

/* More records promised than there are, up to the largest counts: refused, and at once. */
static void test_counts(void)
{
    struct packet p;

    packet_query(&p, WWW, DNS_TYPE_A);
    memset(p.bytes + 6, 0xFF, 6);
    CU_ASSERT_EQUAL(ask(&p, false), QUERY_FORMERR);
}

/* As many as a query may have, and one more; an UPDATE may have any number (RFC 2136 2.2). */
static void test_crowded(void)
{
    struct packet p;

    packet_query(&p, WWW, DNS_TYPE_A);
    for (unsigned i = 1; i <= LIMIT_QUERY_RECORDS + 1; i++) {
        packet_add(&p, "\0\0\1\0\1\0\0\0\0\0\0", 11);
        packet_count(&p, 6 + 2 * (i % 3));
        CU_ASSERT_EQUAL(ask(&p, false), i <= LIMIT_QUERY_RECORDS ? QUERY_ANSWERED : QUERY_FORMERR);
    }
    packet_begin(&p);
    for (unsigned i = 0; i < 200; i++) {
        packet_add(&p, "\0\0\6\0\1", 5);
        packet_count(&p, 4);
    }
    CU_ASSERT_EQUAL(ask(&p, false), QUERY_FORMERR);
    packet_opt(&p, 1232, 0, false);
    p.bytes[2] = 5 << 3;
    CU_ASSERT_EQUAL(ask(&p, false), QUERY_NOTIMP);
    check_error(&p, DNS_NOTIMP, false, true);
}

static void test_edns(void)
{
    struct packet p, plain;
    ldns_pkt *pkt = NULL;

    packet_query(&plain, WWW, DNS_TYPE_A);
    CU_ASSERT_EQUAL(ask(&plain, false), QUERY_ANSWERED);
    CU_ASSERT_EQUAL(wire_read_u16(out + 10), 0); /* none asked for, none given */
    p = plain;
    packet_opt(&p, 4096, 0, true);
    CU_ASSERT_EQUAL(ask(&p, false), QUERY_ANSWERED);
    CU_ASSERT_EQUAL_FATAL(ldns_wire2pkt(&pkt, out, out_len), LDNS_STATUS_OK);
    CU_ASSERT_TRUE(ldns_pkt_edns(pkt) && ldns_pkt_edns_do(pkt));
    CU_ASSERT_EQUAL(ldns_pkt_edns_udp_size(pkt), default_service.payload);
    CU_ASSERT_EQUAL(ldns_pkt_edns_version(pkt), 0);
    CU_ASSERT_PTR_NULL(ldns_pkt_edns_data(pkt));
    ldns_pkt_free(pkt);

    for (unsigned version = 1; version < 256; version += 127) {
        p = plain;
        packet_opt(&p, 4096, (uint8_t)version, false);
        CU_ASSERT_EQUAL(ask(&p, false), QUERY_BADVERS);
        check_error(&p, DNS_BADVERS, true, true);
    }
    p = plain;
    packet_opt(&p, 4096, 0, false);
    packet_opt(&p, 4096, 0, false);
    CU_ASSERT_EQUAL(ask(&p, false), QUERY_FORMERR); /* RFC 6891 6.1.1 */
    check_error(&p, DNS_FORMERR, true, true);
    p = plain;
    packet_add(&p, "\1x", 2); /* not at the root */
    packet_opt(&p, 4096, 0, false);
    CU_ASSERT_EQUAL(ask(&p, false), QUERY_FORMERR);
}

static void test_edns_options(void)
{
    static const struct {
        const char *rdata;
        uint16_t len;
        enum query_outcome outcome;
    } options[] = {
        {"\0\3\0\0", 4, QUERY_ANSWERED},                   /* NSID */
        {"\xFF\xFE\0\3xyz\0\x0C\0\0", 11, QUERY_ANSWERED}, /* unknown, padding */
        {"\0", 1, QUERY_FORMERR},
        {"\0\3\0", 3, QUERY_FORMERR},
        {"\0\3\0\1", 4, QUERY_FORMERR},
        {"\0\3\0\0\0", 5, QUERY_FORMERR},
        {"\0\3\xFF\xFF", 4, QUERY_FORMERR},
    };

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        struct packet p;

        packet_query(&p, WWW, DNS_TYPE_A);
        packet_opt(&p, 1232, 0, false);
        wire_write_u16(p.bytes + p.len - 2, options[i].len);
        packet_add(&p, options[i].rdata, options[i].len);
        CU_ASSERT_EQUAL(ask(&p, false), options[i].outcome);
        if (options[i].outcome == QUERY_ANSWERED) {
            CU_ASSERT_EQUAL(wire_read_u16(out + out_len - 2), 0); /* no option comes back */
        } else {
            check_error(&p, DNS_FORMERR, true, false); /* that was no OPT */
        }
    }
}

/* "Truncated", made of any answer: of one with records in all sections and OPT, one without OPT,
 * one without even a question. */
static void test_truncate(void)
{
    struct packet p;
    size_t question;
    ldns_pkt *pkt = NULL;

    packet_query(&p, "acme.example", DNS_TYPE_NS);
    question = p.len;
    packet_opt(&p, 1232, 0, true);
    CU_ASSERT_EQUAL(ask(&p, false), QUERY_ANSWERED);
    CU_ASSERT_EQUAL(info.question_end, question);
    CU_ASSERT_EQUAL(info.opt_len, EDNS_OPT_LEN);
    CU_ASSERT_EQUAL(query_truncate(out, out_len, &info), question + EDNS_OPT_LEN);
    CU_ASSERT_EQUAL_FATAL(ldns_wire2pkt(&pkt, out, question + EDNS_OPT_LEN), LDNS_STATUS_OK);
    CU_ASSERT_TRUE(ldns_pkt_tc(pkt) && ldns_pkt_aa(pkt) && ldns_pkt_edns_do(pkt));
    CU_ASSERT_EQUAL(ldns_pkt_ancount(pkt) + ldns_pkt_nscount(pkt), 0);
    CU_ASSERT_EQUAL(ldns_pkt_arcount(pkt), 0); /* OPT does not count here */
    CU_ASSERT_EQUAL(ldns_pkt_qdcount(pkt), 1);
    ldns_pkt_free(pkt);

    packet_query(&p, "none.acme.example", DNS_TYPE_NS);
    CU_ASSERT_EQUAL(ask(&p, false), QUERY_NXDOMAIN);
    CU_ASSERT_EQUAL(query_truncate(out, out_len, &info), p.len);
    CU_ASSERT_EQUAL(memcmp(out + 6, "\0\0\0\0\0", 6), 0);
    CU_ASSERT_EQUAL(memcmp(out + 12, p.bytes + 12, p.len - 12), 0);

    packet_begin(&p);
    CU_ASSERT_EQUAL(ask(&p, false), QUERY_FORMERR);
    CU_ASSERT_EQUAL(query_truncate(out, out_len, &info), DNS_HEADER);
}

/* Before the first image has come: RFC 8914 4.15. */
static void test_not_ready(void)
{
    struct packet p;
    const struct query_context context = {.service = &default_service,
                                          .address = default_address,
                                          .address_len = sizeof(default_address)};

    packet_query(&p, WWW, DNS_TYPE_A);
    out_len = query_answer(&context, p.bytes, p.len, out, 1232, &info);
    CU_ASSERT_EQUAL(info.outcome, QUERY_SERVFAIL);
    check_error(&p, DNS_SERVFAIL, true, false);
    packet_opt(&p, 1232, 0, false);
    out_len = query_answer(&context, p.bytes, p.len, out, 1232, &info);
    check_error(&p, DNS_SERVFAIL, true, true);
    CU_ASSERT_EQUAL(info.opt_len, EDNS_OPT_LEN + 6);
    CU_ASSERT_EQUAL(memcmp(out + out_len - 6, "\0\17\0\2\0\16", 6), 0);
}

/* Flags of the query that must not come back, and those that must. */
static void test_flags(void)
{
    struct packet p;

    packet_query(&p, WWW, DNS_TYPE_A);
    p.bytes[2] = DNS_FLAG_AA | DNS_FLAG_TC;
    p.bytes[3] = 0xFF; /* RA, Z, AD, CD and an RCODE */
    CU_ASSERT_EQUAL(ask(&p, false), QUERY_ANSWERED);
    CU_ASSERT_EQUAL(out[2], DNS_FLAG_QR | DNS_FLAG_AA);
    CU_ASSERT_EQUAL(out[3], 0);
    p.bytes[2] = DNS_FLAG_RD;
    ask(&p, false);
    CU_ASSERT_EQUAL(out[2], DNS_FLAG_QR | DNS_FLAG_AA | DNS_FLAG_RD);
}

/* 100 values of 43 octets: 100 * (12 + 44). */
#define MANY_LEN (12 + 19 + 4 + 100 * 56)

static void check_truncated(const struct packet *p, size_t limit)
{
    ldns_pkt *pkt = NULL;

    CU_ASSERT_EQUAL(ask(p, false), QUERY_ANSWERED);
    CU_ASSERT_TRUE(out_len <= limit);
    CU_ASSERT_TRUE(info.truncated);
    CU_ASSERT_FALSE(info.answered);
    CU_ASSERT_EQUAL_FATAL(ldns_wire2pkt(&pkt, out, out_len), LDNS_STATUS_OK);
    CU_ASSERT_TRUE(ldns_pkt_tc(pkt));
    CU_ASSERT_EQUAL(ldns_pkt_ancount(pkt), 0); /* the RRset whole or not at all */
    ldns_pkt_free(pkt);
}

static void test_large(void)
{
    struct packet p;

    packet_query(&p, MANY, DNS_TYPE_TXT);
    check_truncated(&p, 512);
    CU_ASSERT_EQUAL(ask(&p, true), QUERY_ANSWERED);
    CU_ASSERT_EQUAL(out_len, MANY_LEN);
    CU_ASSERT_EQUAL(wire_read_u16(out + 6), 100);
    CU_ASSERT_FALSE(info.truncated);
    packet_opt(&p, 65535, 0, false);
    check_truncated(&p, default_service.payload);
    CU_ASSERT_EQUAL(ask(&p, true), QUERY_ANSWERED);
    CU_ASSERT_EQUAL(out_len, MANY_LEN + EDNS_OPT_LEN);
}

/* The client's payload size decides, to the octet; below 512 it counts as 512 (RFC 6891 6.2.3). */
static void test_payload(void)
{
    struct packet p;
    size_t full;

    packet_query(&p, "ten.acme.example", DNS_TYPE_TXT);
    packet_opt(&p, 1232, 0, false);
    ask(&p, false);
    full = out_len;
    CU_ASSERT_TRUE(full > 512 && !info.truncated);
    for (size_t payload = 0; payload <= full + 1; payload += payload < full - 2 ? 97 : 1) {
        packet_query(&p, "ten.acme.example", DNS_TYPE_TXT);
        packet_opt(&p, (uint16_t)payload, 0, false);
        ask(&p, false);
        CU_ASSERT_EQUAL(info.truncated, payload < full);
        CU_ASSERT_TRUE(out_len <= (payload < 512 ? 512 : payload));
    }
}

#define LONG                                                                                       \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."                                \
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb."                                \
    "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc."

/* A CNAME between two names so long that even the first step does not fit into 512 octets. */
static void test_long_cname(void)
{
    struct packet p;

    packet_query(&p, LONG "dddddddddddddddddddddddddddddddddddddddddddddddddddddddd.acme.example",
                 DNS_TYPE_A);
    check_truncated(&p, 512);
    CU_ASSERT_EQUAL(ask(&p, true), QUERY_NXDOMAIN);
    CU_ASSERT_TRUE(out_len > 512 && info.answered);
}

static void add_values(struct zone *zone, const char *name, int count)
{
    for (int i = 0; i < count; i++) {
        char value[64];

        snprintf(value, sizeof(value), "%043d", i);
        images_challenge(zone, name, value);
    }
}

int main(void)
{
    static const struct run_case cases[] = {
        {"dropped", test_dropped},
        {"cut short", test_cut},
        {"number of questions", test_question_count},
        {"bad names", test_bad_names},
        {"long names", test_long_names},
        {"opcodes", test_opcodes},
        {"classes", test_classes},
        {"octets left over", test_leftover},
        {"other records", test_other_records},
        {"counts", test_counts},
        {"many records", test_crowded},
        {"EDNS", test_edns},
        {"EDNS options", test_edns_options},
        {"truncated on purpose", test_truncate},
        {"no image yet", test_not_ready},
        {"flags", test_flags},
        {"100 values", test_large},
        {"payload size", test_payload},
        {"long CNAME", test_long_cname},
    };
    struct zone *zone =
        images_zone("acme.example", IMAGES_SOA
                    "@ 3600 NS ns1\n"
                    "ns1 3600 A 192.0.2.1\n"
                    "www 300 A 192.0.2.80\n" LONG
                    "dddddddddddddddddddddddddddddddddddddddddddddddddddddddd 300 CNAME " LONG
                    "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee\n");
    int status;

    add_values(zone, MANY, 100);
    add_values(zone, "ten.acme.example", 10);
    images_map(&image, images_build(&zone, 1, 1));
    status = RUN("message", cases);
    image_unmap(&image);
    zone_free(zone);
    return status;
}
