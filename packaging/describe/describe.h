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
#define DESCRIBE_ROWS     4 /* lists of options of one program */
#define DESCRIBE_WORDS    3 /* words behind a command that the completions know */
#define DESCRIBE_TEXT     512

struct describe_rows {
    const struct option_row *rows;
    size_t count;
};

struct describe_command {
    const char *first, *second;      /* second may be NULL */
    const char *args;                /* "FILE [STATE-DIR]", or NULL: see describe_argument */
    const struct option_row *option; /* that this one takes besides, or NULL */
    const char *help;
};

struct describe_program {
    const char *name;
    const struct conf_schema *schema; /* or NULL */
    /* Its own options that stand in no schema: that name the file, that ask for help, others. */
    struct describe_rows rows[DESCRIBE_ROWS];
    struct describe_rows asked; /* options within a request (certmill-shell) */
    struct describe_command commands[DESCRIBE_COMMANDS];
    size_t command_count;
};

struct describe {
    FILE *example; /* configuration with every key in it, or NULL */
    struct describe_program programs[DESCRIBE_PROGRAMS];
};

/* From the tables of all programs; 0, or -E2BIG where one has more than DESCRIBE_COMMANDS. */
int describe_fill(struct describe *d);
/* The program whose name these len octets are; NULL: none. */
const struct describe_program *describe_find(const struct describe *d, const char *name,
                                             size_t len);

/* Copies a manual page (keys with values of d->example, where there is one); a line `.\" @PROGRAM
 * PART@` becomes items of an mdoc(7) list. PART: options (its own), asked, schema (keys as
 * options), keys (all of the file), commands. 0; -EINVAL where a line names what is not there, told
 * on stderr; -EIO. */
int describe_man(const struct describe *d, FILE *in, FILE *out);

/* The value of the key in the example, or of the key of that table's rows. False: it has none. */
bool describe_example(FILE *file, const char *table, const char *key, char *dst, size_t cap);

/* -- words of completions -- */

enum describe_kind {
    DESCRIBE_ANY,     /* whatever it is, it is not known here */
    DESCRIBE_FILE,    /* a file or folder */
    DESCRIBE_CHOICE,  /* one of a few words */
    DESCRIBE_COMMAND, /* first word of a command */
    DESCRIBE_SECOND,  /* second word of those that begin with first */
};

/* A place on the command line: what may stand there. */
struct describe_place {
    size_t before;     /* so many words of the command stand before it */
    char pattern[128]; /* the shells' pattern of these words, divided by blanks */
    enum describe_kind kind;
    const char *first;        /* DESCRIBE_SECOND */
    char text[DESCRIBE_TEXT]; /* DESCRIBE_CHOICE: the words, divided by blanks; else its name */
};

typedef void describe_each(const struct describe_program *program,
                           const struct describe_place *place, FILE *out);
/* Calls each for every place behind the first word that the commands have. */
void describe_places(const struct describe_program *program, describe_each *each, FILE *out);

/* Whether an earlier command has the same first word as this one. */
bool describe_first_again(const struct describe_program *program, size_t index);
/* What an option's value may be; text: its words, divided by blanks. */
enum describe_kind describe_row_value(const struct option_row *row,
                                      char text[static DESCRIBE_TEXT]);
enum describe_kind describe_key_value(const struct conf_option *option,
                                      char text[static DESCRIBE_TEXT]);
/* The name as part of a shell function's: hyphens are none. */
void describe_identifier(const char *name, FILE *out);

/* A completion of the program. */
void describe_bash(const struct describe_program *program, FILE *out);
void describe_zsh(const struct describe_program *program, FILE *out);

#endif
