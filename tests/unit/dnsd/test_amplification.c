/*
 * How many times its own size a query with a forged address can send to its victim: over every
 * type, for the names that there are in a zone of two nameservers, with and without EDNS.
 */
#include "asking.h"
#include "tests/unit/common/run.h"

#define ZONE                                                                                       \
    "@ 3600 IN SOA ns1.example.net. hostmaster.example.org. 1 7200 900 1209600 60\n"               \
    "@ 3600 NS ns1.example.net.\n"                                                                 \
    "@ 3600 NS ns2.example.net.\n"

/* A value as dns-01 has them: 43 characters. */
static void add_values(struct zone *zone, const char *name, int count)
{
    char value[64];

    for (int i = 0; i < count; i++) {
        snprintf(value, sizeof(value), "%043d", i);
        images_challenge(zone, name, value);
    }
}

static void set_up(struct image *image)
{
    struct zone *zone = images_zone("acme.example.com", ZONE);

    add_values(zone, "two.example.org.acme.example.com", 2);
    add_values(zone, "many.example.org.acme.example.com", 20);
    add_values(zone, "more.example.org.acme.example.com", 100);
    images_map(image, images_build(&zone, 1, 7));
    zone_free(zone);
}

/* The answer's size in tenths of the query's, at most, over all types; payload 0: no EDNS. */
static size_t worst(const struct image *image, const char *name, uint16_t payload)
{
    static struct asking a;
    size_t most = 0;

    for (unsigned type = 0; type <= UINT16_MAX; type += type < 300 ? 1 : 997) {
        asking_begin(&a, image);
        packet_query(&a.packet, name, (uint16_t)type);
        if (payload > 0) {
            asking_opt(&a, payload);
        }
        size_t len = query_answer(&a.context, a.packet.bytes, a.packet.len, a.out,
                                  a.service.payload, &a.info);
        CU_ASSERT(len <= (payload > 0 ? 1232 : 512));
        most = 10 * len / a.packet.len > most ? 10 * len / a.packet.len : most;
    }
    return most;
}

/* What anybody finds at any time. */
static void test_always(void)
{
    static const char *const names[] = {"acme.example.com.", "no.acme.example.com.",
                                        "two.example.org.acme.example.com.",
                                        "org.acme.example.com.", "a.b.c.d.acme.example.com."};
    struct image image;

    set_up(&image);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CU_ASSERT(worst(&image, names[i], 0) <= 35);
        CU_ASSERT(worst(&image, names[i], 4096) <= 35);
    }
    image_unmap(&image);
}

/* Names that are not ours: nothing but the question, and an extended error. */
static void test_elsewhere(void)
{
    static const char *const names[] = {".", "com.", "example.com.", "x.example.net."};
    struct image image;

    set_up(&image);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CU_ASSERT(worst(&image, names[i], 0) <= 10);
        CU_ASSERT(worst(&image, names[i], 4096) <= 13);
    }
    image_unmap(&image);
}

/* While many values of one name are live; what does not fit is said by TC alone. */
static void test_many_values(void)
{
    struct image image;

    set_up(&image);
    CU_ASSERT(worst(&image, "many.example.org.acme.example.com.", 0) <= 35);
    CU_ASSERT(worst(&image, "many.example.org.acme.example.com.", 4096) <= 200);
    CU_ASSERT(worst(&image, "more.example.org.acme.example.com.", 4096) <= 35);
    image_unmap(&image);
}

int main(void)
{
    static const struct run_case cases[] = {{"at any time", test_always},
                                            {"for other zones", test_elsewhere},
                                            {"while many values are live", test_many_values}};

    return RUN("amplification", cases);
}
