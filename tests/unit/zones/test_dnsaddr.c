/*
 * Addresses of nameservers and resolvers, as people and resolv.conf(5) write them.
 */
#include "zones/dnsaddr.h"

#include <string.h>

#include "tests/unit/common/run.h"

#define LONG_ADDRESS                                                                               \
    "111111111111111111111111111111111111111111111111111111111111111111111111111111:53"

static void test_addresses(void)
{
    static const struct {
        const char *text, *shown;
    } good[] = {{"192.0.2.1", "192.0.2.1"},           {"192.0.2.1:5353", "192.0.2.1:5353"},
                {"2001:db8::1", "2001:db8::1"},       {"[2001:db8::1]:5353", "[2001:db8::1]:5353"},
                {"[2001:db8::1]:53", "2001:db8::1"},  {"fe80::1%lo", "fe80::1"},
                {"192.0.2.1@5353", "192.0.2.1:5353"}, {"2001:db8::1@5353", "[2001:db8::1]:5353"}};
    static const char *const bad[] = {"",
                                      "x",
                                      "192.0.2.1:",
                                      "192.0.2.1:0",
                                      "192.0.2.1:65536",
                                      "[2001:db8::1]:5x",
                                      "192.0.2.256",
                                      "name:53",
                                      "192.0.2.1@",
                                      "@53",
                                      "192.0.2.1@53@53",
                                      "192.0.2.1@+53",
                                      LONG_ADDRESS};
    char text[DNSADDR_TEXT];
    union dnsaddr address;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CU_ASSERT_EQUAL(dnsaddr_parse(&address, good[i].text, 53), 0);
        dnsaddr_text(text, &address);
        CU_ASSERT_STRING_EQUAL(text, good[i].shown);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CU_ASSERT_EQUAL(dnsaddr_parse(&address, bad[i], 53), ERR_MALFORMED);
}

/* resolv.conf(5) */
static void test_resolv_conf(void)
{
    union dnsaddr list[LIMIT_RESOLVE_SERVERS];
    char text[DNSADDR_TEXT], many[1024] = "";

    CU_ASSERT_EQUAL(dnsaddr_resolv_conf(list, NULL,
                                        "# nameserver 192.0.2.9\nsearch example\n"
                                        "nameserver\t192.0.2.1 # here\r\n"
                                        " nameserver 2001:db8::1\nnameserver\nnameserver \n"
                                        "nameservers 192.0.2.3\nnameserver x\n"
                                        "nameserver 192.0.2.2"),
                    3);
    dnsaddr_text(text, &list[1]);
    CU_ASSERT_STRING_EQUAL(text, "2001:db8::1");
    CU_ASSERT_EQUAL(dnsaddr_resolv_conf(list, NULL, ""), 0);
    CU_ASSERT_EQUAL(dnsaddr_resolv_conf(list, NULL,
                                        "nameserver "
                                        "111111111111111111111111111111111111111111111111111"
                                        "11111111111111111111111111111111111"),
                    0);
    for (int i = 0; i < 20; i++)
        strcat(many, "nameserver 192.0.2.1\n");
    CU_ASSERT_EQUAL(dnsaddr_resolv_conf(list, NULL, many), LIMIT_RESOLVE_SERVERS);
}

static void test_trust_ad(void)
{
    static const struct {
        const char *text;
        bool trusted;
    } cases[] = {{"nameserver 192.0.2.1\noptions trust-ad\n", true},
                 {"options ndots:2 trust-ad edns0", true},
                 {"options edns0\n options\ttrust-ad\n", true},
                 {"", false},
                 {"options\ntrust-ad\n", false},
                 {"options trust-adx\noptions xtrust-ad\n", false},
                 {"# options trust-ad\nsearch trust-ad\n", false}};
    union dnsaddr list[LIMIT_RESOLVE_SERVERS];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool trusted = !cases[i].trusted;

        (void)dnsaddr_resolv_conf(list, &trusted, cases[i].text);
        CU_ASSERT_EQUAL(trusted, cases[i].trusted);
    }
}

/* RFC 1122 3.2.1.3, RFC 4291 2.5.3 */
static void test_loopback(void)
{
    static const char *const here[] = {"127.0.0.1", "127.255.255.254", "::1"};
    static const char *const away[] = {"192.0.2.1", "128.0.0.1", "126.255.255.255", "1.0.0.127",
                                       "::",        "::2",       "2001:db8::1",     "1::1"};
    union dnsaddr address;

    for (size_t i = 0; i < sizeof here / sizeof *here; i++) {
        CU_ASSERT_EQUAL_FATAL(dnsaddr_parse(&address, here[i], 53), 0);
        CU_ASSERT_TRUE(dnsaddr_is_loopback(&address));
    }
    for (size_t i = 0; i < sizeof away / sizeof *away; i++) {
        CU_ASSERT_EQUAL_FATAL(dnsaddr_parse(&address, away[i], 53), 0);
        CU_ASSERT_FALSE(dnsaddr_is_loopback(&address));
    }
}

int main(void)
{
    static const struct run_case cases[] = {{"addresses", test_addresses},
                                            {"resolv.conf", test_resolv_conf},
                                            {"trust-ad", test_trust_ad},
                                            {"loopback", test_loopback}};

    return RUN("dnsaddr", cases);
}
