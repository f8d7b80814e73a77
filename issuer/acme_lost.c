/*
 * The CA does not take the account on record: it never heard of it, its key is another one, or it
 * is deactivated. A store that was put back from a backup is older than the last change of key or
 * account; the CA may have begun anew; and an operator may have used another program. So all of the
 * signer's keys are tried again, the newest first.
 *
 * accountDoesNotExist says it plainly. unauthorized, and what CAs answer to a key that is not the
 * account's (malformed, with words about the JWS or its signature), have other causes as well, so
 * these count as a doubt only each DOUBT_MS.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "issuer/acme_priv.h"
#include "issuer/problem.h"

#define DOUBT_MS UINT64_C(600000)

/* RFC 8555 has no type for a signature that does not fit; malformed is said of anything. */
static bool is_of_signature(const struct problem *problem)
{
    return problem_is(problem, "malformed") && (strcasestr(problem->text, "JWS") != NULL ||
                                                strcasestr(problem->text, "signature") != NULL);
}

static bool may_be(struct acme *acme, const struct problem *problem, int status)
{
    uint64_t now = uv_now(acme->loop);

    if (!(problem_is(problem, "unauthorized") && (status == 401 || status == 403)) &&
        !(is_of_signature(problem) && status == 400)) {
        return false;
    }
    if (now < acme->account_doubts || acme->search.under_way || acme->state.url == NULL) {
        return false;
    }
    acme->account_doubts = now + DOUBT_MS;
    return true;
}

bool acme_lost_account(struct acme_request *r, const struct problem *problem, int status)
{
    struct acme *acme = r->acme;
    const char *url = acme->state.url != NULL ? acme->state.url : "";

    if (r->kind != ACME_POST || r->reaccounted) {
        return false;
    }
    if (problem_is(problem, "accountDoesNotExist")) {
        log_warning(acme->log, NULL, "the CA does not know the account %s (any more)", url);
    } else if (may_be(acme, problem, status)) {
        log_info(acme->log, NULL, "%s: asking the CA whether %s is the account still",
                 problem->text, url);
        acme_account_use_key(acme, NULL);
    } else {
        return false;
    }
    r->reaccounted = true;
    acme_account_doubt(acme, true);
    return true;
}

bool acme_lost_key(struct acme *acme, const struct acme_response *response)
{
    struct problem_context context = {.status = response->status,
                                      .retry_after_ms = response->retry_after_ms};
    struct problem problem;
    bool lost = false;

    if ((response->status != 401 && response->status != 403) ||
        problem_parse(&problem, response->body, response->body_len, &context) < 0) {
        return false;
    }
    if (problem_is(&problem, "unauthorized")) {
        lost = acme_account_set(&acme->search.refusal, problem.text) == 0;
    }
    problem_clear(&problem);
    return lost;
}

void acme_lost_text(const struct acme *acme, char *text, size_t size)
{
    snprintf(text, size,
             "the CA refuses the accounts of all our keys, %.600s: `certmillctl accounts register "
             "%.64s` makes a new one",
             acme->search.refusal, acme->authority != NULL ? acme->authority : acme->directory_url);
}
