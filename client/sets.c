#include "client/sets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/domainset.h"

static int append(struct set *set, const char *name, struct err *err)
{
    if (set->count == LIMIT_NAMES) {
        return err_set(err, ERR_LIMIT, "a set has at most %d names, as a certificate has",
                       LIMIT_NAMES);
    }
    if ((set->names[set->count] = strdup(name)) == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    set->count++;
    return 0;
}

static bool has_name(const struct set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* Adds the name between the two pointers, which may have blanks around it. */
static int add_name(struct set *set, const char *start, const char *end, struct err *err)
{
    char name[LIMIT_DOMAIN_TEXT + 1];
    while (start < end && strchr(" \t\r\n", *start) != NULL) {
        start++;
    }
    while (end > start && strchr(" \t\r\n", end[-1]) != NULL) {
        end--;
    }
    char *text = strndup(start, (size_t)(end - start));
    if (text == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    int ret = domain_normalize(name, text, err);
    free(text);
    if (ret < 0 || has_name(set, name)) {
        return ret;
    }
    return append(set, name, err);
}

static void set_file_name(struct set *set)
{
    const char *first = set->count > 0 ? set->names[0] : "";
    size_t len = strlen(first);
    if (len > FILES_NAME_MAX) {
        first += len - FILES_NAME_MAX;
        len = FILES_NAME_MAX;
    }
    memcpy(set->name, first, len + 1);
}

int set_parse(struct set *out, const char *text, struct err *err)
{
    int ret = 0;
    *out = (struct set){0};
    if ((out->names = calloc(LIMIT_NAMES, sizeof(out->names[0]))) == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    for (const char *p = text; ret == 0; p++) {
        const char *comma = strchrnul(p, ',');
        ret = add_name(out, p, comma, err);
        p = comma;
        if (*p == '\0') {
            break;
        }
    }
    if (ret < 0) {
        set_clear(out);
        return ret;
    }
    set_file_name(out);
    return 0;
}

void set_clear(struct set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        free(set->names[i]);
    }
    free(set->names);
    *set = (struct set){0};
}

/* Two labels and no wildcard. */
static bool is_bare(const char *name)
{
    const char *dot = strchr(name, '.');
    return dot != NULL && name[0] != '*' && strchr(dot + 1, '.') == NULL;
}

static bool sets_have(const struct sets *sets, const char *name)
{
    for (size_t i = 0; i < sets->count; i++) {
        if (has_name(&sets->items[i], name)) {
            return true;
        }
    }
    return false;
}

static int set_add_www(const struct sets *sets, struct set *set, struct err *err)
{
    const size_t count = set->count;
    int ret = 0;
    for (size_t i = 0; ret == 0 && i < count; i++) {
        char www[LIMIT_DOMAIN_TEXT + 5], wildcard[LIMIT_DOMAIN_TEXT + 3];
        snprintf(www, sizeof(www), "www.%s", set->names[i]);
        snprintf(wildcard, sizeof(wildcard), "*.%s", set->names[i]);
        if (is_bare(set->names[i]) && !sets_have(sets, www) && !has_name(set, wildcard) &&
            (ret = append(set, www, err)) < 0) {
            err_prefix(err, "add-www: %s", set->names[i]);
        }
    }
    return ret;
}

int sets_parse(struct sets *out, char *const *texts, size_t count, bool add_www, struct err *err)
{
    *out = (struct sets){0};
    int ret = 0;
    if ((out->items = calloc(count + 1, sizeof(out->items[0]))) == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    for (size_t i = 0; ret == 0 && i < count; i++) {
        if ((ret = set_parse(&out->items[i], texts[i], err)) < 0) {
            break;
        }
        out->count++;
        for (size_t j = 0; j < i; j++) {
            if (strcmp(out->items[j].name, out->items[i].name) == 0) {
                ret = err_set(err, ERR_EXISTS,
                              "domain-list: two sets begin with %s, and so would have the same "
                              "files: put another name first in one of them",
                              out->items[i].names[0]);
            }
        }
    }
    for (size_t i = 0; add_www && ret == 0 && i < out->count; i++) {
        ret = set_add_www(out, &out->items[i], err);
    }
    if (ret < 0) {
        sets_clear(out);
    }
    return ret;
}

void sets_clear(struct sets *sets)
{
    for (size_t i = 0; i < sets->count; i++) {
        set_clear(&sets->items[i]);
    }
    free(sets->items);
    *sets = (struct sets){0};
}
