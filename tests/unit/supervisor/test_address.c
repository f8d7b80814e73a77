#include "suite.h"
#include "supervisor/address.h"

static void test_both_ways(void)
{
    static const struct {
        const char *text, *shown;
        bool any;
    } good[] = {
        {"127.0.0.1:53", "127.0.0.1:53", false},
        {"0.0.0.0:0", "0.0.0.0:0", true},
        {"[::]:65535", "[::]:65535", true},
        {"[2001:DB8::0:1]:5353", "[2001:db8::1]:5353", false},
        {"[::1]:00053", "[::1]:53", false},
    };

    for (size_t i = 0; i < SUITE_COUNT(good); i++) {
        struct address a;
        struct err err = {0};
        char text[ADDRESS_TEXT];

        CU_ASSERT_EQUAL_FATAL(address_parse(good[i].text, &a, &err), 0);
        address_format(&a, text);
        CU_ASSERT_STRING_EQUAL(text, good[i].shown);
        CU_ASSERT_EQUAL(address_is_any(&a), good[i].any);
        address_set_port(&a, 4711);
        CU_ASSERT_EQUAL(address_port(&a), 4711);
    }
}

static void test_bad(void)
{
    static const char *const bad[] = {
        "",
        ":",
        ":53",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:+1",
        "127.0.0.1: 53",
        "127.0.0.1:53 ",
        "127.0.0.1:0000053",
        "127.0.0:53",
        "::1:53",
        "[::1]",
        "[::1]53",
        "[]:53",
        "[127.0.0.1]:53",
        "[::1:53",
        "localhost:53",
        "[::ffff:1.2.3.4:1.2.3.4:aaaaaaaaaaaaaaaaaaaaa]:1",
        "127.0.0.1:99999999999999999999",
    };

    for (size_t i = 0; i < SUITE_COUNT(bad); i++) {
        struct address a;
        struct err err = {0};

        CU_ASSERT(address_parse(bad[i], &a, &err) < 0);
        CU_ASSERT(err.text[0] != '\0');
    }
}

int main(void)
{
    static const struct suite_case cases[] = {
        {"addresses as text, both ways", test_both_ways},
        {"what is no address is refused", test_bad},
    };
    return suite_run("address", cases, SUITE_COUNT(cases));
}
