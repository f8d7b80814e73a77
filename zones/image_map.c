#include "zones/image.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

int image_map(struct image *image, int fd)
{
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);

    if (seals < 0 || (seals & SEALS) != SEALS) {
        return ERR_CORRUPT;
    }
    if (fstat(fd, &st) < 0) {
        return -errno;
    }
    if (st.st_size <= 0 || st.st_size > (off_t)LIMIT_IMAGE) {
        return ERR_CORRUPT;
    }
    size_t len = (size_t)st.st_size;
    /* Populated at once: an answer must not wait for page faults. */
    void *base = mmap(NULL, len, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (base == MAP_FAILED) {
        return -errno;
    }
    int ret = image_open(image, base, len);
    if (ret < 0) {
        munmap(base, len);
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
