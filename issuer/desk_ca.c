#include "issuer/desk_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "issuer/audit.h"
#include "issuer/ledger.h"
#include "issuer/trusts.h"

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

static void audit_account(const struct desk_ca *ca, const struct acme_account *account)
{
    const char *status = account->status != NULL ? account->status : "";
    const char *url = account->url != NULL ? account->url : "";
    const char *pending = account->pending != NULL ? account->pending : "";
    char text[LIMIT_URL + 256];

    (void)snprintf(text, sizeof text, "%s is %.32s, key %.64s%s%.64s", url, status,
                   account->key != NULL ? account->key : "?",
                   pending[0] != '\0' ? ", to be rolled over to " : "", pending);
    audit_write(ca->desk->opt.audit,
                &(struct audit_event){
                    .what = "account", .peer_uid = -1, .authority = ca->url, .outcome = text});
}

static int on_account(void *arg, const struct acme_account *account)
{
    struct desk_ca *ca = arg;
    struct desk *desk = ca->desk;
    struct err err = {0};
    int ret =
        store_account_put(desk->opt.store, ca->url, account, clock_wall_us(desk->opt.clock), &err);

    if (ret < 0) {
        log_error(desk->opt.log, NULL, "%s", err.text);
    } else {
        audit_account(ca, account);
    }
    return ret;
}

/* What is configured for a CA; one that is not configured any more has what holds for all. */
static struct authority authority_of(const struct desk *desk, const char *url)
{
    const struct server_conf *conf = desk->opt.conf;

    for (size_t i = 0; i < desk->authorities.count; i++) {
        if (strcmp(desk->authorities.list[i].directory, url) == 0) {
            return desk->authorities.list[i];
        }
    }
    return (struct authority){.name = url,
                              .directory = url,
                              .email = conf->acme_email,
                              .key_type = conf->account_key_type,
                              .eab_row = -1,
                              .ca_file = conf->acme_ca_file,
                              .skip_verify = conf->skip_acme_server_cert_verify};
}

static void on_limited(void *arg, int64_t retry_after_ms, const char *text)
{
    const struct desk_ca *ca = arg;
    const struct desk *desk = ca->desk;
    const struct authority authority = authority_of(desk, ca->url);
    /* whole seconds, and not too early */
    int64_t retry_at =
        retry_after_ms > 0 ? clock_wall_s(desk->opt.clock) + retry_after_ms / 1000 + 1 : 0;

    if (desk->opt.ledger != NULL) {
        (void)ledger_limited_account(desk->opt.ledger, &authority, retry_at, text);
    }
}

static bool is_busy(void *arg)
{
    const struct desk_ca *ca = arg;

    for (const struct desk_run *run = ca->desk->runs; run != NULL; run = run->next) {
        if (run->ca == ca) {
            return true;
        }
    }
    return false;
}

static struct acme_settings settings_of(const struct authority *authority)
{
    return (struct acme_settings){.email = authority->email,
                                  .key_type = authority->key_type,
                                  .authority = authority->name,
                                  .eab_kid = authority->eab_row >= 0 ? authority->eab_kid : NULL};
}

static struct http_trust trust_of(const struct desk *desk, const struct authority *authority)
{
    static const struct trusts none;

    return trusts_for(desk->opt.trusts != NULL ? desk->opt.trusts : &none, authority->ca_file,
                      authority->skip_verify);
}

/* The account on record is known only within the store's callback. */
struct start {
    struct acme_options options;
    struct desk_ca *ca;
    int ret;
};

static void start_with(void *arg, const char *directory_url, const struct acme_account *account,
                       int64_t created)
{
    struct start *start = arg;

    (void)directory_url;
    (void)created;
    start->options.account = account;
    start->ret = acme_new(&start->ca->acme, &start->options);
}

static int start_acme(struct desk_ca *ca, const struct authority *authority, struct err *err)
{
    struct desk *desk = ca->desk;
    char key[KEY_NAME_MAX];
    struct start start = {.ca = ca,
                          .options = {.directory_url = ca->url,
                                      .key = key,
                                      .settings = settings_of(authority),
                                      .http = ca->http,
                                      .signclient = desk->opt.signclient,
                                      .log = desk->opt.log,
                                      .on_account = on_account,
                                      .on_limited = on_limited,
                                      .is_busy = is_busy,
                                      .arg = ca}};
    int ret = key_name(key, ca->url);

    if (ret < 0) {
        return err_set(err, ret, "the account key of %s cannot be named", ca->url);
    }
    ret = store_account_get(desk->opt.store, ca->url, start_with, &start, err);
    if (ret == ERR_NOT_FOUND) {
        start_with(&start, ca->url, NULL, 0);
        ret = 0;
    }
    if (ret == 0 && start.ret < 0) {
        ret =
            err_set(err, start.ret, "the CA %s cannot be used: %s", ca->url, err_string(start.ret));
    }
    return ret;
}

static int start(struct desk_ca *ca, struct err *err)
{
    struct desk *desk = ca->desk;
    const struct authority authority = authority_of(desk, ca->url);
    const struct http_trust trust = trust_of(desk, &authority);
    int ret = http_new(&ca->http, desk->opt.loop, desk->opt.log, &trust, err);

    if (ret < 0) {
        return ret;
    }
    if ((ret = start_acme(ca, &authority, err)) < 0) {
        http_free(ca->http);
    }
    return ret;
}

/* Files were judged already; what can still fail is memory, and leaves a CA as it was. */
void desk_ca_configure(struct desk *desk)
{
    authorities_read(&desk->authorities, desk->opt.conf);
    for (struct desk_ca *ca = desk->cas; ca != NULL; ca = ca->next) {
        const struct authority authority = authority_of(desk, ca->url);
        const struct acme_settings settings = settings_of(&authority);
        const struct http_trust trust = trust_of(desk, &authority);
        struct err err = {0};

        if (http_configure(ca->http, &trust, &err) < 0) {
            log_error(desk->opt.log, NULL, "%s: %s", ca->url, err.text);
        }
        if (acme_configure(ca->acme, &settings) < 0) {
            log_error(desk->opt.log, NULL, "%s: out of memory", ca->url);
        }
    }
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
        http_free(ca->http);
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

struct acme *desk_acme_find(const struct desk *desk, const char *directory_url)
{
    for (const struct desk_ca *ca = desk->cas; ca != NULL; ca = ca->next) {
        if (strcmp(ca->url, directory_url) == 0) {
            return ca->acme;
        }
    }
    return NULL;
}

const struct authorities *desk_authorities(const struct desk *desk)
{
    return &desk->authorities;
}
