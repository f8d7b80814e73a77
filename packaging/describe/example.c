/*
 * The example configurations (conf/) show every key, most of them behind a #, in one form that
 * tests/integration/test_example_config.py holds them to. Only that form is read here.
 */
#include <ctype.h>
#include <string.h>

#include "packaging/describe/describe.h"

static void trim(char *text)
{
    size_t len = strcspn(text, "\n");
    char *comment = strstr(text, " #");
    len = comment != NULL && (size_t)(comment - text) < len ? (size_t)(comment - text) : len;
    while (len > 0 && text[len - 1] == ' ') {
        len--;
    }
    text[len] = '\0';
}

/* What stands behind "key:" where the text begins so, else NULL. */
static char *behind_key(char *text, const char *key)
{
    size_t len = strlen(key);
    if (strncmp(text, key, len) != 0 || text[len] != ':') {
        return NULL;
    }
    return text + len + 1 + strspn(text + len + 1, " ");
}

/* The text of a row's line: "  - key: value", "    # key: value". */
static char *in_row(char *text)
{
    text += strspn(text, " ");
    text += strncmp(text, "- ", 2) == 0 || strncmp(text, "# ", 2) == 0 ? 2 : 0;
    return text;
}

/* Items on lines of their own, as a sequence on one. */
static void put_items(FILE *file, char *dst, size_t cap)
{
    char line[512];
    size_t at = (size_t)snprintf(dst, cap, "[");
    while (fgets(line, sizeof(line), file) != NULL && at < cap) {
        char *text = line + (line[0] == '#');
        if (strncmp(text, "  - ", 4) != 0) {
            break;
        }
        trim(text);
        at += (size_t)snprintf(dst + at, cap - at, "%s%s", at > 1 ? ", " : "", text + 4);
    }
    if (at < cap) {
        snprintf(dst + at, cap - at, "]");
    }
}

bool describe_example(FILE *file, const char *table, const char *key, char *dst, size_t cap)
{
    char line[512], *value = NULL;
    bool inside = table == NULL;

    rewind(file);
    while (value == NULL && fgets(line, sizeof(line), file) != NULL) {
        char *text = line + (line[0] == '#');
        if (table == NULL) {
            value = behind_key(text, key);
        } else if (islower((unsigned char)text[0])) {
            inside = behind_key(text, table) != NULL;
        } else if (inside) {
            value = behind_key(in_row(text), key);
        }
    }
    if (value == NULL) {
        return false;
    }
    trim(value);
    if (value[0] == '\0') {
        put_items(file, dst, cap);
    } else {
        snprintf(dst, cap, "%s", value);
    }
    return true;
}
