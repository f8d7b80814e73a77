/*
 * Who is asked what DNS says: the resolver of the settings, or a test.
 */
#ifndef CERTMILL_CLIENT_ASKER_H
#define CERTMILL_CLIENT_ASKER_H

#include "client/command.h"
#include "client/dns.h"

struct asker {
    /* As dns_ask; dns_answer_clear frees what it gives. */
    int (*ask)(void *arg, const char *owner, uint16_t type, struct dns_answer *out,
               struct err *err);
    void *arg;
};

/* By name-server, validate and trust-anchor. Errors as dns_new; asker_close ends it. */
int asker_open(struct asker *out, const struct client *client, struct err *err);
void asker_close(struct asker *asker);

#endif
