#include "issuer/control_json.h"

#include <errno.h>
#include <string.h>

#include "common/limits.h"
#include "issuer/line_json.h"
#include "issuer/renewal.h"
#include "issuer/revoke_reason.h"

/* json_array_append_new takes NULL for a failure, and reports it; the array is incomplete then. */
struct rows {
    json_t *array;
    bool failed;
};

static void add(struct rows *rows, json_t *row)
{
    if (json_array_append_new(rows->array, row) < 0) {
        rows->failed = true;
    }
}

static json_t *wrap(struct rows *rows, const char *name, int ret, struct err *err)
{
    json_t *data = NULL;

    if (ret == 0 && !rows->failed) {
        data = json_pack("{s:O}", name, rows->array);
    }
    if (ret == 0 && data == NULL) {
        (void)err_set(err, -ENOMEM, "out of memory");
    }
    json_decref(rows->array);
    return data;
}

json_t *control_json_names(const char *names)
{
    json_t *array = json_array();

    while (array != NULL && *names != '\0') {
        size_t len = strcspn(names, ",");

        (void)json_array_append_new(array, json_stringn(names, len));
        names += len + (names[len] == ',');
    }
    return array;
}

/* -- orders -- */

static json_t *order(const struct store_order *row)
{
    return json_pack("{s:I, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o}", "id",
                     (json_int_t)row->id, "state", line_json_string(row->state), "names",
                     control_json_names(row->names), "client", line_json_string(row->client),
                     "peer_uid", (json_int_t)row->peer_uid, "directory",
                     line_json_string(row->directory_url), "url", line_json_string(row->url),
                     "failure", line_json_string(row->failure), "created",
                     line_json_time(row->created), "updated", line_json_time(row->updated));
}

static void add_order(void *arg, const struct store_order *row)
{
    add(arg, order(row));
}

json_t *control_json_orders(struct store *store, unsigned limit, struct err *err)
{
    struct rows rows = {.array = json_array()};
    int ret = store_order_each(store, limit, add_order, &rows, err);

    return wrap(&rows, "orders", ret, err);
}

static void set_order(void *arg, const struct store_order *row)
{
    json_t **object = arg;

    *object = order(row);
}

static void add_event(void *arg, int64_t at_us, const char *text)
{
    add(arg,
        json_pack("{s:o, s:o}", "time", line_json_time(at_us), "message", line_json_string(text)));
}

json_t *control_json_order(struct store *store, uint64_t id, struct err *err)
{
    struct rows rows = {.array = json_array()};
    json_t *object = NULL, *data;
    int ret = store_order_get(store, id, set_order, &object, err);

    if (ret == 0) {
        ret = store_event_each(store, id, add_event, &rows, err);
    }
    data = wrap(&rows, "events", ret, err);
    if (data == NULL) {
        json_decref(object);
    } else if (json_object_set_new(data, "order", object) < 0) {
        json_decref(data);
        (void)err_set(err, -ENOMEM, "out of memory");
        return NULL;
    }
    return data;
}

/* -- certificates, records -- */

/* null: nothing is known of it. */
static json_t *renewal(const struct store_certificate *row)
{
    if (row->renew_end == 0) {
        return json_null();
    }
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o}", "start", line_json_seconds(row->renew_start), "end",
        line_json_seconds(row->renew_end), "moment", line_json_seconds(renewal_moment(row)),
        "checked", line_json_seconds(row->renew_checked), "next",
        line_json_seconds(row->renew_next), "explanation",
        line_json_string(row->renew_explanation[0] != '\0' ? row->renew_explanation : NULL));
}

static void add_certificate(void *arg, const struct store_certificate *row)
{
    json_t *reason =
        row->revoked != 0 ? json_string(revoke_reason_name(row->revoked_reason)) : NULL;

    add(arg, json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "order",
                       (json_int_t)row->order_id, "serial", line_json_string(row->serial), "names",
                       control_json_names(row->names), "issuer", line_json_string(row->issuer),
                       "not_before", line_json_seconds(row->not_before), "not_after",
                       line_json_seconds(row->not_after), "created", line_json_time(row->created),
                       "revoked", row->revoked != 0 ? line_json_seconds(row->revoked) : json_null(),
                       "reason", reason != NULL ? reason : json_null(), "renewal", renewal(row)));
}

json_t *control_json_certificates(struct store *store, const char *name, unsigned limit,
                                  struct err *err)
{
    struct rows rows = {.array = json_array()};
    int ret = store_certificate_each(store, name, limit, add_certificate, &rows, err);

    return wrap(&rows, "certificates", ret, err);
}

static void add_record(void *arg, const char *zone, const char *name, const char *value,
                       uint64_t order_id, int64_t expires)
{
    struct rows *rows = arg;

    if (json_array_size(rows->array) < LIMIT_ROWS) {
        add(rows, json_pack("{s:o, s:o, s:o, s:I, s:o}", "zone", line_json_string(zone), "name",
                            line_json_string(name), "value", line_json_string(value), "order",
                            (json_int_t)order_id, "expires", line_json_seconds(expires)));
    }
}

json_t *control_json_records(const struct publisher *publisher)
{
    struct rows rows = {.array = json_array()};

    publisher_each(publisher, add_record, &rows);
    return wrap(&rows, "records", 0, NULL);
}

/* -- status -- */

static const char *state_name(enum ipc_process_state state)
{
    switch (state) {
    case IPC_PROCESS_STARTING:
        return "starting";
    case IPC_PROCESS_RUNNING:
        return "running";
    case IPC_PROCESS_WAITING:
        return "waiting";
    case IPC_PROCESS_STOPPED:
        return "stopped";
    }
    return "?";
}

json_t *control_json_processes(const struct control_process *processes)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < IPC_ROLES; i++) {
        const struct control_process *process = &processes[i];

        if (process->known) {
            (void)json_array_append_new(array, json_pack("{s:s, s:s, s:I, s:I, s:o}", "role",
                                                         ipc_role_name((enum ipc_role)i), "state",
                                                         state_name(process->state), "pid",
                                                         (json_int_t)process->pid, "restarts",
                                                         (json_int_t)process->restarts, "since",
                                                         line_json_seconds(process->since)));
        }
    }
    return array;
}

json_t *control_json_counts(struct store *store, struct err *err)
{
    uint64_t counts[ORDER_STATES];
    json_t *object;

    if (store_order_count(store, counts, err) < 0) {
        return NULL;
    }
    if ((object = json_object()) == NULL) {
        (void)err_set(err, -ENOMEM, "out of memory");
    }
    for (unsigned i = 0; i < ORDER_STATES; i++) {
        (void)json_object_set_new(object, order_state_name((enum order_state)i),
                                  json_integer((json_int_t)counts[i]));
    }
    return object;
}
