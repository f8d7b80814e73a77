#include "zones/image.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "common/memfile.h"

int image_map(struct image *image, int fd)
{
    struct stat st;

    if (!memfile_is_sealed(fd)) {
        return ERR_CORRUPT;
    }
    if (fstat(fd, &st) < 0) {
        return -errno;
    }
    if (st.st_size <= 0 || st.st_size > (off_t)LIMIT_IMAGE) {
        return ERR_CORRUPT;
    }
    size_t len = (size_t)st.st_size;
    const void *base = memfile_map(fd, len);
    if (base == MAP_FAILED) {
        return -errno;
    }
    int ret = image_open(image, base, len);
    if (ret < 0) {
        munmap((void *)base, len);
    }
    return ret;
}

void image_unmap(struct image *image)
{
    if (image->base != NULL) {
        munmap((void *)image->base, image->len);
    }
    *image = (struct image){0};
}
