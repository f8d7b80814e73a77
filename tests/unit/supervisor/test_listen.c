#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "suite.h"
#include "supervisor/address.h"
#include "supervisor/holder_linux.h"
#include "supervisor/listen.h"

static int listen_at(struct listen_set *set, const char *where, size_t workers, struct err *err)
{
    char *items[] = {(char *)(uintptr_t)where};
    const struct conf_strings list = {items, 1};

    return listen_dns(set, &list, workers, NULL, err);
}

static void test_free_port(void)
{
    struct listen_set set = {0};
    struct err err = {0};
    size_t udp = 0, tcp = 0;

    CU_ASSERT_EQUAL_FATAL(listen_at(&set, "127.0.0.1:0", 3, &err), 0);
    CU_ASSERT_EQUAL_FATAL(set.count, 6);
    for (size_t i = 0; i < set.count; i++) {
        struct address a = {.len = sizeof(a.storage)};
        char text[ADDRESS_TEXT];
        int on = 0;
        socklen_t len = sizeof(on);

        CU_ASSERT_EQUAL(getsockname(set.items[i].fd, (struct sockaddr *)&a.storage, &a.len), 0);
        address_format(&a, text);
        CU_ASSERT_STRING_EQUAL(text, set.items[i].address);
        CU_ASSERT_STRING_EQUAL(text, set.items[0].address);
        udp += set.items[i].kind == IPC_SOCKET_UDP;
        tcp += set.items[i].kind == IPC_SOCKET_TCP;
        CU_ASSERT_EQUAL(set.items[i].worker, i % 3);
        getsockopt(set.items[i].fd, SOL_SOCKET, SO_REUSEPORT, &on, &len);
        CU_ASSERT_EQUAL(on, 1);
        if (set.items[i].kind == IPC_SOCKET_UDP) {
            CU_ASSERT_EQUAL(suite_room(set.items[i].fd), suite_wide_room());
        }
    }
    CU_ASSERT(udp == 3 && tcp == 3);
    listen_clear(&set);
    CU_ASSERT_EQUAL(set.count, 0);
}

/* Also where the holder shares its port with SO_REUSEPORT, as we do ourselves. */
static void test_taken(void)
{
    struct listen_set set = {0}, other = {0};
    struct err err = {0};
    char pid[32], any[32];

    CU_ASSERT_EQUAL_FATAL(listen_at(&set, "127.0.0.1:0", 2, &err), 0);
    CU_ASSERT_EQUAL(listen_at(&other, set.items[0].address, 2, &err), ERR_BUSY);
    CU_ASSERT_EQUAL(other.count, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, set.items[0].address));
    snprintf(pid, sizeof(pid), "(pid %d)", (int)getpid());
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, pid));
    snprintf(any, sizeof(any), "0.0.0.0:%s", strrchr(set.items[0].address, ':') + 1);
    CU_ASSERT_EQUAL(listen_at(&other, any, 1, &err), ERR_BUSY);
    /* only TCP is taken */
    for (size_t i = 0; i < set.count; i++) {
        if (set.items[i].kind == IPC_SOCKET_UDP) {
            close(set.items[i].fd);
            set.items[i].fd = dup(2);
        }
    }
    CU_ASSERT_EQUAL(listen_at(&other, set.items[0].address, 1, &err), ERR_BUSY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "TCP"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, pid));
    listen_clear(&set);
    listen_clear(&other);
}

static void test_unusable(void)
{
    struct listen_set set = {0};
    struct err err = {0};

    CU_ASSERT_EQUAL(listen_at(&set, "192.0.2.1:5353", 1, &err), -EADDRNOTAVAIL);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "192.0.2.1:5353"));
    CU_ASSERT_EQUAL(listen_at(&set, "nonsense", 1, &err), ERR_MALFORMED);
    CU_ASSERT_EQUAL(listen_dns(&set, &(struct conf_strings){0}, 1, NULL, &err), ERR_NOT_FOUND);
    CU_ASSERT_EQUAL(set.count, 0);
    listen_clear(&set);
}

static char folder[] = "/tmp/test_listenXXXXXX";

static void test_local(void)
{
    char path[64], file[64];
    const struct listen_unix local = {path, IPC_SOCKET_SUBMIT, 0660, getegid()};
    struct listen_set set = {0}, other = {0};
    struct err err = {0};
    struct stat st;

    snprintf(path, sizeof(path), "%s/submit.sock", folder);
    CU_ASSERT_EQUAL_FATAL(listen_local(&set, &local, &err), 0);
    CU_ASSERT_EQUAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 07777, 0660);
    CU_ASSERT_EQUAL(listen_local(&other, &local, &err), ERR_BUSY);
    listen_clear(&set); /* the file stays, as after a crash */
    CU_ASSERT_EQUAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL(listen_local(&other, &local, &err), 0);
    listen_clear(&other);

    snprintf(file, sizeof(file), "%s/file", folder);
    fclose(fopen(file, "w"));
    const struct listen_unix in_the_way = {file, IPC_SOCKET_SUBMIT, 0660, getegid()};
    CU_ASSERT_EQUAL(listen_local(&set, &in_the_way, &err), -EEXIST);
    char longest[256];
    memset(longest, 'a', sizeof(longest));
    longest[255] = '\0';
    const struct listen_unix too_long = {longest, IPC_SOCKET_SUBMIT, 0660, getegid()};
    CU_ASSERT_EQUAL(listen_local(&set, &too_long, &err), ERR_LIMIT);
    CU_ASSERT_EQUAL(set.count, 0);
}

static void expect_match(const char *line, bool ipv6, int type, const char *address, uint64_t inode)
{
    struct address a;
    struct err err;

    CU_ASSERT_EQUAL_FATAL(address_parse(address, &a, &err), 0);
    CU_ASSERT_EQUAL(holder_match(line, ipv6, type, &a), inode);
}

/* As a little-endian kernel prints them. */
static void test_proc_lines(void)
{
    static const char udp[] = "  291: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 "
                              "00000000   101        0 21233 2 0000000000000000 0";
    static const char tcp[] = "   0: 00000000:0035 00000000:0000 0A 00000000:00000000 00:00000000 "
                              "00000000     0        0 777 1 0000000000000000 100 0 0 10 0";
    static const char established[] = "   0: 0100007F:0035 0100007F:9999 01 00000000:00000000 "
                                      "00:00000000 00000000     0        0 "
                                      "778 1 0000000000000000 100 0 0 10 0";
    static const char any6[] =
        "   1: 00000000000000000000000000000000:0035 00000000000000000000000000000000:0000 0A "
        "00000000:00000000 00:00000000 00000000     0        0 779 1 0000000000000000 100 0 0 10 0";

    if (htonl(1) == 1) {
        return;
    }
    expect_match(udp, false, SOCK_DGRAM, "127.0.0.1:53", 21233);
    expect_match(udp, false, SOCK_DGRAM, "0.0.0.0:53", 21233);
    expect_match(udp, false, SOCK_DGRAM, "127.0.0.2:53", 0);
    expect_match(udp, false, SOCK_DGRAM, "127.0.0.1:54", 0);
    expect_match(udp, false, SOCK_DGRAM, "[::1]:53", 0);
    expect_match(tcp, false, SOCK_STREAM, "127.0.0.1:53", 777);
    expect_match(established, false, SOCK_STREAM, "127.0.0.1:53", 0);
    expect_match(any6, true, SOCK_STREAM, "[::1]:53", 779);
    expect_match(any6, true, SOCK_STREAM, "127.0.0.1:53", 779);
    expect_match("  sl  local_address rem_address   st", false, SOCK_DGRAM, "127.0.0.1:53", 0);
    expect_match("", false, SOCK_DGRAM, "127.0.0.1:53", 0);
    expect_match("  1: 01:0035 00:00 07", false, SOCK_DGRAM, "127.0.0.1:53", 0);
    expect_match(udp, true, SOCK_DGRAM, "127.0.0.1:53", 0);
}

int main(void)
{
    static const struct suite_case cases[] = {
        {"a free port, the same for all", test_free_port},
        {"a taken port is named with its holder", test_taken},
        {"addresses that cannot be had", test_unusable},
        {"local sockets", test_local},
        {"lines of /proc/net", test_proc_lines},
    };
    if (mkdtemp(folder) == NULL) {
        return 2;
    }
    int ret = suite_run("listen", cases, SUITE_COUNT(cases));
    suite_remove(folder);
    return ret;
}
