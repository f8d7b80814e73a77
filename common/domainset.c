#include "common/domainset.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void set_clear(struct domainset *set)
{
    for (size_t i = 0; i < set->count; i++) {
        free(set->names[i]);
    }
    free(set->names);
    *set = (struct domainset){0};
}

void domainsets_clear(struct domainsets *sets)
{
    for (size_t i = 0; i < sets->count; i++) {
        set_clear(&sets->sets[i]);
    }
    free(sets->sets);
    *sets = (struct domainsets){0};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Takes the white space around [*start, *end) away. */
static void trim(const char **start, const char **end)
{
    while (*start < *end && is_blank(**start)) {
        (*start)++;
    }
    while (*end > *start && is_blank((*end)[-1])) {
        (*end)--;
    }
}

static int add_name(struct domainset *set, const char *start, const char *end, struct err *err)
{
    char name[4 * (LIMIT_DOMAIN_TEXT + 1) + 2], normal[LIMIT_DOMAIN_TEXT + 1];
    int ret;

    trim(&start, &end);
    if (start == end) {
        return err_set(err, ERR_MALFORMED,
                       "an empty name in the domain sets; names are divided by one comma");
    }
    if ((size_t)(end - start) >= sizeof(name)) {
        return err_set(err, ERR_MALFORMED, "'%.64s...' is not a domain name: it is too long",
                       start);
    }
    memcpy(name, start, (size_t)(end - start));
    name[end - start] = '\0';
    if ((ret = domain_normalize(normal, name, err)) < 0) {
        return ret;
    }
    if ((set->names[set->count] = strdup(normal)) == NULL) {
        return err_set(err, -ENOMEM, "out of memory while reading the domain sets");
    }
    set->count++;
    return 0;
}

static void sort_unique(struct domainset *set)
{
    size_t kept = 0;

    qsort(set->names, set->count, sizeof(*set->names), compare);
    for (size_t i = 0; i < set->count; i++) {
        if (kept > 0 && strcmp(set->names[kept - 1], set->names[i]) == 0) {
            free(set->names[i]);
        } else {
            set->names[kept++] = set->names[i];
        }
    }
    set->count = kept;
}

/* A set that is not empty. On error what it holds is freed. */
static int parse_set(struct domainset *set, const char *start, const char *end, struct err *err)
{
    size_t commas = 0;
    int ret = 0;

    for (const char *p = start; p < end; p++) {
        commas += *p == ',';
    }
    *set = (struct domainset){.names = calloc(commas + 1, sizeof(*set->names))};
    if (set->names == NULL) {
        return err_set(err, -ENOMEM, "out of memory while reading the domain sets");
    }
    for (;;) {
        const char *comma = memchr(start, ',', (size_t)(end - start));
        if ((ret = add_name(set, start, comma != NULL ? comma : end, err)) < 0) {
            set_clear(set);
            return ret;
        }
        if (comma == NULL) {
            break;
        }
        start = comma + 1;
    }
    sort_unique(set);
    return 0;
}

static int add_set(struct domainsets *sets, const char *start, const char *end, struct err *err)
{
    struct domainset *grown;
    int ret;

    trim(&start, &end);
    if (start == end) {
        return 0;
    }
    if (sets->count >= LIMIT_SETS) {
        return err_set(err, ERR_LIMIT, "more than %d domain sets", LIMIT_SETS);
    }
    grown = realloc(sets->sets, (sets->count + 1) * sizeof(*grown));
    if (grown == NULL) {
        return err_set(err, -ENOMEM, "out of memory while reading the domain sets");
    }
    sets->sets = grown;
    if ((ret = parse_set(&grown[sets->count], start, end, err)) == 0) {
        sets->count++;
    }
    return ret;
}

int domainsets_parse(struct domainsets *out, const char *text, struct err *err)
{
    size_t len = strnlen(text, LIMIT_DOMAINSETS + 1);
    const char *end = text + len, *semicolon;
    int ret;

    *out = (struct domainsets){0};
    if (len > LIMIT_DOMAINSETS) {
        return err_set(err, ERR_LIMIT, "the domain sets are longer than %u bytes",
                       LIMIT_DOMAINSETS);
    }
    for (;;) {
        semicolon = memchr(text, ';', (size_t)(end - text));
        if ((ret = add_set(out, text, semicolon != NULL ? semicolon : end, err)) < 0) {
            domainsets_clear(out);
            return ret;
        }
        if (semicolon == NULL) {
            return 0;
        }
        text = semicolon + 1;
    }
}

static bool set_has(const struct domainset *set, const char *name)
{
    return bsearch(&name, set->names, set->count, sizeof(*set->names), compare) != NULL;
}

/* The first name that the set lacks, or NULL. */
static const char *set_lacks(const struct domainset *set, char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!set_has(set, names[i])) {
            return names[i];
        }
    }
    return NULL;
}

static const char *nobody_has(const struct domainsets *sets, char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t s = 0;
        while (s < sets->count && !set_has(&sets->sets[s], names[i])) {
            s++;
        }
        if (s == sets->count) {
            return names[i];
        }
    }
    return NULL;
}

/* "a.example, b.example; c.example" as far as it fits, then "..." */
static void list(char *dst, size_t cap, const struct domainsets *sets)
{
    size_t len = 0, n;

    dst[0] = '\0';
    for (size_t s = 0; s < sets->count; s++) {
        for (size_t i = 0; i < sets->sets[s].count; i++) {
            const char *name = sets->sets[s].names[i];
            const char *comma = i > 0 ? ", " : s > 0 ? "; " : "";
            n = strlen(comma) + strlen(name);
            if (n + sizeof(", ...") > cap - len) {
                snprintf(dst + len, cap - len, ", ...");
                return;
            }
            len += (size_t)snprintf(dst + len, cap - len, "%s%s", comma, name);
        }
    }
}

int domainsets_permit(const struct domainsets *sets, char *const *names, size_t count,
                      struct err *err)
{
    char permitted[LIMIT_ERROR_TEXT / 2];
    const char *name;

    if (count == 0) {
        return err_set(err, ERR_POLICY, "no name is asked for");
    }
    for (size_t i = 0; i < sets->count; i++) {
        if (set_lacks(&sets->sets[i], names, count) == NULL) {
            return 0;
        }
    }
    if (sets->count == 0) {
        return err_set(err, ERR_POLICY, "%.253s is not permitted: no domain sets are configured",
                       names[0]);
    }
    list(permitted, sizeof(permitted), sets);
    if ((name = nobody_has(sets, names, count)) != NULL) {
        return err_set(err, ERR_POLICY, "%.253s is not permitted; permitted is: %s", name,
                       permitted);
    }
    return err_set(err, ERR_POLICY,
                   "no single domain set has all %zu names, %.253s among them; permitted is: %s",
                   count, names[0], permitted);
}
