/*
 * Limits (issuer/ledger.h) on a job's way: asked before the CA's directory is, and once more in the
 * moment in which the order is taken and counted, so that many at once do not slip through
 * together.
 */
#include "issuer/intake_priv.h"

#include "issuer/ledger.h"

static struct ledger_order order_of(const struct intake_job *job,
                                    const struct desk_request *request,
                                    const struct authority *authority)
{
    const struct server_conf_client *client =
        job->client != NULL ? server_conf_client_find(job->intake->opt.conf, job->client) : NULL;

    return (struct ledger_order){
        .authority = authority,
        .names = job->csr.names,
        .name_count = job->csr.count,
        .client = job->client,
        .requests_per_day = client != NULL && !job->counted ? client->requests_per_day : 0,
        .renewal = request->replaces != NULL,
    };
}

static const struct authority *authority_of(const struct intake_job *job,
                                            const struct desk_request *request)
{
    return job->intake->opt.ledger != NULL
               ? authorities_find(&job->intake->authorities, request->directory_url)
               : NULL;
}

int intake_limits(const struct intake_job *job, const struct desk_request *request,
                  int64_t *retry_at, bool *next, struct err *err)
{
    struct ledger *ledger = job->intake->opt.ledger;
    const struct authority *authority = authority_of(job, request);
    struct ledger_order order;
    int ret;

    *next = false;
    if (authority == NULL) {
        return 0;
    }
    order = order_of(job, request, authority);
    if ((ret = ledger_check_own(ledger, &order, retry_at, err)) < 0) {
        return ret;
    }
    *next = true;
    return ledger_check(ledger, &order, retry_at, err);
}

void intake_count(struct intake_job *job, const struct desk_request *request)
{
    const struct authority *authority = authority_of(job, request);
    struct ledger_order order;

    if (authority != NULL) {
        order = order_of(job, request, authority);
        ledger_ordered(job->intake->opt.ledger, &order);
        job->counted = true;
    }
}
