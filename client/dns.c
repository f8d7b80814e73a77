/*
 * A question follows aliases name by name: within a reply as far as that tells, then by asking for
 * the name it ended at.
 */
#include "client/dns_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "zones/name.h"

#define RESOLV_CONF "/etc/resolv.conf"

const char *dns_outcome_name(enum dns_outcome outcome)
{
    static const char *const names[] = {"found", "nodata", "nxdomain", "failed"};

    return names[outcome];
}

const char *dns_trust_name(enum dns_trust trust)
{
    static const char *const names[] = {"indeterminate", "insecure", "secure", "bogus"};

    return names[trust];
}

/* -- a question's way -- */

struct walk {
    struct dns *dns;
    struct dns_answer *out;
    uint8_t name[LIMIT_NAME_WIRE];
    uint16_t type;
    struct dns_reply reply;
};

static const char *server_text(const struct walk *walk, char dst[static DNSADDR_TEXT])
{
    dnsaddr_text(dst, &walk->dns->servers[walk->reply.server]);
    return dst;
}

static int fail(struct walk *walk, const char *what)
{
    char question[192];

    walk->out->outcome = DNS_FAILED;
    dns_rrset_text(question, walk->name, walk->type);
    dns_say(walk->out->reason, "%s: %s", question, what);
    return 0;
}

static int push_name(struct walk *walk)
{
    struct dns_answer *out = walk->out;
    char text[LIMIT_NAME_TEXT];

    name_to_text(text, walk->name);
    if ((out->names[out->name_count] = strdup(text)) == NULL) {
        return -ENOMEM;
    }
    out->name_count++;
    return 0;
}

/* The least of all steps: bogus, indeterminate, insecure, secure. */
static void merge(struct dns_answer *out, enum dns_trust trust)
{
    static const int rank[] = {
        [DNS_BOGUS] = 0, [DNS_INDETERMINATE] = 1, [DNS_INSECURE] = 2, [DNS_SECURE] = 3};

    if (rank[trust] < rank[out->trust]) {
        out->trust = trust;
    }
}

static int exchange(struct walk *walk, bool checking_disabled)
{
    const struct dnsmsg_question question = {
        .name = walk->name,
        .type = walk->type,
        .recursion_desired = true,
        .checking_disabled = checking_disabled,
        .authenticated_data = true,
    };

    ldns_pkt_free(walk->reply.pkt);
    return dns_question(walk->dns, &question, &walk->reply);
}

/* A resolver that validates says SERVFAIL of what is bogus, and shows it with CD set
 * (RFC 4035 3.2.2). */
static int explain_servfail(struct walk *walk, const char *said)
{
    struct walk again = {.dns = walk->dns, .out = walk->out, .type = walk->type};
    int ret;
    char text[DNS_REASON];

    memcpy(again.name, walk->name, sizeof again.name);
    (void)fail(walk, said);
    if ((ret = exchange(&again, true)) < 0) {
        return ret;
    }
    if (again.reply.pkt != NULL && dns_reply_code(again.reply.pkt) != LDNS_RCODE_SERVFAIL) {
        walk->out->trust = DNS_BOGUS;
        dns_say(text, "bogus: %s; it shows the records only unchecked", said);
        (void)fail(walk, text);
    }
    ldns_pkt_free(again.reply.pkt);
    return 0;
}

static enum dns_trust told_trust(const struct walk *walk)
{
    if (!walk->dns->trusted[walk->reply.server]) {
        return DNS_INDETERMINATE;
    }
    return ldns_pkt_ad(walk->reply.pkt) ? DNS_SECURE : DNS_INSECURE;
}

/* Asks for the name; whether there is a reply to go on with. */
static int ask(struct walk *walk, bool *usable)
{
    char server[DNSADDR_TEXT], code_text[32], more[160], text[DNS_REASON];
    unsigned code;
    int ret = exchange(walk, walk->dns->anchors != NULL);

    *usable = false;
    if (ret < 0) {
        return ret;
    }
    if (walk->reply.pkt == NULL) {
        return fail(walk, walk->reply.reason);
    }
    code = dns_reply_code(walk->reply.pkt);
    if (code == LDNS_RCODE_NOERROR || code == LDNS_RCODE_NXDOMAIN) {
        if (walk->dns->anchors == NULL) {
            merge(walk->out, told_trust(walk));
        }
        *usable = true;
        return 0;
    }
    dns_reply_code_text(code_text, code);
    dns_reply_extended(more, sizeof more, walk->reply.pkt);
    dns_say(text, "%s answered %s%s", server_text(walk, server), code_text, more);
    walk->out->trust = DNS_INDETERMINATE;
    return code == LDNS_RCODE_SERVFAIL && walk->dns->anchors == NULL ? explain_servfail(walk, text)
                                                                     : fail(walk, text);
}

/* Validates a step where we do that: records of `by`, or with none, the absence of what was asked.
 * *good: it may be gone on with. */
static int validate(struct walk *walk, const uint8_t *by, uint16_t type, bool *good)
{
    struct dns_answer *out = walk->out;
    enum dns_trust trust = DNS_BOGUS;
    int ret;

    *good = true;
    if (walk->dns->anchors == NULL) {
        return 0;
    }
    ret = by != NULL
              ? dns_validate_records(walk->dns, walk->reply.pkt, by, type, &trust, out->reason)
              : dns_validate_denial(walk->dns, walk->reply.pkt, walk->name, type, &trust,
                                    out->reason);
    merge(out, trust);
    *good = ret == 0 && (trust == DNS_SECURE || trust == DNS_INSECURE);
    if (*good) {
        out->reason[0] = '\0';
    } else {
        out->outcome = DNS_FAILED;
    }
    return ret;
}

static int found(struct walk *walk)
{
    bool good;
    int ret = validate(walk, walk->name, walk->type, &good);

    if (ret < 0 || !good) {
        return ret;
    }
    ret = dns_reply_records(walk->out, walk->reply.pkt, walk->name, walk->type);

    if (ret == ERR_LIMIT) {
        return fail(walk, "the records are larger than a DNS message");
    }
    walk->out->outcome = DNS_FOUND;
    return ret;
}

/* Nothing for the name, which is what was asked (fresh) or where an alias within the reply led.
 * *on: the reply does not tell. */
static int silent(struct walk *walk, bool fresh, bool *on)
{
    const ldns_pkt *pkt = walk->reply.pkt;
    const bool no_name = dns_reply_code(pkt) == LDNS_RCODE_NXDOMAIN; /* the last: RFC 6604 3 */
    uint32_t ttl = 0;
    bool denied = dns_reply_negative_ttl(&ttl, pkt, walk->name), good;

    if (!fresh && !no_name && !denied) {
        *on = true;
        return 0;
    }
    walk->out->negative_ttl = ttl;
    if (!no_name && !denied && !ldns_pkt_ra(pkt) && !ldns_pkt_aa(pkt)) {
        char server[DNSADDR_TEXT], text[DNS_REASON];

        dns_say(text, "%s does not look names up for others", server_text(walk, server));
        return fail(walk, text);
    }
    walk->out->outcome = no_name ? DNS_NXDOMAIN : DNS_NODATA;
    return validate(walk, NULL, walk->type, &good);
}

/* Goes on at the target. False: it cannot; the answer says why. */
static bool follow(struct walk *walk, const struct dns_found *at, int *ret)
{
    struct dns_answer *out = walk->out;
    char text[LIMIT_NAME_TEXT];

    *ret = 0;
    name_to_text(text, at->target);
    for (size_t i = 0; i < out->name_count; i++) {
        if (strcmp(text, out->names[i]) == 0) {
            *ret = fail(walk, "its aliases (CNAME) go round in a circle");
            return false;
        }
    }
    if (out->name_count > LIMIT_CNAME_CHAIN) {
        *ret = fail(walk, "more aliases (CNAME) follow each other than anybody follows");
        return false;
    }
    (void)name_lower(walk->name, at->target);
    *ret = push_name(walk);
    return *ret == 0;
}

static int run(struct walk *walk)
{
    struct dns_found at;
    bool fresh = true, usable, on;
    int ret;

    for (;;) {
        if (fresh && ((ret = ask(walk, &usable)) < 0 || !usable)) {
            return ret;
        }
        dns_reply_find(&at, walk->reply.pkt, walk->name, walk->type);
        switch (at.step) {
        case DNS_STEP_FOUND:
            return found(walk);
        case DNS_STEP_INVALID:
            return fail(walk, "an alias (CNAME or DNAME) leads to what is no name");
        case DNS_STEP_ALIAS:
            if ((ret = validate(walk, at.by, (uint16_t)at.by_type, &usable)) < 0 || !usable ||
                !follow(walk, &at, &ret)) {
                return ret;
            }
            fresh = false;
            break;
        case DNS_STEP_SILENT:
            on = false;
            if ((ret = silent(walk, fresh, &on)) < 0 || !on) {
                return ret;
            }
            fresh = true;
            break;
        }
    }
}

int dns_ask(struct dns *dns, const char *owner, uint16_t type, struct dns_answer *out,
            struct err *err)
{
    struct walk walk = {.dns = dns, .out = out, .type = type};
    int ret;

    *out = (struct dns_answer){.outcome = DNS_FAILED, .trust = DNS_SECURE};
    if ((ret = name_from_text(walk.name, owner)) < 0) {
        return err_set(err, ret, "%s is no name of DNS", owner);
    }
    ret = 0;
    (void)name_lower(walk.name, walk.name);
    dns->deadline = clock_mono_ms(dns->clock) + 3 * (uint64_t)dns->timeout_ms;
    dns->questions = LIMIT_DNS_QUESTIONS;
    dns->checks = LIMIT_DNS_CHECKS;
    dns_chain_begin(dns);
    out->names = calloc(LIMIT_CNAME_CHAIN + 2, sizeof *out->names);
    if (out->names == NULL || push_name(&walk) < 0 || run(&walk) < 0) {
        ret = err_set(err, -ENOMEM, "%s: out of memory", owner);
    }
    if (out->outcome == DNS_FAILED && out->trust != DNS_BOGUS) {
        out->trust = DNS_INDETERMINATE;
    }
    ldns_pkt_free(walk.reply.pkt);
    return ret;
}

void dns_answer_clear(struct dns_answer *answer)
{
    for (size_t i = 0; i < answer->name_count; i++) {
        free(answer->names[i]);
    }
    free(answer->names);
    free(answer->records);
    free(answer->held);
    *answer = (struct dns_answer){0};
}

/* -- life -- */

static int system_servers(struct dns *dns, const char *path, struct err *err)
{
    char *text;
    size_t len;
    bool trust_ad = false;
    int ret = file_read(AT_FDCWD, path, LIMIT_RESOLV_CONF, &text, &len, err);

    if (ret == 0) {
        dns->server_count = dnsaddr_resolv_conf(dns->servers, &trust_ad, text);
        free(text);
    } else if (ret != -ENOENT) {
        return ret;
    }
    if (dns->server_count == 0) { /* resolv.conf(5): the local host's */
        dns->server_count = dnsaddr_parse(&dns->servers[0], "127.0.0.1", 53) == 0;
    }
    for (size_t i = 0; i < dns->server_count; i++) {
        dns->trusted[i] = trust_ad;
    }
    return 0;
}

static int take_servers(struct dns *dns, const struct dns_options *options, struct err *err)
{
    const char *path = options->resolv_conf != NULL ? options->resolv_conf : RESOLV_CONF;
    const char *server = options->name_server;
    int ret = 0;

    if (server == NULL || *server == '\0') {
        ret = system_servers(dns, path, err);
    } else if (dnsaddr_parse(&dns->servers[0], server, 53) < 0) {
        ret = err_set(err, ERR_MALFORMED,
                      "name-server: %s is no address; one is 192.0.2.1, 2001:db8::1 or "
                      "192.0.2.1@5353",
                      server);
    } else {
        dns->server_count = 1;
    }
    for (size_t i = 0; i < dns->server_count; i++) {
        dns->trusted[i] = dns->trusted[i] || dnsaddr_is_loopback(&dns->servers[i]);
    }
    return ret;
}

int dns_new(struct dns **out, const struct dns_options *options, struct err *err)
{
    struct dns *dns = calloc(1, sizeof *dns);
    int ret;

    if (dns == NULL || (dns->message = malloc(LIMIT_DNS_MESSAGE)) == NULL) {
        free(dns);
        return err_set(err, -ENOMEM, "out of memory");
    }
    dns->clock = options->clock;
    dns->exchange = dns_exchange;
    dns->timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : LIMIT_DNS_TIMEOUT_MS;
    ret = take_servers(dns, options, err);
    if (ret == 0 && options->validate) {
        ret = dns_anchor_read(&dns->anchors, options->trust_anchor, err);
    }
    if (ret < 0) {
        dns_free(dns);
        return ret;
    }
    *out = dns;
    return 0;
}

void dns_free(struct dns *dns)
{
    if (dns == NULL) {
        return;
    }
    dns_chain_clear(dns);
    ldns_rr_list_deep_free(dns->anchors);
    free(dns->message);
    free(dns);
}
