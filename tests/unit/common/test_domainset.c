#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/domainset.h"
#include "common/limits.h"
#include "run.h"

#define L63  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define L61  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define N253 L63 "." L63 "." L63 "." L61

static void test_normal_form(void)
{
    static const struct {
        const char *name, *normal;
    } good[] = {
        {"example.org", "example.org"},
        {"WWW.Example.ORG.", "www.example.org"},
        {"*.Example.org", "*.example.org"},
        {"p\xc3\xb8lse.example", "xn--plse-gra.example"},
        {"P\xc3\x98LSE.example", "xn--plse-gra.example"},
        {"XN--PLSE-GRA.example", "xn--plse-gra.example"},
        {"po\xcc\x88lse.example", "xn--plse-5qa.example"}, /* decomposed: NFC first */
        {"*.p\xc3\xb8lse.example.", "*.xn--plse-gra.example"},
        {"stra\xc3\x9f"
         "e.example",
         "xn--strae-oqa.example"}, /* IDNA 2008, not strasse */
        {"localhost", "localhost"},
        {"r3---sn-x.example", "r3---sn-x.example"},
        {"1.2.3.4a", "1.2.3.4a"},
        {N253, N253},
        {N253 ".", N253},
    };
    char normal[LIMIT_DOMAIN_TEXT + 1];
    struct err err = {0};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CU_ASSERT_EQUAL(domain_normalize(normal, good[i].name, &err), 0);
        CU_ASSERT_STRING_EQUAL(normal, good[i].normal);
        /* the normal form is its own */
        char again[LIMIT_DOMAIN_TEXT + 1];
        CU_ASSERT_EQUAL(domain_normalize(again, normal, &err), 0);
        CU_ASSERT_STRING_EQUAL(again, normal);
    }
}

static void test_refused(void)
{
    /* U+202E right-to-left override, byte by byte */
    static const char override[] = {'\xe2', '\x80', '\xae', 'a', '.', 'b', 0};
    static const char label64[] = L63 "a.example", name254[] = N253 "a", wildcard255[] = "*." N253;
    static const char *const bad[] = {
        "",
        ".",
        "*",
        "*.",
        "*..",
        "a..b",
        ".a",
        "a..",
        "a.*.b",
        "*a.b",
        "**.a",
        "*.*.a",
        "a b.example",
        "a_b.example",
        "_acme-challenge.example",
        "-a.example",
        "a-.example",
        "192.0.2.1",
        "*.192.0.2.1",
        "2001:db8::1",
        "a:53",
        "[::1]",
        "1234",
        "a.example/",
        "a\nb.example",
        "a\x7f.example",
        "\xff\xfe.example",
        "\xc3.example",
        "xn--.example",
        "xn--\xc3\xb8.example",
        "xn--a-ecp.ru.example-",
        "xn--0.example",
        label64,
        name254,
        wildcard255,
        "a@b.example",
        override,
        "\xf0\x9f\x92\xa9\xe2\x80\x8d.example",
    };
    char normal[LIMIT_DOMAIN_TEXT + 1], *big = malloc(100001);
    struct err err;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        err = (struct err){0};
        int ret = domain_normalize(normal, bad[i], &err);
        if (ret != ERR_MALFORMED) {
            fprintf(stderr, "taken: %s\n", bad[i]);
        }
        CU_ASSERT_EQUAL(ret, ERR_MALFORMED);
        CU_ASSERT_NOT_EQUAL(err.text[0], '\0');
        CU_ASSERT_PTR_NULL(strpbrk(err.text, "\n\x7f"));
    }
    memset(big, 'a', 100000);
    big[100000] = '\0';
    CU_ASSERT_EQUAL(domain_normalize(normal, big, &err), ERR_MALFORMED);
    memset(big, 0xc3, 1);
    memset(big + 1, 0xb8, 1);
    CU_ASSERT_EQUAL(domain_normalize(normal, big, &err), ERR_MALFORMED);
    free(big);
}

static void test_owner(void)
{
    char normal[LIMIT_DOMAIN_TEXT + 1];

    CU_ASSERT_EQUAL(domain_normalize_owner(normal, "_ACME.example.", NULL), 0);
    CU_ASSERT_STRING_EQUAL(normal, "_acme.example");
    CU_ASSERT_EQUAL(domain_normalize_owner(normal, "*.example", NULL), ERR_MALFORMED);
    CU_ASSERT_EQUAL(domain_normalize_owner(normal, "a b", NULL), ERR_MALFORMED);
}

static void test_parse(void)
{
    struct domainsets sets;

    CU_ASSERT_EQUAL(
        domainsets_parse(&sets, " ;b.example , A.example,a.example. ;; c.example;", NULL), 0);
    CU_ASSERT_EQUAL_FATAL(sets.count, 2);
    CU_ASSERT_EQUAL_FATAL(sets.sets[0].count, 2);
    CU_ASSERT_STRING_EQUAL(sets.sets[0].names[0], "a.example");
    CU_ASSERT_STRING_EQUAL(sets.sets[0].names[1], "b.example");
    CU_ASSERT_STRING_EQUAL(sets.sets[1].names[0], "c.example");
    domainsets_clear(&sets);
    CU_ASSERT_EQUAL(domainsets_parse(&sets, "", NULL), 0);
    CU_ASSERT_EQUAL(sets.count, 0);
    domainsets_clear(&sets);
}

static void test_parse_refused(void)
{
    static const char *const bad[] = {"a.example,,b.example", ",", "a.example,",
                                      "a.example;bad name", "a.example b.example"};
    struct domainsets sets;
    struct err err = {0};
    char *big = malloc(LIMIT_DOMAINSETS + 2);

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_EQUAL(domainsets_parse(&sets, bad[i], &err), ERR_MALFORMED);
        CU_ASSERT_EQUAL(sets.count, 0);
    }
    CU_ASSERT_EQUAL(domainsets_parse(&sets, "ok.example;wr_ong.example", &err), ERR_MALFORMED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "wr_ong.example"));
    memset(big, ' ', LIMIT_DOMAINSETS + 1);
    big[LIMIT_DOMAINSETS + 1] = '\0';
    CU_ASSERT_EQUAL(domainsets_parse(&sets, big, &err), ERR_LIMIT);
    for (size_t i = 0; i < LIMIT_SETS + 1; i++) {
        memcpy(big + i * 2, "a;", 3);
    }
    CU_ASSERT_EQUAL(domainsets_parse(&sets, big, &err), ERR_LIMIT);
    free(big);
}

static int permit(const char *text, const char *a, const char *b, struct err *err)
{
    char first[64], second[64], *names[] = {first, second};
    struct domainsets sets;
    int ret = domainsets_parse(&sets, text, err);

    snprintf(first, sizeof(first), "%s", a != NULL ? a : "");
    snprintf(second, sizeof(second), "%s", b != NULL ? b : "");
    if (ret == 0) {
        ret = domainsets_permit(&sets, names, b != NULL ? 2 : a != NULL, err);
        domainsets_clear(&sets);
    }
    return ret;
}

static void test_permit(void)
{
    const char *text = "b.example,a.example,*.a.example;c.example";
    struct err err = {0};

    CU_ASSERT_EQUAL(permit(text, "a.example", "b.example", &err), 0);
    CU_ASSERT_EQUAL(permit(text, "b.example", "a.example", &err), 0);
    CU_ASSERT_EQUAL(permit(text, "*.a.example", "a.example", &err), 0);
    CU_ASSERT_EQUAL(permit(text, "c.example", NULL, &err), 0);
    CU_ASSERT_EQUAL(permit("p\xc3\xb8lse.example", "xn--plse-gra.example", NULL, &err), 0);

    CU_ASSERT_EQUAL(permit(text, "*.b.example", NULL, &err), ERR_POLICY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "*.b.example is not permitted"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "*.a.example, a.example, b.example; c.example"));
    /* what a wildcard covers is not permitted by it */
    CU_ASSERT_EQUAL(permit(text, "www.a.example", NULL, &err), ERR_POLICY);
    CU_ASSERT_EQUAL(permit(text, "a.example", "evil.example", &err), ERR_POLICY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "evil.example is not permitted"));
    CU_ASSERT_EQUAL(permit(text, "a.example", "c.example", &err), ERR_POLICY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "no single domain set"));
    CU_ASSERT_EQUAL(permit("", "a.example", NULL, &err), ERR_POLICY);
    CU_ASSERT_EQUAL(permit(text, NULL, NULL, &err), ERR_POLICY);
}

static void test_long_list(void)
{
    char text[100 * 40] = "";
    size_t len = 0;
    struct err err = {0};

    for (int i = 0; i < 99; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%shost-number-%d.example",
                                i > 0 ? "," : "", i);
    }
    CU_ASSERT_EQUAL(permit(text, "x.example", NULL, &err), ERR_POLICY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, ", ..."));
}

int main(void)
{
    static const struct run_case cases[] = {
        {"names have one normal form", test_normal_form},
        {"what is no host's name is refused", test_refused},
        {"owner names may hold underscores", test_owner},
        {"sets are sorted and without doubles", test_parse},
        {"bad sets are refused by name", test_parse_refused},
        {"permission is by one set, wildcards by name", test_permit},
        {"a long list is cut", test_long_list},
    };

    return RUN("domainset", cases);
}
