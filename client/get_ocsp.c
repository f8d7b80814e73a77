#include <stdlib.h>

#include "client/client.h"
#include "client/commands.h"
#include "client/guard.h"
#include "client/ocsp.h"
#include "client/server.h"

struct round {
    struct client *client;
    bool *failed; /* of each certificate */
};

static void line(void *arg, enum log_level level, const char *message)
{
    report_step(arg, level, message);
}

static int fetch(struct client *client, struct report_line *report, const struct files *files,
                 struct ocsp_verdict *verdict, struct err *err)
{
    struct ocsp_subject subject;
    char *der = NULL;
    size_t len;
    int ret = ocsp_subject_read(&subject, files, err);
    if (ret < 0) {
        return ret;
    }
    struct server_call call = {.settings = &client->settings,
                               .session = client->session,
                               .first = "get",
                               .second = "ocsp",
                               .input = subject.pem,
                               .input_len = subject.len,
                               .timeout_ms = (int)client->settings.server_timeout * 1000,
                               .stop = client->stop,
                               .line = line,
                               .arg = report};
    if ((ret = server_run(&der, &len, &call, err)) == 0 &&
        (ret = ocsp_judge(verdict, &subject, der, len, clock_wall_s(client->clock), err)) == 0) {
        ret = ocsp_put(files, der, len, err);
    }
    free(der);
    ocsp_subject_clear(&subject);
    return ret;
}

static void get(void *arg, size_t i)
{
    struct round *round = arg;
    struct client *client = round->client;
    const struct set *set = &client->sets.items[i / client->type_count];
    struct files files = client_files(client, set, client->types[i % client->type_count]);
    struct ocsp_verdict verdict = {0};
    struct report_line report;
    struct err err = {0};
    char subject[300];
    snprintf(subject, sizeof(subject), "%s %s", set->names[0], key_type_name(files.type));
    report_begin(&report, &client->report, subject);
    int ret = fetch(client, &report, &files, &verdict, &err);
    bool good = ret == 0 && verdict.revoked == 0;
    if (ret == 0 && !good) {
        (void)err_set(&err, ERR_CA,
                      "the CA has revoked the certificate (%s): certmill get certificate gets a "
                      "new one",
                      ocsp_reason(verdict.reason));
    }
    report_end(&report, good, good ? "new OCSP response: good" : err.text);
    round->failed[i] = !good;
}

static int run(struct client *client)
{
    size_t count = client->sets.count * client->type_count, failed = 0;
    struct err err = {0};
    struct round round = {.client = client, .failed = calloc(count, sizeof(bool))};
    if (round.failed == NULL) {
        log_error(client->log, NULL, "out of memory");
        return CLIENT_FAILED;
    }
    size_t begun;
    int ret = guard_jobs(client, count, get, &round, &begun, &err);
    if (ret != 0) {
        log_error(client->log, NULL, "%s", ret > 0 ? "interrupted" : err.text);
    }
    for (size_t i = 0; i < count; i++) {
        failed += i >= begun || round.failed[i];
    }
    free(round.failed);
    if (failed > 0) {
        log_error(client->log, NULL, "%zu of %zu OCSP responses could not be had", failed, count);
    }
    return failed == 0 && ret == 0 ? CLIENT_OK : CLIENT_FAILED;
}

const struct client_command client_get_ocsp = {
    .first = "get",
    .second = "ocsp",
    .help = "OCSP responses for the certificates, by way of the server",
    .needs = CLIENT_NEEDS_PATH,
    .run = run};
