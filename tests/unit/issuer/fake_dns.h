/*
 * A nameserver in hand, UDP and TCP on one port of the loopback: a table of names, how each is
 * answered, and its records. What no row names does not exist.
 */
#ifndef CERTMILL_TESTS_UNIT_ISSUER_FAKE_DNS_H
#define CERTMILL_TESTS_UNIT_ISSUER_FAKE_DNS_H

#include <CUnit/CUnit.h>
#include <arpa/inet.h>
#include <errno.h>
#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

enum fake_how {
    FAKE_PLAIN,
    FAKE_SILENT,
    FAKE_SERVFAIL,
    FAKE_BOGUS, /* SERVFAIL but for questions with CD */
    FAKE_REFUSED,
    FAKE_TRUNCATED, /* over UDP */
    FAKE_FORGED,    /* three datagrams that are no answers come first */
    FAKE_GARBAGE,   /* an answer that does not parse */
};

struct fake_row {
    const char *name; /* with the last dot */
    enum fake_how how;
    const char *records; /* lines of a zone file, or NULL */
    bool direct;         /* for questions without RD, and only for them */
    const char *authority;
};

struct fake_dns {
    int udp, tcp;
    uv_poll_t udp_poll, tcp_poll;
    uint16_t port;
    char address[32];
    const struct fake_row *rows;
    size_t count;
    unsigned questions, streams;
    /* The TXT value of a name that no row has, or NULL. */
    const char *(*txt)(void *arg, const char *name);
    void *arg;
};

static inline const struct fake_row *fake_find(const struct fake_dns *dns, const char *name,
                                               bool direct)
{
    for (size_t i = 0; i < dns->count; i++)
        if (strcasecmp(dns->rows[i].name, name) == 0 && dns->rows[i].direct == direct)
            return &dns->rows[i];
    return NULL;
}

static inline void fake_put(ldns_pkt *answer, ldns_pkt_section section, const char *line)
{
    ldns_rr *rr = NULL;

    CU_ASSERT_EQUAL_FATAL(ldns_rr_new_frm_str(&rr, line, 60, NULL, NULL), LDNS_STATUS_OK);
    ldns_pkt_push_rr(answer, section, rr);
}

/* The records that answer a question; cname: where to go on, malloc'd. */
static inline void fake_records(ldns_pkt *answer, ldns_pkt_section section, const char *lines,
                                ldns_rr_type type, char **cname)
{
    char *copy = strdup(lines), *rest = copy, *line;

    while ((line = strsep(&rest, "\n")) != NULL) {
        ldns_rr *rr = NULL;

        CU_ASSERT_EQUAL_FATAL(ldns_rr_new_frm_str(&rr, line, 60, NULL, NULL), LDNS_STATUS_OK);
        if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_CNAME && type != LDNS_RR_TYPE_CNAME && cname)
            *cname = ldns_rdf2str(ldns_rr_rdf(rr, 0));
        if (ldns_rr_get_type(rr) == type || (cname != NULL && *cname != NULL))
            fake_put(answer, section, line);
        ldns_rr_free(rr);
    }
    free(copy);
}

static inline void fake_fill(struct fake_dns *dns, ldns_pkt *answer, const ldns_pkt *query,
                             const struct fake_row *row, char *name)
{
    ldns_rr_type type = ldns_rr_get_type(ldns_rr_list_rr(ldns_pkt_question(query), 0));
    char line[512], *at = strdup(name), *next;
    const char *value;
    int steps = 0;

    while (row != NULL && row->records != NULL && steps++ < 12) {
        next = NULL;
        fake_records(answer, LDNS_SECTION_ANSWER, row->records, type, &next);
        if (row->authority != NULL)
            fake_records(answer, LDNS_SECTION_AUTHORITY, row->authority, type, NULL);
        if (next == NULL)
            break;
        free(at);
        at = next;
        row = fake_find(dns, at, row->direct);
    }
    if (row != NULL && row->records == NULL && row->authority != NULL)
        fake_records(answer, LDNS_SECTION_AUTHORITY, row->authority, LDNS_RR_TYPE_NS, NULL);
    if (steps > 12)
        ldns_pkt_set_rcode(answer, LDNS_RCODE_SERVFAIL);
    value = row == NULL && dns->txt != NULL ? dns->txt(dns->arg, at) : NULL;
    if (value != NULL && type == LDNS_RR_TYPE_TXT) {
        (void)snprintf(line, sizeof line, "%s 0 IN TXT \"%s\"", at, value);
        fake_put(answer, LDNS_SECTION_ANSWER, line);
    } else if (row == NULL) {
        ldns_pkt_set_rcode(answer, LDNS_RCODE_NXDOMAIN);
    }
    free(at);
}

static inline enum fake_how fake_answer(struct fake_dns *dns, ldns_pkt *answer,
                                        const ldns_pkt *query, bool tcp)
{
    const ldns_rr *question = ldns_rr_list_rr(ldns_pkt_question(query), 0);
    char *name = ldns_rdf2str(ldns_rr_owner(question));
    const struct fake_row *row = fake_find(dns, name, !ldns_pkt_rd(query));
    enum fake_how how = row != NULL ? row->how : FAKE_PLAIN;

    if (how == FAKE_BOGUS)
        how = ldns_pkt_cd(query) ? FAKE_PLAIN : FAKE_SERVFAIL;
    if (how == FAKE_SERVFAIL || how == FAKE_REFUSED)
        ldns_pkt_set_rcode(answer, how == FAKE_REFUSED ? LDNS_RCODE_REFUSED : LDNS_RCODE_SERVFAIL);
    else if (how == FAKE_TRUNCATED && !tcp)
        ldns_pkt_set_tc(answer, true);
    else
        fake_fill(dns, answer, query, row, name);
    free(name);
    return how;
}

/* The answer to a message, malloc'd, or NULL. */
static inline uint8_t *fake_reply(struct fake_dns *dns, const uint8_t *message, size_t len,
                                  bool tcp, size_t *size, enum fake_how *how)
{
    ldns_pkt *query = NULL, *answer = ldns_pkt_new();
    uint8_t *wire = NULL;

    CU_ASSERT_EQUAL_FATAL(ldns_wire2pkt(&query, message, len), LDNS_STATUS_OK);
    CU_ASSERT_TRUE(ldns_pkt_edns_do(query));
    CU_ASSERT_EQUAL(ldns_pkt_edns_udp_size(query), 1232);
    dns->questions++;
    dns->streams += tcp;
    ldns_pkt_set_id(answer, ldns_pkt_id(query));
    ldns_pkt_set_qr(answer, true);
    ldns_pkt_push_rr(answer, LDNS_SECTION_QUESTION,
                     ldns_rr_clone(ldns_rr_list_rr(ldns_pkt_question(query), 0)));
    *how = fake_answer(dns, answer, query, tcp);
    CU_ASSERT_EQUAL_FATAL(ldns_pkt2wire(&wire, answer, size), LDNS_STATUS_OK);
    ldns_pkt_free(query);
    ldns_pkt_free(answer);
    if (*how == FAKE_SILENT) {
        free(wire);
        wire = NULL;
    }
    if (*how == FAKE_GARBAGE)
        wire[7] = 9; /* records that are not there */
    return wire;
}

static inline void fake_on_udp(uv_poll_t *poll, int status, int events)
{
    struct fake_dns *dns = poll->data;
    struct sockaddr_storage from;
    socklen_t from_len = sizeof from;
    uint8_t buf[4096], *wire;
    ssize_t len;

    (void)status;
    (void)events;
    while ((len = recvfrom(dns->udp, buf, sizeof buf, MSG_DONTWAIT, (struct sockaddr *)&from,
                           &from_len)) > 0) {
        enum fake_how how;
        size_t size;

        if ((wire = fake_reply(dns, buf, (size_t)len, false, &size, &how)) == NULL)
            continue;
        if (how == FAKE_FORGED) {
            wire[0] ^= 1;
            (void)sendto(dns->udp, wire, size, 0, (struct sockaddr *)&from, from_len);
            wire[0] ^= 1;
            wire[13] ^= 1; /* another name */
            (void)sendto(dns->udp, wire, size, 0, (struct sockaddr *)&from, from_len);
            wire[13] ^= 1;
            (void)sendto(dns->udp, wire, 5, 0, (struct sockaddr *)&from, from_len);
        }
        CU_ASSERT_EQUAL(sendto(dns->udp, wire, size, 0, (struct sockaddr *)&from, from_len),
                        (ssize_t)size);
        free(wire);
    }
}

struct fake_stream {
    uv_poll_t poll;
    struct fake_dns *dns;
    int fd;
};

static inline void fake_on_stream_closed(uv_handle_t *handle)
{
    struct fake_stream *stream = handle->data;

    (void)close(stream->fd);
    free(stream);
}

/* One question a connection, which comes whole: loopback. */
static inline void fake_on_stream(uv_poll_t *poll, int status, int events)
{
    struct fake_stream *stream = poll->data;
    uint8_t buf[4096], head[2], *wire;
    ssize_t len = recv(stream->fd, buf, sizeof buf, MSG_DONTWAIT);
    enum fake_how how;
    size_t size;

    (void)status;
    (void)events;
    if (len > 2 && (wire = fake_reply(stream->dns, buf + 2, (size_t)len - 2, true, &size, &how))) {
        head[0] = (uint8_t)(size >> 8);
        head[1] = (uint8_t)size;
        (void)send(stream->fd, head, 2, MSG_NOSIGNAL);
        (void)send(stream->fd, wire, size, MSG_NOSIGNAL);
        free(wire);
    }
    uv_close((uv_handle_t *)poll, fake_on_stream_closed);
}

static inline void fake_on_tcp(uv_poll_t *poll, int status, int events)
{
    struct fake_dns *dns = poll->data;
    struct fake_stream *stream = calloc(1, sizeof *stream);

    (void)status;
    (void)events;
    stream->dns = dns;
    stream->fd = accept(dns->tcp, NULL, NULL);
    CU_ASSERT_FATAL(stream->fd >= 0);
    stream->poll.data = stream;
    CU_ASSERT_EQUAL_FATAL(uv_poll_init(poll->loop, &stream->poll, stream->fd), 0);
    CU_ASSERT_EQUAL_FATAL(uv_poll_start(&stream->poll, UV_READABLE, fake_on_stream), 0);
}

static inline void fake_dns_open(struct fake_dns *dns, uv_loop_t *loop, const struct fake_row *rows,
                                 size_t count)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;

    memset(dns, 0, sizeof *dns);
    dns->rows = rows;
    dns->count = count;
    do { /* until both can have one port */
        at.sin_port = 0;
        dns->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        dns->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CU_ASSERT_EQUAL_FATAL(bind(dns->udp, (struct sockaddr *)&at, sizeof at), 0);
        CU_ASSERT_EQUAL_FATAL(getsockname(dns->udp, (struct sockaddr *)&at, &len), 0);
        if (bind(dns->tcp, (struct sockaddr *)&at, sizeof at) == 0)
            break;
        (void)close(dns->udp);
        (void)close(dns->tcp);
    } while (true);
    CU_ASSERT_EQUAL_FATAL(listen(dns->tcp, 8), 0);
    dns->port = ntohs(at.sin_port);
    (void)snprintf(dns->address, sizeof dns->address, "127.0.0.1:%u", dns->port);
    dns->udp_poll.data = dns->tcp_poll.data = dns;
    CU_ASSERT_EQUAL_FATAL(uv_poll_init(loop, &dns->udp_poll, dns->udp), 0);
    CU_ASSERT_EQUAL_FATAL(uv_poll_init(loop, &dns->tcp_poll, dns->tcp), 0);
    CU_ASSERT_EQUAL_FATAL(uv_poll_start(&dns->udp_poll, UV_READABLE, fake_on_udp), 0);
    CU_ASSERT_EQUAL_FATAL(uv_poll_start(&dns->tcp_poll, UV_READABLE, fake_on_tcp), 0);
}

static inline void fake_dns_close(struct fake_dns *dns, uv_loop_t *loop)
{
    uv_close((uv_handle_t *)&dns->udp_poll, NULL);
    uv_close((uv_handle_t *)&dns->tcp_poll, NULL);
    (void)uv_run(loop, UV_RUN_NOWAIT);
    (void)close(dns->udp);
    (void)close(dns->tcp);
}

#endif
