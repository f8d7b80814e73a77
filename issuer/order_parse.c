#include "issuer/order_parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "issuer/ajson.h"
#include "issuer/http_header.h"
#include "issuer/problem.h"
#include "issuer/say.h"

#define MOST_ISSUERS 10 /* draft-ietf-acme-dns-persist */

static int out_of_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "out of memory");
}

static int copy(char **dst, const char *src, struct err *err)
{
    *dst = strdup(src);
    return *dst != NULL ? 0 : out_of_memory(err);
}

static int copy_problem(char **dst, char type[static 64], bool *temporary, const json_t *object,
                        struct err *err)
{
    struct problem problem;

    if (!json_is_object(object)) {
        return 0;
    }
    if (problem_from_json(&problem, object) < 0) {
        return out_of_memory(err);
    }
    memcpy(type, problem.type, sizeof(problem.type));
    *temporary = problem_is_temporary(&problem);
    *dst = problem.text;
    problem.text = NULL;
    problem_clear(&problem);
    return 0;
}

static void strings_free(char **strings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(strings[i]);
    }
    free(strings);
}

/* An array of 1 to LIMIT_NAMES members. */
static int check_array(const json_t *array, const char *key, struct err *err)
{
    if (!json_is_array(array) || json_array_size(array) == 0) {
        return err_set(err, ERR_MALFORMED, "its %s are missing", key);
    }
    if (json_array_size(array) > LIMIT_NAMES) {
        return err_set(err, ERR_LIMIT, "it has more than %d %s", LIMIT_NAMES, key);
    }
    return 0;
}

/* -- orders -- */

static int take_status(struct order_object *out, const json_t *root, struct err *err)
{
    static const char *const words[] = {"pending", "ready", "processing", "valid", "invalid"};
    const char *status = ajson_string(root, "status", 32);

    for (unsigned i = 0; status != NULL && i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(status, words[i]) == 0) {
            out->status = (enum order_status)i;
            return 0;
        }
    }
    return err_set(err, ERR_MALFORMED, "its status is missing or unknown");
}

static int take_names(struct order_object *out, const json_t *root, struct err *err)
{
    const json_t *array = json_object_get(root, "identifiers");
    int ret = check_array(array, "identifiers", err);

    if (ret < 0) {
        return ret;
    }
    out->names = calloc(json_array_size(array), sizeof(*out->names));
    if (out->names == NULL) {
        return out_of_memory(err);
    }
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *id = json_array_get(array, i);
        const char *type = ajson_string(id, "type", 32);
        const char *value = ajson_string(id, "value", LIMIT_DOMAIN_TEXT + 2);
        if (type == NULL || value == NULL || strcmp(type, "dns") != 0) {
            return err_set(err, ERR_MALFORMED, "an identifier of it is no DNS name");
        }
        if ((ret = copy(&out->names[i], value, err)) < 0) {
            return ret;
        }
        out->name_count++;
    }
    return 0;
}

static int take_authorizations(struct order_object *out, const json_t *root, struct err *err)
{
    const json_t *array = json_object_get(root, "authorizations");
    int ret = check_array(array, "authorizations", err);

    if (ret < 0) {
        return ret;
    }
    out->authorizations = calloc(json_array_size(array), sizeof(*out->authorizations));
    if (out->authorizations == NULL) {
        return out_of_memory(err);
    }
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *url = json_array_get(array, i);
        if (!json_is_string(url) ||
            !http_url_good(json_string_value(url), json_string_length(url))) {
            return err_set(err, ERR_MALFORMED, "an authorization of it has no https URL");
        }
        if ((ret = copy(&out->authorizations[i], json_string_value(url), err)) < 0) {
            return ret;
        }
        out->authorization_count++;
    }
    return 0;
}

static int take_urls(struct order_object *out, const json_t *root, struct err *err)
{
    const char *finalize = ajson_url(root, "finalize");
    const char *certificate = ajson_url(root, "certificate");

    if (finalize == NULL) {
        return err_set(err, ERR_MALFORMED, "its finalize is missing or no https URL");
    }
    if (out->status == ORDER_STATUS_VALID && certificate == NULL) {
        return err_set(err, ERR_MALFORMED, "it is valid, but has no https URL of a certificate");
    }
    int ret = copy(&out->finalize, finalize, err);
    if (ret == 0 && certificate != NULL) {
        ret = copy(&out->certificate, certificate, err);
    }
    return ret;
}

int order_object_parse(struct order_object *out, const char *body, size_t len, struct err *err)
{
    json_t *root = ajson_parse(body, len);
    bool temporary;
    int ret;

    *out = (struct order_object){0};
    if (root == NULL) {
        return err_set(err, ERR_MALFORMED, "it is not a JSON object");
    }
    if ((ret = take_status(out, root, err)) < 0 || (ret = take_names(out, root, err)) < 0 ||
        (ret = take_authorizations(out, root, err)) < 0 || (ret = take_urls(out, root, err)) < 0 ||
        (ret = copy_problem(&out->problem, out->problem_type, &temporary,
                            json_object_get(root, "error"), err)) < 0) {
        order_object_clear(out);
    }
    json_decref(root);
    return ret;
}

void order_object_clear(struct order_object *object)
{
    strings_free(object->names, object->name_count);
    strings_free(object->authorizations, object->authorization_count);
    free(object->finalize);
    free(object->certificate);
    free(object->problem);
    *object = (struct order_object){0};
}

/* -- authorizations -- */

static int take_authz_status(struct authz_object *out, const json_t *root, struct err *err)
{
    static const struct {
        const char *word;
        enum authz_status status;
    } words[] = {{"pending", AUTHZ_PENDING},  {"valid", AUTHZ_VALID},  {"invalid", AUTHZ_INVALID},
                 {"deactivated", AUTHZ_GONE}, {"expired", AUTHZ_GONE}, {"revoked", AUTHZ_GONE}};
    const char *status = ajson_string(root, "status", sizeof(out->status_text) - 1);

    for (size_t i = 0; status != NULL && i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(status, words[i].word) == 0) {
            out->status = words[i].status;
            memcpy(out->status_text, status, strlen(status) + 1);
            return 0;
        }
    }
    return err_set(err, ERR_MALFORMED, "its status is missing or unknown");
}

static int take_identifier(struct authz_object *out, const json_t *root, struct err *err)
{
    const json_t *id = json_object_get(root, "identifier");
    const char *type = ajson_string(id, "type", 32);
    const char *value = ajson_string(id, "value", LIMIT_DOMAIN_TEXT + 2);

    if (type == NULL || value == NULL || strcmp(type, "dns") != 0) {
        return err_set(err, ERR_MALFORMED, "its identifier is no DNS name");
    }
    out->wildcard = json_is_true(json_object_get(root, "wildcard"));
    if (strncmp(value, "*.", 2) == 0) {
        out->wildcard = true;
        value += 2;
    }
    return copy(&out->domain, value, err);
}

/* RFC 8555 8.1: a token has no character but base64url's. It goes into a DNS record. */
static bool token_good(const char *token)
{
    return token != NULL && http_nonce_good(token, strlen(token));
}

/* draft-ietf-acme-dns-persist: 1 to 10 names of the CA, of which any will do in the record. */
static int take_issuer_domain(struct authz_object *out, const json_t *challenge, struct err *err)
{
    const json_t *array = json_object_get(challenge, "issuer-domain-names");
    const char *name = json_string_value(json_array_get(array, 0));

    if (json_array_size(array) > MOST_ISSUERS || name == NULL || name[0] == '\0' ||
        strlen(name) > LIMIT_DOMAIN_TEXT ||
        name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.")] !=
            '\0') {
        return err_set(err, ERR_MALFORMED,
                       "its dns-persist-01 challenge has no list of 1 to %d issuer-domain-names",
                       MOST_ISSUERS);
    }
    return copy(&out->issuer_domain, name, err);
}

static int take_challenge(struct authz_object *out, enum order_challenge wanted,
                          const json_t *challenge, struct err *err)
{
    const char *url = ajson_url(challenge, "url");
    const char *token = ajson_string(challenge, "token", LIMIT_TOKEN);
    const char *status = ajson_string(challenge, "status", 32);
    const char *name = order_challenge_name(wanted);
    int ret;

    if (out->status != AUTHZ_PENDING || out->challenge_url != NULL) {
        return 0;
    }
    if (url == NULL) {
        return err_set(err, ERR_MALFORMED, "its %s challenge has no https URL", name);
    }
    if (wanted == ORDER_DNS_PERSIST_01) {
        if ((ret = take_issuer_domain(out, challenge, err)) < 0) {
            return ret;
        }
    } else if (!token_good(token)) {
        return err_set(err, ERR_MALFORMED,
                       "the token of its %s challenge is missing, too long or not base64url", name);
    } else {
        memcpy(out->token, token, strlen(token) + 1);
    }
    out->challenge_pending = status == NULL || strcmp(status, "pending") == 0;
    return copy(&out->challenge_url, url, err);
}

static int add_offered(struct authz_object *out, const char *type, struct err *err)
{
    struct say say;

    say_init(&say, sizeof(out->offered) - 1);
    say_add(&say, "%s%s", out->offered, out->offered[0] != '\0' ? ", " : "");
    say_add_foreign(&say, type, 32);
    char *text = say_take(&say);
    if (text == NULL) {
        return out_of_memory(err);
    }
    memcpy(out->offered, text, strlen(text) + 1);
    free(text);
    return 0;
}

static int take_one(struct authz_object *out, enum order_challenge wanted, const json_t *challenge,
                    struct err *err)
{
    const json_t *error = json_object_get(challenge, "error");
    const char *type = ajson_string(challenge, "type", 64);
    bool is = type != NULL && strcmp(type, order_challenge_name(wanted)) == 0;
    int ret = type != NULL ? add_offered(out, type, err) : 0;

    if (ret == 0 && json_is_object(error) && (out->problem == NULL || is)) {
        free(out->problem);
        out->problem = NULL;
        ret = copy_problem(&out->problem, out->problem_type, &out->problem_temporary, error, err);
    }
    if (ret == 0 && is) {
        ret = take_challenge(out, wanted, challenge, err);
    }
    return ret;
}

/* Types that nobody knows are passed over: CAs add new ones. */
static int take_challenges(struct authz_object *out, enum order_challenge wanted,
                           const json_t *root, struct err *err)
{
    const json_t *array = json_object_get(root, "challenges");
    int ret = 0;

    if (!json_is_array(array)) {
        return err_set(err, ERR_MALFORMED, "its challenges are missing");
    }
    if (json_array_size(array) > LIMIT_NAMES) {
        return err_set(err, ERR_LIMIT, "it has more than %d challenges", LIMIT_NAMES);
    }
    for (size_t i = 0; ret == 0 && i < json_array_size(array); i++) {
        ret = take_one(out, wanted, json_array_get(array, i), err);
    }
    return ret;
}

int authz_object_parse(struct authz_object *out, enum order_challenge wanted, const char *body,
                       size_t len, struct err *err)
{
    json_t *root = ajson_parse(body, len);
    int ret;

    *out = (struct authz_object){0};
    if (root == NULL) {
        return err_set(err, ERR_MALFORMED, "it is not a JSON object");
    }
    if ((ret = take_authz_status(out, root, err)) < 0 ||
        (ret = take_identifier(out, root, err)) < 0 ||
        (ret = take_challenges(out, wanted, root, err)) < 0) {
        authz_object_clear(out);
    }
    json_decref(root);
    return ret;
}

void authz_object_clear(struct authz_object *object)
{
    free(object->domain);
    free(object->challenge_url);
    free(object->issuer_domain);
    free(object->problem);
    *object = (struct authz_object){0};
}
