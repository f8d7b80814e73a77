#include "client/sets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/domainset.h"
#include "common/log_line.h"

static int append(struct set *set, const char *name, struct err *err)
{
    if (set->count == LIMIT_NAMES) {
        return err_set(err, ERR_LIMIT,
                       "it has more than %d names, which is what a certificate has at most: make "
                       "two of it",
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
    if (start == end) {
        return err_set(err, ERR_MALFORMED, "there is no name %s: remove it or give one",
                       set->count == 0 ? "in it, or none before its first comma"
                                       : "between two commas, or behind the last one");
    }
    char *text = strndup(start, (size_t)(end - start));
    if (text == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    int ret = domain_normalize(name, text, err);
    bool several = text[strcspn(text, " ;")] != '\0';
    free(text);
    if (ret < 0 && several && err != NULL) {
        char why[LIMIT_ERROR_TEXT];
        memcpy(why, err->text, sizeof(why));
        err_set(err, ret,
                "%.800s; the names of a set are divided by commas, and each set is an entry of "
                "its own",
                why);
    }
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

/* Says in which set, by its first name. */
static int locate(const char *text, int code, struct err *err)
{
    char shown[80];
    struct log_line line;
    if (err == NULL || code == -ENOMEM) {
        return code;
    }
    char *first = strndup(text, strcspn(text, ","));
    log_line_begin(&line, shown, sizeof(shown), 1);
    log_line_text(&line, first != NULL ? first : "");
    log_line_end(&line, "");
    free(first);
    return err_prefix(err, "the set '%s%s'", shown, strchr(text, ',') != NULL ? ",..." : "");
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
        return locate(text, ret, err);
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

static bool is_same(const struct set *a, const struct set *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++) {
        same = has_name(b, a->names[i]);
    }
    return same;
}

static int refuse_same_files(const struct set *a, const struct set *b, struct err *err)
{
    if (a->count == 0 || b->count == 0) {
        return err_set(err, ERR_INTERNAL, "a set without names"); /* set_parse makes none */
    }
    if (is_same(a, b)) {
        return err_set(err, ERR_EXISTS,
                       "domain-list: the set that begins with %s stands there twice: remove one",
                       b->names[0]);
    }
    if (strcmp(a->names[0], b->names[0]) == 0) {
        return err_set(err, ERR_EXISTS,
                       "domain-list: two sets begin with %s, and so would have the same files: "
                       "put another name first in one of them",
                       b->names[0]);
    }
    return err_set(err, ERR_EXISTS,
                   "domain-list: the sets that begin with %s and %s would have the same files, "
                   "for only the last %d octets of a name go into theirs: put another name first "
                   "in one of them",
                   a->names[0], b->names[0], FILES_NAME_MAX);
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
        for (size_t j = 0; ret == 0 && j < i; j++) {
            if (strcmp(out->items[j].name, out->items[i].name) == 0) {
                ret = refuse_same_files(&out->items[j], &out->items[i], err);
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
