/*
 * What the zones say: RFC 1034 4.3.2 and its successors, a table of questions and answers.
 */
#include "dnsd/dns.h"
#include "dnsd/query.h"
#include "tests/unit/common/run.h"
#include "tests/unit/dnsd/defaults.h"
#include "tests/unit/dnsd/images.h"
#include "tests/unit/dnsd/packets.h"

static const char acme[] =
    IMAGES_SOA "@ 3600 NS ns1\n"
               "@ 3600 NS ns.other.test.\n"
               "ns1 3600 A 192.0.2.1\n"
               "ns1 3600 AAAA 2001:db8::1\n"
               "www 300 A 192.0.2.80\n"
               "www 300 TXT \"a much longer RRset than the address\"\n"
               "alias 300 CNAME www\n"
               "chain 300 CNAME alias\n"
               "loop1 300 CNAME loop2\n"
               "loop2 300 CNAME loop1\n"
               "into 300 CNAME LOOP1\n"
               "self 300 CNAME self\n"
               "grow 300 DNAME a.grow\n"
               "again 300 DNAME target2\n"
               "x.target2 300 CNAME y.again\n"
               "y.target2 300 A 192.0.2.11\n"
               "dangling 300 CNAME nowhere\n"
               "outside 300 CNAME www.elsewhere.test.\n"
               "across 300 CNAME www.other.test.\n"
               "across2 300 CNAME nothing.other.test.\n"
               "intosub 300 CNAME host.sub\n"
               "*.wild 300 TXT \"wild\"\n"
               "there.wild 300 A 192.0.2.9\n"
               "*.cwild 300 CNAME www\n"
               "a.b.ent 300 TXT \"deep\"\n"
               "sub 3600 NS ns.sub\n"
               "sub 3600 NS ns1\n"
               "sub 3600 NS ns.elsewhere.test.\n"
               "sub 3600 DS 12345 13 2 "
               "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"
               "nods 3600 NS ns.elsewhere.test.\n"
               "ns.sub 3600 A 192.0.2.53\n"
               "d 300 DNAME target\n"
               "x.target 300 A 192.0.2.10\n"
               "back.target 300 CNAME d\n"
               "long 300 DNAME aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
               "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb."
               "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc.target\n"
               "MiXed 300 TXT \"case\"\n";

static const char other[] = "@ 3600 SOA ns hostmaster 1 7200 900 86400 3600\n"
                            "@ 3600 NS ns\n"
                            "ns 3600 A 192.0.2.2\n"
                            "www 300 A 192.0.2.81\n";

static const char inner[] = "@ 3600 SOA ns hostmaster 1 7200 900 86400 30\n"
                            "@ 3600 NS ns\n"
                            "ns 3600 A 192.0.2.3\n";

#define SOA_ACME                                                                                   \
    "acme.example. 60 IN SOA ns1.acme.example. hostmaster.acme.example. 7 7200 900 86400 60"
#define SOA_OTHER                                                                                  \
    "other.test. 3600 IN SOA ns.other.test. hostmaster.other.test. 7 7200 900 86400 3600"
#define SOA_INNER                                                                                  \
    "inner.acme.example. 30 IN SOA ns.inner.acme.example. hostmaster.inner.acme.example. 7 7200 "  \
    "900 86400 30"
#define NS_SUB                                                                                     \
    "sub.acme.example. 3600 IN NS ns.elsewhere.test.\n"                                            \
    "sub.acme.example. 3600 IN NS ns.sub.acme.example.\n"                                          \
    "sub.acme.example. 3600 IN NS ns1.acme.example."
#define GLUE_SUB                                                                                   \
    "ns.sub.acme.example. 3600 IN A 192.0.2.53\n"                                                  \
    "ns1.acme.example. 3600 IN A 192.0.2.1\n"                                                      \
    "ns1.acme.example. 3600 IN AAAA 2001:db8::1"
#define WWW_A "www.acme.example. 300 IN A 192.0.2.80"

enum { AA = 1 };

struct row {
    const char *name;
    uint16_t type;
    int rcode, aa;
    enum query_outcome outcome;
    const char *answer, *authority, *additional;
};

#define A     DNS_TYPE_A
#define TXT   DNS_TYPE_TXT
#define CNAME DNS_TYPE_CNAME
#define NS    DNS_TYPE_NS
#define DS    DNS_TYPE_DS
#define ANY   DNS_TYPE_ANY

static const struct row rows[] = {
    /* there */
    {"www.acme.example", A, 0, AA, QUERY_ANSWERED, WWW_A, "", ""},
    {"acme.example", DNS_TYPE_SOA, 0, AA, QUERY_ANSWERED,
     "acme.example. 3600 IN SOA ns1.acme.example. hostmaster.acme.example. 7 7200 900 86400 60", "",
     ""},
    {"acme.example", NS, 0, AA, QUERY_ANSWERED,
     "acme.example. 3600 IN NS ns.other.test.\nacme.example. 3600 IN NS ns1.acme.example.", "",
     "ns1.acme.example. 3600 IN A 192.0.2.1\nns1.acme.example. 3600 IN AAAA 2001:db8::1"},
    {"www.example.org.acme.example", TXT, 0, AA, QUERY_ANSWERED,
     "www.example.org.acme.example. 0 IN TXT \"one\"\n"
     "www.example.org.acme.example. 0 IN TXT \"two\"",
     "", ""},
    {"mixed.acme.example", TXT, 0, AA, QUERY_ANSWERED, "mixed.acme.example. 300 IN TXT \"case\"",
     "", ""},
    /* there, but not of this type (RFC 2308 2.2) */
    {"www.acme.example", DNS_TYPE_AAAA, 0, AA, QUERY_NODATA, "", SOA_ACME, ""},
    {"www.example.org.acme.example", A, 0, AA, QUERY_NODATA, "", SOA_ACME, ""},
    {"acme.example", 257, 0, AA, QUERY_NODATA, "", SOA_ACME, ""},
    {"acme.example", 0, 0, AA, QUERY_NODATA, "", SOA_ACME, ""},
    /* empty non-terminals (RFC 8020, RFC 4592 2.2.2) */
    {"b.ent.acme.example", TXT, 0, AA, QUERY_NODATA, "", SOA_ACME, ""},
    {"ent.acme.example", TXT, 0, AA, QUERY_NODATA, "", SOA_ACME, ""},
    {"example.org.acme.example", TXT, 0, AA, QUERY_NODATA, "", SOA_ACME, ""},
    {"org.acme.example", A, 0, AA, QUERY_NODATA, "", SOA_ACME, ""},
    {"wild.acme.example", TXT, 0, AA, QUERY_NODATA, "", SOA_ACME, ""},
    {"org.acme.example", ANY, 0, AA, QUERY_NODATA, "", SOA_ACME, ""},
    /* not there */
    {"nowhere.acme.example", A, 3, AA, QUERY_NXDOMAIN, "", SOA_ACME, ""},
    {"a.b.c.d.nowhere.acme.example", A, 3, AA, QUERY_NXDOMAIN, "", SOA_ACME, ""},
    {"below.www.acme.example", A, 3, AA, QUERY_NXDOMAIN, "", SOA_ACME, ""},
    {"nowhere.acme.example", ANY, 3, AA, QUERY_NXDOMAIN, "", SOA_ACME, ""},
    /* not ours */
    {"example", A, 5, 0, QUERY_REFUSED, "", "", ""},
    {".", NS, 5, 0, QUERY_REFUSED, "", "", ""},
    {"www.elsewhere.test", A, 5, 0, QUERY_REFUSED, "", "", ""},
    {"notacme.example", A, 5, 0, QUERY_REFUSED, "", "", ""},
    {"acme.example.com", A, 5, 0, QUERY_REFUSED, "", "", ""},
    /* CNAME (RFC 1034 3.6.2, RFC 6604) */
    {"alias.acme.example", A, 0, AA, QUERY_ANSWERED,
     "alias.acme.example. 300 IN CNAME www.acme.example.\n" WWW_A, "", ""},
    {"chain.acme.example", A, 0, AA, QUERY_ANSWERED,
     "alias.acme.example. 300 IN CNAME www.acme.example.\n"
     "chain.acme.example. 300 IN CNAME alias.acme.example.\n" WWW_A,
     "", ""},
    {"alias.acme.example", CNAME, 0, AA, QUERY_ANSWERED,
     "alias.acme.example. 300 IN CNAME www.acme.example.", "", ""},
    {"alias.acme.example", ANY, 0, AA, QUERY_ANSWERED,
     "alias.acme.example. 300 IN CNAME www.acme.example.", "", ""},
    {"alias.acme.example", 257, 0, AA, QUERY_NODATA,
     "alias.acme.example. 300 IN CNAME www.acme.example.", SOA_ACME, ""},
    {"dangling.acme.example", A, 3, AA, QUERY_NXDOMAIN,
     "dangling.acme.example. 300 IN CNAME nowhere.acme.example.", SOA_ACME, ""},
    {"outside.acme.example", A, 0, AA, QUERY_ANSWERED,
     "outside.acme.example. 300 IN CNAME www.elsewhere.test.", "", ""},
    {"across.acme.example", A, 0, AA, QUERY_ANSWERED,
     "across.acme.example. 300 IN CNAME www.other.test.\nwww.other.test. 300 IN A 192.0.2.81", "",
     ""},
    {"across2.acme.example", A, 3, AA, QUERY_NXDOMAIN,
     "across2.acme.example. 300 IN CNAME nothing.other.test.", SOA_OTHER, ""},
    {"intosub.acme.example", A, 0, AA, QUERY_REFERRAL,
     "intosub.acme.example. 300 IN CNAME host.sub.acme.example.", NS_SUB, GLUE_SUB},
    /* wildcards (RFC 4592) */
    {"any.wild.acme.example", TXT, 0, AA, QUERY_ANSWERED,
     "any.wild.acme.example. 300 IN TXT \"wild\"", "", ""},
    {"x.y.wild.acme.example", TXT, 0, AA, QUERY_ANSWERED,
     "x.y.wild.acme.example. 300 IN TXT \"wild\"", "", ""},
    {"any.wild.acme.example", A, 0, AA, QUERY_NODATA, "", SOA_ACME, ""},
    {"there.wild.acme.example", TXT, 0, AA, QUERY_NODATA, "", SOA_ACME, ""},
    {"below.there.wild.acme.example", TXT, 3, AA, QUERY_NXDOMAIN, "", SOA_ACME, ""},
    {"*.wild.acme.example", TXT, 0, AA, QUERY_ANSWERED, "*.wild.acme.example. 300 IN TXT \"wild\"",
     "", ""},
    {"below.*.wild.acme.example", TXT, 3, AA, QUERY_NXDOMAIN, "", SOA_ACME, ""},
    {"any.cwild.acme.example", A, 0, AA, QUERY_ANSWERED,
     "any.cwild.acme.example. 300 IN CNAME www.acme.example.\n" WWW_A, "", ""},
    /* delegations (RFC 9471; DS belongs to the parent: RFC 4035 3.1.4.1) */
    {"sub.acme.example", A, 0, 0, QUERY_REFERRAL, "", NS_SUB, GLUE_SUB},
    {"sub.acme.example", NS, 0, 0, QUERY_REFERRAL, "", NS_SUB, GLUE_SUB},
    {"sub.acme.example", ANY, 0, 0, QUERY_REFERRAL, "", NS_SUB, GLUE_SUB},
    {"a.b.sub.acme.example", TXT, 0, 0, QUERY_REFERRAL, "", NS_SUB, GLUE_SUB},
    {"ns.sub.acme.example", A, 0, 0, QUERY_REFERRAL, "", NS_SUB, GLUE_SUB},
    {"x.sub.acme.example", DS, 0, 0, QUERY_REFERRAL, "", NS_SUB, GLUE_SUB},
    {"sub.acme.example", DS, 0, AA, QUERY_ANSWERED,
     "sub.acme.example. 3600 IN DS 12345 13 2 "
     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
     "", ""},
    {"nods.acme.example", DS, 0, AA, QUERY_NODATA, "", SOA_ACME, ""},
    {"nods.acme.example", A, 0, 0, QUERY_REFERRAL, "",
     "nods.acme.example. 3600 IN NS ns.elsewhere.test.", ""},
    {"acme.example", DS, 0, AA, QUERY_NODATA, "", SOA_ACME, ""},
    {"inner.acme.example", DS, 0, AA, QUERY_NODATA, "", SOA_ACME, ""},
    /* the parent of that zone of ours is delegated away: acme.example cannot say */
    {"mine.sub.acme.example", DNS_TYPE_DS, 0, 0, QUERY_REFERRAL, "", NS_SUB, GLUE_SUB},
    /* DNAME (RFC 6672) */
    {"x.d.acme.example", A, 0, AA, QUERY_ANSWERED,
     "d.acme.example. 300 IN DNAME target.acme.example.\n"
     "x.d.acme.example. 300 IN CNAME x.target.acme.example.\n"
     "x.target.acme.example. 300 IN A 192.0.2.10",
     "", ""},
    {"y.d.acme.example", A, 3, AA, QUERY_NXDOMAIN,
     "d.acme.example. 300 IN DNAME target.acme.example.\n"
     "y.d.acme.example. 300 IN CNAME y.target.acme.example.",
     SOA_ACME, ""},
    {"x.again.acme.example", A, 0, AA, QUERY_ANSWERED,
     "again.acme.example. 300 IN DNAME target2.acme.example.\n"
     "x.again.acme.example. 300 IN CNAME x.target2.acme.example.\n"
     "x.target2.acme.example. 300 IN CNAME y.again.acme.example.\n"
     "y.again.acme.example. 300 IN CNAME y.target2.acme.example.\n"
     "y.target2.acme.example. 300 IN A 192.0.2.11",
     "", ""},
    {"x.d.acme.example", CNAME, 0, AA, QUERY_ANSWERED,
     "d.acme.example. 300 IN DNAME target.acme.example.\n"
     "x.d.acme.example. 300 IN CNAME x.target.acme.example.",
     "", ""},
    {"d.acme.example", DNS_TYPE_DNAME, 0, AA, QUERY_ANSWERED,
     "d.acme.example. 300 IN DNAME target.acme.example.", "", ""},
    /* a DNAME that is asked for, and that has led to itself: once (RFC 2181 5) */
    {"back.d.acme.example", DNS_TYPE_DNAME, 0, AA, QUERY_ANSWERED,
     "back.d.acme.example. 300 IN CNAME back.target.acme.example.\n"
     "back.target.acme.example. 300 IN CNAME d.acme.example.\n"
     "d.acme.example. 300 IN DNAME target.acme.example.",
     "", ""},
    {"d.acme.example", A, 0, AA, QUERY_NODATA, "", SOA_ACME, ""},
    /* 255 octets would fit, this is 256 */
    {"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.long.acme.example", A, DNS_YXDOMAIN, AA,
     QUERY_ANSWERED,
     "long.acme.example. 300 IN DNAME aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
     "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb."
     "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc.target.acme.example.",
     "", ""},
    /* zones within zones: the inner one answers */
    {"inner.acme.example", A, 0, AA, QUERY_NODATA, "", SOA_INNER, ""},
    {"x.inner.acme.example", A, 3, AA, QUERY_NXDOMAIN, "", SOA_INNER, ""},
    {"ns.inner.acme.example", A, 0, AA, QUERY_ANSWERED,
     "ns.inner.acme.example. 3600 IN A 192.0.2.3", "", ""},
    {"www.other.test", A, 0, AA, QUERY_ANSWERED, "www.other.test. 300 IN A 192.0.2.81", "", ""},
    /* ANY: one RRset, the smallest (RFC 8482 4.1) */
    {"www.acme.example", ANY, 0, AA, QUERY_ANSWERED, WWW_A, "", ""},
    /* never given away */
    {"acme.example", DNS_TYPE_AXFR, 5, 0, QUERY_REFUSED, "", "", ""},
    {"acme.example", DNS_TYPE_IXFR, 5, 0, QUERY_REFUSED, "", "", ""},
    {"acme.example", DNS_TYPE_OPT, 1, 0, QUERY_FORMERR, "", "", ""},
    {"acme.example", DNS_TYPE_TSIG, 1, 0, QUERY_FORMERR, "", "", ""},
    {"acme.example", DNS_TYPE_MAILB, 4, 0, QUERY_NOTIMP, "", "", ""},
};

static struct image image;

static void check_section(const struct row *row, const char *what, const ldns_rr_list *list,
                          const char *expected)
{
    char text[8192];

    packet_section(text, sizeof(text), list);
    CU_ASSERT_STRING_EQUAL(text, expected);
    if (strcmp(text, expected) != 0) {
        fprintf(stderr, "%s type %u, %s:\n%s\nexpected:\n%s\n", row->name, row->type, what, text,
                expected);
    }
}

static void check_row(const struct row *row, bool tcp)
{
    const struct query_context context = {.image = &image,
                                          .service = &default_service,
                                          .address = default_address,
                                          .address_len = 4,
                                          .tcp = tcp};
    uint8_t out[LIMIT_DNS_MESSAGE];
    struct query_info info;
    struct packet query;
    ldns_pkt *pkt = NULL;

    packet_query(&query, row->name, row->type);
    packet_opt(&query, 4096, 0, false);
    size_t len = query_answer(&context, query.bytes, query.len, out,
                              tcp ? QUERY_TCP_ROOM : default_service.payload, &info);
    CU_ASSERT_EQUAL_FATAL(ldns_wire2pkt(&pkt, out, len), LDNS_STATUS_OK);
    if ((int)ldns_pkt_get_rcode(pkt) != row->rcode || info.outcome != row->outcome) {
        fprintf(stderr, "%s type %u: rcode %d outcome %d\n", row->name, row->type,
                (int)ldns_pkt_get_rcode(pkt), (int)info.outcome);
    }
    CU_ASSERT_EQUAL((int)ldns_pkt_get_rcode(pkt), row->rcode);
    CU_ASSERT_EQUAL(info.rcode, row->rcode);
    CU_ASSERT_EQUAL(info.outcome, row->outcome);
    CU_ASSERT_EQUAL(info.qtype, row->type);
    CU_ASSERT_EQUAL(info.answered, row->answer[0] != '\0');
    CU_ASSERT_EQUAL(ldns_pkt_id(pkt), 0x1234);
    CU_ASSERT_EQUAL(ldns_pkt_aa(pkt), row->aa != 0);
    CU_ASSERT_TRUE(ldns_pkt_qr(pkt) && ldns_pkt_rd(pkt));
    CU_ASSERT_FALSE(ldns_pkt_tc(pkt) || ldns_pkt_ra(pkt) || ldns_pkt_ad(pkt) || ldns_pkt_cd(pkt));
    CU_ASSERT_TRUE(ldns_pkt_edns(pkt));
    CU_ASSERT_EQUAL(ldns_pkt_edns_udp_size(pkt), default_service.payload);
    check_section(row, "answer", ldns_pkt_answer(pkt), row->answer);
    check_section(row, "authority", ldns_pkt_authority(pkt), row->authority);
    check_section(row, "additional", ldns_pkt_additional(pkt), row->additional);
    ldns_pkt_free(pkt);
}

static void test_rows(void)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_row(&rows[i], false);
        check_row(&rows[i], true);
    }
}

static void check_count(const char *name, unsigned records)
{
    const struct query_context context = {.image = &image,
                                          .service = &default_service,
                                          .address = default_address,
                                          .address_len = 4,
                                          .tcp = true};
    uint8_t out[LIMIT_DNS_MESSAGE];
    struct query_info info;
    struct packet query;

    packet_query(&query, name, A);
    size_t len = query_answer(&context, query.bytes, query.len, out, sizeof(out), &info);
    CU_ASSERT_TRUE(len > 12);
    CU_ASSERT_EQUAL(info.outcome, QUERY_ANSWERED);
    CU_ASSERT_EQUAL(wire_read_u16(out + 6), records);
}

/* Each record once (RFC 2181 5), and no more links than the limit. */
static void test_loop(void)
{
    check_count("loop1.acme.example", 2);
    check_count("into.acme.example", 3);
    check_count("self.acme.example", 1);
    check_count("x.grow.acme.example", 1 + LIMIT_CNAME_CHAIN);
}

/* RFC 4343: any case finds, the question comes back in its own (also for 0x20 resolvers). */
static void test_case(void)
{
    const struct query_context context = {
        .image = &image, .service = &default_service, .address = default_address, .address_len = 4};
    uint8_t out[LIMIT_EDNS_PAYLOAD];
    struct query_info info;
    struct packet query;

    packet_query(&query, "wWw.EXAMPLE.oRg.AcMe.eXaMpLe", TXT);
    size_t len = query_answer(&context, query.bytes, query.len, out, sizeof(out), &info);
    CU_ASSERT_TRUE_FATAL(len > query.len);
    CU_ASSERT_EQUAL(memcmp(out + 12, query.bytes + 12, query.len - 12), 0);
    CU_ASSERT_EQUAL(info.outcome, QUERY_ANSWERED);
    CU_ASSERT_EQUAL(info.name_len, query.len - 16);
    CU_ASSERT_EQUAL(memcmp(info.name, "\3www\7example\3org\4acme\7example", info.name_len), 0);
    CU_ASSERT_EQUAL(wire_read_u16(out + query.len), 0xC00C);
    CU_ASSERT_EQUAL(len, query.len + 32);
}

static bool seen(const char *name, uint16_t type, struct query_info *info)
{
    const struct query_context context = {
        .image = &image, .service = &default_service, .address = default_address, .address_len = 4};
    uint8_t out[LIMIT_EDNS_PAYLOAD];
    struct packet query;

    packet_query(&query, name, type);
    query_answer(&context, query.bytes, query.len, out, sizeof(out), info);
    return info->challenge;
}

/* Live challenge names, and the empty non-terminals above them, are marked: nothing else. */
static void test_challenge(void)
{
    struct query_info info;

    CU_ASSERT_TRUE(seen("www.example.org.acme.example", TXT, &info));
    CU_ASSERT_TRUE(info.answered);
    CU_ASSERT_TRUE(seen("www.example.org.acme.example", A, &info));
    CU_ASSERT_FALSE(info.answered);
    CU_ASSERT_TRUE(seen("org.acme.example", NS, &info));
    CU_ASSERT_FALSE(seen("x.www.example.org.acme.example", TXT, &info));
    CU_ASSERT_FALSE(seen("www.acme.example", TXT, &info));
    CU_ASSERT_FALSE(seen("acme.example", DNS_TYPE_SOA, &info)); /* everybody asks for that */
    CU_ASSERT_FALSE(seen("example", TXT, &info));
}

int main(void)
{
    static const struct run_case cases[] = {
        {"answers", test_rows},
        {"a CNAME loop ends", test_loop},
        {"case", test_case},
        {"challenge names", test_challenge},
    };
    struct zone *zones[] = {images_zone("acme.example", acme), images_zone("other.test", other),
                            images_zone("inner.acme.example", inner),
                            images_zone("mine.sub.acme.example", inner)};
    int status;

    images_challenge(zones[0], "www.example.org.acme.example", "one");
    images_challenge(zones[0], "www.example.org.acme.example", "two");
    images_map(&image, images_build(zones, 4, 7));
    status = RUN("query", cases);
    image_unmap(&image);
    for (size_t i = 0; i < 4; i++) {
        zone_free(zones[i]);
    }
    return status;
}
