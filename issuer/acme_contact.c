/*
 * What a CA is told of us, and what it wants of us: the contact (RFC 8555 7.3.2) and its terms of
 * service.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "issuer/acme_priv.h"

static void on_contacted(void *arg, const struct acme_response *response)
{
    struct acme *acme = arg;

    if (response->error == ERR_CANCELLED) {
        return;
    }
    if (response->error == 0 && response->status == 200) {
        acme_account_change(acme, &acme->state.contact, acme->email != NULL ? acme->email : "");
        log_info(acme->log, NULL, "the CA knows the contact %s now",
                 acme->email != NULL ? acme->email : "(none)");
        (void)acme_account_save(acme);
    } else {
        log_warning(acme->log, NULL, "the CA did not take the new contact %s (%s)",
                    acme->email != NULL ? acme->email : "(none)",
                    response->error != 0 ? response->text : "HTTP error");
    }
    acme_account_next(acme);
}

void acme_contact_tell(struct acme *acme)
{
    json_t *root = acme->email != NULL
                       ? json_pack("{s:[s++]}", "contact", "mailto:", acme->email, "")
                       : json_pack("{s:[]}", "contact");
    char *payload = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
    struct acme_request *request =
        payload != NULL ? acme_request_new(acme, ACME_OWN, on_contacted, acme) : NULL;

    json_decref(root);
    acme->search.contacted = true;
    if (request == NULL || (request->url = strdup(acme->state.url)) == NULL) {
        free(payload);
        acme_cancel(request);
        acme_account_no_memory(acme);
        return;
    }
    request->payload = payload;
    request->by_kid = true;
    acme_step(request);
}

bool acme_contact_is_old(const struct acme *acme)
{
    return !acme->search.contacted && acme->state.contact != NULL &&
           strcmp(acme->state.contact, acme->email != NULL ? acme->email : "") != 0;
}

void acme_contact_terms(struct acme *acme)
{
    const char *now = acme->directory.terms, *then = acme->state.terms;

    if (then == NULL) { /* an account that there is was made with consent to them */
        (void)acme_account_change(acme, &acme->state.terms, now != NULL ? now : "");
        return;
    }
    if (now == NULL || strcmp(now, then) == 0 ||
        (acme->terms_told != NULL && strcmp(acme->terms_told, now) == 0)) {
        return;
    }
    log_warning(acme->log, NULL,
                "the terms of service of %s have changed from %s to %s: read them, then "
                "`certmillctl accounts agree %s`",
                acme->directory_url, then[0] != '\0' ? then : "none", now,
                acme->authority != NULL ? acme->authority : acme->directory_url);
    (void)acme_account_set(&acme->terms_told, now);
}
