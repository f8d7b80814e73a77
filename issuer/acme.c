/*
 * Requests to one CA. Each is moved on by acme_step through what it needs: directory, key,
 * account, nonce, signature, exchange. What is missing is fetched once for all that want it (a
 * nonce: once for each), and they are stepped again when it is there.
 *
 * Nobody's callback is called from within acme_post or acme_step: a request that fails is
 * marked and its callback comes from the timer, on the loop's next turn. That leaves two
 * places where a request ends, on_timer and acme_answer, and both look at `closing` afterwards.
 */
#include "issuer/acme_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "issuer/problem.h"

#define TRIES       5     /* of a request that a lost connection or a 5xx stopped */
#define FIRST_DELAY 100   /* ms; doubled each time: 100, 200, 400, 800 */
#define TOTAL_MS    60000 /* no further try begins later than this */

static void on_timer(uv_timer_t *timer);

/* -- the life of a request -- */

struct acme_request *acme_request_new(struct acme *acme, enum acme_kind kind, acme_response_fn *fn,
                                      void *arg)
{
    struct acme_request *r = calloc(1, sizeof(*r));

    if (r == NULL) {
        return NULL;
    }
    r->acme = acme;
    r->kind = kind;
    r->fn = fn;
    r->arg = arg;
    r->started = uv_now(acme->loop);
    r->retry_after_ms = -1;
    r->stage = ACME_WANTS_DIRECTORY;
    r->next = acme->requests;
    if (r->next != NULL) {
        r->next->prev = r;
    }
    acme->requests = r;
    return r;
}

static void request_free(struct acme *acme, struct acme_request *r)
{
    if (acme->requests == r) {
        acme->requests = r->next;
    } else {
        r->prev->next = r->next;
    }
    if (r->next != NULL) {
        r->next->prev = r->prev;
    }
    signclient_cancel(acme->signclient, r->sign);
    http_cancel(r->exchange);
    free(r->url);
    free(r->payload);
    free(r->path);
    free(r->key);
    free(r->refused);
    free(r->target);
    free(r->nonce);
    free(r->text);
    free(r);
}

/* Calls back, with the request already out of the list. */
static void finish(struct acme *acme, struct acme_request *r, const struct acme_response *response)
{
    acme_response_fn *fn = r->fn;
    void *arg = r->arg;
    char *text = r->text, *refused = r->refused; /* response may point to these */
    char *nonce = r->nonce, *target = r->target;

    r->text = r->refused = r->nonce = r->target = NULL;
    request_free(acme, r);
    if (fn != NULL) {
        fn(arg, response);
    }
    free(text);
    free(refused);
    free(nonce);
    free(target);
}

static void finish_error(struct acme *acme, struct acme_request *r)
{
    static const char none[] = "";
    struct acme_response response = {.error = r->error,
                                     .text = r->text != NULL ? r->text : err_string(r->error),
                                     .body = none,
                                     .retry_after_ms = r->retry_after_ms};

    if (r->error == 0) {
        response.text = NULL;
        response.nonce = r->nonce;
        response.location = r->target;
    }
    if (r->refused != NULL) {
        response.error = 0;
        response.text = NULL;
        response.status = r->refused_status;
        response.body = r->refused;
        response.body_len = strlen(r->refused);
    }
    finish(acme, r, &response);
}

/* -- later -- */

static bool timed(const struct acme_request *r)
{
    return r->stage == ACME_DELAYED || r->stage == ACME_FAILED || r->stage == ACME_DONE;
}

static void arm_timer(struct acme *acme)
{
    uint64_t due = UINT64_MAX, now = uv_now(acme->loop);

    for (struct acme_request *r = acme->requests; r != NULL; r = r->next) {
        if (timed(r) && r->due < due) {
            due = r->due;
        }
    }
    if (due == UINT64_MAX) {
        uv_timer_stop(&acme->timer);
    } else {
        uv_timer_start(&acme->timer, on_timer, due > now ? due - now : 0, 0);
    }
}

static void later(struct acme_request *r, enum acme_stage stage, uint64_t delay_ms)
{
    r->stage = stage;
    r->due = uv_now(r->acme->loop) + delay_ms;
    if (!r->acme->closing) {
        arm_timer(r->acme);
    }
}

static struct acme_request *find_due(struct acme *acme, uint64_t now)
{
    for (struct acme_request *r = acme->requests; r != NULL; r = r->next) {
        if (timed(r) && r->due <= now) {
            return r;
        }
    }
    return NULL;
}

static void on_timer(uv_timer_t *timer)
{
    struct acme *acme = timer->data;
    uint64_t now = uv_now(acme->loop);
    struct acme_request *r;

    while (!acme->closing && (r = find_due(acme, now)) != NULL) {
        if (r->stage == ACME_DELAYED) {
            acme_step(r);
        } else {
            finish_error(acme, r);
        }
    }
    if (!acme->closing) {
        arm_timer(acme);
    }
}

void acme_fail(struct acme_request *r, int error, const char *text)
{
    char *copy = strdup(text);

    free(r->text);
    r->text = copy;
    r->error = error;
    later(r, ACME_FAILED, 0);
}

void acme_retry(struct acme_request *r, int error, const char *text, int64_t retry_after_ms)
{
    struct acme *acme = r->acme;
    uint64_t delay = (uint64_t)FIRST_DELAY << r->tries;
    uint64_t spent = uv_now(acme->loop) - r->started;

    if (retry_after_ms > (int64_t)delay) {
        delay = (uint64_t)retry_after_ms;
    }
    if (++r->tries >= TRIES || spent > TOTAL_MS || delay > TOTAL_MS - spent) {
        acme_fail(r, error, text);
        return;
    }
    log_info(acme->log, NULL, "%s; trying again in %llu ms", text, (unsigned long long)delay);
    later(r, ACME_DELAYED, delay);
}

void acme_wake(struct acme *acme, enum acme_stage stage)
{
    struct acme_request *next;

    for (struct acme_request *r = acme->requests; r != NULL; r = next) {
        next = r->next;
        if (r->stage == stage) {
            acme_step(r);
        }
    }
}

void acme_retry_all(struct acme *acme, enum acme_stage stage, int error, const char *text,
                    int64_t retry_after_ms)
{
    for (struct acme_request *r = acme->requests; r != NULL; r = r->next) {
        if (r->stage == stage) {
            acme_retry(r, error, text, retry_after_ms);
        }
    }
}

void acme_fail_all(struct acme *acme, enum acme_stage stage, int error, const char *text)
{
    for (struct acme_request *r = acme->requests; r != NULL; r = r->next) {
        if (r->stage == stage) {
            acme_fail(r, error, text);
        }
    }
}

/* Whether it is about how often, so that its Retry-After is worth more than our words. */
static bool is_limit(const struct acme_refusal *refusal)
{
    return refusal->status == 429 || (refusal->status >= 400 && refusal->retry_after_ms >= 0);
}

/* Whether the CA says so itself (RFC 6585 4, RFC 8555 6.6): not where it is only away. */
static bool is_rate_limited(const struct acme_refusal *refusal)
{
    struct problem_context context = {.status = refusal->status,
                                      .retry_after_ms = refusal->retry_after_ms};
    struct problem problem;
    bool limited = refusal->status == 429;

    if (!limited && problem_parse(&problem, refusal->body, strlen(refusal->body), &context) == 0) {
        limited = problem_is(&problem, "rateLimited");
        problem_clear(&problem);
    }
    return limited;
}

void acme_refuse_all(struct acme *acme, enum acme_stage stage, const struct acme_refusal *refusal)
{
    if (acme->on_limited != NULL && is_rate_limited(refusal)) {
        acme->on_limited(acme->arg, refusal->retry_after_ms, refusal->text);
    }
    for (struct acme_request *r = acme->requests; r != NULL; r = r->next) {
        if (r->stage != stage) {
            continue;
        }
        r->retry_after_ms = refusal->retry_after_ms;
        if (r->kind != ACME_READY && r->kind != ACME_KNOW && is_limit(refusal)) {
            r->refused_status = refusal->status;
            r->refused = strdup(refusal->body);
        }
        acme_fail(r, refusal->error, refusal->text);
    }
}

/* -- answers -- */

static void deliver(struct acme_request *r, const struct http_answer *answer)
{
    struct acme_response response = {
        .status = answer->status,
        .body = answer->body,
        .body_len = answer->body_len,
        .location = answer->fields->location,
        .retry_after_ms = answer->fields->retry_after_ms,
        .alternate_count = answer->fields->alternate_count,
    };

    for (size_t i = 0; i < response.alternate_count; i++) {
        response.alternates[i] = answer->fields->alternates[i];
    }
    finish(r->acme, r, &response);
}

/* badNonce: again with the nonce of this very answer (RFC 8555 6.5). */
static void bad_nonce(struct acme_request *r, const struct problem *problem,
                      const struct http_answer *answer)
{
    if (++r->bad_nonces >= LIMIT_BADNONCE) {
        acme_fail(r, ERR_CA, problem->text);
        return;
    }
    log_debug(r->acme->log, NULL, "%s; again with a new nonce", problem->text);
    if (answer->fields->nonce[0] != '\0') {
        r->nonce = strdup(answer->fields->nonce);
    }
    acme_step(r);
}

/* A URL out of the directory is gone: the directory is read anew, once. */
static bool directory_lost(struct acme_request *r, int status)
{
    if (r->kind == ACME_GET || r->url != NULL || r->redirected ||
        (status != 404 && status != 405)) {
        return false;
    }
    r->redirected = true;
    acme_doubt_directory(r->acme);
    return !acme_directory_good(r->acme);
}

static void retry_problem(struct acme_request *r, const struct problem *problem,
                          int64_t retry_after_ms)
{
    char text[LIMIT_ERROR_TEXT];

    snprintf(text, sizeof(text), "%.300s: %.600s", r->target, problem->text);
    acme_retry(r, ERR_UNAVAILABLE, text, retry_after_ms);
}

/* Returns whether the request goes on by itself. */
static bool handle_problem(struct acme_request *r, const struct http_answer *answer)
{
    struct problem_context context = {.status = answer->status,
                                      .retry_after_ms = answer->fields->retry_after_ms};
    struct problem problem;
    bool handled = true, anew = r->kind != ACME_SIGNED; /* with another nonce */

    if (problem_parse(&problem, answer->body, answer->body_len, &context) < 0) {
        return false;
    }
    if (anew && problem_is(&problem, "badNonce")) {
        bad_nonce(r, &problem, answer);
    } else if (anew && answer->status >= 500 && r->tries + 1 < TRIES) {
        nonce_pool_put(&r->acme->nonces, answer->fields->nonce);
        retry_problem(r, &problem, answer->fields->retry_after_ms);
    } else {
        nonce_pool_put(&r->acme->nonces, answer->fields->nonce);
        handled =
            acme_lost_account(r, &problem, answer->status) || directory_lost(r, answer->status);
        if (handled) {
            acme_step(r);
        }
    }
    problem_clear(&problem);
    return handled;
}

void acme_answer(void *arg, const struct http_answer *answer)
{
    struct acme_request *r = arg;
    struct acme *acme = r->acme;

    r->exchange = NULL;
    if (answer->error == ERR_UNAVAILABLE || answer->error == ERR_TIMEOUT) {
        acme_doubt_directory(acme);
        acme_retry(r, answer->error, answer->text, -1);
        return;
    }
    if (answer->error != 0) {
        acme_fail(r, answer->error, answer->text);
        return;
    }
    if (answer->status >= 400 && handle_problem(r, answer)) {
        return;
    }
    if (answer->status < 400) {
        nonce_pool_put(&acme->nonces, answer->fields->nonce);
    }
    acme_wake(acme, ACME_WANTS_NONCE);
    deliver(r, answer);
}

/* -- sending -- */

static void on_signed(void *arg, int error, const char *text, const char *jws, size_t len)
{
    struct acme_request *r = arg;
    struct http_request request = {
        .method = HTTP_POST,
        .body = jws,
        .body_len = len,
        .content_type = "application/jose+json",
        .accept = "application/json, application/pem-certificate-chain",
    };

    r->sign = 0;
    if (error != 0) {
        acme_fail(r, error, text);
        return;
    }
    acme_send(r, &request);
}

static void sign(struct acme_request *r)
{
    struct acme *acme = r->acme;

    free(r->target);
    r->target = NULL;
    if (acme_target(r) == NULL) {
        acme_lacks(r);
        return;
    }
    if ((r->target = strdup(acme_target(r))) == NULL) {
        acme_fail(r, -ENOMEM, "out of memory");
        return;
    }
    struct signclient_jws jws = {.key = r->key != NULL ? r->key : acme->state.key,
                                 .url = r->target,
                                 .nonce = r->nonce,
                                 .kid = r->kind == ACME_POST || r->by_kid ? acme->state.url : NULL,
                                 .payload = r->payload};

    r->stage = ACME_SIGNING;
    r->sign = signclient_sign(acme->signclient, &jws, on_signed, r);
    free(r->nonce);
    r->nonce = NULL;
    if (r->sign == 0) {
        acme_fail(r, -ENOMEM, "out of memory");
    }
}

void acme_step(struct acme_request *r)
{
    struct acme *acme = r->acme;

    if (!acme_directory_good(acme)) {
        r->stage = ACME_WANTS_DIRECTORY;
        acme_fetch_directory(acme);
    } else if (r->kind == ACME_GET) {
        acme_get(r);
    } else if (r->kind == ACME_SIGNED) {
        acme_send_signed(r);
    } else if (r->kind == ACME_NONCE) {
        if (acme_take_nonce(r)) {
            later(r, ACME_DONE, 0);
        }
    } else if ((r->kind == ACME_POST || r->kind == ACME_READY) && !acme->search.ready) {
        r->stage = ACME_WANTS_ACCOUNT;
        acme_fetch_account(acme);
    } else if (r->kind == ACME_KNOW || r->kind == ACME_READY) {
        later(r, ACME_DONE, 0);
    } else if (r->nonce != NULL || (r->nonce = nonce_pool_take(&acme->nonces)) != NULL) {
        sign(r);
    } else {
        r->stage = ACME_WANTS_NONCE;
        acme_fetch_nonces(acme);
    }
}

/* -- the public face -- */

int acme_post(struct acme *acme, const char *url, const char *payload, acme_response_fn *fn,
              void *arg, struct acme_request **request)
{
    if (acme->closing) {
        return ERR_CANCELLED;
    }
    struct acme_request *r = acme_request_new(acme, ACME_POST, fn, arg);

    if (r == NULL) {
        return -ENOMEM;
    }
    if ((url != NULL && (r->url = strdup(url)) == NULL) ||
        (payload != NULL && (r->payload = strdup(payload)) == NULL)) {
        request_free(acme, r);
        return -ENOMEM;
    }
    if (request != NULL) {
        *request = r;
    }
    acme_step(r);
    return 0;
}

void acme_cancel(struct acme_request *request)
{
    if (request != NULL) {
        request_free(request->acme, request);
    }
}

static int wait_until(struct acme *acme, enum acme_kind kind, acme_response_fn *fn, void *arg)
{
    if (acme->closing) {
        return ERR_CANCELLED;
    }
    struct acme_request *r = acme_request_new(acme, kind, fn, arg);

    if (r == NULL) {
        return -ENOMEM;
    }
    acme_step(r);
    return 0;
}

int acme_ready(struct acme *acme, acme_response_fn *fn, void *arg)
{
    return wait_until(acme, ACME_READY, fn, arg);
}

int acme_know(struct acme *acme, acme_response_fn *fn, void *arg)
{
    return wait_until(acme, ACME_KNOW, fn, arg);
}

static void acme_destroy(struct acme *acme)
{
    acme_directory_clear(&acme->directory);
    nonce_pool_clear(&acme->nonces);
    acme_account_clear(acme);
    free(acme->directory_url);
    free(acme->email);
    free(acme->key_base);
    free(acme->key_type);
    free(acme->authority);
    free(acme->eab_kid);
    free(acme->terms_told);
    free(acme);
}

int acme_new(struct acme **out, const struct acme_options *options)
{
    struct acme *acme = calloc(1, sizeof(*acme));

    if (acme == NULL) {
        return -ENOMEM;
    }
    acme->http = options->http;
    acme->signclient = options->signclient;
    acme->log = options->log;
    acme->on_account = options->on_account;
    acme->on_limited = options->on_limited;
    acme->is_busy = options->is_busy;
    acme->arg = options->arg;
    acme->loop = http_loop(options->http);
    if (acme_account_set(&acme->directory_url, options->directory_url) < 0 ||
        acme_account_set(&acme->key_base, options->key) < 0 ||
        acme_configure(acme, &options->settings) < 0 ||
        acme_account_copy(acme, options->account) < 0) {
        acme_destroy(acme);
        return -ENOMEM;
    }
    uv_timer_init(acme->loop, &acme->timer);
    acme->timer.data = acme;
    *out = acme;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    acme_destroy(handle->data);
}

void acme_free(struct acme *acme)
{
    if (acme == NULL) {
        return;
    }
    acme->closing = true;
    acme_fetch_cancel(acme);
    acme_account_cancel(acme);
    acme_change_cancel(acme);
    while (acme->requests != NULL) {
        struct acme_request *r = acme->requests;
        free(r->text);
        r->text = NULL;
        r->error = ERR_CANCELLED;
        finish_error(acme, r);
    }
    uv_close((uv_handle_t *)&acme->timer, on_closed);
}
