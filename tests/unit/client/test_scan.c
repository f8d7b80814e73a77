/* Keys and certificates that other programs keep in a folder: found by what files hold. */
#include "tests/unit/client/scan_world.h"

/* certbot's names, combined files, subfolders: what counts is in the files. */
static void test_roles(void)
{
    fresh();
    make_folder("a");
    make_folder("a/deep");
    make_folder("private");
    put("private/whatever", key, NULL, NULL);
    put("a/cert.pem", NULL, leaf, NULL);
    put("a/fullchain.pem", NULL, leaf, sub);
    put("a/chain.pem", NULL, sub, NULL);
    put("combined", key, leaf, sub);
    put("ca.pem", NULL, root, NULL);         /* to be trusted, not to be sent */
    put("a/root.pem", NULL, sub, root);      /* likewise */
    put("a/cert.pem.old", NULL, leaf, NULL); /* a copy */
    put("a/deep/cert.pem", NULL, leaf, NULL);
    put(".hidden", NULL, leaf, NULL);
    put_text("README", "no key");
    look();
    CU_ASSERT_EQUAL_FATAL(scan.pair_count, 1);
    const struct scan_pair *pair = &scan.pairs[0];
    CU_ASSERT_EQUAL(pair->verdict, SCAN_RENEWS);
    CU_ASSERT_FALSE(pair->lags);
    CU_ASSERT_EQUAL(pair->type, KEY_ECDSA);
    CU_ASSERT_EQUAL(pair->set.count, 2);
    CU_ASSERT_STRING_EQUAL(pair->set.names[0], "a.example");
    CU_ASSERT_EQUAL(file_of("a/cert.pem")->role, SCAN_LEAF);
    CU_ASSERT_EQUAL(file_of("a/fullchain.pem")->role, SCAN_ALL);
    CU_ASSERT_EQUAL(file_of("combined")->role, SCAN_ALL);
    CU_ASSERT_EQUAL(file_of("a/chain.pem")->role, SCAN_ISSUERS);
    CU_ASSERT_EQUAL(file_of("a/chain.pem")->pair, 0);
    CU_ASSERT_EQUAL(file_of("ca.pem")->pair, SCAN_NONE);
    CU_ASSERT_EQUAL(file_of("a/root.pem")->pair, SCAN_NONE);
    CU_ASSERT_PTR_NULL(file_of("a/cert.pem.old"));
    CU_ASSERT_PTR_NULL(file_of("a/deep/cert.pem"));
    CU_ASSERT_PTR_NULL(file_of(".hidden"));
}

static void test_links(void)
{
    fresh();
    make_folder("live");
    make_folder("archive");
    make_folder(".certmill");
    put("archive/cert1", NULL, leaf, NULL);
    put("archive/key1", key, NULL, NULL);
    put(".certmill/cert", NULL, fresh_leaf, NULL);
    make_link("../archive/cert1", "live/cert.pem");
    make_link("../archive/key1", "live/privkey.pem");
    make_link("/nonexistent", "live/broken.pem");
    make_link("loop.pem", "loop.pem");
    make_link(".certmill/cert", "ours.crt"); /* periodic's */
    look();
    CU_ASSERT_EQUAL(scan.count, 2);
    CU_ASSERT_PTR_NOT_NULL(file_of("archive/cert1"));
    CU_ASSERT_EQUAL_FATAL(scan.pair_count, 1);
    CU_ASSERT_EQUAL(scan.pairs[0].verdict, SCAN_RENEWS);
}

/* What is no regular file is not even opened. */
static void test_special_files(void)
{
    char full[256];
    fresh();
    put("all", key, leaf, sub);
    snprintf(full, sizeof(full), "%s/pipe", path);
    CU_ASSERT_EQUAL(mkfifo(full, 0600), 0);
    make_link("/dev/zero", "zero");
    make_link("pipe", "link");
    look();
    CU_ASSERT_EQUAL(scan.count, 1);
    CU_ASSERT_EQUAL(scan.names, 6); /* with . and .. */
    CU_ASSERT_FALSE(scan.full);
}

static void test_link_out(void)
{
    char out[128];
    fresh();
    snprintf(out, sizeof(out), "%s/outside.pem", base);
    make_folder("live");
    put("../outside.pem", NULL, leaf, NULL);
    put("key", key, NULL, NULL);
    make_link("../../outside.pem", "live/cert.pem");
    look();
    CU_ASSERT_EQUAL_FATAL(scan.pair_count, 1);
    CU_ASSERT_EQUAL(scan.pairs[0].verdict, SCAN_PEOPLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(scan.pairs[0].reason, "live/cert.pem is a link out"));
    unlink(out);
}

static void expect(enum scan_verdict verdict, const char *reason)
{
    look();
    CU_ASSERT_EQUAL_FATAL(scan.pair_count, 1);
    if (scan.pairs[0].verdict != verdict || strstr(scan.pairs[0].reason, reason) == NULL) {
        printf("\n  -- %d: %s\n", scan.pairs[0].verdict, scan.pairs[0].reason);
    }
    CU_ASSERT_EQUAL(scan.pairs[0].verdict, verdict);
    CU_ASSERT_PTR_NOT_NULL(strstr(scan.pairs[0].reason, reason));
}

static void expect_of(X509 *cert, enum scan_verdict verdict, const char *reason)
{
    fresh();
    put("key", key, NULL, NULL);
    put("cert", NULL, cert, NULL);
    expect(verdict, reason);
    X509_free(cert);
}

static void test_verdicts(void)
{
    const struct ca_wish self = {
        .subject = "self", .names = "DNS:a.example", .key = key, .from = -DAY, .to = DAY};
    const struct ca_wish ca = {.subject = "ca", .key = key, .ca = 1, .from = -DAY, .to = DAY};
    expect_of(ca_make(&self), SCAN_LEAVES, "signed by itself");
    expect_of(ca_make(&ca), SCAN_LEAVES, "names no domain");
    expect_of(issue(key, "DNS:a.example", -9 * DAY, -DAY), SCAN_RENEWS, "");
    expect_of(issue(key, "DNS:a.example", 9 * DAY, 99 * DAY), SCAN_PEOPLE, "not valid before");
    expect_of(issue(key, "DNS:a.example,IP:127.0.0.1", -DAY, DAY), SCAN_LEAVES, "not DNS names");
    expect_of(issue(key, "DNS:under_score.example", -DAY, DAY), SCAN_LEAVES, "no certificate can");
    expect_of(issue(key, "email:a@a.example", -DAY, DAY), SCAN_LEAVES, "not DNS names");
}

/* What an expired certificate was for may have another by now; else it is renewed, as by periodic.
 */
static void test_expired(void)
{
    EVP_PKEY *second = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    X509 *old = issue(key, "DNS:a.example", -90 * DAY, -DAY);
    X509 *older = issue(second, "DNS:a.example", -99 * DAY, -9 * DAY);
    X509 *rsa = issue(other, "DNS:a.example", -DAY, DAY);
    fresh();
    put("1", key, old, NULL);
    put("2", second, older, NULL);
    put("3", other, rsa, NULL);
    look();
    CU_ASSERT_EQUAL_FATAL(scan.pair_count, 3);
    CU_ASSERT_EQUAL(scan.pairs[0].verdict, SCAN_RENEWS);
    CU_ASSERT_EQUAL(scan.pairs[1].verdict, SCAN_LEAVES);
    CU_ASSERT_PTR_NOT_NULL(strstr(scan.pairs[1].reason, "another one is there"));
    CU_ASSERT_EQUAL(scan.pairs[2].verdict, SCAN_RENEWS);
    X509_free(rsa);
    X509_free(older);
    X509_free(old);
    EVP_PKEY_free(second);
}

/* Two pairs in one file: which of them a reader takes nobody knows. */
static void test_shared_files(void)
{
    X509 *rsa = issue(other, "DNS:a.example", -DAY, DAY);
    fresh();
    put("key", key, NULL, NULL);
    put("other", other, NULL, NULL);
    put("both", NULL, leaf, rsa);
    look();
    CU_ASSERT_EQUAL_FATAL(scan.pair_count, 2);
    CU_ASSERT_EQUAL(scan.pairs[0].verdict, SCAN_PEOPLE);
    CU_ASSERT_EQUAL(scan.pairs[1].verdict, SCAN_PEOPLE);
    fresh();
    put("key", key, leaf, NULL);
    put("other", other, rsa, NULL);
    put("chain", NULL, sub, NULL);
    look();
    CU_ASSERT_EQUAL(scan.pair_count, 2);
    CU_ASSERT_TRUE(file_of("chain")->shared);
    CU_ASSERT_EQUAL(scan.pairs[0].verdict, SCAN_RENEWS);
    X509_free(rsa);
}

/* What a crash leaves, or a hand: an older certificate in one of the files. */
static void test_lags(void)
{
    fresh();
    put("key", key, NULL, NULL);
    put("a", NULL, fresh_leaf, sub);
    put("b", NULL, leaf, NULL);
    look();
    CU_ASSERT_EQUAL_FATAL(scan.pair_count, 1);
    CU_ASSERT_TRUE(scan.pairs[0].lags);
    CU_ASSERT_EQUAL(X509_cmp(scan.pairs[0].leaf, fresh_leaf), 0);
}

static void test_bad_keys(void)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data, *text;
    PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL);
    long len = BIO_get_mem_data(bio, &data);
    text = strndup(data, (size_t)len);
    fresh();
    put_text("encrypted", text);
    put("cert", NULL, leaf, NULL);
    put_text("cut", "-----BEGIN PRIVATE KEY-----\nMIGH");
    put_text("ssh", "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n-----END OPENSSH PRIVATE KEY-----\n");
    EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    put("ed", ed, NULL, NULL);
    char *whole =
        ca_pem(strdup("-----BEGIN CERTIFICATE-----\nAAAA\n-----BEGIN -----BEGIN \n"), leaf);
    put_text("begun", whole);
    free(whole);
    look();
    CU_ASSERT_EQUAL(scan.pair_count, 0);
    CU_ASSERT_EQUAL(file_of("begun")->pem.cert_count, 1);
    CU_ASSERT_EQUAL(file_of("encrypted")->pem.fault_code, ERR_MALFORMED);
    CU_ASSERT_PTR_NOT_NULL(strstr(file_of("encrypted")->pem.fault, "pass phrase"));
    CU_ASSERT_EQUAL(file_of("ed")->pem.fault_code, ERR_RANGE);
    CU_ASSERT_PTR_NULL(file_of("ssh"));
    EVP_PKEY_free(ed);
    free(text);
    BIO_free(bio);
}

static void test_no_folder(void)
{
    scan_clear(&scan);
    CU_ASSERT_EQUAL(scan_folder(&scan, "/nonexistent", 0, &err), -ENOENT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/nonexistent"));
    CU_ASSERT_TRUE(scan_folder(&scan, "/dev/null", 0, &err) < 0);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"roles", test_roles},
        {"links", test_links},
        {"special files", test_special_files},
        {"link out", test_link_out},
        {"verdicts", test_verdicts},
        {"expired", test_expired},
        {"shared", test_shared_files},
        {"lags", test_lags},
        {"bad keys", test_bad_keys},
        {"no folder", test_no_folder},
    };
    if (make_world() < 0) {
        return 2;
    }
    int status = RUN("scan", cases);
    end_world();
    return status;
}
