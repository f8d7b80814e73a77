/*
 * How the files change all at once
 *
 * A certificate is five files that must fit each other and the key: readers of any of them, at
 * any moment and after any crash, must find all old or all new. rename(2) replaces one file
 * at a time, so the five are reached through one symbolic link, and that is what is renamed:
 *
 *   NAME-keypair.rsa.key                            a regular file, made once, never replaced
 *   NAME-chain.rsa.crt                              -> .certmill/NAME.rsa/current/chain.crt
 *   NAME-concat.rsa.pem                             -> .certmill/NAME.rsa/current/concat.pem
 *   ... (request, certificate, issuer likewise)
 *   .certmill/NAME.rsa/current                      -> 7
 *   .certmill/NAME.rsa/7/{request.csr,certificate.crt,chain.crt,issuer.crt,concat.pem}
 *   .certmill/NAME.rsa/6/                           the version before, for who still has its path
 *
 * A new set is written to a version folder that nothing points to, and synced; `current` is
 * replaced by rename; the folder is synced. Before the rename all see the old set, after it the
 * new one. What a crash leaves behind is a version folder that nothing points to; the next
 * run removes it.
 *
 * The public links are made before the first `current`: until then they lead nowhere, which to
 * a reader is the same as no file at all.
 *
 * Taking over. certgrinder left five regular files (or some program replaced a link by
 * one). What is visible now becomes a version of its own, by hard links, so contents, owner and
 * mode stay; then `current` is switched to it, then each regular file is replaced by its link. At
 * every step each public name shows what it showed before. A crash in between is a mixture of links
 * and files with the right contents, which the next run takes over in the same way.
 *
 * One run at a time changes a set: the set's folder is locked by flock(2).
 */
#include "client/install.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/install_dir.h"

static int before(const struct install_hook *hook, const char *what, struct err *err)
{
    int ret = hook == NULL ? 0 : hook->step(hook->arg, what);
    return ret < 0 ? err_set(err, ret, "%s: %s", what, err_string(ret)) : 0;
}

static int fail(const struct files *files, const char *name, struct err *err)
{
    int ret = -errno;
    return err_set(err, ret, "%s/%s: %s", files->path, name, strerror(-ret));
}

static int sync_folder(const struct files *files, int fd, const char *name, struct err *err)
{
    return fsync(fd) < 0 ? fail(files, name, err) : 0;
}

static void inner_name(char dst[static 32], enum file_kind kind)
{
    snprintf(dst, 32, "%s.%s", file_kind_name(kind), file_kind_suffix(kind));
}

static void link_target(char dst[static 320], const struct files *files, enum file_kind kind)
{
    char inner[32];
    inner_name(inner, kind);
    snprintf(dst, 320, "%s/%.*s.%s/current/%s", INSTALL_FOLDER, FILES_NAME_MAX, files->name,
             key_type_name(files->type), inner);
}

enum place { PLACE_EMPTY, PLACE_LINK, PLACE_FILE };

/* What stands at a public name. */
static int look(const struct files *files, enum file_kind kind, enum place *place, struct err *err)
{
    char name[256], target[320], found[320];
    struct stat st;
    files_name(name, files, kind);
    if (fstatat(files->folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        *place = PLACE_EMPTY;
        return errno == ENOENT ? 0 : fail(files, name, err);
    }
    if (S_ISREG(st.st_mode)) {
        *place = PLACE_FILE;
        return 0;
    }
    link_target(target, files, kind);
    ssize_t len = S_ISLNK(st.st_mode) ? readlinkat(files->folder, name, found, sizeof(found)) : 0;
    if (len != (ssize_t)strlen(target) || memcmp(found, target, (size_t)len) != 0) {
        return err_set(err, ERR_EXISTS,
                       "%s/%s is neither a file nor a link of certmill's: move it away",
                       files->path, name);
    }
    *place = PLACE_LINK;
    return 0;
}

/* Replaces (or makes) a public name by its link. */
static int put_link(const struct files *files, int dir, enum file_kind kind,
                    const struct install_hook *hook, struct err *err)
{
    char name[256], target[320];
    int ret;
    files_name(name, files, kind);
    link_target(target, files, kind);
    if ((ret = before(hook, "make a link", err)) < 0) {
        return ret;
    }
    if ((unlinkat(dir, "link", 0) < 0 && errno != ENOENT) || symlinkat(target, dir, "link") < 0) {
        return fail(files, name, err);
    }
    if ((ret = before(hook, "put a link in place", err)) < 0) {
        return ret;
    }
    return renameat(dir, "link", files->folder, name) < 0 ? fail(files, name, err) : 0;
}

/* Makes `current` point to version n: the one moment at which the set changes. */
static int switch_to(const struct files *files, int dir, unsigned long n,
                     const struct install_hook *hook, struct err *err)
{
    char version[32];
    int ret;
    snprintf(version, sizeof(version), "%lu", n);
    if ((ret = before(hook, "make the new current", err)) < 0) {
        return ret;
    }
    if ((unlinkat(dir, "current.new", 0) < 0 && errno != ENOENT) ||
        symlinkat(version, dir, "current.new") < 0) {
        return fail(files, INSTALL_FOLDER, err);
    }
    if ((ret = before(hook, "switch", err)) < 0) {
        return ret;
    }
    if (renameat(dir, "current.new", dir, "current") < 0) {
        return fail(files, INSTALL_FOLDER, err);
    }
    if ((ret = before(hook, "sync the switch", err)) < 0) {
        return ret;
    }
    return sync_folder(files, dir, INSTALL_FOLDER, err);
}

/* Makes what a public name shows now (if anything) a file of the version folder. */
static int keep_file(const struct files *files, int version, enum file_kind kind,
                     const struct install_hook *hook, struct err *err)
{
    char name[256], inner[32];
    int ret = before(hook, "keep an old file", err);
    if (ret < 0) {
        return ret;
    }
    files_name(name, files, kind);
    inner_name(inner, kind);
    /* Where links are not to be had (another's file, see proc(5) protected_hardlinks): a copy. */
    if (linkat(files->folder, name, version, inner, AT_SYMLINK_FOLLOW) == 0 || errno == ENOENT) {
        return 0;
    }
    ret = install_copy(files->folder, name, version, inner);
    errno = -ret;
    return ret < 0 ? fail(files, name, err) : 0;
}

/* Brings the public names into the form of the design note, seen by nobody. */
static int take_over(const struct files *files, int dir, const struct install_hook *hook,
                     struct err *err)
{
    enum place places[FILE_KINDS] = {PLACE_EMPTY};
    bool any = false;
    unsigned long n;
    int version, ret;
    for (int kind = FILE_REQUEST; kind < FILE_KINDS; kind++) {
        if ((ret = look(files, (enum file_kind)kind, &places[kind], err)) < 0) {
            return ret;
        }
        any = any || places[kind] == PLACE_FILE;
    }
    if (!any) {
        return 0;
    }
    if ((ret = before(hook, "make a version for the old files", err)) < 0 ||
        (version = ret = install_version_new(files, dir, &n, err)) < 0) {
        return ret;
    }
    for (int kind = FILE_REQUEST; ret >= 0 && kind < FILE_KINDS; kind++) {
        ret = keep_file(files, version, (enum file_kind)kind, hook, err);
    }
    if (ret >= 0) {
        ret = sync_folder(files, version, INSTALL_FOLDER, err);
    }
    close(version);
    if (ret < 0 || (ret = switch_to(files, dir, n, hook, err)) < 0) {
        return ret;
    }
    for (int kind = FILE_REQUEST; ret >= 0 && kind < FILE_KINDS; kind++) {
        if (places[kind] == PLACE_FILE) {
            ret = put_link(files, dir, (enum file_kind)kind, hook, err);
        }
    }
    return ret < 0 ? ret : sync_folder(files, files->folder, "", err);
}

int install_prepare(const struct files *files, const struct install_hook *hook, struct err *err)
{
    int ret = before(hook, "make the folders", err), dir;
    if (ret < 0 || (dir = ret = install_folder_open(files, err)) < 0) {
        return ret;
    }
    ret = take_over(files, dir, hook, err);
    close(dir);
    return ret;
}

int install_key(const struct files *files, const char *pem, size_t len,
                const struct install_hook *hook, struct err *err)
{
    char name[256];
    int ret, dir = install_folder_open(files, err);
    if (dir < 0) {
        return dir;
    }
    files_name(name, files, FILE_KEYPAIR);
    if ((ret = before(hook, "write the key", err)) < 0) {
        goto out;
    }
    if (unlinkat(dir, "keypair.new", 0) < 0 && errno != ENOENT) {
        ret = fail(files, name, err);
        goto out;
    }
    if ((ret = install_write(dir, "keypair.new", pem, len, NULL)) < 0) {
        errno = -ret;
        fail(files, name, err);
        goto out;
    }
    if ((ret = before(hook, "put the key in place", err)) < 0) {
        goto out;
    }
    if (renameat2(dir, "keypair.new", files->folder, name, RENAME_NOREPLACE) < 0) {
        ret = errno == EEXIST ? err_set(err, ERR_EXISTS, "%s/%s is there", files->path, name)
                              : fail(files, name, err);
        unlinkat(dir, "keypair.new", 0);
        goto out;
    }
    ret = sync_folder(files, files->folder, "", err);
out:
    close(dir);
    return ret;
}

/* Writes the whole new set into its version folder. */
static int write_version(const struct files *files, int version,
                         const struct install_contents *contents, const struct install_hook *hook,
                         struct err *err)
{
    for (int kind = FILE_REQUEST; kind < FILE_KINDS; kind++) {
        char name[256], inner[32];
        struct stat old, *owner = NULL;
        int ret = before(hook, "write a file", err);
        if (ret < 0) {
            return ret;
        }
        files_name(name, files, (enum file_kind)kind);
        inner_name(inner, (enum file_kind)kind);
        if (fstatat(files->folder, name, &old, 0) == 0) {
            owner = &old;
        }
        ret = install_write(version, inner, contents->files[kind].data, contents->files[kind].len,
                            owner);
        if (ret < 0) {
            errno = -ret;
            return fail(files, name, err);
        }
    }
    return sync_folder(files, version, INSTALL_FOLDER, err);
}

/* Makes the public links that are still missing. */
static int complete_links(const struct files *files, int dir, const struct install_hook *hook,
                          struct err *err)
{
    for (int kind = FILE_REQUEST; kind < FILE_KINDS; kind++) {
        enum place place;
        int ret = look(files, (enum file_kind)kind, &place, err);
        if (ret < 0) {
            return ret;
        }
        if (place != PLACE_LINK &&
            (ret = put_link(files, dir, (enum file_kind)kind, hook, err)) < 0) {
            return ret;
        }
    }
    return sync_folder(files, files->folder, "", err);
}

static int commit_version(const struct files *files, int dir,
                          const struct install_contents *contents, const struct install_hook *hook,
                          struct err *err)
{
    unsigned long n;
    int ret, version;
    if ((ret = before(hook, "make a version", err)) < 0 ||
        (version = ret = install_version_new(files, dir, &n, err)) < 0) {
        return ret;
    }
    ret = write_version(files, version, contents, hook, err);
    close(version);
    if (ret < 0 || (ret = sync_folder(files, dir, INSTALL_FOLDER, err)) < 0 ||
        (ret = complete_links(files, dir, hook, err)) < 0) {
        install_version_remove(dir, n);
        return ret;
    }
    ret = switch_to(files, dir, n, hook, err);
    if (ret < 0 && install_version_current(dir) == n) {
        err_prefix(err, "the new files are in place, but may not survive a crash of the system");
    }
    return ret;
}

int install_commit(const struct files *files, const struct install_contents *contents,
                   const struct install_hook *hook, struct err *err)
{
    int ret, dir = install_folder_open(files, err);
    if (dir < 0) {
        return dir;
    }
    /* Again, under the lock: something may have been put there since install_prepare. */
    if ((ret = take_over(files, dir, hook, err)) == 0) {
        unsigned long old = install_version_current(dir);
        ret = commit_version(files, dir, contents, hook, err);
        if (ret == 0 && (ret = before(hook, "clean up", err)) == 0) {
            install_versions_clean(dir, old);
        }
    }
    close(dir);
    return ret;
}
