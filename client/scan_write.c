#include "client/scan_write.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/install_file.h"
#include "client/scan_priv.h"
#include "common/file.h"

/* A file that is being replaced. */
struct target {
    const struct scan_file *file;
    int dir;          /* its folder; -1: not opened */
    const char *name; /* in it */
    char aside[256], old[256];
    bool written; /* aside is there */
    char acl[SCAN_ACL_MAX];
    int acl_len; /* 0: none */
};

struct work {
    const struct scan_write *w;
    struct target *targets;
    size_t count;
    size_t done; /* renamed */
};

static int fail(const struct work *work, const struct target *t, int code, struct err *err)
{
    const struct files files = {.path = work->w->scan->root};
    install_fail(&files, t->file->path, code, err);
    return work->done == work->count
               ? err_prefix(err, "the new files are in place, but may not survive a crash of the "
                                 "system")
           : work->done > 0
               ? err_prefix(err, "%zu of %zu files are new, the next run does the others",
                            work->done, work->count)
               : code;
}

static int step(const struct work *work, const char *what, struct err *err)
{
    const struct install_hook *hook = work->w->hook;
    int ret = hook != NULL ? hook->step(hook->arg, what) : 0;
    return ret < 0 ? err_set(err, ret, "%s: %s", what, err_string(ret)) : 0;
}

/* -- which files -- */

static void add(struct work *work, enum scan_role role)
{
    const struct scan *scan = work->w->scan;
    for (size_t i = 0; i < scan->count; i++) {
        const struct scan_file *file = &scan->files[i];
        if (file->pair == work->w->pair && file->role == role && !file->shared) {
            work->targets[work->count++] = (struct target){.file = file, .dir = -1};
        }
    }
}

/* Files of issuers that other pairs have, too: only as long as the issuers stay is that right. */
static void warn_of_shared(const struct scan_write *w)
{
    const struct chain *chain = w->chain;
    for (size_t i = 0; w->warn != NULL && i < w->scan->count; i++) {
        const struct scan_file *file = &w->scan->files[i];
        bool fits = file->pem.cert_count > 0 && chain->count > 1 &&
                    X509_cmp(file->pem.certs[0], chain->certs[1]) == 0;
        if (file->shared && file->role == SCAN_ISSUERS && file->pair == w->pair && !fits) {
            char text[512];
            snprintf(text, sizeof(text),
                     "%.300s holds the issuers of several certificates, and stays as it is, though "
                     "this one has others now: give each a file of its own",
                     file->path);
            w->warn(w->arg, text);
        }
    }
}

/* -- one file -- */

/* Its folder, without following any link. */
static int open_folder(const struct work *work, struct target *t)
{
    char path[LIMIT_PATH];
    const char *slash = strrchr(t->file->path, '/');
    snprintf(path, sizeof(path), "%.*s", slash != NULL ? (int)(slash - t->file->path) : 1,
             slash != NULL ? t->file->path : ".");
    t->name = slash != NULL ? slash + 1 : t->file->path;
    if ((t->dir = scan_open_folder(work->w->scan->folder, path)) < 0) {
        return t->dir;
    }
    int old = snprintf(t->old, sizeof(t->old), "%s.old", t->name);
    return old >= (int)sizeof(t->old) ? -ENAMETOOLONG : scan_aside(t->aside, t->name);
}

/* The text as it was when it was looked at. */
static int read_same(struct target *t, char **text, size_t *len, struct stat *st)
{
    uint8_t digest[SCAN_DIGEST];
    int fd = openat(t->dir, t->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    int ret = fstat(fd, st) < 0 ? -errno : S_ISREG(st->st_mode) ? 0 : ERR_BUSY;
    if (ret == 0 && (ret = t->acl_len = scan_read_acl(t->acl, fd)) >= 0) {
        ret = file_read_fd(fd, t->name, LIMIT_SCAN_FILE, text, len, NULL);
    }
    close(fd);
    if (ret == 0 && (EVP_Digest(*text, *len, digest, NULL, EVP_sha256(), NULL) != 1 ||
                     memcmp(digest, t->file->digest, sizeof(digest)) != 0)) {
        OPENSSL_cleanse(*text, *len);
        free(*text);
        ret = ERR_BUSY;
    }
    return ret;
}

static int write_acl(const struct target *t)
{
    int fd = openat(t->dir, t->aside, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), ret;
    if (fd < 0) {
        return -errno;
    }
    if ((ret = scan_write_acl(fd, t->acl, (size_t)t->acl_len)) == 0 && fsync(fd) < 0) {
        ret = -errno;
    }
    close(fd);
    return ret;
}

static int write_text(struct target *t, const char *text, size_t len, const struct stat *st)
{
    /* With a list the mode of the group stands for all who are named; it comes with the list. */
    const struct install_access access = {.uid = st->st_uid,
                                          .gid = st->st_gid,
                                          .mode = st->st_mode & (t->acl_len > 0 ? 0700 : 0777),
                                          .wanted = true};
    if (unlinkat(t->dir, t->aside, 0) < 0 && errno != ENOENT) {
        return -errno;
    }
    int ret = install_write(t->dir, t->aside, text, len, &access);
    t->written = ret == 0;
    return ret == 0 && t->acl_len > 0 ? write_acl(t) : ret;
}

static int busy(const struct work *work, const struct scan_file *file, struct err *err)
{
    return err_set(err, ERR_BUSY,
                   "%s/%s has been changed since it was read: nothing was replaced, try again",
                   work->w->scan->root, file->path);
}

static int write_aside(const struct work *work, struct target *t, struct err *err)
{
    char *text = NULL, *fresh = NULL;
    size_t len = 0, fresh_len = 0;
    struct stat st = {0};
    int ret = open_folder(work, t);
    if (ret == 0) {
        ret = read_same(t, &text, &len, &st);
    }
    if (ret == ERR_BUSY) {
        return busy(work, t->file, err);
    }
    if (ret < 0) {
        return fail(work, t, ret, err);
    }
    ret = scan_pem_rewrite(&fresh, &fresh_len, text, len, work->w->chain, t->file->role, err);
    OPENSSL_cleanse(text, len);
    free(text);
    if (ret < 0) {
        return ret;
    }
    ret = write_text(t, fresh, fresh_len, &st);
    OPENSSL_cleanse(fresh, fresh_len);
    free(fresh);
    return ret < 0 ? fail(work, t, ret, err) : 0;
}

static int keep(const struct target *t)
{
    if (unlinkat(t->dir, t->old, 0) < 0 && errno != ENOENT) {
        return -errno;
    }
    return install_link(t->dir, t->name, t->dir, t->old);
}

/* -- all of them -- */

static int write_all(struct work *work, struct err *err)
{
    int ret = 0;
    for (size_t i = 0; ret == 0 && i < work->count; i++) {
        if ((ret = step(work, "write a file aside", err)) == 0) {
            ret = write_aside(work, &work->targets[i], err);
        }
    }
    return ret;
}

static int keep_all(struct work *work, struct err *err)
{
    int ret = 0;
    for (size_t i = 0; ret == 0 && work->w->keep_old > 0 && i < work->count; i++) {
        const struct target *t = &work->targets[i];
        if ((ret = step(work, "keep the old file", err)) == 0 && (ret = keep(t)) < 0) {
            ret = fail(work, t, ret, err);
        }
    }
    for (size_t i = 0; ret == 0 && i < work->count; i++) {
        if (fsync(work->targets[i].dir) < 0) {
            ret = fail(work, &work->targets[i], -errno, err);
        }
    }
    return ret;
}

static int rename_all(struct work *work, struct err *err)
{
    int ret = 0;
    for (size_t i = 0; ret == 0 && i < work->count; i++) {
        struct target *t = &work->targets[i];
        if ((ret = step(work, "put a file in place", err)) < 0) {
            return ret;
        }
        if (renameat(t->dir, t->aside, t->dir, t->name) < 0) {
            return fail(work, t, -errno, err);
        }
        t->written = false;
        work->done++;
        if ((ret = step(work, "sync its folder", err)) == 0 && fsync(t->dir) < 0) {
            ret = fail(work, t, -errno, err);
        }
    }
    return ret;
}

int scan_write(const struct scan_write *write, bool *in_place, struct err *err)
{
    struct work work = {.w = write};
    *in_place = false;
    if ((work.targets = calloc(write->scan->count + 1, sizeof(work.targets[0]))) == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    add(&work, SCAN_ALL);
    if (write->chain->count > 1) {
        add(&work, SCAN_ISSUERS);
    }
    add(&work, SCAN_LEAF);
    int ret = write_all(&work, err);
    const struct scan_file *changed = NULL;
    if (ret == 0 && (ret = keep_all(&work, err)) == 0 &&
        (changed = scan_changed(write->scan, write->pair)) != NULL) {
        ret = busy(&work, changed, err);
    }
    if (ret == 0) {
        ret = rename_all(&work, err);
        *in_place = work.done == work.count;
    }
    for (size_t i = 0; i < work.count; i++) {
        struct target *t = &work.targets[i];
        if (t->written) {
            unlinkat(t->dir, t->aside, 0);
        }
        if (t->dir >= 0) {
            close(t->dir);
        }
    }
    free(work.targets);
    if (ret == 0) {
        warn_of_shared(write);
    }
    return ret;
}
