#include "issuer/acme_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *acme_target(const struct acme_request *r)
{
    const struct acme_directory *directory = &r->acme->directory;

    if (r->url != NULL) {
        return r->url;
    }
    switch (r->resource) {
    case ACME_REVOKE_CERT:
        return directory->revoke_cert;
    case ACME_RENEWAL_INFO:
        return directory->renewal_info;
    case ACME_NEW_ACCOUNT:
        return directory->new_account;
    case ACME_KEY_CHANGE:
        return directory->key_change;
    default:
        return directory->new_order;
    }
}

void acme_lacks(struct acme_request *r)
{
    static const char *const what[] = {
        [ACME_NEW_ORDER] = "takes no orders",
        [ACME_REVOKE_CERT] = "revokes no certificates by ACME",
        [ACME_RENEWAL_INFO] = "has no renewal information (RFC 9773)",
        [ACME_NEW_ACCOUNT] = "makes no accounts",
        [ACME_KEY_CHANGE] = "lets no account have another key (RFC 8555 7.3.5)",
    };
    char text[LIMIT_ERROR_TEXT];

    snprintf(text, sizeof(text), "the CA %.512s %s", r->acme->directory_url, what[r->resource]);
    acme_fail(r, ERR_NOT_FOUND, text);
}

void acme_get(struct acme_request *r)
{
    struct http_request request = {.method = HTTP_GET, .accept = "application/json"};
    const char *base = acme_target(r);

    free(r->target);
    r->target = NULL;
    if (base == NULL) {
        acme_lacks(r);
        return;
    }
    if (asprintf(&r->target, "%s/%s", base, r->path) < 0) {
        r->target = NULL;
        acme_fail(r, -ENOMEM, "out of memory");
        return;
    }
    request.url = r->target;
    r->stage = ACME_SENDING;
    int ret = http_send(r->acme->http, &request, acme_answer, r, &r->exchange);
    if (ret < 0) {
        acme_fail(r, ret, err_string(ret));
    }
}

struct answer_to {
    acme_response_fn *fn;
    void *arg;
    struct acme_request **request;
};

/* Takes text over. */
static int start(struct acme *acme, enum acme_kind kind, enum acme_resource resource, char *text,
                 struct answer_to to)
{
    struct acme_request *r =
        text != NULL && !acme->closing ? acme_request_new(acme, kind, to.fn, to.arg) : NULL;

    if (r == NULL) {
        free(text);
        return acme->closing ? ERR_CANCELLED : -ENOMEM;
    }
    if (kind == ACME_GET) {
        r->path = text;
    } else {
        r->payload = text;
    }
    r->resource = resource;
    if (to.request != NULL) {
        *to.request = r;
    }
    acme_step(r);
    return 0;
}

int acme_post_resource(struct acme *acme, enum acme_resource resource, const char *payload,
                       acme_response_fn *fn, void *arg, struct acme_request **request)
{
    return start(acme, ACME_POST, resource, strdup(payload), (struct answer_to){fn, arg, request});
}

int acme_get_resource(struct acme *acme, enum acme_resource resource, const char *path,
                      acme_response_fn *fn, void *arg, struct acme_request **request)
{
    return start(acme, ACME_GET, resource, strdup(path), (struct answer_to){fn, arg, request});
}
