/*
 * The order of a job at the CA at hand: its directory where it is needed, limits, preflight, then
 * the desk (issuer/intake_priv.h).
 */
#include "issuer/intake_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "issuer/acme.h"

void intake_refuse(struct intake_job *job, const struct desk_result *result, bool next)
{
    log_warning(job->intake->opt.log, job->client != NULL ? job->client : job->address,
                "refused: %s", result->text);
    if (!next || job->current + 1 >= job->count) {
        intake_audit(job, "refused", result->text);
    }
    intake_settle(job, result, next);
}

/* Something of ours, or of the request, is in the way at the CA at hand. */
static void refuse(struct intake_job *job, const struct err *err, int64_t retry_at, bool next)
{
    const struct desk_result result = {
        .failure = ORDER_BROKEN, .code = err->code, .text = err->text, .retry_at = retry_at};

    intake_refuse(job, &result, next);
}

/* -- its directory, where the order depends on what it offers -- */

static void on_known(void *arg, const struct acme_response *response)
{
    struct intake_question *question = arg;
    struct intake_job *job = question->job;
    const struct desk_result result = {.failure = ORDER_UNAVAILABLE_CA, .text = response->text};

    free(question);
    if (job == NULL) {
        return;
    }
    job->question = NULL;
    job->known = true;
    if (response->error == 0) {
        intake_ready(job);
    } else if (response->error == ERR_CANCELLED) {
        intake_finish(job, &(struct desk_result){.failure = ORDER_INTERRUPTED,
                                                 .text = "the server is being stopped; ask again"});
    } else {
        if (job->current + 1 >= job->count) {
            intake_audit(job, "failed", response->text);
        }
        intake_settle(job, &result, true);
    }
}

int intake_ask(struct intake_job *job, struct acme *acme, struct err *err)
{
    struct intake_question *question = calloc(1, sizeof *question);
    int ret;

    if (question == NULL) {
        return err_set(err, -ENOMEM, "out of memory while taking an order");
    }
    question->job = job;
    if ((ret = acme_know(acme, on_known, question)) < 0) {
        free(question);
        return err_set(err, ret, "the CA %s cannot be asked: %s", intake_name_of(job, job->current),
                       err_string(ret));
    }
    job->question = question;
    return 0;
}

static const char *list(char *dst, size_t cap, const struct acme *acme)
{
    size_t count, len = 0;
    const struct acme_profile *profiles = acme_profiles(acme, &count);

    (void)snprintf(dst, cap, "none");
    for (size_t i = 0; i < count && len + 1 < cap; i++) {
        len += (size_t)snprintf(dst + len, cap - len, "%s%s", i > 0 ? ", " : "", profiles[i].name);
    }
    return dst;
}

static int check_profile(const struct intake_job *job, const struct acme *acme, const char *profile,
                         struct err *err)
{
    char names[512];

    return profile == NULL || acme_profile_find(acme, profile) != NULL
               ? 0
               : err_set(err, ERR_POLICY, "%.64s has no profile %.64s; it offers: %s",
                         intake_name_of(job, job->current), profile,
                         list(names, sizeof names, acme));
}

/* -- the order -- */

static void on_event(void *arg, const struct desk_event *event)
{
    struct intake_job *job = arg;

    job->order_id = event->order;
    for (struct intake_ticket *ticket = job->tickets; ticket != NULL; ticket = ticket->next) {
        ticket->client.event(ticket->client.arg, event);
    }
}

static void on_done(void *arg, const struct desk_result *result)
{
    struct intake_job *job = arg;

    job->order = NULL;
    job->order_id = result->order;
    if (result->failure == ORDER_OK) {
        intake_finish(job, result);
    } else {
        intake_settle(job, result,
                      result->failure == ORDER_UNAVAILABLE_CA || intake_refuses_us(result));
    }
}

/* False: it is refused, and the job gone, or on its way to another CA. */
static bool check_limits(struct intake_job *job, const struct desk_request *request)
{
    struct err err = {0};
    int64_t retry_at = 0;
    bool next;

    if (intake_limits(job, request, &retry_at, &next, &err) == 0) {
        return true;
    }
    refuse(job, &err, retry_at, next && err.code == ERR_LATER);
    return false;
}

static void order(struct intake_job *job, const struct desk_request *request)
{
    const struct desk_client client = {.event = on_event, .done = on_done, .arg = job};
    struct err err = {0};

    if (!check_limits(job, request)) {
        return;
    }
    intake_count(job, request);
    job->order_id = 0;
    if (desk_order(job->intake->opt.desk, request, &client, &job->order, &err) < 0) {
        job->order = NULL;
        refuse(job, &err, 0, false);
    }
}

/* -- a certificate that is there -- */

static void give_again(struct intake_job *job)
{
    char text[128], until[32] = "?";
    time_t seconds = (time_t)job->cached_until;
    struct tm tm;

    if (gmtime_r(&seconds, &tm) != NULL) {
        (void)strftime(until, sizeof until, "%Y-%m-%dT%H:%M:%SZ", &tm);
    }
    (void)snprintf(text, sizeof text,
                   "the certificate of order %llu, still good until %s, is given again",
                   (unsigned long long)job->cached_order, until);
    intake_say(job, LOG_LEVEL_INFO, text);
    intake_audit(job, "cached", text);
    intake_finish(job, &(struct desk_result){.failure = ORDER_OK, .chain = job->cached});
}

/* -- one step -- */

static struct desk_request request_of(const struct intake_job *job)
{
    const char *directory = job->candidates[job->current].directory;
    const struct authority *authority = authorities_find(&job->intake->authorities, directory);
    struct desk_request request = {
        .csr = &job->csr,
        .directory_url = directory,
        .client = job->client != NULL ? job->client : job->address,
        .address = job->address,
        .peer_uid = job->peer_uid,
        .preferred_chain = job->preferred_chain,
        .profile = job->profile,
        .replaces = job->replaces,
    };

    if (authority != NULL) {
        request.preferred_chain =
            request.preferred_chain != NULL ? request.preferred_chain : authority->preferred_chain;
        request.profile = request.profile != NULL ? request.profile : authority->profile;
        request.challenge = authority->challenge;
    }
    return request;
}

void intake_step(struct intake_job *job)
{
    struct desk_request request = request_of(job);
    struct acme *acme;
    struct err err = {0};

    if (job->cached != NULL) {
        give_again(job);
        return;
    }
    if ((acme = desk_acme(job->intake->opt.desk, request.directory_url, &err)) == NULL) {
        refuse(job, &err, 0, false);
        return;
    }
    if (!job->known) {
        free(job->replaces);
        job->replaces = intake_replaces(job, request.directory_url);
        request.replaces = job->replaces;
        if (!check_limits(job, &request)) {
            return;
        }
    }
    if (!job->known && (request.profile != NULL || request.replaces != NULL)) {
        if (intake_ask(job, acme, &err) < 0) {
            refuse(job, &err, 0, false);
        }
        return;
    }
    if (job->known && check_profile(job, acme, request.profile, &err) < 0) {
        refuse(job, &err, 0, true);
        return;
    }
    if (job->known && !acme_has_renewal_info(acme)) {
        request.replaces = NULL;
    }
    if (!intake_look(job)) {
        order(job, &request);
    }
}
