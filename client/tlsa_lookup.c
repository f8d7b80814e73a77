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

struct query {
    const struct tlsa_asker *asker;
    int64_t port;
    const char *protocol;
};

/* The TLSA records for one base domain. */
static int ask_at(struct tlsa_found *out, const struct query *q, const char *base, struct err *err)
{
    *out = (struct tlsa_found){0};
    snprintf(out->base, sizeof(out->base), "%s", base);
    int ret = tlsa_owner(out->owner, q->port, q->protocol, base, err);
    return ret < 0 ? ret : q->asker->ask(q->asker->arg, out->owner, TLSA_RRTYPE, &out->answer, err);
}

/* Where an alias leads, into target; empty where name is none, or not securely. */
static void target_of(char target[static LIMIT_DOMAIN_TEXT + 1], const struct dns_answer *address,
                      const char *name)
{
    target[0] = '\0';
    if (address->trust == DNS_SECURE && address->name_count > 1) {
        const char *last = address->names[address->name_count - 1];
        if (strlen(last) <= LIMIT_DOMAIN_TEXT && strcasecmp(last, name) != 0) {
            snprintf(target, LIMIT_DOMAIN_TEXT + 1, "%s", last);
        }
    }
}

static bool is_absent(const struct dns_answer *answer)
{
    return answer->outcome == DNS_NODATA || answer->outcome == DNS_NXDOMAIN;
}

/* At the target of an alias. *ends: clients do not go on to the name itself. They do where there
 * are no records, or none that are secure; what cannot be looked up ends the search (RFC 7671 7,
 * RFC 7672 2.1.1). */
static int ask_target(struct tlsa_found *out, const struct query *q, const char *target, bool *ends)
{
    int ret = ask_at(out, q, target, NULL);
    const struct dns_answer *answer = &out->answer;
    *ends = ret == 0 && !is_absent(answer) &&
            (answer->outcome != DNS_FOUND || answer->trust != DNS_INSECURE);
    if (ret < 0 || is_absent(answer)) {
        tlsa_found_clear(out);
    } else {
        out->alias = true;
    }
    return ret == -ENOMEM ? ret : 0;
}

int tlsa_lookup(struct tlsa_found *out, const struct tlsa_asker *asker, int64_t port,
                const char *protocol, const char *name, struct err *err)
{
    const struct query q = {.asker = asker, .port = port, .protocol = protocol};
    struct tlsa_found first = {0};
    char target[LIMIT_DOMAIN_TEXT + 1];
    bool ends = false;
    *out = (struct tlsa_found){0};
    snprintf(out->base, sizeof(out->base), "%s", name);
    int ret = tlsa_owner(out->owner, port, protocol, name, err);
    if (ret < 0 || (ret = asker->ask(asker->arg, name, A_RRTYPE, &out->answer, err)) < 0 ||
        out->answer.outcome == DNS_FAILED) { /* nobody knows whose records clients take */
        return ret;
    }
    target_of(target, &out->answer, name);
    dns_answer_clear(&out->answer);
    if (target[0] != '\0' && ((ret = ask_target(&first, &q, target, &ends)) < 0 || ends)) {
        *out = first;
        return ret;
    }
    ret = ask_at(out, &q, name, err);
    if (ret == 0 && is_absent(&out->answer) && first.alias) { /* insecure ones are all there is */
        struct tlsa_found own = *out;
        *out = first;
        first = own;
    }
    tlsa_found_clear(&first);
    return ret;
}

void tlsa_found_clear(struct tlsa_found *found)
{
    dns_answer_clear(&found->answer);
    *found = (struct tlsa_found){0};
}
