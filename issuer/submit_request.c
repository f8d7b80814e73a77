#include "issuer/submit.h"

#include <string.h>

#include "common/limits.h"
#include "issuer/line_json.h"

static const struct line_member members[] = {
    {"domains", LINE_STRING, false},         {"input", LINE_STRING, false},
    {"client", LINE_STRING, false},          {"staging", LINE_BOOLEAN, false},
    {"acme_server_url", LINE_STRING, false}, {"preferred_chain", LINE_STRING, false},
};

static const struct {
    const char *name;
    bool domains, input;
} ops[SUBMIT_OPS] = {
    [SUBMIT_PING] = {"ping", false, false},
    [SUBMIT_GET_CERTIFICATE] = {"get certificate", true, true},
    [SUBMIT_GET_OCSP] = {"get ocsp", false, true},
    [SUBMIT_SHOW_CSR] = {"show csr", false, true},
    [SUBMIT_SHOW_CERTIFICATE] = {"show certificate", false, true},
    [SUBMIT_SHOW_CONFIGURATION] = {"show configuration", false, false},
    [SUBMIT_SHOW_ACMEACCOUNT] = {"show acmeaccount", false, false},
};

static int find_op(enum submit_op *op, const char *name, struct err *err)
{
    for (unsigned i = 0; i < SUBMIT_OPS; i++) {
        if (strcmp(ops[i].name, name) == 0) {
            *op = (enum submit_op)i;
            return 0;
        }
    }
    return err_set(err, ERR_UNKNOWN, "the request asks for the unknown operation \"%.64s\"", name);
}

static const char *string(const json_t *json, const char *name)
{
    return json_string_value(json_object_get(json, name));
}

static int check(const struct submit_request *request, struct err *err)
{
    const char *name = ops[request->op].name;

    if (ops[request->op].domains && request->domains == NULL) {
        return err_set(err, ERR_MALFORMED, "the request (%s) lacks \"domains\"", name);
    }
    if (ops[request->op].input && request->input == NULL) {
        return err_set(err, ERR_MALFORMED, "the request (%s) lacks \"input\"", name);
    }
    if (request->client != NULL && strlen(request->client) > LIMIT_CLIENT_TEXT) {
        return err_set(err, ERR_LIMIT, "\"client\" in the request is longer than %d octets",
                       LIMIT_CLIENT_TEXT);
    }
    if (request->acme_server_url != NULL && strlen(request->acme_server_url) > LIMIT_URL) {
        return err_set(err, ERR_LIMIT, "the URL of the ACME server is longer than %d octets",
                       LIMIT_URL);
    }
    if (request->preferred_chain != NULL && strlen(request->preferred_chain) > LIMIT_DOMAIN_TEXT) {
        return err_set(err, ERR_LIMIT, "the name of the preferred chain is longer than %d octets",
                       LIMIT_DOMAIN_TEXT);
    }
    return 0;
}

int submit_request_parse(struct submit_request *out, const char *line, size_t len, struct err *err)
{
    int ret;

    memset(out, 0, sizeof *out);
    ret = line_json_parse(&out->json, line, len, members, sizeof members / sizeof *members, err);
    if (ret < 0) {
        return ret;
    }
    out->domains = string(out->json, "domains");
    out->input = string(out->json, "input");
    out->input_len = json_string_length(json_object_get(out->json, "input"));
    out->client = string(out->json, "client");
    out->acme_server_url = string(out->json, "acme_server_url");
    out->preferred_chain = string(out->json, "preferred_chain");
    out->staging = json_is_true(json_object_get(out->json, "staging"));
    if ((ret = find_op(&out->op, string(out->json, "op"), err)) < 0 ||
        (ret = check(out, err)) < 0) {
        submit_request_clear(out);
    }
    return ret;
}

void submit_request_clear(struct submit_request *request)
{
    json_decref(request->json);
    memset(request, 0, sizeof *request);
}
