#include "client/server.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client/child.h"
#include "client/server_argv.h"
#include "client/server_session.h"

#define GRACE_MS  2000 /* from SIGTERM to SIGKILL */
#define LINES_MAX 2000 /* log lines that are passed on; an order of 100 names has some 400 */

/* A running command and what was read from it so far. */
struct run {
    const struct server_call *call;
    pid_t pid;
    int child;        /* readable once it has ended */
    int in, out, log; /* our ends; -1 where closed */
    size_t written;
    char *output; /* LIMIT_CHAIN_PEM + 1 octets */
    size_t len;
    char line[LIMIT_LOG_LINE]; /* the part of a log line that is there */
    size_t line_len;
    unsigned lines;
    char error[512]; /* the last error that the server logged */
    char plain[512]; /* the last line that is no log line: a word of ssh's, mostly */
    bool usage;      /* within what argparse prints for a word that it does not know */
    enum server_ssh_trouble trouble;
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

const char *server_line(const char *line, enum log_level *level)
{
    char name[16];
    const char *p = line;
    for (int word = 0; word < 4; word++) {
        p = strchr(p, ' ');
        if (p == NULL) {
            break;
        }
        p++;
    }
    *level = LOG_LEVEL_INFO;
    /* The date makes sure that it is not just some sentence. */
    if (p == NULL || strspn(line, "0123456789-") != 10 || line[10] != ' ') {
        return line;
    }
    size_t len = strcspn(p, " ");
    if (len >= sizeof(name) || p[len] == '\0') {
        return line;
    }
    memcpy(name, p, len);
    name[len] = '\0';
    return log_level_parse(name, level) == 0 ? p + len + 1 : line;
}

static void close_end(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

/* An original certgrinderd, asked for what it does not know, prints its usage, divided into lines
 * that are indented, and "certgrinderd: error: ...": that one will be told where it matters. */
static bool is_usage(struct run *run, const char *line)
{
    bool within = run->usage;
    run->usage = strncmp(line, "usage: ", 7) == 0 || (within && line[0] == ' ');
    return run->usage || (within && strstr(line, ": error: ") != NULL);
}

/* A line that is no log line. Returns the level that it is passed on with. */
static enum log_level take_plain(struct run *run, const char *line)
{
    if (server_ssh_noise(line)) {
        return LOG_LEVEL_DEBUG;
    }
    enum log_level level = is_usage(run, line) ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
    run->trouble = run->trouble != SSH_NO_TROUBLE ? run->trouble : server_ssh_trouble(line);
    if (!run->usage) {
        snprintf(run->plain, sizeof(run->plain), "%s", line);
    }
    return level;
}

static void pass_line(struct run *run)
{
    enum log_level level;
    run->line[run->line_len] = '\0';
    if (run->line_len > 0 && run->line[run->line_len - 1] == '\r') {
        run->line[run->line_len - 1] = '\0';
    }
    run->line_len = 0;
    if (run->line[0] == '\0') {
        return;
    }
    const char *message = server_line(run->line, &level);
    if (message == run->line) {
        level = take_plain(run, message);
    } else if (level >= LOG_LEVEL_ERROR) {
        snprintf(run->error, sizeof(run->error), "%s", message);
    }
    if (run->call->line != NULL && run->lines < LINES_MAX) {
        run->lines++;
        run->call->line(run->call->arg, level, message);
    }
}

/* Takes what there is to read. Returns 1, or 0 where there is nothing (any more). */
static int read_log(struct run *run)
{
    char chunk[4096];
    ssize_t n = run->log < 0 ? 0 : read(run->log, chunk, sizeof(chunk));
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
        return errno == EINTR;
    }
    if (n <= 0) {
        close_end(&run->log);
        return 0;
    }
    for (ssize_t i = 0; i < n; i++) {
        if (chunk[i] == '\n' || run->line_len == sizeof(run->line) - 1) {
            pass_line(run);
        }
        if (chunk[i] != '\n' && chunk[i] != '\0') {
            run->line[run->line_len++] = chunk[i];
        }
    }
    return 1;
}

static int read_output(struct run *run, struct err *err)
{
    ssize_t n =
        run->out < 0 ? 0 : read(run->out, run->output + run->len, LIMIT_CHAIN_PEM + 1 - run->len);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
        return errno == EINTR;
    }
    if (n <= 0) {
        close_end(&run->out);
        return 0;
    }
    run->len += (size_t)n;
    if (run->len > LIMIT_CHAIN_PEM) {
        return err_set(err, ERR_LIMIT,
                       "the server sent more than %u KiB: nothing that it is asked for is that "
                       "long; is its forced command right?",
                       LIMIT_CHAIN_PEM >> 10);
    }
    return 1;
}

/* What it does not read it does not want: its status says whether that was right. */
static void write_input(struct run *run)
{
    const struct server_call *call = run->call;
    ssize_t n = 0;
    if (run->written < call->input_len) {
        n = write(run->in, call->input + run->written, call->input_len - run->written);
    }
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
        return;
    }
    run->written += n > 0 ? (size_t)n : 0;
    if (n < 0 || run->written == call->input_len) {
        close_end(&run->in);
    }
}

/* What the command left in its pipes. Their other ends may still be open: an ssh that stays in the
 * background for the next connection (ControlPersist) keeps them. */
static int drain(struct run *run, struct err *err)
{
    int ret;
    while ((ret = read_output(run, err)) > 0) {
    }
    for (int chunks = 0; chunks < 64 && read_log(run) > 0; chunks++) {
    }
    pass_line(run);
    return ret;
}

/* Moves octets until the command has ended. */
static int pump(struct run *run, struct err *err)
{
    int64_t deadline = now_ms() + run->call->timeout_ms;
    for (;;) {
        struct pollfd fds[] = {{.fd = run->in, .events = POLLOUT},
                               {.fd = run->out, .events = POLLIN},
                               {.fd = run->log, .events = POLLIN},
                               {.fd = run->child, .events = POLLIN},
                               {.fd = run->call->stop, .events = POLLIN}};
        int64_t left = deadline - now_ms();
        nfds_t count = run->call->stop > 0 ? 5 : 4;
        int n = left <= 0 ? 0 : poll(fds, count, (int)left), ret;
        if (n == 0) {
            return err_set(err, ERR_TIMEOUT,
                           "the server did not answer within %d s: is it up, and does the forced "
                           "command run? server-timeout says how long to wait for a certificate",
                           run->call->timeout_ms / 1000);
        }
        if (n < 0 && errno != EINTR) {
            return err_set(err, -errno, "poll: %s", strerror(errno));
        }
        if (n < 0) {
            continue;
        }
        if (count == 5 && fds[4].revents != 0) {
            return err_set(err, ERR_CANCELLED, "interrupted");
        }
        if (fds[0].revents != 0) {
            write_input(run);
        }
        if (fds[1].revents != 0 && (ret = read_output(run, err)) < 0) {
            return ret;
        }
        if (fds[2].revents != 0) {
            read_log(run);
        }
        if (fds[3].revents != 0) {
            return drain(run, err);
        }
    }
}

static int start(struct run *run, char **argv, struct err *err)
{
    struct child_wish wish = {.argv = argv, .fds = {-1, -1, -1}};
    int *theirs = wish.fds, ret = child_pipe(&run->in, &theirs[0], true);
    if (ret == 0) {
        ret = child_pipe(&run->out, &theirs[1], false);
    }
    if (ret == 0) {
        ret = child_pipe(&run->log, &theirs[2], false);
    }
    if (ret == 0) {
        ret = child_spawn(&run->pid, &wish);
    }
    for (int i = 0; i < 3; i++) {
        close_end(&theirs[i]);
    }
    if (ret < 0) {
        return err_set(err, ERR_UNAVAILABLE, "%.256s: %s: see certgrinderd in the configuration",
                       argv[0], strerror(-ret));
    }
    return 0;
}

/* Waits for the end of the command, which is asked to end where it is not wanted any more. */
static int reap(struct run *run, bool stop)
{
    int status;
    if (stop) {
        kill(run->pid, SIGTERM);
        poll(&(struct pollfd){.fd = run->child, .events = POLLIN}, 1, GRACE_MS);
        kill(run->pid, SIGKILL);
    }
    while (waitpid(run->pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return status;
}

static int run_it(struct run *run, char **argv, struct err *err)
{
    int ret = start(run, argv, err);
    if (ret < 0) {
        return ret;
    }
    if ((ret = run->child = child_watch(run->pid, err)) >= 0) {
        ret = pump(run, err);
    }
    int status = reap(run, ret < 0);
    if (ret < 0) {
        return ret;
    }
    bool own = WIFEXITED(status) && WEXITSTATUS(status) < 255 && run->error[0] != '\0';
    if (status == 0 && own && run->len == 0) { /* certgrinderd, where certbot failed */
        return err_set(err, ERR_UNAVAILABLE, "the server sent nothing: %s", run->error);
    }
    return server_verdict(status, own ? run->error : run->plain, run->trouble, err);
}

int server_run(char **output, size_t *len, const struct server_call *call, struct err *err)
{
    struct run run = {.call = call, .child = -1, .in = -1, .out = -1, .log = -1};
    char **argv = NULL;
    int ret;
    *output = NULL;
    *len = 0;
    if ((run.output = malloc(LIMIT_CHAIN_PEM + 2)) == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    bool first = server_session_enter(call->session, call->timeout_ms, call->stop);
    if ((ret = server_argv(&argv, call, err)) == 0) {
        ret = run_it(&run, argv, err);
    }
    if (first) {
        server_session_leave(call->session);
    }
    close_end(&run.in);
    close_end(&run.out);
    close_end(&run.log);
    close_end(&run.child);
    free(argv);
    if (ret < 0) {
        free(run.output);
        return ret;
    }
    run.output[run.len] = '\0';
    *output = run.output;
    *len = run.len;
    return 0;
}
