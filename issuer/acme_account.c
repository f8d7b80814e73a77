/*
 * The account at a CA (RFC 8555 7.3): found by what is on record or by the keys that the signer
 * has, made where there is none, and kept up to date.
 *
 * Each time something has become known acme_fetch_account's `next` looks at what is still missing
 * and asks for that, one thing at a time, until all is there:
 *
 *   a roll-over that was under way   is the account the new key's? (7.3.5)
 *   no URL on record                 whose of our keys is an account? (7.3.1, onlyReturnExisting)
 *   no account of any key            a new one, with external account binding (7.3.4)
 *   another contact                  is told (7.3.2)
 *
 * Requests that need the account wait meanwhile (ACME_WANTS_ACCOUNT).
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "issuer/acme_object.h"
#include "issuer/acme_priv.h"
#include "issuer/problem.h"

static void next(struct acme *acme);

/* -- what is known -- */

int acme_account_set(char **dst, const char *text)
{
    char *copy = text != NULL ? strdup(text) : NULL;

    if (text != NULL && copy == NULL) {
        return -ENOMEM;
    }
    free(*dst);
    *dst = copy;
    return 0;
}

static void forget_keys(struct acme *acme)
{
    struct acme_search *s = &acme->search;

    for (size_t i = 0; i < s->count; i++) {
        free(s->keys[i]);
    }
    s->count = s->at = 0;
    s->listed = s->sought = false;
    (void)acme_account_set(&s->refusal, NULL);
}

static void forget_jwk(struct acme *acme)
{
    free(acme->jwk);
    free(acme->thumbprint);
    acme->jwk = acme->thumbprint = NULL;
}

void acme_account_doubt(struct acme *acme, bool url)
{
    acme->search.ready = false;
    if (url && !acme->search.under_way) {
        acme_account_change(acme, &acme->state.url, NULL);
        forget_keys(acme);
    }
}

/* Of what is on record. */
int acme_account_change(struct acme *acme, char **dst, const char *text)
{
    if (*dst == text || (*dst != NULL && text != NULL && strcmp(*dst, text) == 0)) {
        return 0;
    }
    acme->unsaved = true;
    return acme_account_set(dst, text);
}

int acme_account_save(struct acme *acme)
{
    struct acme_account account;

    if (!acme->unsaved || acme->on_account == NULL) {
        return 0;
    }
    acme_account_get(acme, &account);
    int ret = acme->on_account(acme->arg, &account);
    acme->unsaved = ret < 0;
    return ret;
}

int acme_account_use_key(struct acme *acme, const char *key)
{
    if (key != NULL && acme->state.key != NULL && strcmp(acme->state.key, key) == 0) {
        return 0;
    }
    if (acme_account_change(acme, &acme->state.key, key) < 0) {
        return -ENOMEM;
    }
    acme_account_change(acme, &acme->state.thumbprint, NULL);
    acme_account_change(acme, &acme->state.key_type, NULL);
    forget_jwk(acme);
    return 0;
}

void acme_account_cancel(struct acme *acme)
{
    signclient_cancel(acme->signclient, acme->search.ask);
    acme->search.ask = 0;
}

void acme_account_clear(struct acme *acme)
{
    struct acme_state *state = &acme->state;

    forget_keys(acme);
    forget_jwk(acme);
    free(acme->search.trying);
    free(state->url);
    free(state->key);
    free(state->pending);
    free(state->key_type);
    free(state->thumbprint);
    free(state->contact);
    free(state->terms);
    free(state->status);
    free(state->eab_kid);
}

/* -- the end of a search -- */

static void fail(struct acme *acme, int error, const char *text)
{
    acme->search.under_way = false;
    acme_fail_all(acme, ACME_WANTS_ACCOUNT, error, text);
}

static void no_memory(struct acme *acme)
{
    fail(acme, -ENOMEM, "out of memory");
}

/* An answer that is no account. */
static void refused(struct acme *acme, const char *what, const struct acme_response *response)
{
    struct problem_context context = {.status = response->status,
                                      .retry_after_ms = response->retry_after_ms};
    struct problem problem;
    char text[LIMIT_ERROR_TEXT];

    if (problem_parse(&problem, response->body, response->body_len, &context) < 0) {
        no_memory(acme);
        return;
    }
    snprintf(text, sizeof(text), "%s: %.900s", what, problem.text);
    problem_clear(&problem);
    const struct acme_refusal refusal = {.status = response->status,
                                         .body = response->body,
                                         .retry_after_ms = response->retry_after_ms,
                                         .error =
                                             response->status >= 500 ? ERR_UNAVAILABLE : ERR_CA,
                                         .text = text};
    acme->search.under_way = false;
    acme_refuse_all(acme, ACME_WANTS_ACCOUNT, &refusal);
}

/* Whether response has no answer at all. */
static bool unanswered(struct acme *acme, const struct acme_response *response)
{
    if (response->error == 0) {
        return false;
    }
    if (response->error != ERR_CANCELLED) {
        fail(acme, response->error, response->text);
    }
    return true;
}

static void not_valid(struct acme *acme)
{
    char text[LIMIT_ERROR_TEXT];

    snprintf(text, sizeof(text),
             "the account %.300s is %s: `certmillctl accounts register %.64s` makes a new one",
             acme->state.url, acme->state.status,
             acme->authority != NULL ? acme->authority : acme->directory_url);
    fail(acme, ERR_CA, text);
}

static void all_refused(struct acme *acme)
{
    char text[LIMIT_ERROR_TEXT];

    acme_lost_text(acme, text, sizeof(text));
    fail(acme, ERR_CA, text);
}

/* -- requests -- */

int acme_account_send(struct acme *acme, enum acme_resource resource, char *payload,
                      const char *key, acme_response_fn *fn)
{
    struct acme_request *request = NULL;
    char *copy = key != NULL ? strdup(key) : NULL;

    if (payload != NULL && (key == NULL || copy != NULL)) {
        request = acme_request_new(acme, ACME_OWN, fn, acme);
    }
    if (request == NULL) {
        free(payload);
        free(copy);
        return -ENOMEM;
    }
    request->payload = payload;
    request->key = copy;
    request->resource = resource;
    request->by_kid = resource != ACME_NEW_ACCOUNT;
    acme_step(request);
    return 0;
}

/* Takes over what the CA says of the account. */
static int take(struct acme *acme, const char *url, const char *body, size_t len)
{
    struct acme_object object;
    int ret;

    acme_object_parse(&object, body, len);
    ret = acme_account_change(acme, &acme->state.url, url) |
          acme_account_change(acme, &acme->state.status,
                              object.status != NULL ? object.status : "valid");
    /* a CA that does not show contacts keeps none, or none that could be compared */
    ret |= acme_account_change(acme, &acme->state.contact,
                               object.contacts       ? object.contact
                               : acme->email != NULL ? acme->email
                                                     : "");
    return ret;
}

/* -- the keys that there are -- */

static void on_list(void *arg, int error, const char *text, const char *const *names, size_t count)
{
    struct acme *acme = arg;
    struct acme_search *s = &acme->search;

    s->ask = 0;
    if (error != 0) {
        fail(acme, error, text);
        return;
    }
    forget_keys(acme);
    for (size_t i = 0; i < count && i < LIMIT_KEY_LIST; i++) {
        /* on record without an account: a new one is being made with this key and no other */
        if (acme->state.key != NULL && acme->state.pending == NULL &&
            strcmp(acme->state.key, names[i]) != 0) {
            continue;
        }
        if ((s->keys[s->count] = strdup(names[i])) == NULL) {
            no_memory(acme);
            return;
        }
        s->count++;
    }
    s->listed = true;
    next(acme);
}

static void list(struct acme *acme)
{
    acme->search.ask = signclient_list(acme->signclient, acme->key_base, on_list, acme);
    if (acme->search.ask == 0) {
        no_memory(acme);
    }
}

static bool has_key(const struct acme *acme, const char *key)
{
    for (size_t i = 0; i < acme->search.count; i++) {
        if (strcmp(acme->search.keys[i], key) == 0) {
            return true;
        }
    }
    return false;
}

/* -- is this key an account's? -- */

static bool is_unknown(const struct acme_response *response)
{
    struct problem_context context = {.status = response->status, .retry_after_ms = -1};
    struct problem problem;
    bool unknown;

    if (response->status < 400 || response->status > 499 ||
        problem_parse(&problem, response->body, response->body_len, &context) < 0) {
        return false;
    }
    unknown = problem_is(&problem, "accountDoesNotExist");
    problem_clear(&problem);
    return unknown;
}

static void not_this_key(struct acme *acme)
{
    if (acme->state.pending != NULL) { /* the CA never heard of the roll-over */
        acme_account_change(acme, &acme->state.pending, NULL);
        (void)acme_account_save(acme);
    } else {
        acme->search.at++;
    }
    next(acme);
}

static void on_found(void *arg, const struct acme_response *response)
{
    struct acme *acme = arg;

    if (unanswered(acme, response)) {
        return;
    }
    if (is_unknown(response) || acme_lost_key(acme, response)) {
        not_this_key(acme);
        return;
    }
    if (response->status < 200 || response->status > 299 || response->location == NULL) {
        refused(acme, "the CA does not say whether there is an account", response);
        return;
    }
    if (acme_account_use_key(acme, acme->search.trying) < 0 ||
        take(acme, response->location, response->body, response->body_len) < 0) {
        no_memory(acme);
        return;
    }
    acme_account_change(acme, &acme->state.pending, NULL);
    log_info(acme->log, NULL, "account at the CA found by the key %s: %s", acme->state.key,
             acme->state.url);
    next(acme);
}

static void find(struct acme *acme, const char *key)
{
    if (acme_account_set(&acme->search.trying, key) < 0 ||
        acme_account_send(acme, ACME_NEW_ACCOUNT, strdup("{\"onlyReturnExisting\":true}"), key,
                          on_found) < 0) {
        no_memory(acme);
    }
}

/* -- the key -- */

static const char *key_type_of(const char *jwk)
{
    json_t *root = json_loads(jwk, 0, NULL);
    const char *curve = json_string_value(json_object_get(root, "crv"));
    size_t modulus = json_string_length(json_object_get(root, "n"));
    const char *type = "unknown";

    if (curve != NULL) {
        type = strcmp(curve, "P-384") == 0 ? "ecdsa-p384" : "ecdsa-p256";
    } else if (modulus > 0) {
        type = modulus > 600 ? "rsa-4096" : modulus > 400 ? "rsa-3072" : "rsa-2048";
    }
    json_decref(root);
    return type;
}

static void on_key(void *arg, int error, const char *text, const char *jwk, const char *thumbprint)
{
    struct acme *acme = arg;
    struct acme_state *state = &acme->state;

    acme->search.ask = 0;
    if (error != 0) {
        fail(acme, error, text);
        return;
    }
    if (state->url != NULL && state->thumbprint != NULL &&
        strcmp(state->thumbprint, thumbprint) != 0) {
        log_warning(acme->log, NULL, "the account key is another one than that of %s", state->url);
        acme_account_change(acme, &state->url, NULL);
        forget_keys(acme);
    }
    if (acme_account_set(&acme->jwk, jwk) < 0 || acme_account_set(&acme->thumbprint, thumbprint) ||
        acme_account_change(acme, &state->thumbprint, thumbprint) < 0 ||
        acme_account_change(acme, &state->key_type, key_type_of(jwk)) < 0) {
        forget_jwk(acme);
        no_memory(acme);
        return;
    }
    next(acme);
}

static void fetch_key(struct acme *acme)
{
    if (acme->state.key == NULL && acme_account_use_key(acme, acme->key_base) < 0) {
        no_memory(acme);
        return;
    }
    acme->search.ask =
        signclient_key(acme->signclient, acme->state.key, acme->key_type, on_key, acme);
    if (acme->search.ask == 0) {
        no_memory(acme);
    }
}

/* -- a new account (RFC 8555 7.3) -- */

static void on_made(void *arg, const struct acme_response *response)
{
    struct acme *acme = arg;
    const char *terms = acme->directory.terms;

    if (unanswered(acme, response)) {
        return;
    }
    if (response->status < 200 || response->status > 299) {
        refused(acme, "the CA refused our account", response);
        return;
    }
    if (response->location == NULL) {
        fail(acme, ERR_UNAVAILABLE, "the CA's newAccount answers without the account's URL");
        return;
    }
    if (take(acme, response->location, response->body, response->body_len) < 0 ||
        acme_account_change(acme, &acme->state.terms, terms != NULL ? terms : "") < 0 ||
        acme_account_change(acme, &acme->state.eab_kid, acme->eab_kid) < 0) {
        no_memory(acme);
        return;
    }
    if (response->status == 201) { /* as it was told, whatever it shows */
        acme_account_change(acme, &acme->state.contact, acme->email != NULL ? acme->email : "");
    }
    log_info(acme->log, NULL, "account at the CA %s: %s%s%s",
             response->status == 201 ? "made" : "found", acme->state.url,
             terms != NULL ? "; terms of service agreed to: " : "", terms != NULL ? terms : "");
    (void)acme_account_save(acme);
    next(acme);
}

/* Takes binding over. */
static char *account_payload(const struct acme *acme, json_t *binding)
{
    json_t *root = json_pack("{s:b}", "termsOfServiceAgreed", 1);
    char *text = NULL;
    int ret = root != NULL ? 0 : -1;

    if (ret == 0 && acme->email != NULL) {
        ret = json_object_set_new(root, "contact", json_pack("[s++]", "mailto:", acme->email, ""));
    }
    if (ret == 0 && binding != NULL) {
        ret = json_object_set(root, "externalAccountBinding", binding);
    }
    if (ret == 0) {
        text = json_dumps(root, JSON_COMPACT);
    }
    json_decref(binding);
    json_decref(root);
    return text;
}

static void make_with(struct acme *acme, json_t *binding)
{
    char *payload = account_payload(acme, binding);

    if (acme_account_send(acme, ACME_NEW_ACCOUNT, payload, acme->state.key, on_made) < 0) {
        no_memory(acme);
    }
}

static void on_bound(void *arg, int error, const char *text, const char *jws, size_t len)
{
    struct acme *acme = arg;

    acme->search.ask = 0;
    if (error != 0) {
        fail(acme, error, text);
        return;
    }
    json_t *binding = json_loadb(jws, len, JSON_REJECT_DUPLICATES, NULL);
    if (binding == NULL) {
        fail(acme, ERR_PROTOCOL, "signer: the external account binding is no JSON");
        return;
    }
    make_with(acme, binding);
}

static void make(struct acme *acme)
{
    char text[LIMIT_ERROR_TEXT];

    if (acme->eab_kid != NULL) {
        acme->search.ask = signclient_bind(acme->signclient, acme->state.key, acme->authority,
                                           acme->directory.new_account, on_bound, acme);
        if (acme->search.ask == 0) {
            no_memory(acme);
        }
        return;
    }
    if (acme->directory.external_account) {
        snprintf(text, sizeof(text),
                 "the CA %.300s makes accounts only with an external account binding: put eab-kid "
                 "and eab-key-file, as it gave them to you, to its row of authorities",
                 acme->directory_url);
        fail(acme, ERR_CA, text);
        return;
    }
    make_with(acme, NULL);
}

/* -- the whole -- */

static void done(struct acme *acme)
{
    acme_contact_terms(acme);
    acme->search.under_way = false;
    acme->search.ready = true;
    forget_keys(acme);
    if (acme->state.status == NULL) {
        (void)acme_account_change(acme, &acme->state.status, "valid");
    }
    (void)acme_account_save(acme);
    acme_wake(acme, ACME_WANTS_ACCOUNT);
}

static void next(struct acme *acme)
{
    struct acme_search *s = &acme->search;
    struct acme_state *state = &acme->state;

    if ((state->pending != NULL || (state->url == NULL && !s->sought)) && !s->listed) {
        list(acme);
    } else if (state->pending != NULL && has_key(acme, state->pending)) {
        find(acme, state->pending);
    } else if (state->pending != NULL) {
        not_this_key(acme);
    } else if (state->url == NULL && !s->sought && s->at < s->count) {
        find(acme, s->keys[s->at]);
    } else if (state->url == NULL && s->refusal != NULL) {
        s->at = 0;
        all_refused(acme);
    } else if (state->url == NULL && !s->sought) {
        s->sought = true;
        if (state->key == NULL && s->count > 0 && acme_account_use_key(acme, s->keys[0]) < 0) {
            no_memory(acme);
            return;
        }
        next(acme);
    } else if (acme->jwk == NULL) {
        fetch_key(acme);
    } else if (state->url == NULL) {
        make(acme);
    } else if (state->status != NULL && strcmp(state->status, "valid") != 0) {
        (void)acme_account_save(acme);
        not_valid(acme);
    } else if (acme_contact_is_old(acme)) {
        acme_contact_tell(acme);
    } else {
        done(acme);
    }
}

void acme_account_next(struct acme *acme)
{
    next(acme);
}

void acme_account_no_memory(struct acme *acme)
{
    no_memory(acme);
}

void acme_fetch_account(struct acme *acme)
{
    if (!acme->search.under_way && !acme->held) {
        acme->search.under_way = true;
        next(acme);
    }
}
