#include "client/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "client/scan_priv.h"
#include "common/file.h"

#define DEPTH 1 /* levels of subfolders */

static bool ends_with(const char *name, const char *tail)
{
    size_t len = strlen(name), n = strlen(tail);
    return len >= n && strcmp(name + len - n, tail) == 0;
}

/* Names that copies have, which no service reads. */
static bool is_copy(const char *name)
{
    static const char *const tails[] = {".old", ".bak",      ".orig",     ".save", "~",
                                        ".tmp", ".dpkg-old", ".dpkg-new", ".new",  ".dpkg-dist",
                                        ".swp", ".rpmsave",  ".rpmnew",   ".csr"};
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        if (ends_with(name, tails[i])) {
            return true;
        }
    }
    return name[0] == '.';
}

/* Within the folder, whatever links there are. */
static int open_beneath(int folder, const char *path)
{
    struct open_how how = {.flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, folder, path, &how, sizeof(how));
}

/* The path of an open file below the root; false where it is not there. */
static bool path_below(char dst[static LIMIT_PATH], const struct scan *scan, int fd)
{
    char proc[32], path[LIMIT_PATH];
    size_t root = strlen(scan->root);
    snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
    ssize_t len = readlink(proc, path, sizeof(path) - 1);
    if (len < 0) {
        return false;
    }
    path[len] = '\0';
    if (strncmp(path, scan->root, root) != 0 || path[root] != '/') {
        return false;
    }
    memcpy(dst, path + root + 1, (size_t)len - root);
    return true;
}

static bool is_known(const struct scan *scan, const struct stat *st)
{
    for (size_t i = 0; i < scan->count; i++) {
        if (scan->files[i].ino == st->st_ino && scan->files[i].dev == st->st_dev) {
            return true;
        }
    }
    return false;
}

/* Keeps the file where there is something in it. */
static int take_text(struct scan *scan, struct scan_file *file, const char *text, size_t len,
                     struct err *err)
{
    int ret = scan_pem_read(&file->pem, text, len, err);
    if (ret < 0) {
        return ret;
    }
    if (file->pem.key == NULL && file->pem.fault_code == 0 && file->pem.cert_count == 0) {
        return 0;
    }
    if (EVP_Digest(text, len, file->digest, NULL, EVP_sha256(), NULL) != 1) {
        return err_set(err, ERR_CRYPTO, "SHA-256 fails");
    }
    struct scan_file *files = realloc(scan->files, (scan->count + 1) * sizeof(files[0]));
    if (files == NULL || (file->path = strdup(file->path)) == NULL) {
        scan->files = files != NULL ? files : scan->files;
        scan_pem_clear(&file->pem);
        return err_set(err, -ENOMEM, "out of memory");
    }
    scan->files = files;
    scan->files[scan->count++] = *file;
    return 0;
}

/* An open file. What cannot be read is passed over: another program's affair. */
static int take_open(struct scan *scan, int fd, char *path, bool outside, struct err *err)
{
    char below[LIMIT_PATH], *text;
    struct stat st;
    size_t len;
    struct scan_file file = {.path = path, .outside = outside, .pair = SCAN_NONE};
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || is_known(scan, &st) ||
        st.st_size > LIMIT_SCAN_FILE) {
        return 0;
    }
    if (!outside) {
        if (!path_below(below, scan, fd) || strstr(below, "/.") != NULL || below[0] == '.' ||
            is_copy(below)) {
            return 0; /* .certmill's, for example: periodic renews it */
        }
        file.path = below;
    }
    file.dev = st.st_dev;
    file.ino = st.st_ino;
    file.mode = st.st_mode;
    if (file_read_fd(fd, path, LIMIT_SCAN_FILE, &text, &len, NULL) < 0) {
        return 0;
    }
    int ret = take_text(scan, &file, text, len, err);
    OPENSSL_cleanse(text, len);
    free(text);
    return ret;
}

static int take_entry(struct scan *scan, char *path, struct err *err)
{
    bool outside = false;
    int fd = open_beneath(scan->folder, path);
    if (fd < 0 && errno == EXDEV) {
        outside = true;
        fd = openat(scan->folder, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    } else if (fd < 0 && errno == ENOSYS) {
        return err_set(err, -ENOSYS, "this kernel has no openat2(2), which keeps links within %s",
                       scan->root);
    }
    if (fd < 0) {
        return 0;
    }
    int ret = take_open(scan, fd, path, outside, err);
    close(fd);
    return ret;
}

static int walk(struct scan *scan, const char *below, unsigned depth, struct err *err)
{
    struct dirent **list = NULL;
    int fd = openat(scan->folder, below[0] != '\0' ? below : ".",
                    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int ret = 0, count = fd < 0 ? -1 : scandirat(fd, ".", &list, NULL, alphasort);
    if (count < 0) {
        ret = below[0] != '\0' ? 0 : err_set(err, -errno, "%s: %s", scan->root, strerror(errno));
    }
    for (int i = 0; i < count; i++) {
        const char *name = list[i]->d_name;
        char path[LIMIT_PATH];
        struct stat st;
        int len = snprintf(path, sizeof(path), "%s%s%s", below, below[0] != '\0' ? "/" : "", name);
        bool usable = ret == 0 && !is_copy(name) && len < (int)sizeof(path) &&
                      fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
        if (usable && S_ISDIR(st.st_mode) && depth > 0) {
            ret = walk(scan, path, depth - 1, err);
        } else if (usable && (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode))) {
            scan->full = scan->count == LIMIT_SCAN_FILES;
            ret = scan->full ? 0 : take_entry(scan, path, err);
        }
        free(list[i]);
    }
    free(list);
    if (fd >= 0) {
        close(fd);
    }
    return ret;
}

int scan_folder(struct scan *out, const char *path, int64_t now, struct err *err)
{
    char *root = realpath(path, NULL);
    *out = (struct scan){.folder = -1};
    if (root == NULL || strlen(root) >= sizeof(out->root) ||
        (out->folder = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
        int code = -errno;
        free(root);
        return err_set(err, code, "scan: %s: %s", path, strerror(-code));
    }
    snprintf(out->root, sizeof(out->root), "%s", strcmp(root, "/") == 0 ? "" : root);
    free(root);
    int ret = walk(out, "", DEPTH, err);
    if (ret == 0) {
        ret = scan_make_pairs(out, now, err);
    }
    if (ret < 0) {
        scan_clear(out);
    }
    return ret;
}

void scan_clear(struct scan *scan)
{
    for (size_t i = 0; i < scan->pair_count; i++) {
        set_clear(&scan->pairs[i].set);
    }
    for (size_t i = 0; i < scan->count; i++) {
        scan_pem_clear(&scan->files[i].pem);
        free(scan->files[i].path);
    }
    if (scan->folder >= 0) {
        close(scan->folder);
    }
    free(scan->pairs);
    free(scan->files);
    *scan = (struct scan){.folder = -1};
}
