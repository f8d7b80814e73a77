#include "signer/keys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/jwk.h"
#include "common/limits.h"

struct keys {
    struct keyfile_folder folder;
    char *path;
    size_t count;
    struct key items[LIMIT_KEYS];
};

int keys_new(struct keys **out, int folder_fd, const char *path)
{
    struct keys *keys = calloc(1, sizeof(*keys));

    if (keys == NULL || (keys->path = strdup(path)) == NULL) {
        free(keys);
        close(folder_fd);
        return -ENOMEM;
    }
    keys->folder = (struct keyfile_folder){folder_fd, keys->path};
    *out = keys;
    return 0;
}

void keys_free(struct keys *keys)
{
    if (keys == NULL) {
        return;
    }
    for (size_t i = 0; i < keys->count; i++) {
        EVP_PKEY_free(keys->items[i].pkey);
        free(keys->items[i].jwk);
    }
    close(keys->folder.fd);
    free(keys->path);
    free(keys);
}

static int load_or_create(struct keys *keys, struct key *key, const char *type, bool *created,
                          struct err *err)
{
    int ret = keyfile_load(&keys->folder, key->name, &key->pkey, err);

    if (ret == -ENOENT && type == NULL) {
        return err_set(err, ERR_NOT_FOUND, "there is no key %s in %s", key->name, keys->path);
    }
    if (ret == -ENOENT) {
        *created = true;
        return keyfile_create(&keys->folder, key->name, type, &key->pkey, err);
    }
    return ret;
}

int keys_get(struct keys *keys, const char *name, const char *type, const struct key **key,
             bool *created, struct err *err)
{
    struct key fresh = {0};
    int ret;

    *created = false;
    for (size_t i = 0; i < keys->count; i++) {
        if (strcmp(keys->items[i].name, name) == 0) {
            *key = &keys->items[i];
            return 0;
        }
    }
    if (!keyfile_name_ok(name)) {
        return err_set(err, ERR_MALFORMED, "a key's name has 1 to %d characters a-z, 0-9 and -",
                       KEYFILE_NAME);
    }
    if (keys->count == LIMIT_KEYS) {
        return err_set(err, ERR_LIMIT, "more than %d keys are in use", LIMIT_KEYS);
    }
    snprintf(fresh.name, sizeof(fresh.name), "%s", name);
    ret = load_or_create(keys, &fresh, type, created, err);
    if (ret < 0) {
        return ret;
    }
    if ((ret = jwk_of(fresh.pkey, &fresh.jwk, err)) < 0) {
        goto err0;
    }
    if ((ret = jws_thumbprint(fresh.jwk, fresh.thumbprint, err)) < 0) {
        goto err1;
    }
    keys->items[keys->count] = fresh;
    *key = &keys->items[keys->count++];
    return 0;
err1:
    free(fresh.jwk);
err0:
    EVP_PKEY_free(fresh.pkey);
    return ret;
}

/* -- which there are -- */

/* The N of NAME-N.pem, 1 for NAME.pem, 0 for another file. */
static unsigned long number_of(const char *file, const char *name)
{
    size_t len = strlen(name);
    const char *rest = file + len;
    char *end;

    if (strncmp(file, name, len) != 0) {
        return 0;
    }
    if (strcmp(rest, ".pem") == 0) {
        return 1;
    }
    if (rest[0] != '-' || rest[1] < '1' || rest[1] > '9') {
        return 0;
    }
    unsigned long n = strtoul(rest + 1, &end, 10);
    return strcmp(end, ".pem") == 0 && end - rest <= 9 && n > 1 ? n : 0;
}

/* Keeps the highest, in order; returns how many there are then. */
static size_t insert(unsigned long *numbers, size_t count, unsigned long n)
{
    size_t at = count;

    while (at > 0 && numbers[at - 1] < n) {
        at--;
    }
    if (at == LIMIT_KEY_LIST) {
        return count;
    }
    if (count < LIMIT_KEY_LIST) {
        count++;
    }
    memmove(&numbers[at + 1], &numbers[at], (count - at - 1) * sizeof(*numbers));
    numbers[at] = n;
    return count;
}

int keys_list(const struct keys *keys, const char *name,
              char list[static LIMIT_KEY_LIST][KEYFILE_NAME + 1], struct err *err)
{
    unsigned long numbers[LIMIT_KEY_LIST], n;
    size_t count = 0;
    struct dirent *entry;
    int fd = openat(keys->folder.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

    if (dir == NULL) {
        int ret = err_set(err, -errno, "cannot read %s: %s", keys->path, err_string(-errno));
        if (fd >= 0) {
            close(fd);
        }
        return ret;
    }
    while ((entry = readdir(dir)) != NULL) {
        if ((n = number_of(entry->d_name, name)) > 0) {
            count = insert(numbers, count, n);
        }
    }
    closedir(dir);
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] == 1) {
            snprintf(list[i], sizeof(list[i]), "%s", name);
        } else {
            snprintf(list[i], sizeof(list[i]), "%.48s-%lu", name, numbers[i]);
        }
    }
    return (int)count;
}
