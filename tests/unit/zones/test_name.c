/*
 * Owner names: text and wire, limits, case, and the canonical order of RFC 4034 6.1.
 */
#include <string.h>

#include "tests/unit/common/run.h"
#include "tests/unit/zones/support.h"
#include "zones/name.h"

static int parse(uint8_t *wire, const char *text)
{
    return name_from_text(wire, text);
}

static void test_from_text(void)
{
    uint8_t wire[LIMIT_NAME_WIRE];

    CU_ASSERT_EQUAL(parse(wire, "a.bc"), 6);
    CU_ASSERT_EQUAL(memcmp(wire, "\1a\2bc", 6), 0);
    CU_ASSERT_EQUAL(parse(wire, "a.bc."), 6);
    CU_ASSERT_EQUAL(parse(wire, "."), 1);
    CU_ASSERT_EQUAL(wire[0], 0);
    CU_ASSERT_EQUAL(parse(wire, "MiXed"), 7);
    CU_ASSERT_EQUAL(memcmp(wire, "\5MiXed", 7), 0);
    CU_ASSERT_EQUAL(parse(wire, "a\\.b"), 5);
    CU_ASSERT_EQUAL(memcmp(wire, "\3a.b", 5), 0);
    CU_ASSERT_EQUAL(parse(wire, "\\000\\255\\\\"), 5);
    CU_ASSERT_EQUAL(memcmp(wire, "\3\0\377\\", 5), 0);
    CU_ASSERT_EQUAL(parse(wire, "a\\."), 4);
}

static void test_from_text_refuses(void)
{
    static const char *const bad[] = {"",    "..",   ".a",    "a..b",  "a..",   "\\",   "a\\",
                                      "\\1", "\\12", "\\256", "\\999", "\\1a2", "a.\\3"};
    uint8_t wire[LIMIT_NAME_WIRE];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CU_ASSERT_EQUAL(parse(wire, bad[i]), ERR_MALFORMED);
}

static void test_limits(void)
{
    struct {
        uint8_t wire[LIMIT_NAME_WIRE];
        uint8_t guard;
    } out = {.guard = 0xaa};
    char text[600];

    memset(text, 'a', sizeof(text));
    text[63] = '\0';
    CU_ASSERT_EQUAL(parse(out.wire, text), 65);
    text[63] = 'a';
    text[64] = '\0';
    CU_ASSERT_EQUAL(parse(out.wire, text), ERR_LIMIT);
    for (size_t len = 1; len < 400; len++) {
        memset(text, 'a', sizeof(text));
        for (size_t dot = 50; dot < len - 1; dot += 51) {
            text[dot] = '.';
        }
        text[len] = '\0';
        CU_ASSERT_EQUAL(parse(out.wire, text), len <= 253 ? (int)len + 2 : ERR_LIMIT);
    }
    /* The most labels there can be, and the longest text. */
    for (size_t i = 0; i < 254; i++) {
        text[i] = i % 2 == 0 ? 'x' : '.';
    }
    text[253] = '\0';
    CU_ASSERT_EQUAL(parse(out.wire, text), 255);
    CU_ASSERT_EQUAL(name_labels(out.wire), 127);
    CU_ASSERT_EQUAL(out.guard, 0xaa);

    uint8_t wire[LIMIT_NAME_WIRE] = {0};
    size_t pos = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t len = i < 3 ? 63 : 61;
        wire[pos] = len;
        pos += 1 + (size_t)len;
    }
    char longest[LIMIT_NAME_TEXT];
    uint8_t again[LIMIT_NAME_WIRE];
    CU_ASSERT_EQUAL(name_len(wire), 255);
    name_to_text(longest, wire);
    CU_ASSERT_EQUAL(strlen(longest), 250 * 4 + 3);
    CU_ASSERT_EQUAL(parse(again, longest), 255);
    CU_ASSERT_EQUAL(memcmp(wire, again, 255), 0);
}

static void test_to_text(void)
{
    static const char *const texts[] = {
        ".",          "a.bc", "a\\.b.c", "\\000\\255.x", "\\\"\\(\\)\\;\\@\\$\\\\",
        "sp\\032ace", "*.a",  "_x-y"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        uint8_t wire[LIMIT_NAME_WIRE];
        char text[LIMIT_NAME_TEXT];
        CU_ASSERT_FATAL(parse(wire, texts[i]) > 0);
        name_to_text(text, wire);
        CU_ASSERT_STRING_EQUAL(text, texts[i]);
    }
}

static void test_measure(void)
{
    uint8_t wire[300] = {0};

    CU_ASSERT_EQUAL(name_measure(wire, 0), ERR_MALFORMED);
    CU_ASSERT_EQUAL(name_measure(wire, 1), 1);
    CU_ASSERT_EQUAL(name_measure((const uint8_t *)"\1a\2bc", 6), 6);
    for (size_t len = 0; len < 6; len++)
        CU_ASSERT_EQUAL(name_measure((const uint8_t *)"\1a\2bc", len), ERR_MALFORMED);
    CU_ASSERT_EQUAL(name_measure((const uint8_t *)"\xc0\x0c", 3), ERR_MALFORMED);
    CU_ASSERT_EQUAL(name_measure((const uint8_t *)"\x40", 2), ERR_MALFORMED);
    for (size_t i = 0; i < 254; i += 2) {
        wire[i] = 1;
    }
    CU_ASSERT_EQUAL(name_measure(wire, sizeof(wire)), 255);
    wire[254] = 1;
    CU_ASSERT_EQUAL(name_measure(wire, sizeof(wire)), ERR_MALFORMED);
}

static void test_case(void)
{
    uint8_t a[LIMIT_NAME_WIRE], b[LIMIT_NAME_WIRE];

    parse(a, "WWW.Example.COM");
    parse(b, "www.example.com");
    CU_ASSERT_TRUE(name_equal(a, b));
    CU_ASSERT_EQUAL(name_lower(a, a), 17);
    CU_ASSERT_EQUAL(memcmp(a, b, 17), 0);
    parse(b, "www.example.co");
    CU_ASSERT_FALSE(name_equal(a, b));
    /* Only ASCII letters fold (RFC 4343 3). */
    parse(a, "\\193[");
    parse(b, "\\225{");
    CU_ASSERT_FALSE(name_equal(a, b));
}

static bool within(const char *name, const char *apex)
{
    uint8_t a[LIMIT_NAME_WIRE], b[LIMIT_NAME_WIRE];

    parse(a, name);
    parse(b, apex);
    return name_within(a, b);
}

static void test_within(void)
{
    CU_ASSERT_TRUE(within("a.B.c", "b.C"));
    CU_ASSERT_TRUE(within("b.c", "b.c"));
    CU_ASSERT_TRUE(within("b.c", "."));
    CU_ASSERT_TRUE(within(".", "."));
    CU_ASSERT_FALSE(within("c", "b.c"));
    CU_ASSERT_FALSE(within("xb.c", "b.c"));
    CU_ASSERT_FALSE(within(".", "c"));
    /* The same octets, but not at a label's beginning. */
    CU_ASSERT_FALSE(within("a\\001b\\001c", "b.c"));
    CU_ASSERT_FALSE(within("xx\\001c", "c"));
}

static void test_parent(void)
{
    uint8_t wire[LIMIT_NAME_WIRE];

    parse(wire, "a.b");
    const uint8_t *parent = name_parent(wire);
    CU_ASSERT_EQUAL(memcmp(parent, "\1b", 3), 0);
    CU_ASSERT_PTR_NULL(name_parent(name_parent(parent)));
}

static int compare(const char *left, const char *right)
{
    uint8_t a[LIMIT_NAME_WIRE], b[LIMIT_NAME_WIRE], ka[NAME_KEY_MAX], kb[NAME_KEY_MAX];

    parse(a, left);
    parse(b, right);
    size_t la = name_key(ka, a), lb = name_key(kb, b);
    int order = memcmp(ka, kb, la < lb ? la : lb);
    return order != 0 ? order : (la > lb) - (la < lb);
}

static void test_canonical_order(void)
{
    /* The example of RFC 4034 6.1, and the root before it all. */
    static const char *const order[] = {
        ".",           "example",        "a.example", "yljkjljk.a.example",
        "Z.a.example", "zABC.a.EXAMPLE", "z.example", "\\001.z.example",
        "*.z.example", "\\200.z.example"};
    for (size_t i = 0; i < 10; i++) {
        for (size_t j = 0; j < 10; j++)
            CU_ASSERT_EQUAL(compare(order[i], order[j]) < 0, i < j);
    }
    CU_ASSERT_EQUAL(compare("A.b", "a.B"), 0);
    /* Absent sorts before 0, which sorts before 1 (left-justified octets). */
    CU_ASSERT_TRUE(compare("a.z", "a\\000.z") < 0);
    CU_ASSERT_TRUE(compare("a\\000.z", "a\\000\\000.z") < 0);
    CU_ASSERT_TRUE(compare("a\\000\\255.z", "a\\001.z") < 0);
    CU_ASSERT_TRUE(compare("a\\001.z", "a\\002.z") < 0);
    CU_ASSERT_TRUE(compare("x.a.z", "a\\000.z") < 0);
    CU_ASSERT_TRUE(compare("\\000", "\\001") < 0);
}

/* Octet by octet as RFC 4034 6.1 says it, slowly. */
static int compare_slowly(const uint8_t *a, const uint8_t *b)
{
    unsigned na = name_labels(a), nb = name_labels(b);

    for (unsigned i = 1; i <= na && i <= nb; i++) {
        const uint8_t *la = a, *lb = b;
        for (unsigned j = 0; j < na - i; j++) {
            la = name_parent(la);
        }
        for (unsigned j = 0; j < nb - i; j++) {
            lb = name_parent(lb);
        }
        for (unsigned k = 1; k <= la[0] && k <= lb[0]; k++) {
            if (la[k] != lb[k]) {
                return la[k] - lb[k];
            }
        }
        if (la[0] != lb[0]) {
            return la[0] - lb[0];
        }
    }
    return (int)na - (int)nb;
}

static void random_name(uint8_t *name, uint64_t *state)
{
    unsigned labels = next_random(state) % 4;

    while (labels-- > 0) {
        uint8_t len = (uint8_t)(1 + next_random(state) % 3);
        *name++ = len;
        for (uint8_t i = 0; i < len; i++) {
            *name++ = (uint8_t)(next_random(state) % 4);
        }
    }
    *name = 0;
}

static void test_order_of_random_names(void)
{
    uint64_t state = 1;

    for (int i = 0; i < 20000; i++) {
        uint8_t a[16], b[16], ka[NAME_KEY_MAX], kb[NAME_KEY_MAX];
        random_name(a, &state);
        random_name(b, &state);
        size_t la = name_key(ka, a), lb = name_key(kb, b);
        int order = memcmp(ka, kb, la < lb ? la : lb);
        if (order == 0) {
            order = (la > lb) - (la < lb);
        }
        int slow = compare_slowly(a, b);
        CU_ASSERT_EQUAL(order < 0, slow < 0);
        CU_ASSERT_EQUAL(order > 0, slow > 0);
    }
}

static void test_longest_key(void)
{
    uint8_t wire[LIMIT_NAME_WIRE] = {0}, key[NAME_KEY_MAX];

    for (size_t pos = 0; pos < 254; pos += 64) {
        wire[pos] = pos < 192 ? 63 : 61; /* labels of zeros, each of which takes two octets */
    }
    CU_ASSERT_EQUAL(name_key(key, wire), 2 * 250 + 4);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"text to wire", test_from_text},
        {"bad text is refused", test_from_text_refuses},
        {"limits to the octet", test_limits},
        {"wire to text and back", test_to_text},
        {"measuring foreign octets", test_measure},
        {"case", test_case},
        {"within", test_within},
        {"parent", test_parent},
        {"canonical order, RFC 4034 6.1", test_canonical_order},
        {"canonical order of random names", test_order_of_random_names},
        {"the longest key", test_longest_key},
    };
    return RUN("name", tests);
}
