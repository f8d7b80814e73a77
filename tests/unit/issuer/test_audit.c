#include "issuer/audit.h"

#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/file.h"
#include "common/limits.h"
#include "tests/unit/common/run.h"
#include "tests/unit/issuer/folder.h"

#define FIRST  "audit-0000000001.jsonl"
#define SECOND "audit-0000000002.jsonl"

#define SAID 16384 /* a line a file: each run has as many as its times are long */

static struct audit *open_in(const struct folder *folder)
{
    struct audit *audit = NULL;
    struct err err = {0};

    CU_ASSERT_EQUAL_FATAL(audit_open(&audit, folder->path, &clock_system, NULL, &err), 0);
    CU_ASSERT_STRING_EQUAL(err.text, "");
    return audit;
}

static void put(struct audit *audit, uint64_t order)
{
    audit_write(audit, &(struct audit_event){.what = "issued",
                                             .client = "web1",
                                             .address = "192.0.2.1",
                                             .peer_uid = 1000,
                                             .order = order,
                                             .spki_sha256 = "ab12",
                                             .names = "a.example,*.a.example",
                                             .authority = "https://ca.example/dir",
                                             .serial = "01ff",
                                             .outcome = "issued until 2027-02-01",
                                             .duration_ms = 1234});
}

/* Verifies; said gets what was reported, or the error. */
static int verify(const struct folder *folder, char said[static SAID])
{
    char *text = NULL;
    size_t len = 0;
    struct err err = {0};
    FILE *out = open_memstream(&text, &len);
    int ret = audit_verify(folder->path, out, &err);

    (void)fclose(out);
    (void)snprintf(said, SAID, "%s", ret < 0 ? err.text : text);
    free(text);
    return ret;
}

static void expect_whole(const struct folder *folder, const char *words)
{
    char said[SAID];

    CU_ASSERT_EQUAL(verify(folder, said), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, words));
}

static void expect_broken(const struct folder *folder, const char *place, const char *words)
{
    char said[SAID];

    CU_ASSERT_EQUAL(verify(folder, said), ERR_CORRUPT);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, place));
    CU_ASSERT_PTR_NOT_NULL(strstr(said, words));
}

static char *read_text(struct folder *folder, const char *name)
{
    char *text = NULL;
    size_t len;

    CU_ASSERT_EQUAL_FATAL(
        file_read(AT_FDCWD, folder_file(folder, name), 1 << 20, &text, &len, NULL), 0);
    return text;
}

static void write_text(struct folder *folder, const char *name, const char *text)
{
    CU_ASSERT_EQUAL(
        file_write_atomic(AT_FDCWD, folder_file(folder, name), text, strlen(text), 0600, NULL), 0);
}

/* Start of a line, from 1. */
static char *line_at(char *text, int number)
{
    while (--number > 0) {
        text = strchr(text, '\n') + 1;
    }
    return text;
}

static void test_lines(void)
{
    struct folder folder;
    struct audit *audit;
    struct stat st;
    json_t *line;
    char *text;

    folder_make(&folder);
    audit = open_in(&folder);
    CU_ASSERT_EQUAL(audit_dup(audit), -1);
    put(audit, 7);
    int fd = audit_dup(audit);
    CU_ASSERT(fd >= 0);
    CU_ASSERT_EQUAL(close(fd), 0);
    CU_ASSERT_EQUAL(audit_dup(audit), -1);
    audit_write(audit, &(struct audit_event){.what = "refused",
                                             .peer_uid = -1,
                                             .client = "evil\n\x1b[2J\xff\"",
                                             .outcome = "no"});
    audit_write(NULL, &(struct audit_event){.what = "refused"});
    audit_close(audit);
    CU_ASSERT_EQUAL(stat(folder_file(&folder, FIRST), &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 07777, 0600);
    text = read_text(&folder, FIRST);
    *strchr(text, '\n') = '\0';
    line = json_loads(text, 0, NULL);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(line, "seq")), 1);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(line, "order")), 7);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(line, "uid")), 1000);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(line, "duration_ms")), 1234);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(line, "names")), 2);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(line, "client")), "web1");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(line, "serial")), "01ff");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(line, "spki")), "ab12");
    CU_ASSERT_PTR_NOT_NULL(json_string_value(json_object_get(line, "time")));
    CU_ASSERT_PTR_NULL(json_object_get(line, "lost"));
    json_decref(line);
    line = json_loads(text + strlen(text) + 1, 0, NULL);
    CU_ASSERT_PTR_NULL(json_object_get(line, "uid"));
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(line, "client")),
                           "evil\n\x1b[2J\xef\xbf\xbd\"");
    json_decref(line);
    free(text);
    expect_whole(&folder, "lines 1 to 2, sha256 of the last ");
    folder_remove(&folder);
}

static void test_tampering(void)
{
    struct folder folder;
    struct audit *audit;
    char *text, *changed, *at;

    folder_make(&folder);
    audit = open_in(&folder);
    for (uint64_t i = 1; i <= 5; i++) {
        put(audit, i);
    }
    audit_close(audit);
    text = read_text(&folder, FIRST);
    changed = calloc(1, 2 * strlen(text) + 1);

    (void)stpcpy(changed, text); /* changed: the line behind it tells */
    memcpy(strstr(line_at(changed, 3), "web1"), "web2", 4);
    write_text(&folder, FIRST, changed);
    expect_broken(&folder, FIRST ":4:", "that line was changed");

    at = stpncpy(changed, text, (size_t)(line_at(text, 3) - text)); /* taken out */
    (void)stpcpy(at, line_at(text, 4));
    write_text(&folder, FIRST, changed);
    expect_broken(&folder, FIRST ":3:", "taken out");

    at = stpncpy(changed, text, (size_t)(line_at(text, 4) - text)); /* put in again */
    (void)stpcpy(at, line_at(text, 3));
    write_text(&folder, FIRST, changed);
    expect_broken(&folder, FIRST ":4:", "put in");

    write_text(&folder, FIRST, line_at(text, 2)); /* the first one taken out */
    expect_broken(&folder, FIRST ":1:", "does not begin here");

    (void)stpcpy(changed, text); /* no JSON */
    *line_at(changed, 2) = '[';
    write_text(&folder, FIRST, changed);
    expect_broken(&folder, FIRST ":2:", "no line of an audit log");

    (void)stpcpy(changed, text); /* the last one goes unnoticed, as the header says */
    *line_at(changed, 5) = '\0';
    write_text(&folder, FIRST, changed);
    expect_whole(&folder, "lines 1 to 4");
    free(changed);
    free(text);
    folder_remove(&folder);
}

/* The hash alone would do, but a log with two lines of one number is none of ours either. */
static void test_number(void)
{
    char said[SAID];
    struct folder folder;
    struct audit *audit;
    char *text;

    folder_make(&folder);
    CU_ASSERT_EQUAL(verify(&folder, said), ERR_NOT_FOUND);
    audit = open_in(&folder);
    put(audit, 1);
    put(audit, 2);
    audit_close(audit);
    text = read_text(&folder, FIRST);
    line_at(text, 2)[strlen("{\"seq\":")] = '7';
    write_text(&folder, FIRST, text);
    expect_broken(&folder, FIRST ":2:", "line 7 of the log, not 2");
    free(text);
    folder_remove(&folder);
    CU_ASSERT_EQUAL(verify(&folder, said), -ENOENT);
    struct err err = {0};
    CU_ASSERT_EQUAL(audit_open(&audit, folder.path, &clock_system, NULL, &err), -ENOENT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, folder.path));
}

static void test_rotation(void)
{
    struct folder folder;
    struct audit *audit;
    char *text;

    folder_make(&folder);
    for (int life = 0; life < 3; life++) {
        audit = open_in(&folder);
        audit_configure(audit, 1000, 3);
        for (uint64_t i = 0; i < 5; i++) {
            put(audit, i);
        }
        audit_close(audit);
    }
    expect_whole(&folder, "to 15,");
    CU_ASSERT_EQUAL(access(folder_file(&folder, FIRST), F_OK), -1); /* three are kept */
    CU_ASSERT_EQUAL(access(folder_file(&folder, "audit-0000000005.jsonl"), F_OK), -1);
    CU_ASSERT_EQUAL(access(folder_file(&folder, "audit-0000000008.jsonl"), F_OK), 0);
    /* the hash goes on over the border */
    text = read_text(&folder, "audit-0000000006.jsonl");
    memcpy(strstr(line_at(text, 2), "web1"), "web9", 4);
    write_text(&folder, "audit-0000000006.jsonl", text);
    free(text);
    expect_broken(&folder, "audit-0000000007.jsonl:1:", "that line was changed");
    /* and a file in between cannot go */
    (void)unlink(folder_file(&folder, "audit-0000000007.jsonl"));
    expect_broken(&folder, "audit-0000000006.jsonl", "files between");
    folder_remove(&folder);
}

static void test_half_line(void)
{
    struct folder folder;
    struct audit *audit;
    char *text, *whole;

    folder_make(&folder);
    audit = open_in(&folder);
    put(audit, 1);
    put(audit, 2);
    audit_close(audit);
    whole = read_text(&folder, FIRST);
    for (size_t cut = 1; cut < strlen(line_at(whole, 2)); cut += 37) {
        text = strdup(whole);
        text[strlen(text) - cut] = '\0';
        write_text(&folder, FIRST, text);
        expect_whole(&folder, "half a line at the end");
        audit = open_in(&folder);
        put(audit, 3);
        audit_close(audit);
        free(text);
        text = read_text(&folder, FIRST);
        CU_ASSERT_PTR_NOT_NULL(strstr(line_at(text, 2), "\"torn\":"));
        free(text);
        expect_whole(&folder, "lines 1 to 2");
    }
    /* all of the only line is half */
    *strchr(whole, '\n') = '\0';
    write_text(&folder, FIRST, whole);
    audit = open_in(&folder);
    put(audit, 4);
    audit_close(audit);
    expect_whole(&folder, "lines 1 to 1");
    /* half a line, but not at the end of the log */
    write_text(&folder, FIRST, whole);
    write_text(&folder, SECOND, "");
    expect_broken(&folder, FIRST ":1:", "another file behind it");
    free(whole);
    folder_remove(&folder);
}

static void test_empty_newest(void)
{
    struct folder folder;
    struct audit *audit;

    folder_make(&folder);
    audit = open_in(&folder);
    put(audit, 1);
    audit_close(audit);
    write_text(&folder, SECOND, "");
    audit = open_in(&folder);
    put(audit, 2);
    audit_close(audit);
    expect_whole(&folder, SECOND ": lines: 1\nwhole: lines 1 to 2");
    folder_remove(&folder);
}

static void test_damaged(void)
{
    static const char *const ends[] = {"{\"seq\":1}\n", "\n", "{\"seq\":-1,\"prev\":\"x\"}\n"};
    struct folder folder;
    struct audit *audit;
    char *much;

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        folder_make(&folder);
        write_text(&folder, FIRST, ends[i]);
        audit = open_in(&folder);
        put(audit, 1);
        audit_close(audit);
        CU_ASSERT_EQUAL(access(folder_file(&folder, SECOND), F_OK), 0);
        expect_broken(&folder, FIRST ":1:", "no line of an audit log");
        folder_remove(&folder);
    }
    folder_make(&folder);
    much = malloc(3 * LIMIT_AUDIT_LINE + 1); /* no end in sight */
    memset(much, 'x', 3 * LIMIT_AUDIT_LINE);
    much[3 * LIMIT_AUDIT_LINE] = '\0';
    write_text(&folder, FIRST, much);
    audit = open_in(&folder);
    put(audit, 1);
    audit_close(audit);
    CU_ASSERT_EQUAL(access(folder_file(&folder, SECOND), F_OK), 0);
    much[LIMIT_AUDIT_LINE + 10] = '\n';
    memcpy(much + 3 * LIMIT_AUDIT_LINE - 2, "\n", 1);
    write_text(&folder, SECOND, much);
    audit = open_in(&folder);
    put(audit, 1);
    audit_close(audit);
    CU_ASSERT_EQUAL(access(folder_file(&folder, "audit-0000000003.jsonl"), F_OK), 0);
    free(much);
    folder_remove(&folder);
}

/* A limit on the size of files stands for a disk that takes a part of a line. */
static void test_full(void)
{
    struct rlimit before, small;
    struct folder folder;
    struct audit *audit;
    char *text;

    folder_make(&folder);
    audit = open_in(&folder);
    put(audit, 1);
    (void)signal(SIGXFSZ, SIG_IGN);
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    text = read_text(&folder, FIRST);
    small.rlim_cur = strlen(text) + 50;
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &small), 0);
    put(audit, 2);
    put(audit, 3);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &before), 0);
    put(audit, 4);
    put(audit, 5);
    audit_close(audit);
    free(text);
    text = read_text(&folder, FIRST);
    CU_ASSERT_PTR_NOT_NULL(strstr(line_at(text, 2), "\"order\":4"));
    CU_ASSERT_PTR_NOT_NULL(strstr(line_at(text, 2), "\"lost\":2"));
    CU_ASSERT_PTR_NULL(strstr(line_at(text, 3), "\"lost\""));
    free(text);
    expect_whole(&folder, "lines 1 to 3");
    expect_whole(&folder, "not written, because the disk took none: 2");
    folder_remove(&folder);
}

static void test_long_names(void)
{
    struct folder folder;
    struct audit *audit;
    char *names = malloc(LIMIT_NAMES * 254 + 1), *text;

    folder_make(&folder);
    memset(names, 'a', LIMIT_NAMES * 254);
    names[LIMIT_NAMES * 254] = '\0';
    for (size_t i = 253; i < LIMIT_NAMES * 254; i += 254) {
        names[i] = ',';
    }
    audit = open_in(&folder);
    audit_write(audit, &(struct audit_event){.what = "issued", .peer_uid = -1, .names = names});
    memset(names, 1, LIMIT_NAMES * 254); /* six octets each as JSON */
    for (size_t i = 253; i < LIMIT_NAMES * 254; i += 254) {
        names[i] = ',';
    }
    audit_write(audit, &(struct audit_event){.what = "refused", .peer_uid = -1, .names = names});
    put(audit, 3);
    audit_close(audit);
    expect_whole(&folder, "lines 1 to 3");
    text = read_text(&folder, FIRST);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"names\":[\"aaaa"));
    CU_ASSERT(strlen(line_at(text, 2)) < 2048);
    free(text);
    free(names);
    folder_remove(&folder);
}

/* Whenever it is killed, what is there can be verified and goes on. */
static void test_killed(void)
{
    struct folder folder;
    struct audit *audit;
    int status, go[2];
    char byte;

    folder_make(&folder);
    for (int round = 0; round < 20; round++) {
        CU_ASSERT_EQUAL_FATAL(pipe(go), 0);
        pid_t child = fork();
        if (child == 0) {
            if (audit_open(&audit, folder.path, &clock_system, NULL, NULL) < 0) {
                _exit(1);
            }
            audit_configure(audit, 20000, 500);
            for (uint64_t i = 1;; i++) {
                put(audit, i);
                if (i == (uint64_t)round * 7 + 1) {
                    (void)!write(go[1], "", 1);
                }
            }
        }
        CU_ASSERT_EQUAL(read(go[0], &byte, 1), 1);
        CU_ASSERT_EQUAL(kill(child, SIGKILL), 0);
        CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
        CU_ASSERT(WIFSIGNALED(status));
        (void)close(go[0]);
        (void)close(go[1]);
        expect_whole(&folder, "whole: lines 1 to ");
    }
    folder_remove(&folder);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"what a line holds", test_lines},
        {"lines changed, taken out and put in", test_tampering},
        {"numbers of lines, no log", test_number},
        {"rotation, over restarts", test_rotation},
        {"half a line at the end", test_half_line},
        {"the newest file is empty", test_empty_newest},
        {"an end that is no log", test_damaged},
        {"a full disk", test_full},
        {"the longest lines", test_long_names},
        {"killed again and again", test_killed},
    };
    return RUN("audit", tests);
}
