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

void acme_send(struct acme_request *r, struct http_request *request)
{
    int ret;

    request->url = r->target;
    r->stage = ACME_SENDING;
    ret = http_send(r->acme->http, request, acme_answer, r, &r->exchange);
    if (ret < 0) {
        acme_fail(r, ret, err_string(ret));
    }
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
    acme_send(r, &request);
}

void acme_send_signed(struct acme_request *r)
{
    struct http_request request = {
        .method = HTTP_POST,
        .body = r->payload,
        .body_len = strlen(r->payload),
        .content_type = "application/jose+json",
        .accept = "application/json",
    };
    const char *url = acme_target(r);

    if (url == NULL) {
        acme_lacks(r);
        return;
    }
    if (strcmp(url, r->path) != 0) {
        char text[LIMIT_ERROR_TEXT];

        snprintf(text, sizeof(text), "it is signed for %.300s, but the CA's URL is %.300s", r->path,
                 url);
        acme_fail(r, ERR_RANGE, text);
        return;
    }
    free(r->target);
    if ((r->target = strdup(url)) == NULL) {
        acme_fail(r, -ENOMEM, "out of memory");
        return;
    }
    acme_send(r, &request);
}

bool acme_take_nonce(struct acme_request *r)
{
    const char *url = acme_target(r);

    if (url == NULL) {
        acme_lacks(r);
        return false;
    }
    if (!r->asked || (r->nonce = nonce_pool_take(&r->acme->nonces)) == NULL) {
        r->asked = true;
        r->stage = ACME_WANTS_NONCE;
        acme_fetch_nonces(r->acme);
        return false;
    }
    if ((r->target = strdup(url)) == NULL) {
        acme_fail(r, -ENOMEM, "out of memory");
        return false;
    }
    return true;
}

struct beginning {
    enum acme_kind kind;
    enum acme_resource resource;
    const char *payload, *path; /* or NULL; copied */
    acme_response_fn *fn;
    void *arg;
    struct acme_request **request;
};

static int begin(struct acme *acme, const struct beginning *what)
{
    char *payload = what->payload != NULL ? strdup(what->payload) : NULL;
    char *path = what->path != NULL ? strdup(what->path) : NULL;
    struct acme_request *r = NULL;

    if ((payload != NULL) == (what->payload != NULL) && (path != NULL) == (what->path != NULL) &&
        !acme->closing) {
        r = acme_request_new(acme, what->kind, what->fn, what->arg);
    }
    if (r == NULL) {
        free(payload);
        free(path);
        return acme->closing ? ERR_CANCELLED : -ENOMEM;
    }
    r->payload = payload;
    r->path = path;
    r->resource = what->resource;
    if (what->request != NULL) {
        *what->request = r;
    }
    acme_step(r);
    return 0;
}

int acme_post_resource(struct acme *acme, enum acme_resource resource, const char *payload,
                       acme_response_fn *fn, void *arg, struct acme_request **request)
{
    return begin(acme, &(struct beginning){ACME_POST, resource, payload, NULL, fn, arg, request});
}

int acme_get_resource(struct acme *acme, enum acme_resource resource, const char *path,
                      acme_response_fn *fn, void *arg, struct acme_request **request)
{
    return begin(acme, &(struct beginning){ACME_GET, resource, NULL, path, fn, arg, request});
}

int acme_get_nonce(struct acme *acme, enum acme_resource resource, acme_response_fn *fn, void *arg,
                   struct acme_request **request)
{
    return begin(acme, &(struct beginning){ACME_NONCE, resource, NULL, NULL, fn, arg, request});
}

int acme_post_signed(struct acme *acme, enum acme_resource resource, const char *url,
                     const char *jws, acme_response_fn *fn, void *arg,
                     struct acme_request **request)
{
    return begin(acme, &(struct beginning){ACME_SIGNED, resource, jws, url, fn, arg, request});
}
