#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/log.h"
#include "common/log_line.h"
#include "common/utf8.h"
#include "run.h"

static void in_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

#define AT INT64_C(1795225578123456) /* 2026-11-21 01:46:18.123456 UTC */

static void test_text(void)
{
    char line[256];
    struct log_record record = {AT, LOG_LEVEL_INFO, "issuer", "order 17",
                                "done\n\x1b[2J\xff \xc3\xb8 \xc2\x85"};

    in_zone("UTC");
    log_format_line(line, sizeof(line), AT, "certmilld", LOG_LEVEL_INFO,
                    "listening on 127.0.0.1:53");
    CU_ASSERT_STRING_EQUAL(line,
                           "2026-11-21 01:46:18 +0000 certmilld INFO listening on 127.0.0.1:53");
    in_zone("XST-5:30");
    CU_ASSERT_EQUAL(log_line_as_text(line, sizeof(line), &record), strlen(line));
    CU_ASSERT_STRING_EQUAL(line, "2026-11-21 07:16:18 +0530 issuer INFO [order 17] "
                                 "done\\x0a\\x1b[2J\\xff \xc3\xb8 \\xc2\\x85");
    in_zone("UTC");
}

static void test_json(void)
{
    char line[256];
    struct log_record record = {AT, LOG_LEVEL_WARNING, "dnsd", "client \"x\"", "a\\b\n\xff"};

    log_line_as_json(line, sizeof(line), &record);
    CU_ASSERT_STRING_EQUAL(
        line,
        "{\"time\":\"2026-11-21T01:46:18.123456Z\",\"program\":\"dnsd\",\"level\":\"WARNING\","
        "\"subject\":\"client \\\"x\\\"\",\"message\":\"a\\\\b\\u000a\\\\xff\"}");
    record.subject = NULL;
    record.unix_us = -1;
    log_line_as_json(line, sizeof(line), &record);
    CU_ASSERT_EQUAL(strncmp(line, "{\"time\":\"1969-12-31T23:59:59.999999Z\"", 37), 0);
}

static void test_truncation(void)
{
    char line[128], message[1000] = "";
    struct log_record record = {AT, LOG_LEVEL_INFO, "dnsd", NULL, message};

    for (size_t i = 0; i + 3 < sizeof(message); i += 2) {
        memcpy(message + i, "\xc3\xb8", 3);
    }
    for (size_t cap = 80; cap <= sizeof(line); cap++) {
        uint32_t point;
        size_t len = log_line_as_text(line, cap, &record), n;
        CU_ASSERT(len < cap && len + 3 >= cap - 1);
        CU_ASSERT_STRING_EQUAL(line + len - 3, "...");
        for (size_t i = 0; i < len; i += n) { /* no character is cut in two */
            n = utf8_decode(line + i, len - i, &point);
            CU_ASSERT_FATAL(n > 0);
        }
        len = log_line_as_json(line, sizeof(line), &record);
        CU_ASSERT_STRING_EQUAL(line + len - 5, "...\"}");
    }
    for (size_t cap = 0; cap < 80; cap++) {
        log_format_line(line, cap, AT, "certmilld", LOG_LEVEL_INFO, message);
        CU_ASSERT(cap == 0 || strlen(line) < cap);
    }
}

static void test_levels_and_whole_lines(void)
{
    struct log_options options = {.program = "test", .level = LOG_LEVEL_WARNING};
    char buf[LIMIT_LOG_LINE * 2], big[LIMIT_LOG_LINE + 10];
    struct log *log = NULL;
    int pipes[2];
    ssize_t n;

    CU_ASSERT_EQUAL_FATAL(pipe(pipes), 0);
    options.fd = pipes[1];
    CU_ASSERT_EQUAL_FATAL(log_new(&log, &options, NULL), 0);
    CU_ASSERT_EQUAL(log_fd(log), pipes[1]);
    log_info(log, NULL, "not seen");
    log_error(log, "client web1", "seen %d", 5);
    n = read(pipes[0], buf, sizeof(buf));
    CU_ASSERT_FATAL(n > 0);
    buf[n] = '\0';
    CU_ASSERT_PTR_NULL(strstr(buf, "not seen"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf, " test ERROR [client web1] seen 5\n"));
    log_set_level(log, LOG_LEVEL_DEBUG);
    CU_ASSERT_EQUAL(log_get_level(log), LOG_LEVEL_DEBUG);
    memset(big, 'y', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    log_debug(log, NULL, "%s", big);
    n = read(pipes[0], buf, sizeof(buf));
    CU_ASSERT_EQUAL(n, LIMIT_LOG_LINE);
    CU_ASSERT_EQUAL(strncmp(buf + n - 4, "...\n", 4), 0);
    log_write(NULL, LOG_LEVEL_ERROR, NULL, "nobody hears");
    log_free(log);
    log_free(NULL);
    close(pipes[0]);
    close(pipes[1]);
}

static void *write_many(void *arg)
{
    for (int i = 0; i < 200; i++) {
        log_info(arg, NULL, "%s", "the same line from every thread");
    }
    return NULL;
}

static void test_threads(void)
{
    char path[] = "/tmp/test-log-XXXXXX", line[512];
    struct log_options options = {.program = "test", .fd = mkstemp(path)};
    struct log *log = NULL;
    pthread_t threads[4];
    int lines = 0;

    CU_ASSERT_EQUAL_FATAL(log_new(&log, &options, NULL), 0);
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, write_many, log), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    FILE *f = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        CU_ASSERT_PTR_NOT_NULL(strstr(line, " test INFO the same line from every thread\n"));
        lines++;
    }
    CU_ASSERT_EQUAL(lines, 800);
    fclose(f);
    log_free(log);
    close(options.fd);
    unlink(path);
}

static int listen_local(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    return fd;
}

static void expect_datagram(int fd, const char *start, const char *part)
{
    char buf[LIMIT_LOG_LINE + 1];
    ssize_t n = recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT);

    CU_ASSERT_FATAL(n > 0);
    buf[n] = '\0';
    CU_ASSERT_EQUAL(strncmp(buf, start, strlen(start)), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf, part));
}

static void test_syslog_local(void)
{
    char folder[] = "/tmp/test-log-XXXXXX", path[64], buf[512];
    struct log_options options = {
        .program = "test", .syslog_facility = "LOG_LOCAL0", .syslog_socket = path};
    struct log *log = NULL;
    struct err err = {0};
    int pipes[2], server;

    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/log", folder);
    CU_ASSERT_EQUAL_FATAL(pipe(pipes), 0);
    options.fd = pipes[1];
    CU_ASSERT_EQUAL(log_new(&log, &options, &err), -ENOENT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, path));
    server = listen_local(path);
    CU_ASSERT_EQUAL_FATAL(log_new(&log, &options, &err), 0);
    log_warning(log, "order 3", "hello");
    expect_datagram(server, "<132>", "]: WARNING [order 3] hello"); /* 16 * 8 + 4 */
    /* the daemon goes: the line falls back; it comes back: lines go there again */
    close(server);
    unlink(path);
    log_error(log, NULL, "alone");
    ssize_t n = read(pipes[0], buf, sizeof(buf) - 1);
    CU_ASSERT_FATAL(n > 0);
    buf[n] = '\0';
    CU_ASSERT_PTR_NOT_NULL(strstr(buf, "test ERROR alone\n"));
    server = listen_local(path);
    log_error(log, NULL, "again");
    expect_datagram(server, "<131>", "ERROR again");
    log_free(log);
    close(server);
    unlink(path);
    rmdir(folder);
    close(pipes[0]);
    close(pipes[1]);
}

static void test_syslog_remote(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    char where[64];
    struct log_options options = {.program = "test",
                                  .format = LOG_FORMAT_JSON,
                                  .syslog_facility = "daemon",
                                  .syslog_socket = where,
                                  .fd = 2};
    struct log *log = NULL;
    int server = socket(AF_INET, SOCK_DGRAM, 0);

    CU_ASSERT_EQUAL_FATAL(bind(server, (struct sockaddr *)&in, sizeof(in)), 0);
    getsockname(server, (struct sockaddr *)&in, &len);
    snprintf(where, sizeof(where), "127.0.0.1:%u", ntohs(in.sin_port));
    CU_ASSERT_EQUAL_FATAL(log_new(&log, &options, NULL), 0);
    log_critical(log, NULL, "over UDP");
    struct timeval tv = {.tv_sec = 5};
    setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    char buf[512];
    ssize_t n = recv(server, buf, sizeof(buf) - 1, 0);
    CU_ASSERT_FATAL(n > 0);
    buf[n] = '\0';
    CU_ASSERT_EQUAL(strncmp(buf, "<26>", 4), 0); /* 3 * 8 + 2 */
    CU_ASSERT_PTR_NOT_NULL(strstr(buf, "\"message\":\"over UDP\"}"));
    log_free(log);
    close(server);
}

static void test_words(void)
{
    struct log_options options = {.program = "t", .syslog_facility = "LOG_NOBODY"};
    enum log_level level;
    struct log *log = NULL;
    int facility;

    CU_ASSERT_EQUAL(log_new(&log, &options, NULL), ERR_RANGE);
    CU_ASSERT_EQUAL(log_level_parse("warning", &level), 0);
    CU_ASSERT_EQUAL(level, LOG_LEVEL_WARNING);
    CU_ASSERT_EQUAL(log_level_parse("LOUD", &level), ERR_RANGE);
    CU_ASSERT_STRING_EQUAL(log_level_name(LOG_LEVEL_CRITICAL), "CRITICAL");
    CU_ASSERT_STRING_EQUAL(log_level_name((enum log_level)9), "?");
    CU_ASSERT_EQUAL(log_facility_parse("Local7", &facility), 0);
    CU_ASSERT_EQUAL(facility, 23 << 3);
}

static void test_utf8(void)
{
    static const char *const bad[] = {
        "\x80",         "\xc3",         "\xc0\x80",         "\xc1\xbf",         "\xe0\x80\x80",
        "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80",
        "\xff",         "\xe2\x82"};
    uint32_t point;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_EQUAL(utf8_decode(bad[i], strlen(bad[i]), &point), 0);
    }
    CU_ASSERT_EQUAL(utf8_decode("\xf4\x8f\xbf\xbf", 4, &point), 4);
    CU_ASSERT_EQUAL(point, 0x10ffff);
    CU_ASSERT_EQUAL(utf8_decode("\xe2\x82\xac", 3, &point), 3);
    CU_ASSERT_EQUAL(point, 0x20ac);
    CU_ASSERT_EQUAL(utf8_decode("\xe2\x82\xac", 2, &point), 0);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"text lines, foreign bytes escaped", test_text},
        {"JSON lines", test_json},
        {"long lines are cut and marked", test_truncation},
        {"levels, and one write a line", test_levels_and_whole_lines},
        {"lines of several threads do not mix", test_threads},
        {"syslog by a local socket, gone and back", test_syslog_local},
        {"syslog by UDP, as JSON", test_syslog_remote},
        {"words of levels and facilities", test_words},
        {"UTF-8", test_utf8},
    };

    setenv("TZ", "UTC", 1);
    return RUN("log", cases);
}
