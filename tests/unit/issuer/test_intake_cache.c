/*
 * What is there already: certificates given again, and what an order renews.
 */
#include "tests/unit/common/run.h"
#include "tests/unit/issuer/intake_fixture.h"

#define DAY ((int64_t)86400)

/* -- what is there -- */

struct stored {
    int64_t age, life; /* seconds */
    const char *names, *chain, *profile, *directory, *client;
    const char *more; /* an extension that its request asked for; "": the request is damaged */
};

static uint64_t store(struct fixture *f, const struct stored *what)
{
    int64_t now = clock_wall_s(&clock_system);
    char *pem = cert_for(f->key, "a.example", NULL);
    struct store_order row = {
        .client = what->client != NULL ? what->client : "192.0.2.1",
        .directory_url = what->directory != NULL ? what->directory : FIRST,
        .names = "a.example",
        .preferred_chain = what->chain,
        .profile = what->profile,
        .challenge = "dns-01",
    };
    struct store_certificate cert = {
        .serial = "01",
        .names = what->names != NULL ? what->names : "a.example",
        .issuer = "x",
        .pem = pem,
        .not_before = now - what->age,
        .not_after = now - what->age + what->life,
        .csr_sha256 = "00",
    };
    const struct csr_name a[] = {{GEN_DNS, "a.example", 0}, {0}};
    const struct csr_spec spec = {
        .key = f->key, .names = a, .more = {what->more, "status_request"}};
    bool damaged = what->more != NULL && *what->more == '\0';
    char *request = damaged ? strdup(f->pem) : csr_make(&spec);
    struct err err = {0};
    struct csr csr;
    uint64_t id = 0;

    CU_ASSERT_EQUAL_FATAL(csr_parse(&csr, request, strlen(request), &err), 0);
    cert.spki_sha256 = csr.spki_sha256;
    row.csr = csr.der;
    row.csr_len = damaged ? 1 : csr.der_len;
    CU_ASSERT_EQUAL_FATAL(store_order_add(f->store, &row, &id, &err), 0);
    cert.order_id = id;
    CU_ASSERT_EQUAL_FATAL(store_order_issue(f->store, id, &cert, &err), 0);
    csr_clear(&csr);
    free(request);
    free(pem);
    return id;
}

static void test_given_again(void)
{
    static const struct {
        struct stored there;
        bool given;
    } cases[] = {
        {{.age = 59 * DAY, .life = 90 * DAY}, true},
        {{.age = 61 * DAY, .life = 90 * DAY}, false},
        {{.age = 91 * DAY, .life = 90 * DAY}, false},
        {{.life = 90 * DAY, .names = "a.example,b.example"}, false},
        {{.life = 90 * DAY, .names = "b.example"}, false},
        {{.life = 90 * DAY, .names = ""}, false},
        {{.life = 90 * DAY, .chain = "X"}, false},
        {{.life = 90 * DAY, .profile = "short"}, false},
        {{.life = 90 * DAY, .more = "tlsfeature"}, false},
        {{.life = 90 * DAY, .more = ""}, false},
        {{.life = 90 * DAY, .directory = SECOND, .client = "another"}, true},
        {{.life = 90 * DAY, .directory = "https://third.example/dir"}, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f;
        struct client client;
        struct err err;

        set_up(&f);
        (void)store(&f, &cases[i].there);
        ask(&f, &client);
        CU_ASSERT_EQUAL(client.dones == 1, cases[i].given);
        CU_ASSERT_EQUAL(f.desk.count, !cases[i].given);
        if (cases[i].given) {
            CU_ASSERT_PTR_NOT_NULL(strstr(client.said, "the certificate of order 1, still good"));
            CU_ASSERT_PTR_NOT_NULL(strstr(client.chain, "BEGIN CERTIFICATE"));
            CU_ASSERT_EQUAL(take(&f, &client, (struct intake_request){.authority = "second"}, &err),
                            0);
            CU_ASSERT_EQUAL(client.dones == 1, cases[i].there.directory != NULL);
            CU_ASSERT_EQUAL(take(&f, &client, (struct intake_request){.force = true}, &err), 0);
            CU_ASSERT_EQUAL(client.dones, 0);
        }
        tear_down(&f);
    }
}

/* RFC 7633: a certificate without must-staple is no answer to a request for it, nor is an order. */
static void test_other_extensions(void)
{
    static const struct csr_name a[] = {{GEN_DNS, "a.example", 0}, {0}};
    struct csr_spec spec = {.names = a, .more = {"tlsfeature", "status_request"}};
    struct intake_request request = {0};
    struct client plain, staple, again;
    struct fixture f;
    struct err err;
    char *pem;

    set_up(&f);
    spec.key = f.key;
    request.csr_pem = pem = csr_make(&spec);
    ask(&f, &plain);
    CU_ASSERT_EQUAL(take(&f, &staple, request, &err), 0);
    CU_ASSERT_EQUAL(f.desk.count, 2);
    CU_ASSERT_EQUAL(take(&f, &again, request, &err), 0);
    CU_ASSERT_EQUAL(f.desk.count, 2);
    finish(&f, 0, (struct desk_result){.chain = "plain"});
    finish(&f, 1, (struct desk_result){.chain = "staple"});
    CU_ASSERT_STRING_EQUAL(plain.chain, "plain");
    CU_ASSERT_STRING_EQUAL(again.chain, "staple");
    (void)store(&f, &(struct stored){.life = 90 * DAY});
    CU_ASSERT_EQUAL(take(&f, &staple, request, &err), 0);
    CU_ASSERT_EQUAL(staple.dones, 0);
    (void)store(&f, &(struct stored){.life = 90 * DAY, .more = "tlsfeature"});
    request.csr_pem = f.pem;
    CU_ASSERT_EQUAL(take(&f, &plain, request, &err), 0);
    CU_ASSERT_EQUAL(plain.dones, 1); /* the newer one is for another request */
    tear_down(&f);
    free(pem);
}

/* The newest that fits decides, though an older one be good. */
static void test_newest_decides(void)
{
    struct fixture f;
    struct client client;

    set_up(&f);
    (void)store(&f, &(struct stored){.life = 90 * DAY});
    (void)store(&f, &(struct stored){.age = 80 * DAY, .life = 90 * DAY});
    ask(&f, &client);
    CU_ASSERT_EQUAL(client.dones, 0);
    tear_down(&f);
}

static void test_renew_within(void)
{
    struct server_conf conf = {.renew_within = 20};
    struct store_certificate cert = {.serial = "01", .not_before = 0, .not_after = 90 * DAY};

    CU_ASSERT_EQUAL(intake_good_until(&conf, &cert), 70 * DAY);
    conf.renew_within = 0;
    CU_ASSERT_EQUAL(intake_good_until(&conf, &cert), 60 * DAY);
    /* RFC 9773 4.2: within the window */
    cert.renew_start = 40 * DAY;
    cert.renew_end = 42 * DAY;
    CU_ASSERT(intake_good_until(&conf, &cert) >= 40 * DAY);
    CU_ASSERT(intake_good_until(&conf, &cert) <= 42 * DAY);
    /* one that begins after the certificate's end says nothing */
    cert.renew_start = 100 * DAY;
    cert.renew_end = 101 * DAY;
    CU_ASSERT_EQUAL(intake_good_until(&conf, &cert), 60 * DAY);
}

/* RFC 9773 5 */
static void test_replaces(void)
{
    const struct stored due = {.age = 80 * DAY, .life = 90 * DAY};
    struct fixture f;
    struct client client;
    struct err err;

    set_up(&f);
    (void)store(&f, &due);
    ask(&f, &client);
    CU_ASSERT_STRING_EQUAL(f.desk.taken[0].replaces, "");
    CU_ASSERT(f.desk.asked <= 1); /* test certificates may have no key identifier of their issuer */
    if (f.desk.asked == 1) {
        f.desk.renewal_info = true;
        know(&f, 0);
        CU_ASSERT_STRING_NOT_EQUAL(f.desk.taken[0].replaces, "");
    }
    /* another client's */
    f.desk.asked = 0;
    CU_ASSERT_EQUAL(
        take(&f, &client, (struct intake_request){.client = "one", .force = true}, &err), 0);
    CU_ASSERT_EQUAL(f.desk.asked, 0);
    tear_down(&f);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"given again", test_given_again},
        {"other extensions", test_other_extensions},
        {"the newest decides", test_newest_decides},
        {"until when", test_renew_within},
        {"replaces", test_replaces},
    };
    return RUN("intake cache", tests);
}
