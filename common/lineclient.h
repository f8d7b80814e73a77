/*
 * The calling end of a local socket that talks in lines: connect, send one
 * line, read lines, each within a time and a bound. What the lines mean
 * (docs/protocol.md) is the caller's business.
 */
#ifndef CERTMILL_COMMON_LINECLIENT_H
#define CERTMILL_COMMON_LINECLIENT_H

#include <stddef.h>

#include "common/err.h"

struct lineclient {
    int fd;    /* -1 where not connected */
    int watch; /* where >= 0: reading ends with ERR_CANCELLED once nobody reads this one */
    char *buf;
    size_t start, end, cap, scanned; /* octets of buf in use; no LF before scanned */
    size_t max;                      /* octets of a line, without its LF */
};

/* Connects to the Unix socket at path. max: octets of one answer line. ERR_UNAVAILABLE
 * where nobody listens there, ERR_TIMEOUT, or -errno; err names the path. Free with
 * lineclient_close, which is harmless on a struct that failed to open. */
int lineclient_open(struct lineclient *client, const char *path, size_t max, int timeout_ms,
                    struct err *err);
void lineclient_close(struct lineclient *client);

/* Sends len octets and a LF. ERR_TIMEOUT; ERR_UNAVAILABLE where the other end hung up:
 * it may have said why, so that reading is still worth while. */
int lineclient_send(struct lineclient *client, const char *line, size_t len, int timeout_ms,
                    struct err *err);

/* Reads one line: *line (NUL-terminated, valid until the next call) and *len without its
 * LF. Returns 1, 0 at end of file, ERR_LIMIT, ERR_TIMEOUT after timeout_ms without a
 * whole line, ERR_PROTOCOL for a line cut short by the end, ERR_CANCELLED (see watch). */
int lineclient_read(struct lineclient *client, char **line, size_t *len, int timeout_ms,
                    struct err *err);

#endif
