#include "issuer/desk_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

/* "account-" and 16 hex digits of the directory URL's digest: one key a CA. */
#define KEY_NAME_MAX 32

static int key_name(char dst[static KEY_NAME_MAX], const char *url)
{
    unsigned char digest[EVP_MAX_MD_SIZE];

    if (EVP_Digest(url, strlen(url), digest, NULL, EVP_sha256(), NULL) != 1) {
        return ERR_CRYPTO;
    }
    (void)snprintf(dst, KEY_NAME_MAX, "account-%02x%02x%02x%02x%02x%02x%02x%02x", digest[0],
                   digest[1], digest[2], digest[3], digest[4], digest[5], digest[6], digest[7]);
    return 0;
}

static void on_account(void *arg, const char *account_url, const char *thumbprint)
{
    struct desk_ca *ca = arg;
    struct desk *desk = ca->desk;
    struct err err = {0};

    log_info(desk->opt.log, NULL, "account at %s: %s", ca->url, account_url);
    if (store_account_put(desk->opt.store, ca->url, account_url, thumbprint,
                          clock_wall_us(desk->opt.clock), &err) < 0) {
        log_error(desk->opt.log, NULL, "%s", err.text);
    }
}

static int start(struct desk_ca *ca, struct err *err)
{
    struct desk *desk = ca->desk;
    char key[KEY_NAME_MAX], *url = NULL, *thumbprint = NULL;
    struct acme_options options = {
        .directory_url = ca->url,
        .email = desk->opt.conf->acme_email,
        .key = key,
        .key_type = desk->opt.conf->account_key_type,
        .http = desk->opt.http,
        .signclient = desk->opt.signclient,
        .log = desk->opt.log,
        .on_account = on_account,
        .arg = ca,
    };
    int ret = key_name(key, ca->url);

    if (ret < 0) {
        return err_set(err, ret, "the account key of %s cannot be named", ca->url);
    }
    ret = store_account_get(desk->opt.store, ca->url, &url, &thumbprint, err);
    if (ret < 0 && ret != ERR_NOT_FOUND) {
        return ret;
    }
    options.account_url = url;
    options.account_thumbprint = thumbprint;
    if ((ret = acme_new(&ca->acme, &options)) < 0) {
        (void)err_set(err, ret, "the CA %s cannot be used: %s", ca->url, err_string(ret));
    }
    free(url);
    free(thumbprint);
    return ret;
}

struct desk_ca *desk_ca_get(struct desk *desk, const char *url, struct err *err)
{
    struct desk_ca *ca;

    for (ca = desk->cas; ca != NULL; ca = ca->next) {
        if (strcmp(ca->url, url) == 0) {
            return ca;
        }
    }
    if ((ca = calloc(1, sizeof *ca)) == NULL || (ca->url = strdup(url)) == NULL) {
        free(ca);
        (void)err_set(err, -ENOMEM, "out of memory");
        return NULL;
    }
    ca->desk = desk;
    if (start(ca, err) < 0) {
        free(ca->url);
        free(ca);
        return NULL;
    }
    ca->next = desk->cas;
    desk->cas = ca;
    return ca;
}

void desk_ca_free_all(struct desk *desk)
{
    for (struct desk_ca *ca = desk->cas, *next; ca != NULL; ca = next) {
        next = ca->next;
        acme_free(ca->acme);
        free(ca->url);
        free(ca);
    }
    desk->cas = NULL;
}

struct acme *desk_acme(struct desk *desk, const char *directory_url, struct err *err)
{
    struct desk_ca *ca = desk_ca_get(desk, directory_url, err);

    return ca != NULL ? ca->acme : NULL;
}

/* -- the account, for people -- */

struct question {
    struct desk_ca *ca;
    desk_account_fn *fn;
    void *arg;
};

static void on_ready(void *arg, const struct acme_response *response)
{
    struct question *question = arg;
    const char *url = response->error == 0 ? acme_account_url(question->ca->acme) : NULL;
    int error = response->error == 0 && url == NULL ? ERR_INTERNAL : response->error;

    question->fn(question->arg, error, response->text != NULL ? response->text : err_string(error),
                 url);
    free(question);
}

int desk_account(struct desk *desk, const char *directory_url, desk_account_fn *fn, void *arg,
                 struct err *err)
{
    struct question *question;
    struct desk_ca *ca = desk_ca_get(desk, directory_url, err);
    int ret;

    if (ca == NULL) {
        return err->code;
    }
    if ((question = malloc(sizeof *question)) == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    *question = (struct question){ca, fn, arg};
    if ((ret = acme_ready(ca->acme, on_ready, question)) < 0) {
        free(question);
        return err_set(err, ret, "the account at %s cannot be asked for: %s", directory_url,
                       err_string(ret));
    }
    return 0;
}
