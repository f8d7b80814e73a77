#include "client/install_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "client/install_file.h"

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* What a folder shall be: as path is, because readers must get through where they get through
 * that one, and open to the group that the files are for. */
static int folder_like(const struct files *files, struct stat *like)
{
    if (fstat(files->folder, like) < 0) {
        return -errno;
    }
    if (files->owner.gid != (gid_t)-1 && (like->st_mode & 0001) == 0) {
        like->st_gid = files->owner.gid;
        like->st_mode |= 0010;
    }
    return 0;
}

/* Only root may give a folder away; without that its mode has to do. But a group that the
 * configuration names must be had. */
static int make_alike(int fd, const struct files *files, const struct stat *st,
                      const struct stat *like)
{
    bool given = st->st_uid == like->st_uid && st->st_gid == like->st_gid;
    if (!given && fchown(fd, like->st_uid, like->st_gid) < 0 &&
        fchown(fd, (uid_t)-1, like->st_gid) < 0 &&
        (errno != EPERM || like->st_gid == files->owner.gid)) {
        return -errno;
    }
    return fchmod(fd, like->st_mode & 07777) < 0 ? -errno : 0;
}

/* Whether a folder that was there is to be changed: a crash came before make_alike, or the
 * configuration names a group by now. */
static bool is_unlike(const struct files *files, const struct stat *st, const struct stat *like)
{
    return (st->st_mode & 07777) == 0700 ||
           (like->st_gid == files->owner.gid &&
            (st->st_gid != like->st_gid || (st->st_mode & 0010) == 0));
}

/* Makes a folder as like is, unless it is there, and opens it. */
static int make_folder(const struct files *files, int parent, const char *name)
{
    struct stat st = {0}, like = {0};
    bool made = mkdirat(parent, name, 0700) == 0;
    int ret;
    if (!made && errno != EEXIST) {
        return -errno;
    }
    int fd = openat(parent, name, FOLDER_FLAGS);
    if (fd < 0) {
        return -errno;
    }
    if ((ret = folder_like(files, &like)) == 0) {
        ret = fstat(fd, &st) < 0 ? -errno : 0;
    }
    if (ret == 0 && (made || is_unlike(files, &st, &like))) {
        ret = make_alike(fd, files, &st, &like);
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
    int top = -1, dir = -1, ret;
    snprintf(name, sizeof(name), "%.*s.%s", FILES_NAME_MAX, files->name,
             key_type_name(files->type));
    if ((ret = top = make_folder(files, files->folder, INSTALL_FOLDER)) >= 0 &&
        (ret = dir = make_folder(files, top, name)) >= 0) {
        while ((ret = flock(dir, LOCK_EX)) < 0 && errno == EINTR) {
        }
        ret = ret < 0 ? -errno : dir;
    }
    if (top >= 0) {
        close(top);
    }
    if (ret < 0) {
        char path[sizeof(name) + sizeof(INSTALL_FOLDER)];
        snprintf(path, sizeof(path), "%s/%s", INSTALL_FOLDER, name);
        if (dir >= 0) {
            close(dir);
        }
        return install_fail(files, top < 0 ? INSTALL_FOLDER : path, ret, err);
    }
    return ret;
}

int install_folder_look(const struct files *files)
{
    char path[sizeof(INSTALL_FOLDER) + 256];
    snprintf(path, sizeof(path), INSTALL_FOLDER "/%.*s.%s", FILES_NAME_MAX, files->name,
             key_type_name(files->type));
    int dir = openat(files->folder, path, FOLDER_FLAGS);
    return dir < 0 ? -errno : dir;
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
    char name[32];
    *n = 0;
    int ret = each_version(dir, find_last, n);
    if (ret == 0) {
        snprintf(name, sizeof(name), "%lu", ++*n);
        ret = make_folder(files, dir, name);
    }
    return ret < 0 ? install_fail(files, INSTALL_FOLDER, ret, err) : ret;
}

int install_version_open(int dir, unsigned long n)
{
    char name[32];
    snprintf(name, sizeof(name), "%lu", n);
    int fd = openat(dir, name, FOLDER_FLAGS);
    return fd < 0 ? -errno : fd;
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

unsigned long install_version_of(int dir, const char *link)
{
    char target[32];
    ssize_t len = readlinkat(dir, link, target, sizeof(target) - 1);
    if (len < 0) {
        return 0;
    }
    target[len] = '\0';
    return version_number(target);
}

int install_version_name(int dir, const char *link, unsigned long n)
{
    char aside[32], version[32];
    snprintf(aside, sizeof(aside), "%s.new", link);
    snprintf(version, sizeof(version), "%lu", n);
    if (unlinkat(dir, aside, 0) < 0 && errno != ENOENT) {
        return -errno;
    }
    if (n == 0) {
        return unlinkat(dir, link, 0) < 0 && errno != ENOENT ? -errno : 0;
    }
    return symlinkat(version, dir, aside) < 0 ? -errno : 0;
}

int install_version_rename(int dir, const char *link)
{
    char aside[32];
    snprintf(aside, sizeof(aside), "%s.new", link);
    return renameat(dir, aside, dir, link) < 0 ? -errno : 0;
}

struct version_list {
    unsigned long items[INSTALL_VERSIONS_MAX];
    size_t count;
};

static void list_version(int dir, unsigned long n, void *arg)
{
    struct version_list *list = arg;
    (void)dir;
    if (list->count < INSTALL_VERSIONS_MAX) {
        list->items[list->count++] = n;
    }
}

static int compare_down(const void *a, const void *b)
{
    unsigned long x = *(const unsigned long *)a, y = *(const unsigned long *)b;
    return (x < y) - (x > y);
}

void install_versions_unfinished(int dir)
{
    struct version_list list = {.count = 0};
    unsigned long current = install_version_of(dir, INSTALL_CURRENT);
    each_version(dir, list_version, &list);
    /* Without a current one nobody knows what these are; a key may be among them. */
    for (size_t i = 0; i < list.count && current > 0; i++) {
        if (list.items[i] > current) {
            install_version_remove(dir, list.items[i]);
        }
    }
}

size_t install_versions_old(int dir, unsigned long versions[static INSTALL_VERSIONS_MAX])
{
    struct version_list list = {.count = 0};
    unsigned long current = install_version_of(dir, INSTALL_CURRENT);
    size_t count = 0;
    each_version(dir, list_version, &list);
    qsort(list.items, list.count, sizeof(list.items[0]), compare_down);
    for (size_t i = 0; i < list.count; i++) {
        if (list.items[i] < current) {
            versions[count++] = list.items[i];
        }
    }
    return count;
}

void install_versions_clean(int dir, unsigned keep)
{
    unsigned long versions[INSTALL_VERSIONS_MAX];
    size_t count = install_versions_old(dir, versions);
    for (size_t i = keep > 0 ? keep : 1; i < count; i++) {
        install_version_remove(dir, versions[i]);
    }
}
