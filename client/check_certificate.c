#include <errno.h>
#include <openssl/bn.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/client.h"
#include "client/commands.h"
#include "client/jobs.h"
#include "client/keyfile.h"
#include "client/state.h"
#include "client/term.h"
#include "common/timestamp.h"

/* What was found of one certificate. */
struct finding {
    const struct set *set;
    struct files files;
    int ret; /* the files could not be looked at; reason says why */
    unsigned problems;
    char reason[512];
    bool certificate; /* there is one, and so: */
    int64_t not_before, not_after;
    struct state_due due;
    char serial[48], issuer[128];
};

struct check {
    struct client *client;
    struct issuers *issuers;
    struct finding *findings;
    int64_t now;
};

static void read_leaf(struct finding *finding, const X509 *leaf)
{
    X509_NAME *issuer = (X509_NAME *)X509_get_issuer_name(leaf);
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(leaf), NULL);
    char *digits = number != NULL ? BN_bn2hex(number) : NULL;
    if (digits != NULL && strlen(digits) < sizeof(finding->serial)) {
        memcpy(finding->serial, digits, strlen(digits) + 1);
    }
    OPENSSL_free(digits);
    BN_free(number);
    X509_NAME_get_text_by_NID(issuer, NID_commonName, finding->issuer, sizeof(finding->issuer));
    finding->not_before = chain_not_before(leaf);
    finding->not_after = chain_not_after(leaf);
}

static void tell_mode(struct client *client, const struct finding *finding, mode_t was)
{
    struct report_line report = {.report = &client->report};
    struct key key = {.mode_was = was};
    snprintf(report.subject, sizeof(report.subject), "%s %s", finding->set->names[0],
             key_type_name(finding->files.type));
    keyfile_tell_mode(&key, &finding->files, &report);
}

static void look(void *arg, size_t i)
{
    struct check *check = arg;
    struct finding *finding = &check->findings[i];
    struct state_view view = {.settings = &check->client->settings,
                              .set = finding->set,
                              .files = &finding->files,
                              .now = check->now,
                              .issuers = check->issuers};
    struct state state;
    struct err err = {0};
    if ((finding->ret = state_read(&state, &view, &err)) < 0) {
        snprintf(finding->reason, sizeof(finding->reason), "%.500s", err.text);
    } else {
        finding->problems = state.problems;
        memcpy(finding->reason, state.reason, sizeof(finding->reason));
        finding->certificate = state.known_due;
        finding->due = state.due;
        if (state.chain.count > 0) {
            read_leaf(finding, state.chain.certs[0]);
        }
        tell_mode(check->client, finding, state.key_mode_was);
    }
    state_clear(&state);
}

static bool is_good(const struct finding *finding)
{
    return finding->ret == 0 && finding->problems == 0;
}

/* -- for people -- */

static void print_time(FILE *out, int64_t seconds)
{
    char text[64] = "?";
    struct tm tm;
    time_t at = (time_t)seconds;
    if (localtime_r(&at, &tm) != NULL) {
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm);
    }
    fputs(text, out);
}

static void print(const struct check *check, const struct finding *finding)
{
    FILE *out = check->client->out;
    if (is_good(finding) && check->client->settings.quiet) {
        return;
    }
    fprintf(out, "%s %s: ", finding->set->names[0], key_type_name(finding->files.type));
    if (!is_good(finding)) {
        bool people = finding->ret < 0 || (finding->problems & STATE_PEOPLE) != 0;
        term_put(out, TERM_RED, "PROBLEM: %s", finding->reason);
        fprintf(out, "%s\n", people ? "" : ": certmill periodic gets a new one");
        return;
    }
    term_put(out, TERM_GREEN, "fine");
    fputs(", valid until ", out);
    print_time(out, finding->not_after);
    fputs(", to be renewed on ", out);
    print_time(out, finding->due.at);
    fputs(finding->due.by == DUE_BY_CA ? " as the CA has it\n" : "\n", out);
}

/* -- for programs -- */

static json_t *names_of(const struct set *set)
{
    json_t *names = json_array();
    for (size_t i = 0; i < set->count; i++) {
        json_array_append_new(names, json_string(set->names[i]));
    }
    return names;
}

static json_t *problems_of(const struct finding *finding)
{
    json_t *problems = json_array();
    for (unsigned bit = 1; bit <= STATE_INCOMPLETE; bit <<= 1) {
        if ((finding->problems & bit) != 0) {
            const char *name = state_problem_name((enum state_problem)bit);
            json_array_append_new(problems, json_string(name));
        }
    }
    return problems;
}

static json_t *item_of(const struct finding *finding)
{
    char from[TIMESTAMP_SIZE], to[TIMESTAMP_SIZE], due[TIMESTAMP_SIZE], name[256];
    char path[LIMIT_PATH];
    files_name(name, &finding->files, FILE_CERTIFICATE);
    snprintf(path, sizeof(path), "%.3800s/%s", finding->files.path, name);
    json_t *item =
        json_pack("{s:s,s:o,s:s,s:s,s:b,s:o,s:o}", "set", finding->set->names[0], "names",
                  names_of(finding->set), "type", key_type_name(finding->files.type), "file", path,
                  "good", is_good(finding), "problems", problems_of(finding), "reason",
                  client_text(finding->reason[0] != '\0' ? finding->reason : NULL));
    if (item == NULL || !finding->certificate) {
        return item;
    }
    json_t *more =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "serial", finding->serial, "issuer", finding->issuer,
                  "not_before", timestamp_format(from, finding->not_before), "not_after",
                  timestamp_format(to, finding->not_after), "renew_at",
                  timestamp_format(due, finding->due.at), "renew_by", due_by_name(finding->due.by));
    if (more == NULL || json_object_update(item, more) < 0) {
        json_decref(item);
        item = NULL;
    }
    json_decref(more);
    return item;
}

/* -- all of them -- */

static size_t tell(const struct check *check, size_t count)
{
    struct client *client = check->client;
    size_t bad = 0;
    for (size_t i = 0; i < count; i++) {
        bad += !is_good(&check->findings[i]);
        if (client->settings.json) {
            client_item(client, item_of(&check->findings[i]));
        } else {
            print(check, &check->findings[i]);
        }
    }
    return bad;
}

static int run(struct client *client)
{
    size_t count = client->sets.count * client->type_count;
    struct check check = {.client = client,
                          .issuers = issuers_new(),
                          .findings = calloc(count, sizeof(struct finding)),
                          .now = clock_wall_s(client->clock)};
    size_t bad = count;
    if (check.issuers == NULL || check.findings == NULL) {
        log_error(client->log, NULL, "%s", err_string(-ENOMEM));
    } else {
        for (size_t i = 0; i < count; i++) {
            struct finding *finding = &check.findings[i];
            finding->set = &client->sets.items[i / client->type_count];
            finding->files =
                client_files(client, finding->set, client->types[i % client->type_count]);
        }
        jobs_run((size_t)client->settings.jobs, 0, count, look, &check);
        bad = tell(&check, count);
        if (bad > 0) {
            log_error(client->log, NULL, "%zu of %zu certificates have a problem", bad, count);
        }
    }
    free(check.findings);
    issuers_free(check.issuers);
    return bad == 0 ? CLIENT_OK : CLIENT_FAILED;
}

const struct client_command client_check_certificate = {
    .first = "check",
    .second = "certificate",
    .help = "see whether the certificates are there, right, and not to be renewed yet",
    .needs = CLIENT_NEEDS_PATH,
    .run = run};
