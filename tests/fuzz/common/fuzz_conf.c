/* Any YAML: refused with a place, or printed so that it reads back the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf_internal.h"
#include "common/limits.h"
#include "common/server_conf.h"
#include "common/server_conf_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The values as text (the caller frees), or NULL where the YAML is refused. */
static char *print_back(const char *yaml, size_t len, size_t *printed)
{
    struct server_conf conf = {0};
    struct err err = {0};
    char *text = NULL;
    FILE *out;

    if (conf_defaults(&server_conf_schema, &conf, &err) < 0) {
        abort();
    }
    if (conf_parse_yaml(&server_conf_schema, &conf, "f", yaml, len, &err) < 0 ||
        server_conf_check_as(&conf, "ns.example.net", &err) < 0) {
        if (err.code >= 0 || err.text[0] == '\0') {
            abort();
        }
    } else if ((out = open_memstream(&text, printed)) != NULL) {
        conf_print(&server_conf_schema, &conf, out);
        fclose(out);
    }
    conf_clear(&server_conf_schema, &conf);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t first_len = 0, second_len = 0;
    char *first, *second;

    if (size > LIMIT_CONF_FILE) {
        return 0;
    }
    if ((first = print_back((const char *)data, size, &first_len)) == NULL) {
        return 0;
    }
    second = print_back(first, first_len, &second_len);
    if (second == NULL || strcmp(first, second) != 0) {
        fprintf(stderr, "first:\n%s\nsecond:\n%s\n", first, second != NULL ? second : "refused");
        abort();
    }
    free(first);
    free(second);
    return 0;
}
