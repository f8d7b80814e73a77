/* Plain http, as OCSP responders speak it (RFC 6960 A.1): no other scheme, no redirects, small
 * answers. */
#include "issuer/http.h"

#include <CUnit/Basic.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/common/run.h"

struct fixture {
    int fd, port;
    pthread_t thread;
    uv_loop_t loop;
    struct http *http;
};

/* One request a connection; its path says what is answered. */
static void serve(int fd)
{
    static char filler[LIMIT_OCSP];
    char request[4096] = "", head[256];
    size_t len = 0;
    ssize_t n;

    while (len < sizeof request - 1 && strstr(request, "\r\n\r\nQ") == NULL &&
           (n = read(fd, request + len, sizeof request - 1 - len)) > 0) {
        len += (size_t)n;
        request[len] = '\0';
    }
    const char *path = strchr(request, '/');
    if (path != NULL && strncmp(path, "/moved", 6) == 0) {
        (void)snprintf(head, sizeof head,
                       "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n");
        (void)send(fd, head, strlen(head), MSG_NOSIGNAL);
        return;
    }
    size_t body = path != NULL && strncmp(path, "/huge", 5) == 0 ? LIMIT_OCSP + 1 : LIMIT_OCSP;
    (void)snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", body);
    (void)send(fd, head, strlen(head), MSG_NOSIGNAL);
    memset(filler, 0xee, sizeof filler);
    (void)send(fd, filler, sizeof filler, MSG_NOSIGNAL);
    (void)send(fd, filler, body - sizeof filler, MSG_NOSIGNAL);
}

static void *server_main(void *arg)
{
    struct fixture *f = arg;
    int fd;

    while ((fd = accept(f->fd, NULL, NULL)) >= 0) {
        serve(fd);
        (void)shutdown(fd, SHUT_WR);
        (void)close(fd);
    }
    return NULL;
}

static void set_up(struct fixture *f)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    struct err err = {0};

    f->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_FATAL(bind(f->fd, (struct sockaddr *)&address, len) == 0 && listen(f->fd, 16) == 0);
    CU_ASSERT_FATAL(getsockname(f->fd, (struct sockaddr *)&address, &len) == 0);
    f->port = ntohs(address.sin_port);
    CU_ASSERT_FATAL(pthread_create(&f->thread, NULL, server_main, f) == 0);
    CU_ASSERT_FATAL(uv_loop_init(&f->loop) == 0);
    CU_ASSERT_FATAL(http_new_plain(&f->http, &f->loop, NULL, &err) == 0);
}

static void tear_down(struct fixture *f)
{
    http_free(f->http);
    (void)uv_run(&f->loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(uv_loop_close(&f->loop), 0);
    (void)shutdown(f->fd, SHUT_RDWR);
    (void)pthread_join(f->thread, NULL);
    (void)close(f->fd);
}

struct got {
    int count, error, status;
    size_t len;
    bool whole;
};

static void on_answer(void *arg, const struct http_answer *answer)
{
    struct got *got = arg;

    got->count++;
    got->error = answer->error;
    got->status = answer->status;
    got->len = answer->body_len;
    got->whole = true;
    for (size_t i = 0; i < answer->body_len; i++)
        got->whole = got->whole && (unsigned char)answer->body[i] == 0xee;
}

static int fetch(struct fixture *f, const char *scheme, const char *path, struct got *got)
{
    char url[128];
    struct http_request request = {.method = HTTP_POST,
                                   .url = url,
                                   .body = "Q",
                                   .body_len = 1,
                                   .content_type = "application/ocsp-request"};
    int ret;

    *got = (struct got){0};
    (void)snprintf(url, sizeof url, "%s127.0.0.1:%d%s", scheme, f->port, path);
    if ((ret = http_send(f->http, &request, on_answer, got, NULL)) < 0)
        return ret;
    for (int i = 0; i < 10000 && got->count == 0; i++)
        (void)uv_run(&f->loop, UV_RUN_ONCE);
    CU_ASSERT_EQUAL(got->count, 1);
    return got->error;
}

static void test_answers(void)
{
    struct fixture f;
    struct got got;

    set_up(&f);
    CU_ASSERT_EQUAL(fetch(&f, "http://", "/ok", &got), 0);
    CU_ASSERT(got.status == 200 && got.len == LIMIT_OCSP && got.whole);
    CU_ASSERT_EQUAL(fetch(&f, "http://", "/huge", &got), ERR_LIMIT);
    CU_ASSERT_EQUAL(fetch(&f, "http://", "/moved", &got), 0);
    CU_ASSERT_EQUAL(got.status, 302);
    tear_down(&f);
}

static void test_schemes(void)
{
    static const char *const schemes[] = {"https://", "ftp://", "file://",
                                          "",         "http:/", "gopher://"};
    struct fixture f;
    struct got got;

    set_up(&f);
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        CU_ASSERT_EQUAL(fetch(&f, schemes[i], "/ok", &got), ERR_MALFORMED);
    CU_ASSERT_EQUAL(fetch(&f, "http://", "/o k", &got), ERR_MALFORMED);
    tear_down(&f);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"answers", test_answers},
        {"no other scheme", test_schemes},
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return RUN("http_plain", tests);
}
