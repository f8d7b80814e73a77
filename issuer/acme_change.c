/*
 * Changes to the account that an operator asks for, one at a time.
 *
 * A roll-over (RFC 8555 7.3.5) may be killed at any point: the new key is a file of its own, and
 * its name is on record as pending before the CA hears of it. Whatever the CA answers, or whether
 * it does, the search of acme_account.c then asks it whose account the new key's is, here as after
 * a restart. Who needs the account waits meanwhile.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "issuer/acme_priv.h"
#include "issuer/problem.h"

struct acme_work {
    enum acme_change change;
    char *key_type;
    acme_response_fn *fn;
    void *arg;
    uint64_t ask; /* of the signer */
    char *key;    /* the new one */
    char *reason; /* why the CA did not take it */
};

static void end(struct acme *acme, int error, const char *text)
{
    struct acme_work *work = acme->work;
    struct acme_response response = {.error = error,
                                     .text = error != 0 ? text : NULL,
                                     .status = 200,
                                     .body = "",
                                     .retry_after_ms = -1};

    acme->work = NULL;
    acme->held = false;
    acme_wake(acme, ACME_WANTS_ACCOUNT);
    work->fn(work->arg, &response);
    free(work->key_type);
    free(work->key);
    free(work->reason);
    free(work);
}

static void no_memory(struct acme *acme)
{
    end(acme, -ENOMEM, "out of memory");
}

static const char *key_type(const struct acme *acme)
{
    return acme->work->key_type != NULL ? acme->work->key_type : acme->key_type;
}

/* What was wrong with an answer, in words. */
static char *words_of(const struct acme_response *response)
{
    struct problem_context context = {.status = response->status,
                                      .retry_after_ms = response->retry_after_ms};
    struct problem problem;
    char *text = NULL;

    if (response->error != 0) {
        return strdup(response->text);
    }
    if (problem_parse(&problem, response->body, response->body_len, &context) == 0) {
        text = strdup(problem.text);
        problem_clear(&problem);
    }
    return text;
}

static void refused(struct acme *acme, const struct acme_response *response)
{
    char *text = words_of(response);

    end(acme, response->error != 0 ? response->error : ERR_CA,
        text != NULL ? text : "the CA refused it");
    free(text);
}

/* Whether nobody waits any more. */
static bool is_over(const struct acme *acme, const struct acme_response *response)
{
    return acme->work == NULL || response->error == ERR_CANCELLED;
}

/* -- what one POST does -- */

static void on_posted(void *arg, const struct acme_response *response)
{
    struct acme *acme = arg;
    struct acme_state *state = &acme->state;
    const char *terms = acme->directory.terms != NULL ? acme->directory.terms : "";
    int ret;

    if (is_over(acme, response)) {
        return;
    }
    if (response->error != 0 || response->status != 200) {
        refused(acme, response);
        return;
    }
    if (acme->work->change == ACME_DEACTIVATE) {
        ret = acme_account_change(acme, &state->status, "deactivated");
        acme_account_doubt(acme, false);
        log_warning(acme->log, NULL, "the account %s is deactivated", state->url);
    } else {
        ret = acme_account_change(acme, &state->terms, terms);
        log_info(acme->log, NULL, "terms of service agreed to: %s", terms);
    }
    if (ret == 0) {
        ret = acme_account_save(acme);
    }
    end(acme, ret, "done at the CA, but not stored: see the log");
}

static void post(struct acme *acme, const char *payload)
{
    if (acme_post(acme, acme->state.url, payload, on_posted, acme, NULL) < 0) {
        no_memory(acme);
    }
}

/* -- another key -- */

static void on_settled(void *arg, const struct acme_response *response)
{
    struct acme *acme = arg;
    const char *reason;
    char text[LIMIT_ERROR_TEXT];

    if (is_over(acme, response)) {
        return;
    }
    reason = acme->work->reason != NULL ? acme->work->reason : "no reason given";
    if (response->error != 0 && acme->state.pending != NULL) {
        snprintf(text, sizeof(text),
                 "whether the CA has taken the new key will be asked before the next order: %.400s "
                 "(%.400s)",
                 reason, response->text);
        end(acme, response->error, text);
    } else if (response->error != 0) {
        end(acme, response->error, response->text);
    } else if (acme->work->key != NULL && strcmp(acme->state.key, acme->work->key) != 0) {
        snprintf(text, sizeof(text), "the CA did not take the new key, the old one stays: %.900s",
                 reason);
        end(acme, ERR_CA, text);
    } else {
        end(acme, 0, NULL);
    }
}

static void settle(struct acme *acme)
{
    acme->held = false;
    if (acme_ready(acme, on_settled, acme) < 0) {
        no_memory(acme);
    }
}

static int switch_key(struct acme *acme)
{
    int ret = acme_account_use_key(acme, acme->work->key);

    if (ret == 0) {
        ret = acme_account_change(acme, &acme->state.pending, NULL);
    }
    return ret == 0 ? acme_account_save(acme) : ret;
}

static void on_changed(void *arg, const struct acme_response *response)
{
    struct acme *acme = arg;

    if (is_over(acme, response)) {
        return;
    }
    if (response->error == 0 && response->status == 200) {
        log_info(acme->log, NULL, "the key of %s is %s now", acme->state.url, acme->work->key);
        (void)switch_key(acme); /* if it is not stored, it is found out again */
    } else {
        acme->work->reason = words_of(response);
    }
    settle(acme);
}

static void give_up(struct acme *acme, int error, const char *text)
{
    (void)acme_account_change(acme, &acme->state.pending, NULL);
    (void)acme_account_save(acme);
    end(acme, error, text);
}

/* The new key's consent (the inner JWS) goes into a request that the old one signs. */
static void on_consent(void *arg, int error, const char *text, const char *jws, size_t len)
{
    struct acme *acme = arg;

    acme->work->ask = 0;
    if (error != 0) {
        give_up(acme, error, text);
    } else if (acme_account_send(acme, ACME_KEY_CHANGE, strndup(jws, len), acme->state.key,
                                 on_changed) < 0) {
        give_up(acme, -ENOMEM, "out of memory");
    }
}

static void ask_consent(struct acme *acme)
{
    json_t *root = json_pack("{s:s, s:o}", "account", acme->state.url, "oldKey",
                             json_loads(acme->jwk, JSON_REJECT_DUPLICATES, NULL));
    char *payload = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
    const struct signclient_jws jws = {
        .key = acme->work->key, .url = acme->directory.key_change, .payload = payload};

    json_decref(root);
    if (payload != NULL) {
        acme->work->ask = signclient_sign(acme->signclient, &jws, on_consent, acme);
    }
    free(payload);
    if (acme->work->ask == 0) {
        give_up(acme, -ENOMEM, "out of memory");
    }
}

static void roll_over(struct acme *acme)
{
    int ret = acme_account_change(acme, &acme->state.pending, acme->work->key);

    if (ret == 0) {
        ret = acme_account_save(acme);
    }
    if (ret < 0) { /* nothing is begun that would be forgotten */
        (void)acme_account_change(acme, &acme->state.pending, NULL);
        end(acme, ret, "the new key cannot be put on record: see the log");
        return;
    }
    acme_account_doubt(acme, false);
    ask_consent(acme);
}

/* A new account in the place of one that is not valid any more. */
static void begin_anew(struct acme *acme)
{
    struct acme_state *state = &acme->state;

    acme_account_doubt(acme, true);
    if (acme_account_use_key(acme, acme->work->key) < 0) {
        no_memory(acme);
        return;
    }
    (void)acme_account_change(acme, &state->status, NULL);
    (void)acme_account_change(acme, &state->contact, NULL);
    (void)acme_account_change(acme, &state->terms, NULL);
    (void)acme_account_change(acme, &state->eab_kid, NULL);
    (void)acme_account_save(acme);
    settle(acme);
}

static void on_new_key(void *arg, int error, const char *text, const char *jwk,
                       const char *thumbprint)
{
    struct acme *acme = arg;

    (void)jwk;
    (void)thumbprint;
    acme->work->ask = 0;
    if (error != 0) {
        end(acme, error, text);
    } else if (acme->work->change == ACME_ROLL_OVER) {
        roll_over(acme);
    } else {
        begin_anew(acme);
    }
}

/* KEY-N is followed by KEY-(N+1), KEY by KEY-2. */
static int next_name(char **out, const char *base, const char *last)
{
    size_t len = strlen(base);
    unsigned long n = 1;

    if (last != NULL && strncmp(last, base, len) == 0 && last[len] == '-') {
        n = strtoul(last + len + 1, NULL, 10);
    }
    return asprintf(out, "%s-%lu", base, n + 1) < 0 ? -ENOMEM : 0;
}

static void on_list(void *arg, int error, const char *text, const char *const *names, size_t count)
{
    struct acme *acme = arg;
    struct acme_work *work = acme->work;

    work->ask = 0;
    if (error != 0) {
        end(acme, error, text);
        return;
    }
    if (next_name(&work->key, acme->key_base, count > 0 ? names[0] : NULL) < 0) {
        work->key = NULL;
        no_memory(acme);
        return;
    }
    work->ask = signclient_key(acme->signclient, work->key, key_type(acme), on_new_key, acme);
    if (work->ask == 0) {
        no_memory(acme);
    }
}

static void make_key(struct acme *acme)
{
    acme->held = true;
    acme->work->ask = signclient_list(acme->signclient, acme->key_base, on_list, acme);
    if (acme->work->ask == 0) {
        no_memory(acme);
    }
}

/* -- the beginning -- */

static bool is_gone(const struct acme *acme)
{
    return acme->search.refusal != NULL ||
           (acme->state.status != NULL && strcmp(acme->state.status, "valid") != 0);
}

static void on_ready(void *arg, const struct acme_response *response)
{
    struct acme *acme = arg;

    if (is_over(acme, response)) {
        return;
    }
    if (acme->work->change == ACME_REGISTER && is_gone(acme)) {
        make_key(acme);
        return;
    }
    if (response->error != 0) {
        end(acme, response->error, response->text);
        return;
    }
    switch (acme->work->change) {
    case ACME_ROLL_OVER:
        if (acme->directory.key_change == NULL) {
            end(acme, ERR_NOT_FOUND, "the CA lets no account have another key (RFC 8555 7.3.5)");
        } else if (acme->is_busy != NULL && acme->is_busy(acme->arg)) {
            end(acme, ERR_BUSY,
                "orders of this CA are under way, whose values are made with the key: try again "
                "when they have ended");
        } else {
            make_key(acme);
        }
        break;
    case ACME_DEACTIVATE:
        post(acme, "{\"status\":\"deactivated\"}");
        break;
    case ACME_AGREE:
        post(acme, "{\"termsOfServiceAgreed\":true}");
        break;
    case ACME_REGISTER:
        end(acme, 0, NULL);
        break;
    }
}

int acme_change(struct acme *acme, enum acme_change change, const char *type, acme_response_fn *fn,
                void *arg)
{
    struct acme_work *work;

    if (acme->closing) {
        return ERR_CANCELLED;
    }
    if (acme->work != NULL) {
        return ERR_BUSY;
    }
    if ((work = calloc(1, sizeof(*work))) == NULL || acme_account_set(&work->key_type, type) < 0) {
        free(work);
        return -ENOMEM;
    }
    work->change = change;
    work->fn = fn;
    work->arg = arg;
    acme->work = work;
    if (acme_ready(acme, on_ready, acme) < 0) {
        acme->work = NULL;
        free(work->key_type);
        free(work);
        return -ENOMEM;
    }
    return 0;
}

void acme_change_cancel(struct acme *acme)
{
    if (acme->work != NULL) {
        signclient_cancel(acme->signclient, acme->work->ask);
        end(acme, ERR_CANCELLED, err_string(ERR_CANCELLED));
    }
}
