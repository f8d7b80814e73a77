#include "issuer/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/domainset.h"
#include "common/limits.h"
#include "issuer/aftercare.h"
#include "issuer/authority.h"
#include "issuer/backup.h"
#include "issuer/control_accounts.h"
#include "issuer/control_json.h"
#include "issuer/desk.h"
#include "issuer/line.h"
#include "issuer/line_json.h"
#include "issuer/preflight_command.h"

struct control {
    struct control_options opt;
    struct line_server *server;
    struct server_conf_keys keys; /* of the clients, read at first need */
    bool has_keys;
    uv_timer_t reload_timer;
    struct session *reloads; /* who waits for the outcome */
    uint64_t started_ms;     /* by the clock that is never set */
    unsigned users;          /* sessions and the timer: the last one frees */
};

/* One request, kept until its connection has gone and nothing is under way for it. */
struct session {
    struct session *next;
    struct control *control;
    struct line_conn *conn; /* NULL: the client has left */
    bool pending;
};

static void control_release(struct control *control)
{
    if (--control->users == 0) {
        free(control);
    }
}

static void session_release(struct session *session)
{
    if (session->conn != NULL || session->pending) {
        return;
    }
    control_release(session->control);
    free(session);
}

/* -- answers -- */

/* Takes data over; NULL: err. */
static void answer(struct session *session, json_t *data, const struct err *err)
{
    char *text =
        data != NULL ? line_json_dump(json_pack("{s:s, s:o}", "result", "ok", "data", data)) : NULL;

    if (session->conn == NULL) {
        free(text);
        return;
    }
    if (text != NULL) {
        line_finish(session->conn, text, strlen(text));
    } else if (err->code != 0) {
        line_fail(session->conn, line_json_kind(err->code), err->text);
    } else {
        line_fail(session->conn, "internal", "out of memory");
    }
    free(text);
}

/* -- status -- */

static json_t *zones(const struct server_conf *conf)
{
    const struct server_conf_zone *rows = conf->zones.rows;
    json_t *array = json_array();

    for (size_t i = 0; i < conf->zones.count; i++) {
        (void)json_array_append_new(array, line_json_string(rows[i].name));
    }
    return array;
}

/* Those that orders go to by themselves. */
static json_t *cas(const struct authorities *authorities)
{
    json_t *array = json_array();

    for (size_t i = 0; i < authorities->configured; i++) {
        const struct authority *a = &authorities->list[i];

        (void)json_array_append_new(array,
                                    json_pack("{s:o, s:o}", "name", line_json_string(a->name),
                                              "directory", line_json_string(a->directory)));
    }
    return array;
}

static json_t *status(const struct control *control, json_t *dns, struct err *err)
{
    const struct control_options *opt = &control->opt;
    const char *lost = store_lost(opt->store);
    json_t *counts = lost != NULL ? json_object() : control_json_counts(opt->store, err);
    struct authorities authorities;

    authorities_read(&authorities, opt->conf);
    if (counts == NULL) {
        json_decref(dns);
        return NULL;
    }
    return json_pack("{s:s, s:I, s:s, s:o, s:o, s:I, s:I, s:o, s:o, s:o, s:o}", "version",
                     CERTMILL_VERSION, "uptime",
                     (json_int_t)((clock_mono_ms(opt->clock) - control->started_ms) / 1000),
                     "directory", authorities.list[0].directory, "authorities", cas(&authorities),
                     "processes", control_json_processes(opt->processes), "generation",
                     (json_int_t)publisher_generation(opt->publisher), "live_challenges",
                     (json_int_t)publisher_live(opt->publisher), "zones", zones(opt->conf),
                     "orders", counts, "dns", dns, "store", line_json_string(lost));
}

static void on_stats(void *arg, const struct publisher_counter *counters, size_t count)
{
    struct session *session = arg;
    struct err err = {0};
    json_t *dns = json_object();

    for (size_t i = 0; i < count; i++) {
        (void)json_object_set_new(dns, counters[i].name,
                                  json_integer((json_int_t)counters[i].value));
    }
    session->pending = false;
    /* without its connection the server may be on its way out, and what it shows with it */
    if (session->conn != NULL) {
        answer(session, status(session->control, dns, &err), &err);
    } else {
        json_decref(dns);
    }
    session_release(session);
}

static void op_status(struct session *session)
{
    struct err err = {0};
    int ret;

    session->pending = true;
    if ((ret = publisher_stats(session->control->opt.publisher, on_stats, session)) == 0) {
        return;
    }
    session->pending = false;
    (void)err_set(&err, ret == ERR_LIMIT ? ERR_BUSY : ret, "the counters of dnsd cannot be had: %s",
                  err_string(ret));
    answer(session, NULL, &err);
}

/* -- reload -- */

static void answer_reloads(struct control *control, json_t *(*data)(void), const struct err *err)
{
    struct session *next = control->reloads;

    (void)uv_timer_stop(&control->reload_timer);
    control->reloads = NULL;
    while (next != NULL) {
        struct session *session = next;

        next = session->next;
        session->pending = false;
        answer(session, data != NULL ? data() : NULL, err);
        session_release(session);
    }
}

static json_t *reloaded(void)
{
    return json_pack("{s:b}", "reloaded", 1);
}

void control_reloaded(struct control *control, bool ok, const char *text)
{
    struct err err = {0};

    if (!ok) {
        (void)err_set(&err, ERR_MALFORMED, "not reloaded, the old configuration stays: %s", text);
    }
    answer_reloads(control, ok ? reloaded : NULL, &err);
}

static void on_reload_timeout(uv_timer_t *timer)
{
    struct err err = {.code = ERR_TIMEOUT,
                      .text = "the supervisor did not say in time whether it has reloaded"};

    answer_reloads(timer->data, NULL, &err);
}

static void op_reload(struct session *session)
{
    struct control *control = session->control;
    struct err err = {0};
    int ret = control->reloads == NULL ? control->opt.reload(control->opt.arg) : 0;

    if (ret < 0) {
        (void)err_set(&err, ret, "the supervisor cannot be asked to reload: %s", err_string(ret));
        answer(session, NULL, &err);
        return;
    }
    if (control->reloads == NULL) {
        (void)uv_timer_start(&control->reload_timer, on_reload_timeout, LIMIT_RELOAD_WAIT_MS, 0);
    }
    session->pending = true;
    session->next = control->reloads;
    control->reloads = session;
}

/* -- backup -- */

static void on_backup(void *arg, int error, const char *text, const char *path)
{
    struct session *session = arg;
    struct err err = {0};
    json_t *data = NULL;

    session->pending = false;
    if (error == 0) {
        data = json_pack("{s:o, s:o}", "path", line_json_string(path), "state_dir",
                         line_json_string(session->control->opt.conf->state_dir));
    } else {
        (void)err_set(&err, error, "%s", text);
    }
    answer(session, data, &err);
    session_release(session);
}

static void op_backup(struct session *session)
{
    struct err err = {0};

    session->pending = true;
    if (backup_run(session->control->opt.backup, on_backup, session, &err) < 0) {
        session->pending = false;
        answer(session, NULL, &err);
    }
}

/* -- check -- */

static void on_checked(void *arg, const struct preflight_finding *findings, size_t count)
{
    struct session *session = arg;
    struct err err = {0};
    json_t *data = NULL;

    session->pending = false;
    if (findings == NULL) {
        (void)err_set(&err, ERR_CANCELLED, "the server is being stopped");
    } else {
        data = preflight_json(findings, count);
    }
    answer(session, data, &err);
    session_release(session);
}

static void op_check(struct session *session, const char *names)
{
    const struct control_options *opt = &session->control->opt;
    const struct preflight_command command = {.preflight = opt->preflight,
                                              .desk = opt->desk,
                                              .store = opt->store,
                                              .conf = opt->conf,
                                              .names = names};
    struct preflight_check *check;
    struct err err = {0};

    session->pending = true;
    if (preflight_command(&command, on_checked, session, &check, &err) < 0) {
        session->pending = false;
        answer(session, NULL, &err);
    }
}

/* -- revoke -- */

static void on_revoked(void *arg, int error, const char *text, json_t *data)
{
    struct session *session = arg;
    struct err err = {0};

    session->pending = false;
    if (error != 0) {
        (void)err_set(&err, error, "%s", text != NULL ? text : err_string(error));
    }
    answer(session, data, &err);
    session_release(session);
}

static void op_revoke(struct session *session, const struct control_request *request)
{
    struct err err = {0};

    session->pending = true;
    if (aftercare_revoke(session->control->opt.aftercare, request->serial, request->reason,
                         line_peer_uid(session->conn), on_revoked, session, &err) < 0) {
        session->pending = false;
        answer(session, NULL, &err);
    }
}

/* -- the others -- */

static json_t *certificates(const struct control *control, const struct control_request *request,
                            struct err *err)
{
    char name[LIMIT_DOMAIN_TEXT + 1];

    if (request->name != NULL && domain_normalize(name, request->name, err) < 0) {
        return NULL;
    }
    return control_json_certificates(control->opt.store, request->name != NULL ? name : NULL,
                                     request->limit, err);
}

/* -- accounts: what the CAs say is asked for first, where it is not known -- */

static void on_learnt(void *arg, int error)
{
    struct session *session = arg;
    struct control *control = session->control;
    struct err err = {.code = error, .text = "the server is being stopped"};

    session->pending = false;
    answer(session,
           error == 0 ? control_accounts(control->opt.store, control->opt.desk, &err) : NULL, &err);
    session_release(session);
}

static void op_accounts(struct session *session)
{
    session->pending = true;
    desk_learn(session->control->opt.desk, LIMIT_LEARN_MS, on_learnt, session);
}

static void on_account_changed(void *arg, int error, const char *text, const char *url)
{
    struct session *session = arg;
    struct err err = {0};

    session->pending = false;
    if (error < 0) {
        (void)err_set(&err, error, "%s", text);
    }
    answer(session, error == 0 ? json_pack("{s:o}", "url", line_json_string(url)) : NULL, &err);
    session_release(session);
}

static void op_account(struct session *session, const struct control_request *request,
                       enum acme_change change)
{
    const struct desk_account_change what = {request->name, change, request->key_type};
    struct err err = {0};

    session->pending = true;
    if (desk_account_change(session->control->opt.desk, &what, on_account_changed, session, &err) <
        0) {
        session->pending = false;
        answer(session, NULL, &err);
    }
}

static json_t *orders(const struct control *control, const struct control_request *request,
                      struct err *err)
{
    return request->id != 0 ? control_json_order(control->opt.store, request->id, err)
                            : control_json_orders(control->opt.store, request->limit, err);
}

static json_t *authorized_keys(struct control *control, const struct control_request *request,
                               struct err *err)
{
    if (!control->has_keys && server_conf_keys_read(&control->keys, control->opt.conf, err) < 0) {
        return NULL;
    }
    control->has_keys = true;
    return control_json_keys(&control->keys, request->type, request->key);
}

static void dispatch(struct session *session, const struct control_request *request)
{
    struct control *control = session->control;
    struct err err = {0};

    switch (request->op) {
    case CONTROL_PING:
        answer(session, json_pack("{s:b, s:s}", "pong", 1, "version", CERTMILL_VERSION), &err);
        return;
    case CONTROL_STATUS:
        op_status(session);
        return;
    case CONTROL_ORDERS:
        answer(session, orders(control, request, &err), &err);
        return;
    case CONTROL_RECORDS:
        answer(session, control_json_records(control->opt.publisher), &err);
        return;
    case CONTROL_CERTIFICATES:
        answer(session, certificates(control, request, &err), &err);
        return;
    case CONTROL_ACCOUNTS:
        op_accounts(session);
        return;
    case CONTROL_ACCOUNT_REGISTER:
        op_account(session, request, ACME_REGISTER);
        return;
    case CONTROL_ACCOUNT_ROLL_OVER:
        op_account(session, request, ACME_ROLL_OVER);
        return;
    case CONTROL_ACCOUNT_AGREE:
        op_account(session, request, ACME_AGREE);
        return;
    case CONTROL_ACCOUNT_DEACTIVATE:
        op_account(session, request, ACME_DEACTIVATE);
        return;
    case CONTROL_PERSIST:
        answer(session, control_json_persist(&control->opt, request->name, &err), &err);
        return;
    case CONTROL_RELOAD:
        op_reload(session);
        return;
    case CONTROL_BACKUP:
        op_backup(session);
        return;
    case CONTROL_LIMITS:
        answer(session,
               control_json_limits(control->opt.ledger, control->opt.conf, request->name,
                                   request->forget, &err),
               &err);
        return;
    case CONTROL_REVOKE:
        op_revoke(session, request);
        return;
    case CONTROL_AUTHORIZED_KEYS:
        answer(session, authorized_keys(control, request, &err), &err);
        return;
    case CONTROL_CHECK:
        op_check(session, request->names);
        return;
    case CONTROL_OPS:
        return;
    }
}

static void on_line(void *arg, struct line_conn *conn, const char *line, size_t len)
{
    struct control *control = arg;
    struct session *session = calloc(1, sizeof *session);
    struct control_request request;
    struct err err = {0};

    if (session == NULL) {
        line_fail(conn, "internal", "out of memory");
        return;
    }
    session->control = control;
    session->conn = conn;
    control->users++;
    line_set_data(conn, session);
    if (control_request_parse(&request, line, len, &err) < 0) {
        answer(session, NULL, &err);
        return;
    }
    dispatch(session, &request);
    control_request_clear(&request);
}

static void on_gone(void *arg, struct line_conn *conn)
{
    struct session *session = line_data(conn);

    (void)arg;
    if (session == NULL) {
        return;
    }
    session->conn = NULL;
    session_release(session);
}

/* -- life -- */

int control_new(struct control **out, const struct control_options *options)
{
    struct control *control = calloc(1, sizeof *control);
    struct line_options line = {
        .loop = options->loop,
        .log = options->log,
        .name = "control.sock",
        .max_line = LIMIT_CONTROL_LINE,
        .max_queue = LIMIT_CONTROL_LINE,
        .max_clients = LIMIT_CONTROL_CLIENTS,
        .request_ms = LIMIT_SUBMIT_MS,
        .on_line = on_line,
        .on_gone = on_gone,
        .arg = control,
    };
    int ret;

    if (control == NULL) {
        return -ENOMEM;
    }
    control->opt = *options;
    control->started_ms = clock_mono_ms(options->clock) -
                          (uint64_t)(clock_wall_s(options->clock) - options->started) * 1000;
    if ((ret = line_server_new(&control->server, &line, options->fd)) < 0) {
        free(control);
        return ret;
    }
    (void)uv_timer_init(options->loop, &control->reload_timer);
    control->reload_timer.data = control;
    control->users = 1;
    *out = control;
    return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
    control_release(handle->data);
}

void control_free(struct control *control)
{
    struct err err = {.code = ERR_CANCELLED, .text = "the server is being stopped"};

    if (control == NULL) {
        return;
    }
    answer_reloads(control, NULL, &err);
    line_server_free(control->server);
    server_conf_keys_clear(&control->keys);
    uv_close((uv_handle_t *)&control->reload_timer, on_timer_closed);
}

void control_configure(struct control *control, const struct server_conf *conf)
{
    control->opt.conf = conf;
    server_conf_keys_clear(&control->keys);
    control->has_keys = false;
}
