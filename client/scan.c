#include "client/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

/* The path of an open file below the root; false where it is not there. */
static bool path_below(char dst[static LIMIT_PATH], const struct scan *scan, int fd)
{
    char path[LIMIT_PATH];
    size_t root = strlen(scan->root);
    if (scan_path(path, fd) < 0 || strncmp(path, scan->root, root) != 0 || path[root] != '/') {
        return false;
    }
    memcpy(dst, path + root + 1, strlen(path + root));
    return true;
}

/* By another link, that is; hard links are replaced one by one. */
static bool is_known(const struct scan *scan, const struct scan_file *file)
{
    for (size_t i = 0; i < scan->count; i++) {
        const struct scan_file *known = &scan->files[i];
        if (known->ino == file->ino && known->dev == file->dev &&
            (file->outside || strcmp(known->path, file->path) == 0)) {
            return true;
        }
    }
    return false;
}

/* SHA-256 of a public key's SubjectPublicKeyInfo. */
int scan_public(uint8_t dst[static SCAN_DIGEST], EVP_PKEY *key)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    bool made = len > 0 && EVP_Digest(der, (size_t)len, dst, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_free(der);
    ERR_clear_error();
    return made ? 0 : ERR_CRYPTO;
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
    if (EVP_Digest(text, len, file->digest, NULL, EVP_sha256(), NULL) != 1 ||
        (file->pem.key != NULL && scan_public(file->public, file->pem.key) < 0)) {
        scan_pem_clear(&file->pem);
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

/* What cannot be read is passed over: another program's affair. */
static int take_found(struct scan *scan, int found, char *path, bool outside, struct err *err)
{
    char below[LIMIT_PATH], *text;
    struct stat st;
    size_t len;
    struct scan_file file = {.path = path, .outside = outside, .pair = SCAN_NONE};
    if (fstat(found, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > LIMIT_SCAN_FILE) {
        return 0;
    }
    if (!outside) {
        if (!path_below(below, scan, found) || strstr(below, "/.") != NULL || below[0] == '.' ||
            is_copy(below)) {
            return 0; /* .certmill's, for example: periodic renews it */
        }
        file.path = below;
    }
    file.dev = st.st_dev;
    file.ino = st.st_ino;
    file.mode = st.st_mode;
    file.links = st.st_nlink;
    int fd = is_known(scan, &file) ? -1 : scan_open_found(found);
    int read = fd < 0 ? fd : file_read_fd(fd, path, LIMIT_SCAN_FILE, &text, &len, NULL);
    if (fd >= 0) {
        close(fd);
    }
    if (read < 0) {
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
    int fd = scan_find(scan->folder, path, true);
    if (fd == -EXDEV) {
        outside = true;
        fd = scan_find(scan->folder, path, false);
    } else if (fd == -ENOSYS) {
        return err_set(err, -ENOSYS, "this kernel has no openat2(2), which keeps links within %s",
                       scan->root);
    }
    if (fd < 0) {
        return 0;
    }
    int ret = take_found(scan, fd, path, outside, err);
    close(fd);
    return ret;
}

/* Names in a folder. */
struct names {
    char **items;
    size_t count, room;
};

static int by_letters(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_name(struct names *names, const char *name)
{
    if (names->count == names->room) {
        size_t room = names->room > 0 ? 2 * names->room : 64;
        char **items = realloc(names->items, room * sizeof(items[0]));
        if (items == NULL) {
            return -ENOMEM;
        }
        names->items = items;
        names->room = room;
    }
    if ((names->items[names->count] = strdup(name)) == NULL) {
        return -ENOMEM;
    }
    names->count++;
    return 0;
}

/* What may be of use in a folder, in order. 0, -errno. */
static int list(struct scan *scan, int fd, struct names *names)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0), ret = 0;
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *entry;
    if (dir == NULL) {
        ret = -errno;
        if (copy >= 0) {
            close(copy);
        }
        return ret;
    }
    while (ret == 0 && !scan->full &&
           (entry = readdir(dir)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        scan->full = ++scan->names > LIMIT_SCAN_NAMES;
        ret = is_copy(entry->d_name) ? 0 : add_name(names, entry->d_name);
    }
    closedir(dir);
    if (names->count > 0) {
        qsort(names->items, names->count, sizeof(names->items[0]), by_letters);
    }
    return ret;
}

static void names_clear(struct names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        free(names->items[i]);
    }
    free(names->items);
}

static int walk(struct scan *scan, const char *below, unsigned depth, struct err *err)
{
    struct names names = {0};
    int fd = openat(scan->folder, below[0] != '\0' ? below : ".",
                    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int ret = fd < 0 ? -errno : list(scan, fd, &names);
    if (ret < 0) {
        bool passed = below[0] != '\0' && ret != -ENOMEM;
        ret = passed ? 0 : err_set(err, ret, "%s: %s", scan->root, strerror(-ret));
    }
    for (size_t i = 0; ret == 0 && i < names.count; i++) {
        const char *name = names.items[i];
        char path[LIMIT_PATH];
        struct stat st;
        int len = snprintf(path, sizeof(path), "%s%s%s", below, below[0] != '\0' ? "/" : "", name);
        if (len >= (int)sizeof(path) || fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
            continue;
        }
        if (S_ISDIR(st.st_mode) && depth > 0) {
            ret = walk(scan, path, depth - 1, err);
        } else if (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode)) {
            scan->full = scan->full || scan->count == LIMIT_SCAN_FILES;
            ret = scan->count == LIMIT_SCAN_FILES ? 0 : take_entry(scan, path, err);
        }
    }
    names_clear(&names);
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

static bool is_changed(const struct scan *scan, const struct scan_file *file)
{
    uint8_t digest[SCAN_DIGEST];
    char *text;
    size_t len;
    int fd = openat(scan->folder, file->path,
                    O_RDONLY | O_NONBLOCK | O_CLOEXEC | (file->outside ? 0 : O_NOFOLLOW));
    int ret = fd < 0 ? fd : file_read_fd(fd, file->path, LIMIT_SCAN_FILE, &text, &len, NULL);
    if (fd >= 0) {
        close(fd);
    }
    if (ret < 0) {
        return true;
    }
    bool same = EVP_Digest(text, len, digest, NULL, EVP_sha256(), NULL) == 1 &&
                memcmp(digest, file->digest, sizeof(digest)) == 0;
    OPENSSL_cleanse(text, len);
    free(text);
    return !same;
}

const struct scan_file *scan_changed(const struct scan *scan, size_t pair)
{
    for (size_t i = 0; i < scan->count; i++) {
        if ((scan->files[i].pair == pair || i == scan->pairs[pair].key) &&
            is_changed(scan, &scan->files[i])) {
            return &scan->files[i];
        }
    }
    return NULL;
}

int scan_aside(char dst[static 256], const char *name)
{
    return snprintf(dst, 256, ".%s.certmill-new", name) < 256 ? 0 : -ENAMETOOLONG;
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
