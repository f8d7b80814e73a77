/*
 * What an order has to know of its CA's directory before it is ordered (issuer/order.h,
 * ORDER_ACT_KNOW).
 */
#include "issuer/desk_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "issuer/say.h"

#define SHOWN_PROFILE 64 /* octets of a name */

static char *profile_names(const struct acme *acme)
{
    size_t count;
    const struct acme_profile *profiles = acme_profiles(acme, &count);
    struct say say;

    say_init(&say, LIMIT_PROBLEM_DETAIL);
    for (size_t i = 0; i < count; i++) {
        say_add(&say, "%s", i > 0 ? ", " : "");
        say_add_foreign(&say, profiles[i].name, SHOWN_PROFILE);
    }
    return say_take(&say);
}

static void on_known(void *arg, const struct acme_response *response)
{
    struct desk_know *know = arg;
    struct desk_run *run = know->run;
    struct order_event event = {.kind = ORDER_EV_KNOWN,
                                .transport = response->error,
                                .transport_text = response->text,
                                .retry_after_ms = -1};
    char *names = NULL;

    free(know);
    if (run == NULL) {
        return;
    }
    run->know = NULL;
    if (response->error == 0) {
        const struct acme *acme = run->ca->acme;
        const char *profile = order_profile(run->order);

        names = profile_names(acme);
        event.body = names;
        event.body_len = names != NULL ? strlen(names) : 0;
        event.renewal_info = acme_has_renewal_info(acme);
        event.has_profile = profile != NULL && acme_profile_find(acme, profile) != NULL;
    }
    desk_event_push(run, &event);
    free(names);
}

int desk_know(struct desk_run *run)
{
    struct desk_know *know = malloc(sizeof *know);
    int ret;

    if (know == NULL) {
        return -ENOMEM;
    }
    know->run = run;
    if ((ret = acme_know(run->ca->acme, on_known, know)) < 0) {
        free(know);
        return ret;
    }
    run->know = know;
    return 0;
}

const char *desk_issuer_domain(const struct desk *desk, const char *directory_url)
{
    for (const struct desk_ca *ca = desk->cas; ca != NULL; ca = ca->next) {
        if (strcmp(ca->url, directory_url) == 0) {
            size_t count = 0;
            char *const *names = acme_caa_identities(ca->acme, &count);

            return count > 0 ? names[0] : NULL;
        }
    }
    return NULL;
}
