/* Files on disk are judged right: each problem by itself, and files of other programs' making. */
#include "client/state.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ca.h"
#include "client/renewal.h"
#include "common/file.h"
#include "tests/unit/common/folder.h"
#include "tests/unit/common/run.h"

#define DAY 86400L

static char base[] = "/tmp/certmill-state-XXXXXX";
static char *names[] = {(char[]){"a.example"}, (char[]){"*.a.example"}};
static struct set set = {.names = names, .count = 2, .name = "a.example"};
static char *bad_cas[] = {(char[]){"Fake CA"}};
static struct settings settings = {.invalid_ca_cn_list = {.items = bad_cas, .count = 1}};
static struct files files = {.path = base, .name = "a.example", .type = KEY_ECDSA};
static struct issuers *issuers;
static EVP_PKEY *root_key, *middle_key, *keys[KEY_TYPES];
static X509 *root;
static char *key_pems[KEY_TYPES];
static int64_t now;

/* What is to be written. */
struct scene {
    const char *names, *issuer;
    EVP_PKEY *key;
    long from, to;
    bool self_signed, wrong_signature;
    char *leaf, *middle; /* out: PEM */
};

static char *key_pem(EVP_PKEY *key, bool traditional)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data;
    if (traditional) {
        PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL);
    } else {
        PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    }
    long len = BIO_get_mem_data(bio, &data);
    char *text = strndup(data, (size_t)len);
    BIO_free(bio);
    return text;
}

static void put(enum file_kind kind, const char *a, const char *b, const char *c)
{
    char name[256], text[65536];
    struct err err = {0};
    files_name(name, &files, kind);
    snprintf(text, sizeof(text), "%s%s%s", a, b, c);
    CU_ASSERT_EQUAL_FATAL(file_write_atomic(files.folder, name, text, strlen(text), 0640, &err), 0);
}

static void take_away(enum file_kind kind)
{
    char name[256];
    files_name(name, &files, kind);
    unlinkat(files.folder, name, 0);
}

/* All six files, as certgrinder leaves them, with changes as the scene wants. */
static void make(struct scene *scene)
{
    struct ca_wish wish = {.subject = scene->issuer != NULL ? scene->issuer : "Middle",
                           .key = middle_key,
                           .issuer = root,
                           .issuer_key = root_key,
                           .ca = 1,
                           .from = -DAY,
                           .to = 300 * DAY};
    X509 *middle = ca_make(&wish);
    wish = (struct ca_wish){.subject = "a.example",
                            .names = scene->names != NULL ? scene->names
                                                          : "DNS:a.example,DNS:*.a.example",
                            .key = scene->key != NULL ? scene->key : keys[files.type],
                            .issuer = scene->self_signed ? NULL : middle,
                            .issuer_key = scene->self_signed       ? NULL
                                          : scene->wrong_signature ? root_key
                                                                   : middle_key,
                            .from = scene->from != 0 ? scene->from : -DAY,
                            .to = scene->to != 0 ? scene->to : 89 * DAY};
    X509 *leaf = ca_make(&wish);
    free(scene->leaf);
    free(scene->middle);
    scene->leaf = ca_pem(NULL, leaf);
    scene->middle = ca_pem(NULL, middle);
    X509_free(leaf);
    X509_free(middle);
    put(FILE_KEYPAIR, key_pems[files.type], "", "");
    put(FILE_REQUEST, "a request", "", "");
    put(FILE_CERTIFICATE, scene->leaf, "", "");
    put(FILE_CHAIN, scene->leaf, scene->middle, "");
    put(FILE_ISSUER, scene->middle, "", "");
    put(FILE_CONCAT, key_pems[files.type], scene->leaf, scene->middle);
}

static void scene_clear(struct scene *scene)
{
    free(scene->leaf);
    free(scene->middle);
    *scene = (struct scene){0};
}

static char reason[512];
static struct state_due due;
static bool asks;

/* The problems of what is there. */
static unsigned problems(void)
{
    struct state state;
    struct err err = {0};
    struct state_view view = {
        .settings = &settings, .set = &set, .files = &files, .now = now, .issuers = issuers};
    CU_ASSERT_EQUAL_FATAL(state_read(&state, &view, &err), 0);
    unsigned found = state.problems;
    snprintf(reason, sizeof(reason), "%s", state.reason);
    CU_ASSERT_EQUAL(found == 0, reason[0] == '\0');
    due = state.due;
    asks = state.ask;
    state_clear(&state);
    return found;
}

static void test_good(void)
{
    struct scene scene = {0};
    make(&scene);
    CU_ASSERT_EQUAL(problems(), 0);
    CU_ASSERT_EQUAL(due.by, DUE_BY_THIRD);
    CU_ASSERT_TRUE(due.at > now + 58 * DAY && due.at < now + 60 * DAY);
    CU_ASSERT_FALSE(asks);
    take_away(FILE_CONCAT); /* certgrinder before 0.17 */
    take_away(FILE_REQUEST);
    CU_ASSERT_EQUAL(problems(), 0);
    files.type = KEY_RSA;
    make(&scene);
    CU_ASSERT_EQUAL(problems(), 0);
    files.type = KEY_ECDSA;
    scene_clear(&scene);
}

/* The same contents in other octets. */
static void test_other_forms(void)
{
    struct scene scene = {0};
    for (int type = 0; type < KEY_TYPES; type++) {
        files.type = (enum key_type)type;
        make(&scene);
        char *traditional = key_pem(keys[type], true);
        put(FILE_KEYPAIR, "", traditional, "");
        put(FILE_CONCAT, traditional, scene.leaf, scene.middle);
        CU_ASSERT_EQUAL(problems(), 0);
        put(FILE_CERTIFICATE, "\n", scene.leaf, "\n");
        put(FILE_ISSUER, scene.middle, "\n", "\n");
        put(FILE_CONCAT, key_pems[type], "\n", scene.leaf);
        CU_ASSERT_EQUAL(problems(), STATE_INCOMPLETE);
        CU_ASSERT_PTR_NOT_NULL(strstr(reason, "a.example-concat."));
        char both[32768];
        snprintf(both, sizeof(both), "\n%s\n\n%s", scene.leaf, scene.middle);
        put(FILE_CONCAT, key_pems[type], both, "\n\n");
        CU_ASSERT_EQUAL(problems(), 0);
        free(traditional);
    }
    files.type = KEY_ECDSA;
    scene_clear(&scene);
}

static void test_missing(void)
{
    struct scene scene = {0};
    make(&scene);
    take_away(FILE_CERTIFICATE);
    CU_ASSERT_EQUAL(problems(), STATE_NO_CERTIFICATE);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "a.example-certificate.ecdsa.crt"));
    make(&scene);
    take_away(FILE_KEYPAIR);
    CU_ASSERT_EQUAL(problems(), STATE_NO_KEY);
    make(&scene);
    take_away(FILE_CHAIN);
    CU_ASSERT_EQUAL(problems(), STATE_INCOMPLETE);
    make(&scene);
    take_away(FILE_ISSUER);
    CU_ASSERT_EQUAL(problems(), STATE_INCOMPLETE);
    take_away(FILE_KEYPAIR);
    take_away(FILE_CERTIFICATE);
    CU_ASSERT_EQUAL(problems(), STATE_NO_KEY | STATE_NO_CERTIFICATE);
    scene_clear(&scene);
}

static void test_unreadable(void)
{
    struct scene scene = {0};
    make(&scene);
    put(FILE_CERTIFICATE, "this is ", "no certificate", "");
    CU_ASSERT_EQUAL(problems(), STATE_UNREADABLE);
    scene.leaf[strlen(scene.leaf) / 2] = '\0';
    put(FILE_CERTIFICATE, scene.leaf, "", "");
    CU_ASSERT_EQUAL(problems(), STATE_UNREADABLE);
    put(FILE_CERTIFICATE, "", "", "");
    CU_ASSERT_EQUAL(problems(), STATE_UNREADABLE);
    scene_clear(&scene);
}

static void test_key(void)
{
    struct scene scene = {0};
    EVP_PKEY *other = EVP_EC_gen("P-384"), *large = EVP_EC_gen("P-521");
    char *other_pem = key_pem(other, false), *large_pem = key_pem(large, false);
    struct stat st;
    make(&scene);
    put(FILE_KEYPAIR, other_pem, "", "");
    CU_ASSERT_EQUAL(problems(), STATE_KEY_MISMATCH);
    put(FILE_KEYPAIR, large_pem, "", "");
    CU_ASSERT_EQUAL(problems(), STATE_BAD_KEY);
    put(FILE_KEYPAIR, key_pems[KEY_RSA], "", "");
    CU_ASSERT_EQUAL(problems(), STATE_BAD_KEY);
    put(FILE_KEYPAIR, "nonsense", "", "");
    CU_ASSERT_EQUAL(problems(), STATE_BAD_KEY);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "a.example-keypair.ecdsa.key"));

    BIO *bio = BIO_new(BIO_s_mem());
    char *data, secret[4096] = "";
    PEM_write_bio_PrivateKey(bio, keys[KEY_ECDSA], EVP_aes_128_cbc(), NULL, 0, NULL,
                             (void *)"secret");
    long len = BIO_get_mem_data(bio, &data);
    memcpy(secret, data, (size_t)len);
    BIO_free(bio);
    put(FILE_KEYPAIR, secret, "", "");
    CU_ASSERT_EQUAL(problems(), STATE_BAD_KEY);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "pass phrase"));

    put(FILE_KEYPAIR, key_pems[KEY_ECDSA], "", "");
    CU_ASSERT_EQUAL(fchmodat(files.folder, "a.example-keypair.ecdsa.key", 0644, 0), 0);
    CU_ASSERT_EQUAL(problems(), 0);
    CU_ASSERT_EQUAL(fstatat(files.folder, "a.example-keypair.ecdsa.key", &st, 0), 0);
    CU_ASSERT_EQUAL(st.st_mode & 07777, 0640);
    EVP_PKEY_free(other);
    EVP_PKEY_free(large);
    free(other_pem);
    free(large_pem);
    scene_clear(&scene);
}

static void test_certificate(void)
{
    struct scene scene = {.names = "DNS:a.example"};
    make(&scene);
    CU_ASSERT_EQUAL(problems(), STATE_NAMES);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "not for *.a.example"));
    scene.names = "DNS:a.example,DNS:*.a.example,DNS:b.example";
    make(&scene);
    CU_ASSERT_EQUAL(problems(), STATE_NAMES);
    scene.names = NULL;
    scene.issuer = "Fake CA";
    make(&scene);
    CU_ASSERT_EQUAL(problems(), STATE_INVALID_CA);
    scene.issuer = NULL;
    scene.self_signed = true;
    make(&scene);
    CU_ASSERT_EQUAL(problems() & ~(unsigned)STATE_CHAIN, STATE_SELF_SIGNED);
    scene_clear(&scene);
}

static void test_dates(void)
{
    struct scene scene = {.from = -90 * DAY, .to = -DAY};
    make(&scene);
    CU_ASSERT_EQUAL(problems(), STATE_EXPIRED | STATE_DUE);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "has expired on 20"));
    scene.from = -61 * DAY;
    scene.to = 29 * DAY;
    make(&scene);
    CU_ASSERT_EQUAL(problems(), STATE_DUE);
    scene.from = -59 * DAY;
    scene.to = 31 * DAY;
    make(&scene);
    CU_ASSERT_EQUAL(problems(), 0);
    settings.cert_renew_threshold_days = 32;
    CU_ASSERT_EQUAL(problems(), STATE_DUE);
    CU_ASSERT_EQUAL(due.by, DUE_BY_DAYS);
    settings.cert_renew_threshold_days = 30;
    CU_ASSERT_EQUAL(problems(), 0);
    settings.cert_renew_threshold_days = 0;
    scene.from = 2 * DAY;
    scene.to = 90 * DAY;
    make(&scene);
    CU_ASSERT_EQUAL(problems(), STATE_NOT_YET_VALID);
    scene.from = 1800; /* another's clock */
    make(&scene);
    CU_ASSERT_EQUAL(problems(), 0);
    scene_clear(&scene);
}

static void test_chain(void)
{
    struct scene scene = {0}, other = {0};
    make(&other);
    make(&scene);
    put(FILE_CHAIN, other.leaf, scene.middle, "");
    CU_ASSERT_EQUAL(problems(), STATE_CHAIN);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "does not begin with the certificate"));
    char *pem = ca_pem(NULL, root);
    put(FILE_CHAIN, scene.leaf, pem, "");
    CU_ASSERT_EQUAL(problems(), STATE_CHAIN);
    put(FILE_CHAIN, scene.leaf, scene.middle, scene.middle);
    CU_ASSERT_EQUAL(problems(), STATE_CHAIN);
    put(FILE_CHAIN, scene.leaf, scene.middle, pem);
    CU_ASSERT_EQUAL(problems(), STATE_INCOMPLETE); /* the issuer file lacks the root */
    put(FILE_ISSUER, scene.middle, pem, "");
    put(FILE_CONCAT, key_pems[KEY_ECDSA], scene.leaf, "");
    CU_ASSERT_EQUAL(problems(), STATE_INCOMPLETE);
    take_away(FILE_CONCAT);
    CU_ASSERT_EQUAL(problems(), 0);
    scene.wrong_signature = true;
    make(&scene);
    CU_ASSERT_EQUAL(problems(), STATE_CHAIN);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "signature of certificate 1"));
    free(pem);
    scene_clear(&scene);
    scene_clear(&other);
}

/* What the CA said counts for its certificate alone (RFC 9773 4.3), and is asked for again only for
 * files of our own making. */
static void test_window(void)
{
    struct scene scene = {0};
    struct renewal renewal = {
        .window = true, .start = now - 3600, .end = now - 1800, .next = now + 600};
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len;
    struct err err = {0};
    make(&scene);
    mkdirat(files.folder, ".certmill", 0700);
    mkdirat(files.folder, ".certmill/a.example.ecdsa", 0700);
    CU_ASSERT_EQUAL(problems(), 0);
    CU_ASSERT_FALSE(asks);
    CU_ASSERT_EQUAL(symlinkat("1", files.folder, ".certmill/a.example.ecdsa/current"), 0);
    CU_ASSERT_EQUAL(problems(), 0);
    CU_ASSERT_TRUE(asks);
    BIO *bio = BIO_new_mem_buf(scene.leaf, -1);
    X509 *leaf = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    X509_digest(leaf, EVP_sha256(), digest, &len);
    renewal_digest(renewal.certificate, digest);
    CU_ASSERT_EQUAL(renewal_store(&renewal, &files, &err), 0);
    CU_ASSERT_EQUAL(problems(), STATE_DUE);
    CU_ASSERT_EQUAL(due.by, DUE_BY_CA);
    CU_ASSERT_FALSE(asks);
    renewal.next = now - 1;
    renewal.start = now + 3600;
    renewal.end = now + 7200;
    CU_ASSERT_EQUAL(renewal_store(&renewal, &files, &err), 0);
    CU_ASSERT_EQUAL(problems(), 0);
    CU_ASSERT_TRUE(asks && due.at >= renewal.start && due.at < renewal.end);
    settings.cert_renew_threshold_days = 1;
    CU_ASSERT_EQUAL(problems(), 0);
    CU_ASSERT_FALSE(asks);
    settings.cert_renew_threshold_days = 0;
    renewal.certificate[0] ^= 1;
    CU_ASSERT_EQUAL(renewal_store(&renewal, &files, &err), 0);
    CU_ASSERT_EQUAL(problems(), 0);
    CU_ASSERT_EQUAL(due.by, DUE_BY_THIRD);
    X509_free(leaf);
    BIO_free(bio);
    unlinkat(files.folder, ".certmill/a.example.ecdsa/current", 0);
    scene_clear(&scene);
}

static void test_names(void)
{
    CU_ASSERT_STRING_EQUAL(state_problem_name(STATE_NO_CERTIFICATE), "no certificate");
    for (unsigned bit = 1; bit <= STATE_INCOMPLETE; bit <<= 1) {
        CU_ASSERT_STRING_NOT_EQUAL(state_problem_name((enum state_problem)bit), "?");
    }
}

static int set_up(void)
{
    if (mkdtemp(base) == NULL || (files.folder = open(base, O_RDONLY | O_DIRECTORY)) < 0) {
        return -1;
    }
    now = (int64_t)time(NULL);
    issuers = issuers_new();
    root_key = EVP_EC_gen("P-256");
    middle_key = EVP_EC_gen("P-256");
    keys[KEY_ECDSA] = EVP_EC_gen("P-384");
    keys[KEY_RSA] = EVP_RSA_gen(2048);
    for (int type = 0; type < KEY_TYPES; type++) {
        key_pems[type] = key_pem(keys[type], false);
    }
    struct ca_wish wish = {
        .subject = "Root", .key = root_key, .ca = 1, .from = -DAY, .to = 1000 * DAY};
    root = ca_make(&wish);
    return issuers == NULL ? -1 : 0;
}

static int tear_down(void)
{
    issuers_free(issuers);
    X509_free(root);
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(middle_key);
    for (int type = 0; type < KEY_TYPES; type++) {
        EVP_PKEY_free(keys[type]);
        free(key_pems[type]);
    }
    close(files.folder);
    return folder_remove(base);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"good", test_good},       {"other forms", test_other_forms},
        {"missing", test_missing}, {"unreadable", test_unreadable},
        {"key", test_key},         {"certificate", test_certificate},
        {"dates", test_dates},     {"chain", test_chain},
        {"window", test_window},   {"names", test_names},
    };
    return RUN_WITH("state", cases, set_up, tear_down);
}
