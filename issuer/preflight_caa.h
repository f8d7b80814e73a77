/*
 * What a relevant CAA RRset says (RFC 8659 4, RFC 8657). Pure.
 */
#ifndef CERTMILL_ISSUER_PREFLIGHT_CAA_H
#define CERTMILL_ISSUER_PREFLIGHT_CAA_H

#include "issuer/preflight.h"
#include "issuer/resolve.h"

enum caa_verdict {
    CAA_PERMITS,
    CAA_FORBIDS,  /* another CA, or none */
    CAA_ACCOUNT,  /* this CA, for another account (RFC 8657 3) */
    CAA_METHOD,   /* this CA, by another validation method (RFC 8657 4) */
    CAA_CRITICAL, /* a critical property that nobody knows (RFC 8659 4.5) */
};

struct caa_wish {
    bool wildcard;
    const char *method; /* "dns-01" ... */
    const struct preflight_authority *authority;
};

/* The records of owner (wire) in list; there is at least one. *tag: which kind of record would have
 * to permit it. */
enum caa_verdict caa_judge(const ldns_rr_list *list, const uint8_t *owner,
                           const struct caa_wish *wish, const char **tag);

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
