/*
 * Once an hour: which certificates are about to end and have no successor, for the audit log and
 * who observes it; and what is too old goes from the store. A few rows a turn, so that nobody
 * waits.
 *
 * A certificate should be renewed when renew-within is left of it, or a third of its life. It is
 * told of when half of that has passed without a newer certificate for each of its names (stage 1),
 * and once more when seven eighths have (stage 2).
 */
#ifndef CERTMILL_ISSUER_EXPIRY_H
#define CERTMILL_ISSUER_EXPIRY_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/server_conf.h"
#include "issuer/audit.h"
#include "issuer/store.h"

struct expiry;

/* All of it outlives the expiry. */
struct expiry_options {
    uv_loop_t *loop;
    struct log *log;
    const struct clock *clock;
    struct store *store;
    struct audit *audit;
    const struct server_conf *conf;
};

int expiry_new(struct expiry **out, const struct expiry_options *options);
void expiry_free(struct expiry *expiry);
void expiry_configure(struct expiry *expiry, const struct server_conf *conf);

/* The next piece of the round. True: there is more of it. */
bool expiry_step(struct expiry *expiry);

/* Which stage a certificate is in at now; 0: none. Unix seconds. */
int expiry_stage(const struct server_conf *conf, int64_t not_before, int64_t not_after,
                 int64_t now);

#endif
