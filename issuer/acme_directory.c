#include "issuer/acme_directory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "issuer/ajson.h"

static int copy(char **out, const char *text, struct err *err)
{
    if (text == NULL) {
        return 0;
    }
    *out = strdup(text);
    return *out != NULL ? 0 : err_set(err, -ENOMEM, "out of memory");
}

static int take_url(char **out, const json_t *root, const char *key, struct err *err)
{
    const char *url = ajson_url(root, key);

    if (url == NULL) {
        return err_set(err, ERR_MALFORMED, "no ACME directory: %s is missing or no https URL", key);
    }
    return copy(out, url, err);
}

/* A word that goes into a request or beside others in a list: visible ASCII without quotes. */
static bool is_word(const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (*p <= ' ' || *p >= 0x7f || *p == '"' || *p == '\\' || *p == ',') {
            return false;
        }
    }
    return true;
}

static int take_caa(struct acme_directory *out, const json_t *meta, struct err *err)
{
    const json_t *list = json_object_get(meta, "caaIdentities"), *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        const char *name = json_string_value(item);
        int ret;

        if (name == NULL || name[0] == '\0' || json_string_length(item) > LIMIT_DOMAIN_TEXT ||
            !is_word(name)) {
            continue;
        }
        if (out->caa_count == LIMIT_CAA_IDENTITIES) {
            break;
        }
        if ((ret = copy(&out->caa[out->caa_count], name, err)) < 0) {
            return ret;
        }
        out->caa_count++;
    }
    return 0;
}

/* meta.profiles: an object of names and what they are, for people. */
static int take_profiles(struct acme_directory *out, json_t *meta, struct err *err)
{
    json_t *profiles = json_object_get(meta, "profiles"), *value;
    const char *name;

    json_object_foreach(profiles, name, value)
    {
        struct acme_profile *profile = &out->profiles[out->profile_count];
        const char *text = ajson_string(profiles, name, LIMIT_PROFILE_TEXT);
        int ret;

        if (name[0] == '\0' || strlen(name) > LIMIT_PROFILE_NAME || !is_word(name)) {
            continue;
        }
        if (out->profile_count == LIMIT_PROFILES) {
            break;
        }
        out->profile_count++; /* so that what is there is freed */
        if ((ret = copy(&profile->name, name, err)) < 0 ||
            (ret = copy(&profile->description, text != NULL ? text : "", err)) < 0) {
            return ret;
        }
    }
    return 0;
}

int acme_directory_parse(struct acme_directory *out, const char *body, size_t len, struct err *err)
{
    json_t *root = ajson_parse(body, len), *meta = json_object_get(root, "meta");
    int ret;

    *out = (struct acme_directory){0};
    if (root == NULL) {
        return err_set(err, ERR_MALFORMED, "no ACME directory: not a JSON object");
    }
    if ((ret = take_url(&out->new_nonce, root, "newNonce", err)) < 0 ||
        (ret = take_url(&out->new_account, root, "newAccount", err)) < 0 ||
        (ret = take_url(&out->new_order, root, "newOrder", err)) < 0 ||
        (ret = copy(&out->revoke_cert, ajson_url(root, "revokeCert"), err)) < 0 ||
        (ret = copy(&out->key_change, ajson_url(root, "keyChange"), err)) < 0 ||
        (ret = copy(&out->renewal_info, ajson_url(root, "renewalInfo"), err)) < 0 ||
        (ret = copy(&out->terms, ajson_string(meta, "termsOfService", LIMIT_URL), err)) < 0 ||
        (ret = copy(&out->website, ajson_string(meta, "website", LIMIT_URL), err)) < 0 ||
        (ret = take_caa(out, meta, err)) < 0 || (ret = take_profiles(out, meta, err)) < 0) {
        acme_directory_clear(out);
    } else {
        out->external_account = json_is_true(json_object_get(meta, "externalAccountRequired"));
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
    free(directory->key_change);
    free(directory->renewal_info);
    free(directory->terms);
    free(directory->website);
    for (size_t i = 0; i < directory->caa_count; i++) {
        free(directory->caa[i]);
    }
    for (size_t i = 0; i < directory->profile_count; i++) {
        free(directory->profiles[i].name);
        free(directory->profiles[i].description);
    }
    *directory = (struct acme_directory){0};
}
