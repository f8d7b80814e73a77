/*
 * The editable zone: sets of values, their owners and their expiry.
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/common/run.h"
#include "tests/unit/zones/support.h"

#define TXT 16

static void test_set(void)
{
    struct zone *zone = zone_of(APEX, PREAMBLE, 0);

    CU_ASSERT_EQUAL(zone_next_expiry(zone), INT64_MAX);
    CU_ASSERT_EQUAL(add(zone, "a." APEX, "one", 1, 100), 1);
    CU_ASSERT_EQUAL(add(zone, "a." APEX, "one", 1, 100), 0);
    CU_ASSERT_EQUAL(add(zone, "A.acme.EXAMPLE.com", "one", 1, 50), 0);
    CU_ASSERT_EQUAL(add(zone, "a." APEX, "One", 1, 100), 1);
    CU_ASSERT_EQUAL(add(zone, "a." APEX, "on", 1, 100), 1);
    CU_ASSERT_EQUAL(zone_challenge_count(zone), 3);
    CU_ASSERT_EQUAL(take(zone, "a." APEX, "ONE", 1), 0);
    CU_ASSERT_EQUAL(take(zone, "a." APEX, "one", 2), 0);
    CU_ASSERT_EQUAL(take(zone, "b." APEX, "one", 1), 0);
    CU_ASSERT_EQUAL(take(zone, "elsewhere.example", "one", 1), 0);
    CU_ASSERT_EQUAL(take(zone, "A." APEX, "one", 1), 1);
    CU_ASSERT_EQUAL(take(zone, "a." APEX, "one", 1), 0);
    CU_ASSERT_EQUAL(zone_challenge_count(zone), 2);
    zone_free(zone);
}

static void test_owners(void)
{
    struct zone *zone = zone_of(APEX, PREAMBLE, 0);

    CU_ASSERT_EQUAL(add(zone, "a." APEX, "v", 1, 100), 1);
    CU_ASSERT_EQUAL(add(zone, "a." APEX, "v", 2, 100), 0);
    CU_ASSERT_EQUAL(add(zone, "b." APEX, "v", 2, 100), 1);
    CU_ASSERT_EQUAL(add(zone, "b." APEX, "w", UINT64_MAX, 100), 1);
    CU_ASSERT_EQUAL(add(zone, "b." APEX, "x", 0, 100), 1);
    CU_ASSERT_EQUAL(take(zone, "a." APEX, "v", 1), 0);
    CU_ASSERT_EQUAL(zone_challenge_count(zone), 4);
    CU_ASSERT_EQUAL(take(zone, "a." APEX, "v", 2), 1);
    CU_ASSERT_EQUAL(add(zone, "a." APEX, "v", 2, 100), 1);
    CU_ASSERT_EQUAL(zone_remove_owner(zone, 3), 0);
    CU_ASSERT_EQUAL(zone_remove_owner(zone, 2), 2);
    CU_ASSERT_EQUAL(zone_remove_owner(zone, 2), 0);
    CU_ASSERT_EQUAL(zone_remove_owner(zone, UINT64_MAX), 1);
    CU_ASSERT_EQUAL(zone_remove_owner(zone, 0), 1);
    CU_ASSERT_EQUAL(zone_challenge_count(zone), 0);
    CU_ASSERT_EQUAL(zone_next_expiry(zone), INT64_MAX);
    zone_free(zone);
}

static void test_shared_value_outlives_one_owner(void)
{
    struct zone *zone = zone_of(APEX, PREAMBLE, 0);

    add(zone, "a." APEX, "v", 1, 100);
    add(zone, "a." APEX, "v", 2, 100);
    CU_ASSERT_EQUAL(zone_remove_owner(zone, 1), 0);
    CU_ASSERT_EQUAL(zone_challenge_count(zone), 1);
    CU_ASSERT_EQUAL(zone_remove_owner(zone, 2), 1);
    zone_free(zone);
}

static void test_expiry(void)
{
    struct zone *zone = zone_of(APEX, PREAMBLE, 0);

    add(zone, "a." APEX, "v", 1, 100);
    add(zone, "a." APEX, "w", 1, 90);
    add(zone, "b." APEX, "v", 1, 90);
    CU_ASSERT_EQUAL(zone_next_expiry(zone), 90);
    CU_ASSERT_EQUAL(zone_expire(zone, 89), 0);
    /* The latest counts. */
    CU_ASSERT_EQUAL(add(zone, "b." APEX, "v", 2, 95), 0);
    CU_ASSERT_EQUAL(add(zone, "b." APEX, "v", 2, 10), 0);
    CU_ASSERT_EQUAL(zone_expire(zone, 90), 1);
    CU_ASSERT_EQUAL(zone_next_expiry(zone), 95);
    CU_ASSERT_EQUAL(zone_expire(zone, 99), 1);
    CU_ASSERT_EQUAL(zone_remove_owner(zone, 2), 0);
    CU_ASSERT_EQUAL(zone_expire(zone, INT64_MAX), 1);
    CU_ASSERT_EQUAL(zone_challenge_count(zone), 0);
    add(zone, "a." APEX, "never", 1, INT64_MAX);
    CU_ASSERT_EQUAL(zone_expire(zone, INT64_MAX), 1);
    CU_ASSERT_EQUAL(zone_expire(zone, INT64_MAX), 0);
    zone_free(zone);
}

static void test_refused(void)
{
    struct zone *zone = zone_of(APEX,
                                PREAMBLE "alias CNAME www.example.net.\n"
                                         "cut NS ns.example.net.\n"
                                         "moved DNAME elsewhere.example.\n",
                                0);
    char value[LIMIT_CHALLENGE_TXT + 2];

    CU_ASSERT_EQUAL(add(zone, "a.example.com", "v", 1, 1), ERR_RANGE);
    CU_ASSERT_EQUAL(add(zone, "example.com", "v", 1, 1), ERR_RANGE);
    CU_ASSERT_EQUAL(add(zone, "xacme.example.com", "v", 1, 1), ERR_RANGE);
    CU_ASSERT_EQUAL(add(zone, "*." APEX, "v", 1, 1), ERR_RANGE);
    CU_ASSERT_EQUAL(add(zone, "alias." APEX, "v", 1, 1), ERR_EXISTS);
    CU_ASSERT_EQUAL(add(zone, "ALIAS." APEX, "v", 1, 1), ERR_EXISTS);
    CU_ASSERT_EQUAL(add(zone, "cut." APEX, "v", 1, 1), ERR_EXISTS);
    CU_ASSERT_EQUAL(add(zone, "x.y.cut." APEX, "v", 1, 1), ERR_EXISTS);
    CU_ASSERT_EQUAL(add(zone, "x.moved." APEX, "v", 1, 1), ERR_EXISTS);
    CU_ASSERT_EQUAL(add(zone, "moved." APEX, "v", 1, 1), 1);
    CU_ASSERT_EQUAL(add(zone, "x.alias." APEX, "v", 1, 1), 1);
    CU_ASSERT_EQUAL(add(zone, APEX, "v", 1, 1), 1);

    CU_ASSERT_EQUAL(add(zone, "a." APEX, "", 1, 1), ERR_LIMIT);
    memset(value, 'v', sizeof(value));
    value[LIMIT_CHALLENGE_TXT + 1] = '\0';
    CU_ASSERT_EQUAL(add(zone, "a." APEX, value, 1, 1), ERR_LIMIT);
    CU_ASSERT_EQUAL(zone_challenge_count(zone), 3);
    value[LIMIT_CHALLENGE_TXT] = '\0';
    CU_ASSERT_EQUAL(add(zone, "a." APEX, value, 1, 1), 1);
    CU_ASSERT_EQUAL(take(zone, "a." APEX, value, 1), 1);
    zone_free(zone);
}

static void test_limits(void)
{
    struct zone *zone = zone_of(APEX, PREAMBLE, 0);
    char value[16];

    for (int i = 0; i < LIMIT_VALUES_PER_NAME; i++) {
        snprintf(value, sizeof(value), "v%d", i);
        CU_ASSERT_EQUAL(add(zone, "a." APEX, value, 1, 100), 1);
    }
    CU_ASSERT_EQUAL(add(zone, "a." APEX, "one more", 1, 100), ERR_LIMIT);
    CU_ASSERT_EQUAL(add(zone, "a." APEX, "v0", 1, 100), 0);
    CU_ASSERT_EQUAL(add(zone, "b." APEX, "one more", 1, 100), 1);
    for (uint64_t owner = 1; owner <= LIMIT_ORDERS; owner++)
        CU_ASSERT_TRUE(add(zone, "c." APEX, "v", owner, 100) >= 0);
    CU_ASSERT_EQUAL(add(zone, "c." APEX, "v", LIMIT_ORDERS + 1, 100), ERR_LIMIT);

    struct image image = image_of(&zone, 1);
    CU_ASSERT_EQUAL(records(&image, "a." APEX, TXT), LIMIT_VALUES_PER_NAME);
    image_unmap(&image);
    CU_ASSERT_EQUAL(zone_remove_owner(zone, 1), LIMIT_VALUES_PER_NAME + 1);
    CU_ASSERT_EQUAL(zone_challenge_count(zone), 1);
    zone_free(zone);
}

/* A number in as many octets as fit. */
static const char *long_value(unsigned number)
{
    static char value[LIMIT_CHALLENGE_TXT + 1];

    snprintf(value, sizeof(value), "%0*u", LIMIT_CHALLENGE_TXT, number);
    return value;
}

#define LONG_RR (12 + 1 + LIMIT_CHALLENGE_TXT) /* octets of its record in an answer */

/* What is at one name goes into one message, with the static records there (RFC 2181 5, 9). */
static void test_message(void)
{
    struct zone *zone = zone_of(APEX, PREAMBLE "s TXT \"ten octets\"\ns A 192.0.2.1\n", 0);
    const unsigned fit = LIMIT_RRSET / LONG_RR;
    size_t len;

    for (unsigned i = 0; i < fit; i++) {
        CU_ASSERT_EQUAL(add(zone, "a." APEX, long_value(i), 1, 100), 1);
        CU_ASSERT_EQUAL(add(zone, "s." APEX, long_value(i), 1, 100), 1);
    }
    CU_ASSERT_EQUAL(add(zone, "a." APEX, long_value(fit), 1, 100), ERR_LIMIT);
    CU_ASSERT_EQUAL(add(zone, "s." APEX, long_value(fit), 1, 100), ERR_LIMIT);
    CU_ASSERT_EQUAL(add(zone, "a." APEX, long_value(0), 2, 100), 0); /* it is there */
    /* to the octet: a short one still fits */
    char rest[LIMIT_CHALLENGE_TXT + 1] = "";
    memset(rest, 'r', LIMIT_RRSET % LONG_RR - 13 + 1);
    CU_ASSERT_EQUAL(add(zone, "a." APEX, rest, 1, 100), ERR_LIMIT);
    rest[LIMIT_RRSET % LONG_RR - 13] = '\0';
    CU_ASSERT_EQUAL(add(zone, "s." APEX, rest, 1, 100), ERR_LIMIT); /* has ten octets less */
    CU_ASSERT_EQUAL(add(zone, "a." APEX, rest, 1, 100), 1);
    struct image image = image_of(&zone, 1);
    (void)image_rrset_wire(image_node_rrset(&image, look(&image, "a." APEX).node, TXT), &len);
    CU_ASSERT_EQUAL(len, LIMIT_RRSET);
    image_unmap(&image);
    CU_ASSERT_EQUAL(take(zone, "a." APEX, long_value(1), 1), 1);
    CU_ASSERT_EQUAL(add(zone, "a." APEX, long_value(fit), 1, 100), 1);
    zone_free(zone);
}

/* A static part that came later leaves room for some of the values only: the image holds those. */
static void test_message_replace(void)
{
    struct zone *zone = zone_of(APEX, PREAMBLE, 0);
    const unsigned fit = LIMIT_RRSET / LONG_RR;
    char text[sizeof(PREAMBLE) + LIMIT_CHALLENGE_TXT + 16];
    struct zone_static *s;
    struct err err = {0};
    size_t len;

    for (unsigned i = 0; i < fit; i++) {
        add(zone, "a." APEX, long_value(i), 1, 100);
    }
    add(zone, "a." APEX, "short", 1, 100);
    snprintf(text, sizeof(text), PREAMBLE "a TXT \"%s\"\n", long_value(fit));
    CU_ASSERT_EQUAL_FATAL(zone_static_parse(&s, APEX, "f", text, strlen(text), &err), 0);
    CU_ASSERT_EQUAL(zone_replace_static(zone, s, 5), 0);
    struct image image = image_of(&zone, 1);
    const struct image_rrset *txt = image_node_rrset(&image, look(&image, "a." APEX).node, TXT);
    (void)image_rrset_wire(txt, &len);
    CU_ASSERT_TRUE(len <= LIMIT_RRSET);
    CU_ASSERT_EQUAL(image_rrset_count(txt), 1 + 1 + fit - 1); /* one of the long ones is out */
    image_unmap(&image);
    zone_free(zone);
}

static void test_replace(void)
{
    struct zone *zone = zone_of(APEX, PREAMBLE, 0), *donor;
    struct zone_static *s;
    struct err err = {0};
    static const char with_cname[] =
        PREAMBLE "a CNAME b\nnew A 192.0.2.1\nmoved DNAME x.example.\n";

    add(zone, "a." APEX, "v", 1, 100);
    add(zone, "b." APEX, "v", 1, 100);
    add(zone, "x.y.moved." APEX, "v", 1, 100);
    CU_ASSERT_EQUAL_FATAL(
        zone_static_parse(&s, "other.example", "f", PREAMBLE, strlen(PREAMBLE), &err), 0);
    CU_ASSERT_EQUAL(zone_replace_static(zone, s, 5), ERR_RANGE);
    zone_static_free(s);
    CU_ASSERT_EQUAL_FATAL(
        zone_static_parse(&s, "ACME.example.com.", "f", with_cname, strlen(with_cname), &err), 0);
    CU_ASSERT_EQUAL(zone_replace_static(zone, s, UINT32_MAX), ERR_RANGE);
    CU_ASSERT_EQUAL(zone_replace_static(zone, s, 5), 0);
    CU_ASSERT_EQUAL(zone_challenge_count(zone), 3);

    /* What is in a value's way wins; the value comes back with its place. */
    struct image image = image_of(&zone, 1);
    CU_ASSERT_EQUAL(records(&image, "a." APEX, TXT), 0);
    CU_ASSERT_EQUAL(records(&image, "a." APEX, 5), 1);
    CU_ASSERT_EQUAL(records(&image, "new." APEX, 1), 1);
    CU_ASSERT_EQUAL(records(&image, "b." APEX, TXT), 1);
    CU_ASSERT_TRUE(finds(&image, "x.y.moved." APEX, IMAGE_DNAME, "moved." APEX));
    struct image_result b = look(&image, "b." APEX);
    CU_ASSERT_EQUAL(image_rrset_ttl(image_node_rrset(&image, b.node, TXT)), 5);
    image_unmap(&image);

    CU_ASSERT_EQUAL_FATAL(zone_static_parse(&s, APEX, "f", PREAMBLE, strlen(PREAMBLE), &err), 0);
    CU_ASSERT_EQUAL(zone_replace_static(zone, s, 0), 0);
    image = image_of(&zone, 1);
    CU_ASSERT_EQUAL(records(&image, "a." APEX, TXT), 1);
    CU_ASSERT_EQUAL(records(&image, "x.y.moved." APEX, TXT), 1);
    image_unmap(&image);
    zone_free(zone);

    CU_ASSERT_EQUAL_FATAL(zone_static_parse(&s, APEX, "f", PREAMBLE, strlen(PREAMBLE), &err), 0);
    CU_ASSERT_EQUAL(zone_new(&donor, s, UINT32_MAX), ERR_RANGE);
    zone_static_free(s);
    zone_free(NULL);
    zone_static_free(NULL);
}

struct seen {
    char text[1024];
};

static void see(void *arg, const uint8_t *name, const char *value, uint64_t owner, int64_t expires)
{
    struct seen *seen = arg;
    char text[LIMIT_NAME_TEXT], line[LIMIT_NAME_TEXT + 64];

    name_to_text(text, name);
    snprintf(line, sizeof(line), "%s %s %u %d\n", text, value, (unsigned)owner, (int)expires);
    strcat(seen->text, line);
}

static void test_each(void)
{
    struct zone *zone = zone_of("z", PREAMBLE, 0);
    struct seen seen = {""};

    zone_each_challenge(zone, see, &seen);
    CU_ASSERT_STRING_EQUAL(seen.text, "");
    add(zone, "B.z", "v", 1, 10);
    add(zone, "a.b.z", "v", 2, 20);
    add(zone, "c.z", "v", 3, 30);
    add(zone, "z.a.z", "v", 4, 40);
    zone_each_challenge(zone, see, &seen);
    CU_ASSERT_STRING_EQUAL(seen.text, "z.a.z v 4 40\nb.z v 1 10\na.b.z v 2 20\nc.z v 3 30\n");
    zone_free(zone);
}

/* A hundred names and values at random against plain arrays. */
#define MODEL_NAMES  12
#define MODEL_VALUES 6
#define MODEL_OWNERS 5

struct model {
    bool held[MODEL_NAMES][MODEL_VALUES][MODEL_OWNERS];
    int64_t expires[MODEL_NAMES][MODEL_VALUES];
};

static bool model_live(const struct model *m, int n, int v)
{
    for (int o = 0; o < MODEL_OWNERS; o++) {
        if (m->held[n][v][o]) {
            return true;
        }
    }
    return false;
}

static size_t model_count(const struct model *m)
{
    size_t count = 0;

    for (int n = 0; n < MODEL_NAMES; n++) {
        for (int v = 0; v < MODEL_VALUES; v++) {
            count += model_live(m, n, v);
        }
    }
    return count;
}

static size_t model_expire(struct model *m, int64_t now)
{
    size_t before = model_count(m);

    for (int n = 0; n < MODEL_NAMES; n++) {
        for (int v = 0; v < MODEL_VALUES; v++) {
            if (m->expires[n][v] <= now) {
                memset(m->held[n][v], 0, sizeof(m->held[n][v]));
            }
        }
    }
    return before - model_count(m);
}

static size_t model_remove_owner(struct model *m, int o)
{
    size_t before = model_count(m);

    for (int n = 0; n < MODEL_NAMES; n++) {
        for (int v = 0; v < MODEL_VALUES; v++) {
            m->held[n][v][o] = false;
        }
    }
    return before - model_count(m);
}

static void model_step(struct zone *zone, struct model *m, uint64_t *random)
{
    int n = (int)(next_random(random) % MODEL_NAMES), v = (int)(next_random(random) % MODEL_VALUES);
    int o = (int)(next_random(random) % MODEL_OWNERS);
    int64_t expires = next_random(random) % 1000;
    char name[64], value[8];

    snprintf(name, sizeof(name), "n%d.e%d." APEX, n, n % 3);
    snprintf(value, sizeof(value), "v%d", v);
    bool live = model_live(m, n, v);
    switch (next_random(random) % 20) {
    case 0:
        CU_ASSERT_EQUAL(zone_expire(zone, expires / 4), model_expire(m, expires / 4));
        break;
    case 1:
        CU_ASSERT_EQUAL(zone_remove_owner(zone, (uint64_t)o), model_remove_owner(m, o));
        break;
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
    case 7:
        m->held[n][v][o] = false;
        CU_ASSERT_EQUAL(take(zone, name, value, (uint64_t)o), live && !model_live(m, n, v));
        break;
    default:
        CU_ASSERT_EQUAL(add(zone, name, value, (uint64_t)o, expires), !live);
        m->expires[n][v] = live && m->expires[n][v] > expires ? m->expires[n][v] : expires;
        m->held[n][v][o] = true;
    }
    CU_ASSERT_EQUAL(zone_challenge_count(zone), model_count(m));
}

static void test_model(void)
{
    struct zone *zone = zone_of(APEX, PREAMBLE, 0);
    struct model m = {0};
    uint64_t random = 42;

    for (int i = 0; i < 5000; i++) {
        model_step(zone, &m, &random);
    }
    for (int n = 0; n < MODEL_NAMES; n++) {
        unsigned live = 0;
        char name[64];
        for (int v = 0; v < MODEL_VALUES; v++) {
            live += model_live(&m, n, v);
        }
        snprintf(name, sizeof(name), "n%d.e%d." APEX, n, n % 3);
        struct image image = image_of(&zone, 1);
        CU_ASSERT_EQUAL(records(&image, name, TXT), live);
        image_unmap(&image);
    }
    zone_free(zone);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"a set of values", test_set},
        {"owners", test_owners},
        {"a shared value outlives one owner", test_shared_value_outlives_one_owner},
        {"expiry", test_expiry},
        {"refused", test_refused},
        {"limits", test_limits},
        {"one message", test_message},
        {"one message, and a new static part", test_message_replace},
        {"new static part", test_replace},
        {"each, in canonical order", test_each},
        {"random steps against a model", test_model},
    };
    return RUN("zone", tests);
}
