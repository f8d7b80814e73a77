/*
 * A nameserver as it is when nothing is configured, for tests; rate limits off.
 */
#ifndef CERTMILL_TESTS_DNSD_DEFAULTS_H
#define CERTMILL_TESTS_DNSD_DEFAULTS_H

#include "dnsd/service.h"

static const struct service default_service = {
    .payload = 1232,
    .keepalive = 100,
    .cookies = COOKIE_ON,
    .secrets = {.count = 1},
    .tcp_clients = 1024,
    .tcp_clients_per_address = 1024,
    .tcp_idle_ms = 10000,
    .tcp_lifetime_ms = 300000,
};

static const uint8_t default_address[4] = {192, 0, 2, 1};

#endif
