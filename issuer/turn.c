#include "issuer/turn.h"

static void disarm(struct turn *turn)
{
    turn->armed = false;
    (void)uv_idle_stop(&turn->idle);
    (void)uv_prepare_stop(&turn->prepare);
    (void)uv_check_stop(&turn->check);
}

static void fire(struct turn *turn)
{
    disarm(turn);
    turn->fn(turn->arg);
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle;
}

static void on_prepare(uv_prepare_t *prepare)
{
    fire(prepare->data);
}

static void on_check(uv_check_t *check)
{
    fire(check->data);
}

void turn_init(struct turn *turn, uv_loop_t *loop, turn_fn *fn, void *arg)
{
    *turn = (struct turn){.fn = fn, .arg = arg, .open = 3};
    (void)uv_idle_init(loop, &turn->idle);
    (void)uv_prepare_init(loop, &turn->prepare);
    (void)uv_check_init(loop, &turn->check);
    turn->idle.data = turn->prepare.data = turn->check.data = turn;
}

void turn_arm(struct turn *turn)
{
    if (turn->armed || turn->closed != NULL) {
        return;
    }
    turn->armed = true;
    (void)uv_idle_start(&turn->idle, on_idle);
    (void)uv_prepare_start(&turn->prepare, on_prepare);
    (void)uv_check_start(&turn->check, on_check);
}

static void on_closed(uv_handle_t *handle)
{
    struct turn *turn = handle->data;

    if (--turn->open == 0) {
        turn->closed(turn->arg);
    }
}

void turn_close(struct turn *turn, turn_fn *closed)
{
    turn->closed = closed;
    turn->armed = false;
    uv_close((uv_handle_t *)&turn->idle, on_closed);
    uv_close((uv_handle_t *)&turn->prepare, on_closed);
    uv_close((uv_handle_t *)&turn->check, on_closed);
}
