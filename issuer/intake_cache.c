/*
 * The same request again: what the store has for it.
 */
#include "issuer/intake_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "issuer/order_chain.h"
#include "issuer/renewal.h"

#define DAY  86400
#define LOOK 64 /* certificates of one key, the newest first */

struct search {
    const struct intake_job *job;
    int64_t now, until;
    uint64_t order, id;
    const char *chain; /* the wanted one, or NULL */
    bool any_chain;    /* one that was handed out with another chain will do, too */
    char *pem;
    bool found, outdated;
    int error;
};

int64_t intake_good_until(const struct server_conf *conf, const struct store_certificate *cert)
{
    int64_t moment = renewal_moment(cert);
    int64_t rest = conf->renew_within > 0 ? conf->renew_within * DAY
                                          : (cert->not_after - cert->not_before) / 3;

    return moment != 0 && moment < cert->not_after ? moment : cert->not_after - rest;
}

static bool has_name(const char *names, const char *name)
{
    size_t len = strlen(name);

    while (*names != '\0') {
        size_t n = strcspn(names, ",");

        if (n == len && memcmp(names, name, n) == 0) {
            return true;
        }
        names += n + (names[n] == ',');
    }
    return false;
}

/* Certificates have no name twice, and what was stored was checked to have the order's. */
static bool same_names(const char *names, const struct csr *csr)
{
    size_t count = *names != '\0';

    for (const char *p = names; *p != '\0'; p++) {
        count += *p == ',';
    }
    for (size_t i = 0; count == csr->count && i < csr->count; i++) {
        if (!has_name(names, csr->names[i])) {
            return false;
        }
    }
    return count == csr->count;
}

static bool is_candidate(const struct intake_job *job, const char *directory)
{
    for (size_t i = 0; i < job->count; i++) {
        if (strcmp(job->candidates[i].directory, directory) == 0) {
            return true;
        }
    }
    return false;
}

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static const char *wanted_chain(const struct intake_job *job, const char *directory)
{
    const struct authority *a = authorities_find(&job->intake->authorities, directory);

    return job->preferred_chain != NULL || a == NULL ? job->preferred_chain : a->preferred_chain;
}

/* Whether the chain and the profile are what would be ordered there today. */
static bool same_wish(const struct search *search, const struct store_certificate *cert)
{
    const struct intake_job *job = search->job;
    const struct authority *a = authorities_find(&job->intake->authorities, cert->directory_url);
    const char *profile = job->profile;

    if (a != NULL) {
        profile = profile != NULL ? profile : a->profile;
    }
    return same(profile, cert->profile) &&
           (search->any_chain ||
            same(wanted_chain(job, cert->directory_url), cert->preferred_chain));
}

/* Whether the order's request asked for the same extensions: a certificate without must-staple is
 * no answer to a request for it. */
static bool same_extensions(const struct csr *csr, const struct store_certificate *cert)
{
    char extensions[sizeof csr->extensions_sha256];

    return csr_extensions(extensions, cert->csr, cert->csr_len) == 0 &&
           strcmp(extensions, csr->extensions_sha256) == 0;
}

/* The newest that fits decides: where it is due or revoked, an older one is no answer. */
static void on_certificate(void *arg, const struct store_certificate *cert)
{
    struct search *search = arg;
    const struct intake_job *job = search->job;
    int64_t until = intake_good_until(job->intake->opt.conf, cert);

    if (search->found || !same_names(cert->names, &job->csr) ||
        !is_candidate(job, cert->directory_url) || !same_wish(search, cert) ||
        !same_extensions(&job->csr, cert)) {
        return;
    }
    search->found = true;
    if (cert->revoked != 0 || until <= search->now) {
        return;
    }
    if ((search->pem = strdup(cert->pem)) == NULL) {
        search->error = -ENOMEM;
        return;
    }
    search->order = cert->order_id;
    search->id = cert->id;
    search->chain = wanted_chain(job, cert->directory_url);
    search->until = until;
    search->outdated = renewal_outdated(cert, search->now);
}

/* With the wanted one of all chains that came with the certificate; none, where none is. */
static int other_chain(struct search *search, struct err *err)
{
    struct store *store = search->job->intake->opt.store;
    size_t count, index;
    char **chains;
    int ret;

    if (search->pem == NULL) {
        return 0;
    }
    free(search->pem);
    search->pem = NULL;
    if ((ret = store_certificate_chains(store, search->id, &chains, &count, err)) < 0) {
        return ret;
    }
    if (order_chain_pick(&index, chains, count, search->chain)) {
        search->pem = chains[index];
        chains[index] = NULL;
    }
    store_chains_free(chains, count);
    return 0;
}

static int look(struct search *search, struct err *err)
{
    const struct intake_job *job = search->job;
    int ret = store_certificate_find(job->intake->opt.store, STORE_BY_SPKI, job->csr.spki_sha256,
                                     LOOK, on_certificate, search, err);

    if (ret == 0 && search->error < 0) {
        ret = err_set(err, search->error, "out of memory while reading certificates");
    }
    return ret;
}

int intake_cache(struct intake_job *job, struct err *err)
{
    struct search search = {.job = job, .now = clock_wall_s(job->intake->opt.clock)};
    int ret = look(&search, err);

    if (ret == 0 && !search.found) {
        search.any_chain = true;
        ret = look(&search, err);
        ret = ret == 0 ? other_chain(&search, err) : ret;
    }
    if (ret < 0) {
        free(search.pem);
        return ret;
    }
    if (search.pem != NULL && search.outdated && job->intake->opt.renewal != NULL) {
        /* this answer does not wait for it */
        renewal_refresh(job->intake->opt.renewal, search.pem);
    }
    job->cached = search.pem;
    job->cached_order = search.order;
    job->cached_until = search.until;
    return 0;
}

/* -- what an order renews -- */

struct renewed {
    const struct intake_job *job;
    const char *directory;
    int64_t now;
    char *id; /* of the newest certificate that is due; "" where the newest is not */
};

/* Where one has been renewed already, and by an order with other names or for another client, the
 * CA says so, and the order is made again without (RFC 9773 5, "alreadyReplaced"). */
static void on_predecessor(void *arg, const struct store_certificate *cert)
{
    struct renewed *renewed = arg;
    const struct intake_job *job = renewed->job;
    const char *client = job->client != NULL ? job->client : job->address;

    if (renewed->id != NULL || strcmp(cert->directory_url, renewed->directory) != 0 ||
        strcmp(cert->client, client) != 0 || !same_names(cert->names, &job->csr) ||
        (renewed->id = calloc(1, LIMIT_CERT_ID)) == NULL) {
        return;
    }
    if (cert->not_after > renewed->now &&
        intake_good_until(job->intake->opt.conf, cert) <= renewed->now &&
        renewal_cert_id(renewed->id, cert->pem, strlen(cert->pem), NULL) < 0) {
        renewed->id[0] = '\0';
    }
}

char *intake_replaces(const struct intake_job *job, const char *directory)
{
    const struct intake_options *opt = &job->intake->opt;
    struct renewed renewed = {.job = job, .directory = directory, .now = clock_wall_s(opt->clock)};
    struct err err = {0};

    if (store_certificate_each(opt->store, job->csr.names[0], LOOK, on_predecessor, &renewed,
                               &err) < 0) {
        log_error(opt->log, NULL, "%s", err.text);
    }
    if (renewed.id != NULL && renewed.id[0] == '\0') {
        free(renewed.id);
        renewed.id = NULL;
    }
    return renewed.id;
}
