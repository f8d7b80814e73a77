/*
 * What becomes of a job after what a CA said. Another CA takes over where one cannot be reached,
 * refuses because of a limit or of our account, or fails twice for reasons of its own. What is
 * wrong with a name (validation, CAA, an identifier that is refused) would be wrong at any other CA
 * as well, and spend that one's allowance.
 */
#include "issuer/intake_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWN_FAILURES 2 /* then the next CA takes over */

/* Problem types (RFC 8555 6.7) of a CA that refuses us, whatever the names. */
static const char *const refusals[] = {"rateLimited", "externalAccountRequired",
                                       "userActionRequired", "accountDoesNotExist"};

static bool is_type(const char *problem, const char *type)
{
    const char *last = problem != NULL ? strrchr(problem, ':') : NULL;

    return problem != NULL && strcmp(last != NULL ? last + 1 : problem, type) == 0;
}

bool intake_refuses_us(const struct desk_result *result)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        if (is_type(result->problem, refusals[i])) {
            return true;
        }
    }
    return false;
}

static bool is_own_failure(const struct desk_result *result)
{
    return result->failure == ORDER_REFUSED_CA && is_type(result->problem, "serverInternal");
}

const char *intake_name_of(const struct intake_job *job, size_t i)
{
    const char *directory = job->candidates[i].directory;
    const struct authority *a = authorities_find(&job->intake->authorities, directory);

    return a != NULL ? a->name : directory;
}

/* -- the next one -- */

/* Whether the job goes on: at the same CA once more, or at the next one. */
static bool go_on(struct intake_job *job, const char *reason, bool again)
{
    char text[LIMIT_ERROR_TEXT + 256];

    if (!again && job->current + 1 >= job->count) {
        return false;
    }
    (void)snprintf(text, sizeof text, "%.64s does not issue: %.*s; %s %.64s",
                   intake_name_of(job, job->current), LIMIT_ERROR_TEXT, reason,
                   again ? "once more at" : "the order goes to",
                   intake_name_of(job, again ? job->current : job->current + 1));
    intake_say(job, LOG_LEVEL_WARNING, text);
    job->current += !again;
    job->known = job->looked = false;
    intake_ready(job);
    return true;
}

/* -- limits -- */

void intake_limited_clear(struct intake_limited *limited)
{
    free(limited->name);
    free(limited->text);
    free(limited->problem);
    *limited = (struct intake_limited){0};
}

/* Where memory is out, what was known before stays. */
static void remember(struct intake_job *job, const struct desk_result *result)
{
    struct intake_limited limited = {
        .name = strdup(intake_name_of(job, job->current)),
        .text = strdup(result->text != NULL ? result->text : "it is limited"),
        .problem = result->problem != NULL ? strdup(result->problem) : NULL,
        .failure = result->failure,
        .code = result->code,
        .retry_at = result->retry_at,
    };

    if (limited.name == NULL || limited.text == NULL ||
        (result->problem != NULL && limited.problem == NULL)) {
        intake_limited_clear(&limited);
        return;
    }
    intake_limited_clear(&job->limited);
    job->limited = limited;
}

/* The end that is told after the last CA said this: of limited CAs, the one that will do again
 * first, its sentence with its time; any other end as it is, with a word (in text) on what is
 * limited. */
static struct desk_result judge(const struct intake_job *job, const struct desk_result *last,
                                char *text, size_t cap)
{
    const struct intake_limited *limited = &job->limited;
    struct desk_result verdict = *last;

    if (limited->name == NULL || last->failure == ORDER_INTERRUPTED) {
        return verdict;
    }
    if (last->retry_at == 0) {
        (void)snprintf(text, cap, "%s: %.*s (%.64s is limited: %.*s)",
                       intake_name_of(job, job->current), LIMIT_ERROR_TEXT,
                       last->text != NULL ? last->text : "it failed", limited->name,
                       LIMIT_ERROR_TEXT, limited->text);
        verdict.text = text;
    } else {
        verdict.failure = limited->failure;
        verdict.code = limited->code;
        verdict.text = limited->text;
        verdict.problem = limited->problem;
        verdict.retry_at = limited->retry_at;
    }
    return verdict;
}

void intake_settle(struct intake_job *job, const struct desk_result *result, bool next)
{
    struct intake_candidate *at = &job->candidates[job->current];
    char text[2 * LIMIT_ERROR_TEXT + 256];
    struct desk_result verdict;
    bool again = false;

    if (next && result->retry_at != 0 &&
        (job->limited.name == NULL || result->retry_at < job->limited.retry_at)) {
        remember(job, result);
    }
    if (is_own_failure(result)) {
        again = ++at->failures < OWN_FAILURES && job->count > 1;
        next = true;
    }
    if (next && go_on(job, result->text, again)) {
        return;
    }
    verdict = !next && result->retry_at != 0 ? *result : judge(job, result, text, sizeof text);
    intake_finish(job, &verdict);
}
