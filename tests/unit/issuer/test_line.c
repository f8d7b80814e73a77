#include "issuer/line.h"

#include <CUnit/Basic.h>
#include <signal.h>

#include "tests/unit/common/run.h"
#include "tests/unit/issuer/folder.h"
#include "tests/unit/issuer/local_client.h"

#define MAX_LINE  1000
#define MAX_QUEUE 100000

struct fixture {
    uv_loop_t loop;
    struct folder folder;
    char path[128];
    struct line_server *server;
    struct line_conn *held; /* of a request "hold" */
    unsigned lines, gone;
    int64_t uid;
};

static void on_line(void *arg, struct line_conn *conn, const char *line, size_t len)
{
    struct fixture *f = arg;

    f->lines++;
    f->uid = line_peer_uid(conn);
    CU_ASSERT_EQUAL(strlen(line), len);
    if (strcmp(line, "hold") == 0)
        f->held = conn;
    else
        line_finish(conn, line, len);
}

static void on_gone(void *arg, struct line_conn *conn)
{
    struct fixture *f = arg;

    f->gone++;
    if (f->held == conn)
        f->held = NULL;
}

static void set_up(struct fixture *f, unsigned max_clients, unsigned request_ms)
{
    struct line_options options = {.loop = &f->loop,
                                   .name = "test.sock",
                                   .max_line = MAX_LINE,
                                   .max_queue = MAX_QUEUE,
                                   .max_clients = max_clients,
                                   .request_ms = request_ms,
                                   .on_line = on_line,
                                   .on_gone = on_gone,
                                   .arg = f};

    memset(f, 0, sizeof *f);
    folder_make(&f->folder);
    (void)snprintf(f->path, sizeof f->path, "%.127s", folder_file(&f->folder, "test.sock"));
    CU_ASSERT_EQUAL_FATAL(uv_loop_init(&f->loop), 0);
    CU_ASSERT_EQUAL_FATAL(line_server_new(&f->server, &options, local_listen(f->path)), 0);
}

static void turn(struct fixture *f)
{
    for (int i = 0; i < 10; i++)
        (void)uv_run(&f->loop, UV_RUN_NOWAIT);
}

static void tear_down(struct fixture *f)
{
    line_server_free(f->server);
    turn(f);
    CU_ASSERT_EQUAL(uv_loop_close(&f->loop), 0);
    CU_ASSERT_EQUAL(f->lines, f->gone);
    folder_remove(&f->folder);
}

static void expect(struct fixture *f, const char *sent, size_t len, const char *answer)
{
    struct local_client client;

    local_connect(&client, f->path);
    (void)local_send(&client, &f->loop, sent, len);
    local_wait(&client, &f->loop);
    CU_ASSERT_PTR_NOT_NULL_FATAL(client.text);
    CU_ASSERT_PTR_NOT_NULL(strstr(client.text, answer));
    CU_ASSERT_EQUAL(client.text[client.len - 1], '\n');
    local_close(&client);
}

static void test_one(void)
{
    struct fixture f;

    set_up(&f, 10, 5000);
    expect(&f, "hello\n", 6, "hello\n");
    CU_ASSERT_EQUAL(f.uid, getuid());
    tear_down(&f);
}

static void test_in_pieces(void)
{
    struct local_client client;
    struct fixture f;

    set_up(&f, 10, 5000);
    local_connect(&client, f.path);
    for (const char *p = "in pieces\n"; *p != '\0'; p++)
        CU_ASSERT_TRUE(local_send(&client, &f.loop, p, 1));
    local_wait(&client, &f.loop);
    CU_ASSERT_STRING_EQUAL(client.text, "in pieces\n");
    local_close(&client);
    tear_down(&f);
}

/* The client's own end of sending is no reason to hang up. */
static void test_half_closed(void)
{
    struct local_client client;
    struct fixture f;

    set_up(&f, 10, 5000);
    local_connect(&client, f.path);
    CU_ASSERT_TRUE(local_send(&client, &f.loop, "hold\n", 5));
    CU_ASSERT_EQUAL(shutdown(client.fd, SHUT_WR), 0);
    turn(&f);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f.held);
    line_send(f.held, "first", 5);
    line_finish(f.held, "last", 4);
    local_wait(&client, &f.loop);
    CU_ASSERT_STRING_EQUAL(client.text, "first\nlast\n");
    local_close(&client);
    tear_down(&f);
}

static void test_too_long(void)
{
    char line[MAX_LINE * 200];
    struct fixture f;

    memset(line, 'x', sizeof line);
    set_up(&f, 10, 5000);
    expect(&f, line, sizeof line, "longer than is taken");
    line[MAX_LINE + 1] = '\n';
    expect(&f, line, MAX_LINE + 2, "longer than is taken");
    CU_ASSERT_EQUAL(f.lines, 0);
    line[MAX_LINE] = '\n';
    expect(&f, line, MAX_LINE + 1, "xxx\n");
    CU_ASSERT_EQUAL(f.lines, 1);
    tear_down(&f);
}

/* Bytes after the request do not cost the client its answer. */
static void test_too_much(void)
{
    char text[5000] = "hello\n";
    struct fixture f;

    memset(text + 6, 'y', sizeof text - 6);
    set_up(&f, 10, 5000);
    expect(&f, text, 500, "hello\n");
    expect(&f, text, sizeof text, "hello\n");
    tear_down(&f);
}

static void test_cut_short(void)
{
    struct local_client client;
    struct fixture f;

    set_up(&f, 10, 5000);
    local_connect(&client, f.path);
    CU_ASSERT_TRUE(local_send(&client, &f.loop, "hel", 3));
    CU_ASSERT_EQUAL(shutdown(client.fd, SHUT_WR), 0);
    local_wait(&client, &f.loop);
    CU_ASSERT_PTR_NOT_NULL_FATAL(client.text);
    CU_ASSERT_PTR_NOT_NULL(strstr(client.text, "\"kind\":\"input\""));
    local_close(&client);
    local_connect(&client, f.path);
    turn(&f);
    local_close(&client);
    CU_ASSERT_EQUAL(f.lines, 0);
    tear_down(&f);
}

static void test_too_slow(void)
{
    struct local_client slow, other;
    struct fixture f;

    set_up(&f, 10, 1000);
    local_connect(&slow, f.path);
    CU_ASSERT_TRUE(local_send(&slow, &f.loop, "hel", 3));
    local_connect(&other, f.path);
    CU_ASSERT_TRUE(local_send(&other, &f.loop, "hello\n", 6));
    local_wait(&other, &f.loop);
    CU_ASSERT_STRING_EQUAL(other.text, "hello\n");
    local_wait(&slow, &f.loop);
    CU_ASSERT_PTR_NOT_NULL_FATAL(slow.text);
    CU_ASSERT_PTR_NOT_NULL(strstr(slow.text, "not complete in time"));
    local_close(&slow);
    local_close(&other);
    tear_down(&f);
}

static void test_too_many(void)
{
    struct local_client held[3], late;
    struct fixture f;

    set_up(&f, 3, 5000);
    for (int i = 0; i < 3; i++) {
        local_connect(&held[i], f.path);
        CU_ASSERT_TRUE(local_send(&held[i], &f.loop, "hold\n", 5));
        turn(&f);
    }
    local_connect(&late, f.path);
    local_wait(&late, &f.loop);
    CU_ASSERT_PTR_NOT_NULL_FATAL(late.text);
    CU_ASSERT_PTR_NOT_NULL(strstr(late.text, "too many clients"));
    local_close(&late);
    line_finish(f.held, "done", 4);
    local_wait(&held[2], &f.loop);
    turn(&f);
    expect(&f, "again\n", 6, "again\n");
    for (int i = 0; i < 3; i++)
        local_close(&held[i]);
    tear_down(&f);
}

/* Those who say nothing make room for those who do. */
static void test_silent_crowd(void)
{
    struct local_client silent[5];
    struct fixture f;

    set_up(&f, 3, 5000);
    for (int i = 0; i < 5; i++) {
        local_connect(&silent[i], f.path);
        turn(&f);
    }
    expect(&f, "hello\n", 6, "hello\n");
    local_read(&silent[0]);
    CU_ASSERT_TRUE(silent[0].ended);
    CU_ASSERT_PTR_NOT_NULL_FATAL(silent[0].text);
    CU_ASSERT_PTR_NOT_NULL(strstr(silent[0].text, "too many clients"));
    local_read(&silent[4]);
    CU_ASSERT_FALSE(silent[4].ended);
    for (int i = 0; i < 5; i++)
        local_close(&silent[i]);
    tear_down(&f);
}

/* A reader that does not read is dropped; nothing grows without bound. */
static void test_slow_reader(void)
{
    static char line[10000];
    struct local_client client;
    struct fixture f;
    int sent = 0;

    memset(line, 'z', sizeof line);
    set_up(&f, 10, 5000);
    local_connect(&client, f.path);
    CU_ASSERT_TRUE(local_send(&client, &f.loop, "hold\n", 5));
    turn(&f);
    for (; sent < 1000 && f.held != NULL; sent++) {
        line_send(f.held, line, sizeof line);
        (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    }
    CU_ASSERT_PTR_NULL(f.held);
    CU_ASSERT(sent > 10);
    CU_ASSERT(sent < 100);
    local_close(&client);
    tear_down(&f);
}

static void test_client_leaves(void)
{
    struct local_client client;
    struct fixture f;

    set_up(&f, 10, 5000);
    local_connect(&client, f.path);
    CU_ASSERT_TRUE(local_send(&client, &f.loop, "hold\n", 5));
    turn(&f);
    local_close(&client);
    turn(&f);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f.held); /* it may have closed its sending half only */
    line_send(f.held, "x", 1);
    line_send(f.held, "x", 1);
    line_finish(f.held, "x", 1);
    turn(&f);
    CU_ASSERT_PTR_NULL(f.held);
    tear_down(&f);
}

static void test_big_answer(void)
{
    static char answer[3000000];
    struct local_client client;
    struct fixture f;

    memset(answer, 'a', sizeof answer);
    set_up(&f, 10, 5000);
    local_connect(&client, f.path);
    CU_ASSERT_TRUE(local_send(&client, &f.loop, "hold\n", 5));
    turn(&f);
    line_finish(f.held, answer, sizeof answer);
    line_send(f.held, "late", 4);
    line_finish(f.held, "late", 4);
    local_wait(&client, &f.loop);
    CU_ASSERT_EQUAL(client.len, sizeof answer + 1);
    local_close(&client);
    tear_down(&f);
}

static void test_server_ends(void)
{
    struct local_client reading, held, answered;
    struct fixture f;

    set_up(&f, 10, 5000);
    local_connect(&reading, f.path);
    local_connect(&held, f.path);
    local_connect(&answered, f.path);
    CU_ASSERT_TRUE(local_send(&held, &f.loop, "hold\n", 5));
    turn(&f);
    CU_ASSERT_TRUE(local_send(&answered, &f.loop, "hello\n", 6));
    tear_down(&f);
    local_read(&answered);
    CU_ASSERT_STRING_EQUAL(answered.text, "hello\n");
    local_read(&held);
    CU_ASSERT_TRUE(held.ended);
    CU_ASSERT_PTR_NULL(held.text);
    local_close(&reading);
    local_close(&held);
    local_close(&answered);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"one", test_one},
        {"in pieces", test_in_pieces},
        {"half closed", test_half_closed},
        {"too long", test_too_long},
        {"too much", test_too_much},
        {"cut short", test_cut_short},
        {"too slow", test_too_slow},
        {"too many", test_too_many},
        {"silent crowd", test_silent_crowd},
        {"slow reader", test_slow_reader},
        {"client leaves", test_client_leaves},
        {"big answer", test_big_answer},
        {"server ends", test_server_ends},
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return RUN("line", tests);
}
