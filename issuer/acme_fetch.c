#include "issuer/acme_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "issuer/problem.h"

#define DIRECTORY_MS UINT64_C(86400000) /* a CA may move its URLs: a day */
#define PATIENCE_MS  30000              /* a longer Retry-After is not waited for here */
#define DOUBT_MS     UINT64_C(600000)   /* between two readings for a doubt, or for a failure */

static void network_error(struct acme *acme, enum acme_stage stage,
                          const struct http_answer *answer)
{
    if (answer->error == ERR_UNAVAILABLE || answer->error == ERR_TIMEOUT) {
        acme_retry_all(acme, stage, answer->error, answer->text, -1);
    } else {
        acme_fail_all(acme, stage, answer->error, answer->text);
    }
}

static void status_error(struct acme *acme, enum acme_stage stage, const char *url,
                         const struct http_answer *answer)
{
    struct problem_context context = {.status = answer->status,
                                      .retry_after_ms = answer->fields->retry_after_ms};
    struct problem problem;
    char text[LIMIT_ERROR_TEXT];

    if (problem_parse(&problem, answer->body, answer->body_len, &context) < 0) {
        acme_fail_all(acme, stage, -ENOMEM, "out of memory");
        return;
    }
    snprintf(text, sizeof(text), "%.300s: %.600s", url, problem.text);
    problem_clear(&problem);
    if (answer->status >= 500 && answer->fields->retry_after_ms <= PATIENCE_MS) {
        acme_retry_all(acme, stage, ERR_UNAVAILABLE, text, answer->fields->retry_after_ms);
        return;
    }
    const struct acme_refusal refusal = {.status = answer->status,
                                         .body = answer->body,
                                         .retry_after_ms = answer->fields->retry_after_ms,
                                         .error = ERR_UNAVAILABLE,
                                         .text = text};
    acme_refuse_all(acme, stage, &refusal);
}

/* The old one is better than none: it is tried again later. */
static bool keep_old(struct acme *acme, const char *why)
{
    if (!acme->have_directory) {
        return false;
    }
    log_warning(acme->log, NULL, "%s: the directory is used as it was (%s)", acme->directory_url,
                why);
    acme->directory_due = uv_now(acme->loop) + DOUBT_MS;
    acme_wake(acme, ACME_WANTS_DIRECTORY);
    return true;
}

static void on_directory(void *arg, const struct http_answer *answer)
{
    struct acme *acme = arg;
    struct acme_directory directory;
    struct err err = {0};

    acme->directory_fetch = NULL;
    if (answer->error != 0) {
        if (!keep_old(acme, answer->text)) {
            network_error(acme, ACME_WANTS_DIRECTORY, answer);
        }
        return;
    }
    if (answer->status != 200) {
        if (!keep_old(acme, "it answers with an error")) {
            status_error(acme, ACME_WANTS_DIRECTORY, acme->directory_url, answer);
        }
        return;
    }
    int ret = acme_directory_parse(&directory, answer->body, answer->body_len, &err);
    if (ret < 0 && keep_old(acme, err.text)) {
        return;
    }
    if (ret < 0) {
        err_prefix(&err, "%.512s", acme->directory_url);
        acme_fail_all(acme, ACME_WANTS_DIRECTORY, ret == -ENOMEM ? ret : ERR_UNAVAILABLE, err.text);
        return;
    }
    acme_directory_clear(&acme->directory);
    acme->directory = directory;
    acme->have_directory = true;
    acme->directory_due = uv_now(acme->loop) + DIRECTORY_MS;
    nonce_pool_put(&acme->nonces, answer->fields->nonce);
    acme_wake(acme, ACME_WANTS_DIRECTORY);
}

void acme_fetch_directory(struct acme *acme)
{
    struct http_request request = {
        .method = HTTP_GET, .url = acme->directory_url, .accept = "application/json"};

    if (acme->directory_fetch != NULL) {
        return;
    }
    int ret = http_send(acme->http, &request, on_directory, acme, &acme->directory_fetch);
    if (ret < 0) {
        acme_fail_all(acme, ACME_WANTS_DIRECTORY, ret,
                      ret == ERR_MALFORMED ? "acme-server-url is no https URL" : err_string(ret));
    }
}

/* Not more often than each DOUBT_MS: a CA that is down is not helped by being asked for it. */
void acme_doubt_directory(struct acme *acme)
{
    uint64_t now = uv_now(acme->loop);

    if (now >= acme->directory_doubts) {
        acme->directory_doubts = now + DOUBT_MS;
        acme->directory_due = now;
    }
}

bool acme_directory_good(const struct acme *acme)
{
    return acme->have_directory && uv_now(acme->loop) < acme->directory_due;
}

/* -- nonces: one HEAD for each request that wants one, so that none waits for another -- */

static void fetch_free(struct acme *acme, struct acme_nonce_fetch *fetch)
{
    if (acme->nonce_fetches == fetch) {
        acme->nonce_fetches = fetch->next;
    } else {
        fetch->prev->next = fetch->next;
    }
    if (fetch->next != NULL) {
        fetch->next->prev = fetch->prev;
    }
    acme->nonce_fetch_count--;
    free(fetch);
}

static void on_nonce(void *arg, const struct http_answer *answer)
{
    struct acme_nonce_fetch *fetch = arg;
    struct acme *acme = fetch->acme;

    fetch_free(acme, fetch);
    if (answer->error != 0) {
        acme_doubt_directory(acme);
        network_error(acme, ACME_WANTS_NONCE, answer);
    } else if (answer->status < 200 || answer->status > 299) {
        acme_doubt_directory(acme);
        status_error(acme, ACME_WANTS_NONCE, acme->directory.new_nonce, answer);
    } else if (answer->fields->nonce[0] == '\0') {
        acme_fail_all(acme, ACME_WANTS_NONCE, ERR_UNAVAILABLE,
                      "the CA's newNonce answers without a nonce");
    } else {
        nonce_pool_put(&acme->nonces, answer->fields->nonce);
        acme_wake(acme, ACME_WANTS_NONCE);
    }
}

static int fetch_nonce(struct acme *acme)
{
    struct http_request request = {.method = HTTP_HEAD, .url = acme->directory.new_nonce};
    struct acme_nonce_fetch *fetch = calloc(1, sizeof(*fetch));

    if (fetch == NULL) {
        return -ENOMEM;
    }
    fetch->acme = acme;
    fetch->next = acme->nonce_fetches;
    if (fetch->next != NULL) {
        fetch->next->prev = fetch;
    }
    acme->nonce_fetches = fetch;
    acme->nonce_fetch_count++;
    int ret = http_send(acme->http, &request, on_nonce, fetch, &fetch->exchange);
    if (ret < 0) {
        fetch_free(acme, fetch);
    }
    return ret;
}

void acme_fetch_nonces(struct acme *acme)
{
    unsigned wanted = 0;
    int ret = 0;

    for (struct acme_request *r = acme->requests; r != NULL; r = r->next) {
        wanted += r->stage == ACME_WANTS_NONCE;
    }
    while (ret == 0 && acme->nonce_fetch_count < wanted &&
           acme->nonce_fetch_count < LIMIT_NONCE_POOL) {
        ret = fetch_nonce(acme);
    }
    if (ret < 0) {
        acme_fail_all(acme, ACME_WANTS_NONCE, ret, err_string(ret));
    }
}

void acme_fetch_cancel(struct acme *acme)
{
    http_cancel(acme->directory_fetch);
    acme->directory_fetch = NULL;
    while (acme->nonce_fetches != NULL) {
        http_cancel(acme->nonce_fetches->exchange);
        fetch_free(acme, acme->nonce_fetches);
    }
}
