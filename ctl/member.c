#include "ctl/member.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHORT_WIDTH 60 /* columns: two names of usual length */

const char *member_string(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

json_int_t member_integer(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_integer(value) ? json_integer_value(value) : -1;
}

const char *member_digits(const json_t *object, const char *name, char *dst, size_t cap)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_integer(value)) {
        return NULL;
    }
    snprintf(dst, cap, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return dst;
}

char *member_joined(const json_t *object, const char *name)
{
    const json_t *list = json_object_get(object, name), *item;
    size_t i, len = 1, at = 0;
    json_array_foreach(list, i, item)
    {
        len += json_string_length(item) + 2;
    }
    char *text = len == 1 ? NULL : malloc(len);
    if (text == NULL) {
        return NULL;
    }
    text[0] = '\0';
    json_array_foreach(list, i, item)
    {
        if (json_is_string(item)) {
            at += (size_t)snprintf(text + at, len - at, "%s%s", at == 0 ? "" : ", ",
                                   json_string_value(item));
        }
    }
    return text;
}

char *member_joined_short(const json_t *object, const char *name)
{
    const json_t *list = json_object_get(object, name);
    const char *first = json_string_value(json_array_get(list, 0));
    char *text = member_joined(object, name), *shorter;
    if (text == NULL || first == NULL || strlen(text) <= SHORT_WIDTH || json_array_size(list) < 2) {
        return text;
    }
    if (asprintf(&shorter, "%s and %zu more", first, json_array_size(list) - 1) < 0) {
        shorter = NULL;
    }
    free(text);
    return shorter;
}
