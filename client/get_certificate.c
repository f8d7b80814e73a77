#include <time.h>

#include "client/client.h"
#include "client/commands.h"
#include "client/obtain.h"

static void tell(struct report_line *report, int64_t not_after, const struct err *err)
{
    char text[LIMIT_ERROR_TEXT] = "new certificate";
    struct tm tm;
    time_t until = (time_t)not_after;
    if (err->code != 0) {
        report_end(report, false, err->text);
        return;
    }
    if (localtime_r(&until, &tm) != NULL) {
        strftime(text, sizeof(text), "new certificate, valid until %Y-%m-%d %H:%M", &tm);
    }
    report_end(report, true, text);
}

static int get(struct client *client, const struct set *set, const struct files *files)
{
    struct obtain_wish wish = {.force = true};
    struct report_line report;
    char subject[300];
    struct err err = {0};
    int64_t not_after = 0;
    snprintf(subject, sizeof(subject), "%s %s", set->names[0], key_type_name(files->type));
    report_begin(&report, &client->report, subject);
    int ret = obtain(client, &report, set, files, &wish, &not_after, &err);
    tell(&report, not_after, &err);
    return ret;
}

static int run(struct client *client)
{
    int failures = client_each(client, get);
    if (failures > 0) {
        log_error(client->log, NULL, "%d of %zu certificates could not be had", failures,
                  client->sets.count * client->type_count);
    }
    return failures == 0 ? CLIENT_OK : CLIENT_FAILED;
}

const struct client_command client_get_certificate = {
    .first = "get",
    .second = "certificate",
    .help = "a new certificate for each set of names and type of key",
    .needs = CLIENT_NEEDS_PATH,
    .run = run};
