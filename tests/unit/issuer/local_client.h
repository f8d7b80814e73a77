/*
 * A client of a local socket, driven in the same loop as its server, so that a test needs no
 * threads.
 */
#ifndef CERTMILL_TESTS_UNIT_ISSUER_LOCAL_CLIENT_H
#define CERTMILL_TESTS_UNIT_ISSUER_LOCAL_CLIENT_H

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include <jansson.h>

struct local_client {
    int fd;
    char *text; /* all that came */
    size_t len;
    bool ended;
};

static inline struct sockaddr_un local_address(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    (void)snprintf(address.sun_path, sizeof address.sun_path, "%.107s", path);
    return address;
}

static inline int local_listen(const char *path)
{
    struct sockaddr_un address = local_address(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CU_ASSERT_EQUAL_FATAL(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    CU_ASSERT_EQUAL_FATAL(listen(fd, 128), 0);
    return fd;
}

static inline void local_connect(struct local_client *client, const char *path)
{
    struct sockaddr_un address = local_address(path);

    *client =
        (struct local_client){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    CU_ASSERT_EQUAL_FATAL(connect(client->fd, (const struct sockaddr *)&address, sizeof address),
                          0);
}

static inline void local_close(struct local_client *client)
{
    if (client->fd >= 0)
        (void)close(client->fd);
    free(client->text);
    *client = (struct local_client){.fd = -1};
}

static inline void local_read(struct local_client *client)
{
    char buf[65536];
    ssize_t n;

    while ((n = recv(client->fd, buf, sizeof buf, 0)) > 0) {
        client->text = realloc(client->text, client->len + (size_t)n + 1);
        CU_ASSERT_PTR_NOT_NULL_FATAL(client->text);
        memcpy(client->text + client->len, buf, (size_t)n);
        client->len += (size_t)n;
        client->text[client->len] = '\0';
    }
    client->ended |= n == 0 || (errno != EAGAIN && errno != EINTR);
}

/* Sends all of it while the loop turns; false where the server hung up before. */
static inline bool local_send(struct local_client *client, uv_loop_t *loop, const char *text,
                              size_t len)
{
    while (len > 0) {
        ssize_t n = send(client->fd, text, len, MSG_NOSIGNAL);

        if (n < 0 && errno != EAGAIN)
            return false;
        text += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
        (void)uv_run(loop, UV_RUN_NOWAIT);
    }
    return true;
}

/* Turns the loop until the server has hung up. */
static inline void local_wait(struct local_client *client, uv_loop_t *loop)
{
    for (int i = 0; i < 5000 && !client->ended; i++) {
        (void)uv_run(loop, UV_RUN_NOWAIT);
        local_read(client);
        if (i > 10 && !client->ended)
            (void)usleep(1000);
    }
    CU_ASSERT_TRUE(client->ended);
}

/* The last line as JSON; NULL where there is none. */
static inline json_t *local_result(const struct local_client *client)
{
    const char *start;
    size_t len = client->len;

    if (len == 0 || client->text[len - 1] != '\n')
        return NULL;
    start = memrchr(client->text, '\n', len - 1);
    start = start != NULL ? start + 1 : client->text;
    return json_loadb(start, (size_t)(client->text + len - 1 - start), JSON_REJECT_DUPLICATES,
                      NULL);
}

/* One request, whole; the result's object, the caller's. */
static inline json_t *local_ask(const char *path, uv_loop_t *loop, const char *request)
{
    struct local_client client;
    json_t *result;

    local_connect(&client, path);
    (void)local_send(&client, loop, request, strlen(request));
    (void)local_send(&client, loop, "\n", 1);
    local_wait(&client, loop);
    result = local_result(&client);
    CU_ASSERT_PTR_NOT_NULL_FATAL(result);
    local_close(&client);
    return result;
}

static inline const char *local_text(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    return text != NULL ? text : "";
}

/* Asks and compares: kind "" is ok; words must stand in the message or the output. */
static inline void local_expect(const char *path, uv_loop_t *loop, const char *request,
                                const char *kind, const char *words)
{
    json_t *result = local_ask(path, loop, request);
    const char *said = *kind != '\0' ? local_text(result, "message") : local_text(result, "output");

    CU_ASSERT_STRING_EQUAL(local_text(result, "kind"), kind);
    CU_ASSERT_STRING_EQUAL(local_text(result, "result"), *kind != '\0' ? "error" : "ok");
    if (strstr(said, words) == NULL)
        printf("\n  wanted \"%s\", got \"%s\"\n", words, said);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, words));
    json_decref(result);
}

#endif
