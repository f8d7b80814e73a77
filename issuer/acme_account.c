#include "issuer/acme_priv.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "issuer/problem.h"

static void forget_account(struct acme *acme)
{
    free(acme->account_url);
    acme->account_url = NULL;
}

static void on_key(void *arg, int error, const char *text, const char *jwk, const char *thumbprint)
{
    struct acme *acme = arg;

    acme->key_fetch = 0;
    if (error != 0) {
        acme_fail_all(acme, ACME_WANTS_KEY, error, text);
        return;
    }
    acme->jwk = strdup(jwk);
    acme->thumbprint = strdup(thumbprint);
    if (acme->jwk == NULL || acme->thumbprint == NULL) {
        free(acme->jwk);
        free(acme->thumbprint);
        acme->jwk = acme->thumbprint = NULL;
        acme_fail_all(acme, ACME_WANTS_KEY, -ENOMEM, "out of memory");
        return;
    }
    if (acme->account_thumbprint != NULL && strcmp(acme->account_thumbprint, thumbprint) != 0) {
        log_warning(acme->log, NULL, "the account key is another one than that of %s",
                    acme->account_url != NULL ? acme->account_url : "the stored account");
        forget_account(acme);
    }
    acme_wake(acme, ACME_WANTS_KEY);
}

void acme_fetch_key(struct acme *acme)
{
    if (acme->key_fetch != 0) {
        return;
    }
    acme->key_fetch = signclient_key(acme->signclient, acme->key, acme->key_type, on_key, acme);
    if (acme->key_fetch == 0) {
        acme_fail_all(acme, ACME_WANTS_KEY, -ENOMEM, "out of memory");
    }
}

/* RFC 8555 7.3; a CA that knows the key answers 200 with the account there is (7.3.1). */
static char *account_payload(const struct acme *acme)
{
    json_t *root = json_pack("{s:b}", "termsOfServiceAgreed", 1);
    char *text = NULL;

    if (root != NULL && acme->email != NULL) {
        json_object_set_new(root, "contact", json_pack("[s++]", "mailto:", acme->email, ""));
    }
    if (root != NULL) {
        text = json_dumps(root, JSON_COMPACT);
    }
    json_decref(root);
    return text;
}

static void refused(struct acme *acme, const struct acme_response *response)
{
    struct problem_context context = {.status = response->status,
                                      .retry_after_ms = response->retry_after_ms};
    struct problem problem;
    char text[LIMIT_ERROR_TEXT];

    if (problem_parse(&problem, response->body, response->body_len, &context) < 0) {
        acme_fail_all(acme, ACME_WANTS_ACCOUNT, -ENOMEM, "out of memory");
        return;
    }
    snprintf(text, sizeof(text), "the CA refused our account: %.900s", problem.text);
    problem_clear(&problem);
    acme_fail_all(acme, ACME_WANTS_ACCOUNT, response->status >= 500 ? ERR_UNAVAILABLE : ERR_CA,
                  text);
}

static void on_account(void *arg, const struct acme_response *response)
{
    struct acme *acme = arg;

    acme->account_fetch = false;
    if (response->error != 0) {
        if (response->error != ERR_CANCELLED) {
            acme_fail_all(acme, ACME_WANTS_ACCOUNT, response->error, response->text);
        }
        return;
    }
    if (response->status < 200 || response->status > 299) {
        refused(acme, response);
        return;
    }
    if (response->location == NULL) {
        acme_fail_all(acme, ACME_WANTS_ACCOUNT, ERR_UNAVAILABLE,
                      "the CA's newAccount answers without the account's URL");
        return;
    }
    forget_account(acme);
    acme->account_url = strdup(response->location);
    if (acme->account_url == NULL) {
        acme_fail_all(acme, ACME_WANTS_ACCOUNT, -ENOMEM, "out of memory");
        return;
    }
    log_info(acme->log, NULL, "account at the CA %s: %s",
             response->status == 201 ? "made" : "found", acme->account_url);
    acme_wake(acme, ACME_WANTS_ACCOUNT);
    if (acme->on_account != NULL) {
        acme->on_account(acme->arg, acme->account_url, acme->thumbprint);
    }
}

void acme_fetch_account(struct acme *acme)
{
    if (acme->account_fetch) {
        return;
    }
    if (acme->directory.external_account) {
        log_warning(acme->log, NULL, "%s asks for an external account binding",
                    acme->directory_url);
    }
    char *payload = account_payload(acme);
    struct acme_request *request = NULL;
    if (payload != NULL) {
        request = acme_request_new(acme, ACME_ACCOUNT, on_account, acme);
    }
    if (request == NULL) {
        free(payload);
        acme_fail_all(acme, ACME_WANTS_ACCOUNT, -ENOMEM, "out of memory");
        return;
    }
    request->payload = payload;
    acme->account_fetch = true;
    acme_step(request);
}
