/*
 * The ssh public keys of all clients, sorted, so that one is found without looking at all.
 */
#ifndef CERTMILL_COMMON_SERVER_CONF_KEYS_H
#define CERTMILL_COMMON_SERVER_CONF_KEYS_H

#include <stddef.h>

#include "common/err.h"
#include "common/server_conf.h"

/* Points into the configuration; type and key are not terminated. */
struct server_conf_key {
    const char *type, *key, *client;
    size_t type_len, key_len;
};

struct server_conf_keys {
    struct server_conf_key *rows;
    size_t count;
};

/* ERR_EXISTS: two clients have the same key, or one has it twice. */
int server_conf_keys_read(struct server_conf_keys *out, const struct server_conf *conf,
                          struct err *err);
void server_conf_keys_clear(struct server_conf_keys *keys);
/* By type ("ssh-ed25519") and key (base64), or NULL. */
const struct server_conf_key *server_conf_keys_find(const struct server_conf_keys *keys,
                                                    const char *type, const char *key);

#endif
