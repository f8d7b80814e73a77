#include "issuer/aftercare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "issuer/control_json.h"
#include "issuer/http.h"
#include "issuer/issued.h"
#include "issuer/line_json.h"
#include "issuer/ocsp.h"
#include "issuer/renewal.h"
#include "issuer/revoke.h"
#include "issuer/revoke_jws.h"
#include "issuer/revoke_proof.h"
#include "issuer/revoke_reason.h"
#include "issuer/submit.h"

struct aftercare {
    struct aftercare_options opt;
    struct http *http;
    struct renewal *renewal;
    struct ocsp *ocsp;
    struct revoke *revoke;
};

/* Who waits for an answer, and in which form. */
struct caller {
    aftercare_fn *fn;
    void *arg;
    bool control;
};

int aftercare_new(struct aftercare **out, const struct aftercare_options *options, struct err *err)
{
    struct aftercare *aftercare = calloc(1, sizeof *aftercare);
    int ret;

    if (aftercare == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    aftercare->opt = *options;
    if ((ret = http_new_plain(&aftercare->http, options->loop, options->log, err)) < 0) {
        aftercare_free(aftercare);
        return ret;
    }
    const struct renewal_options renewal = {options->log, options->clock, options->store,
                                            options->desk};
    const struct ocsp_options ocsp = {options->log, options->clock, options->store,
                                      aftercare->http};
    const struct revoke_options revoke = {options->log, options->clock, options->store,
                                          options->desk, options->audit};
    if ((ret = renewal_new(&aftercare->renewal, &renewal)) < 0 ||
        (ret = ocsp_new(&aftercare->ocsp, &ocsp)) < 0 ||
        (ret = revoke_new(&aftercare->revoke, &revoke)) < 0) {
        aftercare_free(aftercare);
        return err_set(err, ret, "out of memory");
    }
    *out = aftercare;
    return 0;
}

void aftercare_free(struct aftercare *aftercare)
{
    if (aftercare == NULL) {
        return;
    }
    revoke_free(aftercare->revoke);
    ocsp_free(aftercare->ocsp);
    renewal_free(aftercare->renewal);
    http_free(aftercare->http);
    free(aftercare);
}

void aftercare_configure(struct aftercare *aftercare, const struct server_conf *conf)
{
    aftercare->opt.conf = conf;
}

struct renewal *aftercare_renewal(struct aftercare *aftercare)
{
    return aftercare->renewal;
}

/* -- answers -- */

static struct caller *caller_new(aftercare_fn *fn, void *arg, bool control)
{
    struct caller *caller = malloc(sizeof *caller);

    if (caller != NULL) {
        *caller = (struct caller){fn, arg, control};
    }
    return caller;
}

/* Takes answer over; NULL without an error: out of memory. */
static void reply(struct caller *caller, int error, const char *text, json_t *answer)
{
    if (error == 0 && answer == NULL) {
        error = -ENOMEM;
        text = "out of memory";
    }
    caller->fn(caller->arg, error, text, answer);
    free(caller);
}

static json_t *result_of(const char *member, json_t *output)
{
    return json_pack("{s:s, s:o}", "result", "ok", member, output);
}

static void on_ocsp(void *arg, int error, const char *text, const uint8_t *der, size_t len)
{
    json_t *answer = NULL;

    if (error == 0) {
        char *base64 = malloc((len + 2) / 3 * 4 + 1);
        if (base64 != NULL) {
            (void)EVP_EncodeBlock((unsigned char *)base64, der, (int)len);
            answer = result_of("output_base64", json_string(base64));
        }
        free(base64);
    }
    reply(arg, error, text, answer);
}

static json_t *renewal_text(const struct renewal_window *window)
{
    json_t *object = json_pack(
        "{s:{s:o, s:o}, s:o, s:o, s:o}", "suggestedWindow", "start",
        line_json_seconds(window->start), "end", line_json_seconds(window->end), "explanationURL",
        line_json_string(window->explanation[0] != '\0' ? window->explanation : NULL), "checked",
        line_json_seconds(window->checked), "next", line_json_seconds(window->next));
    char *text = object != NULL ? json_dumps(object, JSON_INDENT(2)) : NULL;
    json_t *string = text != NULL ? json_sprintf("%s\n", text) : NULL;

    free(text);
    json_decref(object);
    return string;
}

static void on_renewal(void *arg, int error, const char *text, const struct renewal_window *window)
{
    reply(arg, error, text, error == 0 ? result_of("output", renewal_text(window)) : NULL);
}

static json_t *revoked_text(const struct revoke_result *result)
{
    json_t *at = line_json_seconds(result->at);
    json_t *text =
        json_sprintf("certificate %s (%s) %s since %s: %s\n", result->serial, result->names,
                     result->already ? "was revoked before," : "is revoked",
                     json_string_value(at) != NULL ? json_string_value(at) : "?",
                     revoke_reason_name(result->reason));

    json_decref(at);
    return result_of("output", text);
}

static json_t *revoked_data(const struct revoke_result *result)
{
    return json_pack("{s:s, s:o, s:o, s:s, s:b}", "serial", result->serial, "names",
                     control_json_names(result->names), "revoked", line_json_seconds(result->at),
                     "reason", revoke_reason_name(result->reason), "already", result->already);
}

static void on_revoked(void *arg, int error, const char *text, const struct revoke_result *result)
{
    struct caller *caller = arg;
    json_t *answer = NULL;

    if (error == 0 && result->to_sign != NULL) {
        answer = result_of("output", json_string(result->to_sign));
    } else if (error == 0) {
        answer = caller->control ? revoked_data(result) : revoked_text(result);
    }
    reply(caller, error, text, answer);
}

/* -- requests -- */

/* NULL: none is named. */
static int find_client(const struct server_conf_client **client, const struct aftercare *aftercare,
                       const char *name, struct err *err)
{
    *client = name != NULL ? server_conf_client_find(aftercare->opt.conf, name) : NULL;
    if (name != NULL && *client == NULL) {
        return err_set(err, ERR_POLICY,
                       "the server's configuration has no client \"%.64s\" (any more)", name);
    }
    return 0;
}

/* The certificate of a PEM chain, where the client may have all its names. */
static int find_own(const struct aftercare *aftercare, const struct submit_request *request,
                    const char *pem, struct issued *issued, struct err *err)
{
    const struct server_conf_client *client;
    int ret = issued_find(issued, aftercare->opt.store, pem, strlen(pem),
                          clock_wall_s(aftercare->opt.clock), err);

    if (ret < 0) {
        return ret;
    }
    if ((ret = find_client(&client, aftercare, request->client_name, err)) < 0 ||
        (ret = issued_permit(issued, client, request->domains, err)) < 0) {
        issued_clear(issued);
    }
    return ret;
}

static int get_renewal(struct aftercare *aftercare, const struct submit_request *request,
                       struct caller *caller, struct err *err)
{
    struct issued issued;
    int ret = find_own(aftercare, request, request->input, &issued, err);

    if (ret < 0) {
        return ret;
    }
    issued_clear(&issued);
    return renewal_get(aftercare->renewal, request->input, request->input_len, on_renewal, caller,
                       err);
}

static int revoke_own(struct aftercare *aftercare, const struct submit_request *request,
                      int64_t peer_uid, struct caller *caller, struct err *err)
{
    struct revoke_request order = {
        .client = request->client_name, .address = request->client, .peer_uid = peer_uid};
    struct revoke_jws jws = {0};
    struct issued issued;
    int ret = 0;

    if (request->op == SUBMIT_REVOKE_SIGNED) {
        order.way = REVOKE_SIGNED;
        order.jws = &jws;
        ret = revoke_jws_check(&jws, request->input, request->input_len, err);
        order.reason = jws.reason;
    } else if (request->op == SUBMIT_REVOKE_REQUEST) {
        order.way = REVOKE_TO_SIGN;
        if (request->reason != NULL) {
            ret = revoke_reason_parse(&order.reason, request->reason, err);
        }
    } else {
        ret = revoke_proof_check(request->input, request->input_len,
                                 clock_wall_s(aftercare->opt.clock), &order.reason, err);
    }
    if (ret >= 0 && (ret = find_own(aftercare, request, jws.pem != NULL ? jws.pem : request->input,
                                    &issued, err)) >= 0) {
        order.issued = &issued;
        ret = revoke_start(aftercare->revoke, &order, on_revoked, caller, err);
        issued_clear(&issued);
    }
    revoke_jws_clear(&jws);
    return ret;
}

int aftercare_submit(struct aftercare *aftercare, const struct submit_request *request,
                     int64_t peer_uid, aftercare_fn *fn, void *arg, struct err *err)
{
    struct caller *caller = caller_new(fn, arg, false);
    int ret;

    if (caller == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    switch (request->op) {
    case SUBMIT_GET_OCSP:
        ret = ocsp_get(aftercare->ocsp, request->input, request->input_len, on_ocsp, caller, err);
        break;
    case SUBMIT_GET_RENEWAL_INFO:
        ret = get_renewal(aftercare, request, caller, err);
        break;
    case SUBMIT_REVOKE_CERTIFICATE:
    case SUBMIT_REVOKE_REQUEST:
    case SUBMIT_REVOKE_SIGNED:
        ret = revoke_own(aftercare, request, peer_uid, caller, err);
        break;
    default:
        free(caller);
        return err_set(err, ERR_INTERNAL, "not a request about an issued certificate");
    }
    if (ret < 0) {
        free(caller);
    }
    return ret;
}

int aftercare_revoke(struct aftercare *aftercare, const char *serial, const char *reason,
                     int64_t peer_uid, aftercare_fn *fn, void *arg, struct err *err)
{
    struct revoke_request order = {.client = "operator", .peer_uid = peer_uid};
    struct caller *caller;
    struct issued issued;
    int ret;

    if ((reason != NULL && (ret = revoke_reason_parse(&order.reason, reason, err)) < 0) ||
        (ret = issued_by_serial(&issued, aftercare->opt.store, serial,
                                clock_wall_s(aftercare->opt.clock), err)) < 0) {
        return ret;
    }
    order.issued = &issued;
    if ((caller = caller_new(fn, arg, true)) == NULL) {
        ret = err_set(err, -ENOMEM, "out of memory");
    } else if ((ret = revoke_start(aftercare->revoke, &order, on_revoked, caller, err)) < 0) {
        free(caller);
    }
    issued_clear(&issued);
    return ret;
}
