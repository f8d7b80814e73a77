#include "signer/eab.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "common/eab_key.h"
#include "common/file.h"
#include "signer/jws.h"

struct binding {
    char *authority, *kid, *algorithm;
    size_t key_len;
    uint8_t key[LIMIT_EAB_KEY];
};

struct eab {
    size_t count;
    struct binding items[LIMIT_AUTHORITIES];
};

static int read_key(struct binding *b, int fd, struct err *err)
{
    char *text;
    size_t len;
    int ret = file_read_fd(fd, "eab-key-file", LIMIT_EAB_FILE, &text, &len, err);

    if (ret < 0) {
        return ret;
    }
    if ((ret = eab_key_parse(b->key, text, len, err)) >= 0) {
        b->key_len = (size_t)ret;
    }
    OPENSSL_cleanse(text, len);
    free(text);
    return ret < 0 ? ret : 0;
}

static int add(struct eab *eab, const struct server_conf_authority *row, int fd, struct err *err)
{
    struct binding *b = &eab->items[eab->count++];

    b->authority = strdup(row->name);
    b->kid = strdup(row->eab_kid);
    b->algorithm = strdup(row->eab_algorithm != NULL ? row->eab_algorithm : "HS256");
    if (b->authority == NULL || b->kid == NULL || b->algorithm == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    int ret = read_key(b, fd, err);
    return ret < 0 ? err_prefix(err, "authority %s", row->name) : 0;
}

int eab_new(struct eab **out, const struct boot *boot, struct err *err)
{
    const struct server_conf *conf = &boot->conf;
    const struct server_conf_authority *rows = conf->authorities.rows;
    struct eab *eab = calloc(1, sizeof(*eab));
    int ret = 0;

    if (eab == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    for (size_t i = 0; ret == 0 && i < boot->file_count; i++) {
        const struct boot_file *file = &boot->files[i];

        if (file->kind != IPC_FILE_EAB) {
            continue;
        }
        if (file->row >= conf->authorities.count || rows[file->row].eab_kid == NULL ||
            eab->count == LIMIT_AUTHORITIES) {
            ret = err_set(err, ERR_PROTOCOL, "an eab-key-file belongs to no authority");
        } else {
            ret = add(eab, &rows[file->row], file->fd, err);
        }
    }
    if (ret < 0) {
        eab_free(eab);
        return ret;
    }
    *out = eab;
    return 0;
}

void eab_free(struct eab *eab)
{
    if (eab == NULL) {
        return;
    }
    for (size_t i = 0; i < eab->count; i++) {
        free(eab->items[i].authority);
        free(eab->items[i].kid);
        free(eab->items[i].algorithm);
    }
    OPENSSL_cleanse(eab, sizeof(*eab));
    free(eab);
}

int eab_make(const struct eab *eab, const char *authority, const char *url, const char *jwk,
             char **out, struct err *err)
{
    for (size_t i = 0; i < eab->count; i++) {
        const struct binding *b = &eab->items[i];

        if (strcmp(b->authority, authority) == 0) {
            const struct jws_mac mac = {b->algorithm, b->kid, b->key, b->key_len};

            return jws_make_mac(&mac, url, jwk, out, err);
        }
    }
    return err_set(err, ERR_NOT_FOUND, "the authority %.64s has no external account binding",
                   authority);
}
