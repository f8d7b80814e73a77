/*
 * TLSA records of a service, looked up as clients do (RFC 7671 7).
 */
#ifndef CERTMILL_CLIENT_TLSA_LOOKUP_H
#define CERTMILL_CLIENT_TLSA_LOOKUP_H

#include <stdbool.h>

#include "client/dns.h"
#include "common/err.h"

/* Who asks DNS; ask as dns_ask. */
struct tlsa_asker {
    int (*ask)(void *arg, const char *owner, uint16_t type, struct dns_answer *out,
               struct err *err);
    void *arg;
};

struct tlsa_asker tlsa_asker_of(struct dns *dns);

struct tlsa_found {
    char owner[LIMIT_DOMAIN_TEXT + 1]; /* of the TLSA records that clients take */
    char base[LIMIT_DOMAIN_TEXT + 1];  /* the name that these are for: host name or alias' target */
    bool alias;                        /* the latter */
    struct dns_answer answer;          /* of TLSA at owner */
};

/* Where the host name is an alias (CNAME), and DNSSEC says so, clients ask for TLSA records of
 * the target, and take those of the name itself only where the target has none that are secure (RFC
 * 7671 7). Asks for the address of name first, then for the records: where the address cannot be
 * looked up, that is the answer, since nobody knows then which records clients would take. Errors
 * of resolvers are in out->answer; negative: as dns_ask and tlsa_owner. tlsa_found_clear frees. */
int tlsa_lookup(struct tlsa_found *out, const struct tlsa_asker *asker, int64_t port,
                const char *protocol, const char *name, struct err *err);
void tlsa_found_clear(struct tlsa_found *found);

#endif
