/*
 * What TLSA records mean for a service (RFC 7671, RFC 7672).
 */
#ifndef CERTMILL_CLIENT_SERVICE_DANE_H
#define CERTMILL_CLIENT_SERVICE_DANE_H

#include "client/service.h"
#include "client/service_connect.h"
#include "client/tlsa_lookup.h"

struct service_dane {
    struct tlsa_found found;
    struct tlsa usable[LIMIT_SERVICE_TLSA]; /* secure, and such that clients can use them */
    bool matched[LIMIT_SERVICE_TLSA];       /* by what was served so far */
    size_t count;
};

/* Looks the records of the service up (by service->name) and says what they are worth. Errors of
 * resolvers are findings; negative: out of memory. service_dane_clear frees. */
int service_dane_look(struct service_dane *out, struct service_findings *findings,
                      const struct tlsa_asker *asker, const struct service *service,
                      struct err *err);

/* What a connection that was held to them shows; nothing where there are none. */
void service_dane_judge(struct service_findings *findings, struct service_dane *dane,
                        const struct service_session *session);

/* After all connections: the records that nothing of what is served matches. */
void service_dane_leftovers(struct service_findings *findings, const struct service_dane *dane);

void service_dane_clear(struct service_dane *dane);

#endif
