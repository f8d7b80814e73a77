/*
 * Revocation (RFC 8555 7.6): reasons, the proof that a client holds the key, and what the CA says.
 * The CA is played by the test: these functions stand in for those of issuer/acme_resource.c and
 * issuer/desk_ca.c, which are then not linked.
 */
#include "issuer/revoke.h"

#include <CUnit/Basic.h>
#include <errno.h>

#include "common/encode.h"
#include "issuer/acme.h"
#include "issuer/desk.h"
#include "issuer/issued.h"
#include "issuer/revoke_jws.h"
#include "issuer/revoke_proof.h"
#include "issuer/revoke_reason.h"
#include "tests/unit/common/run.h"
#include "tests/unit/issuer/proofs.h"

/* -- the CA -- */

struct acme {
    int asked, refuse;
    char payload[4096];
    acme_response_fn *fn;
    void *arg;
};

struct desk {
    struct acme acme;
    bool gone;
};

struct acme *desk_acme(struct desk *desk, const char *directory_url, struct err *err)
{
    CU_ASSERT_STRING_EQUAL(directory_url, SMALL_CA_DIRECTORY);
    if (desk->gone) {
        (void)err_set(err, ERR_INTERNAL, "no such CA");
        return NULL;
    }
    return &desk->acme;
}

int acme_post_resource(struct acme *acme, enum acme_resource resource, const char *payload,
                       acme_response_fn *fn, void *arg, struct acme_request **request)
{
    CU_ASSERT_EQUAL(resource, ACME_REVOKE_CERT);
    if (acme->refuse < 0)
        return acme->refuse;
    acme->asked++;
    acme->fn = fn;
    acme->arg = arg;
    (void)snprintf(acme->payload, sizeof acme->payload, "%s", payload);
    *request = (struct acme_request *)acme;
    return 0;
}

int acme_get_nonce(struct acme *acme, enum acme_resource resource, acme_response_fn *fn, void *arg,
                   struct acme_request **request)
{
    return acme_post_resource(acme, resource, "nonce", fn, arg, request);
}

int acme_post_signed(struct acme *acme, enum acme_resource resource, const char *url,
                     const char *jws, acme_response_fn *fn, void *arg,
                     struct acme_request **request)
{
    CU_ASSERT_STRING_EQUAL(url, "https://ca.example/revoke");
    return acme_post_resource(acme, resource, jws, fn, arg, request);
}

void acme_cancel(struct acme_request *request)
{
    ((struct acme *)request)->fn = NULL;
}

/* -- one who asks -- */

struct fixture {
    struct small_ca ca;
    struct desk desk;
    struct revoke *revoke;
    struct issued issued;
};

struct got {
    int count, error, reason;
    int64_t at;
    bool already;
    char text[LIMIT_ERROR_TEXT], serial[64], to_sign[4096];
};

static void read_row(struct fixture *f)
{
    struct err err = {0};

    issued_clear(&f->issued);
    CU_ASSERT_EQUAL_FATAL(issued_by_serial(&f->issued, f->ca.store, "1a2b3c", f->ca.now, &err), 0);
}

static void set_up(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    small_ca_set_up(&f->ca, NULL);
    struct revoke_options options = {.clock = &f->ca.clock, .store = f->ca.store, .desk = &f->desk};
    CU_ASSERT_EQUAL_FATAL(revoke_new(&f->revoke, &options), 0);
    read_row(f);
}

static void tear_down(struct fixture *f)
{
    revoke_free(f->revoke);
    issued_clear(&f->issued);
    small_ca_tear_down(&f->ca);
}

static void on_done(void *arg, int error, const char *text, const struct revoke_result *result)
{
    struct got *got = arg;

    got->count++;
    got->error = error;
    (void)snprintf(got->text, sizeof got->text, "%s", text != NULL ? text : "");
    if (result != NULL && result->to_sign != NULL) {
        (void)snprintf(got->to_sign, sizeof got->to_sign, "%s", result->to_sign);
    } else if (result != NULL) {
        (void)snprintf(got->serial, sizeof got->serial, "%s", result->serial);
        got->at = result->at;
        got->reason = result->reason;
        got->already = result->already;
    }
}

static int ask_by(struct fixture *f, const struct revoke_request *request, struct got *got)
{
    struct err err = {0};

    *got = (struct got){0};
    int ret = revoke_start(f->revoke, request, on_done, got, &err);
    if (ret < 0)
        (void)snprintf(got->text, sizeof got->text, "%s", err.text);
    return ret;
}

static int ask(struct fixture *f, int reason, struct got *got)
{
    const struct revoke_request request = {
        .issued = &f->issued, .reason = reason, .client = "c", .address = "::1", .peer_uid = 7};

    return ask_by(f, &request, got);
}

static void answer(struct fixture *f, int error, int status, const char *body)
{
    const struct acme_response response = {.error = error,
                                           .text = error != 0 ? body : NULL,
                                           .status = status,
                                           .body = body,
                                           .body_len = strlen(body),
                                           .retry_after_ms = -1};

    CU_ASSERT_PTR_NOT_NULL_FATAL(f->desk.acme.fn);
    f->desk.acme.fn(f->desk.acme.arg, &response);
    f->desk.acme.fn = NULL;
}

static void check_payload(struct fixture *f, const char *tail)
{
    static const char head[] = "{\"certificate\":\"";
    const char *payload = f->desk.acme.payload;
    uint8_t der[2048], *own = NULL;
    size_t len = strcspn(payload + sizeof head - 1, "\"");

    CU_ASSERT_EQUAL(memcmp(payload, head, sizeof head - 1), 0);
    int n = base64url_decode(der, sizeof der, payload + sizeof head - 1, len);
    CU_ASSERT_EQUAL(n, i2d_X509(f->ca.leaf, &own));
    CU_ASSERT_EQUAL(memcmp(der, own, (size_t)n), 0);
    CU_ASSERT_STRING_EQUAL(payload + sizeof head - 1 + len, tail);
    OPENSSL_free(own);
}

/* -- tests -- */

static void test_revoked(void)
{
    struct fixture f;
    struct got got;

    set_up(&f);
    CU_ASSERT_EQUAL(ask(&f, 4, &got), 0);
    CU_ASSERT_EQUAL(got.count, 0);
    check_payload(&f, "\",\"reason\":4}");
    answer(&f, 0, 200, "");
    CU_ASSERT(got.count == 1 && got.error == 0 && got.at == SMALL_CA_NOW && got.reason == 4 &&
              !got.already);
    CU_ASSERT_STRING_EQUAL(got.serial, "1a2b3c");
    f.ca.now += 50;
    read_row(&f);
    CU_ASSERT(f.issued.revoked == SMALL_CA_NOW && f.issued.revoked_reason == 4);
    CU_ASSERT_EQUAL(ask(&f, 1, &got), 0);
    CU_ASSERT(got.count == 1 && got.already && got.at == SMALL_CA_NOW && got.reason == 4);
    CU_ASSERT_EQUAL(f.desk.acme.asked, 1);
    tear_down(&f);
}

/* RFC 5280 5.3.1: unspecified is said by saying nothing. RFC 8555 7.6: alreadyRevoked. */
static void test_already(void)
{
    struct fixture f;
    struct got got;

    set_up(&f);
    CU_ASSERT_EQUAL(ask(&f, 0, &got), 0);
    check_payload(&f, "\"}");
    answer(&f, 0, 400,
           "{\"type\":\"urn:ietf:params:acme:error:alreadyRevoked\",\"detail\":\"it was\"}");
    CU_ASSERT(got.error == 0 && got.already);
    read_row(&f);
    CU_ASSERT_EQUAL(f.issued.revoked, SMALL_CA_NOW);
    tear_down(&f);
}

static void test_refused(void)
{
    struct fixture f;
    struct got got;

    set_up(&f);
    CU_ASSERT_EQUAL(ask(&f, 1, &got), 0);
    answer(&f, 0, 403,
           "{\"type\":\"urn:ietf:params:acme:error:unauthorized\",\"detail\":\"not yours\"}");
    CU_ASSERT_EQUAL(got.error, ERR_CA);
    CU_ASSERT_PTR_NOT_NULL(strstr(got.text, "not yours"));
    CU_ASSERT_EQUAL(ask(&f, 1, &got), 0);
    answer(&f, 0, 503, "");
    CU_ASSERT_EQUAL(got.error, ERR_UNAVAILABLE);
    CU_ASSERT_EQUAL(ask(&f, 1, &got), 0);
    answer(&f, ERR_NOT_FOUND, 0, "revokes nothing");
    CU_ASSERT_EQUAL(got.error, ERR_NOT_FOUND);
    read_row(&f);
    CU_ASSERT_EQUAL(f.issued.revoked, 0);
    f.desk.acme.refuse = ERR_CANCELLED;
    CU_ASSERT_EQUAL(ask(&f, 1, &got), ERR_CANCELLED);
    f.desk.gone = true;
    CU_ASSERT_EQUAL(ask(&f, 1, &got), ERR_INTERNAL);
    tear_down(&f);
    revoke_free(NULL);
}

/* What is to be signed, and what has been: by no account. */
static void test_by_key(void)
{
    struct revoke_jws jws = {.text = (char *)"{signed}",
                             .url = (char *)"https://ca.example/revoke"};
    struct acme_response nonce = {
        .body = "", .nonce = "n-1", .location = "https://ca.example/revoke", .retry_after_ms = -1};
    struct revoke_request request = {.way = REVOKE_TO_SIGN, .reason = 4, .peer_uid = 7};
    struct fixture f;
    struct got got;

    set_up(&f);
    request.issued = &f.issued;
    CU_ASSERT_EQUAL(ask_by(&f, &request, &got), 0);
    CU_ASSERT_STRING_EQUAL(f.desk.acme.payload, "nonce");
    f.desk.acme.fn(f.desk.acme.arg, &nonce);
    CU_ASSERT(got.count == 1 && got.error == 0);
    CU_ASSERT_EQUAL(strncmp(got.to_sign, "{\"protected\":\"ey", 16), 0);
    CU_ASSERT_EQUAL(ask_by(&f, &request, &got), 0);
    answer(&f, 0, 429, "{\"type\":\"urn:ietf:params:acme:error:rateLimited\"}");
    CU_ASSERT_EQUAL(got.error, ERR_CA);
    request.way = REVOKE_SIGNED;
    request.jws = &jws;
    CU_ASSERT_EQUAL(ask_by(&f, &request, &got), 0);
    CU_ASSERT_STRING_EQUAL(f.desk.acme.payload, "{signed}");
    answer(&f, 0, 400, "{\"type\":\"urn:ietf:params:acme:error:badNonce\"}");
    CU_ASSERT_EQUAL(got.error, ERR_CA);
    CU_ASSERT_PTR_NOT_NULL(strstr(got.text, "begin anew"));
    read_row(&f);
    CU_ASSERT_EQUAL(f.issued.revoked, 0);
    CU_ASSERT_EQUAL(ask_by(&f, &request, &got), 0);
    answer(&f, 0, 200, "");
    CU_ASSERT(got.error == 0 && got.reason == 4 && !got.already);
    read_row(&f);
    CU_ASSERT(f.issued.revoked == SMALL_CA_NOW && f.issued.revoked_reason == 4);
    tear_down(&f);
}

static void test_bounded(void)
{
    static struct got got[LIMIT_REVOKING + 1];
    struct fixture f;

    set_up(&f);
    for (int i = 0; i <= LIMIT_REVOKING; i++)
        CU_ASSERT_EQUAL(ask(&f, 1, &got[i]), i < LIMIT_REVOKING ? 0 : ERR_BUSY);
    tear_down(&f);
    for (int i = 0; i < LIMIT_REVOKING; i++)
        CU_ASSERT(got[i].count == 1 && got[i].error == ERR_CANCELLED);
}

/* RFC 5280 5.3.1 */
static void test_reasons(void)
{
    static const char *const bad[] = {
        "", "2", "6", "7", "8", "9", "10", "11", "-1", "01", "cACompromise", "key"};
    struct err err = {0};
    int reason = -1;

    CU_ASSERT(revoke_reason_parse(&reason, "KeyCompromise", &err) == 0 && reason == 1);
    CU_ASSERT(revoke_reason_parse(&reason, "0", &err) == 0 && reason == 0);
    for (size_t i = 0; revoke_reason_words[i] != NULL; i++) {
        CU_ASSERT_EQUAL(revoke_reason_parse(&reason, revoke_reason_words[i], &err), 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(REVOKE_REASONS, revoke_reason_words[i]));
    }
    CU_ASSERT(revoke_reason_parse(&reason, "5", &err) == 0 && reason == 5);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CU_ASSERT_EQUAL(revoke_reason_parse(&reason, bad[i], &err), ERR_RANGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "superseded (4)"));
    CU_ASSERT_STRING_EQUAL(revoke_reason_name(9), "privilegeWithdrawn");
    CU_ASSERT_STRING_EQUAL(revoke_reason_name(7), "unknown");
    CU_ASSERT_STRING_EQUAL(revoke_reason_name(-1), "unknown");
    CU_ASSERT_STRING_EQUAL(revoke_reason_name(11), "unknown");
}

static int check(const struct small_ca *ca, const struct proof_spec *spec, const char *words)
{
    char *text = proof_make(spec);
    struct err err = {0};
    int reason = -1;
    int ret = revoke_proof_check(text, strlen(text), ca->now, &reason, &err);

    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, words));
    if (ret == 0)
        CU_ASSERT_EQUAL(reason, 4);
    free(text);
    return ret;
}

static void test_proof(void)
{
    struct small_ca ca;

    small_ca_set_up(&ca, NULL);
    struct proof_spec spec = proof_good(&ca);
    CU_ASSERT_EQUAL(check(&ca, &spec, ""), 0);
    spec.serial = "001a2b3C";
    CU_ASSERT_EQUAL(check(&ca, &spec, ""), 0);
    spec.at = ca.now - LIMIT_REVOKE_S;
    CU_ASSERT_EQUAL(check(&ca, &spec, ""), 0);
    spec.at = ca.now + LIMIT_REVOKE_S;
    CU_ASSERT_EQUAL(check(&ca, &spec, ""), 0);
    EVP_PKEY *rsa = key_rsa(2048);
    X509 *leaf = small_ca_issue(&(struct small_ca_spec){
        .cn = "r.example", .serial = 0x77, .issuer = ca.cert, .issuer_key = ca.key, .key = rsa});
    char *pem = small_ca_pem(leaf, NULL);
    spec.key = rsa;
    spec.pem = pem;
    spec.serial = "77";
    CU_ASSERT_EQUAL(check(&ca, &spec, ""), 0);
    free(pem);
    X509_free(leaf);
    EVP_PKEY_free(rsa);
    small_ca_tear_down(&ca);
}

static void test_no_proof(void)
{
    struct small_ca ca;

    small_ca_set_up(&ca, NULL);
    const struct proof_spec good = proof_good(&ca);
    struct proof_spec spec = good;
    spec.at = ca.now - LIMIT_REVOKE_S - 1;
    CU_ASSERT_EQUAL(check(&ca, &spec, "10 minutes ago"), ERR_RANGE);
    spec.at = ca.now + LIMIT_REVOKE_S + 1;
    CU_ASSERT_EQUAL(check(&ca, &spec, "time to come"), ERR_RANGE);
    spec = good;
    spec.serial = "1a2b3d";
    CU_ASSERT_EQUAL(check(&ca, &spec, "another certificate"), ERR_RANGE);
    spec = good;
    spec.key = ca.key;
    CU_ASSERT_EQUAL(check(&ca, &spec, "not signed"), ERR_POLICY);
    spec = good;
    spec.signed_instead = "certmill revoke\n";
    CU_ASSERT_EQUAL(check(&ca, &spec, "not signed"), ERR_POLICY);
    spec = good;
    spec.reason = "cACompromise";
    CU_ASSERT_EQUAL(check(&ca, &spec, "no reason"), ERR_RANGE);
    spec = good;
    spec.head = "certmill revokes";
    CU_ASSERT_EQUAL(check(&ca, &spec, "does not begin"), ERR_MALFORMED);
    spec = good;
    spec.pem = "";
    CU_ASSERT_EQUAL(check(&ca, &spec, "begins a CERTIFICATE"), ERR_MALFORMED);
    small_ca_tear_down(&ca);
}

#define LONG_REASON                                                                                \
    "certmill revoke\nserial: 1\nreason: "                                                         \
    "1111111111111111111111111111111111111111111111111111111111111111111111\n"

static void test_forms(void)
{
    static const char *const bad[] = {
        "",
        "certmill revoke",
        "certmill revoke\n",
        "certmill revoke\nreason: 1\n",
        "certmill revoke\nserial: 1\n",
        "certmill revoke\nserial: 1\nreason: 1\n",
        "certmill revoke\nserial: 1\nreason: 1\ntime: now",
        "certmill revoke\nserial: 1\nreason: 1\ntime: now\n",
        "certmill revoke\nserial: 1\nreason: 1\ntime: 2027-01-15T08:00:00Z\nsignature: \n",
        "certmill revoke\nserial: 1\nreason: 1\ntime: 2027-01-15T08:00:00Z\nsignature: ====\n",
        "certmill revoke\nserial: 1\nreason: 1\ntime: 2027-01-15T08:00:00Z\nsignature: AAA\n",
        "certmill revoke\nserial: 1\nreason: 1\ntime: 2027-01-15T08:00:00Z\nsignature: A!AA\n",
        "certmill revoke\nserial: 1\nreason: 1\ntime: 2027-1-15T8:0:0Z\nsignature: AAAA\n",
        "certmill revoke\nserial: 1\nreason: 1\ntime: 2027-01-15T08:00:00+01:00\nsignature: AAAA\n",
        "certmill revoke\r\nserial: 1\r\nreason: 1\r\ntime: 2027-01-15T08:00:00Z\r\n",
        LONG_REASON,
    };
    char text[4096];
    struct err err = {0};
    int reason;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CU_ASSERT_EQUAL(revoke_proof_check(bad[i], strlen(bad[i]), SMALL_CA_NOW, &reason, &err),
                        ERR_MALFORMED);
    }
    int n = snprintf(text, sizeof text,
                     "certmill revoke\nserial: 1\nreason: 1\n"
                     "time: 2027-01-15T08:00:00Z\nsignature: ");
    memset(text + n, 'A', 1372);
    text[n + 1372] = '\n';
    CU_ASSERT_EQUAL(revoke_proof_check(text, (size_t)n + 1373, SMALL_CA_NOW, &reason, &err),
                    ERR_MALFORMED);
    text[n + 1368] = '\n'; /* 1,026 octets */
    CU_ASSERT_EQUAL(revoke_proof_check(text, (size_t)n + 1369, SMALL_CA_NOW, &reason, &err),
                    ERR_MALFORMED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "base64"));
}

int main(void)
{
    static const struct run_case tests[] = {
        {"RFC 8555 7.6: revoked", test_revoked},
        {"RFC 8555 7.6: already revoked", test_already},
        {"refused", test_refused},
        {"RFC 8555 7.6: by the certificate's key", test_by_key},
        {"bounded", test_bounded},
        {"RFC 5280 5.3.1: reasons", test_reasons},
        {"proof", test_proof},
        {"no proof", test_no_proof},
        {"forms of a proof", test_forms},
    };
    return RUN("revoke", tests);
}
