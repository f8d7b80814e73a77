/*
 * How the files change all at once
 *
 * A certificate is five files and a key that must fit each other: readers of any of them, at
 * any moment and after any crash, must find all old or all new. rename(2) replaces one file
 * at a time, so they are reached through one symbolic link, and that is what is renamed:
 *
 *   NAME-keypair.rsa.key                            a regular file, or a link: see below
 *   NAME-chain.rsa.crt                              -> .certmill/NAME.rsa/current/chain.crt
 *   NAME-concat.rsa.pem                             -> .certmill/NAME.rsa/current/concat.pem
 *   ... (request, certificate, issuer likewise)
 *   NAME-chain.rsa.crt.old                          -> .certmill/NAME.rsa/old/chain.crt
 *   .certmill/NAME.rsa/current                      -> 7
 *   .certmill/NAME.rsa/old                          -> 6
 *   .certmill/NAME.rsa/7/{request.csr,certificate.crt,chain.crt,issuer.crt,concat.pem}
 *   .certmill/NAME.rsa/6/                           the set before
 *
 * A new set is written to a version folder that nothing points to, synced, and read back;
 * `current` is replaced by rename; the folder is synced. Before the rename all see the old set,
 * after it the new one. What a crash leaves behind is a version folder that nothing points to; the
 * next run removes it.
 *
 * The public links are made before the first `current`: until then they lead nowhere, which to
 * a reader is the same as no file at all.
 *
 * The key is made once and outlives renewals, so it begins as a regular file that no version
 * knows of. Only when another takes its place (`key activate`) must it change in the same
 * moment as the rest: then it is taken over into a version, as below, and from there on its name
 * is a link and each version has it, by hard link where it is the same.
 *
 * Taking over. certgrinder left regular files (or some program replaced a link by
 * one). What is visible now becomes a version of its own, by hard links, so contents, owner and
 * mode stay; then `current` is switched to it, then each regular file is replaced by its link. At
 * every step each public name shows what it showed before. A crash in between is a mixture of links
 * and files with the right contents, which the next run takes over in the same way.
 *
 * Telling services. A run may be ended between the switch and its hooks; services would go on with
 * the old certificate until it has expired. So each version is born with a mark, which shows with
 * it, and which goes once hooks have run; the next run finds it and runs them
 * (client/install_told.c).
 *
 * `old` is brought to the current version before that becomes the previous one: between the two
 * renames a reader of .old finds the set that is in use, whole. Doing it afterwards would have a
 * failure there keep the services from being told of files that are in place already.
 *
 * One run at a time changes a set: the set's folder is locked by flock(2).
 */
#include "client/install.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/install_dir.h"
#include "client/install_file.h"
#include "client/install_place.h"

static int sync_folder(const struct files *files, int fd, const char *name, struct err *err)
{
    return fsync(fd) < 0 ? install_fail(files, name, -errno, err) : 0;
}

/* Makes a link of the set's folder name version n; for `current` the one moment at which the
 * set changes. */
static int switch_to(const struct files *files, int dir, const char *link, unsigned long n,
                     const struct install_hook *hook, struct err *err)
{
    int ret = install_step(hook, "make the new link", err);
    if (ret < 0) {
        return ret;
    }
    if ((ret = install_version_name(dir, link, n)) < 0) {
        return install_fail(files, INSTALL_FOLDER, ret, err);
    }
    if ((ret = install_step(hook, "switch", err)) < 0) {
        return ret;
    }
    if (n > 0 && (ret = install_version_rename(dir, link)) < 0) {
        return install_fail(files, INSTALL_FOLDER, ret, err);
    }
    if ((ret = install_step(hook, "sync the switch", err)) < 0) {
        return ret;
    }
    return sync_folder(files, dir, INSTALL_FOLDER, err);
}

/* Makes what a public name shows now (if anything) a file of the version folder. */
static int keep_file(const struct files *files, int dir, int version, enum file_kind kind,
                     enum install_place place, const struct install_hook *hook, struct err *err)
{
    char name[256], inner[32];
    int ret = install_step(hook, "keep an old file", err), from = files->folder;
    if (ret < 0 || place == INSTALL_EMPTY) {
        return ret;
    }
    files_name(name, files, kind);
    install_inner_name(inner, kind);
    if (place == INSTALL_LINK) {
        unsigned long n = install_version_of(dir, INSTALL_CURRENT);
        from = n > 0 ? install_version_open(dir, n) : -ENOENT;
    }
    ret =
        from < 0 ? from : install_link(from, place == INSTALL_LINK ? inner : name, version, inner);
    if (from >= 0 && from != files->folder) {
        close(from);
    }
    return ret < 0 && ret != -ENOENT ? install_fail(files, name, ret, err) : 0;
}

/* What stands at the public names, and whether it has to be taken over. The key stays where it is
 * as long as it is a file of its own, unless it is to be replaced. */
static int look_at_all(const struct files *files, enum install_place places[static FILE_KINDS],
                       bool with_key, struct err *err)
{
    int any = 0;
    for (int kind = 0; kind < FILE_KINDS; kind++) {
        int ret = install_look(files, (enum file_kind)kind, &places[kind], err);
        if (ret < 0) {
            return ret;
        }
        if (kind == FILE_KEYPAIR && !with_key && places[kind] == INSTALL_FILE) {
            places[kind] = INSTALL_EMPTY;
        }
        any = any || places[kind] == INSTALL_FILE;
    }
    return any;
}

/* Brings the public names into the form of the design note, seen by nobody. */
static int take_over(const struct files *files, int dir, bool with_key,
                     const struct install_hook *hook, struct err *err)
{
    enum install_place places[FILE_KINDS] = {INSTALL_EMPTY};
    unsigned long n;
    int version, ret = look_at_all(files, places, with_key, err);
    if (ret <= 0) {
        return ret;
    }
    if ((ret = install_step(hook, "make a version for the old files", err)) < 0 ||
        (version = ret = install_version_new(files, dir, &n, err)) < 0) {
        return ret;
    }
    for (int kind = 0; ret >= 0 && kind < FILE_KINDS; kind++) {
        ret = keep_file(files, dir, version, (enum file_kind)kind, places[kind], hook, err);
    }
    if (ret >= 0) {
        ret = sync_folder(files, version, INSTALL_FOLDER, err);
    }
    close(version);
    if (ret < 0 || (ret = switch_to(files, dir, INSTALL_CURRENT, n, hook, err)) < 0) {
        if (install_version_of(dir, INSTALL_CURRENT) != n) {
            install_version_remove(dir, n);
        }
        return ret;
    }
    for (int kind = 0; ret >= 0 && kind < FILE_KINDS; kind++) {
        if (places[kind] == INSTALL_FILE) {
            ret = install_put_link(files, dir, (enum file_kind)kind, hook, err);
        }
    }
    return ret < 0 ? ret : sync_folder(files, files->folder, "", err);
}

int install_prepare(const struct files *files, const struct install_hook *hook, struct err *err)
{
    int ret = install_step(hook, "make the folders", err), dir;
    if (ret < 0 || (dir = ret = install_folder_open(files, err)) < 0) {
        return ret;
    }
    install_versions_unfinished(dir);
    ret = take_over(files, dir, false, hook, err);
    close(dir);
    return ret;
}

/* A link that leads nowhere, as a crash leaves it, is no key: it may be replaced. */
static int rename_key(const struct files *files, int dir, const char *name)
{
    enum install_place place = INSTALL_FILE;
    int ret = install_rename_new(dir, "keypair.new", files->folder, name);
    if (ret == -EEXIST && install_look(files, FILE_KEYPAIR, &place, NULL) == 0 &&
        place == INSTALL_LINK && install_key_missing(files)) {
        return renameat(dir, "keypair.new", files->folder, name) < 0 ? -errno : 0;
    }
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
    struct install_access access = install_access(&files->owner, files->folder, name);
    if ((ret = install_step(hook, "write the key", err)) < 0) {
        goto out;
    }
    if ((unlinkat(dir, "keypair.new", 0) < 0 && errno != ENOENT && (ret = -errno) < 0) ||
        (ret = install_write(dir, "keypair.new", pem, len, &access)) < 0) {
        install_fail(files, name, ret, err);
        goto out;
    }
    if ((ret = install_step(hook, "put the key in place", err)) < 0) {
        goto out;
    }
    if ((ret = rename_key(files, dir, name)) < 0) {
        unlinkat(dir, "keypair.new", 0);
        ret = ret == -EEXIST ? err_set(err, ERR_EXISTS, "%s/%s is there", files->path, name)
                             : install_fail(files, name, ret, err);
        goto out;
    }
    ret = sync_folder(files, files->folder, "", err);
out:
    close(dir);
    return ret;
}

static int write_one(const struct files *files, int version, enum file_kind kind, const char *data,
                     size_t len, const struct install_hook *hook, struct err *err)
{
    char name[256], inner[32];
    int ret = install_step(hook, "write a file", err);
    if (ret < 0) {
        return ret;
    }
    files_name(name, files, kind);
    install_inner_name(inner, kind);
    struct install_access access = install_access(&files->owner, files->folder, name);
    ret = install_write(version, inner, data, len, &access);
    return ret < 0 ? install_fail(files, name, ret, err) : 0;
}

/* A key that stays belongs to whom the configuration says, as the new files do. */
static int give_key(const struct files *files, int dir, const char *name, struct err *err)
{
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) { /* none yet, or a link */
        return 0;
    }
    struct install_access access = install_access(&files->owner, dir, name);
    int ret = access.wanted ? install_give(fd, &access) : 0;
    close(fd);
    return ret < 0 ? install_fail(files, name, ret, err) : 0;
}

static int keep_key(const struct files *files, int dir, int version,
                    const struct install_hook *hook, struct err *err)
{
    char name[256], inner[32];
    enum install_place place;
    int ret = install_look(files, FILE_KEYPAIR, &place, err);
    files_name(name, files, FILE_KEYPAIR);
    install_inner_name(inner, FILE_KEYPAIR);
    if (ret == 0 && place == INSTALL_LINK &&
        (ret = keep_file(files, dir, version, FILE_KEYPAIR, place, hook, err)) == 0) {
        ret = give_key(files, version, inner, err);
    } else if (ret == 0 && place == INSTALL_FILE) {
        ret = give_key(files, files->folder, name, err);
    }
    return ret;
}

/* Writes the whole new set into its version folder. */
static int write_version(const struct files *files, int dir, int version,
                         const struct install_contents *contents, const struct install_hook *hook,
                         struct err *err)
{
    bool with_key = contents->files[FILE_KEYPAIR].data != NULL;
    int ret = with_key ? 0 : keep_key(files, dir, version, hook, err);
    if (ret == 0 && (ret = install_mark(version)) < 0) {
        return install_fail(files, INSTALL_FOLDER, ret, err);
    }
    for (int kind = 0; ret == 0 && kind < FILE_KINDS; kind++) {
        if (kind != FILE_KEYPAIR || with_key) {
            ret = write_one(files, version, (enum file_kind)kind, contents->files[kind].data,
                            contents->files[kind].len, hook, err);
        }
    }
    return ret < 0 ? ret : sync_folder(files, version, INSTALL_FOLDER, err);
}

/* Makes the public links that are still missing. */
static int complete_links(const struct files *files, int dir, bool with_key,
                          const struct install_hook *hook, struct err *err)
{
    for (int kind = with_key ? FILE_KEYPAIR : FILE_REQUEST; kind < FILE_KINDS; kind++) {
        enum install_place place;
        int ret = install_look(files, (enum file_kind)kind, &place, err);
        if (ret < 0) {
            return ret;
        }
        if (place != INSTALL_LINK &&
            (ret = install_put_link(files, dir, (enum file_kind)kind, hook, err)) < 0) {
            return ret;
        }
    }
    return sync_folder(files, files->folder, "", err);
}

/* Brings .old to the set that is in use until now. */
static int put_old(const struct files *files, int dir, unsigned keep,
                   const struct install_hook *hook, struct err *err)
{
    unsigned long n = keep > 0 ? install_version_of(dir, INSTALL_CURRENT) : 0;
    int ret = switch_to(files, dir, INSTALL_OLD, n, hook, err);
    if (ret == 0) {
        ret = install_put_old(files, dir, hook, err);
    }
    return ret;
}

static int commit_version(const struct files *files, int dir,
                          const struct install_contents *contents, const struct install_hook *hook,
                          bool *in_place, struct err *err)
{
    bool with_key = contents->files[FILE_KEYPAIR].data != NULL;
    unsigned long n, old = install_version_of(dir, INSTALL_OLD);
    int ret, version;
    if ((ret = install_step(hook, "make a version", err)) < 0 ||
        (version = ret = install_version_new(files, dir, &n, err)) < 0) {
        return ret;
    }
    ret = write_version(files, dir, version, contents, hook, err);
    close(version);
    if (ret < 0 || (ret = sync_folder(files, dir, INSTALL_FOLDER, err)) < 0 ||
        (ret = complete_links(files, dir, with_key, hook, err)) < 0) {
        install_version_remove(dir, n);
        return ret;
    }
    if ((ret = put_old(files, dir, contents->keep_old, hook, err)) == 0) {
        ret = switch_to(files, dir, INSTALL_CURRENT, n, hook, err);
    }
    *in_place = install_version_of(dir, INSTALL_CURRENT) == n;
    if (ret < 0 && *in_place) {
        return err_prefix(err, "the new files are in place, but may not survive a crash of the "
                               "system");
    }
    if (ret < 0) {
        install_version_remove(dir, n);
        if (install_version_name(dir, INSTALL_OLD, old) == 0 && old > 0) {
            install_version_rename(dir, INSTALL_OLD);
        }
        install_put_old(files, dir, NULL, NULL);
    }
    return ret;
}

int install_commit(const struct files *files, const struct install_contents *contents,
                   const struct install_hook *hook, bool *in_place, struct err *err)
{
    bool with_key = contents->files[FILE_KEYPAIR].data != NULL;
    int ret, dir = install_folder_open(files, err);
    *in_place = false;
    if (dir < 0) {
        return dir;
    }
    /* Again, under the lock: something may have been put there since install_prepare. */
    if ((ret = take_over(files, dir, with_key, hook, err)) == 0 &&
        (ret = commit_version(files, dir, contents, hook, in_place, err)) == 0 &&
        (ret = install_step(hook, "clean up", err)) == 0) {
        install_versions_clean(dir, contents->keep_old);
    }
    close(dir);
    return ret;
}
