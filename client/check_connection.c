#include <stdio.h>
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

static int ping(struct client *client, struct report_line *report, struct err *err)
{
    struct server_call call = {.settings = &client->settings,
                               .first = "ping",
                               .timeout_ms = PING_MS,
                               .line = line,
                               .arg = report};
    char *output = NULL;
    size_t len;
    int ret = server_run(&output, &len, &call, err);
    if (ret == 0) {
        output[strcspn(output, "\r\n")] = '\0';
        if (strcmp(output, "pong") != 0) {
            ret = err_set(err, ERR_PROTOCOL,
                          "the server answers '%.100s', not pong: is its forced command right?",
                          output);
        }
    }
    free(output);
    return ret;
}

static int run(struct client *client)
{
    const char *server = settings_server(&client->settings);
    struct report_line report;
    struct err err = {0};
    char text[64];
    report_begin(&report, &client->report, "connection");
    uint64_t begun = clock_mono_ms(client->clock);
    bool good = ping(client, &report, &err) == 0;
    unsigned long long ms = clock_mono_ms(client->clock) - begun;
    if (ms < 1000) {
        snprintf(text, sizeof(text), "the server answers, after %llu ms", ms);
    } else {
        snprintf(text, sizeof(text), "the server answers, after %llu.%llu s", ms / 1000,
                 ms % 1000 / 100);
    }
    report_end(&report, good, good ? text : err.text);
    client_item(client, json_pack("{s:o,s:b,s:I,s:o}", "server", client_text(server), "good", good,
                                  "milliseconds", (json_int_t)ms, "error",
                                  client_text(good ? NULL : err.text)));
    return good ? CLIENT_OK : CLIENT_FAILED;
}

const struct client_command client_check_connection = {
    .first = "check",
    .second = "connection",
    .help = "see whether the server answers, and how long that takes",
    .run = run};
