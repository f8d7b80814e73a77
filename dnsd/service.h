/*
 * What the operator chose for the nameserver, in the form that the answering path uses. A plain
 * value: each worker has a copy of its own, and a reload replaces it between two batches.
 */
#ifndef CERTMILL_DNSD_SERVICE_H
#define CERTMILL_DNSD_SERVICE_H

#include <stddef.h>
#include <stdint.h>

#include "common/boot.h"
#include "common/err.h"
#include "common/limits.h"
#include "dnsd/cookie.h"
#include "dnsd/rate.h"

/* A TXT record of class CH; len 0: refused. */
struct service_text {
    uint8_t len;
    uint8_t data[LIMIT_CHAOS_TEXT];
};

struct service {
    uint16_t payload;   /* octets: the largest UDP message in either direction */
    uint16_t keepalive; /* told by RFC 7828, in units of 100 ms */
    uint8_t nsid_len;   /* 0: not told */
    uint8_t nsid[LIMIT_NSID];
    struct service_text version, id, hostname;
    enum cookie_mode cookies;
    struct cookie_secrets secrets;
    struct rate_options rate;
    size_t tcp_clients;             /* of one worker */
    size_t tcp_clients_per_address; /* of all workers */
    uint32_t tcp_idle_ms, tcp_lifetime_ms;
};

/* Fills *service from a configuration and the secret file that came with it. spare: a random
 * secret, for where there is no file. workers: how many share the rates and the TCP connections.
 * Fails only for a secret file that is not one. */
int service_make(struct service *service, const struct boot *boot, size_t workers,
                 const uint8_t spare[static COOKIE_SECRET], struct err *err);

/* Overwrites the secrets. */
void service_wipe(struct service *service);

#endif
