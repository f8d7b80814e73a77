#include "common/conf.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/conf_internal.h"
#include "common/limits.h"
#include "common/nearest.h"
#include "common/option.h"

/* Keys longer than this have no near neighbour. */
#define KEY_MAX 64

/* An option as the command line has it; both point into argv and the schema. */
struct given {
    const struct conf_option *option;
    const char *value;
};

struct arguments {
    struct given *given;
    size_t count;
    const char *file;
};

const struct conf_option *conf_find(const struct conf_schema *schema, const char *key, size_t len)
{
    for (size_t i = 0; i < schema->count; i++) {
        if (strlen(schema->options[i].key) == len &&
            memcmp(schema->options[i].key, key, len) == 0) {
            return &schema->options[i];
        }
    }
    return NULL;
}

const char *conf_nearest(const struct conf_schema *schema, const char *key, bool *close)
{
    struct nearest near;

    nearest_init(&near, key);
    for (size_t i = 0; i < schema->count; i++) {
        nearest_try(&near, schema->options[i].key);
    }
    *close = nearest_found(&near) != NULL;
    return near.best != NULL ? near.best : "";
}

const struct option_row conf_file_options[] = {
    {.name = "--config",
     .letter = 'c',
     .value = "FILE",
     .offset = OPTION_KEPT,
     .help = "the configuration file, YAML"},
    {.name = "--config-file",
     .letter = 'f',
     .value = "FILE",
     .offset = OPTION_KEPT,
     .help = "another name of --config"},
};
const size_t conf_file_count = sizeof(conf_file_options) / sizeof(conf_file_options[0]);

static void try_rows(struct nearest *near, const struct option_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        nearest_try(near, rows[i].name + 2);
    }
}

static int unknown_option(const struct conf_schema *schema, const char *arg, struct err *err)
{
    char shown[CONF_SHOWN], key[KEY_MAX];
    struct nearest near;

    if (arg[1] != '-') {
        return err_set(err, ERR_UNKNOWN, "unknown option %s; %s --help lists the known ones",
                       conf_show(shown, arg), schema->program);
    }
    snprintf(key, sizeof(key), "%.*s", (int)strcspn(arg + 2, "="), arg + 2);
    nearest_init(&near, key);
    for (size_t i = 0; i < schema->count; i++) {
        if (schema->options[i].type != CONF_TABLE) {
            nearest_try(&near, schema->options[i].key);
        }
    }
    try_rows(&near, option_asks_rows, option_asks_count);
    try_rows(&near, conf_file_options, conf_file_count);
    try_rows(&near, schema->others, schema->other_count);
    return err_set(err, ERR_UNKNOWN,
                   nearest_found(&near) != NULL
                       ? "unknown option %s; did you mean --%s?"
                       : "unknown option %s; the nearest known one is --%s",
                   conf_show(shown, arg), near.best);
}

bool conf_names_file(const char *arg, size_t len)
{
    for (size_t i = 0; i < conf_file_count; i++) {
        const struct option_row *row = &conf_file_options[i];
        if ((strlen(row->name) == len && memcmp(row->name, arg, len) == 0) ||
            (len == 2 && arg[0] == '-' && arg[1] == row->letter)) {
            return true;
        }
    }
    return false;
}

static const struct conf_option *option_of(const struct conf_schema *schema, const char *arg,
                                           size_t len)
{
    if (arg[1] == '-') {
        return conf_find(schema, arg + 2, len - 2);
    }
    for (size_t i = 0; len == 2 && i < schema->count; i++) {
        if (schema->options[i].letter != 0 && schema->options[i].letter == arg[1]) {
            return &schema->options[i];
        }
    }
    return NULL;
}

static bool is_bool(const char *text)
{
    return text != NULL && (strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0);
}

/* One argument that begins with '-', and the one behind it (or NULL). Returns how many
 * arguments were used. */
static int take_option(const struct conf_schema *schema, struct arguments *args, const char *arg,
                       const char *next, struct err *err)
{
    const char *equals = arg[1] == '-' ? strchr(arg, '=') : NULL;
    const char *value = equals != NULL ? equals + 1 : next;
    size_t len = equals != NULL ? (size_t)(equals - arg) : strlen(arg);
    const struct conf_option *option = NULL;
    bool file = conf_names_file(arg, len);
    int used = equals != NULL ? 1 : 2;

    if (!file && (option = option_of(schema, arg, len)) == NULL) {
        return unknown_option(schema, arg, err);
    }
    if (!file && option->type == CONF_BOOL && equals == NULL && !is_bool(next)) {
        value = "true";
        used = 1;
    }
    if (value == NULL || (file && value[0] == '\0')) {
        return err_set(err, ERR_MALFORMED, "option %.*s needs a value", (int)len, arg);
    }
    if (file) {
        args->file = value;
    } else {
        args->given[args->count++] = (struct given){.option = option, .value = value};
    }
    return used;
}

static int take_word(const struct conf_schema *schema, struct conf_input *input, char *word,
                     struct err *err)
{
    char shown[CONF_SHOWN];

    if (input->words == NULL) {
        return err_set(err, ERR_UNKNOWN, "unexpected word %s; %s takes options only",
                       conf_show(shown, word), schema->program);
    }
    input->words[input->word_count++] = word;
    return 1;
}

static int read_arguments(const struct conf_schema *schema, struct arguments *args,
                          struct conf_input *input, struct err *err)
{
    bool options = true;
    int n;

    for (int i = 0; i < input->argc; i += n) {
        char *arg = input->argv[i];
        if (options && strcmp(arg, "--") == 0) {
            options = false;
            n = 1;
        } else if (options && arg[0] == '-' && arg[1] != '\0') {
            n = take_option(schema, args, arg, i + 1 < input->argc ? input->argv[i + 1] : NULL,
                            err);
        } else {
            n = take_word(schema, input, arg, err);
        }
        if (n < 0) {
            return n;
        }
    }
    return 0;
}

static int apply_arguments(const struct conf_schema *schema, void *conf,
                           const struct arguments *args, struct err *err)
{
    const struct conf_place place = {.source = CONF_FROM_OPTION};
    bool *seen = calloc(schema->count + 1, sizeof(*seen));
    int ret = 0;

    if (seen == NULL) {
        return err_set(err, -ENOMEM, "out of memory while reading the configuration");
    }
    for (size_t i = 0; ret == 0 && i < args->count; i++) {
        const struct conf_option *option = args->given[i].option;
        if (option->type == CONF_STRINGS && !seen[option - schema->options]) {
            conf_reset(option, conf); /* the first replaces what came before, the rest append */
        }
        seen[option - schema->options] = true;
        ret = conf_set_text(option, conf, args->given[i].value, &place, err);
    }
    free(seen);
    return ret;
}

/* "dns-listen" as "DNS_LISTEN" */
static void variable_of(char dst[static KEY_MAX], const char *key)
{
    size_t i;

    for (i = 0; key[i] != '\0' && i < KEY_MAX - 1; i++) {
        dst[i] = key[i] == '-' ? '_' : (char)toupper((unsigned char)key[i]);
    }
    dst[i] = '\0';
}

static const struct conf_option *option_of_variable(const struct conf_schema *schema,
                                                    const char *name, size_t len)
{
    char variable[KEY_MAX];

    for (size_t i = 0; i < schema->count; i++) {
        variable_of(variable, schema->options[i].key);
        if (strlen(variable) == len && memcmp(variable, name, len) == 0) {
            return &schema->options[i];
        }
    }
    return NULL;
}

static int unknown_variable(const struct conf_schema *schema, const char *full, const char *name,
                            struct err *err)
{
    char shown[CONF_SHOWN], key[KEY_MAX], nearest[KEY_MAX];
    bool close;
    size_t i;

    for (i = 0; name[i] != '\0' && i < sizeof(key) - 1; i++) {
        key[i] = name[i] == '_' ? '-' : name[i];
    }
    key[i] = '\0';
    variable_of(nearest, conf_nearest(schema, key, &close));
    return err_set(err, ERR_UNKNOWN,
                   close ? "unknown variable %s in the environment; did you mean %s_%s?"
                         : "unknown variable %s in the environment; the nearest known one is %s_%s",
                   conf_show(shown, full), schema->env_prefix, nearest);
}

static bool is_ignored(const struct conf_schema *schema, const char *name)
{
    for (const char *const *p = schema->env_ignore; p != NULL && *p != NULL; p++) {
        if (strcmp(*p, name) == 0) {
            return true;
        }
    }
    return false;
}

/* One variable that begins with this prefix. First for the file's name (conf NULL), then for the
 * values. */
static int take_variable(const struct conf_schema *schema, const char *env_prefix, void *conf,
                         const char *variable, const char **file, struct err *err)
{
    const char *equals = strchr(variable, '=');
    size_t prefix = strlen(env_prefix);
    const struct conf_option *option;
    struct conf_place place = {.source = CONF_FROM_VARIABLE};
    char full[256];

    if (equals == NULL || strncmp(variable, env_prefix, prefix) != 0 || variable[prefix] != '_') {
        return 0;
    }
    snprintf(full, sizeof(full), "%.*s", (int)(equals - variable < 255 ? equals - variable : 255),
             variable);
    if (strcmp(full + prefix, "_CONFIG") == 0 || strcmp(full + prefix, "_CONFIG_FILE") == 0) {
        *file = equals[1] != '\0' ? equals + 1 : *file;
        return 0;
    }
    if (conf == NULL || is_ignored(schema, full)) {
        return 0;
    }
    option = option_of_variable(schema, full + prefix + 1, strlen(full + prefix + 1));
    if (option == NULL) {
        return env_prefix == schema->env_prefix
                   ? unknown_variable(schema, full, full + prefix + 1, err)
                   : 0;
    }
    if (option->type == CONF_STRINGS) {
        conf_reset(option, conf);
    }
    place.name = full;
    return conf_set_text(option, conf, equals + 1, &place, err);
}

static int read_environment(const struct conf_schema *schema, void *conf, char *const *envp,
                            const char **file, struct err *err)
{
    const char *const prefixes[] = {schema->env_older, schema->env_prefix};
    int ret = 0;

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (prefixes[i] == NULL) {
            continue;
        }
        for (char *const *p = envp; ret == 0 && p != NULL && *p != NULL; p++) {
            ret = take_variable(schema, prefixes[i], conf, *p, file, err);
        }
    }
    return ret;
}

static int load(const struct conf_schema *schema, void *conf, struct conf_input *input,
                struct arguments *args, struct err *err)
{
    const char *file = input->file, *again = NULL;
    int ret;

    if ((ret = read_arguments(schema, args, input, err)) < 0 ||
        (ret = read_environment(schema, NULL, input->envp, &file, err)) < 0 ||
        (ret = conf_defaults(schema, conf, err)) < 0) {
        return ret;
    }
    file = args->file != NULL ? args->file : file;
    if (file != NULL) {
        if ((ret = conf_read_yaml(schema, conf, file, err)) < 0) {
            return ret;
        }
        if ((input->file_used = strdup(file)) == NULL) {
            return err_set(err, -ENOMEM, "out of memory while reading the configuration");
        }
    }
    if ((ret = read_environment(schema, conf, input->envp, &again, err)) < 0 ||
        (ret = apply_arguments(schema, conf, args, err)) < 0) {
        return ret;
    }
    if (schema->check != NULL && (ret = schema->check(conf, err)) < 0 && file != NULL &&
        err != NULL) {
        err_prefix(err, "%.256s", file);
    }
    return ret;
}

int conf_load(const struct conf_schema *schema, void *conf, struct conf_input *input,
              struct err *err)
{
    struct arguments args = {0};
    int ret;

    memset(conf, 0, schema->size);
    input->word_count = 0;
    input->file_used = NULL;
    args.given = calloc((size_t)input->argc + 1, sizeof(*args.given));
    if (args.given == NULL) {
        return err_set(err, -ENOMEM, "out of memory while reading the configuration");
    }
    if ((ret = load(schema, conf, input, &args, err)) < 0) {
        conf_clear(schema, conf);
        free(input->file_used);
        input->file_used = NULL;
        input->word_count = 0;
    }
    free(args.given);
    return ret;
}

void conf_clear(const struct conf_schema *schema, void *conf)
{
    for (size_t i = 0; i < schema->count; i++) {
        conf_reset(&schema->options[i], conf);
    }
}
