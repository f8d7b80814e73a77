#include "issuer/policy.h"

#include <string.h>

#include "common/domainset.h"

int policy_names(const char *domains, const struct csr *csr, struct err *err)
{
    struct domainsets sets;
    int ret = domainsets_parse(&sets, domains, err);

    if (ret < 0) {
        (void)err_prefix(err, "the domain sets of this client, to be mended on the server");
        return ret;
    }
    ret = sets.count > 0
              ? domainsets_permit(&sets, csr->names, csr->count, err)
              : err_set(err, ERR_POLICY,
                        "this client may have no names: the server sets no domain sets for it "
                        "(CERTGRINDERD_DOMAINSETS or --domains)");
    domainsets_clear(&sets);
    return ret;
}

static bool fits(const char *pattern, const char *name)
{
    char normal[LIMIT_DOMAIN_TEXT + 1];
    size_t n = strlen(name), p;

    if (domain_normalize(normal, pattern, NULL) < 0) {
        return false;
    }
    if (normal[0] != '*') {
        return strcmp(normal, name) == 0;
    }
    p = strlen(normal) - 1; /* with the dot */
    return n > p && strcmp(name + (n - p), normal + 1) == 0;
}

bool policy_patterns(const struct conf_strings *patterns, const char *name)
{
    for (size_t i = 0; i < patterns->count; i++) {
        if (fits(patterns->items[i], name)) {
            return true;
        }
    }
    return false;
}
