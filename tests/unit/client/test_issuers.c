/* Issuers that many sets have in common are parsed once, and shared by threads. */
#include "client/issuers.h"

#include <CUnit/Basic.h>
#include <pthread.h>
#include <unistd.h>

#include "ca.h"

#define DAY 86400

static EVP_PKEY *root_key, *issuer_key, *leaf_key;
static X509 *root, *issuer;
static char *pem, *alone; /* issuer and root; issuer */
static struct err err;

static void test_read_once(void)
{
    struct issuers *issuers = issuers_new();
    struct chain one, again, none;

    CU_ASSERT_EQUAL(issuers_read(issuers, &one, pem, strlen(pem), &err), 0);
    CU_ASSERT_EQUAL(issuers_read(issuers, &again, pem, strlen(pem), &err), 0);
    CU_ASSERT(one.count == 2 && again.count == 2);
    CU_ASSERT_PTR_EQUAL(one.certs[0], again.certs[0]);
    CU_ASSERT_EQUAL(X509_cmp(one.certs[0], issuer), 0);
    CU_ASSERT_EQUAL(issuers_read(issuers, &none, " \n", 2, &err), 0);
    CU_ASSERT_EQUAL(none.count, 0);
    issuers_free(issuers);
    CU_ASSERT_EQUAL(X509_cmp(one.certs[1], root), 0); /* theirs who read it */
    chain_clear(&one);
    chain_clear(&again);
}

static void test_not_proved(void)
{
    struct issuers *issuers = issuers_new();
    char *wrong = ca_pem(ca_pem(NULL, root), issuer);
    struct chain chain;

    for (int i = 0; i < 2; i++) { /* nor is it kept */
        CU_ASSERT_EQUAL(issuers_read(issuers, &chain, wrong, strlen(wrong), &err), ERR_CORRUPT);
        CU_ASSERT_EQUAL(chain.count, 0);
    }
    CU_ASSERT_EQUAL(issuers_read(issuers, &chain, "garbage", 7, &err), ERR_MALFORMED);
    free(wrong);
    issuers_free(issuers);
}

struct user {
    struct issuers *issuers;
    unsigned wait_us;
    int ret;
};

static void *use(void *arg)
{
    struct user *user = arg;
    struct ca_wish wish = {.subject = "a.example",
                           .key = leaf_key,
                           .issuer = issuer,
                           .issuer_key = issuer_key,
                           .key_ids = 1,
                           .to = DAY};
    struct chain chain = {.certs = {ca_make(&wish)}, .count = 2}, found;
    struct err why = {0};

    user->ret = issuers_read(user->issuers, &found, alone, strlen(alone), &why);
    if (user->ret == 0) {
        chain.certs[1] = found.certs[0];
        usleep(user->wait_us); /* nothing else orders the two: a thread sanitizer sees what they
                                  share */
        user->ret = chain_check_link(&chain, 0, &why);
        chain_clear(&found);
    }
    X509_free(chain.certs[0]);
    return NULL;
}

static void test_threads(void)
{
    struct issuers *issuers = issuers_new();
    struct user users[] = {{.issuers = issuers, .wait_us = 20000}, {issuers, 60000, 0}};
    pthread_t threads[2];
    struct chain first;

    CU_ASSERT_EQUAL(issuers_read(issuers, &first, alone, strlen(alone), &err), 0);
    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, use, &users[i]), 0);
    }
    for (size_t i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        CU_ASSERT_EQUAL(users[i].ret, 0);
    }
    chain_clear(&first);
    issuers_free(issuers);
}

static int set_up(void)
{
    root_key = EVP_EC_gen("P-256");
    issuer_key = EVP_EC_gen("P-256");
    leaf_key = EVP_EC_gen("P-256");
    root = ca_make(
        &(struct ca_wish){.subject = "Root", .key = root_key, .ca = 1, .key_ids = 1, .to = DAY});
    issuer = ca_make(&(struct ca_wish){.subject = "Issuer",
                                       .key = issuer_key,
                                       .issuer = root,
                                       .issuer_key = root_key,
                                       .ca = 1,
                                       .key_ids = 1,
                                       .to = DAY});
    pem = ca_pem(ca_pem(NULL, issuer), root);
    alone = ca_pem(NULL, issuer);
    return 0;
}

static int tear_down(void)
{
    free(pem);
    free(alone);
    X509_free(root);
    X509_free(issuer);
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(issuer_key);
    EVP_PKEY_free(leaf_key);
    return 0;
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("issuers", set_up, tear_down);
    CU_add_test(suite, "read once", test_read_once);
    CU_add_test(suite, "not proved", test_not_proved);
    CU_add_test(suite, "threads", test_threads);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
