#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/conf_internal.h"
#include "common/limits.h"

/*
 * bool: u8 0 or 1. Integer: u64 (two's complement). Text and word: u8 0, or u8 1 and str.
 * List: u16 count, then str each. Table: u16 count, then each row by its own schema.
 */

_Static_assert(LIMIT_CONF_LIST <= UINT16_MAX && LIMIT_CONF_ROWS <= UINT16_MAX, "counts are u16");

static void pack_strings(const struct conf_strings *strings, struct msg_writer *w)
{
    msg_put_u16(w, (uint16_t)strings->count);
    for (size_t i = 0; i < strings->count; i++) {
        msg_put_str(w, strings->items[i]);
    }
}

static void pack_table(const struct conf_option *option, const struct conf_table *table,
                       struct msg_writer *w)
{
    msg_put_u16(w, (uint16_t)table->count);
    for (size_t i = 0; i < table->count; i++) {
        conf_pack(option->table, (const char *)table->rows + i * option->table->size, w);
    }
}

static void pack_option(const struct conf_option *option, const void *field, struct msg_writer *w)
{
    const char *text;

    switch (option->type) {
    case CONF_BOOL:
        msg_put_u8(w, *(const bool *)field);
        break;
    case CONF_INT:
        msg_put_u64(w, (uint64_t) * (const int64_t *)field);
        break;
    case CONF_STRING:
    case CONF_WORD:
        text = *(char *const *)field;
        msg_put_u8(w, text != NULL);
        if (text != NULL) {
            msg_put_str(w, text);
        }
        break;
    case CONF_STRINGS:
        pack_strings(field, w);
        break;
    case CONF_TABLE:
        pack_table(option, field, w);
        break;
    }
}

void conf_pack(const struct conf_schema *schema, const void *conf, struct msg_writer *w)
{
    for (size_t i = 0; i < schema->count; i++) {
        pack_option(&schema->options[i], conf_field_const(&schema->options[i], conf), w);
    }
}

/* A copy of the string at hand, or NULL with r->error set. */
static char *unpack_text(const struct conf_option *option, struct msg_reader *r)
{
    size_t max =
        option->type != CONF_WORD && option->max > 0 ? (size_t)option->max : LIMIT_CONF_VALUE;
    const uint8_t *bytes;
    size_t len;
    char *text;

    bytes = msg_get_bytes(r, max, &len);
    if (r->error != 0) {
        return NULL;
    }
    if (len == 0 || memchr(bytes, '\0', len) != NULL) {
        r->error = ERR_MALFORMED;
        return NULL;
    }
    if ((text = strndup((const char *)bytes, len)) == NULL) {
        r->error = -ENOMEM;
    }
    return text;
}

static bool is_word(const struct conf_option *option, const char *text)
{
    for (const char *const *word = option->words; *word != NULL; word++) {
        if (strcmp(*word, text) == 0) {
            return true;
        }
    }
    return false;
}

static void unpack_scalar(const struct conf_option *option, char **field, struct msg_reader *r)
{
    uint8_t set = msg_get_u8(r);

    if (set > 1) {
        r->error = r->error != 0 ? r->error : ERR_MALFORMED;
    }
    if (r->error != 0 || set == 0) {
        return;
    }
    *field = unpack_text(option, r);
    if (*field != NULL && option->type == CONF_WORD && !is_word(option, *field)) {
        r->error = ERR_RANGE;
    }
}

static void unpack_strings(const struct conf_option *option, struct conf_strings *strings,
                           struct msg_reader *r)
{
    size_t count = msg_get_u16(r);

    if (r->error == 0 && count > LIMIT_CONF_LIST) {
        r->error = ERR_LIMIT;
    }
    for (size_t i = 0; r->error == 0 && i < count; i++) {
        char *text = unpack_text(option, r);
        int ret = text != NULL ? conf_strings_add(strings, text) : 0;
        r->error = r->error != 0 ? r->error : ret;
        free(text);
    }
}

static void unpack_table(const struct conf_option *option, struct conf_table *table,
                         struct msg_reader *r)
{
    size_t count = msg_get_u16(r);

    if (r->error == 0 && count > LIMIT_CONF_ROWS) {
        r->error = ERR_LIMIT;
    }
    /* room comes as rows are found, not on the peer's word */
    for (size_t i = 0; r->error == 0 && i < count; i++) {
        char *rows = realloc(table->rows, (i + 1) * option->table->size);
        if (rows == NULL) {
            r->error = -ENOMEM;
            return;
        }
        table->rows = rows;
        if (conf_unpack(option->table, rows + i * option->table->size, r) == 0) {
            table->count = i + 1;
        }
    }
}

static void unpack_option(const struct conf_option *option, void *field, struct msg_reader *r)
{
    uint8_t flag;

    switch (option->type) {
    case CONF_BOOL:
        flag = msg_get_u8(r);
        *(bool *)field = flag == 1;
        if (flag > 1 && r->error == 0) {
            r->error = ERR_MALFORMED;
        }
        break;
    case CONF_INT:
        *(int64_t *)field = (int64_t)msg_get_u64(r);
        if (r->error == 0 && (*(int64_t *)field < option->min || *(int64_t *)field > option->max)) {
            r->error = ERR_RANGE;
        }
        break;
    case CONF_STRING:
    case CONF_WORD:
        unpack_scalar(option, field, r);
        break;
    case CONF_STRINGS:
        unpack_strings(option, field, r);
        break;
    case CONF_TABLE:
        unpack_table(option, field, r);
        break;
    }
}

int conf_unpack(const struct conf_schema *schema, void *conf, struct msg_reader *r)
{
    memset(conf, 0, schema->size);
    for (size_t i = 0; r->error == 0 && i < schema->count; i++) {
        unpack_option(&schema->options[i], conf_field(&schema->options[i], conf), r);
    }
    if (r->error != 0) {
        conf_clear(schema, conf);
    }
    return r->error;
}
