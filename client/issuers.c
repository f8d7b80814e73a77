#include "client/issuers.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_MAX 32 /* a CA has some ten intermediates in use; what is over is read each time */

struct kept {
    char *pem;
    size_t len;
    struct chain chain;
};

struct issuers {
    pthread_mutex_t lock;
    struct kept kept[KEPT_MAX];
    size_t count;
};

struct issuers *issuers_new(void)
{
    struct issuers *issuers = calloc(1, sizeof(*issuers));
    if (issuers != NULL) {
        pthread_mutex_init(&issuers->lock, NULL);
    }
    return issuers;
}

void issuers_free(struct issuers *issuers)
{
    if (issuers == NULL) {
        return;
    }
    for (size_t i = 0; i < issuers->count; i++) {
        free(issuers->kept[i].pem);
        chain_clear(&issuers->kept[i].chain);
    }
    pthread_mutex_destroy(&issuers->lock);
    free(issuers);
}

static void share(struct chain *out, const struct chain *chain)
{
    *out = *chain;
    for (size_t i = 0; i < chain->count; i++) {
        X509_up_ref(chain->certs[i]);
    }
}

static bool find(struct issuers *issuers, struct chain *out, const char *pem, size_t len)
{
    bool found = false;
    pthread_mutex_lock(&issuers->lock);
    for (size_t i = 0; !found && i < issuers->count; i++) {
        const struct kept *kept = &issuers->kept[i];
        if (kept->len == len && memcmp(kept->pem, pem, len) == 0) {
            share(out, &kept->chain);
            found = true;
        }
    }
    pthread_mutex_unlock(&issuers->lock);
    return found;
}

/* Where that does not succeed, they are read again. */
static void keep(struct issuers *issuers, const struct chain *chain, const char *pem, size_t len)
{
    char *copy = malloc(len);
    if (copy == NULL) {
        return;
    }
    memcpy(copy, pem, len);
    /* What OpenSSL keeps in a certificate once it was looked for is there before threads share it.
     */
    for (size_t i = 0; i < chain->count; i++) {
        (void)X509_check_purpose(chain->certs[i], -1, 0);
    }
    pthread_mutex_lock(&issuers->lock);
    if (issuers->count < KEPT_MAX) {
        struct kept *kept = &issuers->kept[issuers->count++];
        *kept = (struct kept){.pem = copy, .len = len};
        share(&kept->chain, chain);
        copy = NULL;
    }
    pthread_mutex_unlock(&issuers->lock);
    free(copy);
}

int issuers_read(struct issuers *issuers, struct chain *out, const char *pem, size_t len,
                 struct err *err)
{
    *out = (struct chain){0};
    if (strspn(pem, " \t\r\n") == len) {
        return 0;
    }
    if (issuers != NULL && find(issuers, out, pem, len)) {
        return 0;
    }
    int ret = chain_parse(out, pem, len, err);
    for (size_t i = 0; ret == 0 && i + 1 < out->count; i++) {
        ret = chain_check_link(out, i, err);
    }
    if (ret == 0 && issuers != NULL) {
        keep(issuers, out, pem, len);
    }
    if (ret < 0) {
        chain_clear(out);
    }
    return ret;
}
