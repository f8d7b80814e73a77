#include "ctl/ctl.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/limits.h"
#include "common/lineclient.h"
#include "common/option.h"
#include "ctl/text.h"

#define DEFAULT_RUN_DIR "/run/certmill"
#define CONNECT_MS      5000
#define ANSWER_MS       60000 /* reload reads zone files of LIMIT_ZONE_FILE */

/* What the options say, before it is put together. */
struct options {
    const char *socket, *run_dir, *limit, *client_command;
    bool json;
};

#define AT(field) offsetof(struct options, field)

const struct option_row ctl_options[] = {
    {"--socket", 0, "PATH", AT(socket), 0, "control.sock of certmilld"},
    {"--run-dir", 0, "FOLDER", AT(run_dir), 0,
     "the folder that it is in, " DEFAULT_RUN_DIR " by default"},
    {"--json", 0, NULL, AT(json), 0, "the answer as JSON"},
    {"--limit", 0, "NUMBER", AT(limit), 0, "orders, certificates: so many at most"},
    {"--forget", 0, NULL, OPTION_KEPT, 0, "limits: forget what the CA said of its own"},
    {"--reason", 0, "WORD", OPTION_KEPT, 0, "revoke: why"},
    {"--client-command", 0, "PATH", AT(client_command), 0, "authorized-keys: the forced command"},
    {"--key-type", 0, "WORD", OPTION_KEPT, 0,
     "accounts register, roll-over: kind of the new account key"},
};
const size_t ctl_option_count = sizeof(ctl_options) / sizeof(ctl_options[0]);

/* Sorts options from words; the words come first in argv then. Returns how many words. */
static int read_options(struct options *options, int argc, char **argv, struct err *err)
{
    int words = 0, ret;
    size_t pos = 0, count = (size_t)argc;
    while (pos < count) {
        char *word = argv[pos];
        if ((ret = option_take(ctl_options, ctl_option_count, options, argv, count, &pos, err)) <
            0) {
            return ret;
        }
        if (ret > 0) {
            continue;
        }
        const struct option_row *asks = option_find(option_asks_rows, option_asks_count, word);
        if (asks != NULL) {
            word = (char *)(uintptr_t)(asks->name + 2); /* the command of that name */
        } else if (word[0] == '-' && option_find(ctl_options, ctl_option_count, word) == NULL) {
            return err_set(err, ERR_UNKNOWN,
                           "unknown option '%.100s': certmillctl help lists the known ones", word);
        }
        argv[words++] = word;
        pos++;
    }
    return words;
}

static int set_limit(struct ctl_request *out, const char *text, struct err *err)
{
    char *end;
    if (text == NULL) {
        return 0;
    }
    errno = 0;
    out->limit = strtol(text, &end, 10);
    if (errno != 0 || *end != '\0' || out->limit < 1 || out->limit > LIMIT_ROWS) {
        return err_set(err, ERR_RANGE, "--limit takes a number from 1 to %d, not '%.100s'",
                       LIMIT_ROWS, text);
    }
    return 0;
}

static int set_socket(struct ctl_request *out, const struct options *options, struct err *err)
{
    int n;
    if (options->socket != NULL) {
        n = snprintf(out->socket, sizeof(out->socket), "%s", options->socket);
    } else {
        n = snprintf(out->socket, sizeof(out->socket), "%s/control.sock",
                     options->run_dir != NULL ? options->run_dir : DEFAULT_RUN_DIR);
    }
    if (n >= (int)sizeof(out->socket)) {
        return err_set(err, ERR_LIMIT, "the path of the socket is too long");
    }
    return 0;
}

int ctl_parse(struct ctl_request *out, int argc, char **argv, struct err *err)
{
    struct options options = {0};
    int words = read_options(&options, argc, argv, err), ret;
    *out = (struct ctl_request){.json = options.json, .client_command = options.client_command};
    if (words < 0) {
        return words;
    }
    if ((ret = set_limit(out, options.limit, err)) < 0 ||
        (ret = set_socket(out, &options, err)) < 0) {
        return ret;
    }
    if (words == 0) {
        return err_set(err, ERR_UNKNOWN, "no command: certmillctl help lists them");
    }
    if ((out->command = ctl_command_find(argv[0])) == NULL) {
        return err_set(err, ERR_UNKNOWN,
                       "'%.100s' is no command: certmillctl help lists the known ones", argv[0]);
    }
    out->words = argv + 1;
    out->count = (size_t)words - 1;
    if (out->command->run != NULL) {
        return 0;
    }
    if (out->command->fill == NULL && out->count > 0) {
        return err_set(err, ERR_UNKNOWN, "%s takes no words: '%.100s'", argv[0], argv[1]);
    }
    if (out->command->fill == NULL && out->limit > 0) {
        return err_set(err, ERR_UNKNOWN, "%s takes no --limit", argv[0]);
    }
    return 0;
}

int ctl_encode(char **line, const struct ctl_request *request, struct err *err)
{
    const struct ctl_command *command = request->command;
    json_t *object = json_pack("{s:i, s:s}", "v", 1, "op", command->name);
    int ret = object == NULL ? err_set(err, -ENOMEM, "out of memory") : 0;
    *line = NULL;
    if (ret == 0 && command->fill != NULL) {
        ret = command->fill(object, request->words, request->count, request->limit, err);
    }
    if (ret == 0 && (*line = json_dumps(object, JSON_COMPACT)) == NULL) {
        ret = err_set(err, -ENOMEM, "out of memory");
    }
    if (ret == 0 && *line != NULL && strlen(*line) > LIMIT_CONTROL_LINE) {
        ret = err_set(err, ERR_LIMIT, "the request is longer than %u octets", LIMIT_CONTROL_LINE);
        free(*line);
        *line = NULL;
    }
    json_decref(object);
    return ret;
}

static int print_data(const struct ctl_request *request, const json_t *data, FILE *out,
                      struct err *err)
{
    int ret;
    if (request->json) {
        ret = json_dumpf(data, out, JSON_INDENT(2) | JSON_ENSURE_ASCII);
        fputc('\n', out);
    } else {
        ret = request->command->print(data, out);
    }
    if (fflush(out) != 0 || ret < 0) {
        err_set(err, ERR_INTERNAL, "standard output: %s", strerror(errno));
        return CTL_REFUSED;
    }
    if (request->command->status != NULL && request->command->status(data) != CTL_OK) {
        err_set(err, ERR_POLICY, "not all is as it should be");
        return CTL_REFUSED;
    }
    return CTL_OK;
}

/* The data of an answer line. */
static int take(const char *line, size_t len, json_t **data, struct err *err)
{
    json_t *object = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
    const char *result = json_string_value(json_object_get(object, "result"));
    int status;
    *data = json_object_get(object, "data");
    if (result != NULL && strcmp(result, "ok") == 0 && json_is_object(*data)) {
        json_incref(*data);
        status = CTL_OK;
    } else if (result != NULL && strcmp(result, "error") == 0) {
        const char *message = json_string_value(json_object_get(object, "message"));
        err_set(err, ERR_POLICY, "%s", message != NULL ? message : "refused without a reason");
        status = CTL_REFUSED;
    } else {
        err_set(err, ERR_PROTOCOL, "certmilld's answer is not one of control.sock's");
        status = CTL_NO_SERVER;
    }
    json_decref(object);
    return status;
}

int ctl_answer(const struct ctl_request *request, const char *line, size_t len, FILE *out,
               struct err *err)
{
    json_t *data;
    int status = take(line, len, &data, err);
    if (status == CTL_OK) {
        status = print_data(request, data, out, err);
        json_decref(data);
    }
    return status;
}

static int ask(const struct ctl_request *request, const char *send, json_t **data, struct err *err)
{
    struct lineclient client;
    char *line = NULL;
    size_t len = 0;
    int ret = lineclient_open(&client, request->socket, LIMIT_CONTROL_ANSWER, CONNECT_MS, err);
    if (ret < 0) {
        return CTL_NO_SERVER;
    }
    int status = CTL_NO_SERVER;
    ret = lineclient_send(&client, send, strlen(send), CONNECT_MS, err);
    if (ret == 0 || ret == ERR_UNAVAILABLE) {
        ret = lineclient_read(&client, &line, &len, ANSWER_MS, err);
    }
    if (ret == 0) {
        err_set(err, ERR_UNAVAILABLE, "certmilld closed the connection without an answer");
    } else if (ret > 0) {
        status = take(line, len, data, err);
    }
    lineclient_close(&client);
    return status;
}

int ctl_ask(const struct ctl_request *request, json_t **data, struct err *err)
{
    char *line;
    if (ctl_encode(&line, request, err) < 0) {
        return CTL_USAGE;
    }
    int status = ask(request, line, data, err);
    free(line);
    return status;
}

static int fail(int status, const struct err *err)
{
    char *safe = text_escape(err->text);
    fprintf(stderr, "certmillctl: %s\n", safe != NULL ? safe : "out of memory");
    free(safe);
    return status;
}

int ctl_main(int argc, char **argv)
{
    struct ctl_request request;
    struct err err = {0};
    if (ctl_parse(&request, argc - 1, argv + 1, &err) < 0) {
        return fail(CTL_USAGE, &err);
    }
    if (request.command->local != NULL) {
        return request.command->local(stdout) < 0 || fflush(stdout) != 0 ? CTL_REFUSED : CTL_OK;
    }
    if (request.command->run != NULL) {
        int status = request.command->run(&request, stdout, &err);
        return status == CTL_OK ? CTL_OK : fail(status, &err);
    }
    json_t *data;
    int status = ctl_ask(&request, &data, &err);
    if (status == CTL_OK) {
        status = print_data(&request, data, stdout, &err);
        json_decref(data);
    }
    return status == CTL_OK ? CTL_OK : fail(status, &err);
}
