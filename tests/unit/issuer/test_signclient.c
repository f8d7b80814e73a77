/* The signer's client against a signer that the test plays on the other end of the channel. */
#include "issuer/signclient.h"

#include <CUnit/Basic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/ipc.h"
#include "common/msg.h"

struct got {
    int count, error;
    char text[256], a[1024], b[64];
    struct signclient *client; /* where set, the callback sends the next request */
};

static void on_key(void *arg, int error, const char *text, const char *jwk, const char *thumbprint)
{
    struct got *got = arg;

    got->count++;
    got->error = error;
    snprintf(got->text, sizeof(got->text), "%s", text != NULL ? text : "");
    snprintf(got->a, sizeof(got->a), "%s", jwk != NULL ? jwk : "");
    snprintf(got->b, sizeof(got->b), "%s", thumbprint != NULL ? thumbprint : "");
}

static void on_jws(void *arg, int error, const char *text, const char *jws, size_t len)
{
    struct got *got = arg;
    struct signclient *client = got->client;

    got->client = NULL;
    if (client != NULL)
        signclient_sign(client,
                        &(struct signclient_jws){
                            .key = "k", .url = "https://a", .nonce = "n", .payload = "second"},
                        on_jws, got);
    got->count++;
    got->error = error;
    snprintf(got->text, sizeof(got->text), "%s", text != NULL ? text : "");
    snprintf(got->a, sizeof(got->a), "%.*s", (int)len, jws != NULL ? jws : "");
}

struct fixture {
    uv_loop_t loop;
    struct signclient *client;
    int peer;
};

static void attach(struct fixture *f)
{
    int sv[2];

    CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, sv) == 0);
    f->peer = sv[1];
    CU_ASSERT(signclient_attach(f->client, sv[0]) == 0);
}

static void setup(struct fixture *f)
{
    f->peer = -1;
    CU_ASSERT_FATAL(uv_loop_init(&f->loop) == 0);
    CU_ASSERT_FATAL(signclient_new(&f->client, &f->loop, NULL) == 0);
}

static void teardown(struct fixture *f)
{
    signclient_free(f->client);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    CU_ASSERT(uv_loop_close(&f->loop) == 0);
    if (f->peer >= 0)
        close(f->peer);
}

/* One request as the signer sees it: type and number; false where none is there. */
static bool next_request(struct fixture *f, uint16_t *type, uint64_t *number)
{
    static uint8_t buf[LIMIT_MESSAGE];
    struct msg_reader r;
    size_t nfds = 0;
    int len = msg_recv(f->peer, buf, sizeof(buf), NULL, &nfds);

    if (len <= 0)
        return false;
    CU_ASSERT_FATAL(msg_open(&r, buf, (size_t)len) == 0);
    *type = r.type;
    *number = msg_get_u64(&r);
    return true;
}

static void answer_signed(struct fixture *f, uint64_t number, const char *jws)
{
    uint8_t buf[1024];
    struct msg_writer w;

    msg_begin(&w, buf, sizeof(buf), IPC_SIGNED);
    msg_put_u64(&w, number);
    msg_put_bytes(&w, jws, strlen(jws));
    CU_ASSERT(msg_send(f->peer, &w, NULL, 0) == 0);
}

static void run_until(struct fixture *f, const struct got *got, int count)
{
    for (int i = 0; i < 1000 && got->count < count; i++)
        uv_run(&f->loop, UV_RUN_ONCE);
    CU_ASSERT_EQUAL(got->count, count);
}

static uint64_t ask(struct fixture *f, struct got *got)
{
    struct signclient_jws jws = {.key = "acct",
                                 .url = "https://ca/o",
                                 .nonce = "n1",
                                 .kid = "https://ca/a",
                                 .payload = "{}"};
    uint64_t id = signclient_sign(f->client, &jws, on_jws, got);

    CU_ASSERT(id != 0);
    return id;
}

static void test_key_and_signature(void)
{
    struct fixture f;
    struct got key = {0}, jws = {0};
    uint8_t buf[1024];
    struct msg_writer w;
    uint16_t type;
    uint64_t number;

    setup(&f);
    attach(&f);
    CU_ASSERT(signclient_key(f.client, "acct", "ecdsa-p256", on_key, &key) != 0);
    CU_ASSERT_FATAL(next_request(&f, &type, &number) && type == IPC_KEY_REQUEST);
    msg_begin(&w, buf, sizeof(buf), IPC_KEY);
    msg_put_u64(&w, number);
    msg_put_u8(&w, 1);
    msg_put_str(&w, "{\"kty\":\"EC\"}");
    msg_put_str(&w, "thumb");
    CU_ASSERT(msg_send(f.peer, &w, NULL, 0) == 0);
    run_until(&f, &key, 1);
    CU_ASSERT(key.error == 0 && strcmp(key.a, "{\"kty\":\"EC\"}") == 0);
    CU_ASSERT_STRING_EQUAL(key.b, "thumb");

    jws.client = f.client; /* and another one from within the callback */
    ask(&f, &jws);
    CU_ASSERT_FATAL(next_request(&f, &type, &number) && type == IPC_SIGN_REQUEST);
    answer_signed(&f, number, "{\"signature\":\"x\"}");
    run_until(&f, &jws, 1);
    CU_ASSERT(jws.error == 0 && strcmp(jws.a, "{\"signature\":\"x\"}") == 0);
    CU_ASSERT(next_request(&f, &type, &number));
    answer_signed(&f, number, "y");
    run_until(&f, &jws, 2);
    CU_ASSERT_STRING_EQUAL(jws.a, "y");
    teardown(&f);
}

static void test_refused(void)
{
    struct fixture f;
    struct got got = {0};
    uint8_t buf[1024];
    struct msg_writer w;
    uint16_t type;
    uint64_t number;

    setup(&f);
    attach(&f);
    ask(&f, &got);
    CU_ASSERT_FATAL(next_request(&f, &type, &number));
    msg_begin(&w, buf, sizeof(buf), IPC_SIGN_FAILED);
    msg_put_u64(&w, number);
    msg_put_str(&w, "key file acct: others can read it");
    CU_ASSERT(msg_send(f.peer, &w, NULL, 0) == 0);
    run_until(&f, &got, 1);
    CU_ASSERT(got.error == ERR_CRYPTO);
    CU_ASSERT_STRING_EQUAL(got.text, "signer: key file acct: others can read it");
    teardown(&f);
}

/* What a dead signer did not answer goes to the next one; what several died of does not. */
static void test_restarts(void)
{
    struct fixture f;
    struct got got = {0};
    uint16_t type;
    uint64_t number, first = 0;

    setup(&f);
    ask(&f, &got); /* before any signer is there */
    for (int i = 0; i < 3; i++) {
        attach(&f);
        CU_ASSERT(next_request(&f, &type, &number));
        CU_ASSERT(first == 0 || number == first);
        first = number;
        close(f.peer);
        uv_run(&f.loop, UV_RUN_ONCE);
        uv_run(&f.loop, UV_RUN_NOWAIT);
    }
    CU_ASSERT(got.count == 0);
    attach(&f);
    CU_ASSERT(got.count == 1 && got.error == ERR_UNAVAILABLE);
    CU_ASSERT(!next_request(&f, &type, &number));

    /* attached anew while the old channel is still open */
    ask(&f, &got);
    int old = f.peer;
    attach(&f);
    CU_ASSERT(next_request(&f, &type, &number));
    answer_signed(&f, number, "late");
    run_until(&f, &got, 2);
    CU_ASSERT_STRING_EQUAL(got.a, "late");
    close(old);
    teardown(&f);
}

static void test_cancelled(void)
{
    struct fixture f;
    struct got got = {0};
    uint16_t type;
    uint64_t number;

    setup(&f);
    attach(&f);
    uint64_t id = ask(&f, &got);
    CU_ASSERT_FATAL(next_request(&f, &type, &number));
    signclient_cancel(f.client, id);
    signclient_cancel(f.client, id);
    signclient_cancel(f.client, 0);
    answer_signed(&f, number, "x"); /* nobody waits for it: dropped, the channel stays */
    uv_run(&f.loop, UV_RUN_ONCE);
    CU_ASSERT(got.count == 0);
    ask(&f, &got);
    CU_ASSERT_FATAL(next_request(&f, &type, &number));
    answer_signed(&f, number, "y");
    run_until(&f, &got, 1);

    ask(&f, &got);
    signclient_free(f.client);
    CU_ASSERT(got.count == 2 && got.error == ERR_CANCELLED);
    uv_run(&f.loop, UV_RUN_DEFAULT);
    CU_ASSERT(uv_loop_close(&f.loop) == 0);
    close(f.peer);
}

static void count(void *arg)
{
    ++*(unsigned *)arg;
}

/* A signer that breaks the protocol is cut off; its successor gets the request. */
static void test_hostile(void)
{
    static const uint8_t bad[][16] = {
        {0}, {1, 0, 0, IPC_SIGNED, [15] = 9}, {1, 0, 0, 200}, {9, 9, 9, 9}};
    struct fixture f;
    struct got got = {0};
    uint16_t type;
    uint64_t number;
    unsigned broken = 0;

    setup(&f);
    signclient_on_broken(f.client, count, &broken);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        got = (struct got){0};
        attach(&f);
        ask(&f, &got);
        CU_ASSERT(next_request(&f, &type, &number));
        CU_ASSERT(send(f.peer, bad[i], sizeof(bad[i]), 0) > 0);
        uv_run(&f.loop, UV_RUN_ONCE);
        uv_run(&f.loop, UV_RUN_NOWAIT);
        CU_ASSERT(got.count == 0);
        char c;
        CU_ASSERT(recv(f.peer, &c, 1, 0) == 0); /* closed by the client */
        CU_ASSERT_EQUAL(broken, i + 1);
        close(f.peer);
        attach(&f);
        CU_ASSERT_FATAL(next_request(&f, &type, &number));
        answer_signed(&f, number, "good");
        run_until(&f, &got, 1);
        close(f.peer);
    }
    f.peer = -1;
    teardown(&f);
}

/* More than a channel holds: the rest follows when there is room. */
static void test_full(void)
{
    enum { COUNT = 300 };
    struct fixture f;
    struct got got = {0};
    static char payload[4096];
    uint16_t type;
    uint64_t number;
    int seen = 0;

    memset(payload, 'x', sizeof(payload) - 1);
    setup(&f);
    attach(&f);
    for (int i = 0; i < COUNT; i++)
        CU_ASSERT(
            signclient_sign(f.client,
                            &(struct signclient_jws){
                                .key = "k", .url = "https://a", .nonce = "n", .payload = payload},
                            on_jws, &got) != 0);
    for (int i = 0; i < 10000 && got.count < COUNT; i++) {
        while (next_request(&f, &type, &number)) {
            seen++;
            answer_signed(&f, number, "s");
            uv_run(&f.loop, UV_RUN_NOWAIT);
        }
        uv_run(&f.loop, UV_RUN_NOWAIT);
    }
    CU_ASSERT(seen == COUNT && got.count == COUNT && got.error == 0);
    teardown(&f);
}

static void on_list(void *arg, int error, const char *text, const char *const *names, size_t count)
{
    struct got *got = arg;

    got->count++;
    got->error = error;
    snprintf(got->text, sizeof(got->text), "%s", text != NULL ? text : "");
    snprintf(got->a, sizeof(got->a), "%zu %s %s", count, count > 0 ? names[0] : "-",
             count > 1 ? names[1] : "-");
}

static void answer_list(struct fixture *f, uint64_t number, uint16_t count)
{
    uint8_t buf[1024];
    struct msg_writer w;

    msg_begin(&w, buf, sizeof(buf), IPC_KEY_LIST);
    msg_put_u64(&w, number);
    msg_put_u16(&w, count);
    for (uint16_t i = 0; i < count; i++)
        msg_put_str(&w, i == 0 ? "acct-2" : "acct");
    CU_ASSERT(msg_send(f->peer, &w, NULL, 0) == 0);
}

static void test_list(void)
{
    struct got got = {0}, late = {0};
    struct fixture f;
    uint64_t number, id;
    uint16_t type;

    setup(&f);
    attach(&f);
    CU_ASSERT(signclient_list(f.client, "acct", on_list, &got) != 0);
    CU_ASSERT(next_request(&f, &type, &number) && type == IPC_KEY_LIST_REQUEST);
    answer_list(&f, number, 2);
    run_until(&f, &got, 1);
    CU_ASSERT_STRING_EQUAL(got.a, "2 acct-2 acct");
    id = signclient_list(f.client, "acct", on_list, &late);
    signclient_cancel(f.client, id);
    answer_list(&f, id, 1); /* is not missed */
    CU_ASSERT(signclient_list(f.client, "acct", on_list, &got) != 0);
    CU_ASSERT(next_request(&f, &type, &number) && next_request(&f, &type, &number));
    answer_list(&f, number, 0);
    run_until(&f, &got, 2);
    CU_ASSERT_STRING_EQUAL(got.a, "0 - -");
    CU_ASSERT(late.count == 0);
    /* more than there may be, and the answer to another question, are no answers */
    CU_ASSERT(signclient_list(f.client, "acct", on_list, &got) != 0);
    answer_list(&f, number + 1, LIMIT_KEY_LIST + 1);
    for (int i = 0; i < 20; i++)
        uv_run(&f.loop, UV_RUN_NOWAIT);
    close(f.peer);
    attach(&f);
    CU_ASSERT(next_request(&f, &type, &number));
    answer_signed(&f, number, "s");
    for (int i = 0; i < 20; i++)
        uv_run(&f.loop, UV_RUN_NOWAIT);
    CU_ASSERT(got.count == 2);
    teardown(&f);
    CU_ASSERT(got.count == 3 && got.error == ERR_CANCELLED);
}

static void test_bind(void)
{
    struct got got = {0};
    struct fixture f;
    uint64_t number;
    uint16_t type;

    setup(&f);
    attach(&f);
    CU_ASSERT(signclient_bind(f.client, "acct", "ca", "https://ca/a", on_jws, &got) != 0);
    CU_ASSERT(next_request(&f, &type, &number) && type == IPC_EAB_REQUEST);
    answer_signed(&f, number, "bound");
    run_until(&f, &got, 1);
    CU_ASSERT(got.error == 0 && strcmp(got.a, "bound") == 0);
    teardown(&f);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("signclient", NULL, NULL);
    CU_ADD_TEST(suite, test_key_and_signature);
    CU_ADD_TEST(suite, test_refused);
    CU_ADD_TEST(suite, test_restarts);
    CU_ADD_TEST(suite, test_cancelled);
    CU_ADD_TEST(suite, test_hostile);
    CU_ADD_TEST(suite, test_full);
    CU_ADD_TEST(suite, test_list);
    CU_ADD_TEST(suite, test_bind);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures == 0 ? 0 : 1;
}
