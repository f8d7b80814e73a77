/*
 * Zone files: what is taken, and that each error has its line.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "tests/unit/common/run.h"
#include "tests/unit/zones/support.h"

static int parse(const char *text, size_t len, struct err *err)
{
    struct zone_static *s = NULL;
    int ret;

    memset(err, 0, sizeof(*err));
    ret = zone_static_parse(&s, APEX, "acme.zone", text, len, err);
    if (ret == 0) {
        zone_static_free(s);
    } else
        CU_ASSERT_PTR_NULL(s);
    return ret;
}

/* After three lines of preamble, so that text begins on line 4. */
static void refused(const char *text, const char *expected)
{
    char all[1024];
    struct err err;

    snprintf(all, sizeof(all), PREAMBLE "%s", text);
    CU_ASSERT_EQUAL(parse(all, strlen(all), &err), ERR_MALFORMED);
    CU_ASSERT_EQUAL(err.code, ERR_MALFORMED);
    if (strstr(err.text, expected) == NULL) {
        fprintf(stderr, "\nwanted: %s\n   got: %s\n", expected, err.text);
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, expected));
}

static void taken(const char *text)
{
    char all[1024];
    struct err err;

    snprintf(all, sizeof(all), PREAMBLE "%s", text);
    CU_ASSERT_EQUAL(parse(all, strlen(all), &err), 0);
    CU_ASSERT_STRING_EQUAL(err.text, "");
}

static void test_lines(void)
{
    refused("a A 192.0.2.256\n", "acme.zone:4: ");
    refused("\n; comment\n  \n\na A 192.0.2.256\n", "acme.zone:8: ");
    refused("a TXT ( \"x\"\n\"y\" ; comment )\n )\nb A x", "acme.zone:7: ");
    refused("a TXT \"x\ny\"\n", "acme.zone:4: a string is not closed");
    refused("a TXT \"x", "acme.zone:4: a string is not closed");
    refused("a TXT \"x\\", "acme.zone:4: a string is not closed");
    refused("\na TXT ( \"x\"\n\n", "acme.zone:5: a parenthesis is not closed");
    refused("a A 192.0.2.1 )\n", "acme.zone:4: a closing parenthesis");
    refused("ok A 192.0.2.1\r\nbad A 192.0.2\r\n", "acme.zone:5: ");
    refused("a NOSUCHTYPE x\n", "acme.zone:4: ");
    refused("a", "acme.zone:4: ");
    refused("a A", "acme.zone:4: ");
    refused("a..b A 192.0.2.1", "acme.zone:4: ");
    refused("a A 192.0.2.1 192.0.2.2\n", "acme.zone:4: ");
}

static void test_rules(void)
{
    refused("www.example.org. A 192.0.2.1",
            "acme.zone:4: A www.example.org: record out of zone: not acme.example.com or below it");
    refused("xacme.example.com. A 192.0.2.1", "record out of zone");
    refused("\na CH TXT \"x\"", "acme.zone:5: only class IN is served");
    refused("a SOA b c 1 2 3 4 5",
            "acme.zone:4: SOA a.acme.example.com: an SOA record stands only");
    refused("@ SOA b c 1 2 3 4 5", "acme.zone:4: SOA acme.example.com: there can be only one");
    refused("@ SOA ns1.example.net. hostmaster 1 2 3 4 60", "acme.zone:4: SOA");
    refused("a CNAME b\na A 192.0.2.1",
            "acme.zone:4: CNAME a.acme.example.com: a CNAME stands alone");
    refused("a A 192.0.2.1\nA CNAME b\n", "acme.zone:5: CNAME a.acme.example.com: a CNAME stands");
    refused("a CNAME b\n\na CNAME c",
            "acme.zone:6: CNAME a.acme.example.com: there can be only one");
    refused("@ CNAME b", "a CNAME stands alone");
    refused("a DNAME b\na DNAME c", "acme.zone:5: DNAME a.acme.example.com: there can be only one");
    refused("a DNAME b\nx.a A 192.0.2.1",
            "acme.zone:5: A x.a.acme.example.com: nothing can stand below");
    refused("x.y.a A 192.0.2.1\na DNAME b", "acme.zone:4: A x.y.a.acme.example.com: nothing can");
    refused("*.a NS b", "a wildcard cannot be delegated");
    refused("*.a DNAME b", "a wildcard cannot own a DNAME");
    refused("a RRSIG A 13 3 300 20300101000000 20200101000000 1 example.com. AAAA",
            "signatures cannot stand in the file");
    refused("a TYPE255 \\# 0", "acme.zone:4: ");
    refused("a 4294967295 A 192.0.2.1", "acme.zone:4: ");
}

/* ldns would make the origin of them. */
/* Appends count records of a type like TXT at "a", of 255 octets, which come in this order. */
static size_t add_texts(char *text, size_t len, const char *type, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        len += (size_t)sprintf(text + len, "a %s \"%0255u\"\n", type, i);
    }
    return len;
}

/* An RRset that no message holds could be had neither over UDP nor over TCP (RFC 2181 5, 9). */
static void test_too_large(void)
{
    const unsigned fit = LIMIT_RRSET / (12 + 256);
    static char text[3 * LIMIT_RRSET];
    char want[64];
    struct err err;
    size_t len = strlen(strcpy(text, PREAMBLE "a A 192.0.2.1\n"));

    len = add_texts(text, len, "TXT", fit);
    len = add_texts(text, len, "SPF", fit); /* each type by itself */
    CU_ASSERT_EQUAL(parse(text, len, &err), 0);
    len = (size_t)sprintf(text, PREAMBLE);
    len = add_texts(text, len, "TXT", fit + 1);
    CU_ASSERT_EQUAL(parse(text, len, &err), ERR_LIMIT);
    snprintf(want, sizeof(want), "acme.zone:%u: TXT a.acme.example.com: the records", 4 + fit);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, want));
}

static void test_at_signs(void)
{
    refused("a NS \\@.b\n", "acme.zone:4: a name in data cannot begin with an at sign");
    refused("a 60 IN NS \\064.b.acme.example.com.\n", "acme.zone:4: a name in data cannot begin");
    refused("\\@ SRV 1 1 1 \\@\n", "acme.zone:4: a name in data cannot begin with an at sign");
    taken("a MX 1 @\nb CNAME acme.example.com.\n\\@.c MX 1 @\nd TXT @x\ne CNAME x\\@.y\n");
}

static void test_missing(void)
{
    static const char no_soa[] = "@ NS ns1.example.net.\n", no_ns[] = "@ SOA a b 1 2 3 4 5\n",
                      soa_below[] = "@ NS x.\nb.acme.example.com. NS y.\n";
    struct err err;

    CU_ASSERT_EQUAL(parse("", 0, &err), ERR_MALFORMED);
    CU_ASSERT_STRING_EQUAL(err.text, "acme.zone: no SOA record at acme.example.com");
    CU_ASSERT_EQUAL(parse(no_soa, strlen(no_soa), &err), ERR_MALFORMED);
    CU_ASSERT_STRING_EQUAL(err.text, "acme.zone: no SOA record at acme.example.com");
    CU_ASSERT_EQUAL(parse(no_ns, strlen(no_ns), &err), ERR_MALFORMED);
    CU_ASSERT_STRING_EQUAL(err.text, "acme.zone: no NS record at acme.example.com");
    CU_ASSERT_EQUAL(parse(soa_below, strlen(soa_below), &err), ERR_MALFORMED);
}

static void test_directives(void)
{
    refused("$INCLUDE other.zone\n", "acme.zone:4: other files cannot be read");
    refused("$include other.zone\n", "acme.zone:4: other files cannot be read");
    refused("$GENERATE 1-9 a$ A 192.0.2.$\n", "acme.zone:4: unknown directive");
    refused("$\n", "acme.zone:4: unknown directive");
    refused("$TTL\n", "acme.zone:4: the directive takes one value");
    refused("$TTL 1 2\n", "acme.zone:4: the directive takes one value");
    refused("$TTL x\n", "acme.zone:4: not a TTL");
    refused("$TTL -1\n", "acme.zone:4: not a TTL");
    refused("$TTL 4294967297\n", "acme.zone:4: not a TTL");
    refused("$TTL 99999999999999999999999\n", "acme.zone:4: not a TTL");
    refused("$TTL 1y\n", "acme.zone:4: not a TTL");
    refused("$ORIGIN a..b\n", "acme.zone:4: not a domain name");
    refused("$ORIGIN example.org.\nwww A 192.0.2.1\n",
            "acme.zone:5: A www.example.org: record out");
    taken("$ORIGIN sub\nwww A 192.0.2.1\n$ORIGIN @\n$ORIGIN acme.example.com.\nb A 192.0.2.1\n");
    taken("$TTL 1h30m\n$TTL 0\n$TTL 2147483647 ; comment\n");
}

static void test_records(void)
{
    static const char text[] =
        PREAMBLE "Www 60 A 192.0.2.1\n 30 A 192.0.2.2\n\t90 IN A 192.0.2.1\n"
                 "$ORIGIN sub\nx TXT (\"a;b\" ; comment\n  \"c(d\" \"e\\\"f\")\n"
                 "y\\.z TYPE65280 \\# 3 010203\nm MX 10 Mail\n$TTL 2m\nlast AAAA 2001:db8::1";
    struct zone *zone = zone_of(APEX, text, 0);
    struct image image = image_of(&zone, 1);
    size_t len;

    CU_ASSERT_EQUAL(records(&image, "www." APEX, 1), 2);
    struct image_result www = look(&image, "www." APEX);
    CU_ASSERT_EQUAL(image_rrset_ttl(image_node_rrset(&image, www.node, 1)), 30);

    const struct image_rrset *txt = image_node_rrset(&image, look(&image, "x.sub." APEX).node, 16);
    const uint8_t *wire = image_rrset_wire(txt, &len);
    CU_ASSERT_EQUAL(len, 12 + 12);
    CU_ASSERT_EQUAL(memcmp(wire, "\xc0\x0c\0\x10\0\1\0\0\1\x2c\0\x0c\3a;b\3c(d\3e\"f", 24), 0);
    wire = image_rrset_wire(image_node_rrset(&image, look(&image, "y\\.z.sub." APEX).node, 65280),
                            &len);
    CU_ASSERT_EQUAL(len, 15);
    CU_ASSERT_EQUAL(memcmp(wire + 10, "\0\3\1\2\3", 5), 0);
    /* Rdata keeps its case. */
    wire = image_rrset_wire(image_node_rrset(&image, look(&image, "m.sub." APEX).node, 15), &len);
    CU_ASSERT_EQUAL(memcmp(wire + 14, "\4Mail\3sub\4acme", 14), 0);
    struct image_result last = look(&image, "last.sub." APEX);
    CU_ASSERT_EQUAL(image_rrset_ttl(image_node_rrset(&image, last.node, 28)), 120);
    image_unmap(&image);
    zone_free(zone);
}

/* One record is one, in whatever case names in its data are (RFC 2181 5, RFC 4034 6.2). */
static void test_doubles(void)
{
    static const char text[] =
        PREAMBLE "a NS One.example.\na NS two.example.\na NS oNE.example.\n"
                 "b MX 10 Mail\nb MX 10 mAIL\nb MX 11 mail\n"
                 "c SRV 65 66 67 Host\nc SRV 65 66 67 host\nc SRV 97 66 67 host\n"
                 "d CNAME Www\nd CNAME www\n"
                 "e NAPTR 1 1 \"A\" \"b\" \"c\" X\ne NAPTR 1 1 \"a\" \"b\" \"c\" x\n"
                 "e NAPTR 1 1 \"A\" \"b\" \"c\" x\n"
                 "f TXT Abc\nf TXT abc\ng TYPE65280 \\# 1 41\ng TYPE65280 \\# 1 61\n";
    struct zone *zone = zone_of(APEX, text, 0);
    struct image image = image_of(&zone, 1);

    CU_ASSERT_EQUAL(records(&image, "a." APEX, 2), 2);
    CU_ASSERT_EQUAL(records(&image, "b." APEX, 15), 2);
    CU_ASSERT_EQUAL(records(&image, "c." APEX, 33), 2);
    CU_ASSERT_EQUAL(records(&image, "d." APEX, 5), 1);
    CU_ASSERT_EQUAL(records(&image, "e." APEX, 35), 2);
    CU_ASSERT_EQUAL(records(&image, "f." APEX, 16), 2);
    CU_ASSERT_EQUAL(records(&image, "g." APEX, 65280), 2);
    image_unmap(&image);
    zone_free(zone);
}

static void test_odd_texts(void)
{
    struct err err;
    static const char nul[] = PREAMBLE "a A 192.0.2.1\0\n";
    static const char nul_in_string[] = PREAMBLE "a TXT \"x\0y\"\n";
    char *big = malloc(LIMIT_ZONE_FILE + 1);

    CU_ASSERT_EQUAL(parse(nul, sizeof(nul) - 1, &err), ERR_MALFORMED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "acme.zone:4: a NUL character"));
    CU_ASSERT_EQUAL(parse(nul_in_string, sizeof(nul_in_string) - 1, &err), ERR_MALFORMED);
    CU_ASSERT_PTR_NOT_NULL_FATAL(big);
    memset(big, '\n', LIMIT_ZONE_FILE + 1);
    CU_ASSERT_EQUAL(parse(big, LIMIT_ZONE_FILE + 1, &err), ERR_LIMIT);
    memset(big, '(', 1000);
    CU_ASSERT_EQUAL(parse(big, 1000, &err), ERR_MALFORMED);
    memset(big, 'a', 100000);
    CU_ASSERT_EQUAL(parse(big, 100000, &err), ERR_MALFORMED);
    free(big);
    /* Control characters from a file do not get into the log by way of an error. */
    refused("a\033[31m A x\n", "acme.zone:4: ");
    refused("\177 A x\n", "acme.zone:4: ");
}

static void test_truncated(void)
{
    static const char text[] = PREAMBLE "a TXT ( \"x\\\"y\" ; c\n \\065 )\n$ORIGIN b\n*.c MX 1 d\n";

    for (size_t len = 0; len < sizeof(text); len++) {
        /* A block of its own each time, so that reading beyond it shows. */
        char *copy = malloc(len + 1);
        struct err err;
        CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
        memcpy(copy, text, len);
        char *tight = realloc(copy, len > 0 ? len : 1);
        int ret = parse(tight, len, &err);
        CU_ASSERT_TRUE(ret == 0 || (ret == ERR_MALFORMED && err.text[0] != '\0'));
        free(tight);
    }
}

/* The commented example that people start from. */
static void test_example(void)
{
    char *text;
    size_t len;
    struct err err = {0};
    struct zone_static *s;

    CU_ASSERT_EQUAL_FATAL(
        file_read(AT_FDCWD, "../../../conf/zone.example", 65536, &text, &len, &err), 0);
    CU_ASSERT_EQUAL_FATAL(zone_static_parse(&s, APEX, "zone.example", text, len, &err), 0);
    CU_ASSERT_STRING_EQUAL(err.text, "");
    zone_static_free(s);
    free(text);
}

static int make_default(const char *apex, const char *nameserver, const char *hostmaster,
                        struct zone **zone, struct err *err)
{
    struct zone_defaults defaults = {.nameservers = &nameserver,
                                     .nameserver_count = nameserver != NULL,
                                     .hostmaster = hostmaster};
    struct zone_static *s;

    memset(err, 0, sizeof(*err));
    int ret = zone_static_default(&s, apex, &defaults, err);
    return ret < 0 ? ret : zone_new(zone, s, 0);
}

static void test_default(void)
{
    struct err err;
    struct zone *zone;
    size_t len;

    CU_ASSERT_EQUAL_FATAL(
        make_default("Acme.Example.com.", "ns1.example.net", "first.last@e.x", &zone, &err), 0);
    struct image image = image_of(&zone, 1);
    struct image_result apex = look(&image, APEX);
    const uint8_t *soa = image_rrset_wire(image_zone_soa(&image, apex.zone), &len);
    CU_ASSERT_EQUAL(len, 12 + 17 + 16 + 20);
    CU_ASSERT_EQUAL(memcmp(soa + 12 + 17, "\12first.last\1e\1x", 16), 0);
    CU_ASSERT_EQUAL(memcmp(soa + 12 + 17 + 16, "\0\0\x12\x67", 4), 0);
    CU_ASSERT_EQUAL(image_zone_negative_ttl(&image, apex.zone), 60);
    CU_ASSERT_EQUAL(records(&image, APEX, 2), 1);
    image_unmap(&image);
    zone_free(zone);

    CU_ASSERT_EQUAL(make_default(APEX, "ns1.example.net", NULL, &zone, &err), 0);
    zone_free(zone);
    CU_ASSERT_EQUAL(make_default(APEX, "ns1.example.net", "a.b.c", &zone, &err), 0);
    zone_free(zone);
    CU_ASSERT_EQUAL(make_default(APEX, "ns1.acme.example.com", NULL, &zone, &err), ERR_RANGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "ns1.acme.example.com is inside the zone"));
    CU_ASSERT_EQUAL(make_default(APEX, APEX, NULL, &zone, &err), ERR_RANGE);
    CU_ASSERT_EQUAL(make_default(APEX, NULL, NULL, &zone, &err), ERR_RANGE);
    CU_ASSERT_EQUAL(make_default(APEX, "a..b", NULL, &zone, &err), ERR_MALFORMED);
    CU_ASSERT_EQUAL(make_default("a..b", "ns1.example.net", NULL, &zone, &err), ERR_MALFORMED);
    CU_ASSERT_EQUAL(make_default(APEX, "ns1.example.net", "@example.org", &zone, &err),
                    ERR_MALFORMED);
    CU_ASSERT_EQUAL(make_default(APEX, "ns1.example.net", "x@", &zone, &err), ERR_MALFORMED);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"an RRset that is too large", test_too_large},
        {"lines of syntax errors", test_lines},
        {"rules for records together", test_rules},
        {"at signs", test_at_signs},
        {"no SOA, no NS", test_missing},
        {"directives", test_directives},
        {"records as they come out", test_records},
        {"doubles", test_doubles},
        {"odd texts", test_odd_texts},
        {"cut at every octet", test_truncated},
        {"without a file", test_default},
        {"the example", test_example},
    };
    return RUN("zonefile", tests);
}
