#include "issuer/audit_event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "issuer/line_json.h"

static json_t *names_of(const char *names)
{
    json_t *array = json_array();

    while (array != NULL && *names != '\0') {
        char name[LIMIT_DOMAIN_TEXT + 3];
        size_t len = strcspn(names, ",");

        (void)snprintf(name, sizeof name, "%.*s", (int)len, names);
        if (json_array_size(array) < LIMIT_NAMES) {
            (void)json_array_append_new(array, line_json_string(name));
        }
        names += len + (names[len] == ',');
    }
    return array;
}

static void put_text(json_t *object, const char *name, const char *text, size_t most)
{
    char *cut;

    if (text != NULL && (cut = strndup(text, most)) != NULL) {
        (void)json_object_set_new(object, name, line_json_string(cut));
        free(cut);
    }
}

static void put_number(json_t *object, const char *name, uint64_t number)
{
    if (number != 0) {
        (void)json_object_set_new(object, name, json_integer((json_int_t)number));
    }
}

void audit_event_put(json_t *object, const struct audit_event *event)
{
    put_text(object, "client", event->client, LIMIT_CLIENT_TEXT);
    put_text(object, "address", event->address, LIMIT_CLIENT_TEXT);
    if (event->peer_uid >= 0) {
        (void)json_object_set_new(object, "uid", json_integer(event->peer_uid));
    }
    put_number(object, "order", event->order);
    put_text(object, "spki", event->spki_sha256, 64);
    if (event->names != NULL) {
        (void)json_object_set_new(object, "names", names_of(event->names));
    }
    put_text(object, "ca", event->authority, LIMIT_URL);
    put_text(object, "serial", event->serial, 64);
    put_text(object, "outcome", event->outcome, LIMIT_AUDIT_TEXT);
    put_number(object, "duration_ms", event->duration_ms > 0 ? (uint64_t)event->duration_ms : 0);
}
