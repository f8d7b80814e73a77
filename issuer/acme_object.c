#include "issuer/acme_object.h"

#include <string.h>

#include "issuer/ajson.h"

#define MAILTO "mailto:"

static const char *known_status(const char *status)
{
    static const char *const known[] = {"valid", "deactivated", "revoked"};

    for (size_t i = 0; status != NULL && i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i], status) == 0) {
            return known[i];
        }
    }
    return NULL;
}

void acme_object_parse(struct acme_object *out, const char *body, size_t len)
{
    json_t *root = ajson_parse(body, len);
    const json_t *contacts = json_object_get(root, "contact");
    const char *first = json_string_value(json_array_get(contacts, 0));

    *out = (struct acme_object){.status = known_status(ajson_string(root, "status", 32)),
                                .contacts = json_is_array(contacts)};
    if (json_array_size(contacts) == 1 && first != NULL &&
        strncmp(first, MAILTO, strlen(MAILTO)) == 0 &&
        strlen(first + strlen(MAILTO)) < ACME_CONTACT) {
        memcpy(out->contact, first + strlen(MAILTO), strlen(first + strlen(MAILTO)) + 1);
    }
    json_decref(root);
}
