#include "issuer/preflight_look.h"

#include <stdlib.h>
#include <string.h>

#include "issuer/acme.h"
#include "issuer/say.h"

#define KNOWN (LIMIT_AUTHORITIES + 2)

static const char *const letsencrypt[] = {"letsencrypt.org"};

void preflight_identities(struct preflight_authority *out, struct desk *desk)
{
    const struct authority *a = out->authority;
    struct err err = {0};
    struct acme *acme;

    if (a->caa != NULL && a->caa->count > 0) {
        out->caa = (const char *const *)a->caa->items;
        out->caa_count = a->caa->count;
        return;
    }
    if (desk != NULL && (acme = desk_acme(desk, a->directory, &err)) != NULL) {
        out->caa = (const char *const *)acme_caa_identities(acme, &out->caa_count);
    }
    if (out->caa_count == 0 && a->limits.letsencrypt) {
        out->caa = letsencrypt;
        out->caa_count = 1;
    }
}

static void on_account(void *arg, const char *directory, const struct acme_account *account,
                       int64_t created)
{
    char **url = arg;

    (void)directory;
    (void)created;
    *url = account->url != NULL ? strdup(account->url) : NULL;
}

int preflight_look(const struct preflight_look *look, preflight_fn *fn, void *arg,
                   struct preflight_check **check, struct err *err)
{
    struct preflight_authority authorities[KNOWN];
    struct preflight_request request = {
        .names = look->names, .name_count = look->name_count, .authorities = authorities};
    char *urls[KNOWN] = {NULL};
    int ret;

    for (size_t i = 0; i < look->authority_count && i < KNOWN; i++) {
        struct preflight_authority *a = &authorities[request.authority_count++];
        struct err none = {0};

        *a = (struct preflight_authority){.authority = look->authorities[i]};
        preflight_identities(a, look->desk);
        if (store_account_get(look->store, a->authority->directory, on_account, &urls[i], &none) ==
            0) {
            a->account_url = urls[i];
        }
    }
    ret = preflight_start(look->preflight, &request, fn, arg, check, err);
    for (size_t i = 0; i < KNOWN; i++) {
        free(urls[i]);
    }
    return ret;
}

enum preflight_verdict preflight_weigh(const char *mode, const struct preflight_finding *findings,
                                       size_t count, char **reason)
{
    enum preflight_verdict verdict = PREFLIGHT_GO;
    struct say say;

    *reason = NULL;
    if (strcmp(mode, "enforce") != 0) {
        return verdict;
    }
    say_init(&say, LIMIT_FAILURE);
    for (size_t i = 0; i < count; i++) {
        if (findings[i].severity == PREFLIGHT_DEFINITE) {
            say_add(&say, "%s%s", say.len > 0 ? "\n" : "", findings[i].text);
            if (findings[i].authority == NULL) {
                verdict = PREFLIGHT_STOP;
            } else if (verdict == PREFLIGHT_GO) {
                verdict = PREFLIGHT_NEXT;
            }
        }
    }
    if (verdict == PREFLIGHT_GO) {
        say_clear(&say);
    } else {
        *reason = say_take(&say);
    }
    return verdict;
}
