/*
 * What a dnsd that somebody took over may say to the issuer: IPC_SEEN, IPC_STATS, acknowledgements,
 * in any form. What is passed on is in bounds; anything else ends the channel.
 *
 * The input is messages, each behind its length in two octets.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/msg.h"
#include "common/wire.h"
#include "issuer/publisher_link.h"
#include "zones/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void on_ack(void *arg, uint64_t generation)
{
    (void)arg;
    (void)generation;
}

static void on_refused(void *arg, uint64_t generation, const char *reason)
{
    (void)arg;
    (void)generation;
    check(strlen(reason) < LIMIT_ERROR_TEXT);
}

static void on_seen(void *arg, const struct publisher_seen *seen)
{
    uint8_t lower[LIMIT_NAME_WIRE];
    char text[LIMIT_NAME_TEXT];

    (void)arg;
    check(seen->address_len == 4 || seen->address_len == 16);
    check(name_lower(lower, seen->name) <= LIMIT_NAME_WIRE);
    name_to_text(text, seen->name);
}

static void on_stats(void *arg, const struct publisher_counter *counters, size_t count)
{
    (void)arg;
    for (size_t i = 0; i < count; i++) {
        check(strlen(counters[i].name) < sizeof(counters[i].name));
    }
}

static void on_writable(void *arg)
{
    (void)arg;
}

static void on_lost(void *arg, const char *why, bool broken)
{
    bool *lost = arg;

    (void)broken;
    check(!*lost && why[0] != '\0');
    *lost = true;
}

static void send_all(int fd, const uint8_t *data, size_t size)
{
    while (size >= 2) {
        size_t len = wire_read_u16(data);

        len = len < size - 2 ? len : size - 2;
        if (len > 0 && send(fd, data + 2, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
            return;
        }
        data += 2 + len;
        size -= 2 + len;
    }
}

/* One loop for all inputs: a channel that is lost leaves nothing in it. */
static uv_loop_t *loop_of_all(void)
{
    static uv_loop_t loop;
    static bool made;

    if (!made) {
        made = uv_loop_init(&loop) == 0;
    }
    return &loop;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct publisher_link *link;
    uv_loop_t *loop = loop_of_all();
    bool lost = false;
    int pair[2];
    const struct publisher_link_events events = {.ack = on_ack,
                                                 .refused = on_refused,
                                                 .seen = on_seen,
                                                 .stats = on_stats,
                                                 .writable = on_writable,
                                                 .lost = on_lost,
                                                 .arg = &lost};

    check(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
    send_all(pair[0], data, size);
    close(pair[0]);
    check(publisher_link_new(&link, loop, pair[1], &events) == 0);
    uv_run(loop, UV_RUN_DEFAULT);
    check(lost); /* at the latest at the end of the messages */
    return 0;
}
