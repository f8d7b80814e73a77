#include <ctype.h>
#include <string.h>

#include "packaging/describe/describe.h"

bool describe_first_again(const struct describe_program *program, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(program->commands[i].first, program->commands[index].first) == 0) {
            return true;
        }
    }
    return false;
}

/* Names of values that are files, as they stand in usage lines. */
static bool is_file(const char *name, size_t len)
{
    static const char *const ends[] = {"FILE", "FOLDER", "PATH", "DIR"};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t n = strlen(ends[i]);
        if (len >= n && memcmp(name + len - n, ends[i], n) == 0) {
            return true;
        }
    }
    return false;
}

/* Word n (from 0) of "FILE [STATE-DIR]", "verify [FOLDER]", "[add|remove NAME]": small letters are
 * to be typed as they stand. False: there is none. */
static bool find_argument(const char *args, size_t n, struct describe_place *place)
{
    size_t len;
    for (;; n--) {
        args += strspn(args, " []");
        len = strcspn(args, " []");
        if (len == 0) {
            return false;
        }
        if (n == 0) {
            break;
        }
        args += len;
    }
    snprintf(place->text, sizeof(place->text), "%.*s", (int)len, args);
    if (islower((unsigned char)args[0])) {
        place->kind = DESCRIBE_CHOICE;
        for (char *p = place->text; (p = strchr(p, '|')) != NULL;) {
            *p = ' ';
        }
    } else if (strcmp(place->text, "COMMAND") == 0) {
        place->kind = DESCRIBE_COMMAND;
    } else {
        place->kind = is_file(args, len) ? DESCRIBE_FILE : DESCRIBE_ANY;
    }
    return true;
}

/* The second words of all commands that have one, behind `behind` words that stand before. */
static void seconds(const struct describe_program *program, const char *before, size_t behind,
                    describe_each *each, FILE *out)
{
    for (size_t i = 0; i < program->command_count; i++) {
        const struct describe_command *c = &program->commands[i];
        struct describe_place place = {
            .before = behind + 1, .kind = DESCRIBE_SECOND, .first = c->first};
        if (c->second == NULL || describe_first_again(program, i)) {
            continue;
        }
        snprintf(place.pattern, sizeof(place.pattern), "%s%s", before, c->first);
        each(program, &place, out);
    }
}

void describe_places(const struct describe_program *program, describe_each *each, FILE *out)
{
    seconds(program, "", 0, each, out);
    for (size_t i = 0; i < program->command_count; i++) {
        const struct describe_command *c = &program->commands[i];
        for (size_t n = 0; c->args != NULL && n < DESCRIBE_WORDS; n++) {
            struct describe_place place = {.before = (c->second != NULL ? 2 : 1) + n};
            snprintf(place.pattern, sizeof(place.pattern), "%s%s%s%s", c->first,
                     c->second != NULL ? "\\ " : "", c->second != NULL ? c->second : "",
                     n > 0 ? "\\ *" : "");
            if (!find_argument(c->args, n, &place)) {
                break;
            }
            each(program, &place, out);
            if (place.kind == DESCRIBE_COMMAND) {
                snprintf(place.pattern, sizeof(place.pattern), "%s\\ ", c->first);
                seconds(program, place.pattern, 1, each, out);
            }
        }
    }
}

static void join(const char *const *words, char text[static DESCRIBE_TEXT])
{
    size_t at = 0;
    text[0] = '\0';
    for (size_t i = 0; words[i] != NULL && at < DESCRIBE_TEXT; i++) {
        at += (size_t)snprintf(text + at, DESCRIBE_TEXT - at, "%s%s", i > 0 ? " " : "", words[i]);
    }
}

enum describe_kind describe_row_value(const struct option_row *row, char text[static DESCRIBE_TEXT])
{
    text[0] = '\0';
    if (row->words != NULL) {
        join(row->words, text);
        return DESCRIBE_CHOICE;
    }
    return is_file(row->value, strlen(row->value)) ? DESCRIBE_FILE : DESCRIBE_ANY;
}

enum describe_kind describe_key_value(const struct conf_option *option,
                                      char text[static DESCRIBE_TEXT])
{
    static const char *const booleans[] = {"true", "false", NULL};
    text[0] = '\0';
    if (option->type == CONF_BOOL || option->type == CONF_WORD) {
        join(option->type == CONF_BOOL ? booleans : option->words, text);
        return DESCRIBE_CHOICE;
    }
    /* A text may be a file's name, for all that the table says. */
    return option->type == CONF_INT ? DESCRIBE_ANY : DESCRIBE_FILE;
}

void describe_identifier(const char *name, FILE *out)
{
    for (const char *p = name; *p != '\0'; p++) {
        putc(*p == '-' ? '_' : *p, out);
    }
}
