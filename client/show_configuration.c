#include "client/client.h"
#include "client/commands.h"

static json_t *object_of(const struct conf_schema *schema, const void *conf);

static json_t *table_of(const struct conf_option *option, const struct conf_table *table)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < table->count; i++) {
        json_array_append_new(
            rows, object_of(option->table, (const char *)table->rows + i * option->table->size));
    }
    return rows;
}

static json_t *strings_of(const struct conf_strings *strings)
{
    json_t *list = json_array();
    for (size_t i = 0; i < strings->count; i++) {
        json_array_append_new(list, json_string(strings->items[i]));
    }
    return list;
}

/* null where it is not set. */
static json_t *value_of(const struct conf_option *option, const void *field)
{
    const char *text;
    switch (option->type) {
    case CONF_BOOL:
        return json_boolean(*(const bool *)field);
    case CONF_INT:
        return json_integer(*(const int64_t *)field);
    case CONF_STRINGS:
        return strings_of(field);
    case CONF_TABLE:
        return table_of(option, field);
    case CONF_STRING:
    case CONF_WORD:
        break;
    }
    text = *(char *const *)field;
    return text != NULL ? json_string(text) : json_null();
}

static json_t *object_of(const struct conf_schema *schema, const void *conf)
{
    json_t *object = json_object();
    for (size_t i = 0; i < schema->count; i++) {
        const struct conf_option *option = &schema->options[i];
        json_object_set_new(object, option->key,
                            value_of(option, (const char *)conf + option->offset));
    }
    return object;
}

static int run(struct client *client)
{
    if (client->settings.json) {
        client_item(client, object_of(&settings_schema, &client->settings));
    } else {
        conf_print(&settings_schema, &client->settings, client->out);
    }
    return CLIENT_OK;
}

const struct client_command client_show_configuration = {
    .first = "show", .second = "configuration", .help = "print the options in force", .run = run};
