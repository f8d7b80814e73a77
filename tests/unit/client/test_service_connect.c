/* Connections that lead nowhere: servers that hang up, refuse, babble, or never come to an end. */
#include "client/service_connect.h"

#include <CUnit/Basic.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STEPS 4

/* Says each step, the next one when it has been told something; then hangs up. */
struct server {
    const char *steps[STEPS];
    size_t raw; /* octets of the first, where it is no text */
    bool reset; /* hangs up by RST */
    bool on_and_on;
    int listener;
};

static struct service service;
static struct service_addresses addresses;
static struct err err;

static bool say(int fd, const char *text, size_t len)
{
    return send(fd, text, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static void *serve(void *arg)
{
    const struct server *server = arg;
    const struct linger linger = {.l_onoff = 1};
    char heard[4096];
    int fd = accept(server->listener, NULL, NULL);
    for (size_t i = 0; i < STEPS && server->steps[i] != NULL; i++) {
        const char *text = server->steps[i];
        do {
            if (!say(fd, text, i == 0 && server->raw > 0 ? server->raw : strlen(text))) {
                break;
            }
        } while (server->on_and_on);
        if (recv(fd, heard, sizeof(heard), 0) <= 0) {
            break;
        }
    }
    if (server->reset) {
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    }
    close(fd);
    return NULL;
}

/* A listener of 127.0.0.1, and the service that it is. */
static int open_listener(const char *starttls)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(at);
    char where[32];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    snprintf(where, sizeof(where), "127.0.0.1:%u", ntohs(at.sin_port));
    CU_ASSERT_EQUAL_FATAL(service_parse(&service, where, "a.example", starttls, &err), 0);
    CU_ASSERT_EQUAL_FATAL(service_resolve(&addresses, &service, NULL, &err), 0);
    return fd;
}

static int call(const struct clock *clock)
{
    struct service_session session;
    const struct service_call call = {.service = &service,
                                      .address = &addresses.items[0],
                                      .wish = SERVICE_WISH_ANY,
                                      .sni = service.name,
                                      .clock = clock};
    err = (struct err){0};
    int ret = service_connect(&session, &call, &err);
    CU_ASSERT_EQUAL(session.served.count, 0);
    service_session_clear(&session);
    return ret;
}

static int try(struct server server, const char *starttls, const struct clock *clock)
{
    pthread_t thread;
    server.listener = open_listener(starttls);
    CU_ASSERT_EQUAL_FATAL(listen(server.listener, 1), 0);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, serve, &server), 0);
    int ret = call(clock);
    pthread_join(thread, NULL);
    close(server.listener);
    return ret;
}

#define TLS(ret, part, ...)                                                                        \
    CU_ASSERT_EQUAL(try((struct server){__VA_ARGS__}, NULL, &clock_system), ret);                  \
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, part))

static void test_tls(void) /* RFC 8446 6.2: what a server without such a certificate says */
{
    TLS(ERR_NOT_FOUND, "handshake failed", .reset = false);
    TLS(ERR_NOT_FOUND, "handshake failed", .steps = {""}, .reset = true);
    TLS(ERR_NOT_FOUND, "handshake failure", .steps = {"\x15\x03\x03\x00\x02\x02\x28"}, .raw = 7);
    TLS(ERR_NOT_FOUND, "insufficient security", .steps = {"\x15\x03\x03\x00\x02\x02\x47"},
        .raw = 7);
    TLS(ERR_PROTOCOL, "protocol version", .steps = {"\x15\x03\x03\x00\x02\x02\x46"}, .raw = 7);
    TLS(ERR_PROTOCOL, "unrecognized name", .steps = {"\x15\x03\x03\x00\x02\x02\x70"}, .raw = 7);
    TLS(ERR_PROTOCOL, "handshake failed", .steps = {"HTTP/1.1 400 Bad Request\r\n"});
}

#define SMTP(ret, part, ...)                                                                       \
    CU_ASSERT_EQUAL(try((struct server){.steps = {__VA_ARGS__}}, "smtp", &clock_system), ret);     \
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, part))

static void test_starttls(void) /* RFC 3207 */
{
    SMTP(ERR_UNAVAILABLE, "ended the connection before TLS", NULL);
    SMTP(ERR_UNAVAILABLE, "554 no", "554 no\r\n");
    SMTP(ERR_UNAVAILABLE, "does not offer", "220 x\r\n", "250 x\r\n");
    SMTP(ERR_PROTOCOL, "as an attacker", "220 x\r\n250 x\r\n");
    SMTP(ERR_NOT_FOUND, "handshake failed", "220 x\r\n", "250-x\r\n250 STARTTLS\r\n", "220 go\r\n");
    SMTP(ERR_PROTOCOL, "as an attacker", "220 x\r\n", "250-x\r\n250 STARTTLS\r\n",
         "220 go\r\n250 x\r\n");
    /* What comes in plain text behind the go-ahead, in a segment of its own, is no TLS either. */
    SMTP(ERR_PROTOCOL, "handshake failed", "220 x\r\n", "250-x\r\n250 STARTTLS\r\n", "220 go\r\n",
         "250 injected\r\n");
}

static void test_too_much(void)
{
    int ret = try((struct server){.steps = {"220-x\r\n"}, .reset = true, .on_and_on = true}, "smtp",
                  &clock_system);
    CU_ASSERT_EQUAL(ret, ERR_LIMIT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "octets before TLS"));
}

static uint64_t quarter(void *arg)
{
    uint64_t *at = arg;
    return *at += LIMIT_SERVICE_MS / 4 + 1;
}

/* Who goes on sending gets no more time than who is silent. */
static void test_on_and_on(void)
{
    uint64_t now = 0;
    const struct clock clock = {.wall_us = clock_system.wall_us, .mono_ms = quarter, .arg = &now};
    int ret = try((struct server){.steps = {"220-x\r\n"}, .on_and_on = true}, "smtp", &clock);
    CU_ASSERT_EQUAL(ret, ERR_TIMEOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "STARTTLS was not done within"));
}

static void test_nobody(void)
{
    int fd = open_listener(NULL); /* bound, and it does not listen */
    CU_ASSERT_EQUAL(call(&clock_system), ERR_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "127.0.0.1: "));
    close(fd);
}

static void test_resolve(void)
{
    CU_ASSERT_EQUAL(service_parse(&service, "[::1]:25", "a.example", NULL, &err), 0);
    CU_ASSERT_EQUAL(service_resolve(&addresses, &service, NULL, &err), 0);
    CU_ASSERT_EQUAL(addresses.count, 1);
    CU_ASSERT_STRING_EQUAL(addresses.items[0].text, "::1");
    CU_ASSERT_EQUAL(addresses.items[0].at.v6.sin6_port, htons(25));
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* as in client/client.c */
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("service_connect", NULL, NULL);
    CU_add_test(suite, "tls", test_tls);
    CU_add_test(suite, "starttls", test_starttls);
    CU_add_test(suite, "too much", test_too_much);
    CU_add_test(suite, "on and on", test_on_and_on);
    CU_add_test(suite, "nobody", test_nobody);
    CU_add_test(suite, "addresses", test_resolve);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
