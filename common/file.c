#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(struct err *err, int code, const char *what, const char *path)
{
    return err_set(err, code, "cannot %s %s: %s", what, path, err_string(code));
}

/* Files may hold keys: bytes that are left behind are wiped. */
static char *grow(char *old, size_t used, size_t cap)
{
    char *data = malloc(cap);

    if (data != NULL && used > 0) {
        memcpy(data, old, used);
    }
    if (old != NULL) {
        explicit_bzero(old, used);
        free(old);
    }
    return data;
}

static int read_all(int fd, const char *name, size_t hint, size_t max, char **out, size_t *out_len,
                    struct err *err)
{
    size_t cap = (hint < max ? hint : max) + 2, len = 0;
    char *data = NULL;
    ssize_t n;
    int ret;

    /* two bytes more than wanted: one tells "larger than max", one is for the NUL */
    if ((data = grow(NULL, 0, cap)) == NULL) {
        return fail(err, -ENOMEM, "read", name);
    }
    for (;;) {
        if ((n = read(fd, data + len, cap - 1 - len)) < 0) {
            if (errno == EINTR) {
                continue;
            }
            ret = fail(err, -errno, "read", name);
            goto err0;
        }
        if (n == 0) {
            break;
        }
        len += (size_t)n;
        if (len > max) {
            ret = err_set(err, ERR_LIMIT, "%s is larger than %zu bytes", name, max);
            goto err0;
        }
        if (len == cap - 1) {
            cap = cap < max / 2 ? cap * 2 : max + 2;
            if ((data = grow(data, len, cap)) == NULL) {
                return fail(err, -ENOMEM, "read", name);
            }
        }
    }
    data[len] = '\0';
    *out = data;
    *out_len = len;
    return 0;
err0:
    explicit_bzero(data, len);
    free(data);
    return ret;
}

int file_read_fd(int fd, const char *name, size_t max, char **data, size_t *len, struct err *err)
{
    return read_all(fd, name, 4096, max, data, len, err);
}

int file_read(int dirfd, const char *path, size_t max, char **data, size_t *len, struct err *err)
{
    struct stat st;
    int fd, ret;

    /* O_NONBLOCK: a FIFO in the way must not hold us up */
    if ((fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) < 0) {
        return fail(err, -errno, "open", path);
    }
    if (fstat(fd, &st) < 0) {
        ret = fail(err, -errno, "read", path);
    } else if (S_ISDIR(st.st_mode)) {
        ret = fail(err, -EISDIR, "read", path);
    } else if (!S_ISREG(st.st_mode)) {
        ret = err_set(err, -EINVAL, "cannot read %s: it is not a regular file", path);
    } else if (st.st_size > 0 && (uintmax_t)st.st_size > max) {
        ret = err_set(err, ERR_LIMIT, "%s is larger than %zu bytes", path, max);
    } else {
        ret = read_all(fd, path, (size_t)st.st_size, max, data, len, err);
    }
    close(fd);
    return ret;
}

int file_write_all(int fd, const void *data, size_t len)
{
    const char *rest = data;
    ssize_t n;

    while (len > 0) {
        if ((n = write(fd, rest, len)) < 0) {
            if (errno == EINTR) {
                continue;
            }
            return -errno;
        }
        rest += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Makes the file that will be renamed. Its name does not grow with the target's, which may
 * already have the longest name that the file system takes. */
static int open_aside(int folder, char name[static 40])
{
    uint64_t random;
    int fd;

    for (int tries = 0; tries < 16; tries++) {
        if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
            return -errno;
        }
        snprintf(name, 40, ".certmill-%016" PRIx64 ".tmp", random);
        fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd >= 0 || errno != EEXIST) {
            return fd >= 0 ? fd : -errno;
        }
    }
    return -EEXIST;
}

static int write_in(int folder, const char *base, const char *data, size_t len, mode_t mode)
{
    char aside[40];
    int fd, ret;

    if ((fd = open_aside(folder, aside)) < 0) {
        return fd;
    }
    if ((ret = file_write_all(fd, data, len)) == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0)) {
        ret = -errno;
    }
    if (close(fd) < 0 && ret == 0) {
        ret = -errno;
    }
    if (ret == 0 && renameat(folder, aside, folder, base) < 0) {
        ret = -errno;
    }
    if (ret < 0) {
        unlinkat(folder, aside, 0);
        return ret;
    }
    return fsync(folder) < 0 ? -errno : 0;
}

int file_write_atomic(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
                      struct err *err)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    char *folder_name;
    int folder, ret;

    if (slash == NULL) {
        folder_name = strdup(".");
    } else {
        folder_name = strndup(path, slash == path ? 1 : (size_t)(slash - path));
    }
    if (folder_name == NULL) {
        return fail(err, -ENOMEM, "write", path);
    }
    if ((folder = openat(dirfd, folder_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
        ret = fail(err, -errno, "open the folder of", path);
        goto err0;
    }
    if ((ret = write_in(folder, base, data, len, mode)) < 0) {
        fail(err, ret, "write", path);
    }
    close(folder);
err0:
    free(folder_name);
    return ret;
}

/* One folder of the path; an existing one is left as it is. */
static int make_one(const char *path, mode_t mode)
{
    struct stat st;

    if (mkdir(path, mode) == 0) {
        return chmod(path, mode) < 0 ? -errno : 0; /* whatever the umask */
    }
    if (errno != EEXIST) {
        return -errno;
    }
    if (stat(path, &st) < 0) {
        return -errno;
    }
    return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int file_make_folder(const char *path, mode_t mode, struct err *err)
{
    char *part = strdup(path);
    int ret = 0;

    if (part == NULL) {
        return fail(err, -ENOMEM, "make folder", path);
    }
    if (path[0] == '\0') {
        ret = fail(err, -ENOENT, "make folder", "\"\"");
    }
    for (char *p = part; ret == 0 && *p != '\0'; p++) {
        if (p > part && *p == '/' && p[-1] != '/') {
            *p = '\0';
            if ((ret = make_one(part, mode)) < 0) {
                fail(err, ret, "make folder", part);
            }
            *p = '/';
        }
    }
    if (ret == 0 && (ret = make_one(part, mode)) < 0) {
        fail(err, ret, "make folder", part);
    }
    free(part);
    return ret;
}
