/*
 * The other chains that a CA offered with a certificate (RFC 8555 7.4.2). Thousands of certificates
 * share the few ways to a root, so what stands behind the leaf is stored once for all of them.
 */
#include "issuer/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "issuer/store_db.h"

/* What stands behind the first certificate, "" where nothing does. */
static const char *behind_leaf(const char *pem)
{
    static const char end[] = "-----END CERTIFICATE-----\n";
    const char *at = strstr(pem, end);

    return at != NULL ? at + sizeof end - 1 : "";
}

static int add_one(struct store *store, int64_t certificate, int position, const char *tail,
                   struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(store, STORE_ISSUER_CHAIN_ADD, err);
    int ret, rc;

    if (stmt == NULL) {
        return -ENOMEM;
    }
    rc = store_db_text(stmt, 1, tail);
    if ((ret = store_db_run(store, stmt, rc, "storing a chain", err)) < 0) {
        return ret;
    }
    if ((stmt = store_db_stmt(store, STORE_CERTIFICATE_CHAIN_ADD, err)) == NULL) {
        return -ENOMEM;
    }
    rc = sqlite3_bind_int64(stmt, 1, certificate) | sqlite3_bind_int(stmt, 2, position) |
         store_db_text(stmt, 3, tail);
    return store_db_run(store, stmt, rc, "storing a chain", err);
}

int store_chains_add(struct store *store, int64_t certificate, const char *const *chains,
                     struct err *err)
{
    int ret = 0;

    for (int i = 0; ret == 0 && chains != NULL && i < LIMIT_ALTERNATES && chains[i] != NULL; i++) {
        ret = add_one(store, certificate, i, behind_leaf(chains[i]), err);
    }
    return ret;
}

/* -- reading -- */

static int read_pem(struct store *store, uint64_t id, char **pem, struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(store, STORE_CERTIFICATE_PEM, err);
    int ret;

    if (stmt == NULL) {
        return -ENOMEM;
    }
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)id);
    if ((ret = store_db_row(store, stmt, "reading a chain", err)) < 0) {
        return ret;
    }
    if (ret == 0) {
        return err_set(err, ERR_NOT_FOUND, "there is no certificate %llu", (unsigned long long)id);
    }
    *pem = strdup(store_db_word(stmt, 0));
    store_db_reset(stmt);
    return *pem != NULL ? 0 : err_set(err, -ENOMEM, "out of memory");
}

static char *join(const char *leaf, size_t leaf_len, const char *tail)
{
    size_t len = strlen(tail);
    char *pem = malloc(leaf_len + len + 1);

    if (pem != NULL) {
        memcpy(pem, leaf, leaf_len);
        memcpy(pem + leaf_len, tail, len + 1);
    }
    return pem;
}

static int read_others(struct store *store, uint64_t id, char **chains, size_t *count,
                       struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(store, STORE_CERTIFICATE_CHAINS, err);
    size_t leaf = (size_t)(behind_leaf(chains[0]) - chains[0]);
    int ret;

    if (stmt == NULL) {
        return -ENOMEM;
    }
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)id);
    while ((ret = store_db_row(store, stmt, "reading a chain", err)) > 0) {
        if (*count == LIMIT_ALTERNATES + 1) {
            continue;
        }
        if ((chains[*count] = join(chains[0], leaf, store_db_word(stmt, 0))) == NULL) {
            store_db_reset(stmt);
            return err_set(err, -ENOMEM, "out of memory");
        }
        ++*count;
    }
    return ret;
}

int store_certificate_chains(struct store *store, uint64_t id, char ***chains, size_t *count,
                             struct err *err)
{
    int ret;

    *count = 0;
    if ((*chains = calloc(LIMIT_ALTERNATES + 1, sizeof **chains)) == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    if ((ret = read_pem(store, id, &(*chains)[0], err)) == 0) {
        *count = 1;
        const char *pem = (*chains)[0];
        if (pem != NULL && strstr(pem, "-----END CERTIFICATE-----\n") != NULL) {
            ret = read_others(store, id, *chains, count, err);
        }
    }
    if (ret < 0) {
        store_chains_free(*chains, *count);
        *chains = NULL;
        *count = 0;
    }
    return ret;
}

void store_chains_free(char **chains, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(chains[i]);
    }
    free(chains);
}
