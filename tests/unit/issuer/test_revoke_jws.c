/* RFC 8555 7.6: requests to revoke that the certificate's own key signs. */
#include "issuer/revoke_jws.h"

#include <CUnit/Basic.h>

#include "tests/unit/common/run.h"
#include "tests/unit/issuer/jwss.h"

static int check(const char *text, struct revoke_jws *out, const char *words)
{
    struct err err = {0};
    int ret = revoke_jws_check(out, text, strlen(text), &err);

    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, words));
    if (ret < 0)
        CU_ASSERT(err.code == ret && out->text == NULL && out->pem == NULL && out->url == NULL);
    return ret;
}

/* Takes text over. */
static int refused(char *text, const char *words)
{
    struct revoke_jws jws;
    int ret = check(text, &jws, words);

    free(text);
    return ret;
}

/* Text with one part of it replaced; malloc'd. */
static char *put(const char *text, const char *old, const char *new)
{
    const char *at = strstr(text, old);
    char *out;

    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    CU_ASSERT_FATAL(asprintf(&out, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old)) > 0);
    return out;
}

static void good_with(const struct small_ca *ca, EVP_PKEY *key, const char *alg)
{
    X509 *leaf = small_ca_issue(&(struct small_ca_spec){
        .cn = "r.example", .serial = 0x77, .issuer = ca->cert, .issuer_key = ca->key, .key = key});
    char *pem = small_ca_pem(leaf, ca->cert), *own = small_ca_pem(leaf, NULL);
    char *head, *payload, *other;
    struct revoke_jws jws;

    jwss_parts(pem, 4, &head, &payload);
    json_t *json = json_loads(head, 0, NULL);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(json, "alg")), alg);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(json, "nonce")), "n-1");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(json, "url")), JWSS_URL);
    CU_ASSERT(json_object_size(json) == 4 && json_is_object(json_object_get(json, "jwk")));
    json_decref(json);
    char *text = jwss_sign_clear(head, payload, key);
    CU_ASSERT_EQUAL(check(text, &jws, ""), 0);
    CU_ASSERT_EQUAL(jws.reason, 4);
    CU_ASSERT_STRING_EQUAL(jws.url, JWSS_URL);
    CU_ASSERT_STRING_EQUAL(jws.pem, own);
    CU_ASSERT_EQUAL(strncmp(jws.text, text, strlen(jws.text)), 0);
    revoke_jws_clear(&jws);
    free(text);
    other = put(payload, "\"reason\":4", "\"reason\":1");
    char *one = jwss_sign_clear(head, other, key), *two = jwss_sign_clear(head, payload, key);
    char *mixed = strdup(one);
    memcpy(strstr(mixed, "signature"), strstr(two, "signature"), strlen(strstr(two, "signature")));
    CU_ASSERT_EQUAL(refused(mixed, "not signed"), ERR_POLICY);
    free(one);
    free(two);
    free(other);
    free(head);
    free(payload);
    free(own);
    free(pem);
    X509_free(leaf);
}

static void test_good(void)
{
    struct small_ca ca;

    small_ca_set_up(&ca, NULL);
    EVP_PKEY *keys[] = {key_ec("P-256"), key_ec("P-384"), key_rsa(2048)};
    static const char *const algorithms[] = {"ES256", "ES384", "RS256"};
    for (int i = 0; i < 3; i++) {
        good_with(&ca, keys[i], algorithms[i]);
        EVP_PKEY_free(keys[i]);
    }
    small_ca_tear_down(&ca);
}

/* RFC 5280 5.3.1: unspecified is said by saying nothing; the codes that are not for us. */
static void test_reasons(void)
{
    static const char *const bad[] = {
        "\"reason\":2",     "\"reason\":10",   "\"reason\":-1",         "\"reason\":1.0",
        "\"reason\":\"1\"", "\"reason\":null", "\"reason\":99999999999"};
    struct small_ca ca;
    struct revoke_jws jws;
    char *head, *payload;

    small_ca_set_up(&ca, NULL);
    jwss_parts(ca.chain, 0, &head, &payload);
    CU_ASSERT_PTR_NULL(strstr(payload, "reason"));
    char *text = jwss_sign_clear(head, payload, ca.leaf_key);
    CU_ASSERT(check(text, &jws, "") == 0 && jws.reason == 0);
    revoke_jws_clear(&jws);
    free(text);
    free(head);
    free(payload);
    jwss_parts(ca.chain, 1, &head, &payload);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *other = put(payload, "\"reason\":1", bad[i]);
        CU_ASSERT(refused(jwss_sign_clear(head, other, ca.leaf_key), "reason") < 0);
        free(other);
    }
    free(head);
    free(payload);
    small_ca_tear_down(&ca);
}

/* Members other than those that were handed out, however well they are signed. */
static void test_members(void)
{
    static const char *const heads[][2] = {
        {"\"nonce\":\"n-1\"", "\"nonce\":\"n-1\",\"kid\":\"https://ca.example/acct/1\""},
        {"\"nonce\":\"n-1\"", "\"nonce\":\"n-1\",\"crit\":[\"b64\"],\"b64\":false"},
        {"\"nonce\":\"n-1\",", ""},
        {"\"nonce\":\"n-1\"", "\"nonce\":\"\""},
        {"\"nonce\":\"n-1\"", "\"nonce\":7"},
        {"\"url\":\"https:", "\"url\":\"http:"},
        {"\"alg\":\"ES256\",", ""},
        {"\"alg\":", "\"alg\":\"none\",\"alg\":"},
        {"{", "[{"},
    };
    static const char *const payloads[][2] = {
        {"\"reason\":4", "\"reason\":4,\"x\":1"},
        {"\"certificate\"", "\"certificates\""},
        {"\"certificate\":\"", "\"certificate\":\"AA"},
        {"\"certificate\":\"MI", "\"certificate\":\"!!"},
        {"\",\"reason\"", "AA\",\"reason\""},
    };
    struct small_ca ca;
    char *head, *payload;

    small_ca_set_up(&ca, NULL);
    jwss_parts(ca.chain, 4, &head, &payload);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        char *other = put(head, heads[i][0], heads[i][1]);
        CU_ASSERT_EQUAL(refused(jwss_sign_clear(other, payload, ca.leaf_key), "protected header"),
                        ERR_MALFORMED);
        free(other);
    }
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        char *other = put(payload, payloads[i][0], payloads[i][1]);
        CU_ASSERT_EQUAL(refused(jwss_sign_clear(head, other, ca.leaf_key), "certificate"),
                        ERR_MALFORMED);
        free(other);
    }
    free(head);
    free(payload);
    small_ca_tear_down(&ca);
}

static void test_other_keys(void)
{
    struct small_ca ca;
    char *head, *payload, *issuer_head, *issuer_payload;

    small_ca_set_up(&ca, NULL);
    char *issuer = small_ca_pem(ca.cert, NULL);
    jwss_parts(ca.chain, 4, &head, &payload);
    jwss_parts(issuer, 4, &issuer_head, &issuer_payload);
    /* signed by another key, and the header says so: that key is not the certificate's */
    CU_ASSERT_EQUAL(refused(jwss_sign_clear(issuer_head, payload, ca.key), "alg and jwk"),
                    ERR_RANGE);
    CU_ASSERT_EQUAL(refused(jwss_sign_clear(head, payload, ca.key), "not signed"), ERR_POLICY);
    char *alg = put(head, "ES256", "RS256");
    CU_ASSERT_EQUAL(refused(jwss_sign_clear(alg, payload, ca.leaf_key), "alg and jwk"), ERR_RANGE);
    char *jwk = put(head, "\"crv\"", "\"use\":\"sig\",\"crv\"");
    CU_ASSERT_EQUAL(refused(jwss_sign_clear(jwk, payload, ca.leaf_key), "alg and jwk"), ERR_RANGE);
    free(jwk);
    free(alg);
    free(issuer_head);
    free(issuer_payload);
    free(issuer);
    free(head);
    free(payload);
    small_ca_tear_down(&ca);
}

static void test_forms(void)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"protected\":\"e30\",\"payload\":\"e30\"}",
        "{\"protected\":\"e30\",\"payload\":\"e30\",\"signature\":\"\"}",
        "{\"protected\":\"e30\",\"payload\":\"e30\",\"signature\":\"AA\",\"header\":{}}",
        "{\"protected\":\"e30\",\"payload\":\"e30\",\"signature\":7}",
        "{\"protected\":\"e30\",\"payload\":\"e30\",\"signature\":\"AA\"}",
        "{\"protected\":\"e30=\",\"payload\":\"e30\",\"signature\":\"AA\"}",
        "{\"protected\":\"e30\",\"protected\":\"e30\",\"payload\":\"e30\",\"signature\":\"AA\"}",
    };
    static char large[LIMIT_REVOKE_JWS + 2];
    static const char *const signatures[] = {"AA", "AAA=", "!!!!"};
    struct small_ca ca;
    char *head, *payload;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CU_ASSERT_EQUAL(refused(strdup(bad[i]), "the signed request"), ERR_MALFORMED);
    memset(large, ' ', sizeof large - 1);
    CU_ASSERT_EQUAL(refused(strdup(large), "longer than"), ERR_LIMIT);
    small_ca_set_up(&ca, NULL);
    jwss_parts(ca.chain, 4, &head, &payload);
    char *text = jwss_sign_clear(head, payload, ca.leaf_key);
    char *at = strstr(text, "\"signature\":\"") + strlen("\"signature\":\"");
    *at = '\0';
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        char *other;
        CU_ASSERT_FATAL(asprintf(&other, "%s%s\"}", text, signatures[i]) > 0);
        CU_ASSERT(refused(other, "sign") < 0);
    }
    free(text);
    free(head);
    free(payload);
    small_ca_tear_down(&ca);
}

/* Keys that have no algorithm here (RFC 7518 3.1). */
static void test_odd_key(void)
{
    struct small_ca ca;
    struct err err = {0};
    char *text = NULL;

    small_ca_set_up(&ca, NULL);
    EVP_PKEY *key = key_ec("P-521");
    X509 *leaf = small_ca_issue(&(struct small_ca_spec){
        .cn = "r.example", .serial = 0x77, .issuer = ca.cert, .issuer_key = ca.key, .key = key});
    char *pem = small_ca_pem(leaf, NULL);
    CU_ASSERT_EQUAL(revoke_jws_make(&text, pem, 0, "n", JWSS_URL, &err), ERR_RANGE);
    CU_ASSERT_EQUAL(revoke_jws_make(&text, "x", 0, "n", JWSS_URL, &err), ERR_MALFORMED);
    free(pem);
    X509_free(leaf);
    EVP_PKEY_free(key);
    small_ca_tear_down(&ca);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"RFC 8555 7.6, RFC 7518 3: signed", test_good},
        {"RFC 5280 5.3.1: reasons", test_reasons},
        {"RFC 8555 6.2: members", test_members},
        {"other keys", test_other_keys},
        {"RFC 7515 7.2.2: forms", test_forms},
        {"keys without an algorithm", test_odd_key},
    };
    return RUN("revoke_jws", tests);
}
