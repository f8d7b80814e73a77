/*
 * Glue: what lies below the cut is required (RFC 9471), the rest is a courtesy.
 */
#include "dnsd/dns.h"
#include "dnsd/query.h"
#include "tests/unit/common/run.h"
#include "tests/unit/dnsd/defaults.h"
#include "tests/unit/dnsd/images.h"
#include "tests/unit/dnsd/packets.h"

#define SERVERS 400

static struct image image;
static uint8_t out[LIMIT_DNS_MESSAGE];
static struct query_info info;

static ldns_pkt *ask(const char *name, uint16_t type, bool tcp)
{
    const struct query_context context = {.image = &image,
                                          .service = &default_service,
                                          .address = default_address,
                                          .address_len = 4,
                                          .tcp = tcp};
    struct packet p;
    ldns_pkt *pkt = NULL;

    packet_query(&p, name, type);
    size_t len = query_answer(&context, p.bytes, p.len, out,
                              tcp ? QUERY_TCP_ROOM : default_service.payload, &info);
    CU_ASSERT_EQUAL_FATAL(ldns_wire2pkt(&pkt, out, len), LDNS_STATUS_OK);
    CU_ASSERT_EQUAL(ldns_pkt_tc(pkt), info.truncated);
    return pkt;
}

/* So many that the last owners stand where no pointer reaches (RFC 1035 4.1.4). */
static void test_many_servers(void)
{
    ldns_pkt *pkt = ask("x.big.acme.example", DNS_TYPE_A, true);
    ldns_rr_list *glue = ldns_pkt_additional(pkt);
    ldns_rr_list *ns = ldns_pkt_authority(pkt);

    CU_ASSERT_FALSE(info.truncated);
    CU_ASSERT_EQUAL(ldns_rr_list_rr_count(ns), SERVERS);
    CU_ASSERT_EQUAL_FATAL(ldns_rr_list_rr_count(glue), SERVERS);
    for (size_t i = 0; i < SERVERS; i++) {
        CU_ASSERT_EQUAL(ldns_dname_compare(ldns_rr_ns_nsdname(ldns_rr_list_rr(ns, i)),
                                           ldns_rr_owner(ldns_rr_list_rr(glue, i))),
                        0);
    }
    ldns_pkt_free(pkt);
}

static void test_servers_do_not_fit(void)
{
    ldns_pkt *pkt = ask("x.big.acme.example", DNS_TYPE_A, false);

    CU_ASSERT_TRUE(info.truncated);
    CU_ASSERT_EQUAL(ldns_pkt_nscount(pkt), 0);
    ldns_pkt_free(pkt);
}

static void test_glue_does_not_fit(void)
{
    ldns_pkt *pkt = ask("x.required.acme.example", DNS_TYPE_A, false);

    CU_ASSERT_TRUE(info.truncated);
    CU_ASSERT_EQUAL(ldns_pkt_nscount(pkt), 12);
    ldns_pkt_free(pkt);
    pkt = ask("x.required.acme.example", DNS_TYPE_A, true);
    CU_ASSERT_FALSE(info.truncated);
    CU_ASSERT_EQUAL(ldns_pkt_arcount(pkt), 12);
    ldns_pkt_free(pkt);
}

static void test_courtesy_does_not_fit(void)
{
    ldns_pkt *pkt = ask("x.sibling.acme.example", DNS_TYPE_A, false);

    CU_ASSERT_FALSE(info.truncated);
    CU_ASSERT_EQUAL(ldns_pkt_nscount(pkt), 12);
    CU_ASSERT_TRUE(ldns_pkt_arcount(pkt) < 12);
    ldns_pkt_free(pkt);
}

/* In the order of the NS records the courtesies would come first, and take the room. */
static void test_required_first(void)
{
    ldns_pkt *pkt = ask("x.zmixed.acme.example", DNS_TYPE_A, false);

    CU_ASSERT_FALSE(info.truncated);
    CU_ASSERT_EQUAL(ldns_pkt_nscount(pkt), 8);
    CU_ASSERT_TRUE_FATAL(ldns_pkt_arcount(pkt) >= 4);
    for (size_t i = 0; i < 4; i++) {
        char *owner = ldns_rdf2str(ldns_rr_owner(ldns_rr_list_rr(ldns_pkt_additional(pkt), i)));
        CU_ASSERT_PTR_NOT_NULL(strstr(owner, ".zmixed."));
        free(owner);
    }
    ldns_pkt_free(pkt);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"many servers", test_many_servers},
        {"servers that do not fit", test_servers_do_not_fit},
        {"glue that does not fit", test_glue_does_not_fit},
        {"courtesy that does not fit", test_courtesy_does_not_fit},
        {"required glue before courtesies", test_required_first},
    };
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);
    int status;

    fputs(IMAGES_SOA "@ 3600 NS ns1\nns1 3600 A 192.0.2.1\n", f);
    for (int i = 0; i < SERVERS; i++) {
        fprintf(f, "big 3600 NS nameserver-%03d.big\nnameserver-%03d.big 3600 A 192.0.2.%d\n", i, i,
                i % 256);
    }
    for (int i = 0; i < 12; i++) {
        fprintf(f, "required 60 NS n%02d.required\nn%02d.required 60 A 192.0.2.%d\n", i, i, i);
        fprintf(f, "sibling 60 NS n%02d.sib\nn%02d.sib 60 A 192.0.2.%d\n", i, i, i);
    }
    for (int i = 0; i < 4; i++) {
        fprintf(f, "zmixed 60 NS n%02d.sib\nzmixed 60 NS zz%02d.zmixed\n", i, i);
        fprintf(f, "zz%02d.zmixed 60 AAAA 2001:db8::%d\n", i, i);
        fprintf(f, "n%02d.sib 60 AAAA 2001:db8::1%d\n", i, i);
    }
    fclose(f);
    struct zone *zone = images_zone("acme.example", text);
    free(text);
    images_map(&image, images_build(&zone, 1, 1));
    status = RUN("referral", cases);
    image_unmap(&image);
    zone_free(zone);
    return status;
}
