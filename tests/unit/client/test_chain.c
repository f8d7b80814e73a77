/* Chains that are what was asked for, and all the ways in which they are not. */
#include "client/chain.h"

#include <CUnit/Basic.h>
#include <time.h>

#include "ca.h"

#define DAY 86400

static EVP_PKEY *root_key, *issuer_key, *leaf_key, *other_key;
static X509 *root, *issuer;
static struct err err;

static X509 *leaf_of(const char *names, EVP_PKEY *key, long from, long to)
{
    struct ca_wish wish = {.subject = "a.example",
                           .names = names,
                           .key = key,
                           .issuer = issuer,
                           .issuer_key = issuer_key,
                           .from = from,
                           .to = to};
    return ca_make(&wish);
}

/* Checks leaf (freed) and issuer against a wish for a.example and *.a.example. */
static int check_with(X509 *leaf, X509 *second, X509 *third, size_t length)
{
    char *names[] = {(char[]){"a.example"}, (char[]){"*.a.example"}};
    struct chain chain = {.certs = {leaf, second, third},
                          .count = third != NULL    ? 3
                                   : second != NULL ? 2
                                                    : 1};
    struct chain_wish wish = {
        .key = leaf_key, .names = names, .count = 2, .length = length, .now = time(NULL)};
    err = (struct err){0};
    int ret = chain_check(&chain, &wish, &err);
    X509_free(leaf);
    return ret;
}

#define GOOD "DNS:a.example,DNS:*.a.example"

static void test_good(void)
{
    CU_ASSERT_EQUAL(check_with(leaf_of(GOOD, leaf_key, -DAY, DAY), issuer, root, 0), 0);
    CU_ASSERT_EQUAL(check_with(leaf_of(GOOD, leaf_key, -DAY, DAY), issuer, NULL, 2), 0);
    CU_ASSERT_EQUAL(check_with(leaf_of(GOOD, leaf_key, -DAY, DAY), NULL, NULL, 0), 0);
    CU_ASSERT_EQUAL(
        check_with(leaf_of("DNS:*.A.example,DNS:a.EXAMPLE", leaf_key, 60, DAY), issuer, root, 0),
        0);
}

static void refused(X509 *leaf, X509 *second, X509 *third, const char *why)
{
    CU_ASSERT_EQUAL(check_with(leaf, second, third, 0), ERR_CORRUPT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, why));
}

static void test_names(void)
{
    refused(leaf_of("DNS:a.example", leaf_key, -DAY, DAY), issuer, NULL, "is not for *.a.example");
    refused(leaf_of(GOOD ",DNS:b.example", leaf_key, -DAY, DAY), issuer, NULL,
            "for b.example as well");
    refused(leaf_of(GOOD ",IP:127.0.0.1", leaf_key, -DAY, DAY), issuer, NULL, "not a DNS name");
    refused(leaf_of(NULL, leaf_key, -DAY, DAY), issuer, NULL, "names no domain");
}

static void test_key_and_time(void)
{
    refused(leaf_of(GOOD, other_key, -DAY, DAY), issuer, NULL, "another key than ours");
    refused(leaf_of(GOOD, leaf_key, 2 * DAY, 3 * DAY), issuer, NULL, "not valid yet");
    refused(leaf_of(GOOD, leaf_key, -2 * DAY, -DAY), issuer, NULL, "has expired");
    refused(leaf_of(GOOD, leaf_key, DAY, -DAY), issuer, NULL, "no sane validity");
}

static void test_links(void)
{
    struct ca_wish old = {.subject = "Issuer",
                          .key = issuer_key,
                          .issuer = root,
                          .issuer_key = root_key,
                          .ca = 1,
                          .from = -2 * DAY,
                          .to = -DAY};
    X509 *expired = ca_make(&old);
    old.to = DAY;
    old.ca = 0;
    X509 *no_ca = ca_make(&old);
    old.ca = 1;
    old.key = other_key;
    X509 *impostor = ca_make(&old);

    refused(leaf_of(GOOD, leaf_key, -DAY, DAY), root, NULL,
            "certificate 2 of the chain is not the "
            "issuer of certificate 1");
    refused(leaf_of(GOOD, leaf_key, -DAY, DAY), issuer, issuer, "certificate 3");
    refused(leaf_of(GOOD, leaf_key, -DAY, DAY), expired, root,
            "certificate 2 of the chain has exp");
    refused(leaf_of(GOOD, leaf_key, -DAY, DAY), no_ca, root, "is not the issuer");
    refused(leaf_of(GOOD, leaf_key, -DAY, DAY), impostor, root, "signature of certificate 1");
    CU_ASSERT_EQUAL(check_with(leaf_of(GOOD, leaf_key, -DAY, DAY), issuer, NULL, 3), ERR_CORRUPT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "has 2 certificates, expected-chain-length says 3"));
    X509_free(expired);
    X509_free(no_ca);
    X509_free(impostor);
}

static void test_self_signed(void)
{
    struct ca_wish wish = {
        .subject = "a.example", .names = GOOD, .key = leaf_key, .from = -DAY, .to = DAY};
    refused(ca_make(&wish), NULL, NULL, "signed by itself");
}

static int parse(const char *pem, size_t *count)
{
    struct chain chain;
    err = (struct err){0};
    int ret = chain_parse(&chain, pem, strlen(pem), &err);
    *count = chain.count;
    chain_clear(&chain);
    return ret;
}

static void test_parse(void)
{
    size_t count;
    char *pem = ca_pem(ca_pem(NULL, issuer), root), *more;
    CU_ASSERT_EQUAL(parse(pem, &count), 0);
    CU_ASSERT_EQUAL(count, 2);
    CU_ASSERT_EQUAL(parse("", &count), ERR_MALFORMED);
    CU_ASSERT_EQUAL(parse("\n \n", &count), ERR_MALFORMED);
    CU_ASSERT_EQUAL(parse("Welcome!\n", &count), ERR_MALFORMED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "something else than certificates (octet 1"));
    CU_ASSERT_EQUAL(parse("-----BEGIN CERTIFICATE-----\nMIIB\n", &count), ERR_MALFORMED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "cut short"));
    CU_ASSERT_EQUAL(parse("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", &count),
                    ERR_MALFORMED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "certificate 1 of the chain cannot be read"));
    CU_ASSERT_TRUE_FATAL(asprintf(&more, "\r\n%s\n\n  %s\n", pem, pem) > 0);
    CU_ASSERT_EQUAL(parse(more, &count), 0);
    CU_ASSERT_EQUAL(count, 4);
    free(more);
    CU_ASSERT_TRUE_FATAL(asprintf(&more, "%sx", pem) > 0);
    CU_ASSERT_EQUAL(parse(more, &count), ERR_MALFORMED);
    free(more);
    CU_ASSERT_TRUE_FATAL(asprintf(&more, "%s%s%s%s%s%s", pem, pem, pem, pem, pem, pem) > 0);
    CU_ASSERT_EQUAL(parse(more, &count), ERR_LIMIT);
    free(more);
    free(pem);
}

static void test_pem(void)
{
    struct chain chain = {.certs = {issuer, root}, .count = 2};
    char *all = ca_pem(ca_pem(NULL, issuer), root), *second = ca_pem(NULL, root), *pem;
    size_t len;
    CU_ASSERT_EQUAL(chain_pem(&chain, 0, 2, &pem, &len, &err), 0);
    CU_ASSERT_STRING_EQUAL(pem, all);
    CU_ASSERT_EQUAL(len, strlen(all));
    free(pem);
    CU_ASSERT_EQUAL(chain_pem(&chain, 1, 1, &pem, &len, &err), 0);
    CU_ASSERT_STRING_EQUAL(pem, second);
    free(pem);
    chain.count = 1;
    CU_ASSERT_EQUAL(chain_pem(&chain, 1, 0, &pem, &len, &err), 0);
    CU_ASSERT_EQUAL(len, 0);
    free(pem);
    free(all);
    free(second);
}

static void test_describe(void)
{
    char *text;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    X509 *leaf = leaf_of(GOOD, leaf_key, -DAY, 10 * DAY + 60);
    CU_ASSERT_EQUAL(chain_describe(leaf, time(NULL), out), 0);
    fclose(out);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "subject      CN=a.example\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "names        a.example, *.a.example\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "issuer       CN=Issuer\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "(10 days left)\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "serial       1267\n"));
    X509_free(leaf);
    free(text);
}

static int set_up(void)
{
    root_key = EVP_EC_gen("P-256");
    issuer_key = EVP_EC_gen("P-256");
    leaf_key = EVP_EC_gen("P-256");
    other_key = EVP_EC_gen("P-256");
    struct ca_wish wish = {
        .subject = "Root", .key = root_key, .ca = 1, .from = -10 * DAY, .to = 10 * DAY};
    root = ca_make(&wish);
    wish.subject = "Issuer";
    wish.key = issuer_key;
    wish.issuer = root;
    wish.issuer_key = root_key;
    issuer = ca_make(&wish);
    return 0;
}

static int tear_down(void)
{
    X509_free(root);
    X509_free(issuer);
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(issuer_key);
    EVP_PKEY_free(leaf_key);
    EVP_PKEY_free(other_key);
    return 0;
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("chain", set_up, tear_down);
    CU_add_test(suite, "good", test_good);
    CU_add_test(suite, "names", test_names);
    CU_add_test(suite, "key and time", test_key_and_time);
    CU_add_test(suite, "links", test_links);
    CU_add_test(suite, "self-signed", test_self_signed);
    CU_add_test(suite, "parse", test_parse);
    CU_add_test(suite, "pem", test_pem);
    CU_add_test(suite, "describe", test_describe);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
