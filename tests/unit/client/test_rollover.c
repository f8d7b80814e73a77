/* A key's roll-over, by a clock of the test's own (RFC 7671 8.1). */
#include "client/rollover.h"

#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "client/install_dir.h"
#include "common/file.h"
#include "tests/unit/common/folder.h"
#include "tests/unit/common/run.h"

#define T0    1795225600 /* 2026-11-21T01:46:40Z */
#define DAY   86400
#define OWNER "_25._tcp.a.example"
#define OTHER "_25._tcp.b.example"

static const uint8_t spki[] = "a public key";
static const struct tlsa_service smtp = {.port = 25, .protocol = "tcp"};
static const struct tlsa_service https = {.port = 443, .protocol = "tcp"};
static struct err err;
static char *names[] = {(char[]){"a.example"}, (char[]){"b.example"}, (char[]){"*.a.example"}};
static const struct set one = {.names = names, .count = 1}, both = {.names = names, .count = 3};
static const struct set wild = {.names = names + 2, .count = 1};

/* One that watches port 25. */
static void begin(struct rollover *r)
{
    err = (struct err){0};
    CU_ASSERT_EQUAL_FATAL(rollover_begin(r, spki, sizeof(spki), T0, &err), 0);
    CU_ASSERT_EQUAL(rollover_watch(r, &smtp, &err), 0);
}

static void saw(struct rollover *r, const char *owner, enum rollover_sight sight, uint32_t ttl,
                int64_t now)
{
    CU_ASSERT_EQUAL_FATAL(rollover_saw(r, owner, sight, ttl, now), 0);
}

static int ready(const struct rollover *r, const struct set *set, int64_t now)
{
    int64_t at;
    err = (struct err){0};
    return rollover_ready(r, set, now, &at, &err);
}

/* -- when -- */

/* RFC 7671 8.1: records are seen, and then two TTLs of what was there before go by. */
static void test_two_ttls(void)
{
    struct rollover r;
    int64_t at = 0;
    begin(&r);
    CU_ASSERT_EQUAL(ready(&r, &one, T0), ERR_UNAVAILABLE); /* nobody has looked */
    saw(&r, OWNER, ROLLOVER_OTHER, 3600, T0);
    CU_ASSERT_EQUAL(ready(&r, &one, T0 + DAY), ERR_NOT_FOUND);
    CU_ASSERT_EQUAL(rollover_expired(rollover_find(&r, OWNER)), 0);
    CU_ASSERT_EQUAL(rollover_possible(rollover_find(&r, OWNER)), 0);
    saw(&r, OWNER, ROLLOVER_THERE, 300, T0 + 50); /* the new records' TTL is not what counts */
    CU_ASSERT_EQUAL(rollover_expired(rollover_find(&r, OWNER)), T0 + 50 + 3600);
    CU_ASSERT_EQUAL(rollover_possible(rollover_find(&r, OWNER)), T0 + 50 + 7200);
    CU_ASSERT_EQUAL(ready(&r, &one, T0 + 50 + 3600), ERR_LATER);
    CU_ASSERT_EQUAL(rollover_ready(&r, &one, T0 + 50 + 7199, &at, &err), ERR_LATER);
    CU_ASSERT_EQUAL(at, T0 + 50 + 7200);
    saw(&r, OWNER, ROLLOVER_THERE, 300, T0 + 50 + 7200); /* seen again: since the same moment */
    CU_ASSERT_EQUAL(ready(&r, &one, T0 + 50 + 7200), 0);
    rollover_clear(&r);
}

static void test_ttl_changes(void)
{
    struct rollover r;
    begin(&r);
    saw(&r, OWNER, ROLLOVER_OTHER, 60, T0); /* what was left of it in a cache */
    saw(&r, OWNER, ROLLOVER_OTHER, 3600, T0 + 10);
    saw(&r, OWNER, ROLLOVER_OTHER, 5, T0 + 20);
    saw(&r, OWNER, ROLLOVER_THERE, 5, T0 + 30);
    CU_ASSERT_EQUAL(rollover_possible(rollover_find(&r, OWNER)), T0 + 30 + 7200);
    saw(&r, OWNER, ROLLOVER_THERE, 4 * 3600, T0 + 40); /* raised since: the longer one counts */
    CU_ASSERT_EQUAL(rollover_possible(rollover_find(&r, OWNER)), T0 + 30 + 8 * 3600);
    saw(&r, OWNER, ROLLOVER_THERE, UINT32_MAX, T0 + 50); /* a hostile one has an end */
    CU_ASSERT_EQUAL(rollover_possible(rollover_find(&r, OWNER)),
                    T0 + 30 + (int64_t)2 * LIMIT_ROLLOVER_TTL);
    rollover_clear(&r);
}

/* What goes away and comes back begins anew; what cannot be looked up does not. */
static void test_gone_again(void)
{
    struct rollover r;
    begin(&r);
    saw(&r, OWNER, ROLLOVER_OTHER, 100, T0);
    saw(&r, OWNER, ROLLOVER_THERE, 100, T0 + 10);
    saw(&r, OWNER, ROLLOVER_UNKNOWN, 0, T0 + 300);
    CU_ASSERT_EQUAL(ready(&r, &one, T0 + 300), ERR_UNAVAILABLE); /* not known now */
    saw(&r, OWNER, ROLLOVER_THERE, 100, T0 + 310);
    CU_ASSERT_EQUAL(rollover_find(&r, OWNER)->since, T0 + 10);
    CU_ASSERT_EQUAL(ready(&r, &one, T0 + 310), 0);
    saw(&r, OWNER, ROLLOVER_OTHER, 100, T0 + 320);
    CU_ASSERT_EQUAL(ready(&r, &one, T0 + 320), ERR_NOT_FOUND);
    saw(&r, OWNER, ROLLOVER_UNKNOWN, 0, T0 + 325);
    saw(&r, OWNER, ROLLOVER_THERE, 100, T0 + 330);
    CU_ASSERT_EQUAL(ready(&r, &one, T0 + 330), ERR_LATER);
    CU_ASSERT_EQUAL(rollover_possible(rollover_find(&r, OWNER)), T0 + 530);
    saw(&r, OWNER, ROLLOVER_NONE, 100, T0 + 600); /* all records are gone: the same */
    saw(&r, OWNER, ROLLOVER_THERE, 100, T0 + 610);
    CU_ASSERT_EQUAL(rollover_possible(rollover_find(&r, OWNER)), T0 + 810);
    rollover_clear(&r);
}

static void test_clock_set_back(void)
{
    struct rollover r;
    begin(&r);
    saw(&r, OWNER, ROLLOVER_OTHER, 100, T0);
    saw(&r, OWNER, ROLLOVER_THERE, 100, T0 + DAY); /* by a clock a day ahead */
    CU_ASSERT_EQUAL(ready(&r, &one, T0 + 20), ERR_LATER);
    saw(&r, OWNER, ROLLOVER_THERE, 100, T0 + 20);
    CU_ASSERT_EQUAL(rollover_find(&r, OWNER)->since, T0 + 20);
    CU_ASSERT_EQUAL(ready(&r, &one, T0 + 219), ERR_LATER);
    CU_ASSERT_EQUAL(ready(&r, &one, T0 + 220), 0);
    rollover_clear(&r);
}

/* Every name and service counts; those that never had records need none, if any name has. */
static void test_all_names(void)
{
    struct rollover r;
    begin(&r);
    saw(&r, OWNER, ROLLOVER_NONE, 600, T0);
    saw(&r, OTHER, ROLLOVER_NONE, 600, T0);
    CU_ASSERT_EQUAL(ready(&r, &both, T0 + DAY), ERR_NOT_FOUND); /* nothing is published at all */
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "port 25 tcp"));
    saw(&r, OTHER, ROLLOVER_THERE, 60, T0 + DAY);
    CU_ASSERT_EQUAL(ready(&r, &both, T0 + DAY + 119), ERR_LATER);
    CU_ASSERT_EQUAL(ready(&r, &both, T0 + DAY + 2 * 600), 0);
    saw(&r, OWNER, ROLLOVER_OTHER, 60, T0 + 2 * DAY);
    CU_ASSERT_EQUAL(ready(&r, &both, T0 + 2 * DAY), ERR_NOT_FOUND);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, OWNER));
    /* one that had some has caches that hold them, also when there are none any more */
    saw(&r, OWNER, ROLLOVER_NONE, 60, T0 + 3 * DAY);
    CU_ASSERT_EQUAL(ready(&r, &both, T0 + 3 * DAY), ERR_LATER);
    CU_ASSERT_EQUAL(ready(&r, &both, T0 + 3 * DAY + 1200), 0);
    CU_ASSERT_EQUAL(rollover_watch(&r, &https, &err), 0);
    CU_ASSERT_EQUAL(rollover_watch(&r, &https, &err), 0);
    CU_ASSERT_EQUAL(r.service_count, 2);
    CU_ASSERT_EQUAL(ready(&r, &both, T0 + 4 * DAY), ERR_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "_443._tcp.a.example"));
    rollover_clear(&r);
}

static void test_the_latest_counts(void)
{
    struct rollover r;
    int64_t at = 0;
    begin(&r);
    saw(&r, "_25._TCP.A.example", ROLLOVER_THERE, 3600, T0); /* names are compared without case */
    saw(&r, OTHER, ROLLOVER_THERE, 60, T0 + 10);
    CU_ASSERT_EQUAL(rollover_ready(&r, &both, T0 + 20, &at, &err), ERR_LATER);
    CU_ASSERT_EQUAL(at, T0 + 7200);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, OWNER));
    CU_ASSERT_EQUAL(rollover_watch(&r, &https, &err), 0);
    saw(&r, "_443._tcp.a.example", ROLLOVER_THERE, DAY, T0);
    saw(&r, "_443._tcp.b.example", ROLLOVER_THERE, 5, T0);
    CU_ASSERT_EQUAL(rollover_ready(&r, &both, T0 + 20, &at, &err), ERR_LATER);
    CU_ASSERT_EQUAL(at, T0 + 2 * DAY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "_443._tcp.a.example"));
    rollover_clear(&r);
}

static void test_nothing_to_look_at(void)
{
    struct rollover r;
    begin(&r);
    CU_ASSERT_EQUAL(ready(&r, &wild, T0), ERR_NOT_FOUND);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "put a host's name into the set"));
    r.service_count = 0;
    CU_ASSERT_EQUAL(ready(&r, &one, T0), ERR_NOT_FOUND);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "key stage PORT PROTO"));
    for (int port = 1; port <= LIMIT_ROLLOVER_SERVICES; port++) {
        CU_ASSERT_EQUAL(
            rollover_watch(&r, &(struct tlsa_service){.port = port, .protocol = "udp"}, &err), 0);
    }
    CU_ASSERT_EQUAL(rollover_watch(&r, &https, &err), ERR_LIMIT);
    rollover_clear(&r);
}

/* The sentence has the time of the user's own zone. */
static void test_own_zone(void)
{
    struct rollover r;
    begin(&r);
    saw(&r, OWNER, ROLLOVER_THERE, 3600, T0);
    setenv("TZ", "XYZ-5:30", 1);
    tzset();
    CU_ASSERT_EQUAL(ready(&r, &one, T0), ERR_LATER);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "from 2026-11-21 09:16:40 +0530 on"));
    setenv("TZ", "UTC", 1);
    tzset();
    CU_ASSERT_EQUAL(ready(&r, &one, T0), ERR_LATER);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "from 2026-11-21 03:46:40 +0000 on"));
    rollover_clear(&r);
}

/* -- the file -- */

#define KEY   "key 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"
#define START "certmill roll-over 1\n" KEY "staged 1795225578\n"

static int parse(const char *text)
{
    struct rollover r;
    err = (struct err){0};
    int ret = rollover_parse(&r, text, strlen(text), &err);
    if (ret == 0) {
        ret = (int)r.count;
        rollover_clear(&r);
    }
    return ret;
}

static void test_text(void)
{
    static const char text[] = START "service 25 tcp\nservice 853 udp\nservice 9 sctp\n"
                                     "owner " OWNER " there 1795225600 3600 1\n"
                                     "owner " OTHER " none 1795225601 0 0\nend\n";
    struct rollover r;
    size_t len;
    CU_ASSERT_EQUAL_FATAL(rollover_parse(&r, text, strlen(text), &err), 0);
    CU_ASSERT_EQUAL(r.staged, 1795225578);
    CU_ASSERT_EQUAL(r.service_count, 3);
    CU_ASSERT_EQUAL(r.services[1].port, 853);
    CU_ASSERT_STRING_EQUAL(r.services[2].protocol, "sctp");
    const struct rollover_owner *o = rollover_find(&r, OWNER);
    CU_ASSERT_EQUAL(o->sight, ROLLOVER_THERE);
    CU_ASSERT_EQUAL(o->since, T0);
    CU_ASSERT_EQUAL(o->ttl, 3600);
    CU_ASSERT_TRUE(o->others);
    CU_ASSERT_FALSE(rollover_find(&r, OTHER)->others);
    char *again = rollover_text(&r, &len);
    CU_ASSERT_STRING_EQUAL(again, text);
    CU_ASSERT_EQUAL(len, strlen(text));
    /* torn at any octet it is refused: what is missing might be a service to be waited for */
    for (size_t cut = 0; cut < len; cut++) {
        struct rollover torn;
        CU_ASSERT_TRUE(rollover_parse(&torn, text, cut, &err) < 0);
        CU_ASSERT_EQUAL(torn.count, 0);
    }
    free(again);
    saw(&r, OTHER, ROLLOVER_UNKNOWN, 0, T0); /* the set has lost a name */
    rollover_forget_others(&r);
    CU_ASSERT_EQUAL(r.count, 1);
    CU_ASSERT_PTR_NULL(rollover_find(&r, OWNER));
    CU_ASSERT_EQUAL(rollover_find(&r, OTHER)->since, 1795225601);
    rollover_clear(&r);
}

static void test_hostile(void)
{
    static const char *const bad[] = {
        "\n",
        "owner\n",
        "service 0 tcp\n",
        "service 65536 tcp\n",
        "service 25 TCP\n",
        "service 25\n",
        "service 25 tcp \n",
        "service  25 tcp\n",
        "service -1 tcp\n",
        "owner " OWNER " there 5 5\n",
        "owner " OWNER " there 5 5 2\n",
        "owner " OWNER " there 5 604801 1\n",
        "owner " OWNER " there -5 5 1\n",
        "owner " OWNER " there 1234567890123 5 1\n",
        "owner " OWNER " lost 5 5 1\n",
        "owner  there 5 5 1\n",
        "owner " OWNER " there 5 5 1 1\n",
        "owner " OWNER " there 5 5 1\r\n",
        "staged 5\n",
        KEY,
        "end\n",
        "more\n",
    };
    CU_ASSERT_EQUAL(parse(START "end\n"), 0);
    CU_ASSERT_EQUAL(parse(START "owner " OWNER " other 0 5 1\nend\n"), 1);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[400];
        snprintf(text, sizeof(text), START "service 25 tcp\n%send\n", bad[i]);
        CU_ASSERT_EQUAL(parse(text), ERR_MALFORMED);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "line 5"));
    }
    CU_ASSERT_EQUAL(parse(""), ERR_MALFORMED);
    CU_ASSERT_EQUAL(parse("end\n"), ERR_MALFORMED);
    CU_ASSERT_EQUAL(parse("certmill roll-over 2\nend\n"), ERR_VERSION);
    CU_ASSERT_EQUAL(parse("certmill roll-over 1\nstaged 5\nend\n"), ERR_MALFORMED);
    CU_ASSERT_EQUAL(parse("certmill roll-over 1\n" KEY "end\n"), ERR_MALFORMED);
    CU_ASSERT_EQUAL(parse(START "owner a there 1 1 1\nowner A there 1 1 1\nend\n"), ERR_MALFORMED);
    static const char nul[] = START "service 25 tcp\0\nend\n";
    struct rollover r;
    CU_ASSERT_EQUAL(rollover_parse(&r, nul, sizeof(nul) - 1, &err), ERR_MALFORMED);
    size_t size = (size_t)4 << 20;
    char *large = malloc(size);
    memset(large, 'a', size);
    CU_ASSERT_EQUAL(rollover_parse(&r, large, size, &err), ERR_LIMIT);
    free(large);
}

static void test_too_many_services(void)
{
    char text[1000] = START;
    size_t len = strlen(text);
    for (int i = 1; i <= LIMIT_ROLLOVER_SERVICES; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "service %d tcp\n", i);
    }
    snprintf(text + len, sizeof(text) - len, "end\n");
    CU_ASSERT_EQUAL(parse(text), 0);
    snprintf(text + len, sizeof(text) - len, "service 99 tcp\nend\n");
    CU_ASSERT_EQUAL(parse(text), ERR_MALFORMED);
}

static void test_file(void)
{
    char folder[] = "/tmp/rollover-XXXXXX";
    struct rollover r, again;
    struct stat st;
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    struct files files = {.folder = open(folder, O_RDONLY | O_DIRECTORY),
                          .path = folder,
                          .name = "a.example",
                          .type = KEY_ECDSA};
    CU_ASSERT_EQUAL(rollover_read(&r, &files, &err), -ENOENT);
    CU_ASSERT_EQUAL(rollover_remove(&files), 0);
    int dir = install_folder_open(&files, &err);
    CU_ASSERT_TRUE_FATAL(dir >= 0);
    begin(&r);
    saw(&r, OWNER, ROLLOVER_THERE, 60, T0);
    CU_ASSERT_EQUAL(rollover_write(&r, &files, &err), 0);
    CU_ASSERT_EQUAL_FATAL(rollover_read(&again, &files, &err), 0);
    CU_ASSERT_TRUE(rollover_is_of(&again, spki, sizeof(spki)));
    CU_ASSERT_FALSE(rollover_is_of(&again, spki, sizeof(spki) - 1));
    CU_ASSERT_EQUAL(again.staged, T0);
    CU_ASSERT_EQUAL(rollover_find(&again, OWNER)->ttl, 60);
    rollover_clear(&again);
    rollover_clear(&r);
    CU_ASSERT_EQUAL_FATAL(fstatat(dir, "rollover", &st, 0), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, FILE_MODE);
    int fd = openat(dir, "rollover", O_WRONLY);
    CU_ASSERT_EQUAL(ftruncate(fd, st.st_size - 1), 0);
    close(fd);
    err = (struct err){0};
    CU_ASSERT_EQUAL(rollover_read(&r, &files, &err), ERR_MALFORMED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "a.example.ecdsa/rollover: "));
    CU_ASSERT_EQUAL(rollover_remove(&files), 0);
    CU_ASSERT_EQUAL(fstatat(dir, "rollover", &st, 0), -1);
    close(dir);
    close(files.folder);
    CU_ASSERT_EQUAL(folder_remove(folder), 0);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"two TTLs", test_two_ttls},
        {"TTLs change", test_ttl_changes},
        {"gone again", test_gone_again},
        {"clock set back", test_clock_set_back},
        {"all names and services", test_all_names},
        {"the latest counts", test_the_latest_counts},
        {"nothing to look at", test_nothing_to_look_at},
        {"the user's own zone", test_own_zone},
        {"text", test_text},
        {"hostile text", test_hostile},
        {"too many services", test_too_many_services},
        {"file", test_file},
    };
    return RUN("client/rollover", cases);
}
