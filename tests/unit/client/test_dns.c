/* What a resolver may answer, and what we make of it. */
#include "client/dns.h"

#include "client/dns_priv.h"
#include "dns_server.h"
#include "tests/unit/common/run.h"

#define SOA "example. 40 IN SOA ns.example. h.example. 1 1 1 1 30"

struct fixture {
    struct dns_server server;
    struct dns *dns;
    struct dns_answer answer;
    struct err err;
};

static void start(struct fixture *f, const struct dns_row *rows, size_t count, int timeout_ms)
{
    struct dns_options options = {.clock = &clock_system, .timeout_ms = timeout_ms};

    memset(f, 0, sizeof *f);
    server_start(&f->server, rows, count);
    options.name_server = f->server.address;
    CU_ASSERT_EQUAL_FATAL(dns_new(&f->dns, &options, &f->err), 0);
}

static void stop(struct fixture *f)
{
    dns_answer_clear(&f->answer);
    dns_free(f->dns);
    server_stop(&f->server);
}

static const struct dns_answer *ask(struct fixture *f, const char *name, ldns_rr_type type)
{
    dns_answer_clear(&f->answer);
    CU_ASSERT_EQUAL_FATAL(dns_ask(f->dns, name, (uint16_t)type, &f->answer, &f->err), 0);
    return &f->answer;
}

#define ASSERT_SAYS(answer, text)                                                                  \
    do {                                                                                           \
        if (strstr((answer)->reason, text) == NULL)                                                \
            (void)fprintf(stderr, "%d: %s\n", __LINE__, (answer)->reason);                         \
        CU_ASSERT_PTR_NOT_NULL(strstr((answer)->reason, text));                                    \
    } while (0)

static const struct dns_row plain[] = {
    {.name = "www.example.",
     .type = LDNS_RR_TYPE_TXT,
     .answer = "www.example. 60 IN TXT one\n"
               "www.example. 60 IN TXT two",
     .ad = true},
    {.name = "www.example.", .authority = SOA},
    {.name = "signed.example.",
     .type = LDNS_RR_TYPE_TXT,
     .answer =
         "signed.example. 7 IN TXT one\n"
         "signed.example. 7 IN RRSIG A 13 2 7200 20351231000000 20200101000000 1 example. AAAA\n"
         "signed.example. 7 IN RRSIG TXT 13 2 3600 20351231000000 20200101000000 1 example. AAAA"},
    {.name = "bare.example."},
    {.name = "lame.example.", .not_ra = true},
    {.name = "big.example.", .how = HOW_TRUNCATED, .answer = "big.example. 60 IN TXT big"},
    {.name = "dead.example.", .how = HOW_NO_TCP},
    {.name = "half.example.", .how = HOW_SHORT_TCP, .answer = "half.example. 60 IN TXT big"},
    {.name = "forged.example.", .how = HOW_FORGED_FIRST, .answer = "forged.example. 60 IN TXT x"},
    {.name = "id.example.", .how = HOW_OTHER_ID},
    {.name = "name.example.", .how = HOW_OTHER_NAME},
    {.name = "type.example.", .how = HOW_OTHER_TYPE},
    {.name = "class.example.", .how = HOW_OTHER_CLASS},
    {.name = "garbage.example.", .how = HOW_GARBAGE},
    {.name = "promises.example.", .how = HOW_PROMISES, .answer = "promises.example. 60 IN TXT one"},
    {.name = "silent.example.", .how = HOW_SILENT},
    {.name = "refused.example.", .code = LDNS_RCODE_REFUSED},
    {.name = "broken.example.", .code = LDNS_RCODE_SERVFAIL},
    {.name = "odd.example.", .code = 23},
    {.name = "bogus.example.", .how = HOW_CHECKED, .answer = "bogus.example. 60 IN TXT x"},
};

/* RFC 2308 2, RFC 6840 5.7 */
static void test_outcomes(void)
{
    struct fixture f;
    const struct dns_answer *a;

    start(&f, plain, sizeof plain / sizeof *plain, 0);
    a = ask(&f, "WWW.example", LDNS_RR_TYPE_TXT);
    CU_ASSERT_EQUAL(a->outcome, DNS_FOUND);
    CU_ASSERT_EQUAL(a->trust, DNS_SECURE); /* AD, and a loopback address */
    CU_ASSERT_EQUAL_FATAL(a->count, 2);
    CU_ASSERT_EQUAL(a->records[1].len, 4);
    CU_ASSERT_EQUAL(memcmp(a->records[1].rdata, "\3two", 4), 0);
    CU_ASSERT_EQUAL(a->records[0].ttl, 60);
    CU_ASSERT_EQUAL(a->records[0].zone_ttl, 60);
    CU_ASSERT_EQUAL_FATAL(a->name_count, 1);
    CU_ASSERT_STRING_EQUAL(a->names[0], "www.example");
    a = ask(&f, "signed.example", LDNS_RR_TYPE_TXT); /* RFC 4034 3.1.4 */
    CU_ASSERT_EQUAL_FATAL(a->count, 1);
    CU_ASSERT_EQUAL(a->records[0].ttl, 7);
    CU_ASSERT_EQUAL(a->records[0].zone_ttl, 3600);
    a = ask(&f, "www.example.", LDNS_RR_TYPE_A);
    CU_ASSERT_EQUAL(a->outcome, DNS_NODATA);
    CU_ASSERT_EQUAL(a->trust, DNS_INSECURE);
    CU_ASSERT_EQUAL(a->negative_ttl, 30); /* RFC 2308 5 */
    a = ask(&f, "none.example", LDNS_RR_TYPE_A);
    CU_ASSERT_EQUAL(a->outcome, DNS_NXDOMAIN);
    CU_ASSERT_EQUAL(a->negative_ttl, 20);
    a = ask(&f, "bare.example", LDNS_RR_TYPE_A);
    CU_ASSERT_EQUAL(a->outcome, DNS_NODATA);
    CU_ASSERT_EQUAL(a->negative_ttl, 0);
    a = ask(&f, "lame.example", LDNS_RR_TYPE_A);
    CU_ASSERT_EQUAL(a->outcome, DNS_FAILED);
    ASSERT_SAYS(a, "does not look names up for others");
    stop(&f);
}

static void test_failures(void)
{
    static const struct {
        const char *name, *says;
    } cases[] = {
        {"dead.example", "over TCP, after a truncated answer"},
        {"half.example", "over TCP, after a truncated answer"},
        {"id.example", "no answer to the question"},
        {"name.example", "no answer to the question"},
        {"type.example", "no answer to the question"},
        {"class.example", "no answer to the question"},
        {"garbage.example", "what is no DNS message"},
        {"promises.example", "what is no DNS message over TCP, after a truncated answer"},
        {"silent.example", "no answer from 127.0.0.1:"},
        {"refused.example", "answered REFUSED"},
        {"broken.example", "answered SERVFAIL"},
        {"odd.example", "answered response code 23"},
    };
    struct fixture f;
    const struct dns_answer *a;

    /* Most of them are waited for in vain; one whose server was too slow gets more time. */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool said = false;

        for (int timeout_ms = 200; !said && timeout_ms < 20000; timeout_ms *= 4) {
            start(&f, plain, sizeof plain / sizeof *plain, timeout_ms);
            a = ask(&f, cases[i].name, LDNS_RR_TYPE_TLSA);
            CU_ASSERT_EQUAL(a->outcome, DNS_FAILED);
            CU_ASSERT_EQUAL(a->trust, DNS_INDETERMINATE);
            CU_ASSERT_PTR_NOT_NULL(strstr(a->reason, cases[i].name));
            said = strstr(a->reason, cases[i].says) != NULL;
            if (!said)
                (void)fprintf(stderr, "%d ms: %s\n", timeout_ms, a->reason);
            stop(&f);
        }
        CU_ASSERT_TRUE(said);
    }
    start(&f, plain, sizeof plain / sizeof *plain, 0);
    /* RFC 4035 3.2.2, RFC 8914 */
    a = ask(&f, "bogus.example", LDNS_RR_TYPE_TXT);
    CU_ASSERT_EQUAL(a->outcome, DNS_FAILED);
    CU_ASSERT_EQUAL(a->trust, DNS_BOGUS);
    ASSERT_SAYS(a, "signature expired: old?");
    stop(&f);
}

/* RFC 2181 5.4.1, RFC 5452 6: records that were not asked for are not looked at. */
static void test_other_records(void)
{
    static const struct dns_row rows[] = {
        {.name = "owner.example.", .answer = "other.example. 60 IN TXT no", .authority = SOA},
        {.name = "class.example.", .answer = "class.example. 60 CH TXT no", .authority = SOA},
        {.name = "type.example.", .answer = "type.example. 60 IN SPF no", .authority = SOA},
        {.name = "alias.example.", .answer = "other.example. 60 IN CNAME www.example."},
        {.name = "beside.example.",
         .answer = "other.example. 60 IN TXT no\n"
                   "beside.example. 60 IN TXT yes\n"
                   "example. 60 IN TXT no\n"
                   "beside.example. 60 CH TXT no"},
    };
    struct fixture f;
    const struct dns_answer *a;

    start(&f, rows, sizeof rows / sizeof *rows, 0);
    for (size_t i = 0; i < 4; i++) {
        a = ask(&f, rows[i].name, LDNS_RR_TYPE_TXT);
        CU_ASSERT_EQUAL(a->outcome, DNS_NODATA);
        CU_ASSERT_EQUAL(a->count, 0);
        CU_ASSERT_EQUAL(a->name_count, 1);
    }
    a = ask(&f, "beside.example", LDNS_RR_TYPE_TXT);
    CU_ASSERT_EQUAL(a->outcome, DNS_FOUND);
    CU_ASSERT_EQUAL_FATAL(a->count, 1);
    CU_ASSERT_EQUAL(memcmp(a->records[0].rdata, "\3yes", 4), 0);
    stop(&f);
}

#define SIGNATURE " 20351231000000 20200101000000 4711 example. AAAA"

/* RFC 4034 3.1.4: what a cache has left says little of how long others keep what they have. */
static void test_ttl(void)
{
    static const struct dns_row rows[] = {
        {.name = "old.example.",
         .answer = "old.example. 7 IN TXT one\nold.example. 7 IN TXT two\n"
                   "old.example. 7 IN RRSIG TXT 13 2 3600" SIGNATURE "\n"
                   "old.example. 7 IN RRSIG A 13 2 7200" SIGNATURE},
        {.name = "plain.example.",
         .answer = "plain.example. 7 IN TXT one\n"
                   "other.example. 7 IN RRSIG TXT 13 2 3600" SIGNATURE},
        {.name = "short.example.",
         .answer = "short.example. 7 IN TXT one\nshort.example. 7 IN RRSIG TXT 13 2 5" SIGNATURE},
        {.name = "none.example.",
         .authority = "example. 7 IN SOA ns.example. h.example. 1 1 1 1 30\n"
                      "example. 7 IN RRSIG SOA 13 1 3600" SIGNATURE},
        {.name = "less.example.",
         .authority = "example. 7 IN SOA ns.example. h.example. 1 1 1 1 30\n"
                      "example. 7 IN RRSIG SOA 13 1 20" SIGNATURE},
    };
    struct fixture f;
    const struct dns_answer *a;

    start(&f, rows, sizeof rows / sizeof *rows, 0);
    a = ask(&f, "old.example", LDNS_RR_TYPE_TXT);
    CU_ASSERT_EQUAL_FATAL(a->count, 2);
    CU_ASSERT_EQUAL(a->records[0].ttl, 7);
    CU_ASSERT_EQUAL(a->records[0].zone_ttl, 3600);
    CU_ASSERT_EQUAL(a->records[1].zone_ttl, 3600);
    CU_ASSERT_EQUAL(ask(&f, "plain.example", LDNS_RR_TYPE_TXT)->records[0].zone_ttl, 7);
    CU_ASSERT_EQUAL(ask(&f, "short.example", LDNS_RR_TYPE_TXT)->records[0].zone_ttl, 7);
    CU_ASSERT_EQUAL(ask(&f, "none.example", LDNS_RR_TYPE_TXT)->negative_ttl, 30);
    CU_ASSERT_EQUAL(ask(&f, "less.example", LDNS_RR_TYPE_TXT)->negative_ttl, 20);
    stop(&f);
}

/* RFC 1034 3.6.2, RFC 6672 */
static void test_aliases(void)
{
    static const struct dns_row rows[] = {
        {.name = "a.example.",
         .answer = "a.example. 60 IN CNAME B.example.\nb.example. 60 IN CNAME c.example.\n"
                   "c.example. 60 IN TXT end"},
        {.name = "self.example.", .answer = "self.example. 60 IN CNAME SELF.example."},
        {.name = "ring.example.",
         .answer = "ring.example. 60 IN CNAME r2.example.\nr2.example. 60 IN CNAME r3.example.\n"
                   "r3.example. 60 IN CNAME ring.example."},
        {.name = "ping.example.", .answer = "ping.example. 60 IN CNAME pong.example."},
        {.name = "pong.example.", .answer = "pong.example. 60 IN CNAME ping.example."},
        {.name = "x.grow.example.", .answer = "grow.example. 60 IN DNAME g.grow.example."},
        {.name = "x.g.grow.example.", .answer = "grow.example. 60 IN DNAME g.grow.example."},
        {.name = "n0.example.", .answer = "n0.example. 60 IN CNAME n1.example."},
        {.name = "n1.example.", .answer = "n1.example. 60 IN CNAME n2.example."},
        {.name = "n2.example.", .answer = "n2.example. 60 IN CNAME n3.example."},
        {.name = "n3.example.", .answer = "n3.example. 60 IN CNAME n4.example."},
        {.name = "n4.example.", .answer = "n4.example. 60 IN CNAME n5.example."},
        {.name = "n5.example.", .answer = "n5.example. 60 IN CNAME n6.example."},
        {.name = "n6.example.", .answer = "n6.example. 60 IN CNAME n7.example."},
        {.name = "n7.example.", .answer = "n7.example. 60 IN CNAME n8.example."},
        {.name = "n8.example.", .answer = "n8.example. 60 IN CNAME n9.example."},
        {.name = "n9.example.", .answer = "n9.example. 60 IN TXT end"},
        {.name = "to-none.example.", .answer = "to-none.example. 60 IN CNAME none.example."},
    };
    static const char *const rings[] = {"self.example", "ring.example", "ping.example"};
    struct fixture f;
    const struct dns_answer *a;

    start(&f, rows, sizeof rows / sizeof *rows, 0);
    a = ask(&f, "a.example", LDNS_RR_TYPE_TXT);
    CU_ASSERT_EQUAL(a->outcome, DNS_FOUND);
    CU_ASSERT_EQUAL_FATAL(a->name_count, 3);
    CU_ASSERT_STRING_EQUAL(a->names[1], "b.example");
    CU_ASSERT_STRING_EQUAL(a->names[2], "c.example");
    for (size_t i = 0; i < sizeof rings / sizeof *rings; i++) {
        a = ask(&f, rings[i], LDNS_RR_TYPE_TXT);
        CU_ASSERT_EQUAL(a->outcome, DNS_FAILED);
        ASSERT_SAYS(a, "go round in a circle");
    }
    a = ask(&f, "n0.example", LDNS_RR_TYPE_TXT);
    CU_ASSERT_EQUAL(a->outcome, DNS_FAILED);
    CU_ASSERT_EQUAL(a->name_count, LIMIT_CNAME_CHAIN + 1);
    ASSERT_SAYS(a, "more aliases (CNAME) follow each other than anybody follows");
    a = ask(&f, "n1.example", LDNS_RR_TYPE_TXT);
    CU_ASSERT_EQUAL(a->outcome, DNS_FOUND);
    a = ask(&f, "x.grow.example", LDNS_RR_TYPE_TXT);
    CU_ASSERT_EQUAL(a->outcome, DNS_FAILED);
    ASSERT_SAYS(a, "more aliases");
    a = ask(&f, "to-none.example", LDNS_RR_TYPE_TXT);
    CU_ASSERT_EQUAL(a->outcome, DNS_NXDOMAIN);
    CU_ASSERT_STRING_EQUAL(a->names[a->name_count - 1], "none.example");
    stop(&f);
}

/* `count` lines, with a number between before and behind. malloc'd. */
static char *lines_of(size_t count, const char *before, const char *behind)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    for (size_t i = 0; i < count; i++)
        (void)fprintf(file, "%s%04zu%s\n", before, i, behind);
    (void)fclose(file);
    return text;
}

#define ANCHOR                                                                                     \
    ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n"

/* As much as a message over TCP can hold (RFC 1035 4.2.2): by octets, by records that were asked
 * for, and by others. */
static void test_large(void)
{
    enum { OCTETS = 246, RECORDS = 2300, SIGNATURES = 1500 };
    char filling[250] = "";
    char *octets, *records, *signatures;
    struct fixture f;

    memset(filling, 'x', sizeof filling - 1);
    octets = lines_of(OCTETS, "octets.example. 60 IN TXT ", filling);
    records = lines_of(RECORDS, "records.example. 60 IN AAAA 2001:db8::", "");
    signatures = lines_of(SIGNATURES,
                          "signed.example. 60 IN RRSIG NSEC 8 2 60 20351231000000 20200101000000 ",
                          " example. AAAA");
    {
        const struct dns_row rows[] = {
            {.name = "octets.example.", .how = HOW_TRUNCATED, .answer = octets},
            {.name = "records.example.", .how = HOW_TRUNCATED, .answer = records},
            {.name = "signed.example.", .how = HOW_TRUNCATED, .authority = signatures},
        };

        start(&f, rows, sizeof rows / sizeof *rows, 0);
        CU_ASSERT_EQUAL(ask(&f, "octets.example", LDNS_RR_TYPE_TXT)->count, OCTETS);
        CU_ASSERT_EQUAL(ask(&f, "records.example", LDNS_RR_TYPE_AAAA)->count, RECORDS);
        CU_ASSERT_EQUAL(ask(&f, "signed.example", LDNS_RR_TYPE_A)->outcome, DNS_NODATA);
        CU_ASSERT_EQUAL(dns_anchor_parse(&f.dns->anchors, ANCHOR, "anchor", &f.err), 0);
        CU_ASSERT_EQUAL(ask(&f, "signed.example", LDNS_RR_TYPE_A)->trust, DNS_BOGUS);
        stop(&f);
        CU_ASSERT_EQUAL(f.server.streams, 4);
    }
    free(octets);
    free(records);
    free(signatures);
}

/* RFC 4035 4.9.3, RFC 6840 5.7, resolv.conf(5): whose AD counts. */
static void test_trusted(void)
{
    static const struct {
        const char *conf;
        bool trusted;
    } cases[] = {
        {"nameserver 127.0.0.1\n", true},
        {"nameserver ::1\n", true},
        {"", true}, /* the local host */
        {"nameserver 192.0.2.53\n", false},
        {"nameserver 2001:db8::53\noptions edns0\n", false},
        {"nameserver 192.0.2.53\noptions edns0 trust-ad\n", true},
    };
    struct dns_options options = {.clock = &clock_system};
    char path[] = "/tmp/certmill-resolv-XXXXXX";
    struct err err = {0};
    struct dns *dns;
    int fd = mkstemp(path);

    CU_ASSERT_TRUE_FATAL(fd >= 0);
    (void)close(fd);
    options.resolv_conf = path;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        FILE *file = fopen(path, "w");

        CU_ASSERT_PTR_NOT_NULL_FATAL(file);
        (void)fputs(cases[i].conf, file);
        (void)fclose(file);
        CU_ASSERT_EQUAL_FATAL(dns_new(&dns, &options, &err), 0);
        CU_ASSERT_EQUAL(dns->server_count, 1);
        CU_ASSERT_EQUAL(dns->trusted[0], cases[i].trusted);
        dns_free(dns);
    }
    (void)unlink(path);
    CU_ASSERT_EQUAL_FATAL(dns_new(&dns, &options, &err), 0); /* no such file */
    CU_ASSERT_TRUE(dns->trusted[0]);
    dns_free(dns);
    options.name_server = "192.0.2.53";
    CU_ASSERT_EQUAL_FATAL(dns_new(&dns, &options, &err), 0);
    CU_ASSERT_FALSE(dns->trusted[0]);
    dns_free(dns);
    options.name_server = "ns.example";
    CU_ASSERT_EQUAL(dns_new(&dns, &options, &err), ERR_MALFORMED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "ns.example is no address"));
}

/* The AD of one that is not trusted. */
static void test_untrusted_ad(void)
{
    struct fixture f;
    const struct dns_answer *a;

    start(&f, plain, sizeof plain / sizeof *plain, 0);
    f.dns->trusted[0] = false;
    a = ask(&f, "www.example", LDNS_RR_TYPE_TXT);
    CU_ASSERT_EQUAL(a->outcome, DNS_FOUND);
    CU_ASSERT_EQUAL(a->trust, DNS_INDETERMINATE);
    a = ask(&f, "www.example", LDNS_RR_TYPE_A);
    CU_ASSERT_EQUAL(a->outcome, DNS_NODATA);
    CU_ASSERT_EQUAL(a->trust, DNS_INDETERMINATE);
    stop(&f);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"outcomes", test_outcomes},
        {"failures", test_failures},
        {"other records", test_other_records},
        {"TTL", test_ttl},
        {"aliases", test_aliases},
        {"large answers", test_large},
        {"whom to trust", test_trusted},
        {"AD of nobody's", test_untrusted_ad},
    };

    return RUN("dns", cases);
}
