#include "issuer/resolve.h"

#include "tests/unit/common/run.h"
#include "tests/unit/issuer/fake_dns.h"
#include "zones/name.h"

#define ROWS(rows) rows, sizeof(rows) / sizeof((rows)[0])

struct fixture {
    uv_loop_t loop;
    struct fake_dns dns;
    struct resolve *resolve;
    unsigned answers;
    int error;
    ldns_pkt *pkt;
    char server[DNSADDR_TEXT];
};

static void on_answer(void *arg, const struct resolve_answer *answer)
{
    struct fixture *f = arg;

    f->answers++;
    f->error = answer->error;
    ldns_pkt_free(f->pkt);
    f->pkt = answer->pkt;
    (void)snprintf(f->server, sizeof f->server, "%s", answer->server);
}

static void set_up(struct fixture *f, const struct fake_row *rows, size_t count, const char *first)
{
    char *servers[2];
    struct conf_strings strings = {servers, 0};

    memset(f, 0, sizeof *f);
    CU_ASSERT_EQUAL_FATAL(uv_loop_init(&f->loop), 0);
    fake_dns_open(&f->dns, &f->loop, rows, count);
    if (first != NULL)
        servers[strings.count++] = (char *)(uintptr_t)first;
    servers[strings.count++] = f->dns.address;
    CU_ASSERT_EQUAL_FATAL(resolve_new(&f->resolve, &f->loop, &strings), 0);
}

static void tear_down(struct fixture *f)
{
    resolve_free(f->resolve);
    fake_dns_close(&f->dns, &f->loop);
    (void)uv_run(&f->loop, UV_RUN_NOWAIT);
    ldns_pkt_free(f->pkt);
    CU_ASSERT_EQUAL(uv_loop_close(&f->loop), 0);
}

static int ask_for(struct fixture *f, const char *name, uint16_t type, const union dnsaddr *server,
                   struct resolve_query **query)
{
    uint8_t wire[LIMIT_NAME_WIRE];
    struct resolve_question question = {.name = wire, .type = type, .server = server};

    CU_ASSERT_FATAL(name_from_text(wire, name) > 0);
    return resolve_ask(f->resolve, &question, on_answer, f, query);
}

/* Asks and waits; the number of records of that type in the answer. */
static unsigned records(struct fixture *f, const char *name, uint16_t type)
{
    unsigned before = f->answers, count = 0;
    uint8_t wire[LIMIT_NAME_WIRE], end[LIMIT_NAME_WIRE];
    size_t at = 0;

    CU_ASSERT_EQUAL(ask_for(f, name, type, NULL, NULL), 0);
    CU_ASSERT_EQUAL(f->answers, before);
    while (f->answers == before)
        (void)uv_run(&f->loop, UV_RUN_ONCE);
    if (f->pkt == NULL || name_from_text(wire, name) < 0 || dnsmsg_follow(end, f->pkt, wire) < 0)
        return 0;
    while (dnsmsg_find(ldns_pkt_answer(f->pkt), end, type, &at) != NULL)
        count++;
    return count;
}

static const struct fake_row plain[] = {
    {.name = "a.example.", .records = "a.example. TXT \"one\"\na.example. TXT \"two\""},
    {.name = "alias.example.", .records = "alias.example. CNAME A.example."},
    {.name = "big.example.", .how = FAKE_TRUNCATED, .records = "big.example. TXT \"big\""},
    {.name = "forged.example.", .how = FAKE_FORGED, .records = "forged.example. TXT \"true\""},
    {.name = "bad.example.", .how = FAKE_GARBAGE, .records = "bad.example. TXT \"x\""},
    {.name = "fails.example.", .how = FAKE_SERVFAIL},
    {.name = "refused.example.", .how = FAKE_REFUSED},
    {.name = "silent.example.", .how = FAKE_SILENT},
    {.name = "mine.example.", .direct = true, .records = "mine.example. TXT \"direct\""},
    {.name = "loop.example.", .records = "loop.example. CNAME loop.example."},
};

static void test_answers(void)
{
    struct fixture f;

    set_up(&f, ROWS(plain), NULL);
    CU_ASSERT_EQUAL(records(&f, "a.example", LDNS_RR_TYPE_TXT), 2);
    CU_ASSERT_STRING_EQUAL(f.server, f.dns.address);
    CU_ASSERT_EQUAL(records(&f, "ALIAS.example", LDNS_RR_TYPE_TXT), 2);
    CU_ASSERT_EQUAL(records(&f, "none.example", LDNS_RR_TYPE_TXT), 0);
    CU_ASSERT_EQUAL(ldns_pkt_get_rcode(f.pkt), LDNS_RCODE_NXDOMAIN);
    CU_ASSERT_EQUAL(records(&f, "fails.example", LDNS_RR_TYPE_TXT), 0);
    CU_ASSERT_EQUAL(ldns_pkt_get_rcode(f.pkt), LDNS_RCODE_SERVFAIL);
    CU_ASSERT_EQUAL(f.dns.streams, 0);
    tear_down(&f);
}

/* RFC 7766 5: truncated over UDP, so asked for over TCP. */
static void test_truncated(void)
{
    struct fixture f;

    set_up(&f, ROWS(plain), NULL);
    CU_ASSERT_EQUAL(records(&f, "big.example", LDNS_RR_TYPE_TXT), 1);
    CU_ASSERT_EQUAL(f.dns.streams, 1);
    tear_down(&f);
}

/* RFC 5452 9.1: another id, another question, a scrap. */
static void test_forged(void)
{
    struct fixture f;

    set_up(&f, ROWS(plain), NULL);
    CU_ASSERT_EQUAL(records(&f, "forged.example", LDNS_RR_TYPE_TXT), 1);
    CU_ASSERT_EQUAL(f.dns.questions, 1);
    tear_down(&f);
}

static void test_malformed(void)
{
    struct fixture f;

    set_up(&f, ROWS(plain), NULL);
    CU_ASSERT_EQUAL(records(&f, "bad.example", LDNS_RR_TYPE_TXT), 0);
    CU_ASSERT_EQUAL(f.error, ERR_MALFORMED);
    CU_ASSERT_EQUAL(f.dns.questions, LIMIT_RESOLVE_TRIES);
    tear_down(&f);
}

static int closed_port(char *dst, size_t cap, int listening)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    (void)snprintf(dst, cap, "127.0.0.1:%u", ntohs(at.sin_port));
    if (!listening) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* A resolver that is not there makes way for the next, as does one that says nothing, or SERVFAIL.
 */
static void test_next_server(void)
{
    struct fixture f, other;
    char address[32];
    int fd;

    (void)closed_port(address, sizeof address, 0);
    set_up(&f, ROWS(plain), address);
    CU_ASSERT_EQUAL(records(&f, "a.example", LDNS_RR_TYPE_TXT), 2);
    CU_ASSERT_STRING_EQUAL(f.server, f.dns.address);
    tear_down(&f);
    fd = closed_port(address, sizeof address, 1);
    set_up(&f, ROWS(plain), address);
    CU_ASSERT_EQUAL(records(&f, "a.example", LDNS_RR_TYPE_TXT), 2);
    tear_down(&f);
    (void)close(fd);
    set_up(&other, ROWS(plain), NULL);
    set_up(&f, ROWS(plain), other.dns.address);
    resolve_configure(f.resolve,
                      &(struct conf_strings){(char *[]){f.dns.address, f.dns.address}, 2});
    CU_ASSERT_EQUAL(records(&f, "refused.example", LDNS_RR_TYPE_TXT), 0);
    CU_ASSERT_EQUAL(f.dns.questions, 2);
    CU_ASSERT_EQUAL(ldns_pkt_get_rcode(f.pkt), LDNS_RCODE_REFUSED);
    tear_down(&f);
    tear_down(&other);
}

static void test_nobody(void)
{
    struct fixture f;
    char address[32], *list[] = {address};
    struct conf_strings strings = {list, 1};

    (void)closed_port(address, sizeof address, 0);
    set_up(&f, ROWS(plain), NULL);
    resolve_configure(f.resolve, &strings);
    CU_ASSERT_EQUAL(records(&f, "a.example", LDNS_RR_TYPE_TXT), 0);
    CU_ASSERT_EQUAL(f.error, -ECONNREFUSED);
    list[0] = (char *)"nonsense";
    resolve_configure(f.resolve, &strings);
    CU_ASSERT_EQUAL(records(&f, "a.example", LDNS_RR_TYPE_TXT), 0);
    CU_ASSERT_EQUAL(f.error, ERR_UNAVAILABLE);
    resolve_configure(f.resolve, &(struct conf_strings){0}); /* the system's, whichever it is */
    tear_down(&f);
}

static void test_direct(void)
{
    union dnsaddr server;
    struct fixture f;

    set_up(&f, ROWS(plain), NULL);
    CU_ASSERT_EQUAL(dnsaddr_parse(&server, f.dns.address, 53), 0);
    CU_ASSERT_EQUAL(ask_for(&f, "mine.example", LDNS_RR_TYPE_TXT, &server, NULL), 0);
    while (f.answers == 0)
        (void)uv_run(&f.loop, UV_RUN_ONCE);
    CU_ASSERT_EQUAL_FATAL(f.error, 0);
    CU_ASSERT_EQUAL(ldns_pkt_ancount(f.pkt), 1);
    tear_down(&f);
}

/* More at once than may be in flight: all are answered, none twice. */
static void test_many(void)
{
    struct fixture f;

    set_up(&f, ROWS(plain), NULL);
    for (int i = 0; i < 3 * LIMIT_RESOLVE_FLIGHT; i++)
        CU_ASSERT_EQUAL(ask_for(&f, "a.example", LDNS_RR_TYPE_TXT, NULL, NULL), 0);
    while (f.answers < 3 * LIMIT_RESOLVE_FLIGHT)
        (void)uv_run(&f.loop, UV_RUN_ONCE);
    CU_ASSERT_EQUAL(f.dns.questions, 3 * LIMIT_RESOLVE_FLIGHT);
    for (int i = 0; i < 50; i++)
        (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    CU_ASSERT_EQUAL(f.answers, 3 * LIMIT_RESOLVE_FLIGHT);
    tear_down(&f);
}

static void test_cancel(void)
{
    struct resolve_query *queries[LIMIT_RESOLVE_FLIGHT + 20];
    struct fixture f;
    int ret = 0, count = LIMIT_RESOLVE_FLIGHT + 20;

    set_up(&f, ROWS(plain), NULL);
    for (int i = 0; i < count; i++)
        CU_ASSERT_EQUAL(ask_for(&f, "a.example", LDNS_RR_TYPE_TXT, NULL, &queries[i]), 0);
    for (int i = count - 1; i >= 0; i--)
        resolve_cancel(queries[i]);
    CU_ASSERT_EQUAL(records(&f, "a.example", LDNS_RR_TYPE_TXT), 2);
    CU_ASSERT_EQUAL(f.answers, 1);
    for (int i = 0; ret == 0; i++) { /* the queue has an end */
        ret = ask_for(&f, "silent.example", LDNS_RR_TYPE_TXT, NULL, NULL);
        CU_ASSERT_FATAL(i <= LIMIT_RESOLVE_FLIGHT + LIMIT_RESOLVE_WAITING);
    }
    CU_ASSERT_EQUAL(ret, ERR_BUSY);
    tear_down(&f); /* with all of them under way */
}

static void test_loop(void)
{
    struct fixture f;
    uint8_t wire[LIMIT_NAME_WIRE], end[LIMIT_NAME_WIRE], small[2];
    const ldns_rr *rr;
    size_t at = 0;

    set_up(&f, ROWS(plain), NULL);
    CU_ASSERT_EQUAL(records(&f, "loop.example", LDNS_RR_TYPE_CNAME), 0);
    CU_ASSERT_FATAL(name_from_text(wire, "loop.example") > 0);
    CU_ASSERT_EQUAL(dnsmsg_follow(end, f.pkt, wire), ERR_LIMIT);
    rr = dnsmsg_find(ldns_pkt_answer(f.pkt), wire, LDNS_RR_TYPE_CNAME, &at);
    CU_ASSERT_PTR_NOT_NULL_FATAL(rr);
    CU_ASSERT_EQUAL(dnsmsg_name(end, rr, 1), ERR_MALFORMED);
    CU_ASSERT_EQUAL(dnsmsg_rdata(small, sizeof small, rr), ERR_LIMIT);
    tear_down(&f);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"answers", test_answers},         {"truncated", test_truncated},
        {"forged", test_forged},           {"malformed", test_malformed},
        {"next_server", test_next_server}, {"nobody", test_nobody},
        {"direct", test_direct},           {"many", test_many},
        {"cancel", test_cancel},           {"loop", test_loop},
    };

    return RUN("resolve", cases);
}
