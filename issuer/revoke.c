#include "issuer/revoke.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>

#include "common/encode.h"
#include "issuer/acme.h"
#include "issuer/audit.h"
#include "issuer/cert_chain.h"
#include "issuer/desk.h"
#include "issuer/issued.h"
#include "issuer/problem.h"
#include "issuer/revoke_jws.h"
#include "issuer/revoke_reason.h"

struct job {
    struct job *next;
    struct revoke *revoke;
    struct acme_request *request;
    enum revoke_way way;
    uint64_t certificate, order;
    char *pem; /* REVOKE_TO_SIGN */
    char *serial, *names, *directory_url, *client, *address;
    int64_t peer_uid;
    uint64_t started; /* clock_mono_ms */
    int reason;
    revoke_fn *fn;
    void *arg;
};

struct revoke {
    struct revoke_options opt;
    struct job *jobs;
    unsigned count;
};

int revoke_new(struct revoke **out, const struct revoke_options *options)
{
    struct revoke *revoke = calloc(1, sizeof *revoke);

    if (revoke == NULL) {
        return -ENOMEM;
    }
    revoke->opt = *options;
    *out = revoke;
    return 0;
}

static void job_free(struct job *job)
{
    free(job->pem);
    free(job->serial);
    free(job->names);
    free(job->directory_url);
    free(job->client);
    free(job->address);
    free(job);
}

static void finish(struct job *job, int error, const char *text, const struct revoke_result *result)
{
    struct job **at = &job->revoke->jobs;

    while (*at != job) {
        at = &(*at)->next;
    }
    *at = job->next;
    job->revoke->count--;
    job->fn(job->arg, error, text, result);
    job_free(job);
}

void revoke_free(struct revoke *revoke)
{
    if (revoke == NULL) {
        return;
    }
    while (revoke->jobs != NULL) {
        acme_cancel(revoke->jobs->request);
        finish(revoke->jobs, ERR_CANCELLED,
               "the server is being stopped; the CA may revoke the certificate all the same", NULL);
    }
    free(revoke);
}

/* -- the CA's answer -- */

static void record(const struct job *job, const char *what, const char *outcome)
{
    const struct revoke_options *opt = &job->revoke->opt;
    const struct audit_event event = {
        .what = what,
        .client = job->client,
        .address = job->address,
        .peer_uid = job->peer_uid,
        .order = job->order,
        .names = job->names,
        .authority = job->directory_url,
        .serial = job->serial,
        .outcome = outcome,
        .duration_ms = (int64_t)(clock_mono_ms(opt->clock) - job->started),
    };

    if (opt->audit != NULL) {
        audit_write(opt->audit, &event);
    }
}

static void succeed(struct job *job, bool already)
{
    const struct revoke_options *opt = &job->revoke->opt;
    struct revoke_result result = {.serial = job->serial,
                                   .names = job->names,
                                   .at = clock_wall_s(opt->clock),
                                   .reason = job->reason,
                                   .already = already};
    struct err err = {0};
    char text[256];

    (void)snprintf(text, sizeof text, "certificate %.100s %s (%s%s)", job->serial,
                   already ? "had been revoked before" : "revoked", revoke_reason_name(job->reason),
                   job->way == REVOKE_SIGNED ? ", signed by its key" : "");
    log_info(opt->log, job->client, "%s", text);
    (void)store_event_add(opt->store, job->order, clock_wall_us(opt->clock), text);
    if (store_certificate_revoked(opt->store, job->certificate, result.at, job->reason, &err) < 0) {
        log_error(opt->log, NULL, "%s", err.text);
    }
    record(job, "revoked", text);
    finish(job, 0, NULL, &result);
}

static void fail(struct job *job, int error, const char *text)
{
    log_warning(job->revoke->opt.log, job->client, "certificate %s is not revoked: %s", job->serial,
                text);
    record(job, "revoke failed", text);
    finish(job, error, text, NULL);
}

static void refused(struct job *job, const struct acme_response *response)
{
    struct problem_context context = {.status = response->status,
                                      .retry_after_ms = response->retry_after_ms};
    char text[LIMIT_ERROR_TEXT];
    struct problem problem;

    if (problem_parse(&problem, response->body, response->body_len, &context) < 0) {
        fail(job, -ENOMEM, "out of memory");
        return;
    }
    (void)snprintf(text, sizeof text, "%s", problem.text);
    bool already = problem_is(&problem, "alreadyRevoked");
    if (job->way == REVOKE_SIGNED && problem_is(&problem, "badNonce")) {
        (void)snprintf(text, sizeof text,
                       "the CA does not take the nonce (any more): begin anew with \"revoke "
                       "request\" and send what is signed without delay");
    }
    problem_clear(&problem);
    if (already) {
        succeed(job, true);
    } else {
        fail(job, response->status >= 500 ? ERR_UNAVAILABLE : ERR_CA, text);
    }
}

static void give_to_sign(struct job *job, const struct acme_response *response)
{
    struct err err = {0};
    char *text = NULL;
    int ret =
        revoke_jws_make(&text, job->pem, job->reason, response->nonce, response->location, &err);

    if (ret < 0) {
        fail(job, ret, err.text);
        return;
    }
    log_info(job->revoke->opt.log, job->client, "certificate %s: a request to revoke it is signed",
             job->serial);
    finish(job, 0, NULL, &(struct revoke_result){.to_sign = text});
    free(text);
}

static void on_response(void *arg, const struct acme_response *response)
{
    struct job *job = arg;

    job->request = NULL;
    if (response->error != 0) {
        fail(job, response->error,
             response->text != NULL ? response->text : err_string(response->error));
    } else if (response->nonce != NULL) {
        give_to_sign(job, response);
    } else if (response->status != 200) {
        refused(job, response);
    } else {
        succeed(job, false);
    }
}

/* -- the question -- */

/* unspecified is said by saying nothing (RFC 5280 5.3.1). */
static char *payload_of(const char *pem, int reason)
{
    STACK_OF(X509) *chain = NULL;
    unsigned char *der = NULL;
    char *text = NULL, *payload = NULL;
    int len = cert_chain_read(&chain, pem, strlen(pem), NULL) == 0
                  ? i2d_X509(sk_X509_value(chain, 0), &der)
                  : -1;

    if (len > 0 && (text = malloc(BASE64URL_LEN((size_t)len) + 1)) != NULL) {
        (void)base64url_encode(text, der, (size_t)len);
        if ((reason != 0
                 ? asprintf(&payload, "{\"certificate\":\"%s\",\"reason\":%d}", text, reason)
                 : asprintf(&payload, "{\"certificate\":\"%s\"}", text)) < 0) {
            payload = NULL;
        }
    }
    free(text);
    OPENSSL_free(der);
    cert_chain_free(chain);
    return payload;
}

static int post_by_account(struct acme *acme, struct job *job, const char *pem)
{
    char *payload = payload_of(pem, job->reason);
    int ret = -ENOMEM;

    if (payload != NULL) {
        ret = acme_post_resource(acme, ACME_REVOKE_CERT, payload, on_response, job, &job->request);
    }
    free(payload);
    return ret;
}

static int ask(struct job *job, const struct revoke_request *request, struct err *err)
{
    struct acme *acme = desk_acme(job->revoke->opt.desk, job->directory_url, err);
    int ret;

    if (acme == NULL) {
        return err->code;
    }
    switch (job->way) {
    case REVOKE_TO_SIGN:
        ret = acme_get_nonce(acme, ACME_REVOKE_CERT, on_response, job, &job->request);
        break;
    case REVOKE_SIGNED:
        ret = acme_post_signed(acme, ACME_REVOKE_CERT, request->jws->url, request->jws->text,
                               on_response, job, &job->request);
        break;
    default:
        ret = post_by_account(acme, job, request->issued->pem);
    }
    return ret == 0
               ? 0
               : err_set(err, ret, "%s cannot be asked: %s", job->directory_url, err_string(ret));
}

static char *copy_or_null(const char *text, bool *failed)
{
    char *copy = text != NULL ? strdup(text) : NULL;

    *failed = *failed || (text != NULL && copy == NULL);
    return copy;
}

static struct job *job_new(struct revoke *revoke, const struct revoke_request *request)
{
    const struct issued *issued = request->issued;
    struct job *job = calloc(1, sizeof *job);
    bool failed = false;

    if (job == NULL) {
        return NULL;
    }
    *job = (struct job){
        .revoke = revoke,
        .way = request->way,
        .certificate = issued->id,
        .pem = copy_or_null(request->way == REVOKE_TO_SIGN ? issued->pem : NULL, &failed),
        .order = issued->order_id,
        .serial = copy_or_null(issued->serial, &failed),
        .names = copy_or_null(issued->names, &failed),
        .directory_url = copy_or_null(issued->directory_url, &failed),
        .client = copy_or_null(request->client, &failed),
        .address = copy_or_null(request->address, &failed),
        .peer_uid = request->peer_uid,
        .started = clock_mono_ms(revoke->opt.clock),
        .reason = request->reason,
    };
    if (failed) {
        job_free(job);
        return NULL;
    }
    return job;
}

int revoke_start(struct revoke *revoke, const struct revoke_request *request, revoke_fn *fn,
                 void *arg, struct err *err)
{
    const struct issued *issued = request->issued;
    struct job *job;
    int ret;

    if (issued->revoked != 0 && request->way != REVOKE_TO_SIGN) {
        fn(arg, 0, NULL,
           &(struct revoke_result){issued->serial, issued->names, issued->revoked,
                                   issued->revoked_reason, true, NULL});
        return 0;
    }
    if (revoke->count == LIMIT_REVOKING) {
        return err_set(err, ERR_BUSY, "%d certificates are being revoked: ask again later",
                       LIMIT_REVOKING);
    }
    if ((job = job_new(revoke, request)) == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    job->fn = fn;
    job->arg = arg;
    if ((ret = ask(job, request, err)) < 0) {
        job_free(job);
        return ret;
    }
    job->next = revoke->jobs;
    revoke->jobs = job;
    revoke->count++;
    return 0;
}
