#include "issuer/intake_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "issuer/policy.h"

static const struct desk_result stopped = {.failure = ORDER_INTERRUPTED,
                                           .text = "the server is being stopped; ask again"};

static int no_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "out of memory while taking a request");
}

/* -- jobs -- */

static void job_free(struct intake_job *job)
{
    for (struct intake_ticket *ticket = job->tickets; ticket != NULL; ticket = ticket->next) {
        ticket->at = NULL; /* its holder frees it, by intake_leave */
    }
    if (job->order != NULL) {
        desk_leave(job->order);
    }
    if (job->check != NULL) {
        preflight_cancel(job->check);
    }
    if (job->question != NULL) {
        job->question->job = NULL;
    }
    if (job->at != NULL && (*job->at = job->next) != NULL) {
        job->next->at = job->at;
    }
    for (size_t i = 0; i < job->count; i++) {
        free(job->candidates[i].directory);
    }
    csr_clear(&job->csr);
    free(job->client);
    free(job->address);
    free(job->preferred_chain);
    free(job->profile);
    free(job->replaces);
    free(job->cached);
    intake_limited_clear(&job->limited);
    free(job);
}

static void dismiss(struct intake_job *job, const struct desk_result *result)
{
    struct intake_ticket *ticket;

    while ((ticket = job->tickets) != NULL) {
        struct desk_client client = ticket->client;

        if ((job->tickets = ticket->next) != NULL) {
            job->tickets->at = &job->tickets;
        }
        free(ticket);
        client.done(client.arg, result);
    }
}

void intake_finish(struct intake_job *job, const struct desk_result *result)
{
    dismiss(job, result);
    job_free(job);
}

void intake_say(struct intake_job *job, enum log_level level, const char *text)
{
    const struct intake_options *opt = &job->intake->opt;
    struct desk_event event = {
        .at_us = clock_wall_us(opt->clock), .level = level, .order = job->order_id, .text = text};

    log_write(opt->log, level, job->csr.names[0], "%s", text);
    if (job->order_id != 0 && store_event_add(opt->store, job->order_id, event.at_us, text) < 0) {
        log_error(opt->log, NULL, "out of memory: the timeline lacks a line");
    }
    for (struct intake_ticket *ticket = job->tickets; ticket != NULL; ticket = ticket->next) {
        ticket->client.event(ticket->client.arg, &event);
    }
}

void intake_ready(struct intake_job *job)
{
    job->ready = true;
    turn_arm(&job->intake->turn);
}

/* One at a time, from the front: what is called may take any job away. */
static void on_turn(void *arg)
{
    struct intake *intake = arg;
    struct intake_job *job = intake->jobs;

    while (job != NULL) {
        if (!job->ready) {
            job = job->next;
            continue;
        }
        job->ready = false;
        intake_step(job);
        job = intake->jobs;
    }
}

/* -- what makes requests the same -- */

static bool mix(EVP_MD_CTX *md, const char *text)
{
    return text != NULL ? EVP_DigestUpdate(md, text, strlen(text) + 1) == 1
                        : EVP_DigestUpdate(md, "\1", 1) == 1;
}

static int digest(struct intake_job *job, struct err *err)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool ok = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
              mix(md, job->csr.spki_sha256) && mix(md, job->csr.extensions_sha256) &&
              mix(md, job->preferred_chain) && mix(md, job->profile);

    for (size_t i = 0; ok && i < job->csr.count; i++) {
        ok = mix(md, job->csr.names[i]);
    }
    ok = ok && mix(md, NULL);
    for (size_t i = 0; ok && i < job->count; i++) {
        ok = mix(md, job->candidates[i].directory);
    }
    ok = ok && EVP_DigestFinal_ex(md, job->key, NULL) == 1;
    EVP_MD_CTX_free(md);
    return ok ? 0 : no_memory(err);
}

static struct intake_job *find_running(struct intake *intake, const uint8_t key[static 32])
{
    for (struct intake_job *job = intake->jobs; job != NULL; job = job->next) {
        if (memcmp(job->key, key, sizeof job->key) == 0) {
            return job;
        }
    }
    return NULL;
}

/* -- taking -- */

static int check_policy(const struct intake *intake, const struct intake_request *request,
                        struct intake_job *job, struct err *err)
{
    const struct server_conf_client *client;

    if (request->client == NULL) {
        return request->domains != NULL
                   ? policy_names(request->domains, &job->csr, err)
                   : err_set(err, ERR_POLICY, "this client may have no names: it has no name here");
    }
    if ((client = server_conf_client_find(intake->opt.conf, request->client)) == NULL) {
        return err_set(err, ERR_POLICY, "the client %.64s is not configured on this server",
                       request->client);
    }
    return policy_client(client, &job->csr, request->profile, err);
}

static bool copy(char **dst, const char *text)
{
    return text == NULL || (*dst = strdup(text)) != NULL;
}

static int fill(const struct intake *intake, const struct intake_request *request,
                struct intake_job *job, struct err *err)
{
    const struct server_conf_client *client =
        request->client != NULL ? server_conf_client_find(intake->opt.conf, request->client) : NULL;
    const struct authority *chosen[LIMIT_AUTHORITIES];
    const struct authority_wish wish = {
        .client = request->client,
        .names = job->csr.names,
        .name_count = job->csr.count,
        .asked = request->authority,
        .staging = request->staging,
    };
    const char *profile = request->profile;
    int count = authorities_choose(&intake->authorities, intake->opt.conf, &wish, chosen, err);

    if (count < 0) {
        return count;
    }
    if (profile == NULL && client != NULL) {
        profile = client->profile;
    }
    if (!copy(&job->client, request->client) || !copy(&job->profile, profile) ||
        !copy(&job->address, request->address != NULL ? request->address : "") ||
        !copy(&job->preferred_chain, request->preferred_chain)) {
        return no_memory(err);
    }
    for (int i = 0; i < count; i++) {
        if (!copy(&job->candidates[i].directory, chosen[i]->directory)) {
            return no_memory(err);
        }
        job->count++;
    }
    job->peer_uid = request->peer_uid;
    job->force = request->force;
    return digest(job, err);
}

/* NULL: err is filled. */
static struct intake_job *job_new(struct intake *intake, const struct intake_request *request,
                                  struct err *err)
{
    struct intake_job *job = calloc(1, sizeof *job);

    if (job == NULL) {
        (void)no_memory(err);
        return NULL;
    }
    job->intake = intake;
    if (csr_parse(&job->csr, request->csr_pem, request->csr_len, err) < 0 ||
        check_policy(intake, request, job, err) < 0 || fill(intake, request, job, err) < 0) {
        intake_audit_refused(intake, request, &job->csr, err);
        job_free(job);
        return NULL;
    }
    return job;
}

static void job_link(struct intake_job *job)
{
    struct intake *intake = job->intake;

    job->at = &intake->jobs;
    if ((job->next = intake->jobs) != NULL) {
        job->next->at = &job->next;
    }
    intake->jobs = job;
    intake_ready(job);
}

static void attach(struct intake_job *job, struct intake_ticket *ticket)
{
    ticket->at = &job->tickets;
    if ((ticket->next = job->tickets) != NULL) {
        ticket->next->at = &ticket->next;
    }
    job->tickets = ticket;
}

/* The job that the request belongs to: a running one, or this one. */
static struct intake_job *settle(struct intake_job *job)
{
    struct intake *intake = job->intake;
    struct intake_job *running = job->force ? NULL : find_running(intake, job->key);
    struct err err = {0};

    log_info(intake->opt.log, job->client != NULL ? job->client : job->address,
             "asks for %zu names, first %s (from %s, uid %lld, key %s %s)", job->csr.count,
             job->csr.names[0], job->address, (long long)job->peer_uid, job->csr.key_type,
             job->csr.spki_sha256);
    if (running != NULL) {
        job_free(job);
        return running;
    }
    if (!job->force && intake_cache(job, &err) < 0) {
        log_error(intake->opt.log, NULL, "%s", err.text);
    }
    job_link(job);
    return job;
}

int intake_take(struct intake *intake, const struct intake_request *request,
                const struct desk_client *client, struct intake_ticket **ticket, struct err *err)
{
    struct intake_job *job, *own;

    if (intake->stopping) {
        return err_set(err, ERR_CANCELLED, "%s", stopped.text);
    }
    if ((own = job_new(intake, request, err)) == NULL) {
        return err->code;
    }
    if ((*ticket = calloc(1, sizeof **ticket)) == NULL) {
        job_free(own);
        return no_memory(err);
    }
    (*ticket)->client = *client;
    job = settle(own);
    attach(job, *ticket);
    if (job->order != NULL) {
        intake_say(job, LOG_LEVEL_INFO, "the same request again: joined to the running order");
    }
    return 0;
}

void intake_leave(struct intake_ticket *ticket)
{
    if (ticket->at != NULL && (*ticket->at = ticket->next) != NULL) {
        ticket->next->at = ticket->at;
    }
    free(ticket);
}

/* -- life -- */

int intake_new(struct intake **out, const struct intake_options *options)
{
    struct intake *intake = calloc(1, sizeof *intake);

    if (intake == NULL) {
        return -ENOMEM;
    }
    intake->opt = *options;
    authorities_read(&intake->authorities, options->conf);
    turn_init(&intake->turn, options->loop, on_turn, intake);
    *out = intake;
    return 0;
}

static void on_closed(void *arg)
{
    free(arg);
}

void intake_free(struct intake *intake)
{
    struct intake_job *job;

    if (intake == NULL) {
        return;
    }
    intake->stopping = true;
    while ((job = intake->jobs) != NULL) {
        if ((intake->jobs = job->next) != NULL) {
            intake->jobs->at = &intake->jobs;
        }
        job->at = NULL;
        intake_finish(job, &stopped);
    }
    turn_close(&intake->turn, on_closed);
}

void intake_configure(struct intake *intake, const struct server_conf *conf)
{
    intake->opt.conf = conf;
    authorities_read(&intake->authorities, conf);
}
