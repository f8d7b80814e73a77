#include "client/install_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"

#define FILE_MAX (1u << 20) /* octets; ours have LIMIT_CHAIN_PEM and a key at most */

struct install_access install_access(const struct file_owner *owner, int dir, const char *name)
{
    struct install_access access = {.uid = owner->uid,
                                    .gid = owner->gid,
                                    .mode = file_owner_mode(owner),
                                    .wanted = owner->uid != (uid_t)-1 || owner->gid != (gid_t)-1};
    struct stat old;
    if (fstatat(dir, name, &old, 0) == 0) {
        access.uid = access.uid == (uid_t)-1 ? old.st_uid : access.uid;
        access.gid = access.gid == (gid_t)-1 ? old.st_gid : access.gid;
    }
    return access;
}

/* Only root may give files away; where nobody asked for more, a group of our own is as good. */
static int give_owner(int fd, const struct install_access *access)
{
    struct stat st;
    if (fstat(fd, &st) < 0) {
        return -errno;
    }
    if ((access->uid == (uid_t)-1 || access->uid == st.st_uid) &&
        (access->gid == (gid_t)-1 || access->gid == st.st_gid)) {
        return 0;
    }
    if (fchown(fd, access->uid, access->gid) == 0) {
        return 0;
    }
    int ret = -errno;
    if (access->wanted) {
        return ret;
    }
    return fchown(fd, (uid_t)-1, access->gid) == 0 || errno == EPERM ? 0 : -errno;
}

int install_give(int fd, const struct install_access *access)
{
    int ret = give_owner(fd, access);
    if (ret == 0 && fchmod(fd, access->mode) < 0) {
        ret = -errno;
    }
    return ret;
}

/* What the disk holds, as far as the kernel lets go of what it keeps of it. */
static int read_back(int fd, const void *data, size_t len)
{
    char chunk[8192];
    const char *expected = data;
    size_t at = 0;
    ssize_t n;
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    while ((n = pread(fd, chunk, sizeof(chunk), (off_t)at)) != 0) {
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -errno;
        }
        if ((size_t)n > len - at || memcmp(chunk, expected + at, (size_t)n) != 0) {
            break;
        }
        at += (size_t)n;
    }
    OPENSSL_cleanse(chunk, sizeof(chunk));
    return n == 0 && at == len ? 0 : ERR_CORRUPT;
}

int install_write(int dir, const char *name, const void *data, size_t len,
                  const struct install_access *access)
{
    int fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600), ret;
    if (fd < 0) {
        return -errno;
    }
    if ((ret = file_write_all(fd, data, len)) == 0 && (ret = install_give(fd, access)) == 0 &&
        (ret = fsync(fd) < 0 ? -errno : 0) == 0) {
        ret = read_back(fd, data, len);
    }
    if (close(fd) < 0 && ret == 0) {
        ret = -errno;
    }
    if (ret < 0) {
        unlinkat(dir, name, 0);
    }
    return ret;
}

/* Looked at and read through one descriptor: whoever may write to the folder cannot make us read
 * one file and take the mode of another. */
static int copy(int from_dir, const char *from, int to_dir, const char *to)
{
    struct stat st;
    char *data;
    size_t len;
    int fd = openat(from_dir, from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    int ret = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
    if (ret == 0 && (ret = file_read_fd(fd, from, FILE_MAX, &data, &len, NULL)) == 0) {
        struct install_access access = {
            .uid = st.st_uid, .gid = st.st_gid, .mode = st.st_mode & 0777};
        ret = install_write(to_dir, to, data, len, &access);
        OPENSSL_cleanse(data, len);
        free(data);
    }
    close(fd);
    return ret == ERR_LIMIT ? -EFBIG : ret;
}

int install_link(int from_dir, const char *from, int to_dir, const char *to)
{
    /* Another's file cannot always be linked, see proc(5) protected_hardlinks. */
    if (linkat(from_dir, from, to_dir, to, 0) == 0) {
        return 0;
    }
    return errno == ENOENT ? -ENOENT : copy(from_dir, from, to_dir, to);
}

static const char *remedy(int code)
{
    switch (code) {
    case -ENOSPC:
        return "; make room there. What was in place stays in place";
    case -EDQUOT:
        return "; this user has a quota there. What was in place stays in place";
    case -EROFS:
        return "; the file system can only be read";
    case -EACCES:
        return "; see that this user may write there";
    case -EPERM:
        return "; only root may give files to another owner, and members to a group";
    case ERR_CORRUPT:
        return "; what was written does not read the same: see to the disk. What was in place "
               "stays in place";
    default:
        return "";
    }
}

int install_fail(const struct files *files, const char *name, int code, struct err *err)
{
    return err_set(err, code, "%s%s%s: %s%s", files->path, name[0] != '\0' ? "/" : "", name,
                   err_string(code), remedy(code));
}
