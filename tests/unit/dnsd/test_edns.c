/*
 * The options of EDNS and the errors that explain themselves: RFC 6891, 5001, 7828, 8914.
 */
#include "tests/unit/common/run.h"
#include "tests/unit/dnsd/asking.h"

#define WWW  "www.example.org.acme.example" /* has a challenge */
#define NSID "certmill-1"

static struct image image;
static struct asking a;

static void begin(void)
{
    asking_begin(&a, &image);
    a.service.nsid_len = sizeof(NSID) - 1;
    memcpy(a.service.nsid, NSID, sizeof(NSID) - 1);
}

/* RFC 5001 2.1, 2.2: only when asked, and only where configured. */
static void test_nsid(void)
{
    begin();
    asking_question(&a, WWW, DNS_TYPE_TXT);
    CU_ASSERT_EQUAL(asking_ask(&a), QUERY_ANSWERED);
    CU_ASSERT_EQUAL(asking_options_len(&a), 0);
    asking_option(&a, DNS_OPTION_NSID, "", 0);
    CU_ASSERT_EQUAL(asking_ask(&a), QUERY_ANSWERED);
    CU_ASSERT_TRUE(asking_has(&a, DNS_OPTION_NSID, NSID, sizeof(NSID) - 1));
    CU_ASSERT_EQUAL(asking_options_len(&a), 4 + sizeof(NSID) - 1);
    a.context.tcp = true;
    asking_ask(&a);
    CU_ASSERT_TRUE(asking_has(&a, DNS_OPTION_NSID, NSID, sizeof(NSID) - 1));
    asking_question(&a, WWW, DNS_TYPE_TXT);
    asking_option(&a, DNS_OPTION_NSID, "payload", 7); /* to be ignored, 2.1 */
    asking_option(&a, DNS_OPTION_NSID, "", 0);        /* one answer for two of them */
    CU_ASSERT_EQUAL(asking_ask(&a), QUERY_ANSWERED);
    CU_ASSERT_TRUE(asking_has(&a, DNS_OPTION_NSID, NSID, sizeof(NSID) - 1));
    a.service.nsid_len = 0;
    CU_ASSERT_EQUAL(asking_ask(&a), QUERY_ANSWERED);
    CU_ASSERT_EQUAL(asking_options_len(&a), 0);
    asking_end(&a);
}

/* RFC 7828: over TCP, when asked (3.3.2), without a time-out in the query (3.2.1); over UDP
 * ignored whatever it holds (3.2.2, 3.3.2). */
static void test_keepalive(void)
{
    begin();
    a.service.keepalive = 300;
    asking_question(&a, WWW, DNS_TYPE_TXT);
    a.context.tcp = true;
    CU_ASSERT_EQUAL(asking_ask(&a), QUERY_ANSWERED);
    CU_ASSERT_EQUAL(asking_options_len(&a), 0);
    asking_option(&a, DNS_OPTION_KEEPALIVE, "", 0);
    CU_ASSERT_EQUAL(asking_ask(&a), QUERY_ANSWERED);
    CU_ASSERT_TRUE(asking_has(&a, DNS_OPTION_KEEPALIVE, "\x01\x2C", 2));
    CU_ASSERT_EQUAL(asking_options_len(&a), 6);
    a.context.tcp = false;
    CU_ASSERT_EQUAL(asking_ask(&a), QUERY_ANSWERED);
    CU_ASSERT_EQUAL(asking_options_len(&a), 0);

    asking_question(&a, WWW, DNS_TYPE_TXT);
    asking_option(&a, DNS_OPTION_KEEPALIVE, "\0\1", 2);
    CU_ASSERT_EQUAL(asking_ask(&a), QUERY_ANSWERED);
    CU_ASSERT_EQUAL(asking_options_len(&a), 0);
    a.context.tcp = true;
    CU_ASSERT_EQUAL(asking_ask(&a), QUERY_FORMERR);
    CU_ASSERT_TRUE(ldns_pkt_edns(a.answer));
    asking_end(&a);
}

/* RFC 6891 6.1.2: what is not known is neither answered nor echoed. */
static void test_unknown(void)
{
    static const uint16_t known[] = {DNS_OPTION_NSID, DNS_OPTION_COOKIE, DNS_OPTION_KEEPALIVE};

    begin();
    for (uint32_t code = 0; code <= 0xFFFF; code += code < 64 ? 1 : 4093) {
        bool is_known = false;

        for (size_t i = 0; i < 3; i++) {
            is_known |= known[i] == code;
        }
        if (is_known) {
            continue;
        }
        asking_question(&a, WWW, DNS_TYPE_TXT);
        asking_option(&a, (uint16_t)code, "data", 4);
        asking_option(&a, (uint16_t)code, "", 0);
        CU_ASSERT_EQUAL(asking_ask(&a), QUERY_ANSWERED);
        CU_ASSERT_EQUAL(asking_options_len(&a), 0);
    }
    asking_end(&a);
}

/* All options at once, among others. */
static void test_together(void)
{
    const uint8_t *data;
    size_t len;

    begin();
    a.context.tcp = true;
    asking_question(&a, "nowhere.example", DNS_TYPE_TXT);
    asking_option(&a, 12, "\0\0\0", 3); /* padding */
    asking_option(&a, DNS_OPTION_KEEPALIVE, "", 0);
    asking_option(&a, 8, "\0\1\0\0", 4); /* client subnet */
    asking_option(&a, DNS_OPTION_COOKIE, "12345678", 8);
    asking_option(&a, DNS_OPTION_NSID, "", 0);
    CU_ASSERT_EQUAL(asking_ask(&a), QUERY_REFUSED);
    CU_ASSERT_EQUAL(asking_options(&a, DNS_OPTION_KEEPALIVE, &data, &len), 1);
    CU_ASSERT_EQUAL(asking_options(&a, DNS_OPTION_COOKIE, &data, &len), 1);
    CU_ASSERT_EQUAL(len, COOKIE_FULL);
    CU_ASSERT_EQUAL(asking_options(&a, DNS_OPTION_NSID, &data, &len), 1);
    CU_ASSERT_EQUAL(asking_error(&a), DNS_EDE_NOT_AUTHORITATIVE);
    CU_ASSERT_EQUAL(asking_options_len(&a), 6 + 28 + 4 + sizeof(NSID) - 1 + EDNS_EDE_LEN);
    CU_ASSERT_EQUAL(ldns_pkt_arcount(a.answer), 0); /* and OPT, which ldns does not count */
    CU_ASSERT_EQUAL(wire_read_u16(a.out + 10), 1);
    asking_end(&a);
}

/* A version that nobody knows: its options are not ours to read, however they look (6.1.3). */
static void test_version(void)
{
    begin();
    packet_query(&a.packet, WWW, DNS_TYPE_TXT);
    packet_opt(&a.packet, 1232, 1, false);
    a.opt = a.packet.len - 2;
    asking_option(&a, DNS_OPTION_NSID, "", 0);
    asking_option(&a, DNS_OPTION_COOKIE, "123", 3);
    packet_add(&a.packet, "x", 1);
    wire_write_u16(a.packet.bytes + a.opt, (uint16_t)(a.packet.len - a.opt - 2));
    CU_ASSERT_EQUAL(asking_ask(&a), QUERY_BADVERS);
    CU_ASSERT_EQUAL(asking_rcode(&a), DNS_BADVERS);
    CU_ASSERT_EQUAL(asking_options_len(&a), 0);
    asking_end(&a);
}

/* RFC 8914 4.15, 4.19, 4.21, 4.22; only with an error and with OPT. */
static void test_errors(void)
{
    static const struct {
        const char *name;
        uint16_t type;
        unsigned rcode;
        int error;
    } cases[] = {
        {WWW, DNS_TYPE_TXT, DNS_NOERROR, -1},
        {WWW, DNS_TYPE_A, DNS_NOERROR, -1},
        {"x.acme.example", DNS_TYPE_A, DNS_NXDOMAIN, -1},
        {WWW, DNS_TYPE_TSIG, DNS_FORMERR, -1},
        {"nowhere.example", DNS_TYPE_A, DNS_REFUSED, DNS_EDE_NOT_AUTHORITATIVE},
        {".", DNS_TYPE_NS, DNS_REFUSED, DNS_EDE_NOT_AUTHORITATIVE},
        {"acme.example", DNS_TYPE_AXFR, DNS_REFUSED, DNS_EDE_PROHIBITED},
        {"acme.example", DNS_TYPE_IXFR, DNS_REFUSED, DNS_EDE_PROHIBITED},
        {"acme.example", DNS_TYPE_MAILB, DNS_NOTIMP, DNS_EDE_NOT_SUPPORTED},
    };

    begin();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        asking_question(&a, cases[i].name, cases[i].type);
        asking_ask(&a);
        CU_ASSERT_EQUAL(asking_rcode(&a), cases[i].rcode);
        CU_ASSERT_EQUAL(asking_error(&a), cases[i].error);
        packet_query(&a.packet, cases[i].name, cases[i].type);
        asking_ask(&a);
        CU_ASSERT_EQUAL(asking_rcode(&a), cases[i].rcode);
        CU_ASSERT_FALSE(ldns_pkt_edns(a.answer));
    }
    asking_question(&a, WWW, DNS_TYPE_SOA);
    a.packet.bytes[2] |= 4 << 3; /* NOTIFY */
    CU_ASSERT_EQUAL(asking_ask(&a), QUERY_NOTIMP);
    CU_ASSERT_EQUAL(asking_error(&a), DNS_EDE_NOT_SUPPORTED);
    asking_end(&a);
}

/* The worst case: the longest name, all options, 512 octets. Nothing is left out, nothing is too
 * long. */
static void test_longest(void)
{
    const uint8_t *data;
    size_t len;

    begin();
    a.service.nsid_len = LIMIT_NSID;
    packet_begin(&a.packet);
    for (int i = 0; i < 4; i++) {
        uint8_t label[64];

        memset(label, 'a', sizeof(label));
        label[0] = i < 3 ? 63 : 61;
        packet_add(&a.packet, label, label[0] + 1u);
    }
    packet_add(&a.packet, "\0\0\1\0\1", 5);
    packet_count(&a.packet, 4);
    asking_opt(&a, 512);
    asking_option(&a, DNS_OPTION_NSID, "", 0);
    asking_option(&a, DNS_OPTION_COOKIE, "12345678", 8);
    CU_ASSERT_EQUAL(asking_ask(&a), QUERY_REFUSED);
    CU_ASSERT_TRUE(a.len <= 512);
    CU_ASSERT_EQUAL(asking_options(&a, DNS_OPTION_NSID, &data, &len), 1);
    CU_ASSERT_EQUAL(len, LIMIT_NSID);
    CU_ASSERT_EQUAL(asking_error(&a), DNS_EDE_NOT_AUTHORITATIVE);
    asking_end(&a);
}

/* Options take their room first: where RRset and options do not both fit, the answer is truncated
 * and the options are there (RFC 6891 7, RFC 2181 9). */
static void test_room(void)
{
    const uint8_t *data;
    size_t len, full;

    begin();
    asking_question(&a, "many.acme.example", DNS_TYPE_TXT);
    CU_ASSERT_EQUAL(asking_ask(&a), QUERY_ANSWERED);
    CU_ASSERT_FALSE(ldns_pkt_tc(a.answer));
    full = a.len;
    for (size_t extra = 0; extra <= 14; extra++) { /* the NSID option has 14 octets */
        packet_query(&a.packet, "many.acme.example", DNS_TYPE_TXT);
        asking_opt(&a, (uint16_t)(full + extra));
        asking_option(&a, DNS_OPTION_NSID, "", 0);
        CU_ASSERT_EQUAL(asking_ask(&a), QUERY_ANSWERED);
        CU_ASSERT_EQUAL(ldns_pkt_tc(a.answer), extra < 14);
        CU_ASSERT_EQUAL(ldns_pkt_ancount(a.answer), extra < 14 ? 0 : 20);
        CU_ASSERT_EQUAL(asking_options(&a, DNS_OPTION_NSID, &data, &len), 1);
        CU_ASSERT_TRUE(a.len <= full + extra);
    }
    asking_end(&a);
}

/* As much as a zone takes at one name, which is as long as names get: whole over TCP, with all
 * options (RFC 7766 8, 9210 4). */
static void test_fullest(void)
{
    struct zone *zone = images_zone("acme.example", IMAGES_SOA "@ 3600 NS ns.example.\n");
    uint8_t name[LIMIT_NAME_WIRE] = {0};
    char value[LIMIT_CHALLENGE_TXT + 1];
    struct image full;
    unsigned count = 0;

    for (size_t i = 0, left = LIMIT_NAME_WIRE - 14; left > 0; i += name[i] + 1u) {
        name[i] = (uint8_t)(left > 64 ? (left - 64 == 1 ? 62 : 63) : left - 1);
        memset(name + i + 1, 'n', name[i]);
        left -= name[i] + 1u;
    }
    memcpy(name + LIMIT_NAME_WIRE - 14, "\4acme\7example", 14);
    do {
        snprintf(value, sizeof(value), "%0*u", LIMIT_CHALLENGE_TXT, count);
    } while (zone_add(zone, name, value, 1, INT64_MAX) == 1 && ++count < UINT16_MAX);
    value[LIMIT_RRSET % (13 + LIMIT_CHALLENGE_TXT) - 13] = '\0';
    CU_ASSERT_EQUAL(zone_add(zone, name, value, 1, INT64_MAX), 1); /* to the last octet */
    images_map(&full, images_build(&zone, 1, 1));
    zone_free(zone);

    begin();
    a.service.nsid_len = LIMIT_NSID;
    a.context.image = &full;
    a.context.tcp = true;
    packet_begin(&a.packet);
    packet_add(&a.packet, name, sizeof(name));
    packet_add(&a.packet, "\0\20\0\1", 4);
    packet_count(&a.packet, 4);
    asking_opt(&a, 1232);
    asking_option(&a, DNS_OPTION_NSID, "", 0);
    asking_option(&a, DNS_OPTION_COOKIE, "12345678", 8);
    asking_option(&a, DNS_OPTION_KEEPALIVE, "", 0);
    CU_ASSERT_EQUAL(asking_ask(&a), QUERY_ANSWERED);
    CU_ASSERT_FALSE(ldns_pkt_tc(a.answer));
    CU_ASSERT_EQUAL(ldns_pkt_ancount(a.answer), count + 1);
    CU_ASSERT_EQUAL(a.len, LIMIT_DNS_MESSAGE - EDNS_EDE_LEN);
    asking_end(&a);
    image_unmap(&full);
}

/* OPT comes back wherever the message can be read as far as that: with another opcode (RFC
 * 1996 4.8, RFC 2136 2.2, RFC 8906 3.1.4), without a question, with two (RFC 9619 4). */
static void test_odd_messages(void)
{
    begin();
    for (unsigned opcode = 1; opcode < 16; opcode++) {
        for (unsigned questions = 0; questions < 3; questions++) {
            packet_begin(&a.packet);
            a.packet.bytes[2] = (uint8_t)(opcode << 3);
            for (unsigned i = 0; i < questions; i++) {
                packet_question(&a.packet, WWW, DNS_TYPE_SOA, DNS_CLASS_IN);
            }
            CU_ASSERT_EQUAL(asking_ask(&a), QUERY_NOTIMP);
            CU_ASSERT_FALSE(ldns_pkt_edns(a.answer));
            asking_opt(&a, 1232);
            asking_option(&a, DNS_OPTION_NSID, "", 0);
            CU_ASSERT_EQUAL(asking_ask(&a), QUERY_NOTIMP);
            CU_ASSERT_EQUAL((unsigned)ldns_pkt_get_opcode(a.answer), opcode);
            CU_ASSERT_EQUAL(asking_rcode(&a), DNS_NOTIMP);
            CU_ASSERT_EQUAL(ldns_pkt_qdcount(a.answer), questions == 1);
            CU_ASSERT_TRUE(asking_has(&a, DNS_OPTION_NSID, NSID, sizeof(NSID) - 1));
        }
    }
    for (unsigned questions = 0; questions < 4; questions += 2) {
        packet_begin(&a.packet);
        for (unsigned i = 0; i < questions; i++) {
            packet_question(&a.packet, WWW, DNS_TYPE_TXT, DNS_CLASS_IN);
        }
        asking_opt(&a, 1232);
        CU_ASSERT_EQUAL(asking_ask(&a), QUERY_FORMERR);
        CU_ASSERT_EQUAL(asking_rcode(&a), DNS_FORMERR);
        CU_ASSERT_EQUAL(ldns_pkt_qdcount(a.answer), 0);
        CU_ASSERT_TRUE(ldns_pkt_edns(a.answer));
    }
    asking_end(&a);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"NSID", test_nsid},
        {"TCP keepalive", test_keepalive},
        {"unknown options", test_unknown},
        {"all together", test_together},
        {"another version", test_version},
        {"extended errors", test_errors},
        {"the longest answer without records", test_longest},
        {"room for options", test_room},
        {"the fullest message", test_fullest},
        {"odd messages", test_odd_messages},
    };
    struct zone *zone =
        images_zone("acme.example", IMAGES_SOA "@ 3600 NS ns1\nns1 3600 A 192.0.2.1\n");
    int status;

    images_challenge(zone, WWW, "value");
    for (int i = 0; i < 20; i++) {
        char value[64];

        snprintf(value, sizeof(value), "%043d", i);
        images_challenge(zone, "many.acme.example", value);
    }
    images_map(&image, images_build(&zone, 1, 1));
    zone_free(zone);
    status = RUN("edns", cases);
    image_unmap(&image);
    return status;
}
