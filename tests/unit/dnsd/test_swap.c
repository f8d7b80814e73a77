/*
 * Images replaced under working threads: no answer from an image that is gone, none mixed from
 * two. The thread sanitizer watches.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "dnsd/dns.h"
#include "dnsd/query.h"
#include "dnsd/swap.h"
#include "tests/unit/common/run.h"
#include "tests/unit/dnsd/defaults.h"
#include "tests/unit/dnsd/images.h"
#include "tests/unit/dnsd/packets.h"

#define WORKERS 3
#define ROUNDS  300

static void no_wake(void *arg)
{
    (*(int *)arg)++;
}

static void test_steps(void)
{
    struct swap *swap;
    struct err err = {0};
    uint64_t generation, tag;
    bool last;
    int wakes = 0;
    int fds[4];

    for (int i = 0; i < 4; i++) {
        fds[i] = images_simple((uint64_t)i + 1);
    }
    CU_ASSERT_EQUAL_FATAL(swap_new(&swap, 2, no_wake, &wakes), 0);
    CU_ASSERT_PTR_NULL(swap_take(swap, 0, &last));
    CU_ASSERT_FALSE(last || swap_settle(swap, &generation, &tag));
    CU_ASSERT_EQUAL(swap_offer(swap, fds[0], 1, 77, &err), 0);
    CU_ASSERT_EQUAL(wakes, 1);
    CU_ASSERT_EQUAL(swap_take(swap, 0, &last)->generation, 1);
    CU_ASSERT_FALSE(last);
    CU_ASSERT_FALSE(swap_settle(swap, &generation, &tag)); /* worker 1 has not yet */
    CU_ASSERT_EQUAL(swap_offer(swap, fds[1], 2, 78, &err), 0);
    CU_ASSERT_EQUAL(swap_offer(swap, fds[2], 3, 79, &err), 0); /* 2 is passed over */
    CU_ASSERT_EQUAL(wakes, 1);
    CU_ASSERT_EQUAL(swap_take(swap, 0, &last)->generation, 1);
    CU_ASSERT_FALSE(last);
    CU_ASSERT_EQUAL(swap_take(swap, 1, &last)->generation, 1);
    CU_ASSERT_TRUE(last);
    CU_ASSERT_TRUE(swap_settle(swap, &generation, &tag));
    CU_ASSERT_TRUE(generation == 1 && tag == 77);
    CU_ASSERT_EQUAL(wakes, 1);
    swap_advance(swap);
    CU_ASSERT_EQUAL(wakes, 2); /* 3 is on its way */
    CU_ASSERT_FALSE(swap_settle(swap, &generation, &tag));
    swap_advance(swap); /* too early: nothing */
    CU_ASSERT_EQUAL(wakes, 2);
    CU_ASSERT_EQUAL(swap_take(swap, 1, &last)->generation, 3);
    CU_ASSERT_EQUAL(swap_take(swap, 0, &last)->generation, 3);
    CU_ASSERT_TRUE(swap_settle(swap, &generation, &tag));
    CU_ASSERT_TRUE(generation == 3 && tag == 79);
    CU_ASSERT_FALSE(swap_settle(swap, &generation, &tag)); /* once */
    /* refused: the old one stays */
    CU_ASSERT_EQUAL(swap_offer(swap, fds[3], 5, 80, &err), ERR_CORRUPT);
    CU_ASSERT_TRUE(swap_offer(swap, -1, 5, 80, &err) < 0);
    CU_ASSERT_EQUAL(swap_take(swap, 0, &last)->generation, 3);
    CU_ASSERT_FALSE(last);
    CU_ASSERT_EQUAL(swap_offer(swap, fds[3], 4, 80, &err), 0);
    swap_free(swap); /* with a publication under way */
    for (int i = 0; i < 4; i++) {
        close(fds[i]);
    }
}

struct race {
    struct swap *swap;
    size_t index;
    atomic_bool *stop;
    atomic_uint wrong, answers;
};

/* Answers as fast as it can; each answer must carry the generation of the image it came from. */
static void *work(void *arg)
{
    struct race *race = arg;
    struct packet query;

    packet_query(&query, "www.example.org.acme.example", DNS_TYPE_TXT);
    while (!atomic_load(race->stop)) {
        uint8_t out[QUERY_TCP_ROOM];
        struct query_info info;
        char expected[32];
        bool last;
        struct query_context context = {.image = swap_take(race->swap, race->index, &last),
                                        .service = &default_service,
                                        .address = default_address,
                                        .address_len = 4};

        if (context.image == NULL) {
            continue;
        }
        size_t len = query_answer(&context, query.bytes, query.len, out, sizeof(out), &info);
        int n = snprintf(expected, sizeof(expected), "generation-%llu",
                         (unsigned long long)context.image->generation);
        race->wrong += len != query.len + 13 + (size_t)n ||
                       memcmp(out + query.len + 13, expected, (size_t)n) != 0;
        race->answers++;
    }
    return NULL;
}

static void test_race(void)
{
    struct swap *swap;
    struct err err = {0};
    struct race races[WORKERS];
    pthread_t threads[WORKERS];
    atomic_bool stop = false;
    uint64_t generation = 0, tag, last = 0;
    int wakes = 0;

    CU_ASSERT_EQUAL_FATAL(swap_new(&swap, WORKERS, no_wake, &wakes), 0);
    for (size_t i = 0; i < WORKERS; i++) {
        races[i] = (struct race){.swap = swap, .index = i, .stop = &stop};
        pthread_create(&threads[i], NULL, work, &races[i]);
    }
    for (uint64_t g = 1; g <= ROUNDS; g++) {
        int fd = images_simple(g);

        CU_ASSERT_EQUAL(swap_offer(swap, fd, g, g, &err), 0);
        close(fd);
        while (swap_settle(swap, &generation, &tag)) {
            CU_ASSERT_TRUE(generation > last && generation == tag);
            last = generation;
            swap_advance(swap);
        }
    }
    while (last < ROUNDS) {
        if (swap_settle(swap, &generation, &tag)) {
            last = generation;
            swap_advance(swap);
        }
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < WORKERS; i++) {
        pthread_join(threads[i], NULL);
        CU_ASSERT_EQUAL(races[i].wrong, 0);
        CU_ASSERT_TRUE(races[i].answers > 0);
    }
    swap_free(swap);
}

int main(void)
{
    static const struct run_case cases[] = {{"steps", test_steps}, {"race", test_race}};

    return RUN("swap", cases);
}
