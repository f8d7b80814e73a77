/*
 * What the programs' own tables say of their options, keys and commands, as manual pages and
 * completions: so that these cannot tell another story. Built with the programs, never installed.
 */
#ifndef CERTMILL_PACKAGING_DESCRIBE_H
#define CERTMILL_PACKAGING_DESCRIBE_H

#include <stdbool.h>
#include <stdio.h>

#include "common/conf.h"
#include "common/option.h"

#define DESCRIBE_PROGRAMS 4
#define DESCRIBE_COMMANDS 64

struct describe_command {
    const char *first, *second; /* second may be NULL */
    const char *args, *help;    /* args may be NULL */
};

struct describe_program {
    const char *name;
    const struct conf_schema *schema; /* or NULL */
    const struct option_row *options; /* that stand in no schema */
    size_t option_count;
    const struct option_row *more; /* a second list of them, with a place of its own */
    size_t more_count;
    struct describe_command commands[DESCRIBE_COMMANDS];
    size_t command_count;
};

struct describe {
    struct describe_program programs[DESCRIBE_PROGRAMS];
};

/* From the tables of all programs; 0, or -E2BIG where one has more than DESCRIBE_COMMANDS. */
int describe_fill(struct describe *d);
/* The program whose name these len octets are; NULL: none. */
const struct describe_program *describe_find(const struct describe *d, const char *name,
                                             size_t len);

/* Copies a manual page; a line `.\" @PROGRAM PART@` becomes items of an mdoc(7) list. PART:
 * options (with the schema's), more, keys (all of the file), commands. 0;
 * -EINVAL where a line names what is not there, told on stderr; -EIO. */
int describe_man(const struct describe *d, FILE *in, FILE *out);

/* Whether an earlier command has the same first word as this one. */
bool describe_first_again(const struct describe_program *program, size_t index);
/* The words that may stand behind first, divided by blanks, in dst[cap]; false: there are none. */
bool describe_seconds(const struct describe_program *program, const char *first, char *dst,
                      size_t cap);
/* The words that an option of these may have, divided by blanks. */
void describe_values(const struct conf_option *option, FILE *out);
/* The name as part of a shell function's: hyphens are none. */
void describe_identifier(const char *name, FILE *out);

/* A completion of the program. */
void describe_bash(const struct describe_program *program, FILE *out);
void describe_zsh(const struct describe_program *program, FILE *out);

#endif
