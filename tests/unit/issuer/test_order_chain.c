/* Chains: what is proven before one is handed out (RFC 8555 9.1), and the choice (7.4.2). */
#include "order_lab.h"

#include <CUnit/Basic.h>
#include <ctype.h>

#include "common/encode.h"
#include "issuer/order_chain.h"

/* Cut to size; the labs' texts are smaller. */
static void copy(char *dst, size_t size, const char *src)
{
    size_t n = strnlen(src, size - 1);

    memcpy(dst, src, n);
    dst[n] = '\0';
}

static void done(struct lab *lab)
{
    CU_ASSERT(lab->finished && lab->failure == ORDER_OK && lab->chain != NULL);
    lab_free(lab);
}

/* -- what is proven -- */

static void judged(const char *pem, int64_t now, int code, const char *words)
{
    char *names[] = {(char *)"a.example"};
    size_t len;
    uint8_t *csr = lab_csr(&len);
    struct order_chain_wanted wanted = {
        .csr = csr, .csr_len = len, .names = names, .name_count = 1, .now = now};
    struct order_chain chain;
    struct err err = {0};
    int ret = order_chain_parse(&chain, pem, strlen(pem), &wanted, &err);

    CU_ASSERT_EQUAL(ret, code);
    if (ret == 0) {
        CU_ASSERT_STRING_EQUAL(chain.serial, "1234abcd");
        order_chain_clear(&chain);
    } else if (strstr(err.text, words) == NULL) {
        fprintf(stderr, "wanted \"%s\" in: %s\n", words, err.text);
        CU_FAIL("the reason is another");
    }
    CU_ASSERT(ret == 0 || chain.pem == NULL);
    OPENSSL_free(csr);
}

static const char *two(X509 *leaf, X509 *issuer)
{
    static char pem[16384];
    size_t len = lab_add_pem(pem, sizeof(pem), leaf);

    if (issuer != NULL)
        lab_add_pem(pem + len, sizeof(pem) - len, issuer);
    return pem;
}

static void test_judged(void)
{
    EVP_PKEY *other = EVP_EC_gen("P-256");
    int64_t now = (int64_t)time(NULL);
    X509 *cert;

    judged(lab_chain_of(lab_key(), "a.example", "Root"), now, 0, "");
    judged(lab_chain_of(lab_key(), "A.Example", "Root"), 0, 0, "");
    judged(two(lab_cert(lab_key(), "a.example", "leaf", "Root"), NULL), now, 0, "");
    judged(lab_chain_of(lab_key(), "a.example", "Root"), now + 2 * 86400, ERR_CA,
           "has expired already");
    judged(lab_chain_of(other, "a.example", "Root"), now, ERR_CA, "another key than the CSR");
    judged(lab_chain_of(lab_key(), "a.example,b.example", "Root"), now, ERR_CA, "other names");
    judged(lab_chain_of(lab_key(), "b.example", "Root"), now, ERR_CA, "other names");
    judged("", now, ERR_MALFORMED, "empty");
    /* the next one did not issue it */
    judged(two(lab_cert(lab_key(), "a.example", "leaf", "Intermediate"),
               lab_cert(lab_key(), NULL, "Another", "Root")),
           now, ERR_CA, "certificate 1 of the chain was not issued by the next one");
    /* ... says that it did, with another key */
    judged(two(lab_cert(lab_key(), "a.example", "leaf", "Intermediate"),
               lab_cert(other, NULL, "Intermediate", "Root")),
           now, ERR_CA, "the signature of certificate 1 of the chain");
    /* ... is no CA's: names make lab_cert leave out the CA flag */
    judged(two(lab_cert(lab_key(), "a.example", "leaf", "Intermediate"),
               lab_cert(lab_key(), "x.example", "Intermediate", "Root")),
           now, ERR_CA, "certificate 2 of the chain is no CA's");
    /* a self-signed root of version 1 has no flag to show */
    cert = lab_cert(lab_key(), NULL, "Root", "Root");
    X509_EXTENSION_free(X509_delete_ext(cert, 0));
    X509_set_version(cert, 0);
    X509_sign(cert, lab_key(), EVP_sha256());
    judged(two(lab_cert(lab_key(), "a.example", "leaf", "Root"), cert), now, 0, "");
    EVP_PKEY_free(other);
}

/* RFC 7468 5.2 allows text around the certificates, and any line end; neither is handed on. */
static void test_cleaned(void)
{
    const char *pem = lab_chain_of(lab_key(), "a.example", "Root");
    char dirty[16384] = "subject=leaf\r\n", *to = dirty + strlen(dirty);
    struct order_chain chain;

    for (const char *p = pem; *p != '\0'; p++) {
        if (*p == '\n')
            *to++ = '\r';
        *to++ = *p;
    }
    strcpy(to, "trailer\n");
    CU_ASSERT_FATAL(order_chain_read(&chain, dirty, strlen(dirty), NULL) == 0);
    CU_ASSERT_STRING_EQUAL(chain.pem, pem);
    CU_ASSERT_EQUAL(chain.count, 2);
    CU_ASSERT_STRING_EQUAL(chain.issuers[0], "Intermediate");
    order_chain_clear(&chain);
}

/* An issuer without a common name. */
static void test_no_common_name(void)
{
    X509 *cert = lab_cert(lab_key(), "a.example", "leaf", "Root");
    X509_NAME *name = X509_NAME_new();
    struct order_chain chain;
    const char *pem;

    X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)"Org", -1, -1, 0);
    X509_set_issuer_name(cert, name);
    X509_sign(cert, lab_key(), EVP_sha256());
    X509_NAME_free(name);
    pem = two(cert, NULL);
    CU_ASSERT_FATAL(order_chain_read(&chain, pem, strlen(pem), NULL) == 0);
    CU_ASSERT_STRING_EQUAL(chain.issuer, "");
    order_chain_clear(&chain);
}

/* -- the choice -- */

static struct lab *with_alternates(const char *preferred)
{
    struct lab *lab =
        lab_new_with(&(struct lab_options){.names = "a.example", .preferred = preferred});

    lab_answer(lab, "new", 201, lab_order("a.example", "valid", ""));
    lab_answer_event(lab, "/cert",
                     (struct order_event){.status = 200,
                                          .body = lab_chain_of(lab_key(), "a.example", "Root X1"),
                                          .alternates = {LAB_URL "/alt/1", LAB_URL "/alt/2"},
                                          .alternate_count = 2,
                                          .retry_after_ms = -1});
    return lab;
}

static void test_preferred_chain(void)
{
    static const char *const roots[] = {"Root X1", "Root X2", "Root X3"};
    static const struct {
        const char *wish;
        unsigned chosen;
        const char *warning;
    } cases[] = {
        {NULL, 0, ""},
        {"", 0, ""},
        {"Root_X1", 0, ""},
        {"Root_X2", 1, ""},
        {"Root X3", 2, ""},
        {"Intermediate", 0, ""}, /* some certificate's issuer */
        {"Root X9", 0,
         "no chain of the CA fits the preferred \"Root X9\": taking the default; offered were "
         "those "
         "that end at \"Root X1\", \"Root X2\", \"Root X3\"\n"},
        {"Root", 0, "no chain of the CA fits"},
        {"ab:cd", 0, "no chain of the CA fits"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lab *lab = with_alternates(cases[i].wish);
        struct order_chain chain;
        char pems[3][8192];

        /* all of them are fetched, and at once */
        CU_ASSERT(!lab->finished && lab_open(lab, "/alt/1") && lab_open(lab, "/alt/2"));
        copy(pems[1], sizeof(pems[1]), lab_alternate(roots[1]));
        lab_answer(lab, "/alt/1", 200, pems[1]);
        CU_ASSERT(!lab->finished);
        copy(pems[2], sizeof(pems[2]), lab_alternate(roots[2]));
        lab_answer(lab, "/alt/2", 200, pems[2]);
        CU_ASSERT_FATAL(lab->finished && lab->failure == ORDER_OK);
        CU_ASSERT_FATAL(order_chain_read(&chain, lab->chain, strlen(lab->chain), NULL) == 0);
        CU_ASSERT_STRING_EQUAL(chain.issuer, roots[cases[i].chosen]);
        order_chain_clear(&chain);
        CU_ASSERT_EQUAL(lab->other_count, 2); /* and all are kept */
        CU_ASSERT(strstr(lab->log, cases[i].warning) != NULL);
        CU_ASSERT((strstr(lab->log, "preferred") != NULL) == (cases[i].warning[0] != '\0'));
        done(lab);
    }
}

/* A chain is preferred by its last certificate's SHA-256, in any way of writing it. */
static void test_preferred_fingerprint(void)
{
    char pem[8192], hex[65], colons[100] = "", upper[65];
    struct order_chain chain;

    lab_chain_of(lab_key(), "a.example", "Root X1");
    copy(pem, sizeof(pem), lab_alternate("Root X2"));
    CU_ASSERT_FATAL(order_chain_read(&chain, pem, strlen(pem), NULL) == 0);
    hex_encode(hex, chain.fingerprints[1], 32);
    for (int i = 0; i < 64; i += 2)
        snprintf(colons + strlen(colons), 4, "%s%.2s", i > 0 ? ":" : "", hex + i);
    for (int i = 0; i < 65; i++)
        upper[i] = (char)toupper((unsigned char)hex[i]);
    CU_ASSERT(order_chain_fit(&chain, hex) == ORDER_CHAIN_ENDS);
    CU_ASSERT(order_chain_fit(&chain, colons) == ORDER_CHAIN_ENDS);
    CU_ASSERT(order_chain_fit(&chain, upper) == ORDER_CHAIN_ENDS);
    hex[0] = hex[0] == '0' ? '1' : '0';
    CU_ASSERT(order_chain_fit(&chain, hex) == ORDER_CHAIN_OTHER);
    hex_encode(hex, chain.fingerprints[0], 32); /* the leaf is no choice */
    CU_ASSERT(order_chain_fit(&chain, hex) == ORDER_CHAIN_OTHER);
    CU_ASSERT(order_chain_fit(&chain, "") == ORDER_CHAIN_OTHER);
    snprintf(colons + strlen(colons), 4, ":00");
    CU_ASSERT(order_chain_fit(&chain, colons) == ORDER_CHAIN_OTHER);
    order_chain_clear(&chain);
}

static void picked(char *const *chains, size_t count, const char *wish, bool fits, size_t wanted)
{
    size_t index = 99;

    CU_ASSERT_EQUAL(order_chain_pick(&index, chains, count, wish), fits);
    CU_ASSERT_EQUAL(index, wanted);
}

/* From the store, without an order. */
static void test_pick(void)
{
    char first[8192], second[8192], garbage[] = "no certificate";
    char *chains[] = {first, garbage, second};
    copy(first, sizeof(first), lab_chain_of(lab_key(), "a.example", "Root X1"));
    copy(second, sizeof(second), lab_alternate("Root X2"));
    picked(chains, 3, "Root_X2", true, 2);
    picked(chains, 3, "Root_X1", true, 0);
    picked(chains, 3, "Intermediate", true, 0);
    picked(chains, 3, "Root X7", false, 0);
    picked(chains, 3, "", false, 0);
    picked(chains, 3, NULL, false, 0);
    picked(chains, 0, "Root", false, 0);
}

/* What is wrong with an alternate costs the wish, never the certificate. */
static void test_bad_alternates(void)
{
    struct lab *lab = with_alternates("Root X3");
    lab_answer(lab, "/alt/1", 200, lab_chain_of(lab_key(), "b.example", "Root X3"));
    lab_lost(lab, "/alt/2", ERR_UNAVAILABLE);
    CU_ASSERT(strstr(lab->log, "left out: the certificate has other names than were ordered") !=
              NULL);
    CU_ASSERT(strstr(lab->log, "left out: the line is dead") != NULL);
    done(lab);

    lab = with_alternates("Root X3");
    lab_answer(lab, "/alt/1", 500, "");
    lab_answer(lab, "/alt/2", 200, lab_chain_of(lab_key(), "a.example", "Root X3"));
    CU_ASSERT(strstr(lab->log, "left out: HTTP 500") != NULL);
    CU_ASSERT(strstr(lab->log, "left out: it is of another certificate") != NULL);
    CU_ASSERT_EQUAL(lab->other_count, 0);
    done(lab);

    /* one that does not come: the client does not wait for long */
    lab = with_alternates("Root X3");
    lab_answer(lab, "/alt/2", 200, lab_alternate("Root X3"));
    CU_ASSERT(!lab->finished && lab->timer_ms == 10000);
    lab_tick(lab);
    CU_ASSERT(strstr(lab->log, "left out: it did not come in time") != NULL);
    CU_ASSERT_EQUAL(lab->other_count, 1);
    done(lab);
}

/* A CA whose default chain is offered as alternate as well, and far more than anybody needs. */
static void test_many_alternates(void)
{
    struct lab *lab = lab_new("a.example");
    struct order_event event = {.status = 200, .retry_after_ms = -1};
    char chain[8192], path[32], *urls[12];

    lab_answer(lab, "new", 201, lab_order("a.example", "valid", ""));
    copy(chain, sizeof(chain), lab_chain_of(lab_key(), "a.example", "Root X1"));
    event.body = chain;
    event.alternates[event.alternate_count++] = LAB_URL "/cert";
    for (int i = 1; i < 8; i++) {
        urls[i] = NULL;
        CU_ASSERT_FATAL(asprintf(&urls[i], LAB_URL "/alt/%d", i) > 0);
        event.alternates[event.alternate_count++] = urls[i];
    }
    lab_answer_event(lab, "/cert", event);
    CU_ASSERT(!lab_open(lab, "/cert"));
    for (int i = 1; i < 8; i++) {
        snprintf(path, sizeof(path), "/alt/%d", i);
        lab_answer(lab, path, 200, chain);
        free(urls[i]);
    }
    CU_ASSERT_EQUAL(lab->other_count, 0);
    CU_ASSERT_STRING_EQUAL(lab->chain, chain);
    done(lab);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("order chains", NULL, NULL);
    CU_ADD_TEST(suite, test_judged);
    CU_ADD_TEST(suite, test_cleaned);
    CU_ADD_TEST(suite, test_no_common_name);
    CU_ADD_TEST(suite, test_preferred_chain);
    CU_ADD_TEST(suite, test_preferred_fingerprint);
    CU_ADD_TEST(suite, test_pick);
    CU_ADD_TEST(suite, test_bad_alternates);
    CU_ADD_TEST(suite, test_many_alternates);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures == 0 ? 0 : 1;
}
