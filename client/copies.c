#include "client/copies.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/copies_form.h"
#include "client/install_file.h"
#include "client/keyfile.h"
#include "common/file.h"

/* One copy, on its way. */
struct copy {
    const struct settings_copy *row;
    const struct files *files;
    char path[LIMIT_PATH];
    const char *base; /* its last part, within path */
    int folder;       /* -1: not open */
    struct file_owner owner;
};

/* -- paths -- */

/* Puts NAME and TYPE into the path, and takes needless slashes out. */
static int expand(char dst[static LIMIT_PATH], const char *path, const struct files *files)
{
    size_t len = 0;
    while (*path != '\0') {
        const char *part = path;
        size_t n = 1;
        if (strncmp(path, "{name}", 6) == 0) {
            part = files->name;
            n = strlen(part);
            path += 6;
        } else if (strncmp(path, "{type}", 6) == 0) {
            part = key_type_name(files->type);
            n = strlen(part);
            path += 6;
        } else {
            path++;
        }
        if (part[0] == '/' && len > 0 && dst[len - 1] == '/') {
            continue;
        }
        if (n >= LIMIT_PATH - len) {
            return ERR_LIMIT;
        }
        memcpy(dst + len, part, n);
        len += n;
    }
    dst[len] = '\0';
    return len > 1 && dst[len - 1] != '/' ? 0 : ERR_MALFORMED;
}

/* A path, and for messages whose. */
struct place {
    char *path;
    const struct set *set;
    enum key_type type;
    bool ours; /* one of client/install's */
};

struct places {
    struct place *items;
    size_t count;
};

static int compare_places(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int order = strcmp(x->path, y->path);
    if (order == 0) { /* as they are configured, so that a message names them in that order */
        order = (x->set > y->set) - (x->set < y->set);
    }
    return order != 0 ? order : (x->type > y->type) - (x->type < y->type);
}

static int add_place(struct places *places, const char *path, const struct set *set,
                     enum key_type type, bool ours)
{
    struct place *place = &places->items[places->count];
    *place = (struct place){.path = strdup(path), .set = set, .type = type, .ours = ours};
    if (place->path == NULL) {
        return -ENOMEM;
    }
    places->count++;
    return 0;
}

/* All that one set and type of key has. */
static int add_places(struct places *places, const struct client *client, const struct set *set,
                      enum key_type type, struct err *err)
{
    const struct settings *s = &client->settings;
    struct files files = {.name = set->name, .type = type};
    char path[LIMIT_PATH], own[LIMIT_PATH], name[256];
    const struct settings_copy *rows = s->copies.rows;
    int ret = 0;
    for (int kind = 0; ret == 0 && s->path != NULL && kind < FILE_KINDS; kind++) {
        files_name(name, &files, (enum file_kind)kind);
        snprintf(path, sizeof(path), "%.*s/%s", LIMIT_PATH - 300, s->path, name);
        ret = expand(own, path, &files);
        ret = ret == 0 ? add_place(places, own, set, type, true) : ret;
    }
    for (size_t i = 0; ret == 0 && i < s->copies.count; i++) {
        ret = expand(path, rows[i].path, &files);
        if (ret == ERR_LIMIT) {
            return err_set(err, ret, "copies: %.200s is too long a path for %s", rows[i].path,
                           set->name);
        }
        if (ret == ERR_MALFORMED) {
            return err_set(err, ret, "copies: %.200s names no file", rows[i].path);
        }
        ret = add_place(places, path, set, type, false);
    }
    return ret < 0 ? err_set(err, -ENOMEM, "out of memory") : 0;
}

static int find_doubles(const struct places *places, struct err *err)
{
    for (size_t i = 1; i < places->count; i++) {
        const struct place *a = &places->items[i - 1], *b = &places->items[i];
        if (strcmp(a->path, b->path) != 0 || (a->ours && b->ours)) {
            continue;
        }
        if (a->ours || b->ours) {
            return err_set(err, ERR_EXISTS,
                           "copies: %s is one of the files of %s themselves: give the copy "
                           "another path",
                           a->path, (a->ours ? a : b)->set->names[0]);
        }
        return err_set(err, ERR_EXISTS,
                       "copies: %s %s and %s %s would both go to %s: put {name} and {type} into "
                       "the path",
                       a->set->names[0], key_type_name(a->type), b->set->names[0],
                       key_type_name(b->type), a->path);
    }
    return 0;
}

static int check_places(const struct client *client, struct err *err)
{
    size_t certs = client->sets.count * client->type_count;
    struct places places = {.items =
                                calloc(certs * (client->settings.copies.count + FILE_KINDS) + 1,
                                       sizeof(places.items[0]))};
    int ret = 0;
    if (places.items == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    for (size_t i = 0; ret == 0 && i < client->sets.count; i++) {
        for (size_t k = 0; ret == 0 && k < client->type_count; k++) {
            ret = add_places(&places, client, &client->sets.items[i], client->types[k], err);
        }
    }
    if (ret == 0) {
        qsort(places.items, places.count, sizeof(places.items[0]), compare_places);
        ret = find_doubles(&places, err);
    }
    for (size_t i = 0; i < places.count; i++) {
        free(places.items[i].path);
    }
    free(places.items);
    return ret;
}

int copies_check(const struct client *client, struct err *err)
{
    const struct settings_copy *rows = client->settings.copies.rows;
    for (size_t i = 0; i < client->settings.copies.count; i++) {
        struct file_owner owner;
        int ret = file_owner_find(&owner, rows[i].owner, rows[i].group, rows[i].mode, err);
        if (ret < 0) {
            return err_prefix(err, "copies: %.200s", rows[i].path);
        }
    }
    return client->settings.copies.count > 0 ? check_places(client, err) : 0;
}

/* -- one copy -- */

static int fail(const struct copy *copy, int code, struct err *err)
{
    struct files files = {.path = copy->path};
    install_fail(&files, "", code, err);
    return err_prefix(err, "copies");
}

/* Opens its folder, and looks at its place. */
static int copy_open(struct copy *copy, const struct settings_copy *row, const struct files *files,
                     struct err *err)
{
    struct stat st;
    *copy = (struct copy){.row = row, .files = files, .base = "", .folder = -1};
    int ret = expand(copy->path, row->path, files);
    if (ret < 0) {
        return err_set(err, ret, "copies: %.200s: %s", row->path, err_string(ret));
    }
    char *slash = strrchr(copy->path, '/');
    char folder[LIMIT_PATH];
    snprintf(folder, sizeof(folder), "%.*s/", (int)(slash - copy->path), copy->path);
    copy->base = slash + 1;
    if (file_owner_find(&copy->owner, row->owner, row->group, row->mode, err) < 0) {
        return err_prefix(err, "copies: %s", copy->path);
    }
    copy->owner.uid = copy->owner.uid == (uid_t)-1 ? files->owner.uid : copy->owner.uid;
    copy->owner.gid = copy->owner.gid == (gid_t)-1 ? files->owner.gid : copy->owner.gid;
    if ((copy->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
        return err_set(err, -errno, "copies: %s: its folder: %s; make it first", copy->path,
                       err_string(-errno));
    }
    if (fstatat(copy->folder, copy->base, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode)) {
        return err_set(err, ERR_EXISTS, "copies: %s is there and is no file: move it away",
                       copy->path);
    }
    return 0;
}

static void copy_close(struct copy *copy)
{
    if (copy->folder >= 0) {
        close(copy->folder);
    }
}

int copies_prepare(const struct settings *settings, const struct files *files, struct err *err)
{
    const struct settings_copy *rows = settings->copies.rows;
    int ret = 0;
    for (size_t i = 0; ret == 0 && i < settings->copies.count; i++) {
        struct copy copy;
        char *password = NULL;
        ret = copy_open(&copy, &rows[i], files, err);
        if (ret == 0 && faccessat(copy.folder, ".", W_OK | X_OK, AT_EACCESS) < 0) {
            ret = fail(&copy, -errno, err);
        }
        if (ret == 0 && strcmp(rows[i].form, "pkcs12") == 0 &&
            (ret = copies_password(&password, &rows[i], err)) < 0) {
            err_prefix(err, "copies: %s", copy.path);
        }
        if (password != NULL) {
            copies_wipe(password, strlen(password));
        }
        copy_close(&copy);
    }
    return ret;
}

/* Whether the file is what it shall be. */
static bool is_there(const struct copy *copy, const struct copies_form *form,
                     const struct install_access *access, const char *data, size_t len)
{
    struct stat st;
    char *old;
    size_t old_len;
    bool same = false;
    int fd = openat(copy->folder, copy->base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 07777) == access->mode &&
        (access->uid == (uid_t)-1 || access->uid == st.st_uid) &&
        (access->gid == (gid_t)-1 || access->gid == st.st_gid) &&
        file_read_fd(fd, copy->path, COPIES_MAX, &old, &old_len, NULL) == 0) {
        same = copies_same(form, old, old_len, data, len);
        copies_wipe(old, old_len);
    }
    close(fd);
    return same;
}

/* The name that it is written under first: the same each time, so that what a crash leaves behind
 * is found again, and not longer than the longest. */
static void aside_name(char dst[static 40], const char *base)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (const char *p = base; *p != '\0'; p++) {
        hash = (hash ^ (unsigned char)*p) * 0x100000001b3u;
    }
    snprintf(dst, 40, ".certmill-%016" PRIx64 ".tmp", hash);
}

static int put(const struct copy *copy, const struct install_access *access, const char *data,
               size_t len)
{
    char aside[40];
    aside_name(aside, copy->base);
    if (unlinkat(copy->folder, aside, 0) < 0 && errno != ENOENT) {
        return -errno;
    }
    int ret = install_write(copy->folder, aside, data, len, access);
    if (ret == 0 && renameat(copy->folder, aside, copy->folder, copy->base) < 0) {
        ret = -errno;
        unlinkat(copy->folder, aside, 0);
    }
    if (ret == 0 && fsync(copy->folder) < 0) {
        ret = -errno;
    }
    return ret;
}

/* Returns whether it has to be written, which it is where write is set. */
static int bring(const struct copy *copy, const struct copies_form *form, bool write,
                 struct err *err)
{
    struct install_access access = install_access(&copy->owner, copy->folder, copy->base);
    char *data;
    size_t len;
    int ret = copies_make(form, &data, &len, err);
    if (ret < 0) {
        return err_prefix(err, "copies: %s", copy->path);
    }
    bool same = is_there(copy, form, &access, data, len);
    if (write && !same && (ret = put(copy, &access, data, len)) < 0) {
        fail(copy, ret, err);
    }
    copies_wipe(data, len);
    return ret < 0 ? ret : !same;
}

static int bring_all(const struct settings *settings, const struct copies_form *all, bool write,
                     struct err *err)
{
    const struct settings_copy *rows = settings->copies.rows;
    int count = 0;
    for (size_t i = 0; i < settings->copies.count; i++) {
        struct copies_form form = *all;
        struct copy copy;
        form.row = &rows[i];
        int ret = copy_open(&copy, &rows[i], form.files, err);
        if (ret == 0) {
            ret = bring(&copy, &form, write, err);
        }
        copy_close(&copy);
        if (ret < 0) {
            return ret;
        }
        count += ret;
    }
    return count;
}

int copies_write(const struct settings *settings, const struct files *files, const struct key *key,
                 const struct chain *chain, struct err *err)
{
    struct copies_form form = {.files = files, .key = key, .chain = chain};
    return bring_all(settings, &form, true, err);
}

static int follow(const struct settings *settings, const struct files *files,
                  const struct chain *chain, bool write, struct err *err)
{
    struct key key;
    if (settings->copies.count == 0) {
        return 0;
    }
    struct copies_form form = {.files = files, .key = &key, .chain = chain};
    int ret = keyfile_open(&key, files, err);
    if (ret == 0) {
        ret = bring_all(settings, &form, write, err);
    }
    key_clear(&key);
    return ret;
}

bool copies_due(const struct settings *settings, const struct files *files,
                const struct chain *chain)
{
    return follow(settings, files, chain, false, NULL) != 0;
}

int copies_follow(const struct settings *settings, const struct files *files,
                  const struct chain *chain, struct err *err)
{
    int ret = copies_prepare(settings, files, err);
    return ret < 0 ? ret : follow(settings, files, chain, true, err);
}
