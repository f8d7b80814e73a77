#include "issuer/policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/domainset.h"

int policy_names(const char *domains, const struct csr *csr, struct err *err)
{
    struct domainsets sets;
    int ret = domainsets_parse(&sets, domains, err);

    if (ret < 0) {
        (void)err_prefix(err, "the domain sets of this client, to be mended on the server");
        return ret;
    }
    ret = sets.count > 0
              ? domainsets_permit(&sets, csr->names, csr->count, err)
              : err_set(err, ERR_POLICY,
                        "this client may have no names: the server sets no domain sets for it "
                        "(CERTGRINDERD_DOMAINSETS or --domains)");
    domainsets_clear(&sets);
    return ret;
}

static bool fits(const char *pattern, const char *name)
{
    char normal[LIMIT_DOMAIN_TEXT + 1];
    size_t n = strlen(name), p;

    if (domain_normalize(normal, pattern, NULL) < 0) {
        return false;
    }
    if (normal[0] != '*') {
        return strcmp(normal, name) == 0;
    }
    p = strlen(normal) - 1; /* with the dot */
    return n > p && strcmp(name + (n - p), normal + 1) == 0;
}

bool policy_patterns(const struct conf_strings *patterns, const char *name)
{
    for (size_t i = 0; i < patterns->count; i++) {
        if (fits(patterns->items[i], name)) {
            return true;
        }
    }
    return false;
}

/* -- clients of the configuration -- */

static bool has(const struct conf_strings *strings, const char *text)
{
    for (size_t i = 0; i < strings->count; i++) {
        if (strcmp(strings->items[i], text) == 0) {
            return true;
        }
    }
    return false;
}

/* "a, b, c" as far as it fits */
static const char *list(char *dst, size_t cap, const struct conf_strings *strings)
{
    size_t len = 0;

    dst[0] = '\0';
    for (size_t i = 0; i < strings->count && len + 1 < cap; i++) {
        len += (size_t)snprintf(dst + len, cap - len, "%s%s", i > 0 ? ", " : "", strings->items[i]);
    }
    return dst;
}

/* All sets as one text; NULL when out of memory. */
static char *join(const struct conf_strings *sets)
{
    size_t len = 0;
    char *text = NULL;
    FILE *out = open_memstream(&text, &len);

    if (out == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < sets->count; i++) {
        (void)fprintf(out, "%s;", sets->items[i]);
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* The names that no pattern fits, count of them; at least one. */
static int permit_rest(const struct server_conf_client *client, char *const *names, size_t count,
                       struct err *err)
{
    char *text = join(&client->names), patterns[256];
    struct domainsets sets;
    int ret;

    if (text == NULL) {
        return err_set(err, -ENOMEM, "out of memory while reading what a client may have");
    }
    ret = domainsets_parse(&sets, text, err);
    free(text);
    if (ret < 0) {
        return ret;
    }
    ret = sets.count > 0 ? domainsets_permit(&sets, names, count, err)
                         : err_set(err, ERR_POLICY, "%.253s is not permitted to the client %s",
                                   names[0], client->name);
    if (ret == ERR_POLICY && client->patterns.count > 0) {
        struct err why = *err;

        (void)err_set(err, ERR_POLICY, "%.700s (and what fits %s)", why.text,
                      list(patterns, sizeof patterns, &client->patterns));
    }
    domainsets_clear(&sets);
    return ret;
}

int policy_client_names(const struct server_conf_client *client, const struct csr *csr,
                        struct err *err)
{
    char *rest[LIMIT_NAMES];
    size_t count = 0;

    if ((int64_t)csr->count > client->max_names || csr->count > LIMIT_NAMES) {
        return err_set(err, ERR_POLICY,
                       "%zu names are asked for; the client %s may have at most %lld in one "
                       "certificate",
                       csr->count, client->name, (long long)client->max_names);
    }
    for (size_t i = 0; i < csr->count; i++) {
        if (!policy_patterns(&client->patterns, csr->names[i])) {
            rest[count++] = csr->names[i];
        }
    }
    return count == 0 ? 0 : permit_rest(client, rest, count, err);
}

int policy_client(const struct server_conf_client *client, const struct csr *csr,
                  const char *profile, struct err *err)
{
    char text[256];

    if (client->key_types.count > 0 && !has(&client->key_types, csr->key_type)) {
        return err_set(err, ERR_POLICY,
                       "the client %s may not have a key of kind %s; permitted: %s", client->name,
                       csr->key_type, list(text, sizeof text, &client->key_types));
    }
    if (profile != NULL && !has(&client->profiles, profile) &&
        (client->profile == NULL || strcmp(client->profile, profile) != 0)) {
        return err_set(
            err, ERR_POLICY, "the client %s may not ask for the profile %.64s; permitted: %s",
            client->name, profile,
            client->profiles.count > 0 ? list(text, sizeof text, &client->profiles) : "none");
    }
    return policy_client_names(client, csr, err);
}
