#include "issuer/submit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "issuer/aftercare.h"
#include "issuer/authority.h"
#include "issuer/cert.h"
#include "issuer/csr.h"
#include "issuer/intake.h"
#include "issuer/line.h"
#include "issuer/line_json.h"
#include "issuer/preflight_command.h"
#include "issuer/preflight_look.h"
#include "issuer/say.h"

struct submit {
    struct submit_options opt;
    struct line_server *server;
};

/* One request, from its line to its answer. It outlives its connection where something that cannot
 * be taken back is under way. */
struct session {
    struct submit *submit;
    struct line_conn *conn; /* NULL: the client has left */
    struct intake_ticket *ticket;
    bool pending; /* a callback will come */
    char *url;    /* directory, for show acmeaccount */
};

static void session_release(struct session *session)
{
    if (session->conn != NULL || session->pending) {
        return;
    }
    free(session->url);
    free(session);
}

/* -- answers -- */

static void answer(struct session *session, char *text)
{
    if (session->conn != NULL && text != NULL) {
        line_finish(session->conn, text, strlen(text));
    } else if (session->conn != NULL) {
        line_fail(session->conn, "internal", "out of memory");
    }
    free(text);
}

static void answer_error(struct session *session, const struct err *err)
{
    if (session->conn != NULL) {
        line_fail(session->conn, line_json_kind(err->code), err->text);
    }
}

/* Takes text over; ret and err say how it went. */
static void answer_text(struct session *session, int ret, char *text, const struct err *err)
{
    if (ret < 0) {
        answer_error(session, err);
    } else {
        answer(session, line_json_output(text));
    }
    free(text);
}

/* -- get certificate -- */

static void on_event(void *arg, const struct desk_event *event)
{
    struct session *session = arg;
    char *text = line_json_dump(
        json_pack("{s:s, s:o, s:s, s:I, s:o}", "event", "log", "time", line_json_time(event->at_us),
                  "level", log_level_name(event->level), "order", (json_int_t)event->order,
                  "message", line_json_string(event->text)));

    if (session->conn != NULL && text != NULL) {
        line_send(session->conn, text, strlen(text));
    }
    free(text);
}

static const char *failure_kind(const struct desk_result *result)
{
    if (result->code != 0) {
        return line_json_kind(result->code);
    }
    if (result->retry_at != 0) {
        return "later";
    }
    switch (result->failure) {
    case ORDER_REFUSED_CA:
        return "ca";
    case ORDER_UNAVAILABLE_CA:
        return "unavailable";
    case ORDER_INTERRUPTED:
        return "interrupted";
    default:
        return "internal";
    }
}

static void answer_failure(struct session *session, const struct desk_result *result)
{
    json_t *object = json_pack("{s:s, s:s, s:o}", "result", "error", "kind", failure_kind(result),
                               "message", line_json_string(result->text));

    if (object != NULL && result->retry_at != 0) {
        (void)json_object_set_new(object, "retry_at", line_json_seconds(result->retry_at));
    }
    answer(session, line_json_dump(object));
}

static void on_done(void *arg, const struct desk_result *result)
{
    struct session *session = arg;

    session->ticket = NULL;
    if (result->failure == ORDER_OK) {
        answer(session, line_json_output(result->chain));
    } else {
        answer_failure(session, result);
    }
}

static const char *asked_authority(const struct submit_request *request)
{
    return request->authority != NULL ? request->authority : request->acme_server_url;
}

static void log_refused(const struct session *session, const struct submit_request *request,
                        const struct err *err)
{
    log_warning(session->submit->opt.log,
                request->client_name != NULL ? request->client_name : request->client,
                "refused (uid %lld): %s", (long long)line_peer_uid(session->conn), err->text);
}

static void get_certificate(struct session *session, const struct submit_request *request)
{
    const struct submit *submit = session->submit;
    const struct desk_client client = {.event = on_event, .done = on_done, .arg = session};
    const struct intake_request wanted = {
        .csr_pem = request->input,
        .csr_len = request->input_len,
        .client = request->client_name,
        .domains = request->domains,
        .address = request->client,
        .peer_uid = line_peer_uid(session->conn),
        .authority = asked_authority(request),
        .preferred_chain = request->preferred_chain,
        .profile = request->profile,
        .staging = request->staging,
        .force = request->force,
    };
    struct err err = {0};

    if (intake_take(submit->opt.intake, &wanted, &client, &session->ticket, &err) < 0) {
        log_refused(session, request, &err);
        answer_error(session, &err);
    }
}

/* -- check -- */

static enum log_level level_of(enum preflight_severity severity)
{
    switch (severity) {
    case PREFLIGHT_GOOD:
        return LOG_LEVEL_INFO;
    case PREFLIGHT_TEMPORARY:
        return LOG_LEVEL_WARNING;
    default:
        return LOG_LEVEL_ERROR;
    }
}

static void on_checked(void *arg, const struct preflight_finding *findings, size_t count)
{
    struct session *session = arg;
    const int64_t now = clock_wall_us(session->submit->opt.clock);
    struct err err = {0};

    session->pending = false;
    for (size_t i = 0; i < count; i++) {
        on_event(session, &(struct desk_event){.at_us = now,
                                               .level = level_of(findings[i].severity),
                                               .text = findings[i].text});
    }
    if (findings == NULL) {
        (void)err_set(&err, ERR_CANCELLED, "the server is being stopped; ask again");
        answer_error(session, &err);
    } else if (preflight_all_good(findings, count)) {
        answer(session, line_json_output("good\n"));
    } else {
        (void)err_set(&err, ERR_POLICY, "not all is as a CA needs it");
        answer_error(session, &err);
    }
    session_release(session);
}

static void check_names(struct session *session, const struct submit_request *request)
{
    const struct submit_options *opt = &session->submit->opt;
    const struct preflight_command command = {.preflight = opt->preflight,
                                              .desk = opt->desk,
                                              .store = opt->store,
                                              .conf = opt->conf,
                                              .names = request->names,
                                              .client_name = request->client_name,
                                              .domains = request->domains};
    struct preflight_check *check;
    struct err err = {0};

    session->pending = true;
    if (preflight_command(&command, on_checked, session, &check, &err) < 0) {
        session->pending = false;
        log_refused(session, request, &err);
        answer_error(session, &err);
    }
}

/* -- what was issued already -- */

static void on_aftercare(void *arg, int error, const char *text, json_t *result)
{
    struct session *session = arg;
    struct err err = {0};

    session->pending = false;
    if (error != 0) {
        (void)err_set(&err, error, "%s", text != NULL ? text : err_string(error));
        answer_error(session, &err);
    } else {
        answer(session, line_json_dump(result));
    }
    session_release(session);
}

static void aftercare(struct session *session, const struct submit_request *request)
{
    struct err err = {0};

    session->pending = true;
    if (aftercare_submit(session->submit->opt.aftercare, request, line_peer_uid(session->conn),
                         on_aftercare, session, &err) < 0) {
        session->pending = false;
        log_refused(session, request, &err);
        answer_error(session, &err);
    }
}

/* -- show -- */

static char *account_text(const struct session *session, const char *account_url)
{
    struct preflight_authority ca = {0};
    struct authorities all;
    struct say say;

    say_init(&say, LIMIT_SUBMIT_LINE / 2);
    say_add(&say, "ACME account\n  Directory URL: %s\n  Account URL: %s\n", session->url,
            account_url);
    authorities_read(&all, session->submit->opt.conf);
    if ((ca.authority = authorities_find(&all, session->url)) != NULL) {
        preflight_identities(&ca, session->submit->opt.desk);
    }
    for (size_t i = 0; i < ca.caa_count; i++) {
        say_add(&say, "%s%s", i == 0 ? "  CAA identities: " : ", ", ca.caa[i]);
    }
    say_add(&say, "%s", ca.caa_count > 0 ? "\n" : "");
    return say_take(&say);
}

static void on_account(void *arg, int error, const char *text, const char *account_url)
{
    struct session *session = arg;
    struct err err = {0};
    char *output = NULL;

    session->pending = false;
    if (error != 0) {
        (void)err_set(&err, error, "%s", text != NULL ? text : err_string(error));
        answer_error(session, &err);
    } else if ((output = account_text(session, account_url)) == NULL) {
        answer(session, NULL);
    } else {
        answer_text(session, 0, output, &err);
    }
    session_release(session);
}

/* The URL lives as long as the configuration. */
static int choose(const struct submit *submit, const struct submit_request *request,
                  const char **url, struct err *err)
{
    const struct authority_wish wish = {.client = request->client_name,
                                        .asked = asked_authority(request),
                                        .staging = request->staging};
    const struct authority *chosen[LIMIT_AUTHORITIES];
    struct authorities all;
    int ret;

    authorities_read(&all, submit->opt.conf);
    if ((ret = authorities_choose(&all, submit->opt.conf, &wish, chosen, err)) < 0) {
        return ret;
    }
    *url = chosen[0]->directory;
    return 0;
}

static void show_account(struct session *session, const struct submit_request *request)
{
    struct submit *submit = session->submit;
    struct err err = {0};
    const char *url;
    int ret = choose(submit, request, &url, &err);

    if (ret == 0 && (session->url = strdup(url)) == NULL) {
        ret = err_set(&err, -ENOMEM, "out of memory");
    }
    if (ret == 0) {
        ret = desk_account(submit->opt.desk, url, on_account, session, &err);
    }
    if (ret == 0) {
        session->pending = true;
    } else {
        answer_error(session, &err);
    }
}

static void show_configuration(struct session *session, const struct submit_request *request)
{
    struct err err = {0};
    char *text = NULL;
    int ret = submit_configuration(session->submit->opt.conf, request->client_name, &text, &err);

    answer_text(session, ret, text, &err);
}

static void show(struct session *session, const struct submit_request *request)
{
    struct err err = {0};
    char *text = NULL;
    int ret = request->op == SUBMIT_SHOW_CSR
                  ? csr_describe(request->input, request->input_len, &text, &err)
                  : cert_describe(request->input, request->input_len, &text, &err);

    answer_text(session, ret, text, &err);
}

/* -- requests -- */

static void dispatch(struct session *session, const struct submit_request *request)
{
    switch (request->op) {
    case SUBMIT_PING:
        answer(session, line_json_output("pong\n"));
        return;
    case SUBMIT_GET_CERTIFICATE:
        get_certificate(session, request);
        return;
    case SUBMIT_GET_OCSP:
    case SUBMIT_GET_RENEWAL_INFO:
    case SUBMIT_REVOKE_CERTIFICATE:
    case SUBMIT_REVOKE_REQUEST:
    case SUBMIT_REVOKE_SIGNED:
        aftercare(session, request);
        return;
    case SUBMIT_SHOW_CSR:
    case SUBMIT_SHOW_CERTIFICATE:
        show(session, request);
        return;
    case SUBMIT_SHOW_CONFIGURATION:
        show_configuration(session, request);
        return;
    case SUBMIT_SHOW_ACMEACCOUNT:
        show_account(session, request);
        return;
    case SUBMIT_CHECK:
        check_names(session, request);
        return;
    case SUBMIT_OPS:
        return;
    }
}

static void on_line(void *arg, struct line_conn *conn, const char *line, size_t len)
{
    struct session *session = calloc(1, sizeof *session);
    struct submit_request request;
    struct err err = {0};

    if (session == NULL) {
        line_fail(conn, "internal", "out of memory");
        return;
    }
    session->submit = arg;
    session->conn = conn;
    line_set_data(conn, session);
    if (submit_request_parse(&request, line, len, &err) < 0) {
        answer_error(session, &err);
        return;
    }
    dispatch(session, &request);
    submit_request_clear(&request);
}

static void on_gone(void *arg, struct line_conn *conn)
{
    struct session *session = line_data(conn);

    (void)arg;
    if (session == NULL) {
        return;
    }
    session->conn = NULL;
    if (session->ticket != NULL) {
        intake_leave(session->ticket);
    }
    session->ticket = NULL;
    session_release(session);
}

/* -- life -- */

int submit_new(struct submit **out, const struct submit_options *options)
{
    struct submit *submit = calloc(1, sizeof *submit);
    struct line_options line = {
        .loop = options->loop,
        .log = options->log,
        .name = "submit.sock",
        .max_line = LIMIT_SUBMIT_LINE,
        .max_queue = LIMIT_SUBMIT_QUEUE,
        .max_clients = LIMIT_SUBMIT_CLIENTS,
        .request_ms = LIMIT_SUBMIT_MS,
        .on_line = on_line,
        .on_gone = on_gone,
        .arg = submit,
    };
    int ret;

    if (submit == NULL) {
        return -ENOMEM;
    }
    submit->opt = *options;
    if ((ret = line_server_new(&submit->server, &line, options->fd)) < 0) {
        free(submit);
        return ret;
    }
    *out = submit;
    return 0;
}

static void stop_waiting(struct line_conn *conn)
{
    struct session *session = line_data(conn);

    if (session != NULL && session->ticket != NULL) {
        intake_leave(session->ticket);
        session->ticket = NULL;
        line_fail(conn, "interrupted", "the server is being stopped; ask again");
    }
}

void submit_stop(struct submit *submit)
{
    line_each(submit->server, stop_waiting);
}

void submit_free(struct submit *submit)
{
    if (submit == NULL) {
        return;
    }
    line_server_free(submit->server);
    free(submit);
}

void submit_configure(struct submit *submit, const struct server_conf *conf)
{
    submit->opt.conf = conf;
}
