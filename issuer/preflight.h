/*
 * What a CA's resolver will find, looked at before the CA is asked: the CNAME of each name, the
 * delegation of our zone (a random value is published and asked for), CAA (RFC 8659, 8657), DNSSEC.
 */
#ifndef CERTMILL_ISSUER_PREFLIGHT_H
#define CERTMILL_ISSUER_PREFLIGHT_H

#include "common/clock.h"
#include "common/log.h"
#include "issuer/authority.h"
#include "issuer/publisher.h"

struct preflight;
struct preflight_check;

/* All of it outlives the preflight. */
struct preflight_options {
    uv_loop_t *loop;
    struct log *log;
    const struct clock *clock;
    struct publisher *publisher;
    const struct server_conf *conf; /* resolver, zones */
    uint16_t dns_port;              /* of the nameservers of a delegation; 0: 53 */
};

/* -ENOMEM. */
int preflight_new(struct preflight **out, const struct preflight_options *options);
/* Callbacks of what is under way come with count 0 before it returns; handles close on the loop's
 * next turns. */
void preflight_free(struct preflight *preflight);
void preflight_configure(struct preflight *preflight, const struct server_conf *conf);

enum preflight_severity {
    PREFLIGHT_GOOD,      /* looked at, and right */
    PREFLIGHT_TEMPORARY, /* no answer, SERVFAIL without a broken chain: may be right in a while */
    PREFLIGHT_DEFINITE,  /* cannot succeed before somebody changes something */
};

struct preflight_finding {
    const char *name; /* normal form, with "*."; NULL: our zone itself */
    const char *kind; /* "cname", "delegation", "caa", "dnssec" */
    enum preflight_severity severity;
    const char *authority; /* the CA it is about, or NULL: whichever it is */
    const char *text;      /* a sentence, with the record to publish */
    bool unjudged;         /* CAA speaks, but the CA's names are not known */
};

struct preflight_authority {
    const struct authority *authority;
    const char *const *caa;  /* its issuer domain names, lower case */
    size_t caa_count;        /* 0: not known, so that CAA is not judged */
    const char *account_url; /* or NULL: not known yet, so that accounturi is not judged */
};

struct preflight_request {
    char *const *names; /* normal form; copied */
    size_t name_count;
    const struct preflight_authority *authorities; /* copied */
    size_t authority_count;
};

/* From the loop, once, within LIMIT_PREFLIGHT_MS. Findings are good within the callback. */
typedef void preflight_fn(void *arg, const struct preflight_finding *findings, size_t count);
/* ERR_BUSY past LIMIT_PREFLIGHT_CHECKS, -ENOMEM: no callback comes. */
int preflight_start(struct preflight *preflight, const struct preflight_request *request,
                    preflight_fn *fn, void *arg, struct preflight_check **check, struct err *err);
/* Its callback will not come. */
void preflight_cancel(struct preflight_check *check);

#endif
