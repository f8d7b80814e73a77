/*
 * A resolver in hand: a thread with UDP and TCP on one port of the loopback, and a table of what it
 * says to which question. What no row has does not exist.
 */
#ifndef CERTMILL_TESTS_UNIT_CLIENT_DNS_SERVER_H
#define CERTMILL_TESTS_UNIT_CLIENT_DNS_SERVER_H

#include <CUnit/CUnit.h>
#include <arpa/inet.h>
#include <ldns/ldns.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum dns_how {
    HOW_PLAIN,
    HOW_SILENT,
    HOW_TRUNCATED,    /* over UDP */
    HOW_NO_TCP,       /* truncated, and TCP connections are closed at once */
    HOW_SHORT_TCP,    /* truncated, and TCP ends in the middle of the message */
    HOW_OTHER_ID,     /* only answers with another ID */
    HOW_OTHER_NAME,   /* only answers to another name */
    HOW_OTHER_TYPE,   /* only answers to a question for another type */
    HOW_OTHER_CLASS,  /* or of another class */
    HOW_FORGED_FIRST, /* both of these, then the answer */
    HOW_GARBAGE,      /* counts of records that are not there */
    HOW_PROMISES,     /* truncated, and then 10,000 records in the count, and few in the message */
    HOW_CHECKED,      /* SERVFAIL unless CD is set */
};

struct dns_row {
    const char *name; /* with the last dot */
    ldns_rr_type type;
    enum dns_how how;
    const char *answer, *authority; /* lines of a zone file */
    ldns_pkt_rcode code;
    bool ad, not_ra;
};

struct dns_server {
    int udp, tcp;
    pthread_t thread;
    int stop[2];
    char address[40];
    const struct dns_row *rows;
    size_t count;
    unsigned questions, streams; /* to be looked at when it has stopped */
};

static inline void server_lines(ldns_pkt *pkt, ldns_pkt_section section, const char *lines)
{
    char *copy = strdup(lines), *rest = copy, *line;

    while ((line = strsep(&rest, "\n")) != NULL) {
        ldns_rr *rr = NULL;

        if (*line == '\0')
            continue;
        if (ldns_rr_new_frm_str(&rr, line, 60, NULL, NULL) != LDNS_STATUS_OK) {
            (void)fprintf(stderr, "no record: %s\n", line);
            abort();
        }
        ldns_pkt_push_rr(pkt, section, rr);
    }
    free(copy);
}

static inline const struct dns_row *server_row(const struct dns_server *server, const ldns_rr *rr)
{
    char *name = ldns_rdf2str(ldns_rr_owner(rr));
    const struct dns_row *found = NULL;

    for (size_t i = 0; i < server->count && found == NULL; i++)
        if (strcasecmp(server->rows[i].name, name) == 0 &&
            (server->rows[i].type == 0 || server->rows[i].type == ldns_rr_get_type(rr)))
            found = &server->rows[i];
    free(name);
    return found;
}

static inline void server_fill(const struct dns_server *server, ldns_pkt *pkt,
                               const struct dns_row *row, bool tcp, bool cd)
{
    static const uint8_t expired[] = {0, 15, 0, 6, 0, 7, 'o', 'l', 'd', 7};

    ldns_pkt_set_ra(pkt, row == NULL || !row->not_ra);
    if (row == NULL) {
        ldns_pkt_set_rcode(pkt, LDNS_RCODE_NXDOMAIN);
        server_lines(pkt, LDNS_SECTION_AUTHORITY, ". 30 IN SOA a. b. 1 1 1 1 20");
        return;
    }
    if (row->how == HOW_CHECKED && !cd) {
        ldns_pkt_set_rcode(pkt, LDNS_RCODE_SERVFAIL);
        ldns_pkt_set_edns_udp_size(pkt, 1232);
        ldns_pkt_set_edns_data(
            pkt, ldns_rdf_new_frm_data(LDNS_RDF_TYPE_UNKNOWN, sizeof expired, expired));
        return;
    }
    if ((row->how == HOW_TRUNCATED || row->how == HOW_NO_TCP || row->how == HOW_SHORT_TCP ||
         row->how == HOW_PROMISES) &&
        !tcp) {
        ldns_pkt_set_tc(pkt, true);
        return;
    }
    ldns_pkt_set_rcode(pkt, row->code & 15);
    ldns_pkt_set_edns_extended_rcode(pkt, (uint8_t)(row->code >> 4));
    ldns_pkt_set_ad(pkt, row->ad);
    server_lines(pkt, LDNS_SECTION_ANSWER, row->answer != NULL ? row->answer : "");
    server_lines(pkt, LDNS_SECTION_AUTHORITY, row->authority != NULL ? row->authority : "");
    (void)server;
}

static inline void server_spoil(uint8_t *wire, enum dns_how how, bool tcp)
{
    uint8_t *behind = wire + 12;

    while (*behind != 0)
        behind += 1 + *behind;
    if (how == HOW_OTHER_ID)
        wire[0] ^= 1;
    if (how == HOW_OTHER_NAME)
        wire[13] ^= 1;
    if (how == HOW_OTHER_TYPE)
        behind[2] ^= 1;
    if (how == HOW_OTHER_CLASS)
        behind[4] ^= 2;
    if (how == HOW_GARBAGE)
        wire[7] = 9;
    if (how == HOW_PROMISES && tcp)
        memcpy(wire + 6, (const uint8_t[]){10000 >> 8, 10000 & 0xff}, 2);
}

static inline uint8_t *server_reply(struct dns_server *server, const uint8_t *message, size_t len,
                                    bool tcp, size_t *size, enum dns_how *how)
{
    ldns_pkt *query = NULL, *pkt = ldns_pkt_new();
    const struct dns_row *row;
    uint8_t *wire = NULL;

    if (ldns_wire2pkt(&query, message, len) != LDNS_STATUS_OK || !ldns_pkt_edns_do(query) ||
        ldns_pkt_edns_udp_size(query) != 1232 || !ldns_pkt_ad(query) || !ldns_pkt_rd(query))
        abort();
    server->questions++;
    server->streams += tcp;
    row = server_row(server, ldns_rr_list_rr(ldns_pkt_question(query), 0));
    *how = row != NULL ? row->how : HOW_PLAIN;
    ldns_pkt_set_id(pkt, ldns_pkt_id(query));
    ldns_pkt_set_qr(pkt, true);
    ldns_pkt_push_rr(pkt, LDNS_SECTION_QUESTION,
                     ldns_rr_clone(ldns_rr_list_rr(ldns_pkt_question(query), 0)));
    server_fill(server, pkt, row, tcp, ldns_pkt_cd(query));
    if (ldns_pkt2wire(&wire, pkt, size) != LDNS_STATUS_OK)
        abort();
    ldns_pkt_free(query);
    ldns_pkt_free(pkt);
    server_spoil(wire, *how, tcp);
    return wire;
}

static inline void server_udp(struct dns_server *server)
{
    struct sockaddr_in from;
    socklen_t from_len = sizeof from;
    uint8_t buf[4096], *wire;
    ssize_t len = recvfrom(server->udp, buf, sizeof buf, 0, (struct sockaddr *)&from, &from_len);
    enum dns_how how;
    size_t size;

    if (len <= 0)
        return;
    wire = server_reply(server, buf, (size_t)len, false, &size, &how);
    if (how == HOW_FORGED_FIRST) {
        wire[0] ^= 1;
        (void)sendto(server->udp, wire, size, 0, (struct sockaddr *)&from, from_len);
        wire[0] ^= 1;
        wire[13] ^= 1;
        (void)sendto(server->udp, wire, size, 0, (struct sockaddr *)&from, from_len);
        wire[13] ^= 1;
        (void)sendto(server->udp, wire, 5, 0, (struct sockaddr *)&from, from_len);
    }
    if (how != HOW_SILENT)
        (void)sendto(server->udp, wire, size, 0, (struct sockaddr *)&from, from_len);
    free(wire);
}

static inline bool server_read(int fd, uint8_t *dst, size_t want)
{
    for (ssize_t len; want > 0; dst += len, want -= (size_t)len)
        if ((len = read(fd, dst, want)) <= 0)
            return false;
    return true;
}

static inline void server_tcp(struct dns_server *server)
{
    int fd = accept(server->tcp, NULL, NULL);
    uint8_t buf[4096], *wire, head[2];
    enum dns_how how;
    size_t size;

    if (fd < 0)
        return;
    if (server_read(fd, head, 2) && (size_t)(head[0] << 8 | head[1]) <= sizeof buf &&
        server_read(fd, buf, (size_t)(head[0] << 8 | head[1]))) {
        wire = server_reply(server, buf, (size_t)(head[0] << 8 | head[1]), true, &size, &how);
        head[0] = (uint8_t)(size >> 8);
        head[1] = (uint8_t)size;
        if (how != HOW_NO_TCP && send(fd, head, 2, MSG_NOSIGNAL) == 2) {
            size_t part = how == HOW_SHORT_TCP ? size / 2 : size;

            /* In small pieces: a stream has no messages. */
            for (size_t at = 0, step; at < part; at += step) {
                step = part - at < 1000 ? part - at : 1000;
                if (send(fd, wire + at, step, MSG_NOSIGNAL) != (ssize_t)step)
                    break;
            }
        }
        free(wire);
    }
    (void)close(fd);
}

static inline void *server_run(void *arg)
{
    struct dns_server *server = arg;
    struct pollfd fds[] = {{.fd = server->stop[0], .events = POLLIN},
                           {.fd = server->udp, .events = POLLIN},
                           {.fd = server->tcp, .events = POLLIN}};

    while (poll(fds, 3, -1) >= 0 && fds[0].revents == 0) {
        if (fds[1].revents != 0)
            server_udp(server);
        if (fds[2].revents != 0)
            server_tcp(server);
    }
    return NULL;
}

static inline void server_start(struct dns_server *server, const struct dns_row *rows, size_t count)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof in;
    bool bound = false;

    *server = (struct dns_server){.rows = rows, .count = count};
    for (int i = 0; i < 100 && !bound; i++) {
        in.sin_port = 0;
        server->tcp = socket(AF_INET, SOCK_STREAM, 0);
        server->udp = socket(AF_INET, SOCK_DGRAM, 0);
        bound = bind(server->tcp, (struct sockaddr *)&in, sizeof in) == 0 &&
                getsockname(server->tcp, (struct sockaddr *)&in, &len) == 0 &&
                bind(server->udp, (struct sockaddr *)&in, sizeof in) == 0;
        if (!bound) {
            (void)close(server->tcp);
            (void)close(server->udp);
        }
    }
    CU_ASSERT_TRUE_FATAL(bound);
    CU_ASSERT_EQUAL_FATAL(listen(server->tcp, 16), 0);
    CU_ASSERT_EQUAL_FATAL(pipe(server->stop), 0);
    (void)snprintf(server->address, sizeof server->address, "127.0.0.1@%u", ntohs(in.sin_port));
    CU_ASSERT_EQUAL_FATAL(pthread_create(&server->thread, NULL, server_run, server), 0);
}

static inline void server_stop(struct dns_server *server)
{
    (void)close(server->stop[1]);
    (void)pthread_join(server->thread, NULL);
    (void)close(server->stop[0]);
    (void)close(server->udp);
    (void)close(server->tcp);
}

#endif
