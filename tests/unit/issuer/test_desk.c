#include "issuer/desk.h"

#include <CUnit/Basic.h>
#include <signal.h>
#include <stdbool.h>

#include "tests/unit/common/run.h"
#include "tests/unit/issuer/desk_fixture.h"

struct client {
    struct desk_ticket *ticket;
    unsigned events, dones;
    uint64_t order;
    enum order_failure failure;
    char text[512];
};

static void on_event(void *arg, const struct desk_event *event)
{
    struct client *client = arg;

    CU_ASSERT_EQUAL(client->dones, 0);
    client->events++;
    client->order = event->order;
}

static void on_done(void *arg, const struct desk_result *result)
{
    struct client *client = arg;

    client->dones++;
    client->ticket = NULL;
    client->failure = result->failure;
    (void)snprintf(client->text, sizeof client->text, "%s",
                   result->text != NULL ? result->text : "");
}

static int ask_for(struct desk_fixture *f, struct client *client, const char *pem,
                   const char *chain, const char *profile)
{
    struct desk_client callbacks = {.event = on_event, .done = on_done, .arg = client};
    struct desk_request request = {.directory_url = f->directory,
                                   .client = "192.0.2.9",
                                   .peer_uid = 7,
                                   .preferred_chain = chain,
                                   .profile = profile};
    struct err err = {0};
    struct csr csr;
    int ret;

    memset(client, 0, sizeof *client);
    CU_ASSERT_EQUAL_FATAL(csr_parse(&csr, pem, strlen(pem), &err), 0);
    request.csr = &csr;
    ret = desk_order(f->desk, &request, &callbacks, &client->ticket, &err);
    csr_clear(&csr);
    return ret;
}

static int ask(struct desk_fixture *f, struct client *client, const char *pem)
{
    return ask_for(f, client, pem, NULL, NULL);
}

struct rows {
    unsigned count;
    char state[32], failure[256], names[256];
};

static void on_row(void *arg, const struct store_order *row)
{
    struct rows *rows = arg;

    rows->count++;
    (void)snprintf(rows->state, sizeof rows->state, "%s", row->state);
    (void)snprintf(rows->names, sizeof rows->names, "%s", row->names);
    (void)snprintf(rows->failure, sizeof rows->failure, "%s",
                   row->failure != NULL ? row->failure : "");
}

static struct rows stored(struct desk_fixture *f)
{
    struct rows rows = {0};

    CU_ASSERT_EQUAL(store_order_each(f->store, 100, on_row, &rows, NULL), 0);
    return rows;
}

static void wait_done(struct desk_fixture *f, const struct client *client)
{
    for (int i = 0; i < 20000 && client->dones == 0; i++) {
        (void)uv_run(&f->loop, UV_RUN_NOWAIT);
        (void)usleep(1000);
    }
    CU_ASSERT_EQUAL(client->dones, 1);
}

/* An order is in the store before anything else happens, with one turn of the loop. */
static void test_stored_first(void)
{
    EVP_PKEY *key = key_ec("P-256");
    char *pem = csr_for(key, "b.example,*.b.example");
    struct desk_fixture f;
    struct client client;
    struct rows rows;

    desk_fixture_set_up(&f);
    CU_ASSERT_EQUAL(ask(&f, &client, pem), 0);
    CU_ASSERT_EQUAL(stored(&f).count, 0);
    (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    rows = stored(&f);
    CU_ASSERT_EQUAL(rows.count, 1);
    CU_ASSERT_STRING_EQUAL(rows.names, "*.b.example,b.example");
    CU_ASSERT_EQUAL(client.dones, 0);
    desk_fixture_tear_down(&f);
    desk_leave(client.ticket);
    free(pem);
    EVP_PKEY_free(key);
}

static void test_stop(void)
{
    struct client running, fresh, late;
    struct desk_fixture f;

    desk_fixture_set_up(&f);
    CU_ASSERT_EQUAL(ask(&f, &running, f.pem), 0);
    desk_fixture_turn(&f);
    CU_ASSERT_EQUAL(ask(&f, &fresh, f.pem), 0);
    desk_stop(f.desk);
    CU_ASSERT_EQUAL(running.dones, 1);
    CU_ASSERT_EQUAL(running.failure, ORDER_INTERRUPTED);
    CU_ASSERT_STRING_NOT_EQUAL(running.text, "");
    CU_ASSERT_EQUAL(fresh.dones, 1);
    CU_ASSERT_EQUAL(fresh.failure, ORDER_INTERRUPTED);
    CU_ASSERT_EQUAL(ask(&f, &late, f.pem), ERR_CANCELLED);
    CU_ASSERT_STRING_EQUAL(stored(&f).state, "failed"); /* the CA never heard of it */
    desk_fixture_tear_down(&f);
}

static void test_client_leaves(void)
{
    struct client first, second, third;
    struct desk_fixture f;

    desk_fixture_set_up(&f);
    CU_ASSERT_EQUAL(ask(&f, &first, f.pem), 0);
    desk_fixture_turn(&f);
    desk_leave(first.ticket);
    CU_ASSERT_EQUAL(ask(&f, &second, f.pem), 0); /* joins */
    CU_ASSERT_EQUAL(ask(&f, &third, f.pem), 0);  /* the second waits: a new one */
    desk_fixture_turn(&f);
    CU_ASSERT_EQUAL(stored(&f).count, 2);
    CU_ASSERT_EQUAL(second.events > 0, 1);
    CU_ASSERT_EQUAL(second.order, 1);
    desk_stop(f.desk);
    CU_ASSERT_EQUAL(first.dones, 0);
    CU_ASSERT_EQUAL(second.dones, 1);
    CU_ASSERT_EQUAL(third.dones, 1);
    desk_fixture_tear_down(&f);
}

static void test_busy(void)
{
    struct client *clients = calloc(LIMIT_ORDERS + 1, sizeof *clients);
    struct desk_fixture f;
    unsigned interrupted = 0;

    CU_ASSERT_PTR_NOT_NULL_FATAL(clients);
    desk_fixture_set_up(&f);
    for (int i = 0; i < LIMIT_ORDERS; i++)
        CU_ASSERT_EQUAL(ask(&f, &clients[i], f.pem), 0);
    CU_ASSERT_EQUAL(ask(&f, &clients[LIMIT_ORDERS], f.pem), ERR_BUSY);
    desk_fixture_turn(&f);
    CU_ASSERT_EQUAL(stored(&f).count, 100);
    desk_stop(f.desk);
    for (int i = 0; i < LIMIT_ORDERS; i++)
        interrupted += clients[i].dones == 1;
    CU_ASSERT_EQUAL(interrupted, LIMIT_ORDERS);
    desk_fixture_tear_down(&f);
    free(clients);
}

/* What a killed issuer left in the store. */
static void test_resume(void)
{
    const struct order_saved known = {.state = ORDER_FINALIZING, .url = "https://127.0.0.1:1/o"};
    struct client clients[2], again;
    struct desk_fixture f;
    struct rows unknown = {0}, damaged = {0}, open = {0};
    struct err err = {0};
    struct store_order bad = {.client = "",
                              .directory_url = "https://127.0.0.1:1/d",
                              .names = "a.example",
                              .csr = (const uint8_t *)"x",
                              .csr_len = 1};
    uint64_t bad_id;

    desk_fixture_set_up(&f);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(ask(&f, &clients[i], f.pem), 0);
        (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    }
    desk_fixture_end(&f); /* no desk_stop: killed */
    desk_leave(clients[0].ticket);
    desk_leave(clients[1].ticket);
    CU_ASSERT_EQUAL_FATAL(store_open(&f.store, folder_file(&f.folder, "store.db"), &err), 0);
    CU_ASSERT_EQUAL(store_order_save(f.store, 2, &known, 1, &err), 0);
    CU_ASSERT_EQUAL(store_order_add(f.store, &bad, &bad_id, &err), 0);
    CU_ASSERT_EQUAL(store_order_save(f.store, bad_id, &known, 1, &err), 0);
    store_close(f.store);
    desk_fixture_start(&f);
    CU_ASSERT_EQUAL(desk_resume(f.desk, &err), 0);
    CU_ASSERT_EQUAL(store_order_get(f.store, 1, on_row, &unknown, NULL), 0);
    CU_ASSERT_STRING_EQUAL(unknown.state, "failed");
    CU_ASSERT_PTR_NOT_NULL(strstr(unknown.failure, "interrupted by a restart"));
    CU_ASSERT_EQUAL(store_order_get(f.store, bad_id, on_row, &damaged, NULL), 0);
    CU_ASSERT_STRING_EQUAL(damaged.state, "failed");
    CU_ASSERT_EQUAL(store_order_each_open(f.store, on_row, &open, NULL), 0);
    CU_ASSERT_EQUAL(open.count, 1);
    desk_fixture_turn(&f);
    CU_ASSERT_EQUAL(ask(&f, &again, f.pem), 0); /* the client asks again, and joins */
    desk_fixture_turn(&f);
    CU_ASSERT_EQUAL(stored(&f).count, 3);
    desk_stop(f.desk);
    CU_ASSERT_EQUAL(again.failure, ORDER_INTERRUPTED);
    open = (struct rows){0};
    CU_ASSERT_EQUAL(store_order_each_open(f.store, on_row, &open, NULL), 0);
    CU_ASSERT_EQUAL(open.count, 1); /* the CA knows it: it stays to be resumed */
    desk_fixture_tear_down(&f);
}

/* A resumed order is joined by a request for just the same: key, names, extensions, CA, chain,
 * profile; though it be signed anew. */
static void test_resumed_joined(void)
{
    static const struct csr_name one[] = {{GEN_DNS, "a.example", 0}, {0}},
                                 two[] = {
                                     {GEN_DNS, "a.example", 0}, {GEN_DNS, "b.example", 0}, {0}};
    static const struct {
        const struct csr_name *names;
        const char *more, *chain, *profile, *directory;
        bool joins;
    } cases[] = {
        {one, NULL, NULL, NULL, NULL, true},
        {two, NULL, NULL, NULL, NULL, false},
        {one, "tlsfeature", NULL, NULL, NULL, false},
        {one, NULL, "Root X", NULL, NULL, false},
        {one, NULL, NULL, "short", NULL, false},
        {one, NULL, NULL, NULL, "https://127.0.0.1:1/other", false},
    };
    const struct order_saved known = {.state = ORDER_FINALIZING, .url = "https://127.0.0.1:1/o"};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct client first, second;
        struct desk_fixture f;
        struct csr_spec spec = {.names = cases[i].names, .more = {cases[i].more, "status_request"}};
        struct err err = {0};
        char *pem;

        desk_fixture_set_up(&f);
        spec.key = f.key;
        pem = csr_make(&spec);
        CU_ASSERT_STRING_NOT_EQUAL(pem, f.pem);
        CU_ASSERT_EQUAL(ask(&f, &first, f.pem), 0);
        (void)uv_run(&f.loop, UV_RUN_NOWAIT);
        desk_fixture_end(&f);
        desk_leave(first.ticket);
        CU_ASSERT_EQUAL_FATAL(store_open(&f.store, folder_file(&f.folder, "store.db"), &err), 0);
        CU_ASSERT_EQUAL(store_order_save(f.store, 1, &known, 1, &err), 0);
        store_close(f.store);
        desk_fixture_start(&f);
        CU_ASSERT_EQUAL(desk_resume(f.desk, &err), 0);
        desk_fixture_turn(&f);
        if (cases[i].directory != NULL)
            (void)snprintf(f.directory, sizeof f.directory, "%s", cases[i].directory);
        CU_ASSERT_EQUAL(ask_for(&f, &second, pem, cases[i].chain, cases[i].profile), 0);
        desk_fixture_turn(&f);
        CU_ASSERT_EQUAL(stored(&f).count, cases[i].joins ? 1 : 2);
        desk_stop(f.desk);
        CU_ASSERT_EQUAL(second.dones, 1);
        desk_fixture_tear_down(&f);
        free(pem);
    }
}

/* The store refuses everything: clients are told so, nobody crashes, nothing is said to the CA. */
static void test_store_fails(void)
{
    struct client before, after;
    struct desk_fixture f;

    desk_fixture_set_up(&f);
    CU_ASSERT_EQUAL(ask(&f, &before, f.pem), 0);
    desk_fixture_turn(&f);
    CU_ASSERT_EQUAL(store_batch_begin(f.store, NULL), 0); /* the desk's own will not nest */
    CU_ASSERT(store_order_fail(f.store, 1, NULL, 1, NULL) == 0);
    {
        const struct store_order no_names = {.client = "", .directory_url = "x"};
        uint64_t id;

        CU_ASSERT(store_order_add(f.store, &no_names, &id, NULL) < 0); /* poisons it */
    }
    CU_ASSERT_EQUAL(ask(&f, &after, f.pem), 0);
    wait_done(&f, &after);
    CU_ASSERT_EQUAL(after.failure, ORDER_BROKEN);
    CU_ASSERT_STRING_NOT_EQUAL(after.text, "");
    CU_ASSERT(store_batch_end(f.store, NULL) < 0);
    desk_fixture_tear_down(&f);
    if (before.ticket != NULL)
        desk_leave(before.ticket);
}

static void on_account(void *arg, int error, const char *text, const char *url)
{
    struct client *client = arg;

    client->dones++;
    CU_ASSERT(error < 0);
    CU_ASSERT_PTR_NOT_NULL(text);
    CU_ASSERT_PTR_NULL(url);
}

static void test_account(void)
{
    struct client client = {0};
    struct desk_fixture f;
    struct err err = {0};

    desk_fixture_set_up(&f);
    CU_ASSERT_EQUAL(desk_account(f.desk, f.directory, on_account, &client, &err), 0);
    CU_ASSERT_EQUAL(client.dones, 0);
    desk_fixture_turn(&f);
    desk_fixture_tear_down(&f);
    CU_ASSERT_EQUAL(client.dones, 1);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"stored first", test_stored_first},
        {"stop", test_stop},
        {"client leaves", test_client_leaves},
        {"busy", test_busy},
        {"resume", test_resume},
        {"a resumed order is joined", test_resumed_joined},
        {"store fails", test_store_fails},
        {"account", test_account},
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return RUN("desk", tests);
}
