/*
 * Connections counted by address: against a plain model, at the edge of the capacity, from several
 * threads.
 */
#include "dnsd/quota.h"

#include <pthread.h>
#include <string.h>

#include "common/wire.h"
#include "tests/unit/common/run.h"

#define ADDRESSES 40

static const uint8_t key[16] = {1, 2, 3};

static struct quota *fresh(size_t capacity)
{
    struct quota *quota = NULL;

    CU_ASSERT_EQUAL_FATAL(quota_new(&quota, capacity, key), 0);
    return quota;
}

static const uint8_t *v4(uint8_t *address, unsigned host)
{
    wire_write_u32(address, 0xC0000200u + host);
    return address;
}

static void test_limit(void)
{
    struct quota *quota = fresh(10);
    uint8_t a[4], b[4];

    v4(a, 1);
    v4(b, 2);
    CU_ASSERT_TRUE(quota_take(quota, a, 4, 2));
    CU_ASSERT_TRUE(quota_take(quota, a, 4, 2));
    CU_ASSERT_FALSE(quota_take(quota, a, 4, 2));
    CU_ASSERT_TRUE(quota_take(quota, b, 4, 2));
    CU_ASSERT_EQUAL(quota_total(quota), 3);
    quota_return(quota, a, 4);
    CU_ASSERT_TRUE(quota_take(quota, a, 4, 2));
    CU_ASSERT_FALSE(quota_take(quota, a, 4, 1)); /* lowered */
    quota_free(quota);
    quota_free(NULL);
}

/* A /64 is one host; IPv4 is told from it, and one address from its neighbour. */
static void test_addresses(void)
{
    uint8_t v6[16] = {0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 1, 9, 9}, same[16], other[16], v4s[2][4];
    struct quota *quota = fresh(10);

    memcpy(same, v6, 16);
    memcpy(other, v6, 16);
    same[15] = 7;
    other[7] = 2;
    CU_ASSERT_TRUE(quota_same(v6, 16, same, 16));
    CU_ASSERT_FALSE(quota_same(v6, 16, other, 16));
    CU_ASSERT_FALSE(quota_same(v4(v4s[0], 1), 4, v4(v4s[1], 2), 4));
    CU_ASSERT_FALSE(quota_same(v6, 16, v6, 4));
    CU_ASSERT_TRUE(quota_take(quota, v6, 16, 1));
    CU_ASSERT_FALSE(quota_take(quota, same, 16, 1));
    CU_ASSERT_TRUE(quota_take(quota, other, 16, 1));
    quota_return(quota, same, 16);
    CU_ASSERT_TRUE(quota_take(quota, v6, 16, 1));
    quota_free(quota);
}

static void test_shrink(void)
{
    struct quota *quota = fresh(10);
    uint8_t a[4];

    v4(a, 1);
    for (int i = 0; i < 5; i++) {
        CU_ASSERT_TRUE(quota_take(quota, a, 4, 5));
    }
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_TRUE(quota_shrink(quota, a, 4, 2));
    }
    CU_ASSERT_FALSE(quota_shrink(quota, a, 4, 2));
    CU_ASSERT_EQUAL(quota_total(quota), 2);
    quota_free(quota);
}

/* A return too many, of an address that is not counted, harms nothing. */
static void test_unknown(void)
{
    struct quota *quota = fresh(10);
    uint8_t a[4];

    quota_return(quota, v4(a, 1), 4);
    CU_ASSERT_EQUAL(quota_total(quota), 0);
    CU_ASSERT_TRUE(quota_take(quota, a, 4, 1));
    quota_free(quota);
}

/* Long runs of takes and returns in a small table, as a plain array counts them. */
static void test_model(void)
{
    struct quota *quota = fresh(ADDRESSES);
    unsigned counts[ADDRESSES] = {0}, total = 0;
    uint32_t dice = 1;
    uint8_t a[4];

    for (int i = 0; i < 100000; i++) {
        dice = dice * 1664525u + 1013904223u;
        unsigned host = (dice >> 8) % ADDRESSES;

        if ((dice >> 20) % 2 == 0 && total < ADDRESSES) {
            bool taken = quota_take(quota, v4(a, host), 4, 3);

            CU_ASSERT_EQUAL_FATAL(taken, counts[host] < 3);
            counts[host] += taken;
            total += taken;
        } else if (counts[host] > 0) {
            quota_return(quota, v4(a, host), 4);
            counts[host]--;
            total--;
        }
        CU_ASSERT_EQUAL_FATAL(quota_total(quota), total);
    }
    quota_free(quota);
}

static void *take_and_return(void *arg)
{
    uint8_t a[4];

    for (unsigned i = 0; i < 20000; i++) {
        if (quota_take(arg, v4(a, i % 3), 4, 2)) {
            quota_return(arg, a, 4);
        }
    }
    return NULL;
}

static void test_threads(void)
{
    struct quota *quota = fresh(4);
    pthread_t threads[4];

    for (int i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, take_and_return, quota);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    CU_ASSERT_EQUAL(quota_total(quota), 0);
    quota_free(quota);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"limit", test_limit},     {"addresses", test_addresses}, {"shrink", test_shrink},
        {"unknown", test_unknown}, {"model", test_model},         {"threads", test_threads},
    };

    return RUN("quota", cases);
}
