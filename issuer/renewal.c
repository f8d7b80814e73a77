/*
 * One question to the CA for each certificate at a time, whoever waits for its answer; in between
 * the store answers. What is known stays good for an answer while the CA has none (RFC 9773 4.3.3).
 */
#include "issuer/renewal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "issuer/acme.h"
#include "issuer/desk.h"
#include "issuer/issued.h"
#include "issuer/problem.h"

struct waiter {
    struct waiter *next;
    renewal_fn *fn;
    void *arg;
};

struct question {
    struct question *next;
    struct renewal *renewal;
    struct acme_request *request;
    uint64_t certificate;
    struct renewal_window known; /* end 0: nothing */
    struct waiter *waiters;
};

struct renewal {
    struct renewal_options opt;
    struct question *questions;
    unsigned count; /* of them */
};

int renewal_new(struct renewal **out, const struct renewal_options *options)
{
    struct renewal *renewal = calloc(1, sizeof *renewal);

    if (renewal == NULL) {
        return -ENOMEM;
    }
    renewal->opt = *options;
    *out = renewal;
    return 0;
}

/* Answers all that wait; the question is gone then. */
static void finish(struct question *question, int error, const char *text,
                   const struct renewal_window *window)
{
    struct question **at = &question->renewal->questions;
    struct waiter *waiters = question->waiters;

    while (*at != question) {
        at = &(*at)->next;
    }
    *at = question->next;
    question->renewal->count--;
    free(question);
    while (waiters != NULL) {
        struct waiter *waiter = waiters;

        waiters = waiter->next;
        waiter->fn(waiter->arg, error, text, window);
        free(waiter);
    }
}

void renewal_free(struct renewal *renewal)
{
    if (renewal == NULL) {
        return;
    }
    while (renewal->questions != NULL) {
        acme_cancel(renewal->questions->request);
        finish(renewal->questions, ERR_CANCELLED, "the server is being stopped", NULL);
    }
    free(renewal);
}

/* -- the CA's answer -- */

static void keep(struct question *question, const struct renewal_window *window)
{
    const struct renewal_options *opt = &question->renewal->opt;
    struct err err = {0};

    if (store_certificate_renewal(opt->store, question->certificate, window, &err) < 0) {
        log_error(opt->log, NULL, "%s", err.text);
    }
}

/* The CA is left alone until next; what it said before goes on. */
static void fall_back(struct question *question, int error, const char *text,
                      int64_t retry_after_ms)
{
    const struct renewal_options *opt = &question->renewal->opt;
    struct renewal_window window = question->known;

    window.next = clock_wall_s(opt->clock) + renewal_wait(retry_after_ms);
    keep(question, &window);
    log_info(opt->log, NULL, "no renewal information for certificate %llu: %s%s",
             (unsigned long long)question->certificate, text,
             window.end != 0 ? "; what the CA said before holds" : "");
    if (window.end != 0) {
        finish(question, 0, NULL, &window);
    } else {
        finish(question, error, text, NULL);
    }
}

static void refused(struct question *question, const struct acme_response *response)
{
    struct problem_context context = {.status = response->status,
                                      .retry_after_ms = response->retry_after_ms};
    int error = response->status >= 500 ? ERR_UNAVAILABLE : ERR_CA;
    char text[LIMIT_ERROR_TEXT];
    struct problem problem;

    if (problem_parse(&problem, response->body, response->body_len, &context) < 0) {
        finish(question, -ENOMEM, "out of memory", NULL);
        return;
    }
    (void)snprintf(text, sizeof text, "the CA has no renewal information for this certificate: %s",
                   problem.text);
    problem_clear(&problem);
    fall_back(question, error, text, response->retry_after_ms);
}

static void on_response(void *arg, const struct acme_response *response)
{
    struct question *question = arg;
    const struct renewal_options *opt = &question->renewal->opt;
    struct renewal_window window;
    struct err err = {0};

    question->request = NULL;
    if (response->error == ERR_CANCELLED || response->error == ERR_NOT_FOUND ||
        response->error == -ENOMEM) {
        finish(question, response->error, response->text, NULL);
    } else if (response->error != 0) {
        fall_back(question, ERR_UNAVAILABLE, response->text, -1);
    } else if (response->status != 200) {
        refused(question, response);
    } else if (renewal_parse(&window, response->body, response->body_len, clock_wall_s(opt->clock),
                             response->retry_after_ms, &err) < 0) {
        fall_back(question, ERR_UNAVAILABLE, err.text, response->retry_after_ms);
    } else {
        keep(question, &window);
        finish(question, 0, NULL, &window);
    }
}

/* -- questions -- */

static int wait_for(struct question *question, renewal_fn *fn, void *arg)
{
    struct waiter *waiter = malloc(sizeof *waiter);

    if (waiter == NULL) {
        return -ENOMEM;
    }
    *waiter = (struct waiter){question->waiters, fn, arg};
    question->waiters = waiter;
    return 0;
}

static int send_question(struct question *question, const struct issued *issued, struct err *err)
{
    struct desk *desk = question->renewal->opt.desk;
    struct acme *acme = desk_acme(desk, issued->directory_url, err);
    char id[LIMIT_CERT_ID];
    int ret;

    if (acme == NULL) {
        return err->code;
    }
    if ((ret = renewal_cert_id(id, issued->pem, strlen(issued->pem), err)) < 0) {
        return ret;
    }
    ret = acme_get_resource(acme, ACME_RENEWAL_INFO, id, on_response, question, &question->request);
    return ret < 0
               ? err_set(err, ret, "%s cannot be asked: %s", issued->directory_url, err_string(ret))
               : 0;
}

static int ask(struct renewal *renewal, const struct issued *issued, renewal_fn *fn, void *arg,
               struct err *err)
{
    struct question *question = renewal->questions;

    while (question != NULL && question->certificate != issued->id) {
        question = question->next;
    }
    if (question != NULL) {
        return wait_for(question, fn, arg) == 0 ? 0 : err_set(err, -ENOMEM, "out of memory");
    }
    if (renewal->count == LIMIT_RENEWALS) {
        return err_set(err, ERR_BUSY, "CAs are being asked about %d certificates: ask again later",
                       LIMIT_RENEWALS);
    }
    if ((question = calloc(1, sizeof *question)) == NULL || wait_for(question, fn, arg) < 0) {
        free(question);
        return err_set(err, -ENOMEM, "out of memory");
    }
    question->renewal = renewal;
    question->certificate = issued->id;
    question->known = issued->window;
    int ret = send_question(question, issued, err);
    if (ret < 0) {
        free(question->waiters);
        free(question);
        return ret;
    }
    question->next = renewal->questions;
    renewal->questions = question;
    renewal->count++;
    return 0;
}

static int remember(const struct issued *issued, renewal_fn *fn, void *arg, struct err *err)
{
    time_t next = (time_t)issued->window.next;
    char when[32];
    struct tm tm;

    if (issued->window.end != 0) {
        fn(arg, 0, NULL, &issued->window);
        return 0;
    }
    if (gmtime_r(&next, &tm) == NULL ||
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
        when[0] = '\0';
    }
    return err_set(err, ERR_UNAVAILABLE,
                   "the CA gave no renewal information for this certificate; it is asked again "
                   "after %s",
                   when);
}

int renewal_get(struct renewal *renewal, const char *chain_pem, size_t len, renewal_fn *fn,
                void *arg, struct err *err)
{
    struct issued issued;
    int ret = issued_find(&issued, renewal->opt.store, chain_pem, len,
                          clock_wall_s(renewal->opt.clock), err);

    if (ret < 0) {
        return ret;
    }
    ret = issued.outdated ? ask(renewal, &issued, fn, arg, err) : remember(&issued, fn, arg, err);
    issued_clear(&issued);
    return ret;
}

static void nobody_waits(void *arg, int error, const char *text,
                         const struct renewal_window *window)
{
    (void)arg;
    (void)error;
    (void)text;
    (void)window;
}

void renewal_refresh(struct renewal *renewal, const char *chain_pem)
{
    struct err err = {0};

    if (renewal_get(renewal, chain_pem, strlen(chain_pem), nobody_waits, NULL, &err) < 0) {
        log_debug(renewal->opt.log, NULL, "%s", err.text);
    }
}
