#include "issuer/notifier.h"

#include <CUnit/Basic.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "tests/unit/common/run.h"

struct fixture {
    uv_loop_t loop;
    struct clock clock;
    uint64_t now_ms;
    struct server_conf conf;
    struct notifier *notifier;
    int count[2], fail;
    char last[2][4096];
};

static int64_t wall(void *arg)
{
    (void)arg;
    return 1795225578000000; /* 2026-11-21T01:46:18Z */
}

static uint64_t mono(void *arg)
{
    const struct fixture *f = arg;

    return f->now_ms;
}

static int send_text(void *arg, enum ipc_notify how, const char *text, size_t len)
{
    struct fixture *f = arg;

    CU_ASSERT_EQUAL(strlen(text), len);
    f->count[how]++;
    (void)snprintf(f->last[how], sizeof f->last[how], "%s", text);
    return f->fail;
}

static char *addresses[] = {(char *)"a@example.org", (char *)"b@example.org"};
static char *events[] = {(char *)"failed", (char *)"refused"};

static void set_up(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    f->clock = (struct clock){.wall_us = wall, .mono_ms = mono, .arg = f};
    f->conf = (struct server_conf){.notify_program = (char *)"/bin/true",
                                   .notify_from = (char *)"c@example.org",
                                   .notify_email = {addresses, 2},
                                   .notify_events = {events, 2},
                                   .notify_per_hour = 3};
    CU_ASSERT_EQUAL_FATAL(uv_loop_init(&f->loop), 0);
    const struct notifier_options options = {
        .loop = &f->loop, .clock = &f->clock, .conf = &f->conf, .send = send_text, .arg = f};
    CU_ASSERT_EQUAL_FATAL(notifier_new(&f->notifier, &options), 0);
}

static void tear_down(struct fixture *f)
{
    notifier_free(f->notifier);
    notifier_free(NULL);
    (void)uv_run(&f->loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(uv_loop_close(&f->loop), 0);
}

static void happen(struct fixture *f, const char *what)
{
    notifier_event(f->notifier, &(struct audit_event){.what = what, .peer_uid = -1, .order = 7});
}

static void test_which(void)
{
    struct fixture f;

    set_up(&f);
    happen(&f, "issued");
    happen(&f, "started");
    CU_ASSERT_EQUAL(f.count[IPC_NOTIFY_PROGRAM], 0);
    happen(&f, "failed");
    CU_ASSERT_EQUAL(f.count[IPC_NOTIFY_PROGRAM], 1);
    CU_ASSERT_EQUAL(f.count[IPC_NOTIFY_MAIL], 1);
    CU_ASSERT_STRING_EQUAL(
        f.last[IPC_NOTIFY_PROGRAM],
        "{\"time\":\"2026-11-21T01:46:18.000000Z\",\"event\":\"failed\",\"order\":7}\n");
    f.conf.notify_email.count = 0;
    happen(&f, "refused");
    f.conf.notify_program = NULL;
    notifier_configure(f.notifier, &f.conf);
    happen(&f, "refused");
    CU_ASSERT_EQUAL(f.count[IPC_NOTIFY_PROGRAM], 2);
    CU_ASSERT_EQUAL(f.count[IPC_NOTIFY_MAIL], 1);
    tear_down(&f);
}

static void test_bound(void)
{
    struct fixture f;

    set_up(&f);
    f.fail = -EAGAIN; /* what cannot be handed on is lost, and no more than that */
    for (int i = 0; i < 10; i++) {
        happen(&f, i % 2 == 0 ? "failed" : "refused");
    }
    CU_ASSERT_EQUAL(f.count[IPC_NOTIFY_MAIL], 3);
    f.now_ms = 3599999;
    notifier_tick(f.notifier);
    CU_ASSERT_EQUAL(f.count[IPC_NOTIFY_MAIL], 3);
    f.now_ms = 3600000;
    notifier_tick(f.notifier);
    CU_ASSERT_EQUAL(f.count[IPC_NOTIFY_MAIL], 4);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(f.last[IPC_NOTIFY_PROGRAM], "not told one by one: refused 4 failed 3"));
    CU_ASSERT_PTR_NOT_NULL(strstr(f.last[IPC_NOTIFY_MAIL], "Subject: certmill: summary\n"));
    happen(&f, "failed");
    happen(&f, "failed");
    happen(&f, "failed"); /* with the summary, one too many */
    CU_ASSERT_EQUAL(f.count[IPC_NOTIFY_MAIL], 6);
    f.now_ms = 7200000;
    happen(&f, "failed"); /* the summary of the hour before goes first */
    CU_ASSERT_EQUAL(f.count[IPC_NOTIFY_MAIL], 8);
    f.now_ms = 10800000;
    notifier_tick(f.notifier);
    CU_ASSERT_EQUAL(f.count[IPC_NOTIFY_MAIL], 8);
    tear_down(&f);
}

/* Foreign text makes no header, ends no header, and no line that is too long (RFC 5322 2.1.1). */
static void test_hostile(void)
{
    static const char *const texts[] = {"x\r\nBcc: evil@example.org\r\n\r\nbody", "\n\n.\n",
                                        "\xff\xfe\x80", "=?utf-8?q?x?=", "\x1b[2J"};
    struct server_conf conf = {.notify_email = {addresses, 2}};
    char *mail, *body, *longest = malloc(60001);

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const struct audit_event event = {.what = "refused",
                                          .peer_uid = 5,
                                          .client = texts[i],
                                          .names = texts[i],
                                          .outcome = texts[i]};
        mail = notifier_mail(&event, 0, &conf);
        CU_ASSERT_PTR_NOT_NULL_FATAL(mail);
        body = strstr(mail, "\n\n");
        CU_ASSERT_PTR_NOT_NULL_FATAL(body);
        *body = '\0';
        CU_ASSERT_PTR_NULL(strstr(mail, "\nBcc"));
        CU_ASSERT_PTR_NULL(strchr(mail, '\r'));
        CU_ASSERT_EQUAL(
            strncmp(mail, "To: a@example.org,\n b@example.org\nSubject: certmill: refused", 58), 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(mail, "\nDate: Thu, 01 Jan 1970 00:00:00 +0000\n"));
        CU_ASSERT_PTR_NULL(strchr(body + 2, '\r'));
        CU_ASSERT_PTR_NULL(strchr(body + 2, '\x1b'));
        CU_ASSERT_PTR_NULL(strstr(body + 2, "\n.\n"));
        free(mail);
    }
    memset(longest, 'y', 60000);
    longest[60000] = '\0';
    mail = notifier_mail(
        &(struct audit_event){.what = "failed", .outcome = longest, .names = longest}, 0, &conf);
    for (const char *line = mail; *line != '\0';) {
        size_t len = strcspn(line, "\n");

        CU_ASSERT(len <= 998);
        line += len + (line[len] == '\n');
    }
    CU_ASSERT(strlen(mail) < LIMIT_NOTIFY);
    free(mail);
    free(longest);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"which events", test_which},
        {"a bound, and what is beyond it", test_bound},
        {"foreign text in a mail", test_hostile},
    };
    return RUN("notifier", tests);
}
