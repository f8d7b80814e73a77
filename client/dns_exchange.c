/*
 * Each try has a socket of its own, connected, so that its source port is the kernel's random
 * choice (RFC 5452 4.5) and no other host's datagram arrives. What is no answer to the question is
 * passed over until the try's time is up: a forger must not be able to end it.
 */
#include "client/dns_priv.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/wire.h"

struct
try {
    struct dns *dns;
    const struct dnsmsg_question *question;
    const union dnsaddr *to;
    uint8_t *out; /* the query, two octets of length before it */
    size_t len;
    uint16_t id;
    uint64_t end; /* clock_mono_ms */
    int fd;
    bool strangers; /* something came that was no answer to the question */
};

/* 0, ERR_TIMEOUT, -errno. */
static int wait_for(struct try *try, short events)
{
    uint64_t now = clock_mono_ms(try->dns->clock);
    struct pollfd fd = {.fd = try->fd, .events = events};
    int ret;

    if (now >= try->end) {
        return ERR_TIMEOUT;
    }
    ret = poll(&fd, 1, (int)(try->end - now));
    if (ret == 0) {
        return ERR_TIMEOUT;
    }
    return ret < 0 && errno != EINTR ? -errno : 0;
}

static int open_socket(struct try *try, int type)
{
    const union dnsaddr *to = try->to;
    socklen_t size = to->any.sa_family == AF_INET6 ? sizeof to->in6 : sizeof to->in;

    try->fd = socket(to->any.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (try->fd < 0) {
        return -errno;
    }
    return connect(try->fd, &to->any, size) < 0 && errno != EINPROGRESS ? -errno : 0;
}

static int by_udp(struct try *try, ldns_pkt **pkt)
{
    int ret = open_socket(try, SOCK_DGRAM);

    if (ret == 0 && send(try->fd, try->out + 2, try->len, MSG_NOSIGNAL) != (ssize_t)try->len) {
        ret = -errno;
    }
    while (ret == 0 && (ret = wait_for(try, POLLIN)) == 0) {
        ssize_t len = recv(try->fd, try->dns->message, LIMIT_DNS_MESSAGE, 0);

        if (len < 0) {
            ret = errno == EAGAIN || errno == EINTR ? 0 : -errno;
            continue;
        }
        ret = dnsmsg_read(pkt, try->dns->message, (size_t)len, try->question, try->id);
        if (ret != ERR_NOT_FOUND) {
            return ret;
        }
        try->strangers = true;
        ret = 0;
    }
    return ret;
}

static int send_all(struct try *try)
{
    size_t at = 0;
    int ret = 0;

    wire_write_u16(try->out, (uint16_t)try->len);
    while (at < 2 + try->len && (ret = wait_for(try, POLLOUT)) == 0) {
        ssize_t len = send(try->fd, try->out + at, 2 + try->len - at, MSG_NOSIGNAL);

        if (len < 0 && errno != EAGAIN && errno != EINTR) {
            return -errno;
        }
        at += len > 0 ? (size_t)len : 0;
    }
    return ret;
}

static int receive_all(struct try *try, uint8_t *dst, size_t want)
{
    size_t at = 0;
    int ret = 0;

    while (at < want && (ret = wait_for(try, POLLIN)) == 0) {
        ssize_t len = recv(try->fd, dst + at, want - at, 0);

        if (len == 0) {
            return -ECONNRESET;
        }
        if (len < 0 && errno != EAGAIN && errno != EINTR) {
            return -errno;
        }
        at += len > 0 ? (size_t)len : 0;
    }
    return ret;
}

/* A message behind its length (RFC 1035 4.2.2). */
static int by_tcp(struct try *try, ldns_pkt **pkt)
{
    uint8_t *in = try->dns->message;
    size_t len;
    int ret;

    if ((ret = open_socket(try, SOCK_STREAM)) < 0 || (ret = send_all(try)) < 0 ||
        (ret = receive_all(try, in, 2)) < 0) {
        return ret;
    }
    len = wire_read_u16(in);
    if ((ret = receive_all(try, in, len)) < 0) {
        return ret;
    }
    ret = dnsmsg_read(pkt, in, len, try->question, try->id);
    return ret == ERR_NOT_FOUND ? ERR_PROTOCOL : ret;
}

static int make(struct try *try)
{
    uint8_t *query = NULL;
    int ret;

    if (getrandom(&try->id, sizeof try->id, 0) != sizeof try->id) {
        return -EIO;
    }
    if ((ret = dnsmsg_make(&query, &try->len, try->question, try->id)) < 0) {
        return ret;
    }
    if ((try->out = malloc(2 + try->len)) == NULL) {
        free(query);
        return -ENOMEM;
    }
    memcpy(try->out + 2, query, try->len);
    free(query);
    return 0;
}

/* One way of one try. */
static int run(struct try *try, bool tcp, ldns_pkt **pkt)
{
    int ret = make(try);

    try->fd = -1;
    if (ret == 0) {
        ret = tcp ? by_tcp(try, pkt) : by_udp(try, pkt);
    }
    if (try->fd >= 0) {
        (void)close(try->fd);
    }
    free(try->out);
    try->out = NULL;
    return ret;
}

/* UDP, and TCP where the answer is cut short (RFC 7766 5). tcp: which of them had the error. */
static int one_try(struct try *try, ldns_pkt **pkt, bool *tcp)
{
    int ret = run(try, false, pkt);

    *tcp = ret == 0 && ldns_pkt_tc(*pkt);
    if (*tcp) {
        ldns_pkt_free(*pkt);
        *pkt = NULL;
        ret = run(try, true, pkt);
    }
    return ret;
}

static void explain(char reason[static DNS_REASON], const struct try *try, bool tcp, int error)
{
    char server[DNSADDR_TEXT];
    const char *by = tcp ? " over TCP, after a truncated answer over UDP" : "";

    dnsaddr_text(server, try->to);
    if (error == ERR_TIMEOUT && try->strangers) {
        dns_say(reason, "what came from %s was no answer to the question (another ID or name)",
                server);
    } else if (error == ERR_TIMEOUT) {
        dns_say(reason, "no answer from %s%s in time", server, by);
    } else if (error == ERR_MALFORMED) {
        dns_say(reason, "%s sent what is no DNS message%s", server, by);
    } else if (error == ERR_PROTOCOL) {
        dns_say(reason, "%s answered another question%s", server, by);
    } else {
        dns_say(reason, "%s cannot be asked%s: %s", server, by, err_string(error));
    }
}

/* What another resolver may know better. */
static bool may_be_better(unsigned code)
{
    return code == LDNS_RCODE_SERVFAIL || code == LDNS_RCODE_REFUSED ||
           code == LDNS_RCODE_FORMERR || code == LDNS_RCODE_NOTIMPL;
}

/* Milliseconds of the first of `tries` that have half as much again each, `total` in all. */
static uint64_t first_share(size_t tries, uint64_t total)
{
    uint64_t sum = 0, part = 1024;

    for (size_t i = 0; i < tries; i++) {
        sum += part;
        part += part / 2;
    }
    return total * 1024 / sum + 1;
}

static uint64_t time_left(const struct dns *dns)
{
    uint64_t now = clock_mono_ms(dns->clock);
    uint64_t left = dns->deadline > now ? dns->deadline - now : 0;

    return left < (uint64_t)dns->timeout_ms ? left : (uint64_t)dns->timeout_ms;
}

/* Whether it is over: an answer that no other resolver has better. */
static bool take(struct dns *dns, struct dns_reply *reply, ldns_pkt *pkt, size_t server,
                 size_t tries)
{
    ldns_pkt_free(reply->pkt);
    reply->pkt = pkt;
    reply->server = server;
    if (may_be_better(dns_reply_code(pkt)) && tries + 1 < dns->server_count) {
        return false;
    }
    dns->server_now = server;
    return true;
}

int dns_exchange(struct dns *dns, const struct dnsmsg_question *question, struct dns_reply *reply)
{
    struct try try = {.dns = dns, .question = question};
    const size_t first = dns->server_now;
    size_t tries =
        dns->server_count > LIMIT_RESOLVE_TRIES ? dns->server_count : LIMIT_RESOLVE_TRIES;
    uint64_t share = first_share(tries, time_left(dns));

    *reply = (struct dns_reply){.reason = "its time is up"};
    for (size_t i = 0; i < tries; i++, share += share / 2) {
        const size_t server = (first + i) % dns->server_count;
        ldns_pkt *pkt = NULL;
        bool tcp = false;
        int ret;

        try.to = &dns->servers[server];
        try.strangers = false;
        try.end = clock_mono_ms(dns->clock) + share;
        ret = one_try(&try, &pkt, &tcp);
        if (ret == -ENOMEM) {
            ldns_pkt_free(reply->pkt);
            reply->pkt = NULL;
            return ret;
        }
        if (ret < 0) {
            explain(reply->reason, &try, tcp, ret);
        } else if (take(dns, reply, pkt, server, i)) {
            break;
        }
        if (reply->pkt != NULL && i + 1 >= dns->server_count) {
            break; /* each was asked, and somebody answered something */
        }
    }
    return 0;
}

int dns_question(struct dns *dns, const struct dnsmsg_question *question, struct dns_reply *reply)
{
    if (dns->questions == 0) {
        *reply = (struct dns_reply){.reason = "it leads to too many questions"};
        return 0;
    }
    dns->questions--;
    return dns->exchange(dns, question, reply);
}
