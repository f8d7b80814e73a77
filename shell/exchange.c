#include "shell/exchange.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/lineclient.h"
#include "shell/confine.h"

#define CONNECT_MS 5000
#define RETRY_MS   50
#define SEND_MS    LIMIT_SUBMIT_MS
/* An order ends by itself within LIMIT_ORDER_MS; the rest is for the result to come. */
#define ORDER_MS (LIMIT_ORDER_MS + 60000)
#define OTHER_MS 60000

static int put_string(json_t *object, const char *key, const char *value, struct err *err)
{
    json_t *string;
    if (value == NULL) {
        return 0;
    }
    if ((string = json_string(value)) == NULL) {
        return err_set(err, ERR_MALFORMED, "%s: not UTF-8, or no memory left", key);
    }
    if (json_object_set_new_nocheck(object, key, string) < 0) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    return 0;
}

/* Divided by commas. */
static int put_names(json_t *object, const struct request *request, struct err *err)
{
    size_t size = 1, len = 0;
    char *names;
    int ret;

    for (size_t i = 0; i < request->name_count; i++) {
        size += strlen(request->names[i]) + 1;
    }
    if ((names = malloc(size)) == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < request->name_count; i++) {
        len +=
            (size_t)snprintf(names + len, size - len, "%s%s", i > 0 ? "," : "", request->names[i]);
    }
    ret = put_string(object, "names", names, err);
    free(names);
    return ret;
}

static int fill(json_t *object, const struct shell *shell, const struct request *request,
                const char *input, struct err *err)
{
    int ret;
    if (json_object_set_new(object, "v", json_integer(1)) < 0 ||
        (request->staging && json_object_set_new(object, "staging", json_true()) < 0) ||
        (request->force && json_object_set_new(object, "force", json_true()) < 0)) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    if ((ret = put_string(object, "op", request->op->name, err)) < 0 ||
        (ret = put_string(object, "domains", shell->domains, err)) < 0 ||
        (ret = put_string(object, "client", shell->client, err)) < 0 ||
        (ret = put_string(object, "client_name", shell->name, err)) < 0 ||
        (ret = put_string(object, "acme_server_url", request->acme_server_url, err)) < 0 ||
        (ret = put_string(object, "authority", request->authority, err)) < 0 ||
        (ret = put_string(object, "profile", request->profile, err)) < 0 ||
        (ret = put_string(object, "reason", request->reason, err)) < 0 ||
        (ret = put_string(object, "preferred_chain", request->preferred_chain, err)) < 0) {
        return ret;
    }
    if (request->name_count > 0 && (ret = put_names(object, request, err)) < 0) {
        return ret;
    }
    return put_string(object, "input", input, err);
}

int exchange_encode(char **line, const struct shell *shell, const struct request *request,
                    const char *input, struct err *err)
{
    json_t *object = json_object();
    int ret;
    *line = NULL;
    if (object == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    if ((ret = fill(object, shell, request, input, err)) == 0) {
        *line = json_dumps(object, JSON_COMPACT);
        if (*line == NULL) {
            ret = err_set(err, -ENOMEM, "out of memory");
        } else if (strlen(*line) > LIMIT_SUBMIT_LINE) {
            ret =
                err_set(err, ERR_LIMIT, "the request is longer than %u octets", LIMIT_SUBMIT_LINE);
        }
    }
    json_decref(object);
    if (ret < 0) {
        free(*line);
        *line = NULL;
    }
    return ret;
}

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* An RFC 3339 time in UTC as microseconds; the present where it is none. */
static int64_t event_time(const char *text)
{
    struct tm tm = {0};
    const char *p = text == NULL ? NULL : strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (p == NULL) {
        return now_us();
    }
    int64_t us = 0, unit = 100000;
    if (*p == '.') {
        for (p++; *p >= '0' && *p <= '9'; p++, unit /= 10) {
            us += (*p - '0') * unit;
        }
    }
    return (int64_t)timegm(&tm) * 1000000 + us;
}

static void take_event(const struct shell *shell, const json_t *object)
{
    const char *message = json_string_value(json_object_get(object, "message"));
    const char *name = json_string_value(json_object_get(object, "level"));
    enum log_level level = LOG_LEVEL_INFO;
    if (message == NULL) {
        return;
    }
    if (name != NULL) {
        log_level_parse(name, &level);
    }
    shell_log(shell, level, event_time(json_string_value(json_object_get(object, "time"))),
              message);
}

static enum shell_status status_of(const char *kind)
{
    static const struct {
        const char *kind;
        enum shell_status status;
    } table[] = {
        {"internal", SHELL_INTERNAL},
        {"usage", SHELL_USAGE},
        {"input", SHELL_INPUT},
        {"policy", SHELL_POLICY},
        {"ca", SHELL_CA},
        {"unavailable", SHELL_UNAVAILABLE},
        {"interrupted", SHELL_INTERRUPTED},
        {"later", SHELL_LATER},
    };
    for (size_t i = 0; kind != NULL && i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcmp(table[i].kind, kind) == 0) {
            return table[i].status;
        }
    }
    return SHELL_INTERNAL;
}

static int digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

/* RFC 4648 4, padded. */
static int take_binary(struct exchange_answer *answer, const char *base64, struct err *err)
{
    size_t len = strlen(base64), digits = len;
    while (digits > 0 && len - digits < 2 && base64[digits - 1] == '=') {
        digits--;
    }
    if (len % 4 != 0) {
        return err_set(err, ERR_PROTOCOL, "certmilld's answer is no base64");
    }
    if ((answer->output = malloc(len / 4 * 3 + 1)) == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    uint32_t bits = 0;
    for (size_t i = 0; i < digits; i++) {
        int value = digit(base64[i]);
        if (value < 0) {
            return err_set(err, ERR_PROTOCOL, "certmilld's answer is no base64");
        }
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 != 0) {
            answer->output[answer->output_len++] = (char)(bits >> (6 - 2 * (i % 4)));
        }
    }
    answer->output[answer->output_len] = '\0';
    return 0;
}

static int take_result(struct exchange_answer *answer, const struct shell *shell,
                       const json_t *object, const char *result, struct err *err)
{
    answer->done = true;
    if (strcmp(result, "ok") == 0) {
        const json_t *output = json_object_get(object, "output");
        const char *base64 = json_string_value(json_object_get(object, "output_base64"));
        answer->status = SHELL_OK;
        if (base64 != NULL) {
            return take_binary(answer, base64, err);
        }
        answer->output_len = json_string_length(output);
        answer->output = malloc(answer->output_len + 1);
        if (answer->output == NULL) {
            return err_set(err, -ENOMEM, "out of memory");
        }
        if (answer->output_len > 0) {
            memcpy(answer->output, json_string_value(output), answer->output_len);
        }
        answer->output[answer->output_len] = '\0';
        return 0;
    }
    const char *message = json_string_value(json_object_get(object, "message"));
    answer->status = status_of(json_string_value(json_object_get(object, "kind")));
    shell_log(shell, LOG_LEVEL_ERROR, now_us(),
              message != NULL ? message : "the server failed without a reason");
    return 0;
}

int exchange_take(struct exchange_answer *answer, const struct shell *shell, const char *line,
                  size_t len, struct err *err)
{
    json_t *object = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
    const char *result = json_string_value(json_object_get(object, "result"));
    int ret = 0;
    if (!json_is_object(object)) {
        ret = err_set(err, ERR_PROTOCOL, "certmilld answered with what is not a JSON object");
    } else if (result != NULL) {
        ret = take_result(answer, shell, object, result, err);
    } else if (json_is_string(json_object_get(object, "event"))) {
        take_event(shell, object);
    } else {
        ret = err_set(err, ERR_PROTOCOL, "certmilld answered with neither an event nor a result");
    }
    json_decref(object);
    return ret;
}

/* Reads answer lines until the result. */
static int read_answer(struct exchange_answer *answer, const struct shell *shell,
                       struct lineclient *client, int timeout_ms, struct err *err)
{
    while (!answer->done) {
        char *line;
        size_t len;
        int ret = lineclient_read(client, &line, &len, timeout_ms, err);
        if (ret == 0) {
            answer->closed = true;
            return err_set(err, ERR_UNAVAILABLE,
                           "certmilld closed the connection without a result: ask again");
        }
        if (ret < 0 || (ret = exchange_take(answer, shell, line, len, err)) < 0) {
            return ret;
        }
    }
    return 0;
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EAGAIN) {
            poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
        } else if (n < 0 && errno != EINTR) {
            return -errno;
        } else if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

static int deliver(const struct shell *shell, const struct request *request,
                   const struct exchange_answer *answer, struct err *err)
{
    bool ping = strcmp(request->op->name, "ping") == 0;
    const char *output = ping ? "pong\n" : answer->output;
    if (output == NULL) {
        return 0;
    }
    int ret = write_all(shell->out, output, ping ? 5 : answer->output_len);
    if (ret < 0) {
        err_set(err, ret, "standard output: %s", strerror(-ret));
    }
    return ret;
}

static bool has_folder(const char *path)
{
    char folder[LIMIT_PATH];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof(folder), "%.*s/", slash != NULL ? (int)(slash - path) : 1,
             slash != NULL ? path : ".");
    return access(folder, X_OK) == 0;
}

/* While certmilld is restarted, at an upgrade for example, its socket is away for a moment. */
static int open_patiently(struct lineclient *client, const struct shell *shell, struct err *err)
{
    int ret = lineclient_open(client, shell->socket, LIMIT_SUBMIT_LINE, CONNECT_MS, err);
    for (int ms = 0; ret == ERR_UNAVAILABLE && ms < shell->patience_ms && has_folder(shell->socket);
         ms += RETRY_MS) {
        poll(NULL, 0, RETRY_MS);
        ret = lineclient_open(client, shell->socket, LIMIT_SUBMIT_LINE, CONNECT_MS, err);
    }
    return ret;
}

static int ask(struct exchange_answer *answer, const struct shell *shell,
               const struct request *request, const char *line, struct err *err)
{
    struct lineclient client;
    int ret = open_patiently(&client, shell, err);
    if (ret < 0) {
        return ret;
    }
    client.watch = shell->out;
    if ((ret = confine_late(err)) == 0) {
        ret = lineclient_send(&client, line, strlen(line), SEND_MS, err);
        /* Who was refused at the door is told why, although it could not say all it had to. */
        if (ret == 0 || ret == ERR_UNAVAILABLE) {
            ret = read_answer(answer, shell, &client,
                              request->op->needs_domains ? ORDER_MS : OTHER_MS, err);
        }
    }
    lineclient_close(&client);
    return ret;
}

static enum shell_status status_of_error(int ret)
{
    switch (ret) {
    case ERR_UNAVAILABLE:
    case ERR_TIMEOUT:
    case ERR_PROTOCOL:
    case ERR_LIMIT:
        return SHELL_NO_SERVER;
    default:
        return ret == -EACCES || ret == -EPERM ? SHELL_NO_SERVER : SHELL_INTERNAL;
    }
}

int exchange_run(const struct shell *shell, const struct request *request, const char *input)
{
    struct exchange_answer answer = {0};
    struct err err = {0};
    char *line = NULL;
    int status;

    int ret = exchange_encode(&line, shell, request, input, &err);
    if (ret < 0) {
        status = ret == -ENOMEM ? SHELL_INTERNAL : SHELL_INPUT;
    } else if (line != NULL && (ret = ask(&answer, shell, request, line, &err)) < 0) {
        status = answer.closed ? SHELL_INTERRUPTED : status_of_error(ret);
    } else {
        status = answer.status;
        if (status == SHELL_OK && (ret = deliver(shell, request, &answer, &err)) < 0) {
            status = SHELL_INTERNAL;
        }
    }
    if (ret < 0) {
        shell_log(shell, LOG_LEVEL_ERROR, now_us(), err.text);
    }
    free(answer.output);
    free(line);
    return status;
}
