#include "common/server_conf_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int compare_parts(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

static int compare(const void *a, const void *b)
{
    const struct server_conf_key *x = a, *y = b;
    int order = compare_parts(x->key, x->key_len, y->key, y->key_len);

    return order != 0 ? order : compare_parts(x->type, x->type_len, y->type, y->type_len);
}

/* "TYPE KEY [COMMENT]", checked before. */
static struct server_conf_key split(const char *text, const char *client)
{
    struct server_conf_key key = {.type = text, .type_len = strcspn(text, " "), .client = client};

    key.key = text + key.type_len + strspn(text + key.type_len, " ");
    key.key_len = strcspn(key.key, " ");
    return key;
}

static int check_unique(const struct server_conf_keys *keys, struct err *err)
{
    for (size_t i = 1; i < keys->count; i++) {
        if (compare(&keys->rows[i - 1], &keys->rows[i]) == 0) {
            return err_set(err, ERR_EXISTS,
                           "the same ssh key stands in public-keys of %s and %s; a key is one "
                           "client's, so remove one of the two",
                           keys->rows[i - 1].client, keys->rows[i].client);
        }
    }
    return 0;
}

int server_conf_keys_read(struct server_conf_keys *out, const struct server_conf *conf,
                          struct err *err)
{
    const struct server_conf_client *clients = conf->clients.rows;
    size_t count = 0;
    int ret;

    *out = (struct server_conf_keys){0};
    for (size_t i = 0; i < conf->clients.count; i++) {
        count += clients[i].public_keys.count;
    }
    if (count == 0) {
        return 0;
    }
    if ((out->rows = calloc(count, sizeof(*out->rows))) == NULL) {
        return err_set(err, -ENOMEM, "out of memory while reading the clients' keys");
    }
    for (size_t i = 0; i < conf->clients.count; i++) {
        for (size_t j = 0; j < clients[i].public_keys.count; j++) {
            out->rows[out->count++] = split(clients[i].public_keys.items[j], clients[i].name);
        }
    }
    qsort(out->rows, out->count, sizeof(*out->rows), compare);
    if ((ret = check_unique(out, err)) < 0) {
        server_conf_keys_clear(out);
    }
    return ret;
}

void server_conf_keys_clear(struct server_conf_keys *keys)
{
    free(keys->rows);
    *keys = (struct server_conf_keys){0};
}

const struct server_conf_key *server_conf_keys_find(const struct server_conf_keys *keys,
                                                    const char *type, const char *key)
{
    const struct server_conf_key wanted = {
        .type = type, .type_len = strlen(type), .key = key, .key_len = strlen(key)};

    return keys->count > 0 ? bsearch(&wanted, keys->rows, keys->count, sizeof(*keys->rows), compare)
                           : NULL;
}
