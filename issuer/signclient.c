/*
 * Requests are kept, encoded, until they are answered: a signer that dies is restarted by
 * the supervisor, and what it took with it is sent again to the new one. What no signer
 * answers in SIGN_MS, or what ends SIGN_TRIES signers, fails.
 */
#include "issuer/signclient.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ipc.h"
#include "common/limits.h"
#include "common/msg.h"

#define SIGN_MS     10000 /* RSA 4096 keys are made in 1 to 5 s; a signature takes milliseconds */
#define SIGN_TRIES  3     /* signers that one request may be sent to */
#define SIGN_BATCH  64    /* answers read in one wake-up */
#define SIGN_REASON 512

struct request {
    struct request *next;
    uint64_t id;
    uint64_t due; /* loop time when it has failed */
    unsigned tries;
    bool sent;
    signclient_key_fn *key_fn;
    signclient_jws_fn *jws_fn;
    signclient_list_fn *list_fn; /* one of the three */
    void *arg;
    size_t len;
    uint8_t message[];
};

struct signclient {
    uv_loop_t *loop;
    struct log *log;
    struct channel *channel; /* NULL: no signer now */
    uv_timer_t timer;
    struct request *head, **tail;
    uint64_t last_id;
    unsigned handles;
    bool freed;
    void (*on_broken)(void *arg);
    void *broken_arg;
    uint8_t in[LIMIT_MESSAGE], out[LIMIT_MESSAGE]; /* a callback may send while in is being read */
};

struct channel {
    uv_poll_t poll;
    int fd;
    struct signclient *client;
};

static void unlink_request(struct signclient *c, struct request **at)
{
    struct request *r = *at;

    *at = r->next;
    if (c->tail == &r->next) {
        c->tail = at;
    }
    r->next = NULL;
}

static struct request **find_request(struct signclient *c, uint64_t id)
{
    for (struct request **at = &c->head; *at != NULL; at = &(*at)->next) {
        if ((*at)->id == id) {
            return at;
        }
    }
    return NULL;
}

static void fail_request(struct signclient *c, struct request **at, int error, const char *text)
{
    struct request *r = *at;

    unlink_request(c, at);
    if (r->key_fn != NULL) {
        r->key_fn(r->arg, error, text, NULL, NULL);
    } else if (r->list_fn != NULL) {
        r->list_fn(r->arg, error, text, NULL, 0);
    } else {
        r->jws_fn(r->arg, error, text, NULL, 0);
    }
    free(r);
}

/* -- the channel -- */

static void on_ready(uv_poll_t *poll, int status, int events);

static void handle_closed(struct signclient *c)
{
    if (--c->handles == 0 && c->freed) {
        free(c);
    }
}

static void on_channel_closed(uv_handle_t *handle)
{
    struct channel *ch = handle->data;
    struct signclient *c = ch->client;

    close(ch->fd);
    free(ch);
    handle_closed(c);
}

static void on_timer_closed(uv_handle_t *handle)
{
    handle_closed(handle->data);
}

static void detach(struct signclient *c)
{
    struct channel *ch = c->channel;

    if (ch == NULL) {
        return;
    }
    c->channel = NULL;
    uv_poll_stop(&ch->poll);
    uv_close((uv_handle_t *)&ch->poll, on_channel_closed);
    for (struct request *r = c->head; r != NULL; r = r->next) {
        r->sent = false;
    }
}

/* Sends what is unsent; waits for room where the channel is full. */
static void send_requests(struct signclient *c)
{
    bool full = false;

    if (c->channel == NULL) {
        return;
    }
    for (struct request *r = c->head; r != NULL && !full; r = r->next) {
        if (r->sent) {
            continue;
        }
        struct msg_writer w = {.buf = r->message, .len = r->len, .cap = r->len};
        int ret = msg_send(c->channel->fd, &w, NULL, 0);
        if (ret == -EAGAIN || ret == -ENOBUFS) {
            full = true;
        } else if (ret < 0) {
            detach(c);
            return;
        } else {
            r->sent = true;
            r->tries++;
        }
    }
    uv_poll_start(&c->channel->poll, UV_READABLE | (full ? UV_WRITABLE : 0), on_ready);
}

/* -- answers -- */

static int take_key(struct signclient *c, struct msg_reader *r)
{
    char jwk[LIMIT_JWK], thumbprint[64];
    uint64_t id = msg_get_u64(r);

    msg_get_u8(r);
    msg_get_str(r, jwk, sizeof(jwk));
    msg_get_str(r, thumbprint, sizeof(thumbprint));
    struct request **at = find_request(c, id);
    if (msg_done(r) < 0 || (at != NULL && (*at)->key_fn == NULL)) {
        return ERR_PROTOCOL;
    }
    if (at == NULL) {
        return 0; /* cancelled */
    }
    struct request *request = *at;
    unlink_request(c, at);
    request->key_fn(request->arg, 0, NULL, jwk, thumbprint);
    free(request);
    return 0;
}

static int take_signed(struct signclient *c, struct msg_reader *r)
{
    uint64_t id = msg_get_u64(r);
    size_t len;
    const uint8_t *jws = msg_get_bytes(r, LIMIT_MESSAGE, &len);
    struct request **at = find_request(c, id);

    if (msg_done(r) < 0 || (at != NULL && (*at)->jws_fn == NULL)) {
        return ERR_PROTOCOL;
    }
    if (at == NULL) {
        return 0;
    }
    struct request *request = *at;
    unlink_request(c, at);
    request->jws_fn(request->arg, 0, NULL, (const char *)jws, len);
    free(request);
    return 0;
}

static int take_list(struct signclient *c, struct msg_reader *r)
{
    char names[LIMIT_KEY_LIST][128];
    const char *list[LIMIT_KEY_LIST];
    uint64_t id = msg_get_u64(r);
    size_t count = msg_get_u16(r);

    if (count > LIMIT_KEY_LIST) {
        return ERR_PROTOCOL;
    }
    for (size_t i = 0; i < count; i++) {
        msg_get_str(r, names[i], sizeof(names[i]));
        list[i] = names[i];
    }
    struct request **at = find_request(c, id);
    if (msg_done(r) < 0 || (at != NULL && (*at)->list_fn == NULL)) {
        return ERR_PROTOCOL;
    }
    if (at == NULL) {
        return 0;
    }
    struct request *request = *at;
    unlink_request(c, at);
    request->list_fn(request->arg, 0, NULL, list, count);
    free(request);
    return 0;
}

static int take_failed(struct signclient *c, struct msg_reader *r)
{
    char reason[SIGN_REASON], text[SIGN_REASON + 16];
    uint64_t id = msg_get_u64(r);

    msg_get_str(r, reason, sizeof(reason));
    if (msg_done(r) < 0) {
        return ERR_PROTOCOL;
    }
    struct request **at = find_request(c, id);
    snprintf(text, sizeof(text), "signer: %s", reason);
    if (at != NULL) {
        fail_request(c, at, ERR_CRYPTO, text);
    }
    return 0;
}

static int take_message(struct signclient *c, size_t len)
{
    struct msg_reader r;

    if (msg_open(&r, c->in, len) < 0) {
        return ERR_PROTOCOL;
    }
    switch (r.type) {
    case IPC_KEY:
        return take_key(c, &r);
    case IPC_SIGNED:
        return take_signed(c, &r);
    case IPC_KEY_LIST:
        return take_list(c, &r);
    case IPC_SIGN_FAILED:
        return take_failed(c, &r);
    default:
        return ERR_PROTOCOL;
    }
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct channel *ch = poll->data;
    struct signclient *c = ch->client;
    bool broken = false;

    for (int i = 0; status >= 0 && (events & UV_READABLE) && i < SIGN_BATCH; i++) {
        size_t nfds = 0;
        int len = msg_recv(ch->fd, c->in, sizeof(c->in), NULL, &nfds);
        if (len == -EAGAIN) {
            break;
        }
        int ret = len > 0 ? take_message(c, (size_t)len) : len;
        if (c->channel != ch) {
            return; /* freed or attached anew by a callback */
        }
        if (len > 0 && ret == 0) {
            continue;
        }
        if (len != 0) {
            log_error(c->log, NULL, "signer: %s; channel closed", err_string(ret));
            broken = len > 0 || len == ERR_LIMIT;
        }
        status = UV_EOF;
    }
    if (status < 0) {
        detach(c);
        if (broken && c->on_broken != NULL) {
            c->on_broken(c->broken_arg);
        }
    } else {
        send_requests(c);
    }
}

/* A request that took several signers with it will not get another. */
static void fail_deadly(struct signclient *c)
{
    struct request **at = &c->head;

    while (*at != NULL) {
        if ((*at)->tries < SIGN_TRIES) {
            at = &(*at)->next;
        } else {
            fail_request(c, at, ERR_UNAVAILABLE, "the signer died of this request");
            at = &c->head;
        }
    }
}

int signclient_attach(struct signclient *c, int fd)
{
    struct channel *ch = calloc(1, sizeof(*ch));
    int flags = fcntl(fd, F_GETFL);

    detach(c);
    if (ch == NULL || flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        uv_poll_init(c->loop, &ch->poll, fd) < 0) {
        free(ch);
        close(fd);
        return ch == NULL ? -ENOMEM : -EBADF;
    }
    ch->poll.data = ch;
    ch->fd = fd;
    ch->client = c;
    c->channel = ch;
    c->handles++;
    fail_deadly(c);
    send_requests(c);
    return 0;
}

/* -- requests -- */

static void on_timer(uv_timer_t *timer);

static void arm_timer(struct signclient *c)
{
    uint64_t now = uv_now(c->loop);

    if (c->head == NULL) {
        uv_timer_stop(&c->timer);
    } else if (!uv_is_active((uv_handle_t *)&c->timer)) {
        uv_timer_start(&c->timer, on_timer, c->head->due > now ? c->head->due - now : 0, 0);
    }
}

/* Requests are in the order of their time limits. */
static void on_timer(uv_timer_t *timer)
{
    struct signclient *c = timer->data;
    uint64_t now = uv_now(c->loop);

    while (!c->freed && c->head != NULL && c->head->due <= now) {
        fail_request(c, &c->head, ERR_TIMEOUT, "the signer did not answer in time");
    }
    if (!c->freed) {
        arm_timer(c);
    }
}

static struct request *add_request(struct signclient *c, const struct msg_writer *w)
{
    int len = msg_end(w);

    if (len < 0) {
        return NULL;
    }
    struct request *r = calloc(1, sizeof(*r) + (size_t)len);
    if (r == NULL) {
        return NULL;
    }
    memcpy(r->message, w->buf, (size_t)len);
    r->len = (size_t)len;
    r->id = c->last_id;
    r->due = uv_now(c->loop) + SIGN_MS;
    *c->tail = r;
    c->tail = &r->next;
    arm_timer(c);
    return r;
}

static uint64_t send_request(struct signclient *c, struct request *r, void *arg)
{
    uint64_t id = r->id;

    r->arg = arg;
    send_requests(c);
    return id;
}

uint64_t signclient_key(struct signclient *c, const char *key, const char *type,
                        signclient_key_fn *fn, void *arg)
{
    struct msg_writer w;

    msg_begin(&w, c->out, sizeof(c->out), IPC_KEY_REQUEST);
    msg_put_u64(&w, ++c->last_id);
    msg_put_str(&w, key);
    msg_put_str(&w, type);
    struct request *r = add_request(c, &w);
    if (r == NULL) {
        return 0;
    }
    r->key_fn = fn;
    return send_request(c, r, arg);
}

uint64_t signclient_list(struct signclient *c, const char *name, signclient_list_fn *fn, void *arg)
{
    struct msg_writer w;

    msg_begin(&w, c->out, sizeof(c->out), IPC_KEY_LIST_REQUEST);
    msg_put_u64(&w, ++c->last_id);
    msg_put_str(&w, name);
    struct request *r = add_request(c, &w);
    if (r == NULL) {
        return 0;
    }
    r->list_fn = fn;
    return send_request(c, r, arg);
}

uint64_t signclient_bind(struct signclient *c, const char *key, const char *authority,
                         const char *url, signclient_jws_fn *fn, void *arg)
{
    struct msg_writer w;

    msg_begin(&w, c->out, sizeof(c->out), IPC_EAB_REQUEST);
    msg_put_u64(&w, ++c->last_id);
    msg_put_str(&w, key);
    msg_put_str(&w, authority);
    msg_put_str(&w, url);
    struct request *r = add_request(c, &w);
    if (r == NULL) {
        return 0;
    }
    r->jws_fn = fn;
    return send_request(c, r, arg);
}

uint64_t signclient_sign(struct signclient *c, const struct signclient_jws *jws,
                         signclient_jws_fn *fn, void *arg)
{
    struct msg_writer w;
    size_t len = jws->payload != NULL ? strlen(jws->payload) : 0;

    msg_begin(&w, c->out, sizeof(c->out), IPC_SIGN_REQUEST);
    msg_put_u64(&w, ++c->last_id);
    msg_put_str(&w, jws->key);
    msg_put_str(&w, jws->url);
    msg_put_str(&w, jws->nonce);
    msg_put_str(&w, jws->kid);
    msg_put_bytes(&w, jws->payload != NULL ? jws->payload : "", len);
    struct request *r = add_request(c, &w);
    if (r == NULL) {
        return 0;
    }
    r->jws_fn = fn;
    return send_request(c, r, arg);
}

void signclient_cancel(struct signclient *c, uint64_t request)
{
    struct request **at = find_request(c, request);

    if (at == NULL) {
        return;
    }
    struct request *r = *at;
    unlink_request(c, at);
    free(r);
    arm_timer(c);
}

int signclient_new(struct signclient **out, uv_loop_t *loop, struct log *log)
{
    struct signclient *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        return -ENOMEM;
    }
    c->loop = loop;
    c->log = log;
    c->tail = &c->head;
    uv_timer_init(loop, &c->timer);
    c->timer.data = c;
    c->handles = 1;
    *out = c;
    return 0;
}

void signclient_on_broken(struct signclient *client, void (*fn)(void *arg), void *arg)
{
    client->on_broken = fn;
    client->broken_arg = arg;
}

void signclient_free(struct signclient *c)
{
    if (c == NULL) {
        return;
    }
    detach(c);
    c->freed = true;
    while (c->head != NULL) {
        fail_request(c, &c->head, ERR_CANCELLED, "stopping");
    }
    uv_close((uv_handle_t *)&c->timer, on_timer_closed);
}
