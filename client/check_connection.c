#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "client/commands.h"
#include "client/server.h"

#define PING_MS 60000

static void line(void *arg, enum log_level level, const char *message)
{
    report_step(arg, level, message);
}

static int run(struct client *client)
{
    struct report_line report;
    struct server_call call = {.settings = &client->settings,
                               .first = "ping",
                               .timeout_ms = PING_MS,
                               .line = line,
                               .arg = &report};
    struct err err = {0};
    char *output = NULL;
    size_t len;
    report_begin(&report, &client->report, "connection");
    int ret = server_run(&output, &len, &call, &err);
    if (ret == 0) {
        output[strcspn(output, "\r\n")] = '\0';
        if (strcmp(output, "pong") != 0) {
            ret = err_set(&err, ERR_PROTOCOL,
                          "the server answers '%.100s', not pong: is its forced command right?",
                          output);
        }
    }
    report_end(&report, ret == 0, ret == 0 ? "the server answers" : err.text);
    free(output);
    return ret == 0 ? CLIENT_OK : CLIENT_FAILED;
}

const struct client_command client_check_connection = {
    .first = "check", .second = "connection", .help = "see whether the server answers", .run = run};
