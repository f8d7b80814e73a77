/*
 * The ordered names: chunks split and join, order and search stay.
 */
#include <stdlib.h>

#include "tests/unit/common/run.h"
#include "tests/unit/zones/support.h"
#include "zones/zone_names.h"

#define NUMBERS 6000

static struct zone_owner_name *make(uint32_t number)
{
    struct zone_owner_name *name = calloc(1, sizeof(*name) + 4);

    CU_ASSERT_PTR_NOT_NULL_FATAL(name);
    name->key_len = 4;
    for (int i = 0; i < 4; i++) {
        name->bytes[i] = (uint8_t)(number >> (24 - 8 * i));
    }
    return name;
}

static uint32_t number_of(const struct zone_owner_name *name)
{
    return (uint32_t)name->bytes[0] << 24 | (uint32_t)name->bytes[1] << 16 |
           (uint32_t)name->bytes[2] << 8 | name->bytes[3];
}

static struct zone_owner_name *find(const struct zone_names *names, uint32_t number)
{
    const uint8_t key[4] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16),
                            (uint8_t)(number >> 8), (uint8_t)number};

    return zone_names_find(names, key, sizeof(key));
}

/* Exactly the numbers that are there, rising. */
static void check(const struct zone_names *names, const bool *there)
{
    struct zone_names_cursor cursor = {0};
    const struct zone_owner_name *name;
    bool same = true;

    for (uint32_t i = 0; i < NUMBERS; i++) {
        if (there[i]) {
            name = zone_names_next(names, &cursor);
            same = same && name != NULL && number_of(name) == i && find(names, i) == name;
        } else {
            same = same && find(names, i) == NULL;
        }
    }
    CU_ASSERT_TRUE(same);
    CU_ASSERT_PTR_NULL(zone_names_next(names, &cursor));
    for (size_t i = 0; i < names->count; i++) {
        CU_ASSERT_TRUE(names->chunks[i].count > 0 && names->chunks[i].count <= ZONE_CHUNK);
    }
}

static void toggle(struct zone_names *names, bool *there, uint32_t number)
{
    if (there[number]) {
        struct zone_owner_name *name = find(names, number);
        CU_ASSERT_PTR_NOT_NULL_FATAL(name);
        zone_names_remove(names, name);
        free(name);
    } else {
        CU_ASSERT_EQUAL(zone_names_insert(names, make(number)), 0);
    }
    there[number] = !there[number];
}

static void drop_all(struct zone_names *names, bool *there)
{
    for (uint32_t i = 0; i < NUMBERS; i++) {
        if (there[i]) {
            toggle(names, there, i);
        }
    }
    CU_ASSERT_EQUAL(names->count, 0);
    zone_names_clear(names);
}

static void test_empty(void)
{
    struct zone_names names = {0};
    struct zone_names_cursor cursor = {0};

    CU_ASSERT_PTR_NULL(find(&names, 1));
    CU_ASSERT_PTR_NULL(zone_names_next(&names, &cursor));
    zone_names_clear(&names);
}

static void test_rising_and_falling(void)
{
    struct zone_names names = {0};
    static bool there[NUMBERS];

    for (uint32_t i = 0; i < NUMBERS; i += 2) {
        toggle(&names, there, i);
    }
    check(&names, there);
    for (uint32_t i = NUMBERS; i-- > 0;) {
        if (i % 2 == 1) {
            toggle(&names, there, i);
        }
    }
    check(&names, there);
    for (uint32_t i = NUMBERS; i-- > 0;) {
        if (i % 100 != 0) {
            toggle(&names, there, i);
        }
    }
    check(&names, there);
    /* Sixty names do not keep many chunks. */
    CU_ASSERT_TRUE(names.count <= 2);
    drop_all(&names, there);
}

static void test_random(void)
{
    struct zone_names names = {0};
    static bool there[NUMBERS];
    uint64_t random = 3;

    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < 1000; i++) {
            toggle(&names, there, next_random(&random) % NUMBERS);
        }
        check(&names, there);
    }
    drop_all(&names, there);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"empty", test_empty},
        {"rising and falling", test_rising_and_falling},
        {"random", test_random},
    };
    return RUN("zone_names", tests);
}
