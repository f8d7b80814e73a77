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

/* Words in small letters at the front of args are to be typed as they stand: "[add|remove NAME]".
 */
static void put_literal(const char *args, FILE *out)
{
    size_t len;
    args += args[0] == '[';
    len = args[0] == '-' ? 0 : strcspn(args, " ]");
    for (size_t i = 0; i < len; i++) {
        if (!islower((unsigned char)args[i]) && strchr("|-", args[i]) == NULL) {
            return;
        }
    }
    for (size_t i = 0; i < len; i++) {
        putc(args[i] == '|' ? ' ' : args[i], out);
    }
}

bool describe_seconds(const struct describe_program *program, const char *first, char *dst,
                      size_t cap)
{
    FILE *out = fmemopen(dst, cap, "w");
    if (out == NULL) {
        return false;
    }
    dst[0] = '\0';
    for (size_t i = 0; i < program->command_count; i++) {
        const struct describe_command *c = &program->commands[i];
        if (strcmp(c->first, first) != 0) {
            continue;
        }
        if (c->second != NULL) {
            fprintf(out, "%s%s", ftell(out) > 0 ? " " : "", c->second);
        } else if (c->args != NULL) {
            put_literal(c->args, out);
        }
    }
    fclose(out);
    return dst[0] != '\0';
}

void describe_values(const struct conf_option *option, FILE *out)
{
    if (option->type == CONF_BOOL) {
        fputs("true false", out);
    }
    for (size_t i = 0; option->type == CONF_WORD && option->words[i] != NULL; i++) {
        fprintf(out, "%s%s", i > 0 ? " " : "", option->words[i]);
    }
}

void describe_identifier(const char *name, FILE *out)
{
    for (const char *p = name; *p != '\0'; p++) {
        putc(*p == '-' ? '_' : *p, out);
    }
}
