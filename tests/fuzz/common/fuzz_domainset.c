/* Any text as a name and as domain sets: what is taken is in its normal form. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/domainset.h"
#include "common/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_normal(const char *name)
{
    char again[LIMIT_DOMAIN_TEXT + 1];

    if (strlen(name) > LIMIT_DOMAIN_TEXT || domain_normalize(again, name, NULL) != 0 ||
        strcmp(name, again) != 0) {
        abort();
    }
}

static void check_sets(const struct domainsets *sets)
{
    struct err err;

    for (size_t s = 0; s < sets->count; s++) {
        const struct domainset *set = &sets->sets[s];
        for (size_t i = 0; i < set->count; i++) {
            check_normal(set->names[i]);
            if (i > 0 && strcmp(set->names[i - 1], set->names[i]) >= 0) {
                abort();
            }
        }
        if (set->count == 0 || domainsets_permit(sets, set->names, set->count, &err) != 0) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char normal[LIMIT_DOMAIN_TEXT + 1], *text = malloc(size + 1);
    struct domainsets sets;
    struct err err;

    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    if (domain_normalize(normal, text, &err) == 0) {
        check_normal(normal);
    }
    if (domainsets_parse(&sets, text, &err) == 0) {
        check_sets(&sets);
        domainsets_clear(&sets);
    }
    free(text);
    return 0;
}
