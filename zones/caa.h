/*
 * What a CAA RRset says (RFC 8659 4, RFC 8657), for the server and for the client. Pure.
 */
#ifndef CERTMILL_ZONES_CAA_H
#define CERTMILL_ZONES_CAA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum caa_verdict {
    CAA_PERMITS,
    CAA_FORBIDS,  /* another CA, or none */
    CAA_ACCOUNT,  /* this CA, for another account (RFC 8657 3) */
    CAA_METHOD,   /* this CA, by another validation method (RFC 8657 4) */
    CAA_CRITICAL, /* a critical property that nobody knows (RFC 8659 4.5) */
};
/* What is said of the records: "do not permit it", "permit it for another account only" ... */
const char *caa_verdict_text(enum caa_verdict verdict);

struct caa_rdata {
    const uint8_t *data;
    size_t len;
};

struct caa_wish {
    bool wildcard;
    const char *method;         /* "dns-01" ... */
    const char *const *issuers; /* the CA's issuer domain names */
    size_t issuer_count;        /* 0: not known, so that only what forbids all CAs is judged */
    const char *account_url;    /* NULL: not known, so that accounturi is not judged */
};

/* The relevant RRset; there is at least one record. *tag: which kind of record would have to permit
 * it. A record that cannot be read forbids. */
enum caa_verdict caa_judge(const struct caa_rdata *set, size_t count, const struct caa_wish *wish,
                           const char **tag);

/* One record (RFC 8659 4.1) in parts; they point into it. ERR_MALFORMED. */
struct caa_property {
    const char *tag, *value;
    size_t tag_len, value_len;
    uint8_t flags;
};
int caa_property_read(struct caa_property *out, const struct caa_rdata *rdata);
/* Whether it is this tag, whatever its case. */
bool caa_property_is(const struct caa_property *property, const char *tag);

/* An issue value (RFC 8659 4.2) in parts; they point into it. */
struct caa_value {
    const char *issuer;
    size_t issuer_len; /* 0: nobody */
    const char *parameters, *end;
};
/* ERR_MALFORMED. */
int caa_value_parse(struct caa_value *out, const char *value, size_t len);
/* The next parameter: 1, or 0 at the end. */
struct caa_parameter {
    const char *tag, *value;
    size_t tag_len, value_len;
};
int caa_value_next(struct caa_value *value, struct caa_parameter *parameter);
/* Whether it is this tag, whatever its case. */
bool caa_parameter_is(const struct caa_parameter *parameter, const char *tag);

#endif
