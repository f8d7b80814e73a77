/* External account bindings (RFC 8555 7.3.4), and the list of an account's keys. */
#include <CUnit/Basic.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/eab_key.h"
#include "common/encode.h"
#include "signer/eab.h"
#include "signer/jws.h"
#include "signer/keys.h"

#define JWK "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"a\",\"y\":\"b\"}"
#define URL "https://ca.example/new-account"

/* The key of RFC 7515 A.1. */
static const char key_text[] = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75"
                               "aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";

static int text_fd(const char *text)
{
    int fd = memfd_create("eab", MFD_CLOEXEC);

    CU_ASSERT_EQUAL_FATAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static char *decode(const json_t *jws, const char *member)
{
    const char *text = json_string_value(json_object_get(jws, member));
    char *out = calloc(1, 4096);
    int len = base64url_decode((uint8_t *)out, 4095, text, strlen(text));

    CU_ASSERT_FATAL(len >= 0);
    return out;
}

static void check_made(const char *algorithm, const char *digest, size_t octets)
{
    uint8_t key[LIMIT_EAB_KEY], mac[EVP_MAX_MD_SIZE], raw[EVP_MAX_MD_SIZE];
    int key_len = eab_key_parse(key, key_text, strlen(key_text), NULL);
    const struct jws_mac with = {algorithm, "kid-1", key, (size_t)key_len};
    struct err err = {0};
    char *text, *input;
    size_t len = 0;

    CU_ASSERT_EQUAL(key_len, 64);
    CU_ASSERT_EQUAL_FATAL(jws_make_mac(&with, URL, JWK, &text, &err), 0);
    json_t *jws = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    CU_ASSERT_EQUAL_FATAL(json_object_size(jws), 3);
    char *header = decode(jws, "protected"), *payload = decode(jws, "payload");
    json_t *head = json_loads(header, 0, NULL);
    CU_ASSERT_EQUAL(json_object_size(head), 3); /* no nonce */
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(head, "alg")), algorithm);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(head, "kid")), "kid-1");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(head, "url")), URL);
    CU_ASSERT_STRING_EQUAL(payload, JWK);
    CU_ASSERT_FATAL(asprintf(&input, "%s.%s", json_string_value(json_object_get(jws, "protected")),
                             json_string_value(json_object_get(jws, "payload"))) > 0);
    CU_ASSERT_PTR_NOT_NULL(EVP_Q_mac(NULL, "HMAC", NULL, digest, NULL, key, (size_t)key_len,
                                     (uint8_t *)input, strlen(input), mac, sizeof(mac), &len));
    const char *signature = json_string_value(json_object_get(jws, "signature"));
    CU_ASSERT_EQUAL(base64url_decode(raw, sizeof(raw), signature, strlen(signature)), (int)octets);
    CU_ASSERT(len == octets && memcmp(raw, mac, octets) == 0);
    json_decref(head);
    json_decref(jws);
    free(header);
    free(payload);
    free(input);
    free(text);
}

static void test_algorithms(void)
{
    const struct jws_mac other = {"HS1", "kid", (const uint8_t *)"k", 1};
    struct err err = {0};
    char *text;

    check_made("HS256", "SHA256", 32);
    check_made("HS384", "SHA384", 48);
    check_made("HS512", "SHA512", 64);
    CU_ASSERT_EQUAL(jws_make_mac(&other, URL, JWK, &text, &err), ERR_UNKNOWN);
}

static void test_key_text(void)
{
    static const char *const bad[] = {"",
                                      " \n",
                                      "=",
                                      "c2hvcnQ",
                                      "AyM1SysPpbyDfgZld3umj1qz+Obw",
                                      "AyM1SysPpbyDfgZld3umj1qz KObwVMkoqQ",
                                      "AyM1SysPpbyDfgZl==x",
                                      "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ==="};
    uint8_t key[LIMIT_EAB_KEY], zero[LIMIT_EAB_KEY] = {0};
    char text[2048];

    CU_ASSERT_EQUAL(eab_key_parse(key, "  AAECAwQFBgcICQoLDA0ODxAREg==\r\n", 32, NULL), 19);
    CU_ASSERT(key[0] == 0 && key[18] == 18);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err err = {0};

        CU_ASSERT_EQUAL(eab_key_parse(key, bad[i], strlen(bad[i]), &err), ERR_MALFORMED);
        CU_ASSERT(err.text[0] != '\0' && strstr(err.text, "AyM") == NULL);
        CU_ASSERT_EQUAL(memcmp(key, zero, sizeof(key)), 0);
    }
    memset(text, 'A', sizeof(text));
    CU_ASSERT_EQUAL(eab_key_parse(key, text, sizeof(text), NULL), ERR_LIMIT);
}

static void test_of_authority(void)
{
    struct server_conf_authority rows[] = {
        {.name = (char *)"one", .directory = (char *)"https://one/dir"},
        {.name = (char *)"two", .eab_kid = (char *)"k2", .eab_algorithm = (char *)"HS512"}};
    struct boot_file file = {IPC_FILE_EAB, 1, text_fd(key_text)};
    struct boot boot = {.conf = {.authorities = {rows, 2}}, .files = &file, .file_count = 1};
    struct err err = {0};
    struct eab *eab;
    char *text;

    CU_ASSERT_EQUAL_FATAL(eab_new(&eab, &boot, &err), 0);
    CU_ASSERT_EQUAL(eab_make(eab, "one", URL, JWK, &text, &err), ERR_NOT_FOUND);
    CU_ASSERT_EQUAL_FATAL(eab_make(eab, "two", URL, JWK, &text, &err), 0);
    json_t *jws = json_loads(text, 0, NULL);
    char *header = decode(jws, "protected");
    CU_ASSERT_PTR_NOT_NULL(strstr(header, "\"HS512\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(header, "\"k2\""));
    json_decref(jws);
    free(header);
    free(text);
    eab_free(eab);
    close(file.fd);

    file.row = 0; /* has no kid */
    file.fd = text_fd(key_text);
    CU_ASSERT_EQUAL(eab_new(&eab, &boot, &err), ERR_PROTOCOL);
    close(file.fd);
    file.row = 1;
    file.fd = text_fd("not a key");
    CU_ASSERT_EQUAL(eab_new(&eab, &boot, &err), ERR_MALFORMED);
    CU_ASSERT(strstr(err.text, "two") != NULL && strstr(err.text, "not a key") == NULL);
    close(file.fd);
    eab_free(NULL);
}

static void touch(const char *folder, const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    close(open(path, O_CREAT | O_WRONLY, 0600));
}

static void test_list(void)
{
    static const char *const files[] = {
        "account-a.pem",    "account-a-2.pem",         "account-a-10.pem", "account-a-02.pem",
        "account-a-3.txt",  "account-ab-7.pem",        "account-a-1.pem",  "account-a-.pem",
        "account-a-4x.pem", "account-a-9999999999.pem"};
    char folder[] = "/tmp/test_eabXXXXXX", list[LIMIT_KEY_LIST][KEYFILE_NAME + 1], name[64];
    struct err err = {0};
    struct keys *keys;

    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    CU_ASSERT_EQUAL_FATAL(keys_new(&keys, open(folder, O_RDONLY | O_DIRECTORY), folder), 0);
    CU_ASSERT_EQUAL(keys_list(keys, "account-a", list, &err), 0);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        touch(folder, files[i]);
    CU_ASSERT_EQUAL_FATAL(keys_list(keys, "account-a", list, &err), 3);
    CU_ASSERT_STRING_EQUAL(list[0], "account-a-10");
    CU_ASSERT_STRING_EQUAL(list[1], "account-a-2");
    CU_ASSERT_STRING_EQUAL(list[2], "account-a");
    for (int i = 20; i < 40; i++) {
        snprintf(name, sizeof(name), "account-a-%d.pem", i);
        touch(folder, name);
    }
    CU_ASSERT_EQUAL_FATAL(keys_list(keys, "account-a", list, &err), LIMIT_KEY_LIST);
    CU_ASSERT_STRING_EQUAL(list[0], "account-a-39");
    CU_ASSERT_STRING_EQUAL(list[LIMIT_KEY_LIST - 1], "account-a-32");
    keys_free(keys);
    snprintf(name, sizeof(name), "rm -r %s", folder);
    CU_ASSERT_EQUAL(system(name), 0);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite s = CU_add_suite("eab", NULL, NULL);
    CU_add_test(s, "RFC 8555 7.3.4, RFC 7518 3.2: algorithms", test_algorithms);
    CU_add_test(s, "the key as the CA gave it", test_key_text);
    CU_add_test(s, "an authority's own", test_of_authority);
    CU_add_test(s, "the keys of an account", test_list);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
