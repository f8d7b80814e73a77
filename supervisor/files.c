#include "supervisor/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cookie_secrets.h"
#include "common/eab_key.h"
#include "common/file.h"
#include "common/memfile.h"

struct kind {
    const char *what;                                            /* for errors */
    size_t max;                                                  /* bytes */
    int (*judge)(const char *text, size_t len, struct err *err); /* or NULL */
    enum ipc_role role;                                          /* who gets it */
};

static int judge_secrets(const char *text, size_t len, struct err *err)
{
    struct cookie_secrets secrets;
    int ret = cookie_secrets_parse(&secrets, text, len, err);

    explicit_bzero(&secrets, sizeof(secrets));
    return ret;
}

static int judge_eab(const char *text, size_t len, struct err *err)
{
    uint8_t key[LIMIT_EAB_KEY];
    int ret = eab_key_parse(key, text, len, err);

    explicit_bzero(key, sizeof(key));
    return ret < 0 ? ret : 0;
}

static const struct kind kinds[] = {
    [IPC_FILE_ZONE] = {"zone file", LIMIT_ZONE_FILE, NULL, IPC_ROLE_ISSUER},
    [IPC_FILE_COOKIE_SECRETS] = {"dns-cookie-secret-file", LIMIT_COOKIE_FILE, judge_secrets,
                                 IPC_ROLE_DNSD},
    [IPC_FILE_EAB] = {"eab-key-file", LIMIT_EAB_FILE, judge_eab, IPC_ROLE_SIGNER},
    [IPC_FILE_TRUST] = {"ca-file", LIMIT_TRUST_FILE, NULL, IPC_ROLE_ISSUER},
};

static int read_one(struct files *files, enum ipc_file_kind kind, uint16_t row, const char *path,
                    struct err *err)
{
    const struct kind *k = &kinds[kind];
    char *data;
    size_t len;
    int ret = file_read(AT_FDCWD, path, k->max, &data, &len, err);

    if (ret < 0) {
        return err_prefix(err, "%s", k->what);
    }
    if (k->judge != NULL && (ret = k->judge(data, len, err)) < 0) {
        err_prefix(err, "%s: %.256s", k->what, path);
    } else if ((ret = memfile_from("certmill-file", data, len, true)) < 0) {
        err_set(err, ret, "%s %s: no memory for it: %s", k->what, path, err_string(ret));
    } else {
        files->items[files->count++] = (struct boot_file){kind, row, ret};
        ret = 0;
    }
    explicit_bzero(data, len);
    free(data);
    return ret;
}

static int read_of_authorities(struct files *files, const struct server_conf *conf, struct err *err)
{
    const struct server_conf_authority *rows = conf->authorities.rows;
    int ret = 0;

    for (size_t i = 0; ret == 0 && i < conf->authorities.count; i++) {
        if (rows[i].eab_key_file != NULL) {
            ret = read_one(files, IPC_FILE_EAB, (uint16_t)i, rows[i].eab_key_file, err);
        }
        if (ret == 0 && rows[i].ca_file != NULL) {
            ret = read_one(files, IPC_FILE_TRUST, (uint16_t)i, rows[i].ca_file, err);
        }
        if (ret < 0) {
            err_prefix(err, "authority %s", rows[i].name);
        }
    }
    return ret;
}

int files_read(struct files *files, const struct server_conf *conf, struct err *err)
{
    const struct server_conf_zone *zones = conf->zones.rows;
    int ret = 0;

    files->count = 0;
    _Static_assert(LIMIT_BOOT_FILES == LIMIT_DNS_ZONES + 1 + 2 * LIMIT_AUTHORITIES + 1,
                   "a file of each kind fits");
    if (conf->zones.count > LIMIT_DNS_ZONES) {
        return err_set(err, ERR_LIMIT, "more than %d zones", LIMIT_DNS_ZONES);
    }
    if (conf->authorities.count > LIMIT_AUTHORITIES) {
        return err_set(err, ERR_LIMIT, "more than %d authorities", LIMIT_AUTHORITIES);
    }
    for (size_t i = 0; ret == 0 && i < conf->zones.count; i++) {
        if (zones[i].file != NULL) {
            ret = read_one(files, IPC_FILE_ZONE, (uint16_t)i, zones[i].file, err);
        }
    }
    if (ret == 0 && conf->dns_cookie_secret_file != NULL) {
        ret = read_one(files, IPC_FILE_COOKIE_SECRETS, 0, conf->dns_cookie_secret_file, err);
    }
    if (ret == 0 && conf->acme_ca_file != NULL &&
        (ret = read_one(files, IPC_FILE_TRUST, IPC_FILE_OF_ALL, conf->acme_ca_file, err)) < 0) {
        err_prefix(err, "acme-ca-file");
    }
    if (ret == 0) {
        ret = read_of_authorities(files, conf, err);
    }
    if (ret < 0) {
        files_clear(files);
    }
    return ret;
}

int files_reopen(struct files *copy, const struct files *files, enum ipc_role role, struct err *err)
{
    copy->count = 0;
    for (size_t i = 0; i < files->count; i++) {
        const struct boot_file *file = &files->items[i];

        if (kinds[file->kind].role != role) {
            continue;
        }
        int fd = memfile_reopen(file->fd);
        if (fd < 0) {
            files_clear(copy);
            return err_set(err, fd, "cannot hand over a %s: %s", kinds[file->kind].what,
                           err_string(fd));
        }
        copy->items[copy->count++] = (struct boot_file){file->kind, file->row, fd};
    }
    return 0;
}

void files_clear(struct files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        close(files->items[i].fd);
    }
    files->count = 0;
}
