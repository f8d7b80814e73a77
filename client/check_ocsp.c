#include <time.h>

#include "client/client.h"
#include "client/commands.h"
#include "client/ocsp.h"
#include "client/term.h"

static void print_time(FILE *out, const char *label, int64_t seconds)
{
    char text[64];
    struct tm tm;
    time_t at = (time_t)seconds;
    if (localtime_r(&at, &tm) != NULL && strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm) > 0) {
        fprintf(out, "%s%s", label, text);
    }
}

static void print(struct client *client, const struct set *set, const struct files *files,
                  const struct ocsp_verdict *verdict, bool good, const char *fault)
{
    FILE *out = client->out;
    if (good && client->settings.quiet) {
        return;
    }
    fprintf(out, "%s %s: ", set->names[0], key_type_name(files->type));
    if (fault != NULL) {
        term_put(out, TERM_RED, "PROBLEM: %s", fault);
        fputc('\n', out);
        return;
    }
    term_put(out, good ? TERM_GREEN : TERM_RED, "%s", good ? "good" : "PROBLEM: revoked");
    if (!good) {
        print_time(out, " since ", verdict->revoked);
        fprintf(out, " (%s)", ocsp_reason(verdict->reason));
    }
    print_time(out, ", as of ", verdict->this_update);
    if (verdict->next_update != 0) {
        print_time(out, ", until ", verdict->next_update);
    }
    fputc('\n', out);
}

/* Returns how good it is: 0, or an error. */
static int look(struct client *client, const struct set *set, const struct files *files)
{
    struct ocsp_verdict verdict = {0};
    struct ocsp_subject subject;
    struct err err = {0};
    bool there;
    int ret = ocsp_subject_read(&subject, files, &err);
    if (ret == 0) {
        ret = ocsp_look(&verdict, &there, &subject, files, clock_wall_s(client->clock), &err);
        ocsp_subject_clear(&subject);
    }
    bool good = ret == 0 && verdict.revoked == 0;
    if (client->settings.json) {
        client_item(client, ocsp_item(set, files, &verdict, ret, &err));
    } else {
        print(client, set, files, &verdict, good, ret == 0 ? NULL : err.text);
    }
    return good ? 0 : ERR_CA;
}

static int check(struct client *client)
{
    int bad = client_each(client, look);
    if (bad > 0) {
        log_error(client->log, NULL, "%d of %zu OCSP responses are missing or not good", bad,
                  client->sets.count * client->type_count);
    }
    return bad == 0 ? CLIENT_OK : CLIENT_FAILED;
}

const struct client_command client_check_ocsp = {
    .first = "check",
    .second = "ocsp",
    .help = "see whether the OCSP responses are there, good, and in time",
    .needs = CLIENT_NEEDS_PATH,
    .run = check};

/* The same without judgement. */
static int show(struct client *client)
{
    (void)client_each(client, look);
    return CLIENT_OK;
}

const struct client_command client_show_ocsp = {.first = "show",
                                                .second = "ocsp",
                                                .help = "say what the OCSP responses say",
                                                .needs = CLIENT_NEEDS_PATH,
                                                .run = show};
