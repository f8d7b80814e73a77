/*
 * SipHash: the worked example of the paper's appendix A, and every length of tail.
 */
#include "tests/unit/common/run.h"
#include "zones/siphash.h"

static void test_paper(void)
{
    uint8_t key[SIPHASH_KEY], data[15];

    for (uint8_t i = 0; i < SIPHASH_KEY; i++) {
        key[i] = i;
    }
    for (uint8_t i = 0; i < sizeof(data); i++) {
        data[i] = i;
    }
    CU_ASSERT_EQUAL(siphash(2, 4, key, data, sizeof(data)), UINT64_C(0xa129ca6149be45e5));
}

static void test_lengths(void)
{
    uint8_t key[SIPHASH_KEY] = {0}, data[32] = {0};

    for (size_t a = 0; a <= sizeof(data); a++) {
        for (size_t b = 0; b < a; b++)
            CU_ASSERT_NOT_EQUAL(siphash(1, 3, key, data, a), siphash(1, 3, key, data, b));
    }
}

static void test_key(void)
{
    uint8_t key[SIPHASH_KEY] = {0};
    uint64_t zero = siphash(1, 3, key, key, 3);

    for (size_t i = 0; i < SIPHASH_KEY; i++) {
        uint8_t other[SIPHASH_KEY] = {0};
        other[i] = 1;
        CU_ASSERT_NOT_EQUAL(siphash(1, 3, other, key, 3), zero);
    }
}

int main(void)
{
    static const struct run_case tests[] = {
        {"the paper's example", test_paper},
        {"the length counts", test_lengths},
        {"every octet of the key counts", test_key},
    };
    return RUN("siphash", tests);
}
