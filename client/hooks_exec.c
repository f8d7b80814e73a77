#include "client/hooks_exec.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client/child.h"
#include "common/libc.h"

#define GRACE_MS  2000 /* from SIGTERM to SIGKILL, and from there until it is given up */
#define LINES_MAX 1000 /* of output that are logged; a package's restart script has a dozen */

struct run {
    const struct hooks_exec *exec;
    struct report_line report;
    pid_t pid;
    int child;  /* readable once it has ended */
    int output; /* our end of its standard output and error; -1 where closed */
    char line[LIMIT_LOG_LINE];
    size_t line_len;
    unsigned lines;
    char last[256]; /* the last thing it said: most likely why it failed */
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void pass_line(struct run *run)
{
    run->line[run->line_len] = '\0';
    run->line_len = 0;
    if (run->line[0] == '\0') {
        return;
    }
    snprintf(run->last, sizeof(run->last), "%.*s", (int)sizeof(run->last) - 1, run->line);
    if (run->lines < LINES_MAX) {
        report_step(&run->report, LOG_LEVEL_INFO, run->line);
    } else if (run->lines == LINES_MAX) {
        report_step(&run->report, LOG_LEVEL_WARNING, "says more than is logged");
    }
    run->lines += run->lines <= LINES_MAX;
}

/* Takes what there is to read. Returns whether there may be more. */
static bool read_output(struct run *run)
{
    char chunk[4096];
    ssize_t n = run->output < 0 ? 0 : read(run->output, chunk, sizeof(chunk));
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
        return errno == EINTR;
    }
    if (n <= 0) {
        if (run->output >= 0) {
            close(run->output);
        }
        run->output = -1;
        return false;
    }
    for (ssize_t i = 0; i < n; i++) {
        if (chunk[i] == '\n' || run->line_len == sizeof(run->line) - 1) {
            pass_line(run);
        }
        if (chunk[i] != '\n' && chunk[i] != '\r' && chunk[i] != '\0') {
            run->line[run->line_len++] = chunk[i];
        }
    }
    return true;
}

/* Logs what it says until it has ended (true) or so much time is over. */
static bool wait_end(struct run *run, int64_t timeout_ms)
{
    int64_t deadline = now_ms() + timeout_ms, left;
    while ((left = deadline - now_ms()) > 0) {
        struct pollfd fds[] = {{.fd = run->output, .events = POLLIN},
                               {.fd = run->child, .events = POLLIN}};
        if (poll(fds, 2, (int)left) < 0) {
            if (errno != EINTR) {
                return false;
            }
            continue;
        }
        if (fds[0].revents != 0) {
            read_output(run);
        }
        if (fds[1].revents != 0) {
            return true;
        }
    }
    return false;
}

static int start(struct run *run, struct err *err)
{
    const char *name = run->exec->name;
    int theirs = -1, ret = child_pipe(&run->output, &theirs, false);
    if (ret == 0) {
        const struct child_wish wish = {.argv = run->exec->argv,
                                        .envp = run->exec->envp,
                                        .fds = {-1, theirs, theirs},
                                        .group = true};
        ret = child_spawn(&run->pid, &wish);
    }
    if (theirs >= 0) {
        close(theirs);
    }
    if (ret == -ENOEXEC) {
        return err_set(err, ERR_UNAVAILABLE,
                       "hook %s cannot be run: it is no program, and has no first line that "
                       "names one, #!/bin/sh for example",
                       name);
    }
    if (ret < 0) {
        return err_set(err, ERR_UNAVAILABLE, "hook %s cannot be run: %s", name, strerror(-ret));
    }
    return 0;
}

/* What its end means. */
static int verdict(const struct run *run, int status, struct err *err)
{
    const char *name = run->exec->name, *last = run->last;
    const char *colon = last[0] != '\0' ? ": " : "";
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return 0;
    }
    if (WIFEXITED(status)) {
        return err_set(err, ERR_UNAVAILABLE, "hook %s failed, exit status %d%s%s", name,
                       WEXITSTATUS(status), colon, last);
    }
    const char *text = libc_signal_text(WTERMSIG(status));
    return err_set(err, ERR_UNAVAILABLE, "hook %s was ended by signal %d (%s)%s%s", name,
                   WTERMSIG(status), text != NULL ? text : "unknown", colon, last);
}

/* Ends it and all of its process group. */
static int stop(struct run *run, struct err *err)
{
    bool ended;
    kill(-run->pid, SIGTERM);
    ended = wait_end(run, GRACE_MS);
    kill(-run->pid, SIGKILL); /* what it started may not have gone with it */
    if (!ended) {
        ended = wait_end(run, GRACE_MS);
    }
    if (ended) {
        waitpid(run->pid, NULL, 0);
    }
    /* Another user's, as those that sudo starts are, may not be ended by us; it is left. */
    return err_set(err, ERR_TIMEOUT, "hook %s took longer than hook-timeout, %lld s: it was %s%s%s",
                   run->exec->name, (long long)(run->exec->timeout_ms / 1000),
                   ended ? "ended" : "told to end and goes on", run->last[0] != '\0' ? "; " : "",
                   run->last);
}

static int run_it(struct run *run, struct err *err)
{
    int status, ret = start(run, err);
    if (ret < 0) {
        return ret;
    }
    if ((ret = run->child = child_watch(run->pid, err)) < 0) {
        err_prefix(err, "hook %s", run->exec->name);
        kill(-run->pid, SIGKILL);
        waitpid(run->pid, NULL, 0);
        return ret;
    }
    if (!wait_end(run, run->exec->timeout_ms)) {
        return stop(run, err);
    }
    /* A service that it started may keep the pipe: what is there is enough. */
    for (int chunks = 0; chunks < 64 && read_output(run); chunks++) {
    }
    pass_line(run);
    while (waitpid(run->pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return err_set(err, -errno, "hook %s: waitpid: %s", run->exec->name, strerror(errno));
        }
    }
    return verdict(run, status, err);
}

int hooks_exec(const struct hooks_exec *exec, struct err *err)
{
    struct run run = {.exec = exec, .child = -1, .output = -1};
    char subject[sizeof(run.report.subject)];
    struct err failure = {0};
    snprintf(subject, sizeof(subject), "hook %s", exec->name);
    report_begin(&run.report, exec->report, subject);
    int ret = run_it(&run, &failure);
    report_end(&run.report, ret == 0, ret == 0 ? "done" : failure.text);
    if (run.output >= 0) {
        close(run.output);
    }
    if (run.child >= 0) {
        close(run.child);
    }
    if (ret < 0 && err != NULL) {
        *err = failure;
    }
    return ret;
}
