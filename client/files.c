#include "client/files.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *key_type_name(enum key_type type)
{
    return type == KEY_RSA ? "rsa" : "ecdsa";
}

int key_type_parse(const char *word, enum key_type *type)
{
    for (int i = 0; i < KEY_TYPES; i++) {
        if (strcmp(key_type_name((enum key_type)i), word) == 0) {
            *type = (enum key_type)i;
            return 0;
        }
    }
    return ERR_UNKNOWN;
}

static const struct {
    const char *name, *suffix;
} kinds[FILE_KINDS] = {
    [FILE_KEYPAIR] = {"keypair", "key"},         [FILE_REQUEST] = {"request", "csr"},
    [FILE_CERTIFICATE] = {"certificate", "crt"}, [FILE_CHAIN] = {"chain", "crt"},
    [FILE_ISSUER] = {"issuer", "crt"},           [FILE_CONCAT] = {"concat", "pem"},
};

const char *file_kind_name(enum file_kind kind)
{
    return kinds[kind].name;
}

const char *file_kind_suffix(enum file_kind kind)
{
    return kinds[kind].suffix;
}

void files_name(char dst[static 256], const struct files *files, enum file_kind kind)
{
    snprintf(dst, 256, "%.*s-%s.%s.%s", FILES_NAME_MAX, files->name, kinds[kind].name,
             key_type_name(files->type), kinds[kind].suffix);
}

#define ENTRY_MAX (64u << 10) /* octets of a line of group(5): 4,000 members of 15 */

/* Both by the calls that several threads may make at once. */
static int find_user(uid_t *uid, const char *name, char *buffer, struct err *err)
{
    struct passwd entry, *found = NULL;
    if (getpwnam_r(name, &entry, buffer, ENTRY_MAX, &found) != 0 || found == NULL) {
        return err_set(err, ERR_NOT_FOUND, "owner: there is no user %.64s on this host", name);
    }
    *uid = found->pw_uid;
    return 0;
}

static int find_group(gid_t *gid, const char *name, char *buffer, struct err *err)
{
    struct group entry, *found = NULL;
    if (getgrnam_r(name, &entry, buffer, ENTRY_MAX, &found) != 0 || found == NULL) {
        return err_set(err, ERR_NOT_FOUND, "group: there is no group %.64s on this host", name);
    }
    *gid = found->gr_gid;
    return 0;
}

mode_t file_owner_mode(const struct file_owner *owner)
{
    return owner->mode != 0 ? owner->mode : FILE_MODE;
}

int file_owner_find(struct file_owner *out, const char *user, const char *group, const char *mode,
                    struct err *err)
{
    int ret = 0;
    *out = (struct file_owner){.uid = (uid_t)-1, .gid = (gid_t)-1, .mode = FILE_MODE};
    if (mode != NULL) {
        out->mode = (mode_t)strtoul(mode, NULL, 8);
    }
    if (user == NULL && group == NULL) {
        return 0;
    }
    char *buffer = malloc(ENTRY_MAX);
    if (buffer == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    if (user != NULL) {
        ret = find_user(&out->uid, user, buffer, err);
    }
    if (ret == 0 && group != NULL) {
        ret = find_group(&out->gid, group, buffer, err);
    }
    free(buffer);
    return ret;
}
