#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/err.h"
#include "common/limits.h"
#include "common/msg.h"
#include "run.h"

static void test_round_trip(void)
{
    uint8_t buf[128];
    struct msg_writer w;
    struct msg_reader r;
    char text[16];
    size_t len;

    msg_begin(&w, buf, sizeof(buf), 513);
    msg_put_u8(&w, 7);
    msg_put_u16(&w, 0x1234);
    msg_put_u32(&w, 0xdeadbeef);
    msg_put_u64(&w, 0x0123456789abcdef);
    msg_put_bytes(&w, "a\0b", 3);
    msg_put_str(&w, "hello");
    msg_put_str(&w, NULL);
    len = (size_t)msg_end(&w);
    CU_ASSERT_EQUAL(len, 4 + 1 + 2 + 4 + 8 + 7 + 9 + 4);
    CU_ASSERT_EQUAL(memcmp(buf, "\x01\x00\x02\x01\x07\x12\x34", 7), 0);

    CU_ASSERT_EQUAL(msg_open(&r, buf, len), 0);
    CU_ASSERT_EQUAL(r.type, 513);
    CU_ASSERT_EQUAL(msg_get_u8(&r), 7);
    CU_ASSERT_EQUAL(msg_get_u16(&r), 0x1234);
    CU_ASSERT_EQUAL(msg_get_u32(&r), 0xdeadbeef);
    CU_ASSERT_EQUAL(msg_get_u64(&r), 0x0123456789abcdef);
    const uint8_t *bytes = msg_get_bytes(&r, 3, &len);
    CU_ASSERT_EQUAL(len, 3);
    CU_ASSERT_EQUAL(memcmp(bytes, "a\0b", 3), 0);
    msg_get_str(&r, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "hello");
    CU_ASSERT_EQUAL(msg_done(&r), ERR_MALFORMED); /* something is left */
    msg_get_str(&r, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "");
    CU_ASSERT_EQUAL(msg_done(&r), 0);
}

static void test_writer_limit(void)
{
    uint8_t buf[10];
    struct msg_writer w;

    msg_begin(&w, buf, sizeof(buf), 1);
    msg_put_str(&w, "abc"); /* 4 + 4 + 3 = 11 */
    CU_ASSERT_EQUAL(msg_end(&w), ERR_LIMIT);
    msg_put_u8(&w, 1);
    CU_ASSERT_EQUAL(msg_end(&w), ERR_LIMIT);
    msg_begin(&w, buf, 3, 1);
    CU_ASSERT_EQUAL(msg_end(&w), ERR_LIMIT);
}

static void test_reader_bounds(void)
{
    static const uint8_t full[] = {1, 0, 0, 9, 0, 0, 0, 3, 'a', 'b', 'c'};
    static const uint8_t huge[] = {1, 0, 0, 9, 0xff, 0xff, 0xff, 0xff, 'a'};
    static const uint8_t nul[] = {1, 0, 0, 9, 0, 0, 0, 3, 'a', 0, 'c'};
    struct msg_reader r;
    char text[8];
    size_t len;

    for (size_t n = 0; n < sizeof(full); n++) {
        int ret = msg_open(&r, full, n);
        CU_ASSERT_EQUAL(ret, n < 4 ? ERR_MALFORMED : 0);
        memset(text, 'x', sizeof(text));
        msg_get_str(&r, text, sizeof(text));
        CU_ASSERT_STRING_EQUAL(text, "");
        CU_ASSERT_EQUAL(msg_done(&r), ERR_MALFORMED);
        CU_ASSERT_EQUAL(msg_get_u64(&r), 0);
        CU_ASSERT_PTR_NOT_NULL(msg_get_bytes(&r, 100, &len));
        CU_ASSERT_EQUAL(len, 0);
    }
    msg_open(&r, full, sizeof(full));
    msg_get_str(&r, text, 3);
    CU_ASSERT_EQUAL(msg_done(&r), ERR_LIMIT);
    msg_open(&r, full, sizeof(full));
    msg_get_bytes(&r, 2, &len);
    CU_ASSERT_EQUAL(msg_done(&r), ERR_LIMIT);
    msg_open(&r, huge, sizeof(huge));
    msg_get_bytes(&r, SIZE_MAX, &len);
    CU_ASSERT_EQUAL(msg_done(&r), ERR_MALFORMED);
    msg_open(&r, nul, sizeof(nul));
    msg_get_str(&r, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "");
    CU_ASSERT_EQUAL(msg_done(&r), ERR_MALFORMED);
}

static void test_header(void)
{
    static const uint8_t other[] = {2, 0, 0, 1}, odd[] = {1, 1, 0, 1};
    struct msg_reader r;

    CU_ASSERT_EQUAL(msg_open(&r, other, sizeof(other)), ERR_VERSION);
    CU_ASSERT_EQUAL(msg_done(&r), ERR_VERSION);
    CU_ASSERT_EQUAL(msg_open(&r, odd, sizeof(odd)), ERR_MALFORMED);
}

static void fill(struct msg_writer *w, uint8_t *buf, size_t cap)
{
    msg_begin(w, buf, cap, 3);
    msg_put_str(w, "over the wire");
}

static void test_descriptors(void)
{
    uint8_t out[64], in[64];
    struct msg_writer w;
    int pair[2], pipes[2], got[4];
    size_t count = 4;
    char byte;

    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    CU_ASSERT_EQUAL_FATAL(pipe(pipes), 0);
    fill(&w, out, sizeof(out));
    CU_ASSERT_EQUAL(msg_send(pair[0], &w, pipes, 2), 0);
    CU_ASSERT_EQUAL(msg_recv(pair[1], in, sizeof(in), got, &count), msg_end(&w));
    CU_ASSERT_EQUAL(memcmp(in, out, w.len), 0);
    CU_ASSERT_EQUAL_FATAL(count, 2);
    CU_ASSERT_EQUAL(fcntl(got[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    CU_ASSERT_EQUAL(write(got[1], "x", 1), 1);
    CU_ASSERT_EQUAL(read(pipes[0], &byte, 1), 1);
    close(got[0]);
    close(got[1]);
    close(pipes[0]);
    close(pipes[1]);
    close(pair[0]);
    count = 4;
    CU_ASSERT_EQUAL(msg_recv(pair[1], in, sizeof(in), got, &count), 0);
    CU_ASSERT_EQUAL(count, 0);
    close(pair[1]);
}

/* Descriptors open now, to see that none leaks. */
static int open_fds(void)
{
    int n = 0;

    for (int fd = 0; fd < 256; fd++) {
        n += fcntl(fd, F_GETFD) >= 0;
    }
    return n;
}

static void test_truncation(void)
{
    uint8_t out[64], in[64];
    struct msg_writer w;
    int pair[2], send[3] = {0, 1, 2}, got[4], before;
    size_t count;

    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
    before = open_fds();
    fill(&w, out, sizeof(out));
    for (size_t room = 0; room < 3; room++) { /* room for fewer than come */
        count = room;
        CU_ASSERT_EQUAL(msg_send(pair[0], &w, send, 3), 0);
        CU_ASSERT_EQUAL(msg_recv(pair[1], in, sizeof(in), got, &count), ERR_LIMIT);
        CU_ASSERT_EQUAL(count, 0);
        CU_ASSERT_EQUAL(open_fds(), before);
    }
    CU_ASSERT_EQUAL(msg_send(pair[0], &w, send, 3), 0);
    CU_ASSERT_EQUAL(msg_recv(pair[1], in, sizeof(in), NULL, NULL), ERR_LIMIT);
    CU_ASSERT_EQUAL(open_fds(), before);
    count = 4;
    CU_ASSERT_EQUAL(msg_send(pair[0], &w, send, 3), 0);
    CU_ASSERT_EQUAL(msg_recv(pair[1], in, 5, got, &count), ERR_LIMIT);
    CU_ASSERT_EQUAL(open_fds(), before);
    CU_ASSERT_EQUAL(msg_recv(pair[1], in, sizeof(in), got, &count), -EAGAIN);
    CU_ASSERT_EQUAL(msg_send(pair[0], &w, send, LIMIT_MESSAGE_FDS + 1), ERR_LIMIT);
    close(pair[1]);
    CU_ASSERT_EQUAL(msg_send(pair[0], &w, NULL, 0), -EPIPE);
    close(pair[0]);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"every kind of field there and back", test_round_trip},
        {"a writer that is full stays in error", test_writer_limit},
        {"a reader never leaves the message", test_reader_bounds},
        {"header", test_header},
        {"descriptors go along", test_descriptors},
        {"what was cut off is refused and leaks nothing", test_truncation},
    };

    return RUN("msg", cases);
}
