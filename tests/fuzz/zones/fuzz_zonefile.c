/*
 * Zone files: any text is refused with a sentence, or makes a zone whose image is good.
 */
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/zones/exercise.h"
#include "zones/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image_options options = {.hash_key = "a key of 16 byte"};
    struct zone_static *s;
    struct zone *zone;
    struct image image;
    struct err err = {0};

    if (zone_static_parse(&s, "z", "f", (const char *)data, size, &err) < 0) {
        if (err.text[0] == '\0') {
            abort();
        }
        return 0;
    }
    if (zone_new(&zone, s, 0) < 0) {
        abort();
    }
    zone_add(zone, (const uint8_t *)"\1a\1b\1z", "value", 1, 1);
    int fd = image_build(&zone, 1, &options);
    if (fd < 0 || image_map(&image, fd) < 0) {
        abort();
    }
    exercise(&image);
    image_unmap(&image);
    close(fd);
    zone_free(zone);
    return 0;
}
