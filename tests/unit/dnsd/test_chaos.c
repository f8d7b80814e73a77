/*
 * Class CH: RFC 4892 (id.server) and the names of old.
 */
#include "tests/unit/common/run.h"
#include "tests/unit/dnsd/asking.h"

static struct image image;
static struct asking a;

static enum query_outcome ask(const char *name, uint16_t type, uint16_t class)
{
    packet_begin(&a.packet);
    packet_question(&a.packet, name, type, class);
    asking_opt(&a, 512);
    return asking_ask(&a);
}

static void set(struct service_text *text, const char *value)
{
    text->len = (uint8_t)strlen(value);
    memcpy(text->data, value, text->len);
}

static void begin(void)
{
    asking_begin(&a, &image);
    set(&a.service.version, "certmill test");
    set(&a.service.id, "ns1");
    set(&a.service.hostname, "box.example");
}

static void check_text(const char *name, uint16_t type, const char *want)
{
    char section[512];

    CU_ASSERT_EQUAL(ask(name, type, DNS_CLASS_CH), QUERY_ANSWERED);
    CU_ASSERT_EQUAL(asking_rcode(&a), DNS_NOERROR);
    CU_ASSERT_TRUE(ldns_pkt_aa(a.answer));
    CU_ASSERT_EQUAL(asking_error(&a), -1);
    CU_ASSERT_EQUAL(ldns_pkt_nscount(a.answer), 0);
    packet_section(section, sizeof(section), ldns_pkt_answer(a.answer));
    CU_ASSERT_STRING_EQUAL(section, want);
}

static void test_texts(void)
{
    begin();
    check_text("version.bind", DNS_TYPE_TXT, "version.bind. 0 CH TXT \"certmill test\"");
    check_text("version.server", DNS_TYPE_TXT, "version.server. 0 CH TXT \"certmill test\"");
    check_text("id.server", DNS_TYPE_TXT, "id.server. 0 CH TXT \"ns1\"");
    check_text("hostname.bind", DNS_TYPE_TXT, "hostname.bind. 0 CH TXT \"box.example\"");
    check_text("hostname.bind", DNS_TYPE_ANY, "hostname.bind. 0 CH TXT \"box.example\"");
    check_text("VerSion.BinD", DNS_TYPE_TXT, "VerSion.BinD. 0 CH TXT \"certmill test\"");
    a.context.image = NULL; /* this needs no zone */
    check_text("id.server", DNS_TYPE_TXT, "id.server. 0 CH TXT \"ns1\"");
    asking_end(&a);
}

/* Another type of a name that is there. */
static void test_other_types(void)
{
    begin();
    CU_ASSERT_EQUAL(ask("version.bind", DNS_TYPE_A, DNS_CLASS_CH), QUERY_NODATA);
    CU_ASSERT_EQUAL(asking_rcode(&a), DNS_NOERROR);
    CU_ASSERT_TRUE(ldns_pkt_aa(a.answer));
    CU_ASSERT_EQUAL(ldns_pkt_ancount(a.answer) + ldns_pkt_nscount(a.answer), 0);
    CU_ASSERT_EQUAL(ask("version.bind", DNS_TYPE_AXFR, DNS_CLASS_CH), QUERY_REFUSED);
    CU_ASSERT_EQUAL(asking_error(&a), DNS_EDE_PROHIBITED);
    asking_end(&a);
}

static void check_refused(const char *name, uint16_t class, int error)
{
    CU_ASSERT_EQUAL(ask(name, DNS_TYPE_TXT, class), QUERY_REFUSED);
    CU_ASSERT_EQUAL(asking_rcode(&a), DNS_REFUSED);
    CU_ASSERT_EQUAL(asking_error(&a), error);
    CU_ASSERT_FALSE(ldns_pkt_aa(a.answer));
    CU_ASSERT_EQUAL(ldns_pkt_ancount(a.answer), 0);
}

static void test_refused(void)
{
    begin();
    check_refused("authors.bind", DNS_CLASS_CH, DNS_EDE_NOT_AUTHORITATIVE);
    check_refused("bind", DNS_CLASS_CH, DNS_EDE_NOT_AUTHORITATIVE);
    check_refused(".", DNS_CLASS_CH, DNS_EDE_NOT_AUTHORITATIVE);
    check_refused("x.version.bind", DNS_CLASS_CH, DNS_EDE_NOT_AUTHORITATIVE);
    check_refused("acme.example", DNS_CLASS_CH, DNS_EDE_NOT_AUTHORITATIVE);
    check_refused("version.bind", DNS_CLASS_IN, DNS_EDE_NOT_AUTHORITATIVE);
    check_refused("version.bind", 255, DNS_EDE_NOT_AUTHORITATIVE);
    check_refused("version.bind", 4, DNS_EDE_NOT_AUTHORITATIVE);
    a.service.version.len = 0;
    check_refused("version.bind", DNS_CLASS_CH, DNS_EDE_PROHIBITED);
    check_refused("version.server", DNS_CLASS_CH, DNS_EDE_PROHIBITED);
    CU_ASSERT_EQUAL(ask("id.server", DNS_TYPE_TXT, DNS_CLASS_CH), QUERY_ANSWERED);
    asking_end(&a);
}

/* The longest text with all options goes into the smallest message. */
static void test_longest(void)
{
    begin();
    a.service.version.len = LIMIT_CHAOS_TEXT;
    memset(a.service.version.data, 'v', LIMIT_CHAOS_TEXT);
    a.service.nsid_len = LIMIT_NSID;
    packet_begin(&a.packet);
    packet_question(&a.packet, "version.server", DNS_TYPE_TXT, DNS_CLASS_CH);
    asking_opt(&a, 512);
    asking_option(&a, DNS_OPTION_NSID, "", 0);
    asking_option(&a, DNS_OPTION_COOKIE, "12345678", 8);
    CU_ASSERT_EQUAL(asking_ask(&a), QUERY_ANSWERED);
    CU_ASSERT_TRUE(a.len <= 512);
    CU_ASSERT_EQUAL(ldns_pkt_ancount(a.answer), 1);
    CU_ASSERT_FALSE(ldns_pkt_tc(a.answer));
    asking_end(&a);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"what the operator set", test_texts},
        {"other types", test_other_types},
        {"refused", test_refused},
        {"the longest text", test_longest},
    };
    int status;

    images_map(&image, images_simple(1));
    status = RUN("chaos", cases);
    image_unmap(&image);
    return status;
}
