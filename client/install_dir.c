#include "client/install_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/file.h"

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define COPY_MAX     (1u << 20) /* octets; ours have LIMIT_CHAIN_PEM and a key at most */

/* Gives a folder the owner and mode of another: readers must get through where they get through
 * that one. Only root may give it away; without that the mode has to do. */
static int make_alike(int fd, const struct stat *like)
{
    if (fchown(fd, like->st_uid, like->st_gid) < 0 && errno != EPERM) {
        return -errno;
    }
    return fchmod(fd, like->st_mode & 07777) < 0 ? -errno : 0;
}

/* Makes a folder as like is, unless it is there, and opens it. */
static int make_folder(int parent, const char *name, const struct stat *like)
{
    struct stat st = {0};
    bool made = mkdirat(parent, name, 0700) == 0;
    int ret = 0;
    if (!made && errno != EEXIST) {
        return -errno;
    }
    int fd = openat(parent, name, FOLDER_FLAGS);
    if (fd < 0) {
        return -errno;
    }
    if (fstat(fd, &st) < 0) {
        ret = -errno;
    } else if (made || (st.st_mode & 07777) == 0700) { /* a crash came before make_alike */
        ret = make_alike(fd, like);
    }
    if (ret == 0 && made && fsync(parent) < 0) {
        ret = -errno;
    }
    if (ret < 0) {
        close(fd);
        return ret;
    }
    return fd;
}

int install_folder_open(const struct files *files, struct err *err)
{
    char name[256];
    struct stat like = {0};
    int top = -1, dir = -1, ret;
    snprintf(name, sizeof(name), "%.*s.%s", FILES_NAME_MAX, files->name,
             key_type_name(files->type));
    if (fstat(files->folder, &like) < 0) {
        ret = -errno;
    } else if ((top = make_folder(files->folder, INSTALL_FOLDER, &like)) < 0) {
        ret = top;
    } else if ((dir = make_folder(top, name, &like)) < 0) {
        ret = dir;
    } else {
        while ((ret = flock(dir, LOCK_EX)) < 0 && errno == EINTR) {
        }
        ret = ret < 0 ? -errno : dir;
    }
    if (top >= 0) {
        close(top);
    }
    if (ret < 0) {
        if (dir >= 0) {
            close(dir);
        }
        return err_set(err, ret, "%s/%s/%s: %s", files->path, INSTALL_FOLDER, name, strerror(-ret));
    }
    return ret;
}

/* The number of a version folder, 0 for another name. */
static unsigned long version_number(const char *name)
{
    char *end;
    if (name[0] < '1' || name[0] > '9' || strlen(name) > 18) {
        return 0;
    }
    unsigned long n = strtoul(name, &end, 10);
    return *end == '\0' ? n : 0;
}

/* Calls take for each version in the folder, in no order. */
static int each_version(int dir, void (*take)(int dir, unsigned long n, void *arg), void *arg)
{
    int fd = openat(dir, ".", FOLDER_FLAGS);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    if (list == NULL) {
        int ret = -errno;
        if (fd >= 0) {
            close(fd);
        }
        return ret;
    }
    while ((entry = readdir(list)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        unsigned long n = version_number(entry->d_name);
        if (n > 0) {
            take(dir, n, arg);
        }
    }
    closedir(list);
    return 0;
}

static void find_last(int dir, unsigned long n, void *arg)
{
    unsigned long *last = arg;
    (void)dir;
    *last = n > *last ? n : *last;
}

int install_version_new(const struct files *files, int dir, unsigned long *n, struct err *err)
{
    char name[32] = "";
    struct stat like = {0};
    int fd, ret;
    *n = 0;
    if ((ret = each_version(dir, find_last, n)) == 0) {
        snprintf(name, sizeof(name), "%lu", ++*n);
        ret = fstat(dir, &like) < 0 ? -errno : 0;
    }
    fd = ret < 0 ? ret : make_folder(dir, name, &like);
    if (fd < 0) {
        return err_set(err, fd, "%s/%s: %s", files->path, INSTALL_FOLDER, strerror(-fd));
    }
    return fd;
}

void install_version_remove(int dir, unsigned long n)
{
    char name[32];
    snprintf(name, sizeof(name), "%lu", n);
    int fd = openat(dir, name, FOLDER_FLAGS);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    while (list != NULL && (entry = readdir(list)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            unlinkat(fd, entry->d_name, 0);
        }
    }
    if (list != NULL) {
        closedir(list);
    } else if (fd >= 0) {
        close(fd);
    }
    unlinkat(dir, name, AT_REMOVEDIR);
}

struct keep {
    unsigned long current, before; /* 0: none */
};

static void remove_other(int dir, unsigned long n, void *arg)
{
    const struct keep *keep = arg;
    if (n != keep->current && n != keep->before) {
        install_version_remove(dir, n);
    }
}

unsigned long install_version_current(int dir)
{
    char target[32];
    ssize_t len = readlinkat(dir, "current", target, sizeof(target) - 1);
    if (len < 0) {
        return 0;
    }
    target[len] = '\0';
    return version_number(target);
}

void install_versions_clean(int dir, unsigned long before)
{
    struct keep keep = {.current = install_version_current(dir), .before = before};
    if (keep.current > 0) {
        each_version(dir, remove_other, &keep);
    }
}

static int write_as(int dir, const char *name, const void *data, size_t len,
                    const struct stat *owner, mode_t mode)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600), ret;
    if (fd < 0) {
        return -errno;
    }
    if ((ret = file_write_all(fd, data, len)) == 0) {
        /* Only root may give files away; a group of our own is as good. */
        if (owner != NULL && fchown(fd, owner->st_uid, owner->st_gid) < 0 &&
            fchown(fd, (uid_t)-1, owner->st_gid) < 0) {
            errno = 0;
        }
        ret = fchmod(fd, mode) < 0 || fsync(fd) < 0 ? -errno : 0;
    }
    if (close(fd) < 0 && ret == 0) {
        ret = -errno;
    }
    if (ret < 0) {
        unlinkat(dir, name, 0);
    }
    return ret;
}

int install_write(int dir, const char *name, const void *data, size_t len, const struct stat *owner)
{
    return write_as(dir, name, data, len, owner, FILE_MODE);
}

int install_copy(int from_dir, const char *from, int to_dir, const char *to)
{
    struct stat st;
    char *data;
    size_t len;
    if (fstatat(from_dir, from, &st, 0) < 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    int ret = file_read(from_dir, from, COPY_MAX, &data, &len, NULL);
    if (ret < 0) {
        return ret > -4096 ? ret : -EFBIG;
    }
    ret = write_as(to_dir, to, data, len, &st, st.st_mode & 07777);
    OPENSSL_cleanse(data, len);
    free(data);
    return ret;
}
