#include "issuer/ajson.h"

#include <stdbool.h>
#include <string.h>

#include "common/limits.h"
#include "issuer/http_header.h"

/* Whether brackets outside strings nest no deeper than LIMIT_JSON_DEPTH. The parser recurses, so
 * this is looked at before. */
static bool shallow(const char *text, size_t len)
{
    unsigned depth = 0;
    bool string = false;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (string) {
            if (c == '\\') {
                i++;
            } else if (c == '"') {
                string = false;
            }
        } else if (c == '"') {
            string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > LIMIT_JSON_DEPTH) {
                return false;
            }
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return true;
}

json_t *ajson_parse(const char *text, size_t len)
{
    if (text == NULL || len > LIMIT_HTTP_BODY || !shallow(text, len)) {
        return NULL;
    }
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    if (root != NULL && !json_is_object(root)) {
        json_decref(root);
        return NULL;
    }
    return root;
}

const char *ajson_string(const json_t *object, const char *key, size_t max)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_string(value)) {
        return NULL;
    }
    size_t len = json_string_length(value);
    return len >= 1 && len <= max ? json_string_value(value) : NULL;
}

const char *ajson_url(const json_t *object, const char *key)
{
    const char *url = ajson_string(object, key, LIMIT_URL);

    return url != NULL && http_url_good(url, strlen(url)) ? url : NULL;
}
