/*
 * A question and the messages that came for it, recorded in tests/lab/dnssec.py's world by
 * lab_dns_ask and played again, at the time of the recording:
 *
 *   the root's DNSKEY as a zone file line, seconds since 1970, and NAME TYPE, a line each;
 *   then each message behind its length (two octets)
 */
#ifndef CERTMILL_TESTS_UNIT_CLIENT_DNS_RECORDED_H
#define CERTMILL_TESTS_UNIT_CLIENT_DNS_RECORDED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/dns_priv.h"
#include "common/wire.h"

struct recorded {
    char anchor[2048], name[LIMIT_NAME_TEXT], type[32];
    int64_t now; /* seconds */
    const uint8_t *messages;
    size_t len, at; /* of messages */
    size_t asked;
    struct clock clock;
    struct dns *dns;
};

static struct recorded *recorded_now; /* struct dns has no room for an argument of tests */

static inline int64_t recorded_wall(void *arg)
{
    return ((const struct recorded *)arg)->now * 1000000;
}

static inline uint64_t recorded_mono(void *arg)
{
    (void)arg;
    return 0;
}

static inline int recorded_exchange(struct dns *dns, const struct dnsmsg_question *question,
                                    struct dns_reply *reply)
{
    struct recorded *r = recorded_now;
    size_t left = r->len - r->at, len;

    (void)dns;
    *reply = (struct dns_reply){.reason = "nothing more is recorded"};
    r->asked++;
    if (left < 2)
        return 0;
    len = wire_read_u16(r->messages + r->at);
    len = len > left - 2 ? left - 2 : len;
    if (len >= 2)
        (void)dnsmsg_read(&reply->pkt, r->messages + r->at + 2, len, question,
                          wire_read_u16(r->messages + r->at + 2));
    r->at += 2 + len;
    return 0;
}

static inline size_t recorded_line(char *dst, size_t size, const uint8_t *data, size_t len)
{
    const uint8_t *end = memchr(data, '\n', len);
    size_t count = end != NULL ? (size_t)(end - data) : len, kept = count < size ? count : size - 1;

    memcpy(dst, data, kept);
    dst[kept] = '\0';
    return end != NULL ? count + 1 : len;
}

/* Takes apart; data is borrowed. False: no trust anchor in it, or no question. */
static inline bool recorded_open(struct recorded *r, const uint8_t *data, size_t len)
{
    struct dns_options options = {.name_server = "127.0.0.1", .clock = &r->clock};
    char line[LIMIT_NAME_TEXT + 40];
    struct err err = {0};
    size_t at;

    memset(r, 0, sizeof *r);
    at = recorded_line(r->anchor, sizeof r->anchor, data, len);
    at += recorded_line(line, sizeof line, data + at, len - at);
    r->now = strtoll(line, NULL, 10) & 0xffffffff;
    at += recorded_line(line, sizeof line, data + at, len - at);
    r->messages = data + at;
    r->len = len - at;
    r->clock = (struct clock){.wall_us = recorded_wall, .mono_ms = recorded_mono, .arg = r};
    if (sscanf(line, "%1023s %31s", r->name, r->type) != 2 || dns_new(&r->dns, &options, &err) < 0)
        return false;
    r->dns->exchange = recorded_exchange;
    if (dns_anchor_parse(&r->dns->anchors, r->anchor, "anchor", &err) < 0) {
        dns_free(r->dns);
        return false;
    }
    return true;
}

/* Played from the beginning; what was learnt of zones' keys is kept. */
static inline int recorded_again(struct recorded *r, struct dns_answer *out)
{
    struct err err = {0};
    int ret;

    r->at = 0;
    r->asked = 0;
    recorded_now = r;
    ret = dns_ask(r->dns, r->name, (uint16_t)ldns_get_rr_type_by_name(r->type), out, &err);
    recorded_now = NULL;
    return ret;
}

static inline int recorded_ask(struct recorded *r, struct dns_answer *out)
{
    dns_chain_clear(r->dns);
    return recorded_again(r, out);
}

#endif
