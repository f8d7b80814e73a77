/*
 * OCSP responses fetched, kept and handed out. The responder is played by the test: http_send and
 * http_cancel stand in for those of issuer/http.c, which is then not linked.
 */
#include "issuer/ocsp.h"

#include <CUnit/Basic.h>
#include <errno.h>

#include "issuer/http.h"
#include "issuer/issued.h"
#include "issuer/ocsp_cache.h"
#include "tests/unit/common/run.h"
#include "tests/unit/issuer/ocsp_answers.h"

#define RESPONDER "http://ocsp.example/"

struct http {
    int asked, cancelled;
    int refuse;
    http_answer_fn *fn;
    void *arg;
};

int http_send(struct http *http, const struct http_request *request, http_answer_fn *fn, void *arg,
              struct http_exchange **exchange)
{
    if (http->refuse < 0)
        return http->refuse;
    CU_ASSERT_EQUAL(request->method, HTTP_POST);
    CU_ASSERT_STRING_EQUAL(request->url, RESPONDER);
    CU_ASSERT_STRING_EQUAL(request->content_type, "application/ocsp-request");
    CU_ASSERT(request->body_len > 40);
    http->asked++;
    http->fn = fn;
    http->arg = arg;
    *exchange = (struct http_exchange *)http;
    return 0;
}

void http_cancel(struct http_exchange *exchange)
{
    if (exchange != NULL)
        ((struct http *)exchange)->cancelled++;
}

struct fixture {
    struct small_ca ca;
    struct http http;
    struct ocsp *ocsp;
};

struct got {
    int count, error;
    size_t len;
    uint8_t der[4096];
    char text[LIMIT_ERROR_TEXT];
};

static void set_up(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    small_ca_set_up(&f->ca, RESPONDER);
    struct ocsp_options options = {.clock = &f->ca.clock, .store = f->ca.store, .http = &f->http};
    CU_ASSERT_EQUAL_FATAL(ocsp_new(&f->ocsp, &options), 0);
}

static void tear_down(struct fixture *f)
{
    ocsp_free(f->ocsp);
    small_ca_tear_down(&f->ca);
}

static void on_response(void *arg, int error, const char *text, const uint8_t *der, size_t len)
{
    struct got *got = arg;

    got->count++;
    got->error = error;
    got->len = len;
    CU_ASSERT_FATAL(len <= sizeof got->der);
    if (len > 0)
        memcpy(got->der, der, len);
    (void)snprintf(got->text, sizeof got->text, "%s", text != NULL ? text : "");
}

static int ask(struct fixture *f, struct got *got)
{
    struct err err = {0};

    *got = (struct got){0};
    int ret = ocsp_get(f->ocsp, f->ca.chain, strlen(f->ca.chain), on_response, got, &err);
    if (ret < 0)
        (void)snprintf(got->text, sizeof got->text, "%s", err.text);
    return ret;
}

static void answer(struct fixture *f, const struct http_answer *answer)
{
    struct http_fields fields;

    CU_ASSERT_PTR_NOT_NULL_FATAL(f->http.fn);
    http_fields_init(&fields);
    struct http_answer copy = *answer;
    copy.fields = &fields;
    f->http.fn(f->http.arg, &copy);
    f->http.fn = NULL;
}

static void answer_der(struct fixture *f, const struct ocsp_spec *spec)
{
    size_t len;
    uint8_t *der = ocsp_answer(&f->ca, spec, &len);

    answer(f, &(struct http_answer){.status = 200, .body = (const char *)der, .body_len = len});
    free(der);
}

static int64_t revoked_in_store(struct fixture *f)
{
    struct issued issued;
    struct err err = {0};

    CU_ASSERT_EQUAL_FATAL(issued_by_serial(&issued, f->ca.store, "1a2b3c", f->ca.now, &err), 0);
    int64_t at = issued.revoked;
    issued_clear(&issued);
    return at;
}

/* Half of its life: RFC 5019 6 has clients keep a response until nextUpdate. */
static void test_kept(void)
{
    struct ocsp_spec spec = ocsp_good();
    struct fixture f;
    struct got got, second;

    set_up(&f);
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    CU_ASSERT_EQUAL(ask(&f, &second), 0);
    CU_ASSERT(got.count == 0 && f.http.asked == 1);
    answer_der(&f, &spec);
    CU_ASSERT(got.count == 1 && got.error == 0 && got.len > 100);
    CU_ASSERT(second.count == 1 && second.len == got.len);
    f.ca.now = spec.this_update + 7 * 86400 / 2 - 1;
    CU_ASSERT_EQUAL(ask(&f, &second), 0);
    CU_ASSERT(second.count == 1 && second.len == got.len && f.http.asked == 1);
    CU_ASSERT_EQUAL(memcmp(second.der, got.der, got.len), 0);
    f.ca.now++;
    CU_ASSERT_EQUAL(ask(&f, &second), 0);
    CU_ASSERT(second.count == 0 && f.http.asked == 2);
    CU_ASSERT_EQUAL(revoked_in_store(&f), 0);
    tear_down(&f);
    CU_ASSERT(second.count == 1 && second.error == ERR_CANCELLED && f.http.cancelled == 1);
}

static void test_stands_in(void)
{
    struct ocsp_spec spec = ocsp_good(), stale = ocsp_good();
    struct fixture f;
    struct got got;

    set_up(&f);
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    answer_der(&f, &spec);
    f.ca.now = spec.next_update - 1;
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    answer(&f, &(struct http_answer){.error = ERR_TIMEOUT, .text = "too slow"});
    CU_ASSERT(got.count == 1 && got.error == 0 && got.len > 100);
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    stale.next_update = f.ca.now - 1000;
    answer_der(&f, &stale);
    CU_ASSERT(got.error == 0 && got.len > 100);
    f.ca.now++;
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    answer(&f, &(struct http_answer){.error = ERR_TIMEOUT, .text = "too slow"});
    CU_ASSERT(got.count == 1 && got.error == ERR_UNAVAILABLE);
    CU_ASSERT_STRING_EQUAL(got.text, "OCSP responder " RESPONDER ": too slow");
    tear_down(&f);
}

/* A clock set back by a day or more: what is kept is of a time to come. */
static void test_clock(void)
{
    struct ocsp_spec spec = ocsp_good();
    struct fixture f;
    struct got got;

    set_up(&f);
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    answer_der(&f, &spec);
    f.ca.now = spec.this_update - 301;
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    CU_ASSERT(got.count == 0 && f.http.asked == 2);
    tear_down(&f);
}

static void test_bad_answers(void)
{
    struct ocsp_spec spec = ocsp_good();
    struct fixture f;
    struct got got;

    set_up(&f);
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    answer(&f, &(struct http_answer){.status = 404, .body = ""});
    CU_ASSERT(got.error == ERR_UNAVAILABLE && strstr(got.text, "HTTP status 404") != NULL);
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    answer(&f, &(struct http_answer){.error = ERR_LIMIT, .text = "too large"});
    CU_ASSERT(got.error == ERR_UNAVAILABLE && strstr(got.text, "too large") != NULL);
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    answer(&f, &(struct http_answer){.error = -ENOMEM, .text = "no memory"});
    CU_ASSERT_EQUAL(got.error, -ENOMEM);
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    answer(&f, &(struct http_answer){.status = 200, .body = "<html>", .body_len = 6});
    CU_ASSERT(got.error == ERR_UNAVAILABLE && strstr(got.text, "no good OCSP") != NULL);
    spec.status = V_OCSP_CERTSTATUS_UNKNOWN;
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    answer_der(&f, &spec);
    CU_ASSERT_EQUAL(got.error, ERR_CA);
    tear_down(&f);
}

static void test_revoked(void)
{
    struct ocsp_spec spec = ocsp_good();
    struct fixture f;
    struct got got;

    set_up(&f);
    spec.status = V_OCSP_CERTSTATUS_REVOKED;
    spec.revoked = SMALL_CA_NOW - 100;
    spec.reason = 4;
    spec.next_update = 0; /* newer information is to be had at any time: not kept */
    spec.this_update = SMALL_CA_NOW;
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    answer_der(&f, &spec);
    CU_ASSERT(got.error == 0 && got.len > 100);
    CU_ASSERT_EQUAL(revoked_in_store(&f), SMALL_CA_NOW - 100);
    CU_ASSERT_EQUAL(ask(&f, &got), 0);
    CU_ASSERT_EQUAL(f.http.asked, 2);
    tear_down(&f);
}

static int ask_about(struct fixture *f, const char *pem, const char *words)
{
    struct got got = {0};
    struct err err = {0};
    int ret = ocsp_get(f->ocsp, pem, strlen(pem), on_response, &got, &err);

    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, words));
    CU_ASSERT_EQUAL(got.count, 0);
    return ret;
}

static void test_not_asked(void)
{
    struct small_ca other;
    struct fixture f;
    struct got got;

    set_up(&f);
    small_ca_set_up(&other, NULL);
    CU_ASSERT_EQUAL(ask_about(&f, other.chain, "this CA has none"), ERR_NOT_FOUND);
    small_ca_tear_down(&other);
    small_ca_set_up(&other, "http://169.254.169.254/secret");
    CU_ASSERT_EQUAL(ask_about(&f, other.chain, "not issued by way of"), ERR_NOT_FOUND);
    small_ca_tear_down(&other);
    CU_ASSERT_EQUAL(ask_about(&f, "x", "CERTIFICATE"), ERR_MALFORMED);
    f.http.refuse = ERR_MALFORMED;
    CU_ASSERT_EQUAL(ask(&f, &got), ERR_RANGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(got.text, "its URL is no http URL"));
    f.http.refuse = -ENOMEM;
    CU_ASSERT_EQUAL(ask(&f, &got), -ENOMEM);
    CU_ASSERT_EQUAL(f.http.asked, 0);
    tear_down(&f);
    ocsp_free(NULL);
}

static void test_busy(void)
{
    static struct got got[LIMIT_OCSP_ASKING + 1];
    char serial[16], *pem[LIMIT_OCSP_ASKING + 1];
    struct fixture f;
    struct err err = {0};

    set_up(&f);
    for (int i = 0; i <= LIMIT_OCSP_ASKING; i++) {
        X509 *leaf = small_ca_issue(&(struct small_ca_spec){.cn = "b.example",
                                                            .san = "DNS:b.example",
                                                            .ocsp_url = RESPONDER,
                                                            .serial = 0x100 + i,
                                                            .issuer = f.ca.cert,
                                                            .issuer_key = f.ca.key,
                                                            .key = f.ca.leaf_key});
        pem[i] = small_ca_pem(leaf, f.ca.cert);
        (void)snprintf(serial, sizeof serial, "%04x", 0x100 + i);
        small_ca_store(&f.ca, SMALL_CA_DIRECTORY, serial, "b.example", pem[i]);
        CU_ASSERT_EQUAL(ocsp_get(f.ocsp, pem[i], strlen(pem[i]), on_response, &got[i], &err),
                        i < LIMIT_OCSP_ASKING ? 0 : ERR_BUSY);
        X509_free(leaf);
    }
    tear_down(&f);
    for (int i = 0; i <= LIMIT_OCSP_ASKING; i++) {
        CU_ASSERT_EQUAL(got[i].count, i < LIMIT_OCSP_ASKING);
        free(pem[i]);
    }
}

static void put(struct ocsp_cache *cache, uint64_t certificate, size_t len)
{
    uint8_t *der = malloc(len);

    memset(der, (int)certificate, len);
    ocsp_cache_put(cache, certificate, &(struct ocsp_cached){der, len, 1, 2});
    free(der);
}

static bool has(struct ocsp_cache *cache, uint64_t certificate, size_t len)
{
    const struct ocsp_cached *found = ocsp_cache_get(cache, certificate);

    return found != NULL && found->len == len && found->der[len - 1] == (uint8_t)certificate;
}

static void test_cache(void)
{
    struct ocsp_cache *cache = ocsp_cache_new(4096);

    CU_ASSERT_PTR_NULL(ocsp_cache_get(cache, 1));
    put(cache, 1, 1000);
    put(cache, 1025, 1000); /* the same bucket */
    put(cache, 3, 1000);
    CU_ASSERT(has(cache, 1, 1000) && has(cache, 1025, 1000) && has(cache, 3, 1000));
    CU_ASSERT(has(cache, 1, 1000));
    put(cache, 4, 1000); /* 1025 was unused for longest */
    CU_ASSERT(has(cache, 1, 1000) && !has(cache, 1025, 1000) && has(cache, 3, 1000) &&
              has(cache, 4, 1000));
    put(cache, 3, 500);
    CU_ASSERT(has(cache, 3, 500) && has(cache, 1, 1000) && has(cache, 4, 1000));
    put(cache, 5, 4096);
    CU_ASSERT(!has(cache, 5, 4096) && has(cache, 3, 500));
    put(cache, 6, 3500);
    CU_ASSERT(has(cache, 6, 3500) && !has(cache, 3, 500) && !has(cache, 1, 1000));
    ocsp_cache_free(cache);
    ocsp_cache_free(NULL);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"kept for half of its life", test_kept},
        {"an earlier response stands in", test_stands_in},
        {"a clock set back", test_clock},
        {"bad answers", test_bad_answers},
        {"revoked", test_revoked},
        {"not asked", test_not_asked},
        {"too many at once", test_busy},
        {"cache", test_cache},
    };
    return RUN("ocsp", tests);
}
