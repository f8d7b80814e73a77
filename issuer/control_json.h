/*
 * What control.sock answers, as JSON (docs/protocol.md): rows of the store and of the zone.
 */
#ifndef CERTMILL_ISSUER_CONTROL_JSON_H
#define CERTMILL_ISSUER_CONTROL_JSON_H

#include <jansson.h>

#include "common/server_conf_keys.h"
#include "issuer/control.h"

/* Names divided by "," as an array. */
json_t *control_json_names(const char *names);

/* The "data" of an answer; NULL: err is filled. */
json_t *control_json_orders(struct store *store, unsigned limit, struct err *err);
json_t *control_json_order(struct store *store, uint64_t id, struct err *err);
json_t *control_json_certificates(struct store *store, const char *name, unsigned limit,
                                  struct err *err);
json_t *control_json_records(const struct publisher *publisher);
/* control_limits.c; name in any form, or NULL: all. forget: what is held against it goes. */
json_t *control_json_limits(struct ledger *ledger, const struct server_conf *conf, const char *name,
                            bool forget, struct err *err);
/* control_persist.c; names divided by ",", in any form. */
json_t *control_json_persist(const struct control_options *control, const char *names,
                             struct err *err);
/* control_keys.c; type and key: of the one that is looked for, or both NULL: all. NULL: out of
 * memory. */
json_t *control_json_keys(const struct server_conf_keys *keys, const char *type, const char *key);

/* Parts of a status. */
json_t *control_json_processes(const struct control_process *processes);
json_t *control_json_counts(struct store *store, struct err *err);

#endif
