/* HTTPS against a small server in a thread: trust, limits, connections kept. */
#include "issuer/http.h"

#include <CUnit/Basic.h>
#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* -- the server: one connection after another, HTTP/1.1 -- */

struct server {
    int fd, port;
    SSL_CTX *ssl;
    pthread_t thread;
    atomic_int connections;
    char folder[64], ca_file[128];
};

static void send_head(SSL *ssl, const char *status, const char *fields, size_t len)
{
    char head[1024];
    int n = snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n", status,
                     len, fields);

    SSL_write(ssl, head, n);
}

/* Returns false where the connection is to be closed. */
static bool serve_one(struct server *server, SSL *ssl, const char *request)
{
    static const char filler[1024] = "X-Filler: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n";
    char fields[256], body[2048];

    if (strstr(request, " /close ") != NULL)
        return false;
    if (strstr(request, " /huge ") != NULL) {
        send_head(ssl, "200 OK", "", 2u << 20);
        memset(body, 'x', sizeof(body));
        for (int i = 0; i < 1024 && SSL_write(ssl, body, sizeof(body)) > 0; i++)
            ;
        return false;
    }
    if (strstr(request, " /headers ") != NULL) {
        SSL_write(ssl, "HTTP/1.1 200 OK\r\n", 17);
        for (int i = 0; i < 2000 && SSL_write(ssl, filler, (int)strlen(filler)) > 0; i++)
            ;
        return false;
    }
    if (strstr(request, " /down ") != NULL) {
        send_head(ssl, "302 Found", "Location: http://127.0.0.1:1/x\r\n", 0);
    } else if (strstr(request, " /moved ") != NULL) {
        snprintf(fields, sizeof(fields), "Location: https://127.0.0.1:%d/ok\r\n", server->port);
        send_head(ssl, "302 Found", fields, 0);
    } else {
        snprintf(body, sizeof(body), "%.2047s", request);
        send_head(ssl, "200 OK", "Replay-Nonce: abc\r\nRetry-After: 2\r\n", strlen(body));
        if (strncmp(request, "HEAD", 4) != 0)
            SSL_write(ssl, body, (int)strlen(body));
    }
    return true;
}

static void serve(struct server *server, SSL *ssl)
{
    char request[4096];
    size_t len = 0;
    int n;

    while (len < sizeof(request) - 1 &&
           (n = SSL_read(ssl, request + len, (int)(sizeof(request) - 1 - len))) > 0) {
        len += (size_t)n;
        request[len] = '\0';
        const char *end = strstr(request, "\r\n\r\n");
        const char *length = strcasestr(request, "content-length:");
        size_t body = length != NULL && length < end ? strtoul(length + 15, NULL, 10) : 0;
        if (end == NULL || (size_t)(end - request) + 4 + body > len)
            continue;
        if (!serve_one(server, ssl, request))
            return;
        len = 0;
    }
}

static void *server_main(void *arg)
{
    struct server *server = arg;
    int fd;

    while ((fd = accept(server->fd, NULL, NULL)) >= 0) {
        SSL *ssl = SSL_new(server->ssl);
        SSL_set_fd(ssl, fd);
        if (SSL_accept(ssl) == 1) {
            server->connections++;
            serve(server, ssl);
        }
        SSL_free(ssl);
        close(fd);
    }
    return NULL;
}

static X509 *make_cert(EVP_PKEY *key)
{
    X509 *cert = X509_new();
    X509_NAME *name = X509_NAME_new();
    X509V3_CTX context;

    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)"test", -1, -1, 0);
    X509_set_subject_name(cert, name);
    X509_set_issuer_name(cert, name);
    X509_NAME_free(name);
    X509_set_pubkey(cert, key);
    X509V3_set_ctx(&context, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, "IP:127.0.0.1");
    X509_add_ext(cert, san, -1);
    X509_EXTENSION_free(san);
    X509_sign(cert, key, EVP_sha256());
    return cert;
}

static void server_start(struct server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = make_cert(key);

    *server = (struct server){.folder = "/tmp/certmill-test-http-XXXXXX"};
    CU_ASSERT_FATAL(mkdtemp(server->folder) != NULL);
    snprintf(server->ca_file, sizeof(server->ca_file), "%s/ca.pem", server->folder);
    FILE *file = fopen(server->ca_file, "w");
    PEM_write_X509(file, cert);
    fclose(file);
    server->ssl = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(server->ssl, cert);
    SSL_CTX_use_PrivateKey(server->ssl, key);
    X509_free(cert);
    EVP_PKEY_free(key);
    server->fd = socket(AF_INET, SOCK_STREAM, 0);
    CU_ASSERT_FATAL(bind(server->fd, (struct sockaddr *)&address, len) == 0);
    CU_ASSERT_FATAL(listen(server->fd, 16) == 0);
    getsockname(server->fd, (struct sockaddr *)&address, &len);
    server->port = ntohs(address.sin_port);
    CU_ASSERT_FATAL(pthread_create(&server->thread, NULL, server_main, server) == 0);
}

static void server_stop(struct server *server)
{
    shutdown(server->fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->fd);
    SSL_CTX_free(server->ssl);
    unlink(server->ca_file);
    rmdir(server->folder);
}

/* -- the client -- */

struct got {
    int count, error, status;
    char text[1024], body[4096], nonce[32];
    int64_t retry_after_ms;
};

struct fixture {
    struct server server;
    uv_loop_t loop;
    struct http *http;
};

static void on_answer(void *arg, const struct http_answer *answer)
{
    struct got *got = arg;

    got->count++;
    got->error = answer->error;
    got->status = answer->status;
    got->retry_after_ms = answer->fields->retry_after_ms;
    CU_ASSERT(answer->body[answer->body_len] == '\0');
    snprintf(got->text, sizeof(got->text), "%s", answer->text != NULL ? answer->text : "");
    snprintf(got->body, sizeof(got->body), "%.4000s", answer->body);
    snprintf(got->nonce, sizeof(got->nonce), "%.31s", answer->fields->nonce);
}

static void setup(struct fixture *f, bool trusted, bool skip)
{
    struct err err = {0};

    server_start(&f->server);
    struct http_trust trust = {.ca_file = trusted ? f->server.ca_file : NULL, .skip_verify = skip};
    CU_ASSERT_FATAL(uv_loop_init(&f->loop) == 0);
    CU_ASSERT_FATAL(http_new(&f->http, &f->loop, NULL, &trust, &err) == 0);
    CU_ASSERT(http_loop(f->http) == &f->loop);
}

static void teardown(struct fixture *f)
{
    http_free(f->http);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    CU_ASSERT(uv_loop_close(&f->loop) == 0);
    server_stop(&f->server);
}

static int start(struct fixture *f, enum http_method method, const char *path, struct got *got)
{
    char url[128];
    struct http_request request = {.method = method, .url = url};

    snprintf(url, sizeof(url), "https://127.0.0.1:%d%s", f->server.port, path);
    if (method == HTTP_POST) {
        request.body = "{\"a\":1}";
        request.body_len = 7;
        request.content_type = "application/jose+json";
        request.accept = "application/json";
    }
    *got = (struct got){0};
    return http_send(f->http, &request, on_answer, got, NULL);
}

static void fetch(struct fixture *f, enum http_method method, const char *path, struct got *got)
{
    CU_ASSERT_FATAL(start(f, method, path, got) == 0);
    CU_ASSERT(got->count == 0);
    for (int i = 0; i < 10000 && got->count == 0; i++)
        uv_run(&f->loop, UV_RUN_ONCE);
    CU_ASSERT_EQUAL(got->count, 1);
}

static void test_methods(void)
{
    struct fixture f;
    struct got got;

    setup(&f, true, false);
    fetch(&f, HTTP_POST, "/ok", &got);
    CU_ASSERT(got.error == 0 && got.status == 200 && got.retry_after_ms == 2000);
    CU_ASSERT_STRING_EQUAL(got.nonce, "abc");
    CU_ASSERT(strncmp(got.body, "POST /ok HTTP/1.1\r\n", 19) == 0);
    CU_ASSERT(strstr(got.body, "\r\nContent-Type: application/jose+json\r\n") != NULL);
    CU_ASSERT(strstr(got.body, "\r\nAccept: application/json\r\n") != NULL);
    CU_ASSERT(strstr(got.body, "\r\nUser-Agent: certmill/") != NULL);
    CU_ASSERT(strstr(got.body, "\r\n\r\n{\"a\":1}") != NULL);
    CU_ASSERT(strstr(got.body, "Expect") == NULL);
    fetch(&f, HTTP_HEAD, "/ok", &got);
    CU_ASSERT(got.status == 200 && got.body[0] == '\0' && strcmp(got.nonce, "abc") == 0);
    for (int i = 0; i < 5; i++) {
        fetch(&f, HTTP_GET, "/ok", &got);
        CU_ASSERT(got.status == 200);
    }
    CU_ASSERT(f.server.connections == 1); /* kept */
    teardown(&f);
}

static void test_limits(void)
{
    struct fixture f;
    struct got got;

    setup(&f, true, false);
    fetch(&f, HTTP_GET, "/huge", &got);
    CU_ASSERT(got.error == ERR_LIMIT && strstr(got.text, "/huge: ") != NULL);
    fetch(&f, HTTP_GET, "/headers", &got);
    CU_ASSERT(got.error == ERR_LIMIT);
    fetch(&f, HTTP_GET, "/close", &got);
    CU_ASSERT(got.error == ERR_UNAVAILABLE && got.text[0] != '\0');
    fetch(&f, HTTP_GET, "/ok", &got);
    CU_ASSERT(got.error == 0 && got.status == 200);
    teardown(&f);
}

static void test_redirects(void)
{
    struct fixture f;
    struct got got;

    setup(&f, true, false);
    fetch(&f, HTTP_GET, "/moved", &got);
    CU_ASSERT(got.error == 0 && got.status == 200);
    fetch(&f, HTTP_POST, "/moved", &got);
    CU_ASSERT(got.error == 0 && got.status == 302);
    fetch(&f, HTTP_GET, "/down", &got);
    CU_ASSERT(got.error == ERR_UNAVAILABLE);
    teardown(&f);
}

static void test_trust(void)
{
    struct fixture f;
    struct got got;
    struct err err = {0};
    char path[128];

    setup(&f, false, false);
    fetch(&f, HTTP_GET, "/ok", &got);
    CU_ASSERT(got.error == ERR_UNAVAILABLE && strstr(got.text, "acme-ca-file") != NULL);

    struct http_trust trust = {.ca_file = "/nonexistent/ca.pem"};
    CU_ASSERT(http_configure(f.http, &trust, &err) < 0);
    CU_ASSERT(strstr(err.text, "/nonexistent/ca.pem") != NULL);
    snprintf(path, sizeof(path), "%s/bad.pem", f.server.folder);
    FILE *file = fopen(path, "w");
    fputs("no certificate\n", file);
    fclose(file);
    trust.ca_file = path;
    CU_ASSERT(http_configure(f.http, &trust, &err) == ERR_MALFORMED);
    file = fopen(path, "w");
    fputs("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", file);
    fclose(file);
    CU_ASSERT(http_configure(f.http, &trust, &err) == ERR_MALFORMED);
    unlink(path);

    trust.ca_file = f.server.ca_file;
    CU_ASSERT(http_configure(f.http, &trust, &err) == 0);
    fetch(&f, HTTP_GET, "/ok", &got);
    CU_ASSERT(got.error == 0 && got.status == 200);
    teardown(&f);

    setup(&f, false, true);
    fetch(&f, HTTP_GET, "/ok", &got);
    CU_ASSERT(got.error == 0 && got.status == 200);
    teardown(&f);
}

static void test_refused(void)
{
    struct fixture f;
    struct got got;
    struct http_request request = {.method = HTTP_GET, .url = "http://127.0.0.1/"};

    setup(&f, true, false);
    CU_ASSERT(http_send(f.http, &request, on_answer, &got, NULL) == ERR_MALFORMED);
    request.url = "file:///etc/passwd";
    CU_ASSERT(http_send(f.http, &request, on_answer, &got, NULL) == ERR_MALFORMED);
    request.url = "https://127.0.0.1/";
    request.body_len = LIMIT_HTTP_BODY + 1;
    CU_ASSERT(http_send(f.http, &request, on_answer, &got, NULL) == ERR_LIMIT);
    server_stop(&f.server);
    fetch(&f, HTTP_GET, "/ok", &got);
    CU_ASSERT(got.error == ERR_UNAVAILABLE && strstr(got.text, "/ok: ") != NULL);
    server_start(&f.server);
    teardown(&f);
}

static void test_cancel(void)
{
    struct fixture f;
    struct got got;
    struct http_exchange *x;
    char url[64];
    struct http_request request = {.method = HTTP_GET, .url = url};

    setup(&f, true, false);
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/ok", f.server.port);
    got = (struct got){0};
    CU_ASSERT(http_send(f.http, &request, on_answer, &got, &x) == 0);
    uv_run(&f.loop, UV_RUN_NOWAIT);
    http_cancel(x);
    http_cancel(NULL);
    for (int i = 0; i < 100; i++)
        CU_ASSERT(http_send(f.http, &request, on_answer, &got, NULL) == 0);
    uv_run(&f.loop, UV_RUN_NOWAIT);
    teardown(&f); /* with all of them under way */
    CU_ASSERT(got.count == 0);
    http_free(NULL);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("http", NULL, NULL);
    CU_ADD_TEST(suite, test_methods);
    CU_ADD_TEST(suite, test_limits);
    CU_ADD_TEST(suite, test_redirects);
    CU_ADD_TEST(suite, test_trust);
    CU_ADD_TEST(suite, test_refused);
    CU_ADD_TEST(suite, test_cancel);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures == 0 ? 0 : 1;
}
