/* A staged key, DNS and the clock in hand: what is seen, remembered, and waited for. */
#include "client/staged.h"

#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/install.h"
#include "client/keyfile.h"
#include "client/tlsa_judge.h"
#include "common/file.h"

#define T0   1795225600
#define ROOM 2048

static struct err err;
static int64_t now;
static char folder[64];
static char *names[] = {(char[]){"a.example"}};
static struct set set = {.names = names, .count = 1, .name = "a.example"};
static char *types[] = {(char[]){"311"}};

static int64_t wall(void *arg)
{
    return *(int64_t *)arg * 1000000;
}

static uint64_t mono(void *arg)
{
    (void)arg;
    return 0;
}

static const struct clock fake = {.wall_us = wall, .mono_ms = mono, .arg = &now};

/* What DNS has at _25._tcp.a.example. */
static struct {
    enum dns_outcome outcome;
    enum dns_trust trust;
    uint32_t ttl, zone_ttl;
    uint8_t rdata[2][ROOM];
    size_t len[2], count;
} dns;

static int ask(void *arg, const char *owner, uint16_t type, struct dns_answer *out,
               struct err *ask_err)
{
    (void)arg;
    (void)owner;
    (void)ask_err;
    *out = (struct dns_answer){.outcome = type == TLSA_RRTYPE ? dns.outcome : DNS_FOUND,
                               .trust = dns.trust,
                               .negative_ttl = 30};
    if (type == TLSA_RRTYPE && dns.outcome == DNS_FOUND) {
        out->records = calloc(2, sizeof(out->records[0]));
        for (; out->count < dns.count; out->count++) {
            out->records[out->count] = (struct dns_record){.rdata = dns.rdata[out->count],
                                                           .len = dns.len[out->count],
                                                           .ttl = dns.ttl,
                                                           .zone_ttl = dns.zone_ttl};
        }
    }
    return 0;
}

static const struct tlsa_asker asker = {.ask = ask};

static void publish(const struct tlsa_key *key)
{
    struct tlsa_of of = tlsa_key_of(key);
    uint8_t *rdata;
    size_t len;
    CU_ASSERT_EQUAL_FATAL(tlsa_make(&rdata, &len, "311", &of, &err), 0);
    memcpy(dns.rdata[dns.count], rdata, len);
    dns.len[dns.count++] = len;
    free(rdata);
}

static struct client client_new(void)
{
    struct client client = {.settings = {.path = folder,
                                         .tlsa_type_list = {.items = types, .count = 1},
                                         .server_timeout = 1,
                                         .rsa_bits = (char *)"2048",
                                         .ecdsa_curve = (char *)"P-256"},
                            .sets = {.items = &set, .count = 1},
                            .types = {KEY_ECDSA},
                            .type_count = 1,
                            .owner = {.uid = (uid_t)-1, .gid = (gid_t)-1},
                            .clock = &fake};
    struct key key;
    strcpy(folder, "/tmp/staged-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    client.folder = open(folder, O_RDONLY | O_DIRECTORY);
    struct files files = client_files(&client, &set, KEY_ECDSA);
    CU_ASSERT_EQUAL_FATAL(install_prepare(&files, NULL, &err), 0);
    CU_ASSERT_EQUAL_FATAL(keyfile_open(&key, &files, &err), 0);
    key_clear(&key);
    memset(&dns, 0, sizeof(dns));
    now = T0;
    return client;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static void client_done(struct client *client)
{
    close(client->folder);
    CU_ASSERT_EQUAL(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void stage(struct staged *s, struct client *client)
{
    const struct tlsa_service smtp = {.port = 25, .protocol = "tcp"};
    CU_ASSERT_EQUAL_FATAL(staged_open(s, client, &set, KEY_ECDSA, &err), 0);
    CU_ASSERT_FALSE(s->there);
    CU_ASSERT_EQUAL_FATAL(staged_make(s, &err), 0);
    CU_ASSERT_TRUE_FATAL(s->there);
    CU_ASSERT_EQUAL(rollover_watch(&s->state, &smtp, &err), 0);
}

static int look(struct staged *s)
{
    int64_t at;
    CU_ASSERT_EQUAL(staged_look(s, &asker, &err), 0);
    return rollover_ready(&s->state, &set, now, &at, &err);
}

/* RFC 7671 8.1, with the TTL as the zone has it: caches elsewhere may have taken it just now. */
static void test_waits(void)
{
    struct client client = client_new();
    struct staged s;
    dns.trust = DNS_SECURE;
    dns.ttl = 5;
    dns.zone_ttl = 3600;
    stage(&s, &client);
    publish(staged_current(&s));
    CU_ASSERT_EQUAL(look(&s), ERR_NOT_FOUND);
    staged_close(&s);
    now += 100;
    CU_ASSERT_EQUAL_FATAL(staged_open(&s, &client, &set, KEY_ECDSA, &err), 0); /* another run */
    CU_ASSERT_TRUE_FATAL(s.there);
    CU_ASSERT_EQUAL(s.state.staged, T0);
    publish(staged_next(&s));
    dns.zone_ttl = 300;
    CU_ASSERT_EQUAL(look(&s), ERR_LATER);
    now += 7199;
    CU_ASSERT_EQUAL(look(&s), ERR_LATER);
    staged_close(&s);
    CU_ASSERT_EQUAL_FATAL(staged_open(&s, &client, &set, KEY_ECDSA, &err), 0);
    now += 1;
    CU_ASSERT_EQUAL(look(&s), 0);
    dns.outcome = DNS_FAILED; /* what is not known now may be anything */
    CU_ASSERT_EQUAL(look(&s), ERR_UNAVAILABLE);
    dns.outcome = DNS_FOUND;
    CU_ASSERT_EQUAL(look(&s), 0);
    dns.trust = DNS_BOGUS;
    CU_ASSERT_EQUAL(look(&s), ERR_UNAVAILABLE);
    dns.trust = DNS_INSECURE; /* nobody is hurt: clients pass over them */
    CU_ASSERT_EQUAL(look(&s), 0);
    dns.count = 1; /* the staged key's goes away, and comes back */
    CU_ASSERT_EQUAL(look(&s), ERR_NOT_FOUND);
    dns.count = 2;
    CU_ASSERT_EQUAL(look(&s), ERR_LATER);
    now -= 1000; /* a clock set back: from there on */
    CU_ASSERT_EQUAL(look(&s), ERR_LATER);
    CU_ASSERT_EQUAL(s.state.owners[0].since, now);
    staged_close(&s);
    client_done(&client);
}

/* RFC 7671 9: a record that clients pass over for a stronger digest is as good as none. */
static void test_stronger_digest(void)
{
    struct client client = client_new();
    struct staged s;
    dns.trust = DNS_SECURE;
    stage(&s, &client);
    publish(staged_next(&s));
    CU_ASSERT_EQUAL(look(&s), 0);
    memcpy(dns.rdata[1], "\3\1\2", 3);
    dns.len[1] = 3 + 64;
    dns.count = 2;
    CU_ASSERT_EQUAL(look(&s), ERR_NOT_FOUND);
    staged_close(&s);
    client_done(&client);
}

/* A memory that is torn is begun anew: nothing is taken for watched that is not. */
static void test_torn(void)
{
    struct client client = client_new();
    struct staged s;
    char path[128];
    dns.trust = DNS_SECURE;
    stage(&s, &client);
    publish(staged_next(&s));
    CU_ASSERT_EQUAL(look(&s), 0);
    staged_close(&s);
    snprintf(path, sizeof(path), "%s/.certmill/a.example.ecdsa/rollover", folder);
    CU_ASSERT_EQUAL(truncate(path, 120), 0);
    now += 50;
    CU_ASSERT_EQUAL_FATAL(staged_open(&s, &client, &set, KEY_ECDSA, &err), 0);
    CU_ASSERT_TRUE(s.there);
    CU_ASSERT_EQUAL(s.state.staged, T0 + 50);
    CU_ASSERT_EQUAL(s.state.service_count, 0);
    CU_ASSERT_EQUAL(look(&s), ERR_NOT_FOUND);
    staged_close(&s);
    client_done(&client);
}

/* What runs that were killed left behind: a key in use by now, one that is half written. */
static void test_left_behind(void)
{
    struct client client = client_new();
    struct staged s;
    struct stat st;
    char from[128], to[128], *pem;
    size_t len;
    stage(&s, &client);
    CU_ASSERT_EQUAL(staged_abort(&s, &err), 0);
    staged_close(&s);
    snprintf(from, sizeof(from), "%s/a.example-keypair.ecdsa.key", folder);
    snprintf(to, sizeof(to), "%s/.certmill/a.example.ecdsa/staged.key", folder);
    CU_ASSERT_EQUAL(stat(to, &st), -1);
    CU_ASSERT_EQUAL_FATAL(file_read(AT_FDCWD, from, KEY_FILE_MAX, &pem, &len, &err), 0);
    CU_ASSERT_EQUAL(file_write_atomic(AT_FDCWD, to, pem, len, 0600, &err), 0);
    free(pem);
    CU_ASSERT_EQUAL_FATAL(staged_open(&s, &client, &set, KEY_ECDSA, &err), 0);
    CU_ASSERT_FALSE(s.there);
    CU_ASSERT_TRUE(s.in_use);
    CU_ASSERT_EQUAL(stat(to, &st), 0); /* until hooks have run */
    CU_ASSERT_EQUAL(staged_end(&s, &err), 0);
    CU_ASSERT_EQUAL(stat(to, &st), -1);
    staged_close(&s);
    memcpy(to + strlen(to) - 3, "new", 3);
    CU_ASSERT_EQUAL(file_write_atomic(AT_FDCWD, to, "\0\0\0", 3, 0600, &err), 0);
    CU_ASSERT_EQUAL_FATAL(staged_open(&s, &client, &set, KEY_ECDSA, &err), 0);
    CU_ASSERT_FALSE(s.there || s.in_use);
    CU_ASSERT_EQUAL(stat(to, &st), -1);
    staged_close(&s);
    client_done(&client);
}

int main(void)
{
    if (CU_initialize_registry() != CUE_SUCCESS) {
        return 1;
    }
    CU_pSuite suite = CU_add_suite("client/staged", NULL, NULL);
    CU_add_test(suite, "two TTLs of the zone", test_waits);
    CU_add_test(suite, "stronger digests", test_stronger_digest);
    CU_add_test(suite, "a torn memory", test_torn);
    CU_add_test(suite, "what killed runs leave", test_left_behind);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
