#include "common/limits.h"
#include "issuer/control.h"

#include <string.h>

#include "issuer/line_json.h"

enum {
    TAKES_ID = 1,
    TAKES_LIMIT = 2,
    TAKES_NAME = 4,
    TAKES_FORGET = 8,
    TAKES_KEY_TYPE = 16,
    NEEDS_NAME = 32,
    TAKES_SERIAL = 64,
    TAKES_KEY = 128,
    TAKES_NAMES = 256,
};

static const struct line_member members[] = {
    {"id", LINE_INTEGER, false},      {"limit", LINE_INTEGER, false},
    {"name", LINE_STRING, false},     {"forget", LINE_BOOLEAN, false},
    {"key_type", LINE_STRING, false}, {"serial", LINE_STRING, false},
    {"reason", LINE_STRING, false},   {"type", LINE_STRING, false},
    {"key", LINE_STRING, false},      {"names", LINE_STRING, false},
};

/* Which operations may have each of them, in the same order. */
static const unsigned takes[] = {TAKES_ID,       TAKES_LIMIT,  TAKES_NAME,   TAKES_FORGET,
                                 TAKES_KEY_TYPE, TAKES_SERIAL, TAKES_SERIAL, TAKES_KEY,
                                 TAKES_KEY,      TAKES_NAMES};

_Static_assert(sizeof takes / sizeof *takes == sizeof members / sizeof *members, "one each");

static const struct {
    const char *name;
    unsigned takes;
} ops[CONTROL_OPS] = {
    [CONTROL_PING] = {"ping", 0},
    [CONTROL_STATUS] = {"status", 0},
    [CONTROL_ORDERS] = {"orders", TAKES_ID | TAKES_LIMIT},
    [CONTROL_RECORDS] = {"records", 0},
    [CONTROL_CERTIFICATES] = {"certificates", TAKES_LIMIT | TAKES_NAME},
    [CONTROL_ACCOUNTS] = {"accounts", 0},
    [CONTROL_ACCOUNT_REGISTER] = {"account-register", TAKES_NAME | NEEDS_NAME | TAKES_KEY_TYPE},
    [CONTROL_ACCOUNT_ROLL_OVER] = {"account-roll-over", TAKES_NAME | NEEDS_NAME | TAKES_KEY_TYPE},
    [CONTROL_ACCOUNT_AGREE] = {"account-agree", TAKES_NAME | NEEDS_NAME},
    [CONTROL_ACCOUNT_DEACTIVATE] = {"account-deactivate", TAKES_NAME | NEEDS_NAME},
    [CONTROL_RELOAD] = {"reload", 0},
    [CONTROL_BACKUP] = {"backup", 0},
    [CONTROL_PERSIST] = {"persist", TAKES_NAME | NEEDS_NAME},
    [CONTROL_CHECK] = {"check", TAKES_NAMES},
    [CONTROL_REVOKE] = {"revoke", TAKES_SERIAL},
    [CONTROL_AUTHORIZED_KEYS] = {"authorized-keys", TAKES_KEY},
    [CONTROL_LIMITS] = {"limits", TAKES_NAME | TAKES_FORGET},
};

static int find_op(enum control_op *op, const char *name, struct err *err)
{
    for (unsigned i = 0; i < CONTROL_OPS; i++) {
        if (strcmp(ops[i].name, name) == 0) {
            *op = (enum control_op)i;
            return 0;
        }
    }
    return err_set(err, ERR_UNKNOWN, "the request asks for the unknown operation \"%.64s\"", name);
}

static int read_numbers(struct control_request *out, struct err *err)
{
    const json_t *id = json_object_get(out->json, "id");
    const json_t *limit = json_object_get(out->json, "limit");

    if (id != NULL && json_integer_value(id) <= 0) {
        return err_set(err, ERR_RANGE, "\"id\" in the request is no order's number");
    }
    if (limit != NULL &&
        (json_integer_value(limit) <= 0 || json_integer_value(limit) > LIMIT_ROWS)) {
        return err_set(err, ERR_RANGE, "\"limit\" in the request is not between 1 and %d",
                       LIMIT_ROWS);
    }
    out->id = (uint64_t)json_integer_value(id);
    out->limit = limit != NULL ? (unsigned)json_integer_value(limit) : CONTROL_LIMIT_DEFAULT;
    return 0;
}

static int check(const struct control_request *request, struct err *err)
{
    unsigned may = ops[request->op].takes;

    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (json_object_get(request->json, members[i].name) != NULL && (may & takes[i]) == 0) {
            return err_set(err, ERR_UNKNOWN, "the request (%s) has the unknown member \"%s\"",
                           ops[request->op].name, members[i].name);
        }
    }
    if (request->forget && request->name == NULL) {
        return err_set(err, ERR_MALFORMED, "the request to forget lacks \"name\"");
    }
    if ((may & TAKES_SERIAL) != 0 && request->serial == NULL) {
        return err_set(err, ERR_MALFORMED, "the request to revoke lacks \"serial\"");
    }
    if ((request->type == NULL) != (request->key == NULL)) {
        return err_set(err, ERR_MALFORMED, "\"type\" and \"key\" in the request belong together");
    }
    if ((may & TAKES_NAMES) != 0 && request->names == NULL) {
        return err_set(err, ERR_MALFORMED, "the request to check lacks \"names\"");
    }
    if ((may & NEEDS_NAME) != 0 && request->name == NULL) {
        return err_set(err, ERR_MALFORMED, "the request (%s) lacks \"name\"",
                       ops[request->op].name);
    }
    return 0;
}

int control_request_parse(struct control_request *out, const char *line, size_t len,
                          struct err *err)
{
    int ret;

    memset(out, 0, sizeof *out);
    ret = line_json_parse(&out->json, line, len, members, sizeof members / sizeof *members, err);
    if (ret < 0) {
        return ret;
    }
    out->name = json_string_value(json_object_get(out->json, "name"));
    out->names = json_string_value(json_object_get(out->json, "names"));
    out->key_type = json_string_value(json_object_get(out->json, "key_type"));
    out->serial = json_string_value(json_object_get(out->json, "serial"));
    out->reason = json_string_value(json_object_get(out->json, "reason"));
    out->type = json_string_value(json_object_get(out->json, "type"));
    out->key = json_string_value(json_object_get(out->json, "key"));
    out->forget = json_is_true(json_object_get(out->json, "forget"));
    if ((ret = find_op(&out->op, json_string_value(json_object_get(out->json, "op")), err)) < 0 ||
        (ret = read_numbers(out, err)) < 0 || (ret = check(out, err)) < 0) {
        control_request_clear(out);
    }
    return ret;
}

void control_request_clear(struct control_request *request)
{
    json_decref(request->json);
    memset(request, 0, sizeof *request);
}
