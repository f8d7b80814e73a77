/*
 * Domain names as people write them, and the sets of names a client may have.
 *
 * Names compare case-insensitively and U-labels equal their A-labels (IDNA 2008,
 * RFC 5890, by libidn2): `pølse.example` is `xn--plse-gra.example`. A leading
 * `*.` is part of the name: a set permits a wildcard only by naming it.
 */
#ifndef CERTMILL_COMMON_DOMAINSET_H
#define CERTMILL_COMMON_DOMAINSET_H

#include <stddef.h>

#include "common/err.h"

/* Normal form of a name into dst[LIMIT_DOMAIN_TEXT + 1]: A-labels, lower case, no
 * last dot, perhaps `*.` in front. ERR_MALFORMED (with the reason) for an empty name
 * or label, a label over 63 octets, a name over 253, an asterisk elsewhere, an
 * address, a character no host name has (underscore included), bad IDNA. */
int domain_normalize(char dst[static 254], const char *name, struct err *err);

/* The same for names that need not be hosts' (zones, nameservers): labels may hold
 * underscores, `*.` in front is refused. */
int domain_normalize_owner(char dst[static 254], const char *name, struct err *err);

struct domainset {
    char **names; /* normal form, sorted, without doubles */
    size_t count;
};

struct domainsets {
    struct domainset *sets;
    size_t count;
};

/* Parses `a.example,b.example;c.example` (sets divided by `;`, names by `,`, white
 * space around names ignored, empty sets skipped). ERR_MALFORMED names the bad name;
 * ERR_LIMIT past LIMIT_DOMAINSETS or LIMIT_SETS. domainsets_clear frees. */
int domainsets_parse(struct domainsets *out, const char *text, struct err *err);
void domainsets_clear(struct domainsets *sets);

/* 0 where all count names (normal form) are within one set. Else ERR_POLICY, and err
 * names the first name that no set permits, or says that no single set has them all,
 * and lists what is permitted. */
int domainsets_permit(const struct domainsets *sets, char *const *names, size_t count,
                      struct err *err);

#endif
