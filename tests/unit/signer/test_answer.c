/* What the issuer may ask, and what it gets: bytes in, bytes out (common/ipc.h). */
#include "signer/answer.h"

#include <CUnit/Basic.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/ipc.h"

static struct answer_with with;
static uint8_t in[LIMIT_MESSAGE], out[LIMIT_MESSAGE];
static char folder[] = "/tmp/test_answerXXXXXX";

/* The answer's type, its number is checked; 0: cut off. */
static uint16_t ask(struct msg_writer *question, struct msg_reader *r)
{
    struct msg_writer w = {.buf = out, .cap = sizeof(out)};
    struct err err = {0};
    int len = msg_end(question);

    CU_ASSERT_FATAL(len > 0);
    if (answer_message(&with, in, (size_t)len, &w, &err) < 0)
        return 0;
    CU_ASSERT_EQUAL_FATAL(msg_open(r, out, (size_t)msg_end(&w)), 0);
    CU_ASSERT_EQUAL(msg_get_u64(r), 7);
    return r->type;
}

static void begin(struct msg_writer *w, uint16_t type, const char *key)
{
    msg_begin(w, in, sizeof(in), type);
    msg_put_u64(w, 7);
    msg_put_str(w, key);
}

static uint16_t ask_key(const char *key, const char *type, struct msg_reader *r)
{
    struct msg_writer w;

    begin(&w, IPC_KEY_REQUEST, key);
    msg_put_str(&w, type);
    return ask(&w, r);
}

static void test_keys(void)
{
    struct msg_writer w;
    struct msg_reader r;
    char text[KEYFILE_NAME + 1];

    begin(&w, IPC_KEY_LIST_REQUEST, "acct");
    CU_ASSERT_EQUAL_FATAL(ask(&w, &r), IPC_KEY_LIST);
    CU_ASSERT(msg_get_u16(&r) == 0 && msg_done(&r) == 0);
    CU_ASSERT_EQUAL_FATAL(ask_key("acct", "ecdsa-p256", &r), IPC_KEY);
    CU_ASSERT_EQUAL(msg_get_u8(&r), 1); /* made just now */
    CU_ASSERT_EQUAL_FATAL(ask_key("acct", "ecdsa-p256", &r), IPC_KEY);
    CU_ASSERT_EQUAL(msg_get_u8(&r), 0);
    CU_ASSERT_EQUAL_FATAL(ask_key("acct-2", "ecdsa-p384", &r), IPC_KEY);
    begin(&w, IPC_KEY_LIST_REQUEST, "acct");
    CU_ASSERT_EQUAL_FATAL(ask(&w, &r), IPC_KEY_LIST);
    CU_ASSERT_EQUAL(msg_get_u16(&r), 2);
    msg_get_str(&r, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "acct-2");
    msg_get_str(&r, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "acct");
    CU_ASSERT_EQUAL(msg_done(&r), 0);
}

static void put_sign(struct msg_writer *w, const char *key, const char *url, const char *nonce)
{
    begin(w, IPC_SIGN_REQUEST, key);
    msg_put_str(w, url);
    msg_put_str(w, nonce);
    msg_put_str(w, "");
    msg_put_bytes(w, "{}", 2);
}

static uint16_t ask_eab(const char *key, const char *authority, const char *url)
{
    struct msg_writer w;
    struct msg_reader r;

    begin(&w, IPC_EAB_REQUEST, key);
    msg_put_str(&w, authority);
    msg_put_str(&w, url);
    return ask(&w, &r);
}

static void test_signed(void)
{
    struct msg_writer w;
    struct msg_reader r;

    put_sign(&w, "acct", "https://ca.example/o", "n-1");
    CU_ASSERT_EQUAL(ask(&w, &r), IPC_SIGNED);
    put_sign(&w, "acct", "https://ca.example/key-change", ""); /* RFC 8555 7.3.5: no nonce */
    CU_ASSERT_EQUAL(ask(&w, &r), IPC_SIGNED);
    CU_ASSERT_EQUAL(ask_eab("acct", "ca", "https://ca.example/a"), IPC_SIGNED);
}

static void test_refused(void)
{
    struct msg_writer w;
    struct msg_reader r;

    put_sign(&w, "nobody", "https://ca.example/o", "n");
    CU_ASSERT_EQUAL(ask(&w, &r), IPC_SIGN_FAILED);
    put_sign(&w, "../x", "https://ca.example/o", "n");
    CU_ASSERT_EQUAL(ask(&w, &r), IPC_SIGN_FAILED);
    put_sign(&w, "acct", "ftp://ca.example/o", "n");
    CU_ASSERT_EQUAL(ask(&w, &r), IPC_SIGN_FAILED);
    put_sign(&w, "acct", "https://ca.example/o", "n o");
    CU_ASSERT_EQUAL(ask(&w, &r), IPC_SIGN_FAILED);
    CU_ASSERT_EQUAL(ask_key("acct-9", "dsa", &r), IPC_SIGN_FAILED);
    CU_ASSERT_EQUAL(ask_eab("acct", "other", "https://ca.example/a"), IPC_SIGN_FAILED);
    CU_ASSERT_EQUAL(ask_eab("acct", "ca", "ca.example"), IPC_SIGN_FAILED);
    CU_ASSERT_EQUAL(ask_eab("nobody", "ca", "https://ca.example/a"), IPC_SIGN_FAILED);
    begin(&w, IPC_KEY_LIST_REQUEST, "A");
    CU_ASSERT_EQUAL(ask(&w, &r), IPC_SIGN_FAILED);
    /* what does not decode cuts the issuer off */
    begin(&w, IPC_KEY_LIST_REQUEST, "acct");
    msg_put_u8(&w, 1);
    CU_ASSERT_EQUAL(ask(&w, &r), 0);
    begin(&w, IPC_IMAGE, "acct");
    CU_ASSERT_EQUAL(ask(&w, &r), 0);
}

static struct eab *bound(void)
{
    static const char text[] = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T\n";
    struct server_conf_authority row = {
        .name = (char *)"ca", .eab_kid = (char *)"kid", .eab_algorithm = (char *)"HS256"};
    struct boot_file file = {IPC_FILE_EAB, 0, memfd_create("eab", MFD_CLOEXEC)};
    const struct boot boot = {.conf = {.authorities = {&row, 1}}, .files = &file, .file_count = 1};
    struct eab *eab = NULL;

    if (write(file.fd, text, strlen(text)) <= 0 || lseek(file.fd, 0, SEEK_SET) != 0 ||
        eab_new(&eab, &boot, NULL) < 0)
        abort();
    close(file.fd);
    return eab;
}

int main(void)
{
    char command[64];
    struct eab *eab;

    CU_initialize_registry();
    if (mkdtemp(folder) == NULL ||
        keys_new(&with.keys, open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), folder) < 0)
        return 2;
    with.eab = eab = bound();
    CU_pSuite s = CU_add_suite("answer", NULL, NULL);
    CU_add_test(s, "keys and their list", test_keys);
    CU_add_test(s, "RFC 8555 6.2, 7.3.4, 7.3.5: signed", test_signed);
    CU_add_test(s, "refused", test_refused);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    keys_free(with.keys);
    eab_free(eab);
    snprintf(command, sizeof(command), "rm -r %s", folder);
    return failures != 0 || system(command) != 0;
}
