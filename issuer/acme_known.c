/*
 * What is known of a CA, for those who ask.
 */
#include <string.h>

#include "issuer/acme_priv.h"

const char *acme_account_url(const struct acme *acme)
{
    return acme->account_url;
}

const char *acme_thumbprint(const struct acme *acme)
{
    return acme->thumbprint;
}

const char *acme_directory_url(const struct acme *acme)
{
    return acme->directory_url;
}

struct http *acme_http(const struct acme *acme)
{
    return acme->http;
}

/* -- its directory; one that is to be read anew is still the best that there is -- */

bool acme_has_directory(const struct acme *acme)
{
    return acme->directory.new_order != NULL;
}

const char *acme_renewal_info_url(const struct acme *acme)
{
    return acme->directory.renewal_info;
}

bool acme_has_renewal_info(const struct acme *acme)
{
    return acme->directory.renewal_info != NULL;
}

const char *acme_revoke_url(const struct acme *acme)
{
    return acme->directory.revoke_cert;
}

const struct acme_profile *acme_profiles(const struct acme *acme, size_t *count)
{
    *count = acme->directory.profile_count;
    return acme->directory.profiles;
}

const struct acme_profile *acme_profile_find(const struct acme *acme, const char *name)
{
    for (size_t i = 0; i < acme->directory.profile_count; i++) {
        if (strcmp(acme->directory.profiles[i].name, name) == 0) {
            return &acme->directory.profiles[i];
        }
    }
    return NULL;
}

char *const *acme_caa_identities(const struct acme *acme, size_t *count)
{
    *count = acme->directory.caa_count;
    return acme->directory.caa;
}
