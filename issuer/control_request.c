#include "common/limits.h"
#include "issuer/control.h"

#include <string.h>

#include "issuer/line_json.h"

static const struct line_member members[] = {
    {"id", LINE_INTEGER, false},
    {"limit", LINE_INTEGER, false},
    {"name", LINE_STRING, false},
    {"forget", LINE_BOOLEAN, false},
};

static const struct {
    const char *name;
    bool id, limit, by_name, forget;
} ops[CONTROL_OPS] = {
    [CONTROL_PING] = {"ping", false, false, false, false},
    [CONTROL_STATUS] = {"status", false, false, false, false},
    [CONTROL_ORDERS] = {"orders", true, true, false, false},
    [CONTROL_RECORDS] = {"records", false, false, false, false},
    [CONTROL_CERTIFICATES] = {"certificates", false, true, true, false},
    [CONTROL_ACCOUNTS] = {"accounts", false, false, false, false},
    [CONTROL_RELOAD] = {"reload", false, false, false, false},
    [CONTROL_BACKUP] = {"backup", false, false, false, false},
    [CONTROL_PERSIST] = {"persist", false, false, true, false},
    [CONTROL_LIMITS] = {"limits", false, false, true, true},
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
    const char *extra = NULL;

    if (request->id != 0 && !ops[request->op].id) {
        extra = "id";
    } else if (json_object_get(request->json, "limit") != NULL && !ops[request->op].limit) {
        extra = "limit";
    } else if (request->name != NULL && !ops[request->op].by_name) {
        extra = "name";
    } else if (json_object_get(request->json, "forget") != NULL && !ops[request->op].forget) {
        extra = "forget";
    }
    if (extra == NULL && request->forget && request->name == NULL) {
        return err_set(err, ERR_MALFORMED, "the request to forget lacks \"name\"");
    }
    if (extra == NULL && request->op == CONTROL_PERSIST && request->name == NULL) {
        return err_set(err, ERR_MALFORMED, "the request (persist) lacks \"name\"");
    }
    if (extra == NULL) {
        return 0;
    }
    return err_set(err, ERR_UNKNOWN, "the request (%s) has the unknown member \"%s\"",
                   ops[request->op].name, extra);
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
