/* The calling end of a local socket, against peers that are slow, silent, loud or gone. */
#include "common/lineclient.h"

#include <CUnit/Basic.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct err err;
static struct lineclient client;
static int peer; /* the other end */

/* A client that is connected already. */
static void open_pair(size_t max)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0) {
        abort();
    }
    client =
        (struct lineclient){.fd = fds[0], .watch = -1, .max = max, .cap = 16, .buf = malloc(16)};
    peer = fds[1];
    err = (struct err){0};
}

static void close_pair(void)
{
    lineclient_close(&client);
    lineclient_close(&client);
    if (peer >= 0) {
        close(peer);
    }
}

static void say(const char *text)
{
    CU_ASSERT_EQUAL(write(peer, text, strlen(text)), (ssize_t)strlen(text));
}

/* The next line, or "" with *ret as lineclient_read gave it. */
static const char *next(int *ret)
{
    char *line;
    size_t len;
    *ret = lineclient_read(&client, &line, &len, 20, &err);
    if (*ret == 1) {
        CU_ASSERT_EQUAL(strlen(line), len);
    }
    return *ret == 1 ? line : "";
}

static void test_lines(void)
{
    int ret;
    open_pair(100);
    say("one\n\ntwo and more than the first buffer holds\nthr");
    CU_ASSERT_STRING_EQUAL(next(&ret), "one");
    CU_ASSERT_STRING_EQUAL(next(&ret), "");
    CU_ASSERT_EQUAL(ret, 1);
    CU_ASSERT_STRING_EQUAL(next(&ret), "two and more than the first buffer holds");
    next(&ret);
    CU_ASSERT_EQUAL(ret, ERR_TIMEOUT);
    say("ee\n");
    CU_ASSERT_STRING_EQUAL(next(&ret), "three");
    close(peer);
    peer = -1;
    next(&ret);
    CU_ASSERT_EQUAL(ret, 0);
    close_pair();
}

static void test_limit(void)
{
    int ret;
    open_pair(20);
    say("01234567890123456789\n");
    CU_ASSERT_STRING_EQUAL(next(&ret), "01234567890123456789");
    say("012345678901234567890\n");
    next(&ret);
    CU_ASSERT_EQUAL(ret, ERR_LIMIT);
    close_pair();
    open_pair(20);
    say("0123456789012345678901234567890123456789");
    next(&ret);
    CU_ASSERT_EQUAL(ret, ERR_LIMIT);
    close_pair();
}

static void test_cut_short(void)
{
    int ret;
    open_pair(20);
    say("half");
    close(peer);
    peer = -1;
    next(&ret);
    CU_ASSERT_EQUAL(ret, ERR_PROTOCOL);
    close_pair();
}

static void test_reader_of_output_is_gone(void)
{
    int output[2], ret;
    CU_ASSERT_EQUAL_FATAL(pipe(output), 0);
    open_pair(20);
    client.watch = output[1];
    next(&ret);
    CU_ASSERT_EQUAL(ret, ERR_TIMEOUT);
    close(output[0]);
    next(&ret);
    CU_ASSERT_EQUAL(ret, ERR_CANCELLED);
    say("late\n");
    CU_ASSERT_STRING_EQUAL(next(&ret), "late");
    close(output[1]);
    close_pair();
}

static void test_send(void)
{
    char *large = malloc(4u << 20), text[8] = "";
    memset(large, 'x', 4u << 20);
    open_pair(20);
    CU_ASSERT_EQUAL(lineclient_send(&client, "hello", 5, 20, &err), 0);
    CU_ASSERT_EQUAL(read(peer, text, sizeof(text)), 6);
    CU_ASSERT_STRING_EQUAL(text, "hello\n");
    CU_ASSERT_EQUAL(lineclient_send(&client, large, 4u << 20, 20, &err), ERR_TIMEOUT);
    close(peer);
    peer = -1;
    CU_ASSERT_EQUAL(lineclient_send(&client, "hello", 5, 20, &err), ERR_UNAVAILABLE);
    close_pair();
    free(large);
}

static void test_open(void)
{
    char folder[] = "/tmp/certmill-lineclient-XXXXXX", path[128];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/sock", folder);
    CU_ASSERT_EQUAL(lineclient_open(&client, path, 20, 20, &err), ERR_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, path));
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", path);
    CU_ASSERT_EQUAL_FATAL(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    CU_ASSERT_EQUAL(lineclient_open(&client, path, 20, 20, &err), ERR_UNAVAILABLE);
    listen(listener, 0);
    CU_ASSERT_EQUAL(lineclient_open(&client, path, 20, 20, &err), 0);
    struct lineclient second;
    CU_ASSERT_EQUAL(lineclient_open(&second, path, 20, 20, &err), ERR_TIMEOUT); /* queue full */
    lineclient_close(&client);
    close(listener);
    unlink(path);
    rmdir(folder);
    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    CU_ASSERT_EQUAL(lineclient_open(&client, path, 20, 20, &err), ERR_LIMIT);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("lineclient", NULL, NULL);
    CU_add_test(suite, "lines", test_lines);
    CU_add_test(suite, "limit", test_limit);
    CU_add_test(suite, "cut short", test_cut_short);
    CU_add_test(suite, "reader of output is gone", test_reader_of_output_is_gone);
    CU_add_test(suite, "send", test_send);
    CU_add_test(suite, "open", test_open);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
