/*
 * An image that is full: the walk stops at the end of its room, wherever that is.
 */
#include <stdlib.h>

#include "tests/unit/common/run.h"
#include "tests/unit/zones/support.h"
#include "zones/image_writer.h"

/* What the walk needs of a room of cap octets, or its error. */
static int walk(struct zone *zone, size_t cap)
{
    struct image_writer w = {.base = calloc(1, cap),
                             .pos = sizeof(struct image_header) + sizeof(struct image_zone),
                             .cap = cap,
                             .zones = &zone,
                             .zone_count = 1};

    CU_ASSERT_PTR_NOT_NULL_FATAL(w.base);
    int ret = image_walk_zone(&w, 0);
    CU_ASSERT_TRUE(w.pos <= cap);
    free(w.base);
    return ret < 0 ? ret : (int)w.pos;
}

static void test_full(void)
{
    struct zone *zone =
        zone_of(APEX, PREAMBLE "a.b.c A 192.0.2.1\n*.c MX 1 x\nt TXT x\nd DNAME e.\n", 0);

    add(zone, "x.y." APEX, "one", 1, 1);
    add(zone, "x.y." APEX, "two", 1, 1);
    add(zone, "t." APEX, "three", 1, 1);
    int need = walk(zone, 4096);
    CU_ASSERT_TRUE_FATAL(need > 0);
    for (size_t cap = sizeof(struct image_header) + sizeof(struct image_zone); cap < 1024; cap++) {
        CU_ASSERT_EQUAL(walk(zone, cap), cap < (size_t)need ? ERR_LIMIT : need);
    }
    zone_free(zone);
}

int main(void)
{
    static const struct run_case tests[] = {{"every size of room", test_full}};
    return RUN("image_walk", tests);
}
