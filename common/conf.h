/*
 * Configuration from one schema: a row an option, from which parsing, checking,
 * --help, `show configuration` and the manual come.
 *
 * Values come from the default, a YAML file, the environment
 * (PREFIX_KEY_NAME) and the command line (--key-name value, --key-name=value,
 * -x value), the later of these winning. Lists: in YAML a sequence or a single
 * scalar; in the environment and after --key one scalar, divided at the separator or
 * (separator 0) not divided; a repeated --key appends.
 * Booleans on the command line may stand alone. Every error names file:line:column,
 * the variable or the option; an unknown key is refused with the nearest known
 * one. Tabs, anchors, tags, duplicate keys and second documents are refused.
 *
 * Booleans are true and false in any case, nothing else (YAML 1.2 core). An empty or null
 * value unsets an option without a default, and is refused for one with a default
 * and for integers and booleans. Where the schema has yaml11, a file is read as PyYAML does
 * instead: yes, no, on and off are booleans too, numbers may stand in quotes, and what is empty or
 * null has its default. --help, -h, --version and -V are the caller's: see option_asks.
 */
#ifndef CERTMILL_COMMON_CONF_H
#define CERTMILL_COMMON_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/err.h"
#include "common/msg.h"
#include "common/option.h"

enum conf_type {
    CONF_BOOL,    /* bool */
    CONF_INT,     /* int64_t, between min and max; unit for the help text */
    CONF_STRING,  /* char *, NULL where unset */
    CONF_WORD,    /* char *, one of words */
    CONF_STRINGS, /* struct conf_strings */
    CONF_TABLE,   /* struct conf_table: a YAML sequence of mappings, by row schema; file only */
};

struct conf_strings {
    char **items; /* NULL where empty */
    size_t count;
};

struct conf_table {
    void *rows; /* count structs of the row schema's size, one after the other */
    size_t count;
};

struct conf_option {
    const char *key; /* "dns-listen" */
    char letter;     /* 'f' for -f, or 0 */
    char separator;  /* CONF_STRINGS from environment and option: ' ', ',', ';' or 0 */
    enum conf_type type;
    size_t offset;            /* of the field in the struct */
    const char *fallback;     /* default as text; NULL: unset (0, false, NULL, empty) */
    int64_t min, max;         /* CONF_INT: range. CONF_STRING(S): max length, 0: LIMIT_CONF_VALUE */
    const char *unit;         /* "seconds" or NULL */
    const char *const *words; /* CONF_WORD: NULL-terminated */
    int (*check)(const char *value, struct err *err); /* per scalar, or NULL; fills err */
    const struct conf_schema *table;                  /* CONF_TABLE: the row's schema */
    const char *help;                                 /* one sentence, for --help and the manual */
};

struct conf_schema {
    const char *program;    /* "certmilld" */
    const char *env_prefix; /* "CERTMILLD" */
    const char *env_older;  /* a second prefix, or NULL: what is not known there is not ours, and
                               env_prefix wins */
    const struct conf_option *options;
    size_t count;
    size_t size;                               /* sizeof the struct that holds the values */
    int (*check)(void *conf, struct err *err); /* across options, or NULL */
    const char *const
        *env_ignore; /* variables with the prefix that are not ours; NULL-terminated, or NULL */
    bool yaml11;     /* see above; for files that were made for another program */
    const struct option_row *others; /* options of the program that are no keys and that the caller
                                        takes before; for help and "did you mean". Or NULL */
    size_t other_count;
};

struct conf_input {
    int argc;
    char **argv; /* without the program's name */
    char *const *envp;
    const char *file;  /* YAML file, or NULL; --config and --config-file override it */
    char **words;      /* out: what is no option, in order; caller gives argc + 1 slots */
    size_t word_count; /* out */
    char *file_used;   /* out: copied path or NULL; caller frees */
};

/* Options that name the file; and whether these len octets are one of them. */
extern const struct option_row conf_file_options[];
extern const size_t conf_file_count;
bool conf_names_file(const char *arg, size_t len);

/* Fills *conf (schema->size bytes, zeroed by this function). On error *conf
 * is empty and err says where and what to do: ERR_MALFORMED, ERR_UNKNOWN,
 * ERR_RANGE, ERR_LIMIT, -errno of the file. `--config FILE` / `-c FILE` /
 * `--config-file FILE` / `-f FILE` name the file, or else the
 * variables PREFIX_CONFIG and PREFIX_CONFIG_FILE; `--` ends the options. */
int conf_load(const struct conf_schema *schema, void *conf, struct conf_input *input,
              struct err *err);
void conf_clear(const struct conf_schema *schema, void *conf);

/* For checks across options. A new last row with its defaults, or NULL (out of memory or
 * LIMIT_CONF_ROWS). A new last item, copied: 0, -ENOMEM or ERR_LIMIT. */
void *conf_table_add(const struct conf_schema *row, struct conf_table *table);
int conf_strings_add(struct conf_strings *strings, const char *item);

/* All values through a message, in the schema's order. Unpacking checks types and bounds. */
void conf_pack(const struct conf_schema *schema, const void *conf, struct msg_writer *w);
int conf_unpack(const struct conf_schema *schema, void *conf, struct msg_reader *r);

/* What the value may be, as a sentence ("1 to 64 threads.", "One of off, on."), cut off at cap;
 * empty where the type says all. */
void conf_bounds(const struct conf_option *option, char *dst, size_t cap);
/* Option list for --help, 80 columns. */
void conf_help(const struct conf_schema *schema, FILE *out);
/* The values in use, as YAML that conf_load would read back. */
void conf_print(const struct conf_schema *schema, const void *conf, FILE *out);

#endif
