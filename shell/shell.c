#include "shell/shell.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/words.h"
#include "shell/confine.h"
#include "shell/exchange.h"
#include "shell/input.h"
#include "shell/request.h"
#include "shell/usage.h"

#define PROGRAM        "certmill-shell"
#define DEFAULT_SOCKET "/run/certmill/submit.sock"
/* A start takes less than a second, unless the host is very busy. */
#define RESTART_MS 3000

#define AT(field) offsetof(struct shell, field)

const struct option_row shell_options[] = {
    {.name = "--socket",
     .value = "PATH",
     .offset = AT(socket),
     .help = "submit.sock of certmilld, " DEFAULT_SOCKET " by default"},
    {.name = "--domains",
     .value = "SETS",
     .offset = AT(domains),
     .help = "what this client may have: names divided by commas, sets by semicolons"},
    {.name = "--client",
     .value = "NAME",
     .offset = AT(name),
     .help = "a client of certmilld.yaml, which says what it may have"},
};
const size_t shell_option_count = sizeof(shell_options) / sizeof(shell_options[0]);

static void log_one(const struct shell *shell, enum log_level level, int64_t unix_us,
                    const char *message)
{
    char line[LIMIT_LOG_LINE];

    log_format_line(line, sizeof(line) - 1, unix_us, PROGRAM, level, message);
    size_t len = strlen(line);
    line[len] = '\n';
    while (write(shell->log, line, len + 1) < 0 && errno == EINTR) {
        ;
    }
}

/* A reason for several names has several lines: each becomes a line of the log. */
void shell_log(const struct shell *shell, enum log_level level, int64_t unix_us,
               const char *message)
{
    char part[LIMIT_LOG_LINE];

    if (level < shell->level) {
        return;
    }
    for (const char *end; (end = strchr(message, '\n')) != NULL; message = end + 1) {
        snprintf(part, sizeof(part), "%.*s", (int)(end - message), message);
        log_one(shell, level, unix_us, part);
    }
    if (*message != '\0') {
        log_one(shell, level, unix_us, message);
    }
}

static int fail(const struct shell *shell, enum shell_status status, const struct err *err)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    shell_log(shell, LOG_LEVEL_ERROR, (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000, err->text);
    return status;
}

/* The address at the front of SSH_CONNECTION, which goes into the server's log. */
static void set_client(struct shell *shell, const char *connection)
{
    size_t len = connection == NULL ? 0 : strcspn(connection, " ");
    snprintf(shell->client, sizeof(shell->client), "local");
    if (len == 0 || len >= sizeof(shell->client)) {
        return;
    }
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)connection[i]) && strchr(".:%_-", connection[i]) == NULL) {
            return;
        }
    }
    memcpy(shell->client, connection, len);
    shell->client[len] = '\0';
}

/* The operator's own options, which stand first on the real command line. Returns how many
 * words they take. */
static int take_own_options(struct shell *shell, int argc, char **argv, struct err *err)
{
    size_t pos = 1, count = (size_t)argc;
    int ret = 1;
    while (ret > 0 && pos < count) {
        ret = option_take(shell_options, shell_option_count, shell, argv, count, &pos, err);
    }
    return ret < 0 ? ret : (int)pos;
}

static int print_local(const struct shell *shell, const struct request *request)
{
    bool help = strcmp(request->op->name, "help") == 0;
    char *text = help ? usage_text() : strdup(PROGRAM " " CERTMILL_VERSION "\n");
    bool good = text != NULL && write(shell->out, text, strlen(text)) == (ssize_t)strlen(text);
    free(text);
    return good ? SHELL_OK : SHELL_INTERNAL;
}

static int serve(struct shell *shell, char *const *words, size_t count)
{
    struct request request;
    struct err err = {0};
    char *input = NULL;

    if (request_parse(&request, words, count, &err) < 0) {
        return fail(shell, SHELL_USAGE, &err);
    }
    shell->level = request.level;
    if (request.op->local) {
        return print_local(shell, &request);
    }
    if (request.op->needs_domains && shell->name == NULL &&
        (shell->domains == NULL || *shell->domains == '\0')) {
        err_set(&err, ERR_POLICY,
                "this key may have no names yet: the operator sets them in authorized_keys, by "
                "environment=\"CERTGRINDERD_DOMAINSETS=a.example,b.example;c.example\" (with "
                "PermitUserEnvironment in sshd_config), by certmill-shell --domains SETS, or by "
                "certmill-shell --client NAME");
        return fail(shell, SHELL_POLICY, &err);
    }
    if (input_read(&input, shell->in, request.op->input, &err) < 0) {
        return fail(shell, err.code == -ENOMEM ? SHELL_INTERNAL : SHELL_INPUT, &err);
    }
    int status = exchange_run(shell, &request, input);
    free(input);
    return status;
}

/*
 * Where sshd set SSH_ORIGINAL_COMMAND the request comes from there alone, and what follows
 * the operator's own options on the command line is not looked at: certgrinderd's users
 * write `command="... $SSH_ORIGINAL_COMMAND"`, which puts the client's words there again, as
 * some login shell divided them. A client cannot slip in an option of the operator's that
 * way: its first word would have to be one in both readings, and is refused in ours.
 */
int shell_main(int argc, char **argv)
{
    struct shell shell = {
        .patience_ms = RESTART_MS, .in = 0, .out = 1, .log = 2, .level = LOG_LEVEL_INFO};
    const char *original = getenv("SSH_ORIGINAL_COMMAND");
    struct words words = {0};
    struct err err = {0};
    int own, status;

    signal(SIGPIPE, SIG_IGN);
    tzset(); /* reads a file, which is not possible later */
    if (confine_early(&err) < 0) {
        return fail(&shell, SHELL_INTERNAL, &err);
    }
    if ((shell.socket = getenv("CERTMILL_SOCKET")) == NULL) {
        shell.socket = DEFAULT_SOCKET;
    }
    shell.domains = getenv("CERTGRINDERD_DOMAINSETS");
    set_client(&shell, getenv("SSH_CONNECTION"));
    if ((own = take_own_options(&shell, argc, argv, &err)) < 0) {
        return fail(&shell, SHELL_USAGE, &err);
    }
    if (original == NULL) {
        return serve(&shell, argv + own, (size_t)(argc - own));
    }
    if (words_split(&words, original, " ", &err) < 0) {
        return fail(&shell, SHELL_USAGE, &err);
    }
    status = serve(&shell, words.items, words.count);
    words_clear(&words);
    return status;
}
