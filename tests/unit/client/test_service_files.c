/* What is served beside what is on disk: was the service told of its new certificate? */
#include "client/service_files.h"

#include <CUnit/Basic.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ca.h"
#include "tests/unit/common/folder.h"

#define DAY 86400L

static char base[] = "/tmp/certmill-served-XXXXXX";
static char name_a[] = "a.example", name_w[] = "*.w.example";
static char *names_a[] = {name_a}, *names_w[] = {name_w};
static struct set sets[] = {{.names = names_a, .count = 1, .name = "a.example"},
                            {.names = names_w, .count = 1, .name = "*.w.example"}};
static char bits[] = "4096", curve[] = "P-384";
static struct client client = {.settings = {.rsa_bits = bits, .ecdsa_curve = curve, .path = base},
                               .sets = {.items = sets, .count = 2}};
static struct service_findings findings;
static EVP_PKEY *root_key, *issuer_key, *leaf_key, *other_key, *odd_key;
static X509 *root, *issuer, *leaf, *newer, *other;

static X509 *make_leaf(EVP_PKEY *key, long from)
{
    return ca_make(&(struct ca_wish){.subject = "leaf",
                                     .names = "DNS:a.example",
                                     .key = key,
                                     .issuer = issuer,
                                     .issuer_key = issuer_key,
                                     .from = from,
                                     .to = 80 * DAY});
}

static int set_up(void)
{
    root_key = EVP_EC_gen("P-256");
    issuer_key = EVP_EC_gen("P-256");
    leaf_key = EVP_EC_gen("P-256");
    other_key = EVP_EC_gen("P-256");
    odd_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    root = ca_make(&(struct ca_wish){
        .subject = "root", .key = root_key, .ca = 1, .from = -9 * DAY, .to = 400 * DAY});
    issuer = ca_make(&(struct ca_wish){.subject = "issuer",
                                       .key = issuer_key,
                                       .issuer = root,
                                       .issuer_key = root_key,
                                       .ca = 1,
                                       .from = -9 * DAY,
                                       .to = 300 * DAY});
    leaf = make_leaf(leaf_key, -8 * DAY);
    newer = make_leaf(leaf_key, -DAY);
    other = make_leaf(other_key, -DAY);
    client.folder = mkdtemp(base) == NULL ? -1 : open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return client.folder < 0 ? -1 : 0;
}

static int tear_down(void)
{
    X509 *const certs[] = {root, issuer, leaf, newer, other};
    EVP_PKEY *const keys[] = {root_key, issuer_key, leaf_key, other_key, odd_key};
    for (size_t i = 0; i < 5; i++) {
        X509_free(certs[i]);
        EVP_PKEY_free(keys[i]);
    }
    close(client.folder);
    return folder_remove(base);
}

static void put_text(const char *name, const char *text)
{
    int fd = openat(client.folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void put(const char *name, X509 *first, X509 *second)
{
    char *pem = ca_pem(NULL, first);
    pem = second != NULL ? ca_pem(pem, second) : pem;
    put_text(name, pem);
    free(pem);
}

static void judge(const char *name, X509 *first, X509 *second)
{
    const struct service_served served = {.certs = {first, second},
                                          .count = second != NULL ? 2 : 1};
    findings.count = 0;
    service_judge_files(&findings, &client, name, &served);
}

#define ONE(wanted, part)                                                                          \
    CU_ASSERT_EQUAL(findings.count, 1);                                                            \
    CU_ASSERT_EQUAL(findings.items[0].grade, wanted);                                              \
    CU_ASSERT_PTR_NOT_NULL(strstr(findings.items[0].text, part))

#define CHAIN "a.example-chain.ecdsa.crt"

static void test_which_set(void)
{
    CU_ASSERT_TRUE(service_has_set(&client, "a.example"));
    CU_ASSERT_TRUE(service_has_set(&client, "x.w.example"));
    CU_ASSERT_FALSE(service_has_set(&client, "w.example"));
    CU_ASSERT_FALSE(service_has_set(&client, "x.y.w.example"));
    judge("w.example", leaf, issuer);
    CU_ASSERT_EQUAL(findings.count, 0);
    int folder = client.folder;
    client.folder = -1;
    CU_ASSERT_FALSE(service_has_set(&client, "a.example"));
    CU_ASSERT_FALSE(service_has_files(&client, "a.example", "ecdsa"));
    judge("a.example", leaf, issuer);
    CU_ASSERT_EQUAL(findings.count, 0);
    client.folder = folder;
}

static void test_no_file(void)
{
    CU_ASSERT_FALSE(service_has_files(&client, "a.example", "ecdsa"));
    judge("a.example", leaf, issuer);
    ONE(SERVICE_PROBLEM, "there is no file of type ecdsa for a.example");
    X509 *odd = make_leaf(odd_key, -DAY); /* a key that no file of ours can be for */
    judge("a.example", odd, issuer);
    CU_ASSERT_EQUAL(findings.count, 0);
    CU_ASSERT_FALSE(service_has_files(&client, "a.example", "other"));
    X509_free(odd);
}

static void test_same(void)
{
    put(CHAIN, leaf, issuer);
    CU_ASSERT_TRUE(service_has_files(&client, "a.example", "ecdsa"));
    CU_ASSERT_FALSE(service_has_files(&client, "a.example", "rsa"));
    judge("a.example", leaf, issuer);
    ONE(SERVICE_GOOD, CHAIN);
    judge("a.example", leaf, NULL);
    ONE(SERVICE_PROBLEM, "intermediate certificate is missing");
    judge("a.example", leaf, root);
    ONE(SERVICE_WARNING, "issuers are not sent as they stand");
}

static void test_reload_forgotten(void)
{
    put(CHAIN, newer, issuer);
    judge("a.example", leaf, issuer);
    ONE(SERVICE_PROBLEM, "was not reloaded");
    put(CHAIN, leaf, issuer);
    judge("a.example", newer, issuer);
    ONE(SERVICE_WARNING, "is newer");
    judge("a.example", other, issuer);
    ONE(SERVICE_PROBLEM, "not from here");
    /* The one before, for the key before. */
    const char *const folders[] = {".certmill", ".certmill/a.example.ecdsa",
                                   ".certmill/a.example.ecdsa/7", ".certmill/a.example.ecdsa/x"};
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(mkdirat(client.folder, folders[i], 0700), 0);
    }
    put(".certmill/a.example.ecdsa/x/certificate.crt", other, NULL);
    put_text(".certmill/a.example.ecdsa/7/certificate.crt", "nonsense");
    judge("a.example", other, issuer);
    ONE(SERVICE_PROBLEM, "not from here");
    put(".certmill/a.example.ecdsa/7/certificate.crt", other, NULL);
    judge("a.example", other, issuer);
    ONE(SERVICE_PROBLEM, "was not reloaded");
}

static void test_damaged(void)
{
    put_text(CHAIN, "nonsense");
    judge("a.example", leaf, issuer);
    ONE(SERVICE_PROBLEM, CHAIN ": ");
    put_text(CHAIN, "");
    judge("a.example", leaf, issuer);
    ONE(SERVICE_PROBLEM, CHAIN ": ");
}

/* More sets for the name than findings are kept: the one that settles it does so all the same. */
static void test_many_sets(void)
{
    static struct set many[SERVICE_FINDINGS + 5];
    const struct sets before = client.sets;
    char file[64];
    for (size_t i = 0; i < SERVICE_FINDINGS + 5; i++) {
        many[i] = (struct set){.names = names_a, .count = 1};
        snprintf(many[i].name, sizeof(many[i].name), "s%zu", i);
        snprintf(file, sizeof(file), "s%zu-chain.ecdsa.crt", i);
        put(file, other, issuer);
    }
    client.sets = (struct sets){.items = many, .count = SERVICE_FINDINGS + 5};
    judge("a.example", leaf, issuer);
    CU_ASSERT_EQUAL(findings.count, SERVICE_FINDINGS);
    CU_ASSERT_EQUAL(service_grade(&findings), SERVICE_PROBLEM);
    put(file, leaf, issuer);
    judge("a.example", leaf, issuer);
    ONE(SERVICE_GOOD, file);
    client.sets = before;
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("service_files", set_up, tear_down);
    CU_add_test(suite, "which set", test_which_set);
    CU_add_test(suite, "no file", test_no_file);
    CU_add_test(suite, "same", test_same);
    CU_add_test(suite, "reload forgotten", test_reload_forgotten);
    CU_add_test(suite, "damaged", test_damaged);
    CU_add_test(suite, "many sets", test_many_sets);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
