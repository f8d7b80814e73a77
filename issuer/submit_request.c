#include "issuer/submit.h"

#include <string.h>

#include "common/limits.h"
#include "issuer/line_json.h"

static const struct line_member members[] = {
    {"domains", LINE_STRING, false},         {"input", LINE_STRING, false},
    {"client", LINE_STRING, false},          {"client_name", LINE_STRING, false},
    {"staging", LINE_BOOLEAN, false},        {"force", LINE_BOOLEAN, false},
    {"acme_server_url", LINE_STRING, false}, {"authority", LINE_STRING, false},
    {"preferred_chain", LINE_STRING, false}, {"profile", LINE_STRING, false},
    {"names", LINE_STRING, false},           {"reason", LINE_STRING, false},
};

static const struct {
    const char *name;
    bool domains, input;
} ops[SUBMIT_OPS] = {
    [SUBMIT_PING] = {"ping", false, false},
    [SUBMIT_GET_CERTIFICATE] = {"get certificate", true, true},
    [SUBMIT_GET_OCSP] = {"get ocsp", false, true},
    [SUBMIT_GET_RENEWAL_INFO] = {"get renewal-info", true, true},
    [SUBMIT_REVOKE_CERTIFICATE] = {"revoke certificate", true, true},
    [SUBMIT_REVOKE_REQUEST] = {"revoke request", true, true},
    [SUBMIT_REVOKE_SIGNED] = {"revoke signed", true, true},
    [SUBMIT_SHOW_CSR] = {"show csr", false, true},
    [SUBMIT_SHOW_CERTIFICATE] = {"show certificate", false, true},
    [SUBMIT_SHOW_CONFIGURATION] = {"show configuration", false, false},
    [SUBMIT_SHOW_ACMEACCOUNT] = {"show acmeaccount", false, false},
    [SUBMIT_CHECK] = {"check", true, false},
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

static int check_length(const char *value, size_t max, const char *what, struct err *err)
{
    return value == NULL || strlen(value) <= max
               ? 0
               : err_set(err, ERR_LIMIT, "%s is longer than %zu octets", what, max);
}

static int check(const struct submit_request *request, struct err *err)
{
    const struct {
        const char *value, *what;
        size_t max;
    } lengths[] = {
        {request->client, "\"client\" in the request", LIMIT_CLIENT_TEXT},
        {request->client_name, "the name of the client", LIMIT_WORD},
        {request->acme_server_url, "the URL of the ACME server", LIMIT_URL},
        {request->authority, "the name of the authority", LIMIT_URL},
        {request->preferred_chain, "the name of the preferred chain", LIMIT_DOMAIN_TEXT},
        {request->profile, "the name of the profile", LIMIT_WORD},
        {request->reason, "the reason", LIMIT_WORD},
    };
    const char *name = ops[request->op].name;
    int ret;

    if (ops[request->op].domains && request->domains == NULL && request->client_name == NULL) {
        return err_set(err, ERR_MALFORMED, "the request (%s) lacks \"domains\" or \"client_name\"",
                       name);
    }
    if (ops[request->op].input && request->input == NULL) {
        return err_set(err, ERR_MALFORMED, "the request (%s) lacks \"input\"", name);
    }
    if (request->op == SUBMIT_CHECK && request->names == NULL) {
        return err_set(err, ERR_MALFORMED, "the request (%s) lacks \"names\"", name);
    }
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        if ((ret = check_length(lengths[i].value, lengths[i].max, lengths[i].what, err)) < 0) {
            return ret;
        }
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
    out->names = string(out->json, "names");
    out->client = string(out->json, "client");
    out->client_name = string(out->json, "client_name");
    out->authority = string(out->json, "authority");
    out->reason = string(out->json, "reason");
    out->profile = string(out->json, "profile");
    out->force = json_is_true(json_object_get(out->json, "force"));
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
