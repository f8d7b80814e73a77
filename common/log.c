/*
 * A log line goes out in one write(2) or send(2) and never blocks on syslog: where the
 * syslog daemon is gone or does not keep up, the line goes to the fallback
 * descriptor instead, and the next line tries the daemon again. The socket is opened and
 * connected once, because the sandbox forbids both later; connect(2) on the
 * same socket is tried again after a refusal, for the processes that may.
 */
#include "common/log.h"

#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/limits.h"
#include "common/log_line.h"

struct log {
    char program[64];
    char host[256]; /* as RFC 3164 wants it over UDP; "" on a local socket */
    atomic_int level;
    enum log_format format;
    int fd;
    int facility;
    int socket; /* -1 without syslog */
    struct sockaddr_storage peer;
    socklen_t peer_len;
};

static const char *const level_names[] = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"};

const char *log_level_name(enum log_level level)
{
    return (unsigned)level <= LOG_LEVEL_CRITICAL ? level_names[level] : "?";
}

int log_level_parse(const char *name, enum log_level *level)
{
    for (int i = LOG_LEVEL_DEBUG; i <= LOG_LEVEL_CRITICAL; i++) {
        if (strcasecmp(name, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return 0;
        }
    }
    return ERR_RANGE;
}

int log_facility_parse(const char *name, int *facility)
{
    static const struct {
        const char *name;
        int facility;
    } known[] = {
        {"kern", LOG_KERN},     {"user", LOG_USER},         {"mail", LOG_MAIL},
        {"daemon", LOG_DAEMON}, {"auth", LOG_AUTH},         {"syslog", LOG_SYSLOG},
        {"lpr", LOG_LPR},       {"news", LOG_NEWS},         {"uucp", LOG_UUCP},
        {"cron", LOG_CRON},     {"authpriv", LOG_AUTHPRIV}, {"ftp", LOG_FTP},
        {"local0", LOG_LOCAL0}, {"local1", LOG_LOCAL1},     {"local2", LOG_LOCAL2},
        {"local3", LOG_LOCAL3}, {"local4", LOG_LOCAL4},     {"local5", LOG_LOCAL5},
        {"local6", LOG_LOCAL6}, {"local7", LOG_LOCAL7},
    };

    if (strncasecmp(name, "LOG_", 4) == 0) {
        name += 4;
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcasecmp(name, known[i].name) == 0) {
            *facility = known[i].facility;
            return 0;
        }
    }
    return ERR_RANGE;
}

static int open_local(struct log *log, const char *path, struct err *err)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(un.sun_path)) {
        return err_set(err, ERR_LIMIT, "syslog socket %s: the path is longer than %zu bytes", path,
                       sizeof(un.sun_path) - 1);
    }
    memcpy(un.sun_path, path, strlen(path) + 1);
    memcpy(&log->peer, &un, sizeof(un));
    log->peer_len = sizeof(un);
    log->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (log->socket < 0 || connect(log->socket, (struct sockaddr *)&un, sizeof(un)) < 0) {
        int ret = -errno;
        return err_set(err, ret, "cannot reach the syslog socket %s: %s", path, err_string(ret));
    }
    return 0;
}

/* host:port or [address]:port */
static int open_remote(struct log *log, const char *address, struct err *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *found = NULL;
    const char *colon = strrchr(address, ':');
    size_t len = (size_t)(colon - address);
    char host[256];
    int ret;

    if (len > 1 && address[0] == '[' && address[len - 1] == ']') {
        address++;
        len -= 2;
    }
    if (len == 0 || len >= sizeof(host)) {
        return err_set(err, ERR_MALFORMED, "syslog socket %s: neither a path nor host:port",
                       address);
    }
    memcpy(host, address, len);
    host[len] = '\0';
    if ((ret = getaddrinfo(host, colon + 1, &hints, &found)) != 0) {
        return err_set(err, ERR_UNAVAILABLE, "syslog socket: cannot find %s port %s: %s", host,
                       colon + 1, gai_strerror(ret));
    }
    log->socket = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (log->socket < 0 || connect(log->socket, found->ai_addr, found->ai_addrlen) < 0) {
        ret = -errno;
        err_set(err, ret, "cannot reach syslog at %s port %s: %s", host, colon + 1,
                err_string(ret));
    } else {
        memcpy(&log->peer, found->ai_addr, found->ai_addrlen);
        log->peer_len = found->ai_addrlen;
    }
    freeaddrinfo(found);
    if (ret == 0 && gethostname(log->host, sizeof(log->host) - 1) < 0) {
        snprintf(log->host, sizeof(log->host), "localhost");
    }
    return ret;
}

int log_new(struct log **out, const struct log_options *options, struct err *err)
{
    const char *where = options->syslog_socket != NULL ? options->syslog_socket : "/dev/log";
    struct log *log;
    int ret;

    /* the time zone is read now: later the process may not open files */
    tzset();
    if ((log = calloc(1, sizeof(*log))) == NULL) {
        return err_set(err, -ENOMEM, "cannot open the log: out of memory");
    }
    snprintf(log->program, sizeof(log->program), "%s", options->program);
    atomic_init(&log->level, (int)options->level);
    log->format = options->format;
    log->fd = options->fd;
    log->socket = -1;
    if (options->syslog_facility != NULL) {
        if (log_facility_parse(options->syslog_facility, &log->facility) < 0) {
            ret = err_set(err, ERR_RANGE,
                          "syslog facility %s is not known; use one of syslog(3), as LOG_DAEMON",
                          options->syslog_facility);
            goto err0;
        }
        if (where[0] == '/' || strchr(where, ':') == NULL) {
            ret = open_local(log, where, err);
        } else {
            ret = open_remote(log, where, err);
        }
        if (ret < 0) {
            goto err0;
        }
    }
    *out = log;
    return 0;
err0:
    log_free(log);
    return ret;
}

void log_free(struct log *log)
{
    if (log == NULL) {
        return;
    }
    if (log->socket >= 0) {
        close(log->socket);
    }
    free(log);
}

void log_set_level(struct log *log, enum log_level level)
{
    atomic_store_explicit(&log->level, (int)level, memory_order_relaxed);
}

enum log_level log_get_level(const struct log *log)
{
    return (enum log_level)atomic_load_explicit(&log->level, memory_order_relaxed);
}

int log_fd(const struct log *log)
{
    return log->socket >= 0 ? log->socket : log->fd;
}

static bool send_syslog(struct log *log, const struct log_record *record)
{
    char line[LIMIT_LOG_LINE];
    size_t len = log_line_as_syslog(line, sizeof(line), record, log->facility,
                                    log->host[0] != '\0' ? log->host : NULL, log->format);

    for (int tries = 0; tries < 2; tries++) {
        if (send(log->socket, line, len, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
            return true;
        }
        /* a restarted daemon has a new socket under the old name */
        if (errno != ECONNREFUSED && errno != ENOTCONN && errno != ECONNRESET && errno != EINTR) {
            return false;
        }
        if (errno != EINTR && log->host[0] == '\0' &&
            connect(log->socket, (struct sockaddr *)&log->peer, log->peer_len) < 0) {
            return false;
        }
    }
    return false;
}

static void write_fd(const struct log *log, const struct log_record *record)
{
    char line[LIMIT_LOG_LINE];
    size_t len;

    if (log->format == LOG_FORMAT_JSON) {
        len = log_line_as_json(line, sizeof(line), record);
    } else {
        len = log_line_as_text(line, sizeof(line), record);
    }
    line[len++] = '\n'; /* over the NUL: a line with its newline has at most LIMIT_LOG_LINE bytes */
    while (write(log->fd, line, len) < 0 && errno == EINTR) {
    }
}

void log_write(struct log *log, enum log_level level, const char *subject, const char *fmt, ...)
{
    char message[LIMIT_LOG_LINE];
    struct log_record record;
    va_list ap;
    int saved = errno;

    if (log == NULL || level < log_get_level(log)) {
        return;
    }
    va_start(ap, fmt);
    if (vsnprintf(message, sizeof(message), fmt, ap) < 0) {
        message[0] = '\0';
    }
    va_end(ap);
    record = (struct log_record){
        .unix_us = clock_wall_us(&clock_system),
        .level = level,
        .program = log->program,
        .subject = subject,
        .message = message,
    };
    if (log->socket < 0 || !send_syslog(log, &record)) {
        write_fd(log, &record);
    }
    errno = saved;
}

void log_format_line(char *dst, size_t cap, int64_t unix_us, const char *program,
                     enum log_level level, const char *message)
{
    struct log_record record = {
        .unix_us = unix_us,
        .level = level,
        .program = program,
        .message = message,
    };

    if (cap < 8) {
        if (cap > 0) {
            dst[0] = '\0';
        }
        return;
    }
    log_line_as_text(dst, cap, &record);
}
