#include "issuer/ocsp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "issuer/cert.h"
#include "issuer/http.h"
#include "issuer/issued.h"
#include "issuer/ocsp_cache.h"
#include "issuer/ocsp_check.h"

struct waiter {
    struct waiter *next;
    ocsp_fn *fn;
    void *arg;
};

struct fetch {
    struct fetch *next;
    struct ocsp *ocsp;
    struct http_exchange *exchange;
    uint64_t certificate;
    char *chain, *url;
    struct waiter *waiters;
};

struct ocsp {
    struct ocsp_options opt;
    struct ocsp_cache *cache;
    struct fetch *fetches;
    unsigned fetch_count;
};

int ocsp_new(struct ocsp **out, const struct ocsp_options *options)
{
    struct ocsp *ocsp = calloc(1, sizeof *ocsp);

    if (ocsp == NULL || (ocsp->cache = ocsp_cache_new(LIMIT_OCSP_CACHE)) == NULL) {
        free(ocsp);
        return -ENOMEM;
    }
    ocsp->opt = *options;
    *out = ocsp;
    return 0;
}

/* -- the end of a fetch -- */

static void fetch_free(struct fetch *fetch)
{
    free(fetch->chain);
    free(fetch->url);
    free(fetch);
}

struct outcome {
    int error;
    const char *text;
    const uint8_t *der;
    size_t len;
};

/* Answers all that wait; the fetch is gone then. */
static void finish(struct fetch *fetch, const struct outcome *outcome)
{
    struct fetch **at = &fetch->ocsp->fetches;
    struct waiter *waiters = fetch->waiters;

    while (*at != fetch) {
        at = &(*at)->next;
    }
    *at = fetch->next;
    fetch->ocsp->fetch_count--;
    fetch_free(fetch);
    while (waiters != NULL) {
        struct waiter *waiter = waiters;

        waiters = waiter->next;
        waiter->fn(waiter->arg, outcome->error, outcome->text, outcome->der, outcome->len);
        free(waiter);
    }
}

void ocsp_free(struct ocsp *ocsp)
{
    const struct outcome stopped = {.error = ERR_CANCELLED, .text = "the server is being stopped"};

    if (ocsp == NULL) {
        return;
    }
    while (ocsp->fetches != NULL) {
        http_cancel(ocsp->fetches->exchange);
        finish(ocsp->fetches, &stopped);
    }
    ocsp_cache_free(ocsp->cache);
    free(ocsp);
}

/* -- the responder's answer -- */

static bool valid(const struct ocsp_cached *response, int64_t now)
{
    return response != NULL && now < response->next_update &&
           now >= response->this_update - LIMIT_OCSP_SKEW;
}

static void keep(struct fetch *fetch, const struct http_answer *answer,
                 const struct ocsp_verdict *verdict)
{
    const struct ocsp_options *opt = &fetch->ocsp->opt;
    struct ocsp_cached response = {.der = (const uint8_t *)answer->body,
                                   .len = answer->body_len,
                                   .this_update = verdict->this_update,
                                   .next_update = verdict->next_update};
    struct err err = {0};

    if (verdict->next_update != 0) {
        ocsp_cache_put(fetch->ocsp->cache, fetch->certificate, &response);
    }
    if (verdict->revoked != 0 &&
        store_certificate_revoked(opt->store, fetch->certificate, verdict->revoked, verdict->reason,
                                  &err) < 0) {
        log_error(opt->log, NULL, "%s", err.text);
    }
}

/* What is kept stands in as long as it is valid. */
static void failed(struct fetch *fetch, const struct err *err)
{
    const struct ocsp_options *opt = &fetch->ocsp->opt;
    const struct ocsp_cached *kept = ocsp_cache_get(fetch->ocsp->cache, fetch->certificate);
    char text[LIMIT_ERROR_TEXT];

    (void)snprintf(text, sizeof text, "OCSP responder %.300s: %.600s", fetch->url, err->text);
    if (valid(kept, clock_wall_s(opt->clock))) {
        log_warning(opt->log, NULL, "%s; an earlier response is given", text);
        finish(fetch, &(struct outcome){.der = kept->der, .len = kept->len});
        return;
    }
    log_warning(opt->log, NULL, "%s", text);
    finish(fetch, &(struct outcome){.error = err->code, .text = text});
}

static void on_answer(void *arg, const struct http_answer *answer)
{
    struct fetch *fetch = arg;
    struct ocsp_verdict verdict;
    struct err err = {0};

    fetch->exchange = NULL;
    if (answer->error != 0) {
        (void)err_set(&err, answer->error == -ENOMEM ? -ENOMEM : ERR_UNAVAILABLE, "%s",
                      answer->text);
    } else if (answer->status != 200) {
        (void)err_set(&err, ERR_UNAVAILABLE, "it answered with HTTP status %d", answer->status);
    } else if (ocsp_check_response(&verdict, fetch->chain, strlen(fetch->chain),
                                   (const uint8_t *)answer->body, answer->body_len,
                                   clock_wall_s(fetch->ocsp->opt.clock), &err) == 0) {
        keep(fetch, answer, &verdict);
        finish(fetch,
               &(struct outcome){.der = (const uint8_t *)answer->body, .len = answer->body_len});
        return;
    }
    if (err.code == ERR_PROTOCOL) {
        err.code = ERR_UNAVAILABLE; /* as a CA that does not speak ACME */
    }
    failed(fetch, &err);
}

/* -- questions -- */

static int wait_for(struct fetch *fetch, ocsp_fn *fn, void *arg)
{
    struct waiter *waiter = malloc(sizeof *waiter);

    if (waiter == NULL) {
        return -ENOMEM;
    }
    *waiter = (struct waiter){fetch->waiters, fn, arg};
    fetch->waiters = waiter;
    return 0;
}

static int post(struct fetch *fetch, struct err *err)
{
    struct http_request request = {.method = HTTP_POST,
                                   .url = fetch->url,
                                   .content_type = "application/ocsp-request",
                                   .accept = "application/ocsp-response"};
    uint8_t *der;
    int ret = ocsp_check_request(&der, &request.body_len, fetch->chain, strlen(fetch->chain), err);

    if (ret < 0) {
        return ret;
    }
    request.body = (const char *)der;
    if ((ret = http_send(fetch->ocsp->opt.http, &request, on_answer, fetch, &fetch->exchange)) <
        0) {
        (void)err_set(err, ret == ERR_MALFORMED ? ERR_RANGE : ret,
                      "the OCSP responder %.512s cannot be asked: %s", fetch->url,
                      ret == ERR_MALFORMED ? "its URL is no http URL" : err_string(ret));
    }
    free(der);
    return ret < 0 ? err->code : 0;
}

static int start(struct ocsp *ocsp, const struct issued *issued, const char *url, ocsp_fn *fn,
                 void *arg, struct err *err)
{
    struct fetch *fetch;
    int ret;

    if (ocsp->fetch_count == LIMIT_OCSP_ASKING) {
        return err_set(err, ERR_BUSY, "%d OCSP responses are being fetched: ask again later",
                       LIMIT_OCSP_ASKING);
    }
    if ((fetch = calloc(1, sizeof *fetch)) == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    fetch->ocsp = ocsp;
    fetch->certificate = issued->id;
    fetch->chain = strdup(issued->pem);
    fetch->url = strdup(url);
    if (fetch->chain == NULL || fetch->url == NULL || wait_for(fetch, fn, arg) < 0) {
        fetch_free(fetch);
        return err_set(err, -ENOMEM, "out of memory");
    }
    if ((ret = post(fetch, err)) < 0) {
        free(fetch->waiters);
        fetch_free(fetch);
        return ret;
    }
    fetch->next = ocsp->fetches;
    ocsp->fetches = fetch;
    ocsp->fetch_count++;
    return 0;
}

static int answer_or_ask(struct ocsp *ocsp, const struct issued *issued, const char *url,
                         ocsp_fn *fn, void *arg, struct err *err)
{
    const struct ocsp_cached *kept = ocsp_cache_get(ocsp->cache, issued->id);
    int64_t now = clock_wall_s(ocsp->opt.clock);

    if (valid(kept, now) && now < kept->this_update + (kept->next_update - kept->this_update) / 2) {
        fn(arg, 0, NULL, kept->der, kept->len);
        return 0;
    }
    for (struct fetch *fetch = ocsp->fetches; fetch != NULL; fetch = fetch->next) {
        if (fetch->certificate == issued->id) {
            return wait_for(fetch, fn, arg) == 0 ? 0 : err_set(err, -ENOMEM, "out of memory");
        }
    }
    return start(ocsp, issued, url, fn, arg, err);
}

int ocsp_get(struct ocsp *ocsp, const char *chain_pem, size_t len, ocsp_fn *fn, void *arg,
             struct err *err)
{
    struct issued issued;
    struct cert cert;
    int ret = cert_parse(&cert, chain_pem, len, err);

    if (ret < 0) {
        return ret;
    }
    if (cert.ocsp_url == NULL) {
        ret = err_set(err, ERR_NOT_FOUND,
                      "the certificate names no OCSP responder: this CA has none");
    } else if ((ret = issued_find(&issued, ocsp->opt.store, chain_pem, len,
                                  clock_wall_s(ocsp->opt.clock), err)) == 0) {
        ret = answer_or_ask(ocsp, &issued, cert.ocsp_url, fn, arg, err);
        issued_clear(&issued);
    }
    cert_clear(&cert);
    return ret;
}
