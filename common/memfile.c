#include "common/memfile.h"

#include <errno.h>
#include <unistd.h>

#include "common/file.h"

int memfile_from(const char *name, const void *data, size_t len, bool sealed)
{
    int fd = memfile_new(name);
    int ret = fd < 0 ? fd : file_write_all(fd, data, len);

    if (ret == 0 && lseek(fd, 0, SEEK_SET) < 0) {
        ret = -errno;
    }
    if (ret == 0 && sealed) {
        ret = memfile_seal(fd);
    }
    if (ret < 0 && fd >= 0) {
        close(fd);
    }
    return ret < 0 ? ret : fd;
}
