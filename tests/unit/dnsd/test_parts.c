/*
 * The small parts: framing, lower case, sharing of sockets, counters.
 */
#include <stdlib.h>
#include <string.h>

#include "dnsd/frame.h"
#include "dnsd/lower.h"
#include "dnsd/share.h"
#include "dnsd/stats.h"
#include "tests/unit/common/run.h"

static void test_frame(void)
{
    static const uint8_t data[] = {0, 3, 'a', 'b', 'c', 0, 0, 0, 1, 'd', 1, 0};
    const uint8_t *message = NULL;

    CU_ASSERT_EQUAL(frame_need(data, 0), 2);
    CU_ASSERT_EQUAL(frame_need(data, 1), 2);
    CU_ASSERT_EQUAL(frame_need(data, 2), 5);
    for (size_t len = 0; len < 5; len++) {
        CU_ASSERT_EQUAL(frame_next(data, len, &message), 0);
    }
    CU_ASSERT_EQUAL(frame_next(data, 5, &message), 5);
    CU_ASSERT_PTR_EQUAL(message, data + 2);
    CU_ASSERT_EQUAL(frame_next(data, sizeof(data), &message), 5);
    CU_ASSERT_EQUAL(frame_next(data + 5, 7, &message), 2); /* empty */
    CU_ASSERT_EQUAL(frame_next(data + 7, 5, &message), 3);
    CU_ASSERT_EQUAL(*message, 'd');
    CU_ASSERT_EQUAL(frame_next(data + 10, 2, &message), 0);
    CU_ASSERT_EQUAL(frame_need(data + 10, 2), 258);
    CU_ASSERT_EQUAL(frame_need((const uint8_t *)"\xFF\xFF", 2), FRAME_MAX);
}

static void test_lower(void)
{
    uint8_t in[256], dst[LOWER_ROOM];

    for (int c = 0; c < 256; c++) {
        in[c] = (uint8_t)c;
    }
    for (size_t start = 0; start < 9; start++) {
        size_t len = 255 - start;

        memset(dst, 0x55, sizeof(dst));
        lower_copy(dst, in + start, len);
        for (size_t i = 0; i < len; i++) {
            uint8_t c = in[start + i];

            CU_ASSERT_EQUAL(dst[i], c >= 'A' && c <= 'Z' ? c + 32 : c);
        }
        CU_ASSERT_EQUAL(dst[len], 0x55);
    }
}

static void add(struct boot *boot, enum ipc_socket_kind kind, uint16_t worker, const char *address)
{
    struct boot_socket *s = &boot->sockets[boot->socket_count];

    *s = (struct boot_socket){.kind = kind, .worker = worker, .fd = (int)boot->socket_count + 100};
    snprintf(s->address, sizeof(s->address), "%s", address);
    boot->socket_count++;
}

static void test_share(void)
{
    struct boot_socket sockets[8];
    struct boot boot = {.sockets = sockets, .conf.dns_threads = 3};
    int fds[4];

    add(&boot, IPC_SOCKET_UDP, 0, "[::]:53");    /* 100: for all */
    add(&boot, IPC_SOCKET_UDP, 0, "1.2.3.4:53"); /* 101, 102: one each, none for worker 2 */
    add(&boot, IPC_SOCKET_UDP, 1, "1.2.3.4:53");
    add(&boot, IPC_SOCKET_TCP, 1, "1.2.3.4:53"); /* 103 */
    add(&boot, IPC_SOCKET_PEER, 0, "issuer");
    CU_ASSERT_EQUAL(share_workers(&boot), 3);
    CU_ASSERT_EQUAL(share_sockets(&boot, IPC_SOCKET_UDP, 0, fds, 4), 2);
    CU_ASSERT_TRUE(fds[0] == 100 && fds[1] == 101);
    CU_ASSERT_EQUAL(share_sockets(&boot, IPC_SOCKET_UDP, 1, fds, 4), 2);
    CU_ASSERT_TRUE(fds[0] == 100 && fds[1] == 102);
    CU_ASSERT_EQUAL(share_sockets(&boot, IPC_SOCKET_UDP, 2, fds, 4), 2);
    CU_ASSERT_TRUE(fds[0] == 100 && fds[1] == 101);
    CU_ASSERT_EQUAL(share_sockets(&boot, IPC_SOCKET_TCP, 0, fds, 4), 0);
    CU_ASSERT_EQUAL(share_sockets(&boot, IPC_SOCKET_TCP, 1, fds, 4), 1);
    CU_ASSERT_EQUAL(share_sockets(&boot, IPC_SOCKET_UDP, 0, fds, 1), 1);
    boot.conf.dns_threads = 1;
    CU_ASSERT_EQUAL(share_workers(&boot), 2); /* or packets would wait for ever */
    boot.conf.dns_threads = 0;
    CU_ASSERT_TRUE(share_workers(&boot) >= 2);
    boot.conf.dns_threads = 1000;
    CU_ASSERT_EQUAL(share_workers(&boot), LIMIT_DNS_THREADS);
}

static void test_stats(void)
{
    struct stats a = {0}, b = {0};
    const struct stats *const blocks[] = {&a, &b};
    uint8_t buf[2048];
    struct msg_writer w;
    struct msg_reader r;
    uint64_t udp = 0, queries = 0;

    stats_add(&a, STATS_UDP, 2);
    stats_add(&b, STATS_UDP, 3);
    stats_add(&b, STATS_TCP, 4);
    msg_begin(&w, buf, sizeof(buf), 1);
    stats_put(&w, blocks, 2);
    CU_ASSERT_TRUE_FATAL(msg_end(&w) > 0);
    CU_ASSERT_EQUAL(msg_open(&r, buf, (size_t)msg_end(&w)), 0);
    for (uint16_t i = msg_get_u16(&r); i > 0; i--) {
        char name[32];

        msg_get_str(&r, name, sizeof(name));
        uint64_t value = msg_get_u64(&r);
        CU_ASSERT_NOT_EQUAL(name[0], '\0');
        udp = strcmp(name, "udp") == 0 ? value : udp;
        queries = strcmp(name, "queries") == 0 ? value : queries;
    }
    CU_ASSERT_EQUAL(msg_done(&r), 0);
    CU_ASSERT_EQUAL(udp, 5);
    CU_ASSERT_EQUAL(queries, 9);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"framing", test_frame},
        {"lower case", test_lower},
        {"sharing of sockets", test_share},
        {"counters", test_stats},
    };

    return RUN("parts", cases);
}
