/* Live lines: which state a log line stands for, and what goes where without a terminal. */
#include "client/report.h"

#include <CUnit/Basic.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "client/server.h"
#include "client/term.h"

/* What certmilld says of one order, as certmill-shell passes it on. */
static void test_states(void)
{
    static const struct {
        const char *line;
        enum report_state state;
    } steps[] = {
        {"2026-11-21 01:46:18 +0000 certmill-shell INFO joking apart", REPORT_WAITING},
        {"2026-11-21 01:46:18 +0000 certmill-shell INFO ordered for a.example", REPORT_ORDERING},
        {"2026-11-21 01:46:18 +0000 certmill-shell INFO published at generation 47",
         REPORT_PUBLISHED},
        {"2026-11-21 01:46:18 +0000 certmill-shell INFO who knows", REPORT_PUBLISHED},
        {"2026-11-21 01:46:18 +0000 certmill-shell INFO asked by 4 resolvers", REPORT_SEEN},
        {"", REPORT_SEEN},
        {"2026-11-21 01:46:18 +0000 certmill-shell INFO validated a.example", REPORT_VALIDATED},
        {"2026-11-21 01:46:18 +0000 certmill-shell INFO issued: serial 1", REPORT_ISSUED},
    };
    enum report_state state = REPORT_WAITING;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        enum log_level level;
        state = report_state_next(state, server_line(steps[i].line, &level));
        CU_ASSERT_EQUAL(state, steps[i].state);
    }
    CU_ASSERT_EQUAL(report_state_next(REPORT_WAITING, "[order 17] validated a"), REPORT_VALIDATED);
    CU_ASSERT_EQUAL(report_state_next(REPORT_WAITING, "[order 17 validated a"), REPORT_WAITING);
    CU_ASSERT_EQUAL(report_state_next(REPORT_SEEN, "Success, got a new certificate"),
                    REPORT_ISSUED);
    CU_ASSERT_EQUAL(report_state_next(REPORT_WAITING,
                                      "the certificate of order 3, still good until x, is given "
                                      "again"),
                    REPORT_ISSUED);
    CU_ASSERT_STRING_EQUAL(report_state_name(REPORT_SEEN), "seen by the CA");
}

static void check_fit(const char *text, int columns, size_t octets, int width)
{
    int got;
    CU_ASSERT_EQUAL(term_fit(text, columns, &got), octets);
    CU_ASSERT_EQUAL(got, width);
}

static void test_widths(void)
{
    check_fit("plain", 10, 5, 5);
    check_fit("plain", 3, 3, 3);
    check_fit("p\xc3\xb8lse", 3, 4, 3);
    check_fit("e\xcc\x81x", 1, 3, 1);               /* an accent of its own */
    check_fit("\xe4\xbe\x8b\xe4\xbe\x8b", 3, 3, 2); /* two columns each */
    check_fit("\xf0\x9f\x94\x92", 2, 4, 2);
    check_fit("\xe4", 5, 1, 1); /* cut short */
    check_fit("\xff\xfe", 5, 2, 2);
    check_fit("x", 0, 0, 0);
    check_fit("", 5, 0, 0);
}

struct screen {
    int ours;
    FILE *theirs;
    char text[65536];
};

static void open_screen(struct screen *screen, int rows, int columns)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
    int theirs;
    CU_ASSERT_EQUAL_FATAL(openpty(&screen->ours, &theirs, NULL, NULL, &size), 0);
    screen->theirs = fdopen(theirs, "w");
    screen->text[0] = '\0';
}

/*
 * What was written since the last time. A terminal hands its bytes on piecemeal and later, so a
 * mark is sent behind them, and all is read up to it.
 */
static const char *written(struct screen *screen)
{
    size_t len = 0;
    const char mark = '\x01';
    CU_ASSERT_EQUAL_FATAL(write(fileno(screen->theirs), &mark, 1), 1);
    do {
        struct pollfd ready = {.fd = screen->ours, .events = POLLIN};
        CU_ASSERT_EQUAL_FATAL(poll(&ready, 1, 10000), 1);
        ssize_t n = read(screen->ours, screen->text + len, sizeof(screen->text) - len);
        CU_ASSERT_FATAL(n > 0);
        len += (size_t)n;
    } while (screen->text[len - 1] != mark);
    screen->text[len - 1] = '\0';
    return screen->text;
}

static void close_screen(struct screen *screen)
{
    fclose(screen->theirs);
    close(screen->ours);
}

static int64_t now;

static int64_t fake_ms(void)
{
    return now;
}

static void test_live(void)
{
    struct screen screen;
    struct report report;
    struct report_line a, b, c;
    open_screen(&screen, 24, 80);
    setenv("TERM", "xterm", 1);
    setenv("NO_COLOR", "1", 1);
    report_init(&report, NULL, LOG_LEVEL_INFO, screen.theirs, false);
    report.now_ms = fake_ms;
    report_begin(&a, &report, "a.example rsa");
    report_begin(&b, &report, "b.example ecdsa");
    written(&screen);
    now = 12600;
    report_step(&a, LOG_LEVEL_INFO, "asked by 4 resolvers");
    CU_ASSERT_STRING_EQUAL(written(&screen),
                           "\r\x1b[2A\x1b[J"
                           "a.example rsa    seen by the CA   12 s  asked by 4 resolvers\r\n"
                           "b.example ecdsa  waiting          12 s  \r\n");
    report_step(&a, LOG_LEVEL_DEBUG, "no matter");
    CU_ASSERT_STRING_EQUAL(written(&screen), "");
    report_step(&b, LOG_LEVEL_WARNING, "look\x1b[2J here");
    CU_ASSERT_PTR_NOT_NULL(
        strstr(written(&screen), "\x1b[Jb.example ecdsa  WARNING: look\\x1b[2J here\r\na.ex"));
    report_end(&a, true, "done");
    CU_ASSERT_PTR_NOT_NULL(strstr(written(&screen), "\x1b[Ja.example rsa  done (12.6 s)"));
    CU_ASSERT_PTR_NULL(strstr(screen.text, "seen by"));
    /* Not more than the window has room for; one that changed is not drawn over. */
    struct winsize small = {.ws_row = 3, .ws_col = 20};
    CU_ASSERT_EQUAL(ioctl(screen.ours, TIOCSWINSZ, &small), 0);
    report_begin(&a, &report, "a.example rsa");
    report_begin(&c, &report, "c");
    CU_ASSERT_STRING_EQUAL(written(&screen), "b.example   waiting\r\na.example   waiting\r\n"
                                             "\r\x1b[2A\x1b[J"
                                             "b.example   waiting\r\nand 2 more\r\n");
    report_end(&c, false, "no");
    CU_ASSERT_PTR_NOT_NULL(strstr(written(&screen), "c  FAILED: no ("));
    report_end(&a, true, "");
    report_end(&b, true, "");
    written(&screen);
    report_summary(&report, true, "3 renewed");
    CU_ASSERT_STRING_EQUAL(written(&screen), "3 renewed\r\n");
    report_clear(&report);
    close_screen(&screen);
}

static void test_colours(void)
{
    struct screen screen;
    struct report report;
    struct report_line a;
    open_screen(&screen, 24, 80);
    setenv("TERM", "xterm", 1);
    setenv("NO_COLOR", "", 1); /* empty counts as unset: no-color.org */
    CU_ASSERT_TRUE(term_colour(screen.theirs));
    report_init(&report, NULL, LOG_LEVEL_INFO, screen.theirs, false);
    report.now_ms = fake_ms;
    report_begin(&a, &report, "a");
    CU_ASSERT_PTR_NOT_NULL(strstr(written(&screen), "a  \x1b[33mwaiting       \x1b[0m"));
    report_end(&a, false, "no");
    CU_ASSERT_PTR_NOT_NULL(strstr(written(&screen), "a  \x1b[31mFAILED: no ("));
    report_clear(&report);
    term_put(screen.theirs, TERM_GREEN, "%s", "fine");
    fflush(screen.theirs);
    CU_ASSERT_PTR_NOT_NULL(strstr(written(&screen), "\x1b[32mfine\x1b[0m"));
    setenv("NO_COLOR", "0", 1);
    term_put(screen.theirs, TERM_GREEN, "%s", "plain");
    fflush(screen.theirs);
    CU_ASSERT_STRING_EQUAL(written(&screen), "plain");
    CU_ASSERT_FALSE(term_colour(screen.theirs));
    unsetenv("NO_COLOR");
    setenv("TERM", "dumb", 1);
    CU_ASSERT_FALSE(term_colour(screen.theirs));
    CU_ASSERT_FALSE(term_moves(screen.theirs));
    close_screen(&screen);
    CU_ASSERT_STRING_EQUAL(term_shade(false, TERM_RED), "");
    CU_ASSERT_STRING_EQUAL(term_end(false), "");
}

/* Log lines, and nothing drawn. */
static void test_no_terminal(void)
{
    char text[1024] = "";
    int fds[2];
    CU_ASSERT_EQUAL_FATAL(pipe2(fds, O_CLOEXEC), 0);
    FILE *out = fdopen(fds[1], "w");
    struct log_options options = {.program = "x", .level = LOG_LEVEL_INFO, .fd = fds[1]};
    struct report report;
    struct report_line a;
    struct log *log;
    CU_ASSERT_EQUAL_FATAL(log_new(&log, &options, NULL), 0);
    setenv("TERM", "xterm", 1);
    report_init(&report, log, LOG_LEVEL_INFO, out, false);
    report_begin(&a, &report, "a");
    report_step(&a, LOG_LEVEL_INFO, "ordered for a");
    report_step(&a, LOG_LEVEL_DEBUG, "hidden");
    report_end(&a, false, "no");
    report_summary(&report, true, "all");
    report_clear(&report);
    log_free(log);
    fclose(out);
    CU_ASSERT_TRUE(read(fds[0], text, sizeof(text) - 1) > 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "x INFO [a] ordered for a\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "x ERROR [a] no\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "x INFO all\n"));
    CU_ASSERT_PTR_NULL(strstr(text, "hidden"));
    CU_ASSERT_PTR_NULL(strchr(text, '\x1b'));
    close(fds[0]);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("report", NULL, NULL);
    CU_add_test(suite, "states", test_states);
    CU_add_test(suite, "widths", test_widths);
    CU_add_test(suite, "live", test_live);
    CU_add_test(suite, "colours", test_colours);
    CU_add_test(suite, "no terminal", test_no_terminal);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
