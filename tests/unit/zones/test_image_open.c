/*
 * Images that are broken: refused, or harmless to every lookup. And that ours are sealed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/unit/common/run.h"
#include "tests/unit/zones/exercise.h"
#include "tests/unit/zones/support.h"
#include "zones/image_format.h"

static int build_small(void)
{
    struct zone *zones[] = {
        zone_of(APEX,
                PREAMBLE "*.w A 192.0.2.1\nc.b MX 1 x\nal CNAME c.b\nd DNAME e.\n"
                         "cut NS ns.cut\nns.cut AAAA ::1\nt TXT \"x\" \"y\"\nin NS ns.in\n",
                0),
        zone_of("in." APEX, PREAMBLE "s SRV 1 2 3 x\n", 0),
    };
    struct image_options options = {.generation = 1, .serial = 1, .hash_key = "a key of 16 byte"};

    add(zones[0], "live.er." APEX, "value", 1, 1);
    int fd = image_build(zones, 2, &options);
    CU_ASSERT_FATAL(fd >= 0);
    zone_free(zones[0]);
    zone_free(zones[1]);
    return fd;
}

/* A copy that can be broken, of exactly its length. */
static uint8_t *copy_small(size_t *len)
{
    struct image image;
    int fd = build_small();

    CU_ASSERT_EQUAL_FATAL(image_map(&image, fd), 0);
    close(fd);
    uint8_t *copy = aligned_alloc(8, image.len);
    CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
    CU_ASSERT_EQUAL_FATAL(image.len % 8, 0);
    memcpy(copy, image.base, image.len);
    *len = image.len;
    image_unmap(&image);
    return copy;
}

static void test_good(void)
{
    size_t len;
    uint8_t *bytes = copy_small(&len);
    struct image image;

    CU_ASSERT_EQUAL(image_open(&image, bytes, len), 0);
    CU_ASSERT_TRUE(exercise(&image) > 0);
    free(bytes);
}

static void test_every_bit(void)
{
    size_t len, refused = 0;
    uint8_t *bytes = copy_small(&len);

    for (size_t i = 0; i < len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            struct image image;
            bytes[i] ^= (uint8_t)(1u << bit);
            if (image_open(&image, bytes, len) == 0) {
                exercise(&image);
            } else {
                refused++;
            }
            bytes[i] ^= (uint8_t)(1u << bit);
        }
    }
    /* What may change unseen: serial, generation, TTLs, text, addresses... */
    CU_ASSERT_TRUE(refused > len * 8 / 2);
    free(bytes);
}

static void test_every_octet(void)
{
    static const uint8_t values[] = {0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff};
    size_t len;
    uint8_t *bytes = copy_small(&len);

    for (size_t i = 0; i < len; i++) {
        uint8_t before = bytes[i];
        for (size_t j = 0; j < sizeof(values); j++) {
            struct image image;
            bytes[i] = values[j];
            if (image_open(&image, bytes, len) == 0) {
                exercise(&image);
            }
        }
        bytes[i] = before;
    }
    free(bytes);
}

static void test_every_length(void)
{
    size_t len;
    uint8_t *bytes = copy_small(&len);
    struct image image;

    for (size_t n = 0; n < len; n++) {
        uint8_t *part = aligned_alloc(8, (n + 7) / 8 * 8 + 8);
        CU_ASSERT_PTR_NOT_NULL_FATAL(part);
        memcpy(part, bytes, n);
        CU_ASSERT_EQUAL(image_open(&image, part, n), ERR_CORRUPT);
        /* The same with a header that agrees. */
        if (n >= sizeof(struct image_header)) {
            ((struct image_header *)part)->len = n;
            CU_ASSERT_EQUAL(image_open(&image, part, n), ERR_CORRUPT);
        }
        free(part);
    }
    free(bytes);
}

static void test_random_damage(void)
{
    size_t len;
    uint8_t *bytes = copy_small(&len), *broken = aligned_alloc(8, len);
    uint64_t random = 7;

    CU_ASSERT_PTR_NOT_NULL_FATAL(broken);
    for (int i = 0; i < 8000; i++) {
        struct image image;
        memcpy(broken, bytes, len);
        for (unsigned n = 1 + next_random(&random) % 4; n > 0; n--) {
            broken[next_random(&random) % len] = (uint8_t)next_random(&random);
        }
        if (image_open(&image, broken, len) == 0) {
            exercise(&image);
        }
    }
    free(broken);
    free(bytes);
}

static void test_misfits(void)
{
    size_t len;
    uint8_t *bytes = copy_small(&len);
    struct image_header *header = (struct image_header *)bytes;
    struct image image;

    header->version++;
    CU_ASSERT_EQUAL(image_open(&image, bytes, len), ERR_VERSION);
    header->version--;
    uint8_t *shifted = aligned_alloc(8, len + 8);
    CU_ASSERT_PTR_NOT_NULL_FATAL(shifted);
    memcpy(shifted + 4, bytes, len);
    CU_ASSERT_EQUAL(image_open(&image, shifted + 4, len), ERR_CORRUPT);
    free(shifted);
    /* Another key: no node is where its hash says. */
    header->hash_key[3]++;
    CU_ASSERT_EQUAL(image_open(&image, bytes, len), ERR_CORRUPT);
    free(bytes);
}

/* A table in which all nodes sit far from where they belong. */
static void test_probing_is_bounded(void)
{
    struct image_options options = {.hash_key = "a key of 16 byte"};
    struct zone *zone = zone_of(APEX, PREAMBLE, 0);
    struct image image;
    char name[64];

    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof(name), "n%d." APEX, i);
        add(zone, name, "v", 1, 1);
    }
    int fd = image_build(&zone, 1, &options);
    CU_ASSERT_EQUAL_FATAL(image_map(&image, fd), 0);
    close(fd);
    zone_free(zone);
    uint8_t *bytes = aligned_alloc(8, image.len);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
    memcpy(bytes, image.base, image.len);
    size_t len = image.len;
    image_unmap(&image);

    const struct image_header *header = (const struct image_header *)bytes;
    struct image_slot *slots = (struct image_slot *)(bytes + header->slots);
    uint32_t used = 0;
    for (uint32_t i = 0; i < header->slot_count; i++) {
        if (slots[i].node != 0) {
            slots[used++] = slots[i];
        }
    }
    memset(slots + used, 0, (header->slot_count - used) * sizeof(*slots));
    CU_ASSERT_EQUAL(image_open(&image, bytes, len), ERR_CORRUPT);
    free(bytes);
}

static void test_sealed(void)
{
    int fd = build_small();
    char octet = 'x';

    CU_ASSERT_TRUE((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    CU_ASSERT_EQUAL(pwrite(fd, &octet, 1, 0), -1);
    CU_ASSERT_EQUAL(errno, EPERM);
    CU_ASSERT_EQUAL(ftruncate(fd, 0), -1);
    CU_ASSERT_EQUAL(errno, EPERM);
    CU_ASSERT_EQUAL(ftruncate(fd, 1 << 20), -1);
    CU_ASSERT_EQUAL(errno, EPERM);
    CU_ASSERT_PTR_EQUAL(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    CU_ASSERT_EQUAL(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    close(fd);
}

static void test_map_refuses(void)
{
    static const int seals[] = {F_SEAL_WRITE, F_SEAL_GROW, F_SEAL_SHRINK, F_SEAL_SEAL};
    struct image image = {0};
    size_t len;
    uint8_t *bytes = copy_small(&len);
    int ends[2];

    CU_ASSERT_EQUAL(image_map(&image, -1), ERR_CORRUPT);
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    CU_ASSERT_EQUAL(image_map(&image, ends[0]), ERR_CORRUPT);
    close(ends[0]);
    close(ends[1]);
    for (size_t i = 0; i <= 4; i++) {
        int fd = memfd_create("test", MFD_ALLOW_SEALING), all = 0;
        CU_ASSERT_EQUAL_FATAL(write(fd, bytes, len), (ssize_t)len);
        for (size_t j = 0; j < 4; j++) {
            all |= j == i ? 0 : seals[j];
        }
        CU_ASSERT_EQUAL_FATAL(fcntl(fd, F_ADD_SEALS, all), 0);
        CU_ASSERT_EQUAL(image_map(&image, fd), i < 4 ? ERR_CORRUPT : 0);
        close(fd);
    }
    image_unmap(&image);
    CU_ASSERT_PTR_NULL(image.base);
    image_unmap(&image);

    int fd = memfd_create("test", MFD_ALLOW_SEALING);
    CU_ASSERT_EQUAL(
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL), 0);
    CU_ASSERT_EQUAL(image_map(&image, fd), ERR_CORRUPT);
    close(fd);
    free(bytes);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"a good one", test_good},
        {"every bit flipped", test_every_bit},
        {"every octet set to odd values", test_every_octet},
        {"cut at every length", test_every_length},
        {"random damage", test_random_damage},
        {"version, alignment, key", test_misfits},
        {"probing is bounded", test_probing_is_bounded},
        {"ours are sealed", test_sealed},
        {"what is not mapped", test_map_refuses},
    };
    return RUN("image_open", tests);
}
