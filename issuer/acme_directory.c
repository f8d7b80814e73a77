#include "issuer/acme_directory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "issuer/ajson.h"

static int take_url(char **out, const json_t *root, const char *key, struct err *err)
{
    const char *url = ajson_url(root, key);

    if (url == NULL) {
        return err_set(err, ERR_MALFORMED, "no ACME directory: %s is missing or no https URL", key);
    }
    *out = strdup(url);
    return *out != NULL ? 0 : err_set(err, -ENOMEM, "out of memory");
}

static int take_optional(char **out, const json_t *root, const char *key, struct err *err)
{
    const char *url = ajson_url(root, key);

    if (url == NULL) {
        return 0;
    }
    *out = strdup(url);
    return *out != NULL ? 0 : err_set(err, -ENOMEM, "out of memory");
}

int acme_directory_parse(struct acme_directory *out, const char *body, size_t len, struct err *err)
{
    json_t *root = ajson_parse(body, len);
    int ret;

    *out = (struct acme_directory){0};
    if (root == NULL) {
        return err_set(err, ERR_MALFORMED, "no ACME directory: not a JSON object");
    }
    if ((ret = take_url(&out->new_nonce, root, "newNonce", err)) < 0 ||
        (ret = take_url(&out->new_account, root, "newAccount", err)) < 0 ||
        (ret = take_url(&out->new_order, root, "newOrder", err)) < 0 ||
        (ret = take_optional(&out->revoke_cert, root, "revokeCert", err)) < 0 ||
        (ret = take_optional(&out->renewal_info, root, "renewalInfo", err)) < 0) {
        acme_directory_clear(out);
    } else {
        out->external_account =
            json_is_true(json_object_get(json_object_get(root, "meta"), "externalAccountRequired"));
    }
    json_decref(root);
    return ret;
}

void acme_directory_clear(struct acme_directory *directory)
{
    free(directory->new_nonce);
    free(directory->new_account);
    free(directory->new_order);
    free(directory->revoke_cert);
    free(directory->renewal_info);
    *directory = (struct acme_directory){0};
}
