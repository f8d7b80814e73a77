/*
 * Renewal information (RFC 9773 4.2, 4.3): when a CA is asked, what is kept of its answers, and
 * what holds while it has none. The CA's HTTP is played by the test: these functions stand in for
 * those of issuer/acme.c and issuer/desk_ca.c, which are then not linked.
 */
#include "issuer/renewal.h"

#include <CUnit/Basic.h>
#include <errno.h>

#include "issuer/acme.h"
#include "issuer/desk.h"
#include "issuer/issued.h"
#include "tests/unit/common/run.h"
#include "tests/unit/issuer/small_ca.h"

/* -- the CA -- */

struct acme {
    int asked;
    bool refuse;
    char path[LIMIT_CERT_ID];
    acme_response_fn *fn;
    void *arg;
};

struct desk {
    struct acme acme;
};

struct acme *desk_acme(struct desk *desk, const char *directory_url, struct err *err)
{
    if (strcmp(directory_url, SMALL_CA_DIRECTORY) != 0) {
        (void)err_set(err, ERR_INTERNAL, "no such CA");
        return NULL;
    }
    return &desk->acme;
}

int acme_get_resource(struct acme *acme, enum acme_resource resource, const char *path,
                      acme_response_fn *fn, void *arg, struct acme_request **request)
{
    CU_ASSERT_EQUAL(resource, ACME_RENEWAL_INFO);
    if (acme->refuse)
        return -ENOMEM;
    acme->asked++;
    acme->fn = fn;
    acme->arg = arg;
    (void)snprintf(acme->path, sizeof acme->path, "%s", path);
    *request = (struct acme_request *)acme;
    return 0;
}

void acme_cancel(struct acme_request *request)
{
    ((struct acme *)request)->fn = NULL;
}

/* -- one who asks -- */

struct fixture {
    struct small_ca ca;
    struct desk desk;
    struct renewal *renewal;
};

struct got {
    int count, error;
    char text[LIMIT_ERROR_TEXT];
    struct renewal_window window;
};

static void on_window(void *arg, int error, const char *text, const struct renewal_window *window)
{
    struct got *got = arg;

    got->count++;
    got->error = error;
    (void)snprintf(got->text, sizeof got->text, "%s", text != NULL ? text : "");
    got->window = window != NULL ? *window : (struct renewal_window){0};
}

static void begin(struct fixture *f)
{
    struct renewal_options options = {
        .clock = &f->ca.clock, .store = f->ca.store, .desk = &f->desk};

    CU_ASSERT_EQUAL_FATAL(renewal_new(&f->renewal, &options), 0);
}

static void set_up(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    small_ca_set_up(&f->ca, NULL);
    begin(f);
}

static void tear_down(struct fixture *f)
{
    renewal_free(f->renewal);
    small_ca_tear_down(&f->ca);
}

static int ask(struct fixture *f, struct got *got)
{
    struct err err = {0};

    memset(got, 0, sizeof *got);
    int ret = renewal_get(f->renewal, f->ca.chain, strlen(f->ca.chain), on_window, got, &err);
    (void)snprintf(got->text, sizeof got->text, "%s", err.text);
    return ret;
}

static void answer(struct fixture *f, const struct acme_response *response)
{
    struct acme_response copy = *response;

    CU_ASSERT_PTR_NOT_NULL_FATAL(f->desk.acme.fn);
    copy.body = response->body != NULL ? response->body : "";
    copy.body_len = strlen(copy.body);
    f->desk.acme.fn(f->desk.acme.arg, &copy);
    f->desk.acme.fn = NULL;
}

/* 1,800,100,000 to 1,800,200,000. */
#define WINDOW                                                                                     \
    "{\"suggestedWindow\":{\"start\":\"2027-01-16T11:46:40Z\",\"end\":\"2027-01-17T15:33:20Z\"},"  \
    "\"explanationURL\":\"https://ca.example/why\"}"

static void answer_window(struct fixture *f, int64_t retry_after_ms)
{
    answer(f, &(struct acme_response){
                  .status = 200, .body = WINDOW, .retry_after_ms = retry_after_ms});
}

static struct issued row(struct fixture *f)
{
    struct issued issued;
    struct err err = {0};

    CU_ASSERT_EQUAL_FATAL(issued_by_serial(&issued, f->ca.store, "1A:2B:3C", f->ca.now, &err), 0);
    return issued;
}

/* -- tests -- */

/* RFC 9773 4.3.2: not before Retry-After is over, also by another process. */
static void test_kept(void)
{
    struct fixture f;
    struct got got;

    set_up(&f);
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    CU_ASSERT_EQUAL(got.count, 0);
    answer_window(&f, 7200000);
    CU_ASSERT(got.count == 1 && got.error == 0);
    CU_ASSERT(got.window.start == 1800100000 && got.window.end == 1800200000);
    CU_ASSERT(got.window.checked == SMALL_CA_NOW && got.window.next == SMALL_CA_NOW + 7200);
    renewal_free(f.renewal);
    small_ca_reopen(&f.ca);
    begin(&f);
    f.ca.now += 7199;
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    CU_ASSERT(got.count == 1 && got.error == 0 && f.desk.acme.asked == 1);
    CU_ASSERT(got.window.start == 1800100000 && got.window.next == SMALL_CA_NOW + 7200);
    CU_ASSERT_STRING_EQUAL(got.window.explanation, "https://ca.example/why");
    f.ca.now++;
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    CU_ASSERT(got.count == 0 && f.desk.acme.asked == 2);
    tear_down(&f);
    CU_ASSERT(got.count == 1 && got.error == ERR_CANCELLED);
}

/* Who asks while the CA is being asked gets the same answer. */
static void test_together(void)
{
    struct got first, second;
    struct fixture f;

    set_up(&f);
    CU_ASSERT_EQUAL(ask(&f, &first), 0);
    CU_ASSERT_EQUAL(ask(&f, &second), 0);
    CU_ASSERT_EQUAL(f.desk.acme.asked, 1);
    answer_window(&f, -1);
    CU_ASSERT(first.count == 1 && second.count == 1 && second.window.end == 1800200000);
    tear_down(&f);
}

/* RFC 9773 4.3.3: an error is no answer; what was known holds, and the CA is left alone. */
static void test_known_holds(void)
{
    struct fixture f;
    struct got got;

    set_up(&f);
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    answer_window(&f, 60000);
    f.ca.now += 60;
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    answer(&f, &(struct acme_response){
                   .error = ERR_UNAVAILABLE, .text = "the line is dead", .retry_after_ms = -1});
    CU_ASSERT(got.count == 1 && got.error == 0 && got.window.start == 1800100000);
    CU_ASSERT(got.window.checked == SMALL_CA_NOW && got.window.next == f.ca.now + 21600);
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    CU_ASSERT(got.count == 1 && f.desk.acme.asked == 2);
    f.ca.now += 21600;
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    answer(&f, &(struct acme_response){.status = 503, .retry_after_ms = 600000});
    CU_ASSERT(got.error == 0 && got.window.next == f.ca.now + 600);
    f.ca.now += 600;
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    answer(&f, &(struct acme_response){.status = 200, .body = "{}", .retry_after_ms = -1});
    CU_ASSERT(got.error == 0 && got.window.end == 1800200000);
    tear_down(&f);
}

static void test_nothing_known(void)
{
    struct fixture f;
    struct got got;

    set_up(&f);
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    answer(&f, &(struct acme_response){.status = 404,
                                       .body = "{\"type\":\"urn:ietf:params:acme:error:malformed\","
                                               "\"detail\":\"not one of ours\"}",
                                       .retry_after_ms = -1});
    CU_ASSERT(got.count == 1 && got.error == ERR_CA);
    CU_ASSERT_PTR_NOT_NULL(strstr(got.text, "not one of ours"));
    CU_ASSERT_EQUAL(ask(&f, &got), ERR_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(got.text, "asked again after 2027-01-15T14:00:00Z"));
    CU_ASSERT(got.count == 0 && f.desk.acme.asked == 1);
    f.ca.now += 21600;
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    answer(&f, &(struct acme_response){.status = 500, .retry_after_ms = -1});
    CU_ASSERT_EQUAL(got.error, ERR_UNAVAILABLE);
    f.ca.now += 21600;
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    answer(&f, &(struct acme_response){.status = 200, .body = "x", .retry_after_ms = -1});
    CU_ASSERT_EQUAL(got.error, ERR_UNAVAILABLE);
    tear_down(&f);
}

/* A CA without it is not left alone: nobody was asked. */
static void test_none_here(void)
{
    struct fixture f;
    struct got got;

    set_up(&f);
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    answer(&f, &(struct acme_response){.error = ERR_NOT_FOUND, .text = "none here"});
    CU_ASSERT(got.count == 1 && got.error == ERR_NOT_FOUND);
    CU_ASSERT_STRING_EQUAL(got.text, "none here");
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    CU_ASSERT_EQUAL(f.desk.acme.asked, 2);
    tear_down(&f);
}

/* Set back by days, a clock does not put the next question off by days. */
static void test_clock(void)
{
    struct fixture f;
    struct got got;

    set_up(&f);
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    answer_window(&f, 86400000);
    f.ca.now -= 1;
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    CU_ASSERT_EQUAL(f.desk.acme.asked, 2);
    tear_down(&f);
}

static void test_refused(void)
{
    struct fixture f;
    struct got got;
    struct err err = {0};

    set_up(&f);
    char *other = small_ca_pem(f.ca.cert, NULL);
    CU_ASSERT_EQUAL(renewal_get(f.renewal, other, strlen(other), on_window, &got, &err),
                    ERR_NOT_FOUND);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "not issued by way of this server"));
    CU_ASSERT_EQUAL(renewal_get(f.renewal, "x", 1, on_window, &got, &err), ERR_MALFORMED);
    f.desk.acme.refuse = true;
    CU_ASSERT_EQUAL(ask(&f, &got), -ENOMEM);
    small_ca_store(&f.ca, "https://other.example/dir", "01", "b.example", other);
    CU_ASSERT_EQUAL(renewal_get(f.renewal, other, strlen(other), on_window, &got, &err),
                    ERR_INTERNAL);
    EVP_PKEY *key = key_ec("P-256");
    char *plain = cert_for(key, "c.example", NULL);
    small_ca_store(&f.ca, SMALL_CA_DIRECTORY, "1a2b3c", "c.example", plain);
    CU_ASSERT_EQUAL(renewal_get(f.renewal, plain, strlen(plain), on_window, &got, &err),
                    ERR_NOT_FOUND);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "no authority key identifier"));
    CU_ASSERT_EQUAL(got.count, 0);
    free(plain);
    EVP_PKEY_free(key);
    free(other);
    tear_down(&f);
    renewal_free(NULL);
}

/* Asked for the next one who wants to know; and no more than so many at once. */
static void test_bounded(void)
{
    char serial[16], *pem[LIMIT_RENEWALS + 1];
    struct fixture f;
    struct got got;
    struct err err = {0};

    set_up(&f);
    for (int i = 0; i <= LIMIT_RENEWALS; i++) {
        X509 *leaf = small_ca_issue(&(struct small_ca_spec){.cn = "b.example",
                                                            .san = "DNS:b.example",
                                                            .serial = 0x100 + i,
                                                            .issuer = f.ca.cert,
                                                            .issuer_key = f.ca.key,
                                                            .key = f.ca.leaf_key});
        pem[i] = small_ca_pem(leaf, NULL);
        (void)snprintf(serial, sizeof serial, "%04x", 0x100 + i);
        small_ca_store(&f.ca, SMALL_CA_DIRECTORY, serial, "b.example", pem[i]);
        renewal_refresh(f.renewal, pem[i]);
        X509_free(leaf);
    }
    CU_ASSERT_EQUAL(f.desk.acme.asked, LIMIT_RENEWALS);
    CU_ASSERT_EQUAL(ask(&f, &got), ERR_BUSY);
    answer_window(&f, -1); /* of the last one that was asked about */
    renewal_refresh(f.renewal, pem[LIMIT_RENEWALS - 1]);
    CU_ASSERT_EQUAL(f.desk.acme.asked, LIMIT_RENEWALS);
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    CU_ASSERT_EQUAL(renewal_get(f.renewal, pem[LIMIT_RENEWALS - 1], strlen(pem[LIMIT_RENEWALS - 1]),
                                on_window, &got, &err),
                    0);
    CU_ASSERT(got.count == 1 && got.window.end == 1800200000);
    for (int i = 0; i <= LIMIT_RENEWALS; i++)
        free(pem[i]);
    tear_down(&f);
}

/* RFC 9773 4.2: a moment of the window, the same each time, others for others. */
static void test_moment(void)
{
    struct store_certificate cert = {.serial = "1a2b3c"};
    char serial[16];
    int late = 0;

    CU_ASSERT_EQUAL(renewal_moment(&cert), 0);
    cert.renew_start = 1000;
    cert.renew_end = 2000;
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(serial, sizeof serial, "%08x", (unsigned)i * 2654435761u);
        cert.serial = serial;
        int64_t moment = renewal_moment(&cert);
        CU_ASSERT(moment >= 1000 && moment < 2000 && moment == renewal_moment(&cert));
        late += moment >= 1500;
    }
    CU_ASSERT(late > 400 && late < 600);
    cert.renew_start = 2000;
    CU_ASSERT_EQUAL(renewal_moment(&cert), 2000);
    cert.revoked = 1;
    CU_ASSERT_EQUAL(renewal_moment(&cert), 1);
}

static void test_store(void)
{
    struct fixture f;
    struct err err = {0};

    set_up(&f);
    struct issued issued = row(&f);
    CU_ASSERT(issued.revoked == 0 && issued.window.end == 0 && issued.outdated);
    CU_ASSERT_STRING_EQUAL(issued.directory_url, SMALL_CA_DIRECTORY);
    CU_ASSERT_EQUAL(store_certificate_revoked(f.ca.store, issued.id, 77, 4, &err), 0);
    CU_ASSERT_EQUAL(store_certificate_revoked(f.ca.store, issued.id, 88, 1, &err), 0);
    issued_clear(&issued);
    small_ca_reopen(&f.ca);
    issued = row(&f);
    CU_ASSERT(issued.revoked == 77 && issued.revoked_reason == 4);
    issued_clear(&issued);
    struct store *lost;
    const struct err why = {.code = ERR_CORRUPT, .text = "gone"};
    const struct renewal_window window = {.next = 1};
    CU_ASSERT_EQUAL_FATAL(store_open_lost(&lost, "lost", &why), 0);
    CU_ASSERT(store_certificate_renewal(lost, 1, &window, &err) < 0);
    CU_ASSERT(store_certificate_revoked(lost, 1, 1, 1, &err) < 0);
    CU_ASSERT(issued_by_serial(&issued, lost, "1a", 1, &err) < 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "gone"));
    store_close(lost);
    tear_down(&f);
}

static void no_serial(struct fixture *f, const char *serial, int code, const char *words)
{
    struct issued issued;
    struct err err = {0};

    CU_ASSERT_EQUAL(issued_by_serial(&issued, f->ca.store, serial, f->ca.now, &err), code);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, words));
    CU_ASSERT_EQUAL(issued.id, 0);
}

static void test_serials(void)
{
    static const char *const same[] = {"1a2b3c", "1A2B3C", "1a:2b:3c", "001a2b3c", "00:1a2b3c"};
    char digits[LIMIT_SERIAL_TEXT + 2];
    struct issued issued;
    struct fixture f;
    struct err err = {0};

    set_up(&f);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        CU_ASSERT_EQUAL(issued_by_serial(&issued, f.ca.store, same[i], f.ca.now, &err), 0);
        CU_ASSERT_STRING_EQUAL(issued.names, "a.example,www.a.example");
        issued_clear(&issued);
    }
    memset(digits, '1', sizeof digits - 1);
    digits[sizeof digits - 1] = '\0';
    no_serial(&f, digits, ERR_MALFORMED, "at most 92");
    digits[LIMIT_SERIAL_TEXT] = '\0';
    no_serial(&f, digits, ERR_NOT_FOUND, "was issued by way of");
    no_serial(&f, "1a2b3", ERR_NOT_FOUND, "01a2b3");
    no_serial(&f, "", ERR_MALFORMED, "no serial");
    no_serial(&f, "0:0", ERR_MALFORMED, "no serial");
    no_serial(&f, "1a 2b", ERR_MALFORMED, "no serial");
    small_ca_store(&f.ca, SMALL_CA_DIRECTORY, "1a2b3c", "a.example", f.ca.chain);
    CU_ASSERT_EQUAL(issued_by_serial(&issued, f.ca.store, "1a2b3c", f.ca.now, &err), 0);
    CU_ASSERT_EQUAL(issued.order_id, 2);
    issued_clear(&issued);
    small_ca_store(&f.ca, "https://other.example/dir", "1a2b3c", "a.example", f.ca.chain);
    no_serial(&f, "1a2b3c", ERR_EXISTS, "orders 3 and");
    tear_down(&f);
}

static void test_permit(void)
{
    struct fixture f;
    struct err err = {0};

    set_up(&f);
    struct issued issued = row(&f);
    CU_ASSERT_EQUAL(issued_permit(&issued, NULL, "a.example,www.a.example,b.example", &err), 0);
    CU_ASSERT_EQUAL(issued_permit(&issued, NULL, "a.example;www.a.example", &err), ERR_POLICY);
    CU_ASSERT_EQUAL(issued_permit(&issued, NULL, NULL, &err), ERR_POLICY);
    char *sets[] = {(char *)"c.example,a.example"}, *patterns[] = {(char *)"*.a.example"};
    struct server_conf_client client = {.name = (char *)"web", .names = {sets, 1}};
    CU_ASSERT_EQUAL(issued_permit(&issued, &client, NULL, &err), ERR_POLICY);
    client.patterns = (struct conf_strings){patterns, 1};
    CU_ASSERT_EQUAL(issued_permit(&issued, &client, NULL, &err), 0);
    client.names.count = 0;
    CU_ASSERT_EQUAL(issued_permit(&issued, &client, NULL, &err), ERR_POLICY);
    patterns[0] = (char *)"*.example";
    CU_ASSERT_EQUAL(issued_permit(&issued, &client, NULL, &err), 0);
    free(issued.names);
    issued.names = calloc(1, 2 * (LIMIT_NAMES + 1) + 1);
    for (int i = 0; i <= LIMIT_NAMES; i++)
        strcat(issued.names, "a,");
    CU_ASSERT_EQUAL(issued_permit(&issued, NULL, "a.example", &err), ERR_LIMIT);
    issued_clear(&issued);
    tear_down(&f);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"RFC 9773 4.3.2: kept until Retry-After", test_kept},
        {"asked once for all", test_together},
        {"RFC 9773 4.3.3: what is known holds", test_known_holds},
        {"RFC 9773 4.3.3: nothing is known", test_nothing_known},
        {"a CA without renewal information", test_none_here},
        {"a clock set back", test_clock},
        {"bounded", test_bounded},
        {"refused", test_refused},
        {"RFC 9773 4.2: a moment in the window", test_moment},
        {"revocation in the store", test_store},
        {"serial numbers", test_serials},
        {"whose it is", test_permit},
    };
    return RUN("renewal", tests);
}
