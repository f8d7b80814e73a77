/*
 * The YAML file, read event by event against the schema: what an event may be is known
 * at each point, so that anything else can be refused where it stands. Only the plain part
 * of YAML is taken (one document, mappings, sequences, scalars): anchors, aliases and tags
 * would let a short file mean a long one, or one thing look like another.
 *
 * Before libyaml sees the text it is searched for what libyaml would report without a
 * place or in words that help nobody: bytes that are not UTF-8, control characters, tabs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "common/conf_internal.h"
#include "common/file.h"
#include "common/limits.h"
#include "common/utf8.h"

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the one at hand */
    const char *path;
    bool yaml11; /* see conf.h */
    struct err *err;
};

/* -- the text, before libyaml -- */

static int text_fail(const char *path, size_t line, size_t column, struct err *err,
                     const char *what)
{
    const struct conf_place place = {
        .source = CONF_FROM_FILE, .name = path, .line = line, .column = column};

    return conf_fail(err, &place, NULL, ERR_MALFORMED, "%s", what);
}

/* A tab is harmless within a comment, and before one or the line's end if something stands
 * before it. */
static bool tab_matters(const char *line, const char *tab, const char *end)
{
    bool blank = true;

    for (const char *p = line; p < tab; p++) {
        if (*p == '#' && (p == line || p[-1] == ' ' || p[-1] == '\t')) {
            return false;
        }
        blank = blank && (*p == ' ' || *p == '\t');
    }
    if (blank) {
        return true;
    }
    while (tab < end && (*tab == ' ' || *tab == '\t')) {
        tab++;
    }
    return tab < end && *tab != '#' && *tab != '\n' && *tab != '\r';
}

static const char *character_fault(const char *line, const char *p, const char *end, size_t n,
                                   uint32_t point)
{
    if (n == 0) {
        return "a byte that is not UTF-8; save the file as UTF-8";
    }
    if (point == '\t') {
        return tab_matters(line, p, end) ? "a tab; YAML wants spaces here, so replace it" : NULL;
    }
    if (point != '\n' && point != '\r' && (point < 0x20 || point == 0x7f)) {
        return "a control character; remove it, or write it as \\xNN within double quotes";
    }
    return NULL;
}

static int check_characters(const char *path, const char *text, size_t len, struct err *err)
{
    const char *end = text + len, *line = text;
    size_t number = 1, column = 1, n;
    uint32_t point;

    for (const char *p = text; p < end; p += n) {
        n = utf8_decode(p, (size_t)(end - p), &point);
        const char *fault = character_fault(line, p, end, n, point);
        if (fault != NULL) {
            return text_fail(path, number, column, err, fault);
        }
        column++;
        if (point == '\n') {
            line = p + 1;
            number++;
            column = 1;
        }
    }
    return 0;
}

/* -- events -- */

static struct conf_place place_at(const struct reader *r, const yaml_mark_t *mark)
{
    return (struct conf_place){.source = CONF_FROM_FILE,
                               .name = r->path,
                               .line = mark->line + 1,
                               .column = mark->column + 1};
}

static struct conf_place here(const struct reader *r)
{
    return place_at(r, &r->event.start_mark);
}

static int parser_fail(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    struct conf_place place = place_at(r, &p->problem_mark);

    if (p->error == YAML_MEMORY_ERROR) {
        return err_set(r->err, -ENOMEM, "out of memory while reading %.256s", r->path);
    }
    if (p->error == YAML_READER_ERROR) {
        place = place_at(r, &p->mark);
    }
    /* *.example.org */
    bool alias = p->context != NULL && strstr(p->context, "scanning an alias") != NULL;
    return conf_fail(r->err, &place, NULL, ERR_MALFORMED, "not YAML: %s%s%s; %s",
                     p->context != NULL ? p->context : "", p->context != NULL ? ", " : "",
                     p->problem != NULL ? p->problem : "unreadable",
                     alias ? "a value that begins with * has to stand in quotes"
                           : "look at the indentation, colons and quotes here");
}

static const char *event_name(yaml_event_type_t type)
{
    switch (type) {
    case YAML_SCALAR_EVENT:
        return "a single value";
    case YAML_SEQUENCE_START_EVENT:
        return "a list";
    case YAML_MAPPING_START_EVENT:
        return "a mapping (key: value)";
    default:
        return "something else";
    }
}

static int refuse_decoration(struct reader *r)
{
    const yaml_event_t *e = &r->event;
    const yaml_char_t *anchor = NULL, *tag = NULL;
    struct conf_place place = here(r);

    if (e->type == YAML_SCALAR_EVENT) {
        anchor = e->data.scalar.anchor;
        tag = e->data.scalar.tag;
    } else if (e->type == YAML_SEQUENCE_START_EVENT) {
        anchor = e->data.sequence_start.anchor;
        tag = e->data.sequence_start.tag;
    } else if (e->type == YAML_MAPPING_START_EVENT) {
        anchor = e->data.mapping_start.anchor;
        tag = e->data.mapping_start.tag;
    }
    if (anchor != NULL || e->type == YAML_ALIAS_EVENT) {
        return conf_fail(r->err, &place, NULL, ERR_MALFORMED,
                         "anchors (&) and aliases (*) are not taken; write the value out, "
                         "or put it into quotes");
    }
    if (tag != NULL) {
        return conf_fail(r->err, &place, NULL, ERR_MALFORMED,
                         "tags (!) are not taken; remove it, or put the value into quotes");
    }
    return 0;
}

static int next(struct reader *r)
{
    yaml_event_delete(&r->event);
    memset(&r->event, 0, sizeof(r->event));
    if (!yaml_parser_parse(&r->parser, &r->event)) {
        return parser_fail(r);
    }
    return refuse_decoration(r);
}

/* -- values -- */

static int wrong_type(struct reader *r, const struct conf_option *option, const char *wanted)
{
    struct conf_place place = here(r);

    return conf_fail(r->err, &place, option->key, ERR_MALFORMED, "found %s; give %s",
                     event_name(r->event.type), wanted);
}

static bool is_null(const yaml_event_t *e)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};

    if (e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
        return false;
    }
    for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++) {
        if (strcmp((const char *)e->data.scalar.value, nulls[i]) == 0) {
            return true;
        }
    }
    return false;
}

static int scalar(struct reader *r, const struct conf_option *option, const char **value)
{
    struct conf_place place = here(r);

    *value = (const char *)r->event.data.scalar.value;
    if (strlen(*value) != r->event.data.scalar.length) {
        return conf_fail(r->err, &place, option->key, ERR_MALFORMED, "the value holds a NUL");
    }
    return 0;
}

/* What YAML 1.1 has besides true and false. */
static const char *boolean(const char *value)
{
    if (strcasecmp(value, "yes") == 0 || strcasecmp(value, "on") == 0) {
        return "true";
    }
    return strcasecmp(value, "no") == 0 || strcasecmp(value, "off") == 0 ? "false" : value;
}

static int read_scalar(struct reader *r, const struct conf_option *option, void *base)
{
    bool plain_only = option->type == CONF_BOOL || option->type == CONF_INT;
    struct conf_place place = here(r);
    const char *value;
    int ret;

    if (r->event.type != YAML_SCALAR_EVENT) {
        return wrong_type(r, option, option->type == CONF_INT ? "one whole number" : "one value");
    }
    if (r->yaml11 && (is_null(&r->event) || r->event.data.scalar.length == 0)) {
        return conf_default(option, base, r->err);
    }
    if (is_null(&r->event)) {
        return conf_unset(option, base, &place, r->err);
    }
    if ((ret = scalar(r, option, &value)) < 0) {
        return ret;
    }
    if (r->yaml11 && option->type == CONF_BOOL) {
        value = boolean(value);
    }
    if (r->yaml11 && option->type == CONF_INT) {
        plain_only = false;
    }
    if (plain_only && r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
        return conf_fail(r->err, &place, option->key, ERR_MALFORMED,
                         "a text in quotes; give %s without quotes",
                         option->type == CONF_INT ? "a whole number" : "true or false");
    }
    return conf_set(option, base, value, &place, r->err);
}

static int read_item(struct reader *r, const struct conf_option *option, void *base)
{
    struct conf_place place = here(r);
    const char *value;
    int ret;

    if (r->event.type != YAML_SCALAR_EVENT) {
        return wrong_type(r, option, "one value an entry");
    }
    if ((ret = scalar(r, option, &value)) < 0) {
        return ret;
    }
    return conf_append(option, base, is_null(&r->event) ? "" : value, &place, r->err);
}

static int read_list(struct reader *r, const struct conf_option *option, void *base)
{
    int ret;

    conf_reset(option, base);
    if (r->event.type == YAML_SCALAR_EVENT) {
        if (r->yaml11 && (is_null(&r->event) || r->event.data.scalar.length == 0)) {
            return conf_default(option, base, r->err);
        }
        if (is_null(&r->event)) {
            struct conf_place place = here(r);
            return conf_unset(option, base, &place, r->err);
        }
        return read_item(r, option, base);
    }
    if (r->event.type != YAML_SEQUENCE_START_EVENT) {
        return wrong_type(r, option, "a list of values");
    }
    while ((ret = next(r)) == 0 && r->event.type != YAML_SEQUENCE_END_EVENT) {
        if ((ret = read_item(r, option, base)) < 0) {
            return ret;
        }
    }
    return ret;
}

static int read_mapping(struct reader *r, const struct conf_schema *schema, void *base);

static int read_row(struct reader *r, const struct conf_option *option, struct conf_table *table)
{
    struct conf_place place = here(r);
    void *row;
    int ret;

    if (r->event.type != YAML_MAPPING_START_EVENT) {
        return wrong_type(r, option, "a mapping (key: value) an entry");
    }
    if (table->count >= LIMIT_CONF_ROWS) {
        return conf_fail(r->err, &place, option->key, ERR_LIMIT,
                         "more than %d entries; shorten the list", LIMIT_CONF_ROWS);
    }
    if ((row = conf_table_add(option->table, table)) == NULL) {
        return err_set(r->err, -ENOMEM, "out of memory while reading %.256s", r->path);
    }
    if ((ret = read_mapping(r, option->table, row)) < 0) {
        return ret;
    }
    if (option->table->check != NULL && (ret = option->table->check(row, r->err)) < 0) {
        return conf_locate(r->err, &place, option->key, ret);
    }
    return 0;
}

static int read_table(struct reader *r, const struct conf_option *option, void *base)
{
    int ret;

    conf_reset(option, base);
    if (r->event.type == YAML_SCALAR_EVENT && is_null(&r->event)) {
        return 0;
    }
    if (r->event.type != YAML_SEQUENCE_START_EVENT) {
        return wrong_type(r, option, "a list of mappings, each entry with a dash before it");
    }
    while ((ret = next(r)) == 0 && r->event.type != YAML_SEQUENCE_END_EVENT) {
        if ((ret = read_row(r, option, conf_field(option, base))) < 0) {
            return ret;
        }
    }
    return ret;
}

/* -- keys -- */

static int unknown_key(struct reader *r, const struct conf_schema *schema, const char *key)
{
    struct conf_place place = here(r);
    char shown[CONF_SHOWN];
    bool close;
    const char *nearest = conf_nearest(schema, key, &close);

    return conf_fail(r->err, &place, NULL, ERR_UNKNOWN,
                     close ? "unknown key %s; did you mean '%s'?"
                           : "unknown key %s; the nearest known one is '%s'",
                     conf_show(shown, key), nearest);
}

static int read_key(struct reader *r, const struct conf_schema *schema, bool *seen,
                    const struct conf_option **option)
{
    struct conf_place place = here(r);
    const char *key;

    if (r->event.type != YAML_SCALAR_EVENT) {
        return conf_fail(r->err, &place, NULL, ERR_MALFORMED, "found %s where a key should be",
                         event_name(r->event.type));
    }
    key = (const char *)r->event.data.scalar.value;
    *option = conf_find(schema, key, r->event.data.scalar.length);
    if (*option == NULL) {
        return unknown_key(r, schema, key);
    }
    if (seen[*option - schema->options]) {
        return conf_fail(r->err, &place, NULL, ERR_EXISTS,
                         "the key '%s' stands here a second time; remove one of the two",
                         (*option)->key);
    }
    seen[*option - schema->options] = true;
    return next(r);
}

static int read_value(struct reader *r, const struct conf_option *option, void *base)
{
    switch (option->type) {
    case CONF_STRINGS:
        return read_list(r, option, base);
    case CONF_TABLE:
        return read_table(r, option, base);
    case CONF_BOOL:
    case CONF_INT:
    case CONF_STRING:
    case CONF_WORD:
        break;
    }
    return read_scalar(r, option, base);
}

/* The mapping whose start is the event at hand; ends with its end. As deep as the schema is. */
static int read_mapping(struct reader *r, const struct conf_schema *schema, void *base)
{
    bool *seen = calloc(schema->count + 1, sizeof(*seen));
    const struct conf_option *option = NULL;
    int ret;

    if (seen == NULL) {
        return err_set(r->err, -ENOMEM, "out of memory while reading %.256s", r->path);
    }
    while ((ret = next(r)) == 0 && r->event.type != YAML_MAPPING_END_EVENT) {
        if ((ret = read_key(r, schema, seen, &option)) < 0 ||
            (ret = read_value(r, option, base)) < 0) {
            break;
        }
    }
    free(seen);
    return ret;
}

/* -- the file -- */

static int read_document(struct reader *r, const struct conf_schema *schema, void *base)
{
    struct conf_place place;
    int ret;

    if ((ret = next(r)) < 0) {
        return ret;
    }
    if (r->event.type == YAML_MAPPING_START_EVENT) {
        if ((ret = read_mapping(r, schema, base)) < 0) {
            return ret;
        }
    } else if (r->event.type != YAML_SCALAR_EVENT || !is_null(&r->event)) {
        place = here(r);
        return conf_fail(r->err, &place, NULL, ERR_MALFORMED,
                         "found %s; the file is to hold lines of the form 'key: value'",
                         event_name(r->event.type));
    }
    return next(r); /* the document's end */
}

static int read_stream(struct reader *r, const struct conf_schema *schema, void *base)
{
    struct conf_place place;
    int ret;

    if ((ret = next(r)) < 0) { /* the stream's start */
        return ret;
    }
    if ((ret = next(r)) < 0 || r->event.type == YAML_STREAM_END_EVENT) {
        return ret;
    }
    if ((ret = read_document(r, schema, base)) < 0 || (ret = next(r)) < 0) {
        return ret;
    }
    if (r->event.type != YAML_STREAM_END_EVENT) {
        place = here(r);
        return conf_fail(r->err, &place, NULL, ERR_MALFORMED,
                         "a second document (---) begins; put everything into one");
    }
    return 0;
}

int conf_parse_yaml(const struct conf_schema *schema, void *base, const char *path,
                    const char *text, size_t len, struct err *err)
{
    struct reader r = {.path = path, .yaml11 = schema->yaml11, .err = err};
    int ret;

    if ((ret = check_characters(path, text, len, err)) < 0) {
        return ret;
    }
    if (!yaml_parser_initialize(&r.parser)) {
        return err_set(err, -ENOMEM, "out of memory while reading %.256s", path);
    }
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
    ret = read_stream(&r, schema, base);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    return ret;
}

int conf_read_yaml(const struct conf_schema *schema, void *base, const char *path, struct err *err)
{
    char *text;
    size_t len;
    int ret;

    struct err cause = {0};

    if ((ret = file_read(AT_FDCWD, path, LIMIT_CONF_FILE, &text, &len, &cause)) < 0) {
        return err_set(err, ret,
                       "configuration: %.512s; name a file that is there and can be read, by "
                       "--config",
                       cause.text);
    }
    ret = conf_parse_yaml(schema, base, path, text, len, err);
    explicit_bzero(text, len);
    free(text);
    return ret;
}
