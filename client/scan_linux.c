#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "client/scan_priv.h"

#define ACL_NAME "system.posix_acl_access"

static int open_how(int folder, const char *path, uint64_t flags, uint64_t resolve)
{
    struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = RESOLVE_BENEATH | resolve};
    int fd = (int)syscall(SYS_openat2, folder, path, &how, sizeof(how));

    return fd < 0 ? -errno : fd;
}

int scan_find(int folder, const char *path, bool beneath)
{
    if (beneath) {
        return open_how(folder, path, O_PATH, RESOLVE_NO_MAGICLINKS);
    }
    int fd = openat(folder, path, O_PATH | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int scan_open_folder(int folder, const char *path)
{
    return open_how(folder, path, O_RDONLY | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
}

static void link_of(char dst[static 32], int fd)
{
    snprintf(dst, 32, "/proc/self/fd/%d", fd);
}

int scan_open_found(int found)
{
    char link[32];

    link_of(link, found);
    int fd = open(link, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int scan_path(char dst[static LIMIT_PATH], int found)
{
    char link[32];

    link_of(link, found);
    ssize_t len = readlink(link, dst, LIMIT_PATH - 1);
    if (len < 0) {
        return -errno;
    }
    dst[len] = '\0';
    return 0;
}

int scan_read_acl(char acl[static SCAN_ACL_MAX], int fd)
{
    ssize_t len = fgetxattr(fd, ACL_NAME, acl, SCAN_ACL_MAX);

    if (len >= 0) {
        return (int)len;
    }
    return errno == ENODATA || errno == ENOTSUP ? 0 : -errno;
}

int scan_write_acl(int fd, const char *acl, size_t len)
{
    return fsetxattr(fd, ACL_NAME, acl, len, 0) < 0 ? -errno : 0;
}
