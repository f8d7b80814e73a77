#include "issuer/trusts.h"

#include <errno.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "issuer/http_trust.h"

static const char *path_of(const struct server_conf *conf, const struct boot_file *file)
{
    const struct server_conf_authority *rows = conf->authorities.rows;

    if (file->row == IPC_FILE_OF_ALL) {
        return conf->acme_ca_file;
    }
    return file->row < conf->authorities.count ? rows[file->row].ca_file : NULL;
}

static int judge(const struct trusts_file *file, struct err *err)
{
    const struct http_trust trust = {.ca_file = file->path, .pem = file->pem, .pem_len = file->len};
    X509_STORE *store;
    int ret = http_trust_load(&store, &trust, err);

    if (ret == 0) {
        X509_STORE_free(store);
    }
    return ret;
}

static int add(struct trusts *trusts, const char *path, int fd, struct err *err)
{
    struct trusts_file *file = &trusts->files[trusts->count];
    int ret;

    if ((file->path = strdup(path)) == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    trusts->count++;
    if ((ret = file_read_fd(fd, path, LIMIT_TRUST_FILE, &file->pem, &file->len, err)) < 0) {
        file->pem = NULL;
        return ret;
    }
    return judge(file, err);
}

int trusts_read(struct trusts *out, const struct boot *boot, struct err *err)
{
    int ret = 0;

    *out = (struct trusts){.count = 0};
    for (size_t i = 0; ret == 0 && i < boot->file_count; i++) {
        const struct boot_file *file = &boot->files[i];
        const char *path;

        if (file->kind != IPC_FILE_TRUST) {
            continue;
        }
        if ((path = path_of(&boot->conf, file)) == NULL || out->count == LIMIT_AUTHORITIES + 1) {
            ret = err_set(err, ERR_PROTOCOL, "a CA file belongs to no authority");
        } else {
            ret = add(out, path, file->fd, err);
        }
    }
    if (ret < 0) {
        trusts_clear(out);
    }
    return ret;
}

void trusts_clear(struct trusts *trusts)
{
    for (size_t i = 0; i < trusts->count; i++) {
        free(trusts->files[i].path);
        free(trusts->files[i].pem);
    }
    *trusts = (struct trusts){.count = 0};
}

struct http_trust trusts_for(const struct trusts *trusts, const char *path, bool skip_verify)
{
    struct http_trust trust = {.ca_file = path, .skip_verify = skip_verify};

    for (size_t i = 0; path != NULL && i < trusts->count; i++) {
        if (strcmp(trusts->files[i].path, path) == 0) {
            trust.pem = trusts->files[i].pem;
            trust.pem_len = trusts->files[i].len;
        }
    }
    return trust;
}
