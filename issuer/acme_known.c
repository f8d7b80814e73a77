/*
 * What is known of a CA, for those who ask.
 */
#include <string.h>

#include "issuer/acme_priv.h"

const char *acme_account_url(const struct acme *acme)
{
    return acme->state.url;
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

void acme_account_get(const struct acme *acme, struct acme_account *account)
{
    const struct acme_state *state = &acme->state;

    *account = (struct acme_account){
        .url = state->url,
        .key = state->key,
        .pending = state->pending,
        .key_type = state->key_type,
        .thumbprint = state->thumbprint,
        .contact = state->contact,
        .terms = state->terms,
        .status = state->status,
        .eab_kid = state->eab_kid,
    };
}

const char *acme_terms(const struct acme *acme)
{
    return acme->directory.terms;
}

const char *acme_website(const struct acme *acme)
{
    return acme->directory.website;
}

bool acme_wants_binding(const struct acme *acme)
{
    return acme->directory.external_account;
}

bool acme_changing(const struct acme *acme)
{
    return acme->work != NULL;
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
