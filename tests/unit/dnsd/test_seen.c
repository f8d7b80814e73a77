/*
 * Askers from a worker to the main thread: all are told, repeats are counted, none twice.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "common/wire.h"
#include "dnsd/seen.h"
#include "tests/unit/common/run.h"

static const uint8_t key[16] = "0123456789abcde";

static struct query_info asked(const char *name, uint16_t qtype)
{
    struct query_info info = {.qtype = qtype, .answered = true, .challenge = true};

    info.name_len = (uint8_t)(strlen(name) + 1);
    memcpy(info.name, name, info.name_len);
    return info;
}

static void test_repeats(void)
{
    const struct query_info a = asked("\1a", 16), b = asked("\1b", 16), c = asked("\1a", 1);
    const uint8_t one[16] = {1}, two[16] = {2};
    struct seen *seen;

    CU_ASSERT_EQUAL_FATAL(seen_new(&seen, key), 0);
    CU_ASSERT_FALSE(seen_offer(seen));
    CU_ASSERT_PTR_NULL(seen_peek(seen));
    CU_ASSERT_TRUE(seen_note(seen, &a, false, 1, one, 4));
    CU_ASSERT_TRUE(seen_note(seen, &a, false, 1, one, 4));
    CU_ASSERT_TRUE(seen_note(seen, &a, false, 1, two, 4));  /* another address */
    CU_ASSERT_TRUE(seen_note(seen, &a, false, 1, one, 16)); /* of another family */
    CU_ASSERT_TRUE(seen_note(seen, &a, true, 1, one, 4));   /* over TCP */
    CU_ASSERT_TRUE(seen_note(seen, &a, false, 2, one, 4));  /* from another image */
    CU_ASSERT_TRUE(seen_note(seen, &b, false, 1, one, 4));
    CU_ASSERT_TRUE(seen_note(seen, &c, false, 1, one, 4));
    CU_ASSERT_TRUE(seen_offer(seen));
    const struct seen_table *table = seen_peek(seen);
    if (table == NULL) {
        CU_FAIL_FATAL("nothing offered");
        return;
    }
    CU_ASSERT_EQUAL(table->count, 7);
    CU_ASSERT_EQUAL(table->entries[0].times, 2);
    /* while the main thread has one table, the worker fills the other and says so afterwards */
    CU_ASSERT_TRUE(seen_note(seen, &b, false, 1, one, 4));
    CU_ASSERT_FALSE(seen_offer(seen));
    CU_ASSERT_TRUE(seen_note(seen, &b, false, 1, one, 4));
    CU_ASSERT_TRUE(seen_return(seen)); /* the worker wants to be woken */
    CU_ASSERT_PTR_NULL(seen_peek(seen));
    CU_ASSERT_TRUE(seen_offer(seen));
    CU_ASSERT_EQUAL(seen_peek(seen)->count, 1);
    CU_ASSERT_EQUAL(seen_peek(seen)->entries[0].times, 2);
    CU_ASSERT_FALSE(seen_return(seen));
    CU_ASSERT_FALSE(seen_offer(seen));
    seen_free(seen);
}

/* Where an asker stands depends on the key: who does not know it cannot have them all meet in one
 * place. */
static void test_keyed(void)
{
    const struct query_info info = asked("\3www\4acme", 16);
    const uint8_t other_key[16] = "fedcba987654321";
    struct seen *a, *b;
    size_t same = 0;

    CU_ASSERT_EQUAL_FATAL(seen_new(&a, key), 0);
    CU_ASSERT_EQUAL_FATAL(seen_new(&b, other_key), 0);
    for (uint8_t i = 0; i < 100; i++) {
        const uint8_t address[4] = {192, 0, 2, i};

        CU_ASSERT_TRUE(seen_note(a, &info, false, 1, address, 4));
        CU_ASSERT_TRUE(seen_note(b, &info, false, 1, address, 4));
    }
    for (size_t i = 0; i < SEEN_SLOTS; i++) {
        same += a->mine->slots[i] != 0 && a->mine->slots[i] == b->mine->slots[i];
    }
    CU_ASSERT(same < 10);
    seen_free(a);
    seen_free(b);
}

/* More askers than a table has room for: what is there stays, the rest is lost and says so. */
static void test_full(void)
{
    const struct query_info a = asked("\1a", 16);
    static uint8_t buf[LIMIT_MESSAGE];
    struct seen *seen;
    struct msg_writer w;

    CU_ASSERT_EQUAL_FATAL(seen_new(&seen, key), 0);
    for (uint32_t i = 0; i < 3 * LIMIT_SEEN; i++) {
        uint8_t address[16] = {0};

        wire_write_u32(address, i);
        CU_ASSERT_EQUAL(seen_note(seen, &a, false, 1, address, 16), i < LIMIT_SEEN);
    }
    CU_ASSERT_TRUE(seen_offer(seen));
    CU_ASSERT_EQUAL(seen_peek(seen)->count, LIMIT_SEEN);
    msg_begin(&w, buf, sizeof(buf), 1);
    seen_put(&w, seen_peek(seen));
    CU_ASSERT_TRUE(msg_end(&w) > 0);
    seen_return(seen);
    CU_ASSERT_TRUE(seen_note(seen, &a, false, 1, buf, 16)); /* there is room again */
    seen_free(seen);
}

#define NOTES 200000

struct race {
    struct seen *seen;
    atomic_bool wake, done;
    uint64_t told;
};

static void *work(void *arg)
{
    struct race *race = arg;

    for (uint32_t i = 0; i < NOTES; i++) {
        struct query_info info = asked(i % 2 == 0 ? "\1a" : "\1b", 16);
        uint8_t address[4];

        wire_write_u32(address, i % 50);
        race->told += seen_note(race->seen, &info, false, 1, address, 4);
        if (i % 7 == 0) {
            seen_offer(race->seen);
        }
    }
    /* as worker.c: offered now, or once the main thread gave a table back and woke it */
    while (!seen_offer(race->seen)) {
        if (race->seen->mine->count == 0) {
            break;
        }
        while (!atomic_exchange(&race->wake, false)) {
            sched_yield();
        }
    }
    atomic_store(&race->done, true);
    return NULL;
}

static void test_race(void)
{
    struct race race = {0};
    pthread_t thread;
    uint64_t heard = 0;

    CU_ASSERT_EQUAL_FATAL(seen_new(&race.seen, key), 0);
    pthread_create(&thread, NULL, work, &race);
    for (;;) {
        bool done = atomic_load(&race.done);
        const struct seen_table *table = seen_peek(race.seen);

        if (table != NULL) {
            for (size_t i = 0; i < table->count; i++) {
                heard += table->entries[i].times;
            }
            if (seen_return(race.seen)) {
                atomic_store(&race.wake, true);
            }
        } else if (done) {
            break;
        }
    }
    pthread_join(thread, NULL);
    CU_ASSERT_EQUAL(heard, race.told);
    CU_ASSERT_EQUAL(race.told, NOTES);
    seen_free(race.seen);
}

int main(void)
{
    static const struct run_case cases[] = {{"repeats", test_repeats},
                                            {"places under a key", test_keyed},
                                            {"a full table", test_full},
                                            {"race", test_race}};

    return RUN("seen", cases);
}
