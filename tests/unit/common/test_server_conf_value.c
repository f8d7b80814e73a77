/*
 * Values of certmilld's options that stand for octets.
 */
#include "common/server_conf_value.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run.h"

static void expect_nsid(const char *value, const char *octets, int len)
{
    uint8_t found[LIMIT_NSID];
    struct err err = {0};
    int ret = server_conf_parse_nsid(value, found, &err);

    CU_ASSERT_EQUAL(ret, len);
    CU_ASSERT(ret < 0 || memcmp(found, octets, (size_t)len) == 0);
    CU_ASSERT_EQUAL(ret < 0, err.text[0] != '\0');
    CU_ASSERT_EQUAL(server_conf_value_nsid(value, &err), ret < 0 ? ret : 0);
}

/* RFC 5001 2.3: octets of no particular meaning. */
static void test_nsid(void)
{
    char text[2 + 2 * LIMIT_NSID + 3] = "0x";

    expect_nsid("ns1.example", "ns1.example", 11);
    expect_nsid("p\xc3\xb8lse", "p\xc3\xb8lse", 6);
    expect_nsid("0x00fFA9", "\x00\xff\xa9", 3);
    expect_nsid("0X00", "0X00", 4); /* a capital X is text */
    expect_nsid("x00", "x00", 3);
    expect_nsid("", NULL, ERR_MALFORMED);
    expect_nsid("0x", NULL, ERR_MALFORMED);
    expect_nsid("0x0", NULL, ERR_MALFORMED);
    expect_nsid("0xg0", NULL, ERR_MALFORMED);
    expect_nsid("0x0g", NULL, ERR_MALFORMED);
    expect_nsid("0x 0", NULL, ERR_MALFORMED);
    expect_nsid("0x0\xc3\xb8", NULL, ERR_MALFORMED);
    memset(text + 2, '0', 2 * LIMIT_NSID);
    expect_nsid(text, (const char[LIMIT_NSID]){0}, LIMIT_NSID);
    strcat(text, "00");
    expect_nsid(text, NULL, ERR_LIMIT);
    memset(text, 'a', sizeof(text));
    text[LIMIT_NSID + 1] = '\0';
    expect_nsid(text, NULL, ERR_LIMIT);
    text[LIMIT_NSID] = '\0';
    expect_nsid(text, text, LIMIT_NSID);
}

#define MAPPED "\0\0\0\0\0\0\0\0\0\0\xff\xff" /* RFC 4291 2.5.5.2 */

static void expect_prefix(const char *value, const char address[static 16], int bits)
{
    struct server_conf_prefix prefix;
    struct err err = {0};

    CU_ASSERT_EQUAL(server_conf_parse_prefix(value, &prefix, &err), 0);
    CU_ASSERT_EQUAL(memcmp(prefix.address, address, 16), 0);
    CU_ASSERT_EQUAL(prefix.bits, bits);
}

static void test_prefix(void)
{
    static const char *const bad[] = {"",
                                      "/",
                                      "/24",
                                      "192.0.2.0/",
                                      "192.0.2.0/33",
                                      "192.0.2.0/-1",
                                      "192.0.2.0/+1",
                                      "192.0.2.0/24/24",
                                      "192.0.2/24",
                                      "192.0.2.256",
                                      "192.0.2.0/024 ",
                                      "192.0.2.0/0024",
                                      "2001:db8::/129",
                                      "2001:db8::/",
                                      "2001:db8::g",
                                      "::1%lo",
                                      "[::1]/128",
                                      "example.com",
                                      "192.0.2.0/9999999999",
                                      "1111:2222:3333:4444:5555:6666:7777:8888:9999",
                                      "0000000000000000000000000000000000000000000000000000:1"};
    struct server_conf_prefix prefix;

    expect_prefix("192.0.2.0/24", MAPPED "\xc0\0\x02\0", 120);
    expect_prefix("192.0.2.77/24", MAPPED "\xc0\0\x02\0", 120); /* what is behind it is cleared */
    expect_prefix("192.0.2.77/25", MAPPED "\xc0\0\x02\0", 121);
    expect_prefix("192.0.2.255/25", MAPPED "\xc0\0\x02\x80", 121);
    expect_prefix("192.0.2.77", MAPPED "\xc0\0\x02\x4d", 128);
    expect_prefix("192.0.2.77/0", MAPPED "\0\0\0\0", 96);
    expect_prefix("2001:db8:ffff::/33", "\x20\x01\x0d\xb8\x80\0\0\0\0\0\0\0\0\0\0\0", 33);
    expect_prefix("::1", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 128);
    expect_prefix("::/0", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 0);
    expect_prefix("::ffff:192.0.2.0/120", MAPPED "\xc0\0\x02\0", 120);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err err = {0};

        CU_ASSERT_EQUAL(server_conf_parse_prefix(bad[i], &prefix, &err), ERR_MALFORMED);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "is not a block of addresses"));
    }
}

static void test_secret_file(void)
{
    static const struct {
        mode_t mode;
        bool good;
    } modes[] = {{0600, true},  {0400, true},  {0640, true},  {0660, true},
                 {0604, false}, {0644, false}, {0602, false}, {0666, false}};
    char path[] = "/tmp/test-secret-XXXXXX";
    struct err err = {0};
    int fd = mkstemp(path);

    CU_ASSERT_FATAL(fd >= 0);
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        CU_ASSERT_EQUAL_FATAL(fchmod(fd, modes[i].mode), 0);
        CU_ASSERT_EQUAL(server_conf_value_secret_file(path, &err),
                        modes[i].good ? 0 : ERR_PERMISSION);
        CU_ASSERT_EQUAL(server_conf_value_file(path, &err), 0);
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "(mode 0666); close it: chmod o= '/tmp/test-secret-"));
    CU_ASSERT_EQUAL_FATAL(fchmod(fd, 0600), 0);
    CU_ASSERT_EQUAL_FATAL(ftruncate(fd, LIMIT_COOKIE_FILE), 0);
    CU_ASSERT_EQUAL(server_conf_value_secret_file(path, &err), 0);
    CU_ASSERT_EQUAL_FATAL(ftruncate(fd, LIMIT_COOKIE_FILE + 1), 0);
    CU_ASSERT_EQUAL(server_conf_value_secret_file(path, &err), ERR_LIMIT);
    close(fd);
    unlink(path);
    CU_ASSERT_EQUAL(server_conf_value_secret_file(path, &err), -ENOENT);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"NSID (RFC 5001), as text and in hexadecimal", test_nsid},
        {"blocks of addresses", test_prefix},
        {"a file that others may not read", test_secret_file},
    };
    return RUN("server_conf_value", cases);
}
