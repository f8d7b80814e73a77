#include "shell/shell.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
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

#define PROGRAM        "certmill-shell"
#define DEFAULT_SOCKET "/run/certmill/submit.sock"

static const char help_text[] =
    "certmill-shell " CERTMILL_VERSION ": certificates for those who may have them, over ssh.\n"
    "\n"
    "As the forced command of an ssh key (in authorized_keys):\n"
    "  certmill-shell [--socket PATH] [--domains SETS | --client NAME]\n"
    "NAME is a client of the server's configuration, which says what it may have.\n"
    "\n"
    "What a client may ask:\n"
    "  ping                  prints pong, where certmilld is there\n"
    "  get certificate       CSR on standard input, chain on standard output\n"
    "  get ocsp              chain on standard input, OCSP response on standard output\n"
    "  get renewal-info      certificate on standard input, JSON on standard output: when the\n"
    "                        CA wants it renewed\n"
    "  revoke certificate    request signed with the certificate's key on standard input\n"
    "  revoke request        certificate on standard input, JSON on standard output: what its\n"
    "                        key is to sign so that the CA revokes it without an account\n"
    "  revoke signed         the same JSON with the signature on standard input\n"
    "  show csr              says what the CSR on standard input is\n"
    "  show certificate      says what the certificate on standard input is\n"
    "  show configuration    the server's configuration, as far as it concerns a client\n"
    "  show acmeaccount      the server's account at the CA\n"
    "  check NAME...         what a CA would find wrong with these names\n"
    "  help, version\n"
    "\n"
    "With these options:\n"
    "  --log-level LEVEL, -l       DEBUG, INFO, WARNING, ERROR or CRITICAL\n"
    "  --staging, -s               the CA's staging server\n"
    "  --force                     a new certificate even where the same request has one\n"
    "  --acme-server-url URL       one that the server is configured for\n"
    "  --authority NAME            the same by the server's name for it\n"
    "  --profile NAME              a kind of certificate that the CA offers\n"
    "  --preferred-chain NAME      issuer name, spaces or underscores\n"
    "  --reason WORD               why it is to be revoked (revoke request): keyCompromise, ...\n"
    "\n"
    "Exit status: 0 done, 1 failure of the server, 2 word not taken, 3 input not acceptable,\n"
    "4 not permitted, 5 refused by the CA, 6 CA not reachable, 7 interrupted (ask again),\n"
    "8 certmilld not there, 9 not before the time that the message says (a limit).\n";

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
    static const char *const names[] = {"--socket", "--domains", "--client"};
    const char **values[] = {&shell->socket, &shell->domains, &shell->name};
    const size_t count = sizeof(names) / sizeof(names[0]);
    int pos = 1;
    while (pos < argc) {
        size_t i, len = 0;
        for (i = 0; i < count; i++) {
            len = strlen(names[i]);
            if (strncmp(argv[pos], names[i], len) == 0 &&
                (argv[pos][len] == '\0' || argv[pos][len] == '=')) {
                break;
            }
        }
        if (i == count) {
            break;
        }
        if (argv[pos][len] == '=') {
            *values[i] = argv[pos] + len + 1;
        } else if (++pos < argc) {
            *values[i] = argv[pos];
        } else {
            return err_set(err, ERR_UNKNOWN, "%s needs a value after it", names[i]);
        }
        pos++;
    }
    return pos;
}

static int print_local(const struct shell *shell, const struct request *request)
{
    bool help = strcmp(request->op->name, "help") == 0;
    const char *text = help ? help_text : PROGRAM " " CERTMILL_VERSION "\n";
    return write(shell->out, text, strlen(text)) == (ssize_t)strlen(text) ? SHELL_OK
                                                                          : SHELL_INTERNAL;
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
    struct shell shell = {.in = 0, .out = 1, .log = 2, .level = LOG_LEVEL_INFO};
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
