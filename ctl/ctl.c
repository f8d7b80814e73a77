#include "ctl/ctl.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/keytype.h"
#include "common/limits.h"
#include "common/lineclient.h"
#include "common/nearest.h"
#include "common/option.h"
#include "ctl/text.h"
#include "issuer/revoke_reason.h"

#define DEFAULT_RUN_DIR "/run/certmill"
#define CONNECT_MS      5000
#define ANSWER_MS       60000 /* reload reads zone files of LIMIT_ZONE_FILE */

/* What the options say, before it is put together. */
struct options {
    const char *socket, *run_dir, *limit, *reason, *client_command, *key_type;
    bool json, forget;
};

#define AT(field) offsetof(struct options, field)

const struct option_row ctl_options[] = {
    {.name = "--socket",
     .value = "PATH",
     .offset = AT(socket),
     .help = "control.sock of certmilld"},
    {.name = "--run-dir",
     .value = "FOLDER",
     .offset = AT(run_dir),
     .help = "the folder that it is in, " DEFAULT_RUN_DIR " by default"},
    {.name = "--json", .offset = AT(json), .help = "the answer as JSON"},
    {.name = "--limit",
     .value = "NUMBER",
     .offset = AT(limit),
     .help = "with orders and certificates: so many at most"},
    {.name = "--forget",
     .offset = AT(forget),
     .help = "with limits: forget what the CA said of its own"},
    {.name = "--reason",
     .value = "WORD",
     .words = revoke_reason_words,
     .offset = AT(reason),
     .help = "with revoke: the reason"},
    {.name = "--client-command",
     .value = "PATH",
     .offset = AT(client_command),
     .help = "with authorized-keys: the forced command"},
    {.name = "--key-type",
     .value = "WORD",
     .words = keytype_words,
     .offset = AT(key_type),
     .help = "with accounts register and roll-over: kind of the new key"},
};
const size_t ctl_option_count = sizeof(ctl_options) / sizeof(ctl_options[0]);

bool ctl_option_is_common(const struct option_row *row)
{
    for (size_t i = 0; ctl_commands[i] != NULL; i++) {
        const char *option = ctl_commands[i]->option;
        if (option != NULL && strcmp(option, row->name) == 0) {
            return false;
        }
    }
    return true;
}

/* A command line, divided. */
struct reading {
    struct options options;
    char **words; /* those that are no options, moved to the front of argv */
    int word_count;
    const char *asks;                   /* "help" or "version" where it is asked for by option */
    const struct option_row *given[16]; /* options that not all commands take */
    size_t given_count;
};

static int unknown_option(const char *word, struct err *err)
{
    const char *near = option_nearest(ctl_options, ctl_option_count, word);
    if (near == NULL) {
        near = option_nearest(option_asks_rows, option_asks_count, word);
    }
    return near != NULL
               ? err_set(err, ERR_UNKNOWN, "unknown option '%.100s'; did you mean %s?", word, near)
               : err_set(err, ERR_UNKNOWN,
                         "unknown option '%.100s': certmillctl help lists the known ones", word);
}

/* What begins with a hyphen, at argv[*pos]. */
static int read_option(struct reading *r, size_t count, char **argv, size_t *pos, struct err *err)
{
    const char *word = argv[*pos];
    const struct option_row *row = option_find(ctl_options, ctl_option_count, word);
    const struct option_row *asks = option_find(option_asks_rows, option_asks_count, word);
    if (asks != NULL) {
        r->asks = asks->name + 2;
        ++*pos;
        return 0;
    }
    if (row == NULL) {
        return unknown_option(word, err);
    }
    if (!ctl_option_is_common(row) && r->given_count < sizeof(r->given) / sizeof(r->given[0])) {
        r->given[r->given_count++] = row;
    }
    int ret = option_take(ctl_options, ctl_option_count, &r->options, argv, count, pos, err);
    return ret < 0 ? ret : 0;
}

static int read_words(struct reading *r, int argc, char **argv, struct err *err)
{
    size_t pos = 0, count = (size_t)argc;
    bool options = true;
    int ret;
    r->words = argv;
    while (pos < count) {
        char *word = argv[pos];
        if (options && strcmp(word, "--") == 0) {
            options = false;
            pos++;
        } else if (options && word[0] == '-') {
            if ((ret = read_option(r, count, argv, &pos, err)) < 0) {
                return ret;
            }
        } else {
            r->words[r->word_count++] = word;
            pos++;
        }
    }
    return 0;
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

static int find_command(struct ctl_request *out, const struct reading *r, struct err *err)
{
    struct nearest near;
    if (r->asks != NULL) {
        out->command = ctl_command_find(r->asks);
        return 0;
    }
    if (r->word_count == 0) {
        return err_set(err, ERR_UNKNOWN, "no command: certmillctl help lists them");
    }
    if ((out->command = ctl_command_find(r->words[0])) != NULL) {
        out->words = r->words + 1;
        out->count = (size_t)r->word_count - 1;
        return 0;
    }
    nearest_init(&near, r->words[0]);
    for (size_t i = 0; ctl_commands[i] != NULL; i++) {
        nearest_try(&near, ctl_commands[i]->name);
    }
    const char *meant = nearest_found(&near);
    return meant != NULL ? err_set(err, ERR_UNKNOWN, "'%.100s' is no command; did you mean '%s'?",
                                   r->words[0], meant)
                         : err_set(err, ERR_UNKNOWN,
                                   "'%.100s' is no command: certmillctl help lists the known ones",
                                   r->words[0]);
}

/* Words and options that the command does not take. */
static int refuse_more(const struct ctl_request *request, const struct reading *r, struct err *err)
{
    const struct ctl_command *command = request->command;
    for (size_t i = 0; r->asks == NULL && i < r->given_count; i++) {
        const char *name = r->given[i]->name;
        if (command->option == NULL || strcmp(command->option, name) != 0) {
            return err_set(err, ERR_UNKNOWN, "%s takes no %s", command->name, name);
        }
    }
    if (command->fill == NULL && command->run == NULL && request->count > 0) {
        return err_set(err, ERR_UNKNOWN, "%s takes no words: '%.100s'", command->name,
                       request->words[0]);
    }
    return 0;
}

int ctl_parse(struct ctl_request *out, int argc, char **argv, struct err *err)
{
    struct reading r = {0};
    int ret = read_words(&r, argc, argv, err);
    *out = (struct ctl_request){.json = r.options.json,
                                .forget = r.options.forget,
                                .reason = r.options.reason,
                                .key_type = r.options.key_type,
                                .client_command = r.options.client_command};
    if (ret < 0 || (ret = set_limit(out, r.options.limit, err)) < 0 ||
        (ret = set_socket(out, &r.options, err)) < 0 || (ret = find_command(out, &r, err)) < 0) {
        return ret;
    }
    return refuse_more(out, &r, err);
}

int ctl_put_names(json_t *line, const char *member, const struct ctl_request *request,
                  struct err *err)
{
    char *names;
    size_t size = 1, len = 0;
    for (size_t i = 0; i < request->count; i++) {
        size += strlen(request->words[i]) + 1;
    }
    if ((names = malloc(size)) == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    names[0] = '\0';
    for (size_t i = 0; i < request->count; i++) {
        len +=
            (size_t)snprintf(names + len, size - len, "%s%s", i > 0 ? "," : "", request->words[i]);
    }
    int ret = json_object_set_new(line, member, json_string(names));
    free(names);
    return ret == 0 ? 0 : err_set(err, ERR_UNKNOWN, "the names are not UTF-8");
}

int ctl_encode(char **line, const struct ctl_request *request, struct err *err)
{
    const struct ctl_command *command = request->command;
    json_t *object = json_pack("{s:i, s:s}", "v", 1, "op", command->name);
    int ret = object == NULL ? err_set(err, -ENOMEM, "out of memory") : 0;
    *line = NULL;
    if (ret == 0 && command->fill != NULL) {
        ret = command->fill(object, request, err);
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
