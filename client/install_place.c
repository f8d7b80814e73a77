#include "client/install_place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/install_dir.h"
#include "client/install_file.h"

#define TARGET_MAX 320

int install_step(const struct install_hook *hook, const char *what, struct err *err)
{
    int ret = hook == NULL ? 0 : hook->step(hook->arg, what);
    return ret < 0 ? err_set(err, ret, "%s: %s", what, err_string(ret)) : 0;
}

void install_inner_name(char dst[static 32], enum file_kind kind)
{
    snprintf(dst, 32, "%s.%s", file_kind_name(kind), file_kind_suffix(kind));
}

/* version: INSTALL_CURRENT or INSTALL_OLD. */
static void link_target(char dst[static TARGET_MAX], const struct files *files, const char *version,
                        enum file_kind kind)
{
    char inner[32];
    install_inner_name(inner, kind);
    snprintf(dst, TARGET_MAX, "%s/%.*s.%s/%s/%s", INSTALL_FOLDER, FILES_NAME_MAX, files->name,
             key_type_name(files->type), version, inner);
}

static bool is_link_to(const struct files *files, const char *name, const char *target)
{
    char found[TARGET_MAX];
    ssize_t len = readlinkat(files->folder, name, found, sizeof(found));
    return len == (ssize_t)strlen(target) && memcmp(found, target, (size_t)len) == 0;
}

int install_look(const struct files *files, enum file_kind kind, enum install_place *place,
                 struct err *err)
{
    char name[256], target[TARGET_MAX];
    struct stat st;
    files_name(name, files, kind);
    if (fstatat(files->folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        *place = INSTALL_EMPTY;
        return errno == ENOENT ? 0 : install_fail(files, name, -errno, err);
    }
    *place = INSTALL_FILE;
    if (S_ISREG(st.st_mode)) {
        return 0;
    }
    link_target(target, files, INSTALL_CURRENT, kind);
    if (S_ISLNK(st.st_mode) && is_link_to(files, name, target)) {
        *place = INSTALL_LINK;
        return 0;
    }
    if (S_ISLNK(st.st_mode) && kind == FILE_KEYPAIR) {
        return 0;
    }
    return err_set(err, ERR_EXISTS,
                   "%s/%s is neither a file nor a link of certmill's: move it away", files->path,
                   name);
}

int install_key_missing(const struct files *files)
{
    char name[256];
    struct stat st;
    files_name(name, files, FILE_KEYPAIR);
    return fstatat(files->folder, name, &st, 0) < 0 && errno == ENOENT;
}

static int put(const struct files *files, int dir, const char *name, const char *target)
{
    if ((unlinkat(dir, "link", 0) < 0 && errno != ENOENT) || symlinkat(target, dir, "link") < 0 ||
        renameat(dir, "link", files->folder, name) < 0) {
        return -errno;
    }
    return 0;
}

int install_put_link(const struct files *files, int dir, enum file_kind kind,
                     const struct install_hook *hook, struct err *err)
{
    char name[256], target[TARGET_MAX];
    files_name(name, files, kind);
    link_target(target, files, INSTALL_CURRENT, kind);
    int ret = install_step(hook, "put a link in place", err);
    if (ret == 0 && (ret = put(files, dir, name, target)) < 0) {
        return install_fail(files, name, ret, err);
    }
    return ret;
}

/* One `.old`. version: descriptor of the folder with the old files, -1 for none. */
static int put_one_old(const struct files *files, int dir, int version, enum file_kind kind)
{
    char current[256], name[256 + 4], target[TARGET_MAX], inner[32];
    struct stat st;
    files_name(current, files, kind);
    snprintf(name, sizeof(name), "%s.old", current);
    install_inner_name(inner, kind);
    link_target(target, files, INSTALL_OLD, kind);
    bool there = fstatat(files->folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    bool ours = there && S_ISLNK(st.st_mode) && is_link_to(files, name, target);
    bool wanted = version >= 0 && faccessat(version, inner, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    if (ours && !wanted) {
        return unlinkat(files->folder, name, 0) < 0 ? -errno : 0;
    }
    if (there || !wanted || strlen(name) > NAME_MAX) {
        return 0;
    }
    return put(files, dir, name, target);
}

int install_put_old(const struct files *files, int dir, const struct install_hook *hook,
                    struct err *err)
{
    unsigned long n = install_version_of(dir, INSTALL_OLD);
    int version = n > 0 ? install_version_open(dir, n) : -1;
    int ret = 0;
    for (int kind = 0; ret == 0 && kind < FILE_KINDS; kind++) {
        char name[256];
        files_name(name, files, (enum file_kind)kind);
        if ((ret = install_step(hook, "put an old link in place", err)) < 0) {
            break;
        }
        if ((ret = put_one_old(files, dir, version, (enum file_kind)kind)) < 0) {
            install_fail(files, name, ret, err);
        }
    }
    if (version >= 0) {
        close(version);
    }
    return ret;
}
