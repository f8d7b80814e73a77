/*
 * libcurl's multi interface driven by libuv: curl names the sockets and the one timer it wants to
 * hear about, we call back into curl_multi_socket_action, and look for finished exchanges after
 * each call. curl forbids its handles to be touched from within its own callbacks, therefore
 * answers are handed out only from finish_exchanges, which stands outside of them.
 *
 * What makes an exchange cheap: connections, TLS sessions, name lookups and easy handles are
 * all kept, and the trusted CAs are parsed once (http_trust.c).
 */
#include "issuer/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/limits.h"
#include "issuer/http_trust.h"

#define HTTP_IDLE 16 /* easy handles kept; each holds about 20 KiB */

struct http_exchange {
    struct http_exchange *prev, *next;
    struct http *http;
    CURL *easy;
    struct curl_slist *headers;
    char *url, *request_body;
    enum http_method method;
    http_answer_fn *fn;
    void *arg;
    struct http_fields fields;
    char *body;
    size_t body_len, body_cap;
    int error; /* why we stopped the transfer ourselves */
    char curl_error[CURL_ERROR_SIZE];
};

struct http_socket {
    uv_poll_t poll;
    struct http *http;
    curl_socket_t fd;
};

struct http {
    uv_loop_t *loop;
    struct log *log;
    CURLM *multi;
    CURLSH *share; /* TLS sessions; else each easy handle would have its own */
    uv_timer_t timer;
    unsigned handles; /* libuv handles not closed yet */
    X509_STORE *store;
    bool system_trust; /* the system's CAs are in store */
    bool skip_verify;
    bool plain;      /* http instead of https */
    size_t max_body; /* octets of an answer */
    struct http_exchange *exchanges;
    CURL *idle[HTTP_IDLE];
    size_t idle_count;
    char user_agent[64];
};

static void handle_closed(struct http *http)
{
    if (--http->handles == 0) {
        free(http);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    handle_closed(handle->data);
}

static void on_socket_closed(uv_handle_t *handle)
{
    struct http_socket *s = handle->data;
    struct http *http = s->http;

    free(s);
    handle_closed(http);
}

/* -- exchanges -- */

static void exchange_free(struct http *http, struct http_exchange *x)
{
    if (http->exchanges == x) {
        http->exchanges = x->next;
    } else {
        x->prev->next = x->next;
    }
    if (x->next != NULL) {
        x->next->prev = x->prev;
    }
    if (x->easy != NULL && http->idle_count < HTTP_IDLE) {
        curl_easy_reset(x->easy);
        http->idle[http->idle_count++] = x->easy;
    } else {
        curl_easy_cleanup(x->easy);
    }
    curl_slist_free_all(x->headers);
    http_fields_clear(&x->fields);
    free(x->url);
    free(x->request_body);
    free(x->body);
    free(x);
}

static int transport_error(const struct http_exchange *x, CURLcode code)
{
    if (x->error != 0) {
        return x->error;
    }
    switch (code) {
    case CURLE_OK:
        return 0;
    case CURLE_OPERATION_TIMEDOUT:
        return ERR_TIMEOUT;
    case CURLE_OUT_OF_MEMORY:
        return -ENOMEM;
    case CURLE_FILESIZE_EXCEEDED:
        return ERR_LIMIT;
    default:
        return ERR_UNAVAILABLE;
    }
}

static void transport_text(const struct http_exchange *x, CURLcode code, char *dst, size_t cap)
{
    const char *reason = x->curl_error[0] != '\0' ? x->curl_error : curl_easy_strerror(code);
    const char *hint = "";

    if (x->error == ERR_LIMIT) {
        reason = "the answer is larger than any CA's should be";
    } else if (x->error != 0) {
        reason = err_string(x->error);
    } else if (code == CURLE_PEER_FAILED_VERIFICATION) {
        hint = " (a CA of your own: name its root certificate in acme-ca-file)";
    }
    snprintf(dst, cap, "%.512s: %s%s", x->url, reason, hint);
}

static void finish_exchange(struct http_exchange *x, CURLcode code)
{
    static char none[1] = "";
    char text[LIMIT_ERROR_TEXT];
    long status = 0;

    curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(x->http->multi, x->easy);
    struct http_answer answer = {.error = transport_error(x, code),
                                 .status = (int)status,
                                 .body = x->body != NULL ? x->body : none,
                                 .body_len = x->body_len,
                                 .fields = &x->fields};
    if (answer.error != 0) {
        transport_text(x, code, text, sizeof(text));
        answer.text = text;
    }
    x->fn(x->arg, &answer);
    exchange_free(x->http, x);
}

static void finish_exchanges(struct http *http)
{
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(http->multi, &left)) != NULL) {
        struct http_exchange *x = NULL;
        CURLcode code = msg->data.result;
        if (msg->msg != CURLMSG_DONE) {
            continue;
        }
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &x);
        finish_exchange(x, code);
    }
}

/* -- curl's callbacks -- */

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct http_exchange *x = arg;
    size_t len = size * count;

    if (len > x->http->max_body - x->body_len) {
        x->error = ERR_LIMIT;
        return 0;
    }
    if (len >= x->body_cap - x->body_len || x->body == NULL) {
        size_t cap =
            x->body_len + len + 1 > 2 * x->body_cap ? x->body_len + len + 1 : 2 * x->body_cap;
        char *body = realloc(x->body, cap);
        if (body == NULL) {
            x->error = -ENOMEM;
            return 0;
        }
        x->body = body;
        x->body_cap = cap;
    }
    memcpy(x->body + x->body_len, data, len);
    x->body_len += len;
    x->body[x->body_len] = '\0';
    return len;
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
    struct http_exchange *x = arg;
    size_t len = size * count;

    x->error = http_fields_line(&x->fields, data, len, (int64_t)time(NULL));
    return x->error == 0 ? len : 0;
}

static CURLcode on_ssl_context(CURL *easy, void *context, void *arg)
{
    struct http *http = arg;

    (void)easy;
    if (!http->system_trust) {
        http->system_trust = true;
        http_trust_add_system(http->store, curl_version_info(CURLVERSION_NOW)->cainfo, http->log);
    }
    SSL_CTX_set1_cert_store(context, http->store);
    return CURLE_OK;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct http_socket *s = poll->data;
    struct http *http = s->http;
    int running, flags = 0;

    if (status < 0) {
        flags = CURL_CSELECT_ERR;
    }
    if (events & UV_READABLE) {
        flags |= CURL_CSELECT_IN;
    }
    if (events & UV_WRITABLE) {
        flags |= CURL_CSELECT_OUT;
    }
    curl_multi_socket_action(http->multi, s->fd, flags, &running);
    finish_exchanges(http);
}

static void on_timer(uv_timer_t *timer)
{
    struct http *http = timer->data;
    int running;

    curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    finish_exchanges(http);
}

static int want_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct http *http = arg;

    (void)multi;
    if (timeout_ms < 0) {
        uv_timer_stop(&http->timer);
    } else {
        uv_timer_start(&http->timer, on_timer, (uint64_t)timeout_ms, 0);
    }
    return 0;
}

static struct http_socket *socket_new(struct http *http, curl_socket_t fd)
{
    struct http_socket *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        return NULL;
    }
    if (uv_poll_init_socket(http->loop, &s->poll, fd) < 0) {
        free(s);
        return NULL;
    }
    s->poll.data = s;
    s->http = http;
    s->fd = fd;
    http->handles++;
    curl_multi_assign(http->multi, fd, s);
    return s;
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct http *http = arg;
    struct http_socket *s = socket_arg;
    int events = 0;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (s != NULL) {
            uv_poll_stop(&s->poll);
            uv_close((uv_handle_t *)&s->poll, on_socket_closed);
            curl_multi_assign(http->multi, fd, NULL);
        }
        return 0;
    }
    if (s == NULL && (s = socket_new(http, fd)) == NULL) {
        return -1;
    }
    if (what != CURL_POLL_OUT) {
        events |= UV_READABLE;
    }
    if (what != CURL_POLL_IN) {
        events |= UV_WRITABLE;
    }
    return uv_poll_start(&s->poll, events, on_readable) < 0 ? -1 : 0;
}

/* -- requests -- */

static int add_header(struct http_exchange *x, const char *name, const char *value)
{
    char line[160];

    if (value == NULL) {
        return 0;
    }
    int n = snprintf(line, sizeof(line), "%s:%s%s", name, value[0] != '\0' ? " " : "", value);
    if (n < 0 || (size_t)n >= sizeof(line)) {
        return ERR_LIMIT;
    }
    struct curl_slist *list = curl_slist_append(x->headers, line);
    if (list == NULL) {
        return -ENOMEM;
    }
    x->headers = list;
    return 0;
}

static void set_transport(struct http_exchange *x)
{
    struct http *http = x->http;
    CURL *easy = x->easy;
    bool follow = x->method != HTTP_POST && !http->plain;

    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, http->plain ? "http" : "https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, http->plain ? "http" : "https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, follow ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)LIMIT_REDIRECTS);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(http->plain ? LIMIT_OCSP_MS : LIMIT_HTTP_MS));
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 16384L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, http->user_agent);
    curl_easy_setopt(easy, CURLOPT_SHARE, http->share);
    /* without files curl loads no trust of its own; ours comes by on_ssl_context, and must not be
     * kept by curl over a change of it */
    curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, http->skip_verify ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, http->skip_verify ? 0L : 2L);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_ssl_context);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, http);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->curl_error);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, x);
}

static int set_request(struct http_exchange *x, const struct http_request *request)
{
    int ret;

    if ((ret = add_header(x, "Accept", request->accept)) < 0 ||
        (ret = add_header(x, "Content-Type", request->content_type)) < 0 ||
        (ret = add_header(x, "Expect", "")) < 0) {
        return ret;
    }
    curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->headers);
    if (request->method == HTTP_HEAD) {
        curl_easy_setopt(x->easy, CURLOPT_NOBODY, 1L);
    } else if (request->method == HTTP_POST) {
        x->request_body = malloc(request->body_len + 1);
        if (x->request_body == NULL) {
            return -ENOMEM;
        }
        if (request->body_len > 0) {
            memcpy(x->request_body, request->body, request->body_len);
        }
        curl_easy_setopt(x->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(x->easy, CURLOPT_POSTFIELDSIZE, (long)request->body_len);
        curl_easy_setopt(x->easy, CURLOPT_POSTFIELDS, x->request_body);
    }
    return curl_easy_setopt(x->easy, CURLOPT_URL, x->url) == CURLE_OK ? 0 : -ENOMEM;
}

static struct http_exchange *exchange_new(struct http *http, const struct http_request *request)
{
    struct http_exchange *x = calloc(1, sizeof(*x));

    if (x == NULL) {
        return NULL;
    }
    http_fields_init(&x->fields);
    x->http = http;
    x->method = request->method;
    x->next = http->exchanges;
    if (x->next != NULL) {
        x->next->prev = x;
    }
    http->exchanges = x;
    x->easy = http->idle_count > 0 ? http->idle[--http->idle_count] : curl_easy_init();
    x->url = strdup(request->url);
    if (x->easy == NULL || x->url == NULL) {
        exchange_free(http, x);
        return NULL;
    }
    return x;
}

int http_send(struct http *http, const struct http_request *request, http_answer_fn *fn, void *arg,
              struct http_exchange **exchange)
{
    if (!(http->plain ? http_url_plain : http_url_good)(request->url, strlen(request->url))) {
        return ERR_MALFORMED;
    }
    if (request->body_len > LIMIT_HTTP_BODY) {
        return ERR_LIMIT;
    }
    struct http_exchange *x = exchange_new(http, request);
    if (x == NULL) {
        return -ENOMEM;
    }
    x->fn = fn;
    x->arg = arg;
    set_transport(x);
    int ret = set_request(x, request);
    if (ret == 0 && curl_multi_add_handle(http->multi, x->easy) != CURLM_OK) {
        ret = -ENOMEM;
    }
    if (ret < 0) {
        exchange_free(http, x);
        return ret;
    }
    if (exchange != NULL) {
        *exchange = x;
    }
    return 0;
}

void http_cancel(struct http_exchange *exchange)
{
    if (exchange == NULL) {
        return;
    }
    curl_multi_remove_handle(exchange->http->multi, exchange->easy);
    exchange_free(exchange->http, exchange);
}

/* -- the whole -- */

int http_configure(struct http *http, const struct http_trust *trust, struct err *err)
{
    X509_STORE *store;
    int ret = http_trust_load(&store, trust, err);

    if (ret < 0) {
        return ret;
    }
    X509_STORE_free(http->store);
    http->store = store;
    http->system_trust = false;
    http->skip_verify = trust->skip_verify;
    if (trust->skip_verify) {
        log_warning(http->log, NULL,
                    "skip-acme-server-cert-verify is set: ANYONE ON THE WAY CAN PLAY THE CA");
    }
    return 0;
}

static int multi_new(struct http *http)
{
    http->multi = curl_multi_init();
    http->share = curl_share_init();
    if (http->multi == NULL || http->share == NULL) {
        return -ENOMEM;
    }
    curl_share_setopt(http->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, want_timer);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)LIMIT_CONNECTIONS);
    curl_multi_setopt(http->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)LIMIT_CONNECTIONS);
    return 0;
}

/* trust NULL: plain. */
static int make(struct http **out, uv_loop_t *loop, struct log *log, const struct http_trust *trust,
                struct err *err)
{
    struct http *http = calloc(1, sizeof(*http));
    int ret = err_set(err, -ENOMEM, "out of memory");

    if (http == NULL) {
        return ret;
    }
    http->plain = trust == NULL;
    http->max_body = http->plain ? LIMIT_OCSP : LIMIT_HTTP_BODY;
    http->loop = loop;
    http->log = log;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(http);
        return ret;
    }
    snprintf(http->user_agent, sizeof(http->user_agent), "certmill/%s libcurl/%s", CERTMILL_VERSION,
             curl_version_info(CURLVERSION_NOW)->version);
    uv_timer_init(loop, &http->timer);
    http->timer.data = http;
    http->handles = 1;
    if (multi_new(http) == 0 && (trust == NULL || (ret = http_configure(http, trust, err)) == 0)) {
        *out = http;
        return 0;
    }
    http_free(http);
    return ret;
}

int http_new(struct http **out, uv_loop_t *loop, struct log *log, const struct http_trust *trust,
             struct err *err)
{
    return make(out, loop, log, trust, err);
}

int http_new_plain(struct http **out, uv_loop_t *loop, struct log *log, struct err *err)
{
    return make(out, loop, log, NULL, err);
}

uv_loop_t *http_loop(const struct http *http)
{
    return http->loop;
}

void http_free(struct http *http)
{
    if (http == NULL) {
        return;
    }
    while (http->exchanges != NULL) {
        curl_multi_remove_handle(http->multi, http->exchanges->easy);
        exchange_free(http, http->exchanges);
    }
    while (http->idle_count > 0) {
        curl_easy_cleanup(http->idle[--http->idle_count]);
    }
    curl_multi_cleanup(http->multi);
    curl_share_cleanup(http->share);
    X509_STORE_free(http->store);
    uv_close((uv_handle_t *)&http->timer, on_timer_closed);
    curl_global_cleanup();
}
