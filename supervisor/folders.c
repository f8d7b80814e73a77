#include "supervisor/folders.h"

#include <errno.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"

struct folder_spec {
    const char *path;
    mode_t mode;
    const char *user; /* whose it is when we are root; NULL: root's */
};

static int find_user(const char *user, const char *key, struct passwd **pw, struct err *err)
{
    errno = 0;
    *pw = getpwnam(user);
    if (*pw == NULL) {
        return err_set(
            err, ERR_NOT_FOUND,
            "the user %s does not exist: create it (adduser --system --group %s), or set "
            "%s to another",
            user, user, key);
    }
    return 0;
}

/* May the user pass through every folder on the way to path? */
static int check_way(const char *path, const struct passwd *pw, struct err *err)
{
    char part[LIMIT_PATH + 16];
    struct stat st;

    snprintf(part, sizeof(part), "%s", path);
    for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (stat(part, &st) == 0) {
            mode_t needed = st.st_uid == pw->pw_uid   ? S_IXUSR
                            : st.st_gid == pw->pw_gid ? S_IXGRP
                                                      : S_IXOTH;
            if ((st.st_mode & needed) == 0) {
                return err_set(err, ERR_PERMISSION,
                               "the user %s cannot reach %s, because %s is closed to it (mode "
                               "%04o): chmod a+x %s, or choose another folder",
                               pw->pw_name, path, part, (unsigned)st.st_mode & 07777, part);
            }
        }
        *slash = '/';
    }
    return 0;
}

/* What is right already is left alone: the disk may take no changes. */
static bool owned_by(const char *path, const struct passwd *pw)
{
    struct stat st;

    return lstat(path, &st) == 0 && st.st_uid == (pw != NULL ? pw->pw_uid : 0) &&
           st.st_gid == (pw != NULL ? pw->pw_gid : 0);
}

static bool has_mode(const char *path, mode_t mode)
{
    struct stat st;

    return stat(path, &st) == 0 && (st.st_mode & 07777) == mode;
}

static int make(const struct folder_spec *spec, const char *key, struct err *err)
{
    struct passwd *pw = NULL;
    int ret = file_make_folder(spec->path, spec->mode, err);

    if (ret < 0) {
        return ret;
    }
    if (geteuid() == 0) {
        if (spec->user != NULL && (ret = find_user(spec->user, key, &pw, err)) < 0) {
            return ret;
        }
        if (!owned_by(spec->path, pw) &&
            lchown(spec->path, pw != NULL ? pw->pw_uid : 0, pw != NULL ? pw->pw_gid : 0) < 0) {
            return err_set(err, -errno, "cannot give %s to its user: %s", spec->path,
                           err_string(-errno));
        }
        if (pw != NULL && (ret = check_way(spec->path, pw, err)) < 0) {
            return ret;
        }
    }
    if (!has_mode(spec->path, spec->mode) && chmod(spec->path, spec->mode) < 0) {
        return err_set(err, -errno, "cannot set the mode of %s: %s", spec->path,
                       err_string(-errno));
    }
    return 0;
}

int folders_state(const struct server_conf *conf, struct err *err)
{
    char keys[LIMIT_PATH + 8], store[LIMIT_PATH + 8], audit[LIMIT_PATH + 8];
    const struct folder_spec state_spec = {conf->state_dir, geteuid() == 0 ? 0711 : 0700, NULL};
    const struct folder_spec keys_spec = {keys, 0700, conf->signer_user};
    const struct folder_spec store_spec = {store, 0700, conf->user};
    const struct folder_spec audit_spec = {audit, 0700, conf->user};
    int ret;

    snprintf(keys, sizeof(keys), "%s/keys", conf->state_dir);
    snprintf(store, sizeof(store), "%s/store", conf->state_dir);
    snprintf(audit, sizeof(audit), "%s/audit", conf->state_dir);
    if ((ret = make(&state_spec, "state-dir", err)) < 0 ||
        (ret = make(&keys_spec, "signer-user", err)) < 0 ||
        (ret = make(&store_spec, "user", err)) < 0) {
        return ret;
    }
    return make(&audit_spec, "user", err);
}

int folders_run(const struct server_conf *conf, struct err *err)
{
    char empty[LIMIT_PATH + 8];
    const struct folder_spec run_spec = {conf->run_dir, 0755, NULL};
    const struct folder_spec empty_spec = {empty, 0555, NULL};
    int ret;

    snprintf(empty, sizeof(empty), "%s/empty", conf->run_dir);
    if ((ret = make(&run_spec, "run-dir", err)) < 0) {
        return ret;
    }
    return make(&empty_spec, "run-dir", err);
}

int folders_users(const struct server_conf *conf, struct err *err)
{
    const struct {
        const char *key, *user;
    } users[] = {
        {"user", conf->user},
        {"dns-user", conf->dns_user},
        {"signer-user", conf->signer_user},
        {"notify-user", conf->notify_user},
    };
    const size_t count = sizeof(users) / sizeof(users[0]) - !server_conf_notifies(conf);
    uid_t uids[sizeof(users) / sizeof(users[0])];

    for (size_t i = 0; geteuid() == 0 && i < count; i++) {
        struct passwd *pw;
        int ret = find_user(users[i].user, users[i].key, &pw, err);

        if (ret < 0) {
            return ret;
        }
        uids[i] = pw->pw_uid;
        if (uids[i] == 0) {
            return err_set(err, ERR_POLICY, "%s is %s, who is root: name an ordinary user",
                           users[i].key, users[i].user);
        }
        for (size_t j = 0; j < i; j++) {
            if (uids[i] == uids[j]) {
                return err_set(err, ERR_POLICY,
                               "%s (%s) and %s (%s) are one and the same, uid %u: name a user of "
                               "its own for each process",
                               users[j].key, users[j].user, users[i].key, users[i].user,
                               (unsigned)uids[i]);
            }
        }
    }
    return 0;
}

int folders_group(const char *user, gid_t *gid, struct err *err)
{
    struct passwd *pw;

    if (geteuid() != 0) {
        *gid = getegid();
        return 0;
    }
    int ret = find_user(user, "user", &pw, err);
    if (ret == 0) {
        *gid = pw->pw_gid;
    }
    return ret;
}
