/*
 * What the files of common/conf share.
 */
#ifndef CERTMILL_COMMON_CONF_INTERNAL_H
#define CERTMILL_COMMON_CONF_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/conf.h"

/* Where a value came from, for errors. */
enum conf_source { CONF_FROM_DEFAULT, CONF_FROM_FILE, CONF_FROM_VARIABLE, CONF_FROM_OPTION };

struct conf_place {
    enum conf_source source;
    const char *name;    /* path, or variable; not used for options */
    size_t line, column; /* 1-based; files only */
};

/* Sets err to "PLACE: KEY: text"; key may be NULL. Returns code. */
int conf_fail(struct err *err, const struct conf_place *place, const char *key, int code,
              const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Puts "PLACE: KEY: " before the text that a check set. Returns code. */
int conf_locate(struct err *err, const struct conf_place *place, const char *key, int code);

/* A foreign value as it can be shown: escaped, quoted, cut. Returns dst. */
#define CONF_SHOWN 96
const char *conf_show(char dst[static CONF_SHOWN], const char *value);

const struct conf_option *conf_find(const struct conf_schema *schema, const char *key, size_t len);
/* The key at the least edit distance. *close: near enough for "did you mean". */
const char *conf_nearest(const struct conf_schema *schema, const char *key, bool *close);

static inline void *conf_field(const struct conf_option *option, void *base)
{
    return (char *)base + option->offset;
}

static inline const void *conf_field_const(const struct conf_option *option, const void *base)
{
    return (const char *)base + option->offset;
}

/* Sets one scalar (not CONF_STRINGS, CONF_TABLE). */
int conf_set(const struct conf_option *option, void *base, const char *value,
             const struct conf_place *place, struct err *err);
/* Unsets, where the option may be unset. */
int conf_unset(const struct conf_option *option, void *base, const struct conf_place *place,
               struct err *err);
/* Appends one checked item to CONF_STRINGS. */
int conf_append(const struct conf_option *option, void *base, const char *value,
                const struct conf_place *place, struct err *err);
/* What a variable or option holds: a scalar, or a list divided by the separator, appended. */
int conf_set_text(const struct conf_option *option, void *base, const char *text,
                  const struct conf_place *place, struct err *err);
/* Frees the option's value and leaves it empty. */
void conf_reset(const struct conf_option *option, void *base);
/* The option's default, in place of what it has. */
int conf_default(const struct conf_option *option, void *base, struct err *err);
/* Every default; base is zeroed. */
int conf_defaults(const struct conf_schema *schema, void *base, struct err *err);

/* Reads the YAML file over what *base holds. */
int conf_read_yaml(const struct conf_schema *schema, void *base, const char *path, struct err *err);
/* The same from memory; path stands in errors. */
int conf_parse_yaml(const struct conf_schema *schema, void *base, const char *path,
                    const char *text, size_t len, struct err *err);

#endif
