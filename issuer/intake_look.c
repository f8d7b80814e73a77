/*
 * Preflight of a job at the CA at hand (issuer/preflight.h). Where CAA speaks, but by which name
 * the CA goes there is not known yet, its directory is read first, and the names are looked at
 * again.
 */
#include "issuer/intake_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "issuer/acme.h"
#include "issuer/preflight_look.h"

#define WARNINGS 20 /* lines for one request */

static void warn(struct intake_job *job, const struct preflight_finding *findings, size_t count)
{
    char text[64];
    size_t said = 0;

    for (size_t i = 0; i < count; i++) {
        if (findings[i].severity == PREFLIGHT_GOOD) {
            continue;
        }
        if (said++ < WARNINGS) {
            intake_say(job, LOG_LEVEL_WARNING, findings[i].text);
        }
    }
    if (said > WARNINGS) {
        (void)snprintf(text, sizeof text, "and %zu more findings", said - WARNINGS);
        intake_say(job, LOG_LEVEL_WARNING, text);
    }
}

/* Whether the CA's directory is needed to say more; it is on its way then. */
static bool know_more(struct intake_job *job, const struct preflight_finding *findings,
                      size_t count)
{
    struct err err = {0};
    struct acme *acme;
    bool unjudged = false;

    for (size_t i = 0; i < count; i++) {
        unjudged = unjudged || findings[i].unjudged;
    }
    acme = unjudged && !job->known
               ? desk_acme(job->intake->opt.desk, job->candidates[job->current].directory, &err)
               : NULL;
    if (acme == NULL || acme_has_directory(acme) || intake_ask(job, acme, &err) < 0) {
        return false;
    }
    job->looked = false;
    return true;
}

static void on_found(void *arg, const struct preflight_finding *findings, size_t count)
{
    struct intake_job *job = arg;
    struct desk_result result = {.failure = ORDER_BROKEN, .code = ERR_POLICY};
    enum preflight_verdict verdict;
    char *reason;

    job->check = NULL;
    job->looked = true;
    if (findings == NULL) {
        intake_finish(job, &(struct desk_result){.failure = ORDER_INTERRUPTED,
                                                 .text = "the server is being stopped; ask again"});
        return;
    }
    if (know_more(job, findings, count)) {
        return;
    }
    verdict = preflight_weigh(job->intake->opt.conf->preflight, findings, count, &reason);
    if (verdict == PREFLIGHT_GO) {
        warn(job, findings, count);
        intake_ready(job);
    } else {
        result.text = reason != NULL ? reason : "out of memory while looking at the names";
        intake_refuse(job, &result, verdict == PREFLIGHT_NEXT);
    }
    free(reason);
}

bool intake_look(struct intake_job *job)
{
    const struct intake *intake = job->intake;
    const struct authority *authority =
        authorities_find(&intake->authorities, job->candidates[job->current].directory);
    const struct preflight_look look = {
        .preflight = intake->opt.preflight,
        .desk = intake->opt.desk,
        .store = intake->opt.store,
        .names = job->csr.names,
        .name_count = job->csr.count,
        .authorities = &authority,
        .authority_count = 1,
    };
    struct err err = {0};

    if (intake->opt.preflight == NULL || authority == NULL || job->looked ||
        strcmp(intake->opt.conf->preflight, "off") == 0) {
        return false;
    }
    if (preflight_look(&look, on_found, job, &job->check, &err) < 0) {
        job->check = NULL;
        intake_say(job, LOG_LEVEL_WARNING, err.text);
        return false;
    }
    return true;
}
