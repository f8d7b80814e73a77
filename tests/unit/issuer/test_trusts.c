/* CA files as the supervisor hands them over: judged, and each found by its own path alone. */
#include "issuer/trusts.h"

#include <CUnit/Basic.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char pem[4096];

static void make_pem(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());

    X509_set_pubkey(cert, key);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    X509_sign(cert, key, EVP_sha256());
    PEM_write_bio_X509(bio, cert);
    if (BIO_read(bio, pem, sizeof(pem) - 1) <= 0)
        abort();
    BIO_free(bio);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static int text_fd(const char *text)
{
    int fd = memfd_create("ca", MFD_CLOEXEC);

    CU_ASSERT_EQUAL_FATAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static struct server_conf_authority rows[] = {
    {.name = (char *)"one", .ca_file = (char *)"/a/one.pem"}, {.name = (char *)"two"}};

/* Reads one file of this row and content. */
static int read_one(struct trusts *trusts, uint16_t row, const char *text, struct err *err)
{
    struct boot_file file = {IPC_FILE_TRUST, row, text_fd(text)};
    const struct boot boot = {
        .conf = {.authorities = {rows, 2}, .acme_ca_file = (char *)"/a/all.pem"},
        .files = &file,
        .file_count = 1};
    int ret = trusts_read(trusts, &boot, err);

    close(file.fd);
    return ret;
}

static void test_found(void)
{
    struct trusts trusts;
    struct err err = {0};

    CU_ASSERT_EQUAL_FATAL(read_one(&trusts, 0, pem, &err), 0);
    struct http_trust trust = trusts_for(&trusts, "/a/one.pem", true);
    CU_ASSERT(trust.pem != NULL && trust.pem_len == strlen(pem) && trust.skip_verify);
    trust = trusts_for(&trusts, "/a/all.pem", false);
    CU_ASSERT(trust.pem == NULL && !trust.skip_verify);
    trust = trusts_for(&trusts, NULL, false);
    CU_ASSERT(trust.pem == NULL && trust.ca_file == NULL);
    trusts_clear(&trusts);
    CU_ASSERT_EQUAL_FATAL(read_one(&trusts, IPC_FILE_OF_ALL, pem, &err), 0);
    CU_ASSERT_PTR_NOT_NULL(trusts_for(&trusts, "/a/all.pem", false).pem);
    trusts_clear(&trusts);
    CU_ASSERT_EQUAL(trusts.count, 0);
}

static void test_refused(void)
{
    static const char *const bad[] = {
        "", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"};
    struct trusts trusts;

    for (size_t i = 0; i < 3; i++) {
        struct err err = {0};

        CU_ASSERT(read_one(&trusts, 0, bad[i], &err) < 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/a/one.pem"));
        CU_ASSERT_EQUAL(trusts.count, 0);
    }
    struct err err = {0};
    CU_ASSERT_EQUAL(read_one(&trusts, 1, pem, &err), ERR_PROTOCOL); /* has no ca-file */
    CU_ASSERT_EQUAL(read_one(&trusts, 7, pem, &err), ERR_PROTOCOL);
}

int main(void)
{
    CU_initialize_registry();
    make_pem();
    CU_pSuite s = CU_add_suite("trusts", NULL, NULL);
    CU_add_test(s, "found by its path", test_found);
    CU_add_test(s, "refused", test_refused);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
