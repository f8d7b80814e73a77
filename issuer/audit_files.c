#include "issuer/audit_files.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/encode.h"
#include "common/limits.h"

#define DIGITS 10 /* of a number at least, so that names sort */

void audit_files_name(char dst[static AUDIT_NAME], uint64_t number)
{
    (void)snprintf(dst, AUDIT_NAME, "audit-%0*" PRIu64 ".jsonl", DIGITS, number % UINT32_MAX);
}

/* The number of a file of ours, or 0: numbers begin with 1. */
static uint64_t number_of(const char *name)
{
    char again[AUDIT_NAME];
    uint64_t number;

    if (strncmp(name, "audit-", 6) != 0 || name[6] < '0' || name[6] > '9') {
        return 0;
    }
    number = strtoull(name + 6, NULL, 10);
    audit_files_name(again, number);
    return strcmp(name, again) == 0 ? number : 0;
}

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static int add(uint64_t **numbers, size_t *count, uint64_t number)
{
    uint64_t *more;

    if (*count == LIMIT_AUDIT_FILES) {
        return ERR_LIMIT;
    }
    if ((more = reallocarray(*numbers, *count + 1, sizeof **numbers)) == NULL) {
        return -ENOMEM;
    }
    *numbers = more;
    more[(*count)++] = number;
    return 0;
}

int audit_files_list(const char *folder, uint64_t **numbers, size_t *count, struct err *err)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    int ret = 0;

    *numbers = NULL;
    *count = 0;
    if (dir == NULL) {
        return err_set(err, -errno, "the audit log in %s cannot be read: %s", folder,
                       err_string(-errno));
    }
    while (ret == 0 && (entry = readdir(dir)) != NULL) {
        uint64_t number = number_of(entry->d_name);

        ret = number != 0 ? add(numbers, count, number) : 0;
    }
    (void)closedir(dir);
    if (ret < 0) {
        free(*numbers);
        *numbers = NULL;
        *count = 0;
        return err_set(err, ret, "the audit log in %s cannot be read: %s", folder, err_string(ret));
    }
    if (*count > 0) {
        qsort(*numbers, *count, sizeof **numbers, compare);
    }
    return 0;
}

int audit_hash(char dst[static AUDIT_HASH], const char *line, size_t len)
{
    uint8_t digest[32];

    if (EVP_Digest(line, len, digest, NULL, EVP_sha256(), NULL) != 1) {
        return -ENOMEM;
    }
    hex_encode(dst, digest, sizeof digest);
    return 0;
}

int audit_line_parse(struct audit_line *out, const char *line, size_t len)
{
    json_int_t seq;

    out->json = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
    out->prev = json_string_value(json_object_get(out->json, "prev"));
    seq = json_integer_value(json_object_get(out->json, "seq"));
    out->seq = (uint64_t)seq;
    if (out->prev == NULL || seq < 1) {
        json_decref(out->json);
        out->json = NULL;
        return ERR_MALFORMED;
    }
    return 0;
}
