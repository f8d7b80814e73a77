/*
 * The challenge record of a domain.
 */
#include <string.h>

#include "tests/unit/common/run.h"
#include "zones/name.h"
#include "zones/record.h"

/* As python has it: base64.b32encode(hashlib.sha256(domain).digest()).lower()[:32] */
#define HASHED "dq3xjroityggbzpatppas5r6cyzrrprc"

static int record(char *text, const char *domain, const char *zone)
{
    uint8_t apex[LIMIT_NAME_WIRE], wire[LIMIT_NAME_WIRE];

    CU_ASSERT_FATAL(name_from_text(apex, zone) > 0);
    int len = record_name(wire, domain, apex);
    if (len > 0) {
        CU_ASSERT_EQUAL(name_measure(wire, sizeof(wire)), len);
        name_to_text(text, wire);
    }
    return len;
}

static void test_plain(void)
{
    char text[LIMIT_NAME_TEXT];

    CU_ASSERT_EQUAL(record(text, "example.org", "acme.example.com"), 30);
    CU_ASSERT_STRING_EQUAL(text, "example.org.acme.example.com");
    CU_ASSERT_EQUAL(record(text, "*.example.org", "ACME.example.com"), 30);
    CU_ASSERT_STRING_EQUAL(text, "example.org.acme.example.com");
    CU_ASSERT_EQUAL(record(text, "xn--plse-gra.example", "z"), 24);
    CU_ASSERT_STRING_EQUAL(text, "xn--plse-gra.example.z");
}

/* A domain of len characters in labels of 50. */
static void domain_of(char *domain, size_t len)
{
    memset(domain, 'a', len);
    for (size_t dot = 50; dot < len - 1; dot += 51) {
        domain[dot] = '.';
    }
    domain[len] = '\0';
}

static void test_long(void)
{
    char domain[300], text[LIMIT_NAME_TEXT];

    /* 236 and a dot and 16 are the 253 that there may be. */
    domain_of(domain, 236);
    CU_ASSERT_EQUAL(record(text, domain, "acme.example.com"), 255);
    CU_ASSERT_EQUAL(strncmp(text, domain, 236), 0);
    domain_of(domain, 237);
    CU_ASSERT_EQUAL(record(text, domain, "acme.example.com"), 32 + 1 + 18);
    CU_ASSERT_EQUAL(strspn(text, "abcdefghijklmnopqrstuvwxyz234567"), 32);
    CU_ASSERT_STRING_EQUAL(text + 32, ".acme.example.com");

    char wildcard[302] = "*.", again[LIMIT_NAME_TEXT];
    strcat(wildcard, domain);
    CU_ASSERT_EQUAL(record(again, wildcard, "acme.example.com"), 32 + 1 + 18);
    CU_ASSERT_STRING_EQUAL(again, text);
    domain_of(domain, 253);
    CU_ASSERT_EQUAL(record(text, domain, "acme.example.com"), 32 + 1 + 18);
    domain_of(domain, 254);
    CU_ASSERT_EQUAL(record(text, domain, "acme.example.com"), ERR_LIMIT);
}

static void test_hash(void)
{
    char domain[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
                    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
                    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
                    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
                    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.org";
    char text[LIMIT_NAME_TEXT];

    CU_ASSERT_FATAL(record(text, domain, "acme.example.com") > 0);
    CU_ASSERT_STRING_EQUAL(text, HASHED ".acme.example.com");
}

static void test_zone_too_long(void)
{
    char zone[300], text[LIMIT_NAME_TEXT];

    domain_of(zone, 220);
    CU_ASSERT_EQUAL(record(text, "a.example", zone), 220 + 10 + 2);
    CU_ASSERT_EQUAL(record(text, "aaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaa.example", zone), 255);
    domain_of(zone, 221);
    CU_ASSERT_EQUAL(record(text, "aaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaa.example", zone),
                    ERR_LIMIT);
}

static void test_refused(void)
{
    static const char *const bad[] = {"",         ".",     "*.",    "a..b",  "*",
                                      "a.*.b",    "*.*.b", "a\\.b", "Upper", "sp ace",
                                      "\xc3\xb8", "a\nb",  ".a",    "a/b",   "a@b"};
    char text[LIMIT_NAME_TEXT];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CU_ASSERT_EQUAL(record(text, bad[i], "acme.example.com"), ERR_MALFORMED);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"plain", test_plain},     {"too long to be spelled out", test_long},
        {"the hash", test_hash},   {"zone too long", test_zone_too_long},
        {"refused", test_refused},
    };
    return RUN("record", tests);
}
