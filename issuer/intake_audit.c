/*
 * What becomes of requests that are no orders, for the audit log; what orders come to is the desk's
 * to write.
 */
#include "issuer/intake_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "issuer/audit.h"

/* malloc'd; NULL where there are none, or no memory. */
static char *join(const struct csr *csr)
{
    size_t len = 0;
    char *text, *at;

    for (size_t i = 0; i < csr->count; i++) {
        len += strlen(csr->names[i]) + 1;
    }
    if (len == 0 || (text = at = malloc(len)) == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < csr->count; i++) {
        at = stpcpy(at, csr->names[i]);
        *at++ = i + 1 < csr->count ? ',' : '\0';
    }
    return text;
}

static void write_event(const struct intake *intake, const struct csr *csr,
                        struct audit_event *event)
{
    char *names = join(csr);

    event->names = names;
    event->spki_sha256 = csr->spki_sha256[0] != '\0' ? csr->spki_sha256 : NULL;
    audit_write(intake->opt.audit, event);
    free(names);
}

void intake_audit_refused(const struct intake *intake, const struct intake_request *request,
                          const struct csr *csr, const struct err *err)
{
    struct audit_event event = {.what = "refused",
                                .client = request->client,
                                .address = request->address,
                                .peer_uid = request->peer_uid,
                                .outcome = err != NULL ? err->text : NULL};

    if (err != NULL && err->code != -ENOMEM) {
        write_event(intake, csr, &event);
    }
}

void intake_audit(const struct intake_job *job, const char *what, const char *outcome)
{
    struct audit_event event = {.what = what,
                                .client = job->client != NULL ? job->client : job->address,
                                .address = job->address,
                                .peer_uid = job->peer_uid,
                                .order = job->cached != NULL ? job->cached_order : 0,
                                .authority = job->candidates[job->current].directory,
                                .outcome = outcome};

    write_event(job->intake, &job->csr, &event);
}
