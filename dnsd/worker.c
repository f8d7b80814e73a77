#include "dnsd/worker.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/limits.h"
#include "dnsd/respond.h"
#include "dnsd/tcp.h"
#include "dnsd/udp.h"

/* Cookies are told the time in seconds; it need not be read more often than this. */
#define WORKER_WALL_MS 100
/* The deepest way is a batch's: an answer in the making, a name or two. */
#define WORKER_STACK (256u << 10)

struct worker {
    struct stats stats; /* first: aligned to a cache line, nothing else on its lines */
    struct worker_options options;
    struct responder responder;
    uv_loop_t loop;
    struct wake wake;
    uv_timer_t patience; /* until the first image */
    uv_thread_t thread;
    struct udp *udp;
    struct tcp *tcp;
    struct service service;
    uv_mutex_t next_lock; /* around next_service, which waits while next is set */
    struct service next_service;
    atomic_bool next;
    atomic_bool stop;
    bool started, closed;
    bool ending;        /* accepts no more connections */
    bool serving;       /* reads its sockets */
    uint64_t wall_read; /* now_ms when the wall clock was read last; 0: never */
};

static void take_service(struct worker *w)
{
    uv_mutex_lock(&w->next_lock);
    w->service = w->next_service;
    atomic_store(&w->next, false);
    uv_mutex_unlock(&w->next_lock);
}

/* One clock a batch as a rule, and none an answer. */
static void read_clocks(struct worker *w)
{
    w->responder.now_ms = clock_mono_ms(w->options.clock);
    if (w->wall_read == 0 || w->responder.now_ms - w->wall_read >= WORKER_WALL_MS) {
        w->responder.now = (uint32_t)clock_wall_s(w->options.clock);
        w->wall_read = w->responder.now_ms;
    }
}

static void before_batch(void *arg)
{
    struct worker *w = arg;
    bool last;

    if (atomic_load_explicit(&w->next, memory_order_relaxed)) {
        take_service(w);
    }
    read_clocks(w);
    w->responder.image = swap_take(w->options.swap, w->options.index, &last);
    if (last) {
        wake_send(w->options.notify);
    }
}

static void after_batch(void *arg)
{
    struct worker *w = arg;
    bool offered = seen_offer(w->responder.seen);

    if (rate_alarm(w->responder.rate) || offered) {
        wake_send(w->options.notify);
    }
}

static void close_all(struct worker *w)
{
    if (!w->closed) {
        w->closed = true;
        udp_close(w->udp);
        tcp_close(w->tcp);
        uv_close((uv_handle_t *)&w->patience, NULL);
        wake_close(&w->wake);
    }
}

static void serve(struct worker *w)
{
    w->serving = true;
    uv_timer_stop(&w->patience);
    udp_start(w->udp);
    tcp_start(w->tcp);
}

static void on_patience(uv_timer_t *patience)
{
    serve(patience->data);
}

static void on_last_call(uv_timer_t *patience)
{
    close_all(patience->data);
}

/* Whose connection was accepted has asked, or is about to: it has a moment for its answer. */
static void end(struct worker *w)
{
    if (w->closed || w->ending) {
        return;
    }
    w->ending = true;
    if (tcp_stop(w->tcp)) {
        uv_timer_start(&w->patience, on_last_call, LIMIT_TCP_LAST_MS, 0);
    } else {
        close_all(w);
    }
}

static void on_wake(void *arg)
{
    struct worker *w = arg;

    if (atomic_load(&w->stop)) {
        end(w);
        return;
    }
    before_batch(w);
    if (!w->serving && w->responder.image != NULL) {
        serve(w);
    }
    after_batch(w);
}

static int open_sockets(struct worker *w, struct err *err)
{
    const struct worker_options *o = &w->options;
    const struct udp_options udp = {.loop = &w->loop,
                                    .responder = &w->responder,
                                    .before = before_batch,
                                    .after = after_batch,
                                    .arg = w,
                                    .payload = w->service.payload};
    const struct tcp_options tcp = {.loop = &w->loop,
                                    .responder = &w->responder,
                                    .before = before_batch,
                                    .after = after_batch,
                                    .arg = w,
                                    .service = &w->service,
                                    .quota = o->quota};
    int ret;

    if ((ret = udp_new(&w->udp, &udp, o->udp, o->udp_count)) < 0) {
        return err_set(err, ret, "cannot use a UDP socket: %s", err_string(ret));
    }
    if ((ret = tcp_new(&w->tcp, &tcp, o->tcp, o->tcp_count)) < 0) {
        return err_set(err, ret, "cannot use a TCP socket: %s", err_string(ret));
    }
    return 0;
}

int worker_new(struct worker **out, const struct worker_options *options, struct err *err)
{
    struct worker *w = aligned_alloc(_Alignof(struct worker), sizeof(*w));
    int ret = -ENOMEM;

    if (w == NULL) {
        goto err0;
    }
    *w = (struct worker){.options = *options, .service = *options->service};
    w->responder.stats = &w->stats;
    w->responder.service = &w->service;
    if ((ret = seen_new(&w->responder.seen, options->hash_key)) < 0) {
        goto err1;
    }
    if ((ret = rate_new(&w->responder.rate, options->hash_key)) < 0) {
        goto err2;
    }
    if ((ret = uv_mutex_init(&w->next_lock)) < 0) {
        goto err3;
    }
    if ((ret = uv_loop_init(&w->loop)) < 0) {
        goto err4;
    }
    if ((ret = wake_init(&w->wake, &w->loop, on_wake, w)) < 0) {
        goto err5;
    }
    uv_timer_init(&w->loop, &w->patience);
    w->patience.data = w;
    if ((ret = open_sockets(w, err)) < 0) {
        worker_free(w);
        return ret;
    }
    *out = w;
    return 0;
err5:
    uv_loop_close(&w->loop);
err4:
    uv_mutex_destroy(&w->next_lock);
err3:
    rate_free(w->responder.rate);
err2:
    seen_free(w->responder.seen);
err1:
    free(w);
err0:
    return err_set(err, ret, "cannot make a worker: %s", err_string(ret));
}

static void run(void *arg)
{
    struct worker *w = arg;

    uv_update_time(&w->loop); /* it was made before the sandbox was */
    uv_timer_start(&w->patience, on_patience, LIMIT_IMAGE_WAIT_MS, 0);
    uv_run(&w->loop, UV_RUN_DEFAULT);
}

void worker_configure(struct worker *worker, const struct service *service)
{
    uv_mutex_lock(&worker->next_lock);
    worker->next_service = *service;
    atomic_store(&worker->next, true);
    uv_mutex_unlock(&worker->next_lock);
    wake_send(&worker->wake);
}

int worker_start(struct worker *worker)
{
    const uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE,
                                         .stack_size = WORKER_STACK};
    int ret = uv_thread_create_ex(&worker->thread, &options, run, worker);

    worker->started = ret == 0;
    return ret;
}

void worker_wake(struct worker *worker)
{
    wake_send(&worker->wake);
}

void worker_stop(struct worker *worker)
{
    atomic_store(&worker->stop, true);
    wake_send(&worker->wake);
}

void worker_free(struct worker *worker)
{
    if (worker == NULL) {
        return;
    }
    if (worker->started) {
        uv_thread_join(&worker->thread);
    } else {
        close_all(worker);
        uv_run(&worker->loop, UV_RUN_DEFAULT);
    }
    uv_loop_close(&worker->loop);
    udp_free(worker->udp);
    tcp_free(worker->tcp);
    seen_free(worker->responder.seen);
    rate_free(worker->responder.rate);
    uv_mutex_destroy(&worker->next_lock);
    service_wipe(&worker->service);
    service_wipe(&worker->next_service);
    free(worker);
}

const struct stats *worker_stats(const struct worker *worker)
{
    return &worker->stats;
}

struct seen *worker_seen(const struct worker *worker)
{
    return worker->responder.seen;
}

struct rate *worker_rate(const struct worker *worker)
{
    return worker->responder.rate;
}
