/*
 * Images: what lookups find, RFC 1034 4.3.2, RFC 4592, RFC 6672, RFC 8020.
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/common/run.h"
#include "tests/unit/zones/support.h"

enum { A = 1, NS = 2, CNAME = 5, SOA = 6, TXT = 16, AAAA = 28, DNAME = 39, DS = 43 };

static void test_zone_members(void)
{
    struct zone *zone = zone_of(APEX, PREAMBLE "@ 900 TXT x\n@ A 192.0.2.1\n", 0);
    struct image image = image_of(&zone, 1);
    struct image_result apex = look(&image, "ACME.example.com");
    size_t len;

    CU_ASSERT_EQUAL(image.generation, 17);
    CU_ASSERT_EQUAL(image_zone_count(&image), 1);
    CU_ASSERT_EQUAL(image_node_count(&image), 1);
    CU_ASSERT_EQUAL(apex.match, IMAGE_NODE);
    CU_ASSERT_EQUAL(memcmp(image_zone_apex(&image, apex.zone), zone_apex(zone), 18), 0);
    CU_ASSERT_EQUAL(image_zone_negative_ttl(&image, apex.zone), 60);
    const uint8_t *wire = image_rrset_wire(image_zone_soa(&image, apex.zone), &len);
    CU_ASSERT_EQUAL(memcmp(wire, "\xc0\x0c\0\6\0\1\0\0\2\x58", 10), 0);
    CU_ASSERT_EQUAL(memcmp(wire + len - 20, "\0\0\x12\x67\0\0\0\2", 8), 0);

    static const uint16_t types[] = {A, NS, SOA, TXT};
    const struct image_rrset *rrset = image_node_first(&image, apex.node);
    for (size_t i = 0; i < 4; i++, rrset = image_rrset_next(&image, rrset)) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(rrset);
        CU_ASSERT_EQUAL(image_rrset_type(rrset), types[i]);
        CU_ASSERT_PTR_EQUAL(image_node_rrset(&image, apex.node, types[i]), rrset);
    }
    CU_ASSERT_PTR_NULL(rrset);
    CU_ASSERT_PTR_NULL(image_node_rrset(&image, apex.node, AAAA));
    CU_ASSERT_PTR_NULL(image_node_rrset(&image, apex.node, UINT16_MAX));
    CU_ASSERT_PTR_NULL(image_node_rrset(&image, apex.node, 0));
    image_unmap(&image);
    zone_free(zone);
}

static void test_negative_ttl_is_the_smaller(void)
{
    struct zone *zone = zone_of(APEX, "@ 30 SOA a b 1 2 3 4 3600\n@ 60 NS ns.example.net.\n", 0);
    struct image image = image_of(&zone, 1);

    CU_ASSERT_EQUAL(image_zone_negative_ttl(&image, look(&image, APEX).zone), 30);
    image_unmap(&image);
    zone_free(zone);
}

static void test_names(void)
{
    struct zone *zone = zone_of(APEX, PREAMBLE "a A 192.0.2.1\nx.y.z A 192.0.2.2\n", 0);
    struct image image = image_of(&zone, 1);

    CU_ASSERT_EQUAL(image_node_count(&image), 5);
    CU_ASSERT_TRUE(finds(&image, "A." APEX, IMAGE_NODE, "a." APEX));
    CU_ASSERT_TRUE(finds(&image, "b." APEX, IMAGE_NXDOMAIN, APEX));
    CU_ASSERT_TRUE(finds(&image, "q.r.a." APEX, IMAGE_NXDOMAIN, "a." APEX));
    CU_ASSERT_TRUE(finds(&image, "z." APEX, IMAGE_NODE, "z." APEX));
    CU_ASSERT_PTR_NULL(image_node_first(&image, look(&image, "z." APEX).node));
    CU_ASSERT_TRUE(finds(&image, "w.y.z." APEX, IMAGE_NXDOMAIN, "y.z." APEX));
    CU_ASSERT_TRUE(finds(&image, "example.com", IMAGE_NO_ZONE, NULL));
    CU_ASSERT_TRUE(finds(&image, ".", IMAGE_NO_ZONE, NULL));
    CU_ASSERT_TRUE(finds(&image, "xacme.example.com", IMAGE_NO_ZONE, NULL));
    CU_ASSERT_TRUE(finds(&image, "x.\\001acme.example.com", IMAGE_NO_ZONE, NULL));
    image_unmap(&image);
    zone_free(zone);
}

static void test_longest_names(void)
{
    struct zone *zone = zone_of(APEX, PREAMBLE, 0);
    char deep[600] = "";

    for (int i = 0; i < 118; i++) {
        strcat(deep, "x.");
    }
    strcat(deep, APEX);
    CU_ASSERT_EQUAL_FATAL(add(zone, deep, "v", 1, 1), 1);
    struct image image = image_of(&zone, 1);
    CU_ASSERT_EQUAL(image_node_count(&image), 119);
    for (int i = 0; i < 118; i++)
        CU_ASSERT_TRUE(finds(&image, deep + 2 * (size_t)i, IMAGE_NODE, deep + 2 * (size_t)i));
    deep[0] = 'y';
    CU_ASSERT_TRUE(finds(&image, deep, IMAGE_NXDOMAIN, deep + 2));
    deep[200] = 'y';
    CU_ASSERT_TRUE(finds(&image, deep, IMAGE_NXDOMAIN, deep + 202));
    image_unmap(&image);
    zone_free(zone);
}

static void test_challenges(void)
{
    struct zone *zone = zone_of(APEX, PREAMBLE "both 900 TXT static\nboth AAAA ::1\n", 5);
    size_t len;

    struct image image = image_of(&zone, 1);
    CU_ASSERT_FALSE(image_node_challenge(look(&image, APEX).node));
    CU_ASSERT_TRUE(finds(&image, "b.c." APEX, IMAGE_NXDOMAIN, APEX));
    image_unmap(&image);

    add(zone, "a.b.c." APEX, "value", 1, 100);
    add(zone, "both." APEX, "static", 1, 100);
    add(zone, "both." APEX, "live", 1, 100);
    image = image_of(&zone, 1);
    /* Names exist with the challenges below them (RFC 8020 2), and only as long. */
    CU_ASSERT_TRUE(finds(&image, "b.c." APEX, IMAGE_NODE, "b.c." APEX));
    CU_ASSERT_TRUE(image_node_challenge(look(&image, "a.b.c." APEX).node));
    CU_ASSERT_TRUE(image_node_challenge(look(&image, "b.c." APEX).node));
    CU_ASSERT_TRUE(image_node_challenge(look(&image, "c." APEX).node));
    CU_ASSERT_TRUE(image_node_challenge(look(&image, APEX).node));
    struct image_result found = look(&image, "A.B.C." APEX);
    const struct image_rrset *txt = image_node_rrset(&image, found.node, TXT);
    const uint8_t *wire = image_rrset_wire(txt, &len);
    CU_ASSERT_EQUAL(len, 18);
    CU_ASSERT_EQUAL(memcmp(wire, "\xc0\x0c\0\x10\0\1\0\0\0\5\0\6\5value", 18), 0);
    /* One TTL a set, no value twice. */
    found = look(&image, "both." APEX);
    txt = image_node_rrset(&image, found.node, TXT);
    CU_ASSERT_EQUAL(image_rrset_count(txt), 2);
    CU_ASSERT_EQUAL(image_rrset_ttl(txt), 5);
    CU_ASSERT_EQUAL(records(&image, "both." APEX, AAAA), 1);
    image_unmap(&image);

    zone_remove_owner(zone, 1);
    image = image_of(&zone, 1);
    CU_ASSERT_TRUE(finds(&image, "b.c." APEX, IMAGE_NXDOMAIN, APEX));
    CU_ASSERT_EQUAL(records(&image, "both." APEX, TXT), 1);
    CU_ASSERT_EQUAL(image_rrset_ttl(image_node_rrset(&image, look(&image, "both." APEX).node, TXT)),
                    900);
    CU_ASSERT_FALSE(image_node_challenge(look(&image, APEX).node));
    image_unmap(&image);
    zone_free(zone);
}

static void test_wildcards(void)
{
    /* The zone of RFC 4592 2.2.1, at our apex. */
    struct zone *zone = zone_of(
        "example",
        "@ 3600 SOA a b 1 2 3 4 5\n@ 3600 NS ns.example.com.\n@ 3600 NS ns.example.net.\n"
        "* 3600 TXT \"this is a wildcard\"\n* 3600 MX 10 host1\nsub.* 3600 TXT \"not a wild\"\n"
        "host1 3600 A 192.0.2.1\n_ssh._tcp.host1 3600 SRV 0 0 22 host1\n"
        "_ssh._tcp.host2 3600 SRV 0 0 22 host1\nsubdel 3600 NS ns.example.com.\n"
        "subdel 3600 NS ns.example.net.\n",
        0);
    struct image image = image_of(&zone, 1);

    CU_ASSERT_TRUE(finds(&image, "host3.example", IMAGE_WILDCARD, "*.example"));
    CU_ASSERT_TRUE(finds(&image, "foo.bar.example", IMAGE_WILDCARD, "*.example"));
    CU_ASSERT_TRUE(finds(&image, "host1.example", IMAGE_NODE, "host1.example"));
    CU_ASSERT_TRUE(finds(&image, "sub.*.example", IMAGE_NODE, "sub.*.example"));
    CU_ASSERT_TRUE(
        finds(&image, "_telnet._tcp.host1.example", IMAGE_NXDOMAIN, "_tcp.host1.example"));
    CU_ASSERT_TRUE(finds(&image, "host.subdel.example", IMAGE_DELEGATION, "subdel.example"));
    CU_ASSERT_TRUE(finds(&image, "ghost.*.example", IMAGE_NXDOMAIN, "*.example"));
    CU_ASSERT_TRUE(finds(&image, "*.example", IMAGE_NODE, "*.example"));
    CU_ASSERT_TRUE(finds(&image, "_tcp.host2.example", IMAGE_NODE, "_tcp.host2.example"));
    image_unmap(&image);
    zone_free(zone);
}

static void test_wildcard_that_is_empty(void)
{
    struct zone *zone =
        zone_of("example", "@ SOA a b 1 2 3 4 5\n@ NS a.b.\nx.*.w A 192.0.2.1\n", 0);
    struct image image = image_of(&zone, 1);

    CU_ASSERT_TRUE(finds(&image, "q.w.example", IMAGE_WILDCARD, "*.w.example"));
    CU_ASSERT_PTR_NULL(image_node_first(&image, look(&image, "q.w.example").node));
    image_unmap(&image);
    zone_free(zone);
}

static void test_wildcard_of_the_longest_encloser(void)
{
    char text[600] = PREAMBLE "*", name[600] = "y";
    struct zone *zone;

    for (int i = 0; i < 117; i++) {
        strcat(text, ".x");
        strcat(name, ".x");
    }
    strcat(text, " TXT w\n");
    strcat(name, "." APEX);
    zone = zone_of(APEX, text, 0);
    struct image image = image_of(&zone, 1);
    CU_ASSERT_EQUAL(look(&image, name).match, IMAGE_WILDCARD);
    image_unmap(&image);
    zone_free(zone);
}

static void test_delegation(void)
{
    struct zone *zone = zone_of(APEX,
                                PREAMBLE "sub NS ns.sub\nns.sub A 192.0.2.53\nsub DS 1 13 2 00\n"
                                         "a.b.sub A 192.0.2.1\nsub2.sub NS x.\n",
                                0);
    struct image image = image_of(&zone, 1);
    uint8_t wire[LIMIT_NAME_WIRE];

    CU_ASSERT_TRUE(finds(&image, "sub." APEX, IMAGE_DELEGATION, "sub." APEX));
    CU_ASSERT_TRUE(finds(&image, "x.sub." APEX, IMAGE_DELEGATION, "sub." APEX));
    CU_ASSERT_TRUE(finds(&image, "ns.sub." APEX, IMAGE_DELEGATION, "sub." APEX));
    CU_ASSERT_TRUE(finds(&image, "b.sub." APEX, IMAGE_DELEGATION, "sub." APEX));
    CU_ASSERT_TRUE(finds(&image, "x.b.sub." APEX, IMAGE_DELEGATION, "sub." APEX));
    CU_ASSERT_TRUE(finds(&image, "y.x.a.b.sub." APEX, IMAGE_DELEGATION, "sub." APEX));
    CU_ASSERT_TRUE(finds(&image, "x.sub2.sub." APEX, IMAGE_DELEGATION, "sub." APEX));
    CU_ASSERT_TRUE(finds(&image, "sub2." APEX, IMAGE_NXDOMAIN, APEX));

    int len = name_from_text(wire, "ns.sub." APEX);
    const struct image_zone *in = image_zone_at(&image, 0);
    const struct image_node *glue = image_find(&image, in, wire, (size_t)len);
    CU_ASSERT_PTR_NOT_NULL_FATAL(glue);
    CU_ASSERT_PTR_NOT_NULL(image_node_rrset(&image, glue, A));
    wire[1] = 'x';
    CU_ASSERT_PTR_NULL(image_find(&image, in, wire, (size_t)len));
    image_unmap(&image);
    zone_free(zone);
}

static void test_dname(void)
{
    struct zone *zone = zone_of(APEX, PREAMBLE "d DNAME e.\nd A 192.0.2.1\nd.x.y DNAME e.\n", 0);
    struct image image = image_of(&zone, 1);

    CU_ASSERT_TRUE(finds(&image, "d." APEX, IMAGE_NODE, "d." APEX));
    CU_ASSERT_TRUE(finds(&image, "x.d." APEX, IMAGE_DNAME, "d." APEX));
    CU_ASSERT_TRUE(finds(&image, "z.y.x.d." APEX, IMAGE_DNAME, "d." APEX));
    CU_ASSERT_TRUE(finds(&image, "q.d.x.y." APEX, IMAGE_DNAME, "d.x.y." APEX));
    CU_ASSERT_TRUE(finds(&image, "q.x.y." APEX, IMAGE_NXDOMAIN, "x.y." APEX));
    image_unmap(&image);
    zone_free(zone);
}

static void test_several_zones(void)
{
    struct zone *zones[] = {zone_of("a.example", PREAMBLE "x A 192.0.2.1\n", 0),
                            zone_of("b.example", PREAMBLE "x AAAA ::1\n", 0),
                            zone_of("xa.example", PREAMBLE, 0)};
    struct image image = image_of(zones, 3);

    CU_ASSERT_EQUAL(image_zone_count(&image), 3);
    CU_ASSERT_EQUAL(records(&image, "x.a.example", A), 1);
    CU_ASSERT_EQUAL(records(&image, "x.b.example", AAAA), 1);
    CU_ASSERT_EQUAL(records(&image, "x.b.example", A), 0);
    CU_ASSERT_TRUE(finds(&image, "x.xa.example", IMAGE_NXDOMAIN, "xa.example"));
    CU_ASSERT_TRUE(finds(&image, "example", IMAGE_NO_ZONE, NULL));
    CU_ASSERT_TRUE(finds(&image, "c.example", IMAGE_NO_ZONE, NULL));
    image_unmap(&image);
    for (size_t i = 0; i < 3; i++) {
        zone_free(zones[i]);
    }
}

static void test_nested_zones(void)
{
    struct zone *zones[] = {
        zone_of("example",
                PREAMBLE "in.ner NS ns.in.ner\nns.in.ner A 192.0.2.1\nin.ner DS 1 13 2 00\n"
                         "z.in.ner A 192.0.2.9\n* TXT w\n",
                0),
        zone_of("most.in.ner.example", PREAMBLE, 0),
        zone_of("in.ner.example", PREAMBLE "ns AAAA ::1\n", 0),
        zone_of("lone.ly.example", PREAMBLE, 0),
    };
    uint8_t wire[LIMIT_NAME_WIRE];

    add(zones[2], "ns.in.ner.example", "v", 1, 1);
    struct image image = image_of(zones, 4);
    CU_ASSERT_EQUAL(records(&image, "in.ner.example", SOA), 1);
    CU_ASSERT_EQUAL(records(&image, "in.ner.example", DS), 0);
    CU_ASSERT_EQUAL(records(&image, "ns.in.ner.example", AAAA), 1);
    CU_ASSERT_EQUAL(records(&image, "ns.in.ner.example", A), 0);
    CU_ASSERT_EQUAL(records(&image, "ns.in.ner.example", TXT), 1);
    CU_ASSERT_TRUE(finds(&image, "z.in.ner.example", IMAGE_NXDOMAIN, "in.ner.example"));
    CU_ASSERT_TRUE(finds(&image, "q.ns.in.ner.example", IMAGE_NXDOMAIN, "ns.in.ner.example"));
    CU_ASSERT_TRUE(finds(&image, "q.most.in.ner.example", IMAGE_NXDOMAIN, "most.in.ner.example"));
    CU_ASSERT_TRUE(finds(&image, "q.example", IMAGE_WILDCARD, "*.example"));
    /* What is above an inner apex exists, delegated or not. */
    CU_ASSERT_TRUE(finds(&image, "ner.example", IMAGE_NODE, "ner.example"));
    CU_ASSERT_TRUE(finds(&image, "ly.example", IMAGE_NODE, "ly.example"));
    CU_ASSERT_TRUE(finds(&image, "q.ly.example", IMAGE_NXDOMAIN, "ly.example"));

    /* The outer zone keeps its side of the cut. */
    const struct image_zone *outer = look(&image, "ner.example").zone;
    int len = name_from_text(wire, "in.ner.example");
    const struct image_node *cut = image_find(&image, outer, wire, (size_t)len);
    CU_ASSERT_PTR_NOT_NULL_FATAL(cut);
    CU_ASSERT_PTR_NOT_NULL(image_node_rrset(&image, cut, DS));
    CU_ASSERT_PTR_NULL(image_node_rrset(&image, cut, SOA));
    len = name_from_text(wire, "lone.ly.example");
    cut = image_find(&image, outer, wire, (size_t)len);
    CU_ASSERT_PTR_NOT_NULL_FATAL(cut);
    CU_ASSERT_PTR_NULL(image_node_first(&image, cut));
    image_unmap(&image);
    for (size_t i = 0; i < 4; i++) {
        zone_free(zones[i]);
    }
}

static void test_order(void)
{
    struct zone *zone =
        zone_of("example",
                "@ SOA a b 1 2 3 4 5\n@ NS a.b.\na A 192.0.2.1\nyljkjljk.a A 192.0.2.1\n"
                "Z.a A 192.0.2.1\nz A 192.0.2.1\n\\001.z A 192.0.2.1\n",
                0);
    static const char *const order[] = {"example",         "a.example",      "yljkjljk.a.example",
                                        "z.a.example",     "zabc.a.example", "z.example",
                                        "\\001.z.example", "_.z.example",    "\\200.z.example"};
    char text[LIMIT_NAME_TEXT];

    /* RFC 4034 6.1, static names and challenges mixed. */
    add(zone, "zABC.a.EXAMPLE", "v", 1, 1);
    add(zone, "_.z.example", "v", 1, 1);
    add(zone, "\\200.z.example", "v", 1, 1);
    struct image image = image_of(&zone, 1);
    CU_ASSERT_EQUAL_FATAL(image_node_count(&image), 9);
    for (uint32_t i = 0; i < 9; i++) {
        name_to_text(text, image_node_name(&image, image_node_by_index(&image, i)));
        CU_ASSERT_STRING_EQUAL(text, order[i]);
    }
    image_unmap(&image);
    zone_free(zone);
}

static void test_root_zone(void)
{
    struct zone *zone = zone_of(".", "@ SOA a b 1 2 3 4 5\n@ NS a.b.\nx.y A 192.0.2.1\n", 0);
    struct image image = image_of(&zone, 1);

    CU_ASSERT_TRUE(finds(&image, ".", IMAGE_NODE, "."));
    CU_ASSERT_TRUE(finds(&image, "y", IMAGE_NODE, "y"));
    CU_ASSERT_TRUE(finds(&image, "a.b.c", IMAGE_NXDOMAIN, "."));
    image_unmap(&image);
    zone_free(zone);
}

static void test_no_zone(void)
{
    struct image image = image_of(NULL, 0);

    CU_ASSERT_EQUAL(image_zone_count(&image), 0);
    CU_ASSERT_TRUE(finds(&image, ".", IMAGE_NO_ZONE, NULL));
    CU_ASSERT_TRUE(finds(&image, "a.b", IMAGE_NO_ZONE, NULL));
    image_unmap(&image);
}

static void test_build_refuses(void)
{
    struct zone *zone = zone_of(APEX, PREAMBLE, 0), *many[LIMIT_DNS_ZONES + 1];
    struct image_options options = {0};

    for (size_t i = 0; i <= LIMIT_DNS_ZONES; i++) {
        many[i] = zone;
    }
    CU_ASSERT_EQUAL(image_build(many, 2, &options), ERR_EXISTS);
    CU_ASSERT_EQUAL(image_build(many, LIMIT_DNS_ZONES + 1, &options), ERR_LIMIT);
    zone_free(zone);
}

static void test_many_zones(void)
{
    struct zone *zones[LIMIT_DNS_ZONES];
    char apex[32];

    for (int i = 0; i < LIMIT_DNS_ZONES; i++) {
        snprintf(apex, sizeof(apex), i % 2 != 0 ? "z%d" : "x.z%d", i);
        zones[i] = zone_of(apex, PREAMBLE "a A 192.0.2.1\n", 0);
    }
    struct image image = image_of(zones, LIMIT_DNS_ZONES);
    for (int i = 0; i < LIMIT_DNS_ZONES; i++) {
        snprintf(apex, sizeof(apex), i % 2 != 0 ? "a.z%d" : "a.x.z%d", i);
        CU_ASSERT_TRUE(finds(&image, apex, IMAGE_NODE, apex));
        zone_free(zones[i]);
    }
    image_unmap(&image);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"what a zone has", test_zone_members},
        {"the negative TTL, RFC 2308 5", test_negative_ttl_is_the_smaller},
        {"names and empty non-terminals", test_names},
        {"the longest names", test_longest_names},
        {"challenges come and go", test_challenges},
        {"wildcards, RFC 4592", test_wildcards},
        {"an empty wildcard", test_wildcard_that_is_empty},
        {"a wildcard of the longest name", test_wildcard_of_the_longest_encloser},
        {"delegation", test_delegation},
        {"DNAME, RFC 6672", test_dname},
        {"several zones", test_several_zones},
        {"nested zones", test_nested_zones},
        {"canonical order, RFC 4034 6.1", test_order},
        {"the root as zone", test_root_zone},
        {"no zone", test_no_zone},
        {"what cannot be built", test_build_refuses},
        {"as many zones as there may be", test_many_zones},
    };
    return RUN("image", tests);
}
