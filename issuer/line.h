/*
 * The serving end of a local socket that talks in lines (docs/protocol.md): takes
 * connections, reads one request line from each, writes lines back, closes. Lines too long,
 * requests too slow, clients too many and readers that do not read are dealt with here, each by one
 * error line or by hanging up, without the others noticing.
 */
#ifndef CERTMILL_ISSUER_LINE_H
#define CERTMILL_ISSUER_LINE_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "common/err.h"
#include "common/log.h"

struct line_server;
struct line_conn;

struct line_options {
    uv_loop_t *loop;
    struct log *log;
    const char *name; /* "submit.sock", for the log */
    size_t max_line;  /* octets of a request, without its LF */
    size_t max_queue; /* octets that wait for a slow reader before it is dropped */
    unsigned max_clients;
    unsigned request_ms; /* from connect to a whole request */
    /* One request: len octets, a NUL after them, no LF; good until the conn has gone. The
     * answer is line_send any number of times, then one line_finish, now or later. */
    void (*on_line)(void *arg, struct line_conn *conn, const char *line, size_t len);
    /* For each conn that on_line had: it must not be used any more. Answered, or the peer has left.
     * Always from the loop, never from within a call of this header. */
    void (*on_gone)(void *arg, struct line_conn *conn);
    void *arg;
};

/* fd: a listening Unix socket, taken over (also on error). */
int line_server_new(struct line_server **out, const struct line_options *options, int fd);
/* Takes no more connections; what was answered is still written out, the rest hung up on. */
void line_server_free(struct line_server *server);

/* Calls each for every connection that on_line had and that is not gone. */
void line_each(struct line_server *server, void (*each)(struct line_conn *conn));

/* One line; text holds no LF. Harmless on a conn whose peer has left. */
void line_send(struct line_conn *conn, const char *text, size_t len);
/* The last line; the connection is closed once it is written. */
void line_finish(struct line_conn *conn, const char *text, size_t len);
/* {"result":"error","kind":KIND,"message":MESSAGE} as the last line. */
void line_fail(struct line_conn *conn, const char *kind, const char *message);

/* Who connected, -1 where the kernel does not say. */
int64_t line_peer_uid(const struct line_conn *conn);
/* One pointer for the server's user. */
void line_set_data(struct line_conn *conn, void *data);
void *line_data(const struct line_conn *conn);

#endif
