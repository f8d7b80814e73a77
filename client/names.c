#include "client/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    char *name;
    size_t at; /* its place in the sets */
};

const char *names_plain(const char *name)
{
    return strncmp(name, "*.", 2) == 0 ? name + 2 : name;
}

static int by_name(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

static int by_place(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

static size_t collect(struct entry *entries, const struct sets *sets, bool without_wildcards)
{
    size_t count = 0;
    for (size_t i = 0; i < sets->count; i++) {
        for (size_t j = 0; j < sets->items[i].count; j++) {
            char *name = sets->items[i].names[j];
            name += without_wildcards && strncmp(name, "*.", 2) == 0 ? 2 : 0;
            entries[count] = (struct entry){name, count};
            count++;
        }
    }
    return count;
}

/* Of each name the first stays. */
static size_t remove_doubles(struct entry *entries, size_t count)
{
    size_t kept = 0;
    qsort(entries, count, sizeof(*entries), by_name);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || strcmp(entries[kept - 1].name, entries[i].name) != 0) {
            entries[kept++] = entries[i];
        }
    }
    qsort(entries, kept, sizeof(*entries), by_place);
    return kept;
}

int names_of_sets(struct names *out, const struct sets *sets, bool without_wildcards)
{
    size_t total = 0;
    *out = (struct names){0};
    for (size_t i = 0; i < sets->count; i++) {
        total += sets->items[i].count;
    }
    struct entry *entries = calloc(total + 1, sizeof(*entries));
    char **items = calloc(total + 1, sizeof(*items));
    if (entries == NULL || items == NULL) {
        free(entries);
        free(items);
        return -ENOMEM;
    }
    out->count = remove_doubles(entries, collect(entries, sets, without_wildcards));
    for (size_t i = 0; i < out->count; i++) {
        items[i] = entries[i].name;
    }
    free(entries);
    out->items = items;
    return 0;
}

void names_clear(struct names *names)
{
    free(names->items);
    *names = (struct names){0};
}
