/*
 * The codec of the messages that certmill's own processes send each other over
 * SOCK_SEQPACKET socketpairs. A message is
 *
 *   u8 version (MSG_VERSION) | u8 zero | u16 type | fields ...
 *
 * with big-endian integers, and byte strings as u32 length and bytes. There is
 * no self-description: each type's fields and their order are in common/ipc.h.
 *
 * Writer and reader keep a sticky error: a sequence of puts or gets needs one
 * check, at msg_end or msg_done. Getters after an error give zeros and empty
 * strings, never foreign memory.
 */
#ifndef CERTMILL_COMMON_MSG_H
#define CERTMILL_COMMON_MSG_H

#include <stddef.h>
#include <stdint.h>

#define MSG_VERSION 1

struct msg_writer {
    uint8_t *buf;
    size_t len, cap;
    int error; /* 0, or ERR_LIMIT once something did not fit */
};

/* Starts a message of the given type in buf, which the caller owns. */
void msg_begin(struct msg_writer *w, uint8_t *buf, size_t cap, uint16_t type);
void msg_put_u8(struct msg_writer *w, uint8_t v);
void msg_put_u16(struct msg_writer *w, uint16_t v);
void msg_put_u32(struct msg_writer *w, uint32_t v);
void msg_put_u64(struct msg_writer *w, uint64_t v);
void msg_put_bytes(struct msg_writer *w, const void *data, size_t len);
void msg_put_str(struct msg_writer *w, const char *s); /* NULL counts as "" */
/* Returns the length in bytes, or ERR_LIMIT. */
int msg_end(const struct msg_writer *w);

struct msg_reader {
    const uint8_t *pos, *end;
    uint16_t type;
    int error; /* 0, ERR_MALFORMED, ERR_VERSION or ERR_LIMIT */
};

/* Reads the header; returns 0, ERR_MALFORMED or ERR_VERSION. buf must outlive r. */
int msg_open(struct msg_reader *r, const uint8_t *buf, size_t len);
uint8_t msg_get_u8(struct msg_reader *r);
uint16_t msg_get_u16(struct msg_reader *r);
uint32_t msg_get_u32(struct msg_reader *r);
uint64_t msg_get_u64(struct msg_reader *r);
/* A byte string of at most max bytes, pointing into the message; *len is set.
 * Longer: sticky ERR_LIMIT. Returns a non-NULL pointer even when empty. */
const uint8_t *msg_get_bytes(struct msg_reader *r, size_t max, size_t *len);
/* A string without NUL, copied and terminated into dst[cap]; too long: sticky ERR_LIMIT. */
void msg_get_str(struct msg_reader *r, char *dst, size_t cap);
/* 0 where all gets succeeded and nothing is left over, else negative. */
int msg_done(const struct msg_reader *r);

/* Sends one message with nfds descriptors (SCM_RIGHTS; they stay the caller's).
 * Returns 0 or -errno; -EAGAIN on a full non-blocking socket. EINTR is retried. */
int msg_send(int fd, const struct msg_writer *w, const int *fds, size_t nfds);

/* Receives one message into buf. *nfds: in room, out count of descriptors, which
 * are the caller's from then on, close-on-exec. Returns its length; 0 at end of
 * file; -EAGAIN; ERR_LIMIT where it was truncated (descriptors already closed). */
int msg_recv(int fd, uint8_t *buf, size_t cap, int *fds, size_t *nfds);

#endif
