/*
 * What a CA's account is configured to be, and what is on record of it.
 */
#include <errno.h>
#include <stdlib.h>

#include "issuer/acme_priv.h"

int acme_account_copy(struct acme *acme, const struct acme_account *account)
{
    struct acme_state *state = &acme->state;

    if (account == NULL) {
        return 0;
    }
    return acme_account_set(&state->url, account->url) |
           acme_account_set(&state->key, account->key) |
           acme_account_set(&state->pending, account->pending) |
           acme_account_set(&state->key_type, account->key_type) |
           acme_account_set(&state->thumbprint, account->thumbprint) |
           acme_account_set(&state->contact, account->contact) |
           acme_account_set(&state->terms, account->terms) |
           acme_account_set(&state->status, account->status) |
           acme_account_set(&state->eab_kid, account->eab_kid);
}

int acme_configure(struct acme *acme, const struct acme_settings *settings)
{
    char *email = NULL, *key_type = NULL, *authority = NULL, *eab_kid = NULL;

    if (acme_account_set(&email, settings->email) < 0 ||
        acme_account_set(&key_type, settings->key_type) < 0 ||
        acme_account_set(&authority, settings->authority) < 0 ||
        acme_account_set(&eab_kid, settings->eab_kid) < 0) {
        free(email);
        free(key_type);
        free(authority);
        free(eab_kid);
        return -ENOMEM;
    }
    free(acme->email);
    free(acme->key_type);
    free(acme->authority);
    free(acme->eab_kid);
    acme->email = email;
    acme->key_type = key_type;
    acme->authority = authority;
    acme->eab_kid = eab_kid;
    acme->search.contacted = false;
    acme_account_doubt(acme, false);
    return 0;
}
