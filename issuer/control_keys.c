/*
 * Whose ssh key it is (certmillctl authorized-keys).
 */
#include "issuer/control_json.h"

static int add(json_t *array, const struct server_conf_key *key)
{
    return json_array_append_new(array, json_pack("{s:s, s:s%, s:s%}", "client", key->client,
                                                  "type", key->type, key->type_len, "key", key->key,
                                                  key->key_len));
}

json_t *control_json_keys(const struct server_conf_keys *keys, const char *type, const char *key)
{
    json_t *array = json_array();
    const struct server_conf_key *found;
    int ret = 0;

    if (key == NULL) {
        for (size_t i = 0; ret == 0 && i < keys->count; i++) {
            ret = add(array, &keys->rows[i]);
        }
    } else if ((found = server_conf_keys_find(keys, type, key)) != NULL) {
        ret = add(array, found);
    }
    if (ret < 0) {
        json_decref(array);
        return NULL;
    }
    return json_pack("{s:o}", "keys", array);
}
