/*
 * Work that is put off to the end of the loop's turn, so that what several callbacks of
 * one turn ask for is done once. No timer is involved: the loop does not sleep in between.
 */
#ifndef CERTMILL_ISSUER_TURN_H
#define CERTMILL_ISSUER_TURN_H

#include <stdbool.h>
#include <uv.h>

typedef void turn_fn(void *arg);

struct turn {
    uv_idle_t idle; /* keeps the loop from sleeping while armed */
    uv_prepare_t prepare;
    uv_check_t check;
    turn_fn *fn, *closed;
    void *arg;
    bool armed;
    int open;
};

void turn_init(struct turn *turn, uv_loop_t *loop, turn_fn *fn, void *arg);
/* fn is called once, soon, from the loop; harmless where that is under way already. */
void turn_arm(struct turn *turn);
/* fn is not called any more; closed (with the same arg) comes from the loop, then *turn may go. */
void turn_close(struct turn *turn, turn_fn *closed);

#endif
