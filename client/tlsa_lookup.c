#include "client/tlsa_lookup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "client/tlsa.h"

#define A_RRTYPE 1

static int ask_dns(void *arg, const char *owner, uint16_t type, struct dns_answer *out,
                   struct err *err)
{
    return dns_ask(arg, owner, type, out, err);
}

struct tlsa_asker tlsa_asker_of(struct dns *dns)
{
    return (struct tlsa_asker){.ask = ask_dns, .arg = dns};
}

/* The TLSA records for one base domain. */
static int ask_at(struct tlsa_found *out, const struct tlsa_asker *asker, int64_t port,
                  const char *protocol, const char *base, struct err *err)
{
    snprintf(out->base, sizeof(out->base), "%s", base);
    int ret = tlsa_owner(out->owner, port, protocol, base, err);
    return ret < 0 ? ret : asker->ask(asker->arg, out->owner, TLSA_RRTYPE, &out->answer, err);
}

/* Where an alias leads, into target; empty where name is none, or not securely. */
static int target_of(char target[static LIMIT_DOMAIN_TEXT + 1], const struct tlsa_asker *asker,
                     const char *name, struct err *err)
{
    struct dns_answer answer = {0};
    int ret = asker->ask(asker->arg, name, A_RRTYPE, &answer, err);
    target[0] = '\0';
    if (ret < 0) {
        return ret;
    }
    if (answer.outcome != DNS_FAILED && answer.trust == DNS_SECURE && answer.name_count > 1) {
        const char *last = answer.names[answer.name_count - 1];
        if (strlen(last) <= LIMIT_DOMAIN_TEXT && strcasecmp(last, name) != 0) {
            snprintf(target, LIMIT_DOMAIN_TEXT + 1, "%s", last);
        }
    }
    dns_answer_clear(&answer);
    return 0;
}

int tlsa_lookup(struct tlsa_found *out, const struct tlsa_asker *asker, int64_t port,
                const char *protocol, const char *name, struct err *err)
{
    char target[LIMIT_DOMAIN_TEXT + 1];
    *out = (struct tlsa_found){0};
    int ret = target_of(target, asker, name, err);
    if (ret < 0) {
        return ret;
    }
    if (target[0] != '\0' && (ret = ask_at(out, asker, port, protocol, target, NULL)) != -ENOMEM) {
        /* What cannot be looked up there ends the search as well: RFC 7671 7, RFC 7672 2.1.1. */
        if (ret == 0 && out->answer.outcome != DNS_NODATA && out->answer.outcome != DNS_NXDOMAIN) {
            out->alias = true;
            return 0;
        }
        tlsa_found_clear(out);
    }
    return ret == -ENOMEM ? ret : ask_at(out, asker, port, protocol, name, err);
}

void tlsa_found_clear(struct tlsa_found *found)
{
    dns_answer_clear(&found->answer);
    *found = (struct tlsa_found){0};
}
