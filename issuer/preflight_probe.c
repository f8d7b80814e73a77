/*
 * Whether the resolver finds in our zone what we have just put there. Where it does not: which
 * nameservers the parent's own name for the zone, and what each of them answers.
 */
#include <stdlib.h>
#include <string.h>

#include "issuer/preflight_priv.h"
#include "issuer/say.h"
#include "zones/name.h"

struct diagnosis {
    struct judge *judge;
    uint16_t port;
    const char *value;
    uint8_t zone[LIMIT_NAME_WIRE], probe[LIMIT_NAME_WIRE], parent[LIMIT_NAME_WIRE];
    char zone_text[LIMIT_NAME_TEXT], parent_text[LIMIT_NAME_TEXT];
    const ldns_rr_list *delegation; /* of the parent's nameserver that answered */
    struct say said;
    bool unsure; /* somebody did not answer: it may be the way there */
};

static bool has_value(const ldns_pkt *pkt, const uint8_t *name, const char *value)
{
    uint8_t end[LIMIT_NAME_WIRE];
    const ldns_rr *rr;
    size_t at = 0;

    if (dnsmsg_follow(end, pkt, name) < 0) {
        return false;
    }
    while ((rr = dnsmsg_find(ldns_pkt_answer(pkt), end, LDNS_RR_TYPE_TXT, &at)) != NULL) {
        const ldns_rdf *rdf = ldns_rr_rd_count(rr) > 0 ? ldns_rr_rdf(rr, 0) : NULL;

        if (rdf != NULL && ldns_rdf_size(rdf) == strlen(value) + 1 &&
            memcmp(ldns_rdf_data(rdf) + 1, value, strlen(value)) == 0) {
            return true;
        }
    }
    return false;
}

/* -- addresses of nameservers -- */

static bool take_address(union dnsaddr *out, const ldns_rr *rr, uint16_t port)
{
    const ldns_rdf *rdf = ldns_rr_rd_count(rr) > 0 ? ldns_rr_rdf(rr, 0) : NULL;

    memset(out, 0, sizeof *out);
    if (rdf == NULL) {
        return false;
    }
    if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_A && ldns_rdf_size(rdf) == 4) {
        out->in.sin_family = AF_INET;
        out->in.sin_port = htons(port);
        memcpy(&out->in.sin_addr, ldns_rdf_data(rdf), 4);
        return true;
    }
    if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_AAAA && ldns_rdf_size(rdf) == 16) {
        out->in6.sin6_family = AF_INET6;
        out->in6.sin6_port = htons(port);
        memcpy(&out->in6.sin6_addr, ldns_rdf_data(rdf), 16);
        return true;
    }
    return false;
}

/* The first address of a host: 1, 0 where it has none, -1 where that is not known yet. */
static int address_of(struct diagnosis *d, union dnsaddr *out, const uint8_t *host)
{
    static const uint16_t types[] = {LDNS_RR_TYPE_A, LDNS_RR_TYPE_AAAA};
    int pending = 0;

    for (size_t i = 0; i < 2; i++) {
        const struct lookup *lookup;
        uint8_t end[LIMIT_NAME_WIRE];
        const ldns_rr *rr;
        size_t at = 0;

        if (preflight_ask(d->judge, host, types[i], &lookup) == OUTCOME_PENDING) {
            pending = -1;
            continue;
        }
        if (lookup->state == LOOKUP_DONE && dnsmsg_follow(end, lookup->pkt, host) >= 0 &&
            (rr = dnsmsg_find(ldns_pkt_answer(lookup->pkt), end, types[i], &at)) != NULL &&
            take_address(out, rr, d->port)) {
            return 1;
        }
    }
    return pending;
}

/* -- the parent -- */

/* The nearest name above the zone that has nameservers: its NS records, or NULL where there are
 * none, or that is not known yet (pending). */
static const ldns_rr_list *parent_servers(struct diagnosis *d)
{
    for (const uint8_t *name = name_parent(d->zone); name != NULL; name = name_parent(name)) {
        const struct lookup *lookup;
        size_t at = 0;

        if (preflight_ask(d->judge, name, LDNS_RR_TYPE_NS, &lookup) == OUTCOME_PENDING) {
            return NULL;
        }
        if (lookup->state == LOOKUP_DONE &&
            dnsmsg_find(ldns_pkt_answer(lookup->pkt), name, LDNS_RR_TYPE_NS, &at) != NULL) {
            (void)name_lower(d->parent, name);
            name_to_text(d->parent_text, name);
            return ldns_pkt_answer(lookup->pkt);
        }
    }
    return NULL;
}

static bool has_ns(const ldns_rr_list *list, const uint8_t *zone)
{
    size_t at = 0;

    return dnsmsg_find(list, zone, LDNS_RR_TYPE_NS, &at) != NULL;
}

/* Asks the parent's nameservers until one says something. 1: it delegates, 0: it does not, -1: not
 * known. */
static int ask_parent(struct diagnosis *d, const ldns_rr_list *servers)
{
    const ldns_rr *rr;
    size_t at = 0;

    for (unsigned n = 0;
         n < LIMIT_PREFLIGHT_NS && (rr = dnsmsg_find(servers, d->parent, LDNS_RR_TYPE_NS, &at));
         n++) {
        union dnsaddr address;
        uint8_t host[LIMIT_NAME_WIRE];
        const struct lookup *lookup;

        if (dnsmsg_name(host, rr, 0) < 0 || address_of(d, &address, host) <= 0) {
            continue;
        }
        lookup = lookups_ask_server(d->judge->lookups, d->zone, LDNS_RR_TYPE_NS, &address);
        if (lookup->state == LOOKUP_PENDING) {
            d->judge->pending = true;
            return -1;
        }
        if (lookup->state != LOOKUP_DONE ||
            (ldns_pkt_get_rcode(lookup->pkt) != LDNS_RCODE_NOERROR &&
             ldns_pkt_get_rcode(lookup->pkt) != LDNS_RCODE_NXDOMAIN)) {
            continue;
        }
        if (has_ns(d->delegation = ldns_pkt_authority(lookup->pkt), d->zone) ||
            has_ns(d->delegation = ldns_pkt_answer(lookup->pkt), d->zone)) {
            return 1;
        }
        return 0;
    }
    return -1;
}

/* -- our nameservers -- */

static void say_server(struct diagnosis *d, const uint8_t *host)
{
    union dnsaddr address;
    const struct lookup *lookup;
    char text[LIMIT_NAME_TEXT], at[DNSADDR_TEXT];
    int found = address_of(d, &address, host);

    name_to_text(text, host);
    say_add(&d->said, "%s%s", d->said.len > 0 ? ", " : "", text);
    if (found <= 0) {
        say_add(&d->said, " (no address)");
        return;
    }
    dnsaddr_text(at, &address);
    lookup = lookups_ask_server(d->judge->lookups, d->probe, LDNS_RR_TYPE_TXT, &address);
    d->judge->pending = d->judge->pending || lookup->state == LOOKUP_PENDING;
    d->unsure = d->unsure || lookup->state != LOOKUP_DONE;
    if (lookup->state == LOOKUP_DONE && has_value(lookup->pkt, d->probe, d->value)) {
        say_add(&d->said, " (%s: it is there)", at);
        d->unsure = true;
    } else {
        say_add(&d->said, " (%s: %s)", at, preflight_answer_text(lookup));
    }
}

static void say_servers(struct diagnosis *d)
{
    const ldns_rr *rr;
    size_t at = 0;

    for (unsigned n = 0; n < LIMIT_PREFLIGHT_NS &&
                         (rr = dnsmsg_find(d->delegation, d->zone, LDNS_RR_TYPE_NS, &at)) != NULL;
         n++) {
        uint8_t host[LIMIT_NAME_WIRE];

        if (dnsmsg_name(host, rr, 0) == 0) {
            say_server(d, host);
        }
    }
}

/* The NS records of the zone in its parent, as our configuration has them. */
static void say_records(struct say *say, const struct diagnosis *d)
{
    const struct server_conf_zone *zone = d->judge->conf->zones.rows;

    if (d->judge->conf->zones.count == 0 || zone->nameservers.count == 0) {
        say_add(say, "\"%s. NS\" with the name of this server", d->zone_text);
        return;
    }
    for (size_t i = 0; i < zone->nameservers.count && i < LIMIT_PREFLIGHT_NS; i++) {
        say_add(say, "%s\"%s. NS %s.\"", i > 0 ? ", " : "", d->zone_text,
                zone->nameservers.items[i]);
    }
}

static void conclude(struct diagnosis *d, const char *answer, bool definite, int delegated)
{
    struct preflight_finding about = {
        .kind = "delegation", .severity = definite ? PREFLIGHT_DEFINITE : PREFLIGHT_TEMPORARY};
    struct say records;
    char *text, *said = say_take(&d->said);

    say_init(&records, LIMIT_PREFLIGHT_TEXT / 2);
    say_records(&records, d);
    text = say_take(&records);
    if (text == NULL || said == NULL) {
        d->judge->out->short_of_memory = true;
    } else if (delegated == 0) {
        findings_add(d->judge->out, &about,
                     "%s does not delegate %s, so that nobody finds our records (the resolver "
                     "answers %s); publish %s in %s",
                     d->parent_text, d->zone_text, answer, text, d->parent_text);
    } else if (delegated > 0) {
        findings_add(d->judge->out, &about,
                     "a record just published in %s is not found (the resolver answers %s); %s "
                     "delegates to %s: let these lead to this server, or publish %s in %s",
                     d->zone_text, answer, d->parent_text, said, text, d->parent_text);
    } else {
        findings_add(d->judge->out, &about,
                     "a record just published in %s is not found: the resolver answers %s, and no "
                     "nameserver above it could be asked; publish %s in the zone above",
                     d->zone_text, answer, text);
    }
    free(text);
    free(said);
}

static void diagnose(struct diagnosis *d, const struct lookup *found)
{
    const bool plain = found->state == LOOKUP_DONE &&
                       ldns_pkt_get_rcode(found->pkt) != LDNS_RCODE_SERVFAIL &&
                       ldns_pkt_get_rcode(found->pkt) != LDNS_RCODE_REFUSED;
    const ldns_rr_list *servers = parent_servers(d);
    int delegated = servers != NULL ? ask_parent(d, servers) : -1;

    say_init(&d->said, LIMIT_PREFLIGHT_TEXT / 2);
    if (delegated > 0) {
        say_servers(d);
    }
    if (d->judge->pending) {
        say_clear(&d->said);
        return;
    }
    conclude(d, preflight_answer_text(found),
             plain || delegated == 0 || (delegated > 0 && !d->unsure), delegated);
}

void preflight_probe(struct judge *judge, const char *label, const char *value, uint16_t port)
{
    struct diagnosis d = {.judge = judge, .port = port, .value = value};
    struct preflight_finding about = {.kind = "delegation"};
    const struct lookup *lookup;
    enum preflight_outcome outcome;

    if (name_from_text(d.zone, publisher_zone(judge->publisher)) < 0 ||
        publisher_record_wire(judge->publisher, label, d.probe) < 0) {
        about.severity = PREFLIGHT_TEMPORARY;
        findings_add(judge->out, &about, "no zone is there to look at");
        return;
    }
    name_to_text(d.zone_text, d.zone);
    outcome = preflight_ask(judge, d.probe, LDNS_RR_TYPE_TXT, &lookup);
    if (outcome == OUTCOME_ANSWER && has_value(lookup->pkt, d.probe, value)) {
        findings_add(judge->out, &about, "%s is delegated to this server", d.zone_text);
    } else if (outcome == OUTCOME_BOGUS) {
        preflight_failed(judge, &about, outcome, d.zone, lookup);
    } else if (outcome == OUTCOME_TEMPORARY && lookup->state != LOOKUP_DONE) {
        about.severity = PREFLIGHT_TEMPORARY; /* nobody else would answer through it either */
        findings_add(judge->out, &about, "the resolver does not answer: %s",
                     preflight_answer_text(lookup));
    } else if (outcome != OUTCOME_PENDING) {
        diagnose(&d, lookup);
    }
}
