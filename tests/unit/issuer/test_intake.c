/*
 * The intake before a desk and CAs that do what the test says: it has their functions.
 */
#include "issuer/intake.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <string.h>

#include "issuer/acme.h"
#include "issuer/intake_priv.h"
#include "issuer/preflight_look.h"
#include "issuer/renewal.h"
#include "tests/unit/common/run.h"
#include "tests/unit/issuer/csrs.h"
#include "tests/unit/issuer/folder.h"

#define FIRST  "https://first.example/dir"
#define SECOND "https://second.example/dir"
#define DAY    ((int64_t)86400)

/* -- the desk -- */

enum { TAKEN_MAX = 16 };

struct taken {
    char directory[64], client[64], chain[64], profile[64], replaces[LIMIT_CERT_ID];
    struct desk_client callbacks;
    struct desk_ticket *ticket;
    bool left;
};

struct desk {
    struct taken taken[TAKEN_MAX];
    unsigned count;
    int refuse; /* what desk_order gives */
    bool no_ca; /* desk_acme */
    int know;   /* what acme_know says at once; 0: it will answer */
    bool renewal_info;
    unsigned asked;
    acme_response_fn *fn; /* of a question that waits */
    void *arg;
};

struct desk_ticket {
    struct taken *taken;
};

static void keep(char *dst, size_t cap, const char *text)
{
    (void)snprintf(dst, cap, "%s", text != NULL ? text : "");
}

int desk_order(struct desk *desk, const struct desk_request *request,
               const struct desk_client *client, struct desk_ticket **ticket, struct err *err)
{
    struct taken *taken = &desk->taken[desk->count];

    if (desk->refuse != 0)
        return err_set(err, desk->refuse, "the desk is full");
    CU_ASSERT_FATAL(desk->count++ < TAKEN_MAX);
    keep(taken->directory, sizeof taken->directory, request->directory_url);
    keep(taken->client, sizeof taken->client, request->client);
    keep(taken->chain, sizeof taken->chain, request->preferred_chain);
    keep(taken->profile, sizeof taken->profile, request->profile);
    keep(taken->replaces, sizeof taken->replaces, request->replaces);
    taken->callbacks = *client;
    taken->ticket = *ticket = calloc(1, sizeof **ticket);
    CU_ASSERT_PTR_NOT_NULL_FATAL(taken->ticket);
    taken->ticket->taken = taken;
    return 0;
}

void desk_leave(struct desk_ticket *ticket)
{
    ticket->taken->left = true;
    free(ticket);
}

struct acme *desk_acme(struct desk *desk, const char *directory_url, struct err *err)
{
    (void)directory_url;
    if (!desk->no_ca)
        return (struct acme *)desk;
    (void)err_set(err, ERR_CRYPTO, "no key can be named");
    return NULL;
}

int acme_know(struct acme *acme, acme_response_fn *fn, void *arg)
{
    struct desk *desk = (struct desk *)acme;

    desk->asked++;
    desk->fn = fn;
    desk->arg = arg;
    return desk->know;
}

bool acme_has_renewal_info(const struct acme *acme)
{
    return ((const struct desk *)acme)->renewal_info;
}

static struct acme_profile offered[] = {{(char *)"classic", (char *)""},
                                        {(char *)"short", (char *)""}};

const struct acme_profile *acme_profiles(const struct acme *acme, size_t *count)
{
    (void)acme;
    *count = 2;
    return offered;
}

const struct acme_profile *acme_profile_find(const struct acme *acme, const char *name)
{
    (void)acme;
    for (size_t i = 0; i < 2; i++) {
        if (strcmp(offered[i].name, name) == 0)
            return &offered[i];
    }
    return NULL;
}

bool acme_has_directory(const struct acme *acme)
{
    return ((const struct desk *)acme)->asked > 0;
}

void renewal_refresh(struct renewal *renewal, const char *chain_pem)
{
    CU_ASSERT_PTR_NULL(renewal);
    CU_ASSERT_PTR_NOT_NULL(chain_pem);
}

/* -- the preflight -- */

struct preflight {
    preflight_fn *fn; /* of a look that waits */
    void *arg;
    unsigned looks;
    bool cancelled;
    int refuse;
};

int preflight_look(const struct preflight_look *look, preflight_fn *fn, void *arg,
                   struct preflight_check **check, struct err *err)
{
    look->preflight->fn = fn;
    look->preflight->arg = arg;
    look->preflight->looks++;
    *check = (struct preflight_check *)look->preflight;
    return look->preflight->refuse != 0
               ? err_set(err, look->preflight->refuse, "no resolver is known")
               : 0;
}

void preflight_cancel(struct preflight_check *check)
{
    ((struct preflight *)check)->cancelled = true;
}

enum preflight_verdict preflight_weigh(const char *mode, const struct preflight_finding *findings,
                                       size_t count, char **reason)
{
    CU_ASSERT_STRING_EQUAL(mode, "enforce");
    *reason = NULL;
    for (size_t i = 0; i < count; i++) {
        if (findings[i].severity == PREFLIGHT_DEFINITE) {
            *reason = strdup(findings[i].text);
            return findings[i].authority != NULL ? PREFLIGHT_NEXT : PREFLIGHT_STOP;
        }
    }
    return PREFLIGHT_GO;
}

/* -- the rest -- */

struct client {
    struct intake_ticket *ticket;
    unsigned events, dones;
    char said[1024], text[512], chain[64];
    struct desk_result result;
};

struct fixture {
    uv_loop_t loop;
    struct folder folder;
    struct store *store;
    struct desk desk;
    struct preflight preflight;
    struct intake *intake;
    struct server_conf conf;
    struct server_conf_authority authorities[2];
    struct server_conf_client clients[2];
    char *names, *profile;
    EVP_PKEY *key;
    char *pem;
};

static void set_up(struct fixture *f)
{
    const struct intake_options options = {
        .loop = &f->loop, .clock = &clock_system, .desk = &f->desk, .conf = &f->conf};
    struct intake_options all;

    memset(f, 0, sizeof *f);
    folder_make(&f->folder);
    f->authorities[0] =
        (struct server_conf_authority){.name = (char *)"first", .directory = (char *)FIRST};
    f->authorities[1] =
        (struct server_conf_authority){.name = (char *)"second", .directory = (char *)SECOND};
    f->names = (char *)"a.example";
    f->profile = (char *)"classic";
    f->clients[0] = (struct server_conf_client){
        .name = (char *)"one", .names = {&f->names, 1}, .max_names = 100};
    f->clients[1] = (struct server_conf_client){.name = (char *)"two",
                                                .names = {&f->names, 1},
                                                .profiles = {&f->profile, 1},
                                                .profile = (char *)"short",
                                                .max_names = 100};
    f->conf.authorities = (struct conf_table){f->authorities, 2};
    f->conf.clients = (struct conf_table){f->clients, 2};
    f->key = key_ec("P-256");
    f->pem = csr_for(f->key, "a.example");
    CU_ASSERT_EQUAL_FATAL(uv_loop_init(&f->loop), 0);
    CU_ASSERT_EQUAL_FATAL(store_open(&f->store, folder_file(&f->folder, "store.db"), NULL), 0);
    all = options;
    all.store = f->store;
    CU_ASSERT_EQUAL_FATAL(intake_new(&f->intake, &all), 0);
}

static void turn(struct fixture *f)
{
    for (int i = 0; i < 10; i++)
        (void)uv_run(&f->loop, UV_RUN_NOWAIT);
}

/* Another intake, that looks first. */
static void look_first(struct fixture *f)
{
    const struct intake_options options = {.loop = &f->loop,
                                           .clock = &clock_system,
                                           .store = f->store,
                                           .desk = &f->desk,
                                           .preflight = &f->preflight,
                                           .conf = &f->conf};

    intake_free(f->intake);
    f->conf.preflight = (char *)"enforce";
    CU_ASSERT_EQUAL_FATAL(intake_new(&f->intake, &options), 0);
}

static void tear_down(struct fixture *f)
{
    intake_free(f->intake);
    turn(f);
    CU_ASSERT_EQUAL(uv_loop_close(&f->loop), 0);
    store_close(f->store);
    free(f->pem);
    EVP_PKEY_free(f->key);
    folder_remove(&f->folder);
}

static void on_event(void *arg, const struct desk_event *event)
{
    struct client *client = arg;

    CU_ASSERT_EQUAL(client->dones, 0);
    client->events++;
    keep(client->said, sizeof client->said, event->text);
}

static void on_done(void *arg, const struct desk_result *result)
{
    struct client *client = arg;

    client->dones++;
    client->ticket = NULL;
    client->result = *result;
    keep(client->text, sizeof client->text, result->text);
    keep(client->chain, sizeof client->chain, result->chain);
}

static int take(struct fixture *f, struct client *client, struct intake_request request,
                struct err *err)
{
    const struct desk_client callbacks = {.event = on_event, .done = on_done, .arg = client};
    int ret;

    memset(client, 0, sizeof *client);
    *err = (struct err){0};
    request.csr_pem = request.csr_pem != NULL ? request.csr_pem : f->pem;
    request.csr_len = strlen(request.csr_pem);
    if (request.client == NULL && request.domains == NULL)
        request.domains = "a.example";
    ret = intake_take(f->intake, &request, &callbacks, &client->ticket, err);
    turn(f);
    return ret;
}

static void ask(struct fixture *f, struct client *client)
{
    struct err err;

    CU_ASSERT_EQUAL_FATAL(take(f, client, (struct intake_request){.address = "192.0.2.1"}, &err),
                          0);
}

/* The desk is done with its order number n. */
static void finish(struct fixture *f, unsigned n, struct desk_result result)
{
    struct taken *taken = &f->desk.taken[n];

    CU_ASSERT_FATAL(n < f->desk.count);
    free(taken->ticket);
    result.order = n + 1;
    taken->callbacks.done(taken->callbacks.arg, &result);
    turn(f);
}

static void test_one(void)
{
    struct fixture f;
    struct client client;

    set_up(&f);
    ask(&f, &client);
    CU_ASSERT_EQUAL_FATAL(f.desk.count, 1);
    CU_ASSERT_STRING_EQUAL(f.desk.taken[0].directory, FIRST);
    CU_ASSERT_STRING_EQUAL(f.desk.taken[0].client, "192.0.2.1");
    f.desk.taken[0].callbacks.event(f.desk.taken[0].callbacks.arg,
                                    &(struct desk_event){.order = 1, .text = "ordered"});
    CU_ASSERT_STRING_EQUAL(client.said, "ordered");
    finish(&f, 0, (struct desk_result){.chain = "chain"});
    CU_ASSERT_EQUAL(client.dones, 1);
    CU_ASSERT_STRING_EQUAL(client.chain, "chain");
    tear_down(&f);
}

static void test_refused(void)
{
    struct fixture f;
    struct client client;
    struct err err;

    set_up(&f);
    CU_ASSERT_EQUAL(take(&f, &client, (struct intake_request){.csr_pem = "x"}, &err),
                    ERR_MALFORMED);
    CU_ASSERT_EQUAL(take(&f, &client, (struct intake_request){.domains = "b.example"}, &err),
                    ERR_POLICY);
    CU_ASSERT_EQUAL(take(&f, &client, (struct intake_request){.client = "three"}, &err),
                    ERR_POLICY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "three"));
    CU_ASSERT_EQUAL(
        take(&f, &client, (struct intake_request){.client = "one", .profile = "classic"}, &err),
        ERR_POLICY);
    CU_ASSERT_EQUAL(take(&f, &client, (struct intake_request){.authority = "third"}, &err),
                    ERR_POLICY);
    CU_ASSERT_EQUAL(f.desk.count, 0);
    f.desk.no_ca = true;
    ask(&f, &client);
    CU_ASSERT_EQUAL(client.result.code, ERR_CRYPTO);
    f.desk.no_ca = false;
    f.desk.refuse = ERR_BUSY;
    ask(&f, &client);
    CU_ASSERT_EQUAL(client.dones, 1);
    CU_ASSERT_EQUAL(client.result.code, ERR_BUSY);
    CU_ASSERT_STRING_EQUAL(client.text, "the desk is full");
    tear_down(&f);
}

static void test_no_names(void)
{
    const struct desk_client callbacks = {.event = on_event, .done = on_done};
    struct intake_request request = {0};
    struct intake_ticket *ticket;
    struct fixture f;
    struct err err = {0};

    set_up(&f);
    request.csr_pem = f.pem;
    request.csr_len = strlen(f.pem);
    CU_ASSERT_EQUAL(intake_take(f.intake, &request, &callbacks, &ticket, &err), ERR_POLICY);
    tear_down(&f);
}

/* What sends a job to the next CA (the first of two) and what does not. */
static void test_fallback(void)
{
    static const struct {
        struct desk_result result;
        bool next;
    } cases[] = {
        {{.failure = ORDER_UNAVAILABLE_CA, .text = "x"}, true},
        {{.failure = ORDER_REFUSED_CA, .problem = "rateLimited", .text = "x"}, true},
        {{.failure = ORDER_REFUSED_CA,
          .problem = "urn:ietf:params:acme:error:rateLimited",
          .text = "x"},
         true},
        {{.failure = ORDER_REFUSED_CA, .problem = "userActionRequired", .text = "x"}, true},
        {{.failure = ORDER_REFUSED_CA, .problem = "caa", .text = "x"}, false},
        {{.failure = ORDER_REFUSED_CA, .problem = "rejectedIdentifier", .text = "x"}, false},
        {{.failure = ORDER_REFUSED_CA, .text = "x"}, false},
        {{.failure = ORDER_INTERRUPTED, .text = "x"}, false},
        {{.failure = ORDER_BROKEN, .text = "x"}, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f;
        struct client client;

        set_up(&f);
        ask(&f, &client);
        finish(&f, 0, cases[i].result);
        CU_ASSERT_EQUAL(f.desk.count, cases[i].next ? 2 : 1);
        CU_ASSERT_EQUAL(client.dones, !cases[i].next);
        if (cases[i].next) {
            CU_ASSERT_STRING_EQUAL(client.said,
                                   "first does not issue: x; the order goes to second");
            CU_ASSERT_STRING_EQUAL(f.desk.taken[1].directory, SECOND);
            finish(&f, 1, (struct desk_result){.chain = "chain"});
            CU_ASSERT_STRING_EQUAL(client.chain, "chain");
        }
        tear_down(&f);
    }
}

/* Twice at the one, twice at the other. */
static void test_own_failures(void)
{
    const struct desk_result own = {
        .failure = ORDER_REFUSED_CA, .problem = "serverInternal", .text = "no disk"};
    struct fixture f;
    struct client client;

    set_up(&f);
    ask(&f, &client);
    finish(&f, 0, own);
    CU_ASSERT_STRING_EQUAL(client.said, "first does not issue: no disk; once more at first");
    finish(&f, 1, own);
    CU_ASSERT_STRING_EQUAL(f.desk.taken[1].directory, FIRST);
    CU_ASSERT_STRING_EQUAL_FATAL(f.desk.taken[2].directory, SECOND);
    finish(&f, 2, own);
    finish(&f, 3, own);
    CU_ASSERT_STRING_EQUAL(f.desk.taken[3].directory, SECOND);
    CU_ASSERT_EQUAL(f.desk.count, 4);
    CU_ASSERT_EQUAL(client.dones, 1);
    CU_ASSERT_STRING_EQUAL(client.text, "no disk");
    tear_down(&f);
}

/* Where all CAs are limited, time and sentence are of the one that will do again first. */
static void test_earliest_time(void)
{
    static const int64_t times[][2] = {{900, 1000}, {1000, 900}, {900, 900}};

    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        struct desk_result limited = {.failure = ORDER_REFUSED_CA,
                                      .problem = "rateLimited",
                                      .text = "many at first",
                                      .retry_at = times[i][0]};
        struct fixture f;
        struct client client;

        set_up(&f);
        ask(&f, &client);
        finish(&f, 0, limited);
        limited.text = "many at second";
        limited.retry_at = times[i][1];
        finish(&f, 1, limited);
        CU_ASSERT_EQUAL(client.dones, 1);
        CU_ASSERT_EQUAL(client.result.retry_at, 900);
        CU_ASSERT_EQUAL(client.result.failure, ORDER_REFUSED_CA);
        CU_ASSERT_STRING_EQUAL(client.text, i == 1 ? "many at second" : "many at first");
        tear_down(&f);
    }
}

/* What the last CA says is told as what it is, though another one named a time. */
static void test_not_later(void)
{
    static const struct desk_result limited = {.failure = ORDER_REFUSED_CA,
                                               .problem = "rateLimited",
                                               .text = "many orders",
                                               .retry_at = 900},
                                    ends[] = {
                                        {.failure = ORDER_REFUSED_CA,
                                         .problem = "rejectedIdentifier",
                                         .text = "not this name"},
                                        {.failure = ORDER_UNAVAILABLE_CA, .text = "not there"},
                                        {.failure = ORDER_BROKEN, .code = ERR_POLICY, .text = "x"},
                                    };

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char expected[128];
        struct fixture f;
        struct client client;

        set_up(&f);
        ask(&f, &client);
        finish(&f, 0, limited);
        finish(&f, 1, ends[i]);
        CU_ASSERT_EQUAL(client.dones, 1);
        CU_ASSERT_EQUAL(client.result.retry_at, 0);
        CU_ASSERT_EQUAL(client.result.failure, ends[i].failure);
        CU_ASSERT_EQUAL(client.result.code, ends[i].code);
        (void)snprintf(expected, sizeof expected, "second: %s (first is limited: many orders)",
                       ends[i].text);
        CU_ASSERT_STRING_EQUAL(client.text, expected);
        tear_down(&f);
    }
}

static void test_joined(void)
{
    struct client clients[4], forced, other;
    struct fixture f;
    struct err err;

    set_up(&f);
    for (int i = 0; i < 3; i++)
        ask(&f, &clients[i]);
    CU_ASSERT_EQUAL(f.desk.count, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(clients[0].said, "joined"));
    CU_ASSERT_EQUAL(take(&f, &clients[3], (struct intake_request){.client = "one"}, &err), 0);
    CU_ASSERT_EQUAL(f.desk.count, 1);
    CU_ASSERT_EQUAL(take(&f, &forced, (struct intake_request){.force = true}, &err), 0);
    CU_ASSERT_EQUAL(f.desk.count, 2);
    CU_ASSERT_EQUAL(take(&f, &other, (struct intake_request){.preferred_chain = "X"}, &err), 0);
    CU_ASSERT_EQUAL(f.desk.count, 3);
    CU_ASSERT_STRING_EQUAL(f.desk.taken[2].chain, "X");
    intake_leave(clients[1].ticket);
    finish(&f, 0, (struct desk_result){.chain = "chain"});
    CU_ASSERT_EQUAL(clients[0].dones + clients[2].dones + clients[3].dones, 3);
    CU_ASSERT_EQUAL(clients[1].dones + forced.dones + other.dones, 0);
    /* nobody waits: it goes on */
    intake_leave(forced.ticket);
    CU_ASSERT_FALSE(f.desk.taken[1].left);
    finish(&f, 1, (struct desk_result){.failure = ORDER_UNAVAILABLE_CA, .text = "x"});
    CU_ASSERT_EQUAL(f.desk.count, 4);
    tear_down(&f);
    CU_ASSERT_EQUAL(other.dones, 1);
    CU_ASSERT_EQUAL(other.result.failure, ORDER_INTERRUPTED);
    CU_ASSERT_TRUE(f.desk.taken[3].left);
}

static void test_stopped(void)
{
    struct fixture f;
    struct client client;

    set_up(&f);
    ask(&f, &client);
    intake_configure(f.intake, &f.conf);
    tear_down(&f);
    CU_ASSERT_EQUAL(client.dones, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(client.text, "stopped"));
}

/* -- profiles -- */

static void know(struct fixture *f, int error)
{
    f->desk.fn(f->desk.arg, &(struct acme_response){.error = error, .text = "not there"});
    turn(f);
}

static void test_profiles(void)
{
    struct intake_request request = {.profile = "classic"};
    struct fixture f;
    struct client client;
    struct err err;

    set_up(&f);
    CU_ASSERT_EQUAL(take(&f, &client, request, &err), 0);
    CU_ASSERT_EQUAL(f.desk.count, 0);
    CU_ASSERT_EQUAL(f.desk.asked, 1);
    know(&f, 0);
    CU_ASSERT_EQUAL_FATAL(f.desk.count, 1);
    CU_ASSERT_STRING_EQUAL(f.desk.taken[0].profile, "classic");
    /* a client's own */
    CU_ASSERT_EQUAL(take(&f, &client, (struct intake_request){.client = "two"}, &err), 0);
    know(&f, 0);
    CU_ASSERT_STRING_EQUAL(f.desk.taken[1].profile, "short");
    /* of the CA's row */
    f.authorities[1].profile = (char *)"classic";
    intake_configure(f.intake, &f.conf);
    request = (struct intake_request){.authority = "second"};
    CU_ASSERT_EQUAL(take(&f, &client, request, &err), 0);
    know(&f, 0);
    CU_ASSERT_STRING_EQUAL(f.desk.taken[2].profile, "classic");
    /* none of the CAs has it */
    CU_ASSERT_EQUAL(take(&f, &client, (struct intake_request){.profile = "eternal"}, &err), 0);
    know(&f, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(client.said, "the order goes to second"));
    know(&f, 0);
    CU_ASSERT_EQUAL(client.result.code, ERR_POLICY);
    CU_ASSERT_STRING_EQUAL(client.text, "second has no profile eternal; it offers: classic, short");
    CU_ASSERT_EQUAL(f.desk.count, 3);
    tear_down(&f);
}

static void test_directory_does_not_come(void)
{
    const struct intake_request request = {.profile = "classic", .force = true};
    struct fixture f;
    struct client client;
    struct err err;

    set_up(&f);
    CU_ASSERT_EQUAL(take(&f, &client, request, &err), 0);
    know(&f, ERR_UNAVAILABLE);
    know(&f, ERR_UNAVAILABLE);
    CU_ASSERT_EQUAL(client.result.failure, ORDER_UNAVAILABLE_CA);
    CU_ASSERT_EQUAL(take(&f, &client, request, &err), 0);
    know(&f, ERR_CANCELLED);
    CU_ASSERT_EQUAL(client.result.failure, ORDER_INTERRUPTED);
    f.desk.know = -ENOMEM;
    CU_ASSERT_EQUAL(take(&f, &client, request, &err), 0);
    CU_ASSERT_EQUAL(client.result.code, -ENOMEM);
    f.desk.know = 0;
    CU_ASSERT_EQUAL(take(&f, &client, request, &err), 0);
    tear_down(&f);
    CU_ASSERT_EQUAL(client.dones, 1);
    f.desk.fn(f.desk.arg, &(struct acme_response){.error = ERR_CANCELLED}); /* too late */
}

/* -- preflight -- */

static void found(struct fixture *f, struct preflight_finding finding)
{
    f->preflight.fn(f->preflight.arg, &finding, 1);
    turn(f);
}

static void test_preflight(void)
{
    struct preflight_finding finding = {.text = "publish this"};
    struct fixture f;
    struct client client;

    set_up(&f);
    look_first(&f);
    ask(&f, &client);
    CU_ASSERT_EQUAL(f.desk.count, 0);
    found(&f, finding);
    CU_ASSERT_EQUAL(f.desk.count, 1);
    CU_ASSERT_EQUAL(client.events, 0);
    finish(&f, 0, (struct desk_result){.chain = "chain"});
    /* a warning */
    ask(&f, &client);
    finding.severity = PREFLIGHT_TEMPORARY;
    found(&f, finding);
    CU_ASSERT_STRING_EQUAL(client.said, "publish this");
    CU_ASSERT_EQUAL(f.desk.count, 2);
    finish(&f, 1, (struct desk_result){.chain = "chain"});
    /* what no CA would like */
    ask(&f, &client);
    finding.severity = PREFLIGHT_DEFINITE;
    found(&f, finding);
    CU_ASSERT_EQUAL(client.result.code, ERR_POLICY);
    CU_ASSERT_STRING_EQUAL(client.text, "publish this");
    /* what this CA may not */
    ask(&f, &client);
    finding.authority = "first";
    found(&f, finding);
    CU_ASSERT_PTR_NOT_NULL(strstr(client.said, "the order goes to second"));
    finding.severity = PREFLIGHT_GOOD;
    found(&f, finding);
    CU_ASSERT_STRING_EQUAL(f.desk.taken[2].directory, SECOND);
    tear_down(&f);
}

static void test_preflight_ends(void)
{
    struct fixture f;
    struct client client;

    set_up(&f);
    look_first(&f);
    ask(&f, &client);
    f.preflight.fn(f.preflight.arg, NULL, 0);
    CU_ASSERT_EQUAL(client.result.failure, ORDER_INTERRUPTED);
    f.preflight.refuse = ERR_UNAVAILABLE;
    ask(&f, &client);
    CU_ASSERT_STRING_EQUAL(client.said, "no resolver is known");
    CU_ASSERT_EQUAL(f.desk.count, 1); /* all the same */
    finish(&f, 0, (struct desk_result){.chain = "chain"});
    f.preflight.refuse = 0;
    ask(&f, &client);
    tear_down(&f);
    CU_ASSERT_TRUE(f.preflight.cancelled);
}

/* What cannot be judged without the CA's directory is looked at again. */
static void test_preflight_unjudged(void)
{
    struct preflight_finding finding = {.text = "x", .unjudged = true};
    struct fixture f;
    struct client client;

    set_up(&f);
    look_first(&f);
    ask(&f, &client);
    f.desk.asked = 0;
    found(&f, finding);
    CU_ASSERT_EQUAL(f.desk.asked, 1);
    know(&f, 0);
    CU_ASSERT_EQUAL(f.preflight.looks, 2);
    found(&f, finding);
    CU_ASSERT_EQUAL(f.desk.count, 1);
    tear_down(&f);
}

/* -- what is there -- */

struct stored {
    int64_t age, life; /* seconds */
    const char *names, *chain, *profile, *directory, *client;
    const char *more; /* an extension that its request asked for; "": the request is damaged */
};

static uint64_t store(struct fixture *f, const struct stored *what)
{
    int64_t now = clock_wall_s(&clock_system);
    char *pem = cert_for(f->key, "a.example", NULL);
    struct store_order row = {
        .client = what->client != NULL ? what->client : "192.0.2.1",
        .directory_url = what->directory != NULL ? what->directory : FIRST,
        .names = "a.example",
        .preferred_chain = what->chain,
        .profile = what->profile,
        .challenge = "dns-01",
    };
    struct store_certificate cert = {
        .serial = "01",
        .names = what->names != NULL ? what->names : "a.example",
        .issuer = "x",
        .pem = pem,
        .not_before = now - what->age,
        .not_after = now - what->age + what->life,
        .csr_sha256 = "00",
    };
    const struct csr_name a[] = {{GEN_DNS, "a.example", 0}, {0}};
    const struct csr_spec spec = {
        .key = f->key, .names = a, .more = {what->more, "status_request"}};
    bool damaged = what->more != NULL && *what->more == '\0';
    char *request = damaged ? strdup(f->pem) : csr_make(&spec);
    struct err err = {0};
    struct csr csr;
    uint64_t id = 0;

    CU_ASSERT_EQUAL_FATAL(csr_parse(&csr, request, strlen(request), &err), 0);
    cert.spki_sha256 = csr.spki_sha256;
    row.csr = csr.der;
    row.csr_len = damaged ? 1 : csr.der_len;
    CU_ASSERT_EQUAL_FATAL(store_order_add(f->store, &row, &id, &err), 0);
    cert.order_id = id;
    CU_ASSERT_EQUAL_FATAL(store_order_issue(f->store, id, &cert, &err), 0);
    csr_clear(&csr);
    free(request);
    free(pem);
    return id;
}

static void test_given_again(void)
{
    static const struct {
        struct stored there;
        bool given;
    } cases[] = {
        {{.age = 59 * DAY, .life = 90 * DAY}, true},
        {{.age = 61 * DAY, .life = 90 * DAY}, false},
        {{.age = 91 * DAY, .life = 90 * DAY}, false},
        {{.life = 90 * DAY, .names = "a.example,b.example"}, false},
        {{.life = 90 * DAY, .names = "b.example"}, false},
        {{.life = 90 * DAY, .names = ""}, false},
        {{.life = 90 * DAY, .chain = "X"}, false},
        {{.life = 90 * DAY, .profile = "short"}, false},
        {{.life = 90 * DAY, .more = "tlsfeature"}, false},
        {{.life = 90 * DAY, .more = ""}, false},
        {{.life = 90 * DAY, .directory = SECOND, .client = "another"}, true},
        {{.life = 90 * DAY, .directory = "https://third.example/dir"}, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f;
        struct client client;
        struct err err;

        set_up(&f);
        (void)store(&f, &cases[i].there);
        ask(&f, &client);
        CU_ASSERT_EQUAL(client.dones == 1, cases[i].given);
        CU_ASSERT_EQUAL(f.desk.count, !cases[i].given);
        if (cases[i].given) {
            CU_ASSERT_PTR_NOT_NULL(strstr(client.said, "the certificate of order 1, still good"));
            CU_ASSERT_PTR_NOT_NULL(strstr(client.chain, "BEGIN CERTIFICATE"));
            CU_ASSERT_EQUAL(take(&f, &client, (struct intake_request){.authority = "second"}, &err),
                            0);
            CU_ASSERT_EQUAL(client.dones == 1, cases[i].there.directory != NULL);
            CU_ASSERT_EQUAL(take(&f, &client, (struct intake_request){.force = true}, &err), 0);
            CU_ASSERT_EQUAL(client.dones, 0);
        }
        tear_down(&f);
    }
}

/* RFC 7633: a certificate without must-staple is no answer to a request for it, nor is an order. */
static void test_other_extensions(void)
{
    static const struct csr_name a[] = {{GEN_DNS, "a.example", 0}, {0}};
    struct csr_spec spec = {.names = a, .more = {"tlsfeature", "status_request"}};
    struct intake_request request = {0};
    struct client plain, staple, again;
    struct fixture f;
    struct err err;
    char *pem;

    set_up(&f);
    spec.key = f.key;
    request.csr_pem = pem = csr_make(&spec);
    ask(&f, &plain);
    CU_ASSERT_EQUAL(take(&f, &staple, request, &err), 0);
    CU_ASSERT_EQUAL(f.desk.count, 2);
    CU_ASSERT_EQUAL(take(&f, &again, request, &err), 0);
    CU_ASSERT_EQUAL(f.desk.count, 2);
    finish(&f, 0, (struct desk_result){.chain = "plain"});
    finish(&f, 1, (struct desk_result){.chain = "staple"});
    CU_ASSERT_STRING_EQUAL(plain.chain, "plain");
    CU_ASSERT_STRING_EQUAL(again.chain, "staple");
    (void)store(&f, &(struct stored){.life = 90 * DAY});
    CU_ASSERT_EQUAL(take(&f, &staple, request, &err), 0);
    CU_ASSERT_EQUAL(staple.dones, 0);
    (void)store(&f, &(struct stored){.life = 90 * DAY, .more = "tlsfeature"});
    request.csr_pem = f.pem;
    CU_ASSERT_EQUAL(take(&f, &plain, request, &err), 0);
    CU_ASSERT_EQUAL(plain.dones, 1); /* the newer one is for another request */
    tear_down(&f);
    free(pem);
}

/* The newest that fits decides, though an older one be good. */
static void test_newest_decides(void)
{
    struct fixture f;
    struct client client;

    set_up(&f);
    (void)store(&f, &(struct stored){.life = 90 * DAY});
    (void)store(&f, &(struct stored){.age = 80 * DAY, .life = 90 * DAY});
    ask(&f, &client);
    CU_ASSERT_EQUAL(client.dones, 0);
    tear_down(&f);
}

static void test_renew_within(void)
{
    struct server_conf conf = {.renew_within = 20};
    struct store_certificate cert = {.serial = "01", .not_before = 0, .not_after = 90 * DAY};

    CU_ASSERT_EQUAL(intake_good_until(&conf, &cert), 70 * DAY);
    conf.renew_within = 0;
    CU_ASSERT_EQUAL(intake_good_until(&conf, &cert), 60 * DAY);
    /* RFC 9773 4.2: within the window */
    cert.renew_start = 40 * DAY;
    cert.renew_end = 42 * DAY;
    CU_ASSERT(intake_good_until(&conf, &cert) >= 40 * DAY);
    CU_ASSERT(intake_good_until(&conf, &cert) <= 42 * DAY);
    /* one that begins after the certificate's end says nothing */
    cert.renew_start = 100 * DAY;
    cert.renew_end = 101 * DAY;
    CU_ASSERT_EQUAL(intake_good_until(&conf, &cert), 60 * DAY);
}

/* RFC 9773 5 */
static void test_replaces(void)
{
    const struct stored due = {.age = 80 * DAY, .life = 90 * DAY};
    struct fixture f;
    struct client client;
    struct err err;

    set_up(&f);
    (void)store(&f, &due);
    ask(&f, &client);
    CU_ASSERT_STRING_EQUAL(f.desk.taken[0].replaces, "");
    CU_ASSERT(f.desk.asked <= 1); /* test certificates may have no key identifier of their issuer */
    if (f.desk.asked == 1) {
        f.desk.renewal_info = true;
        know(&f, 0);
        CU_ASSERT_STRING_NOT_EQUAL(f.desk.taken[0].replaces, "");
    }
    /* another client's */
    f.desk.asked = 0;
    CU_ASSERT_EQUAL(
        take(&f, &client, (struct intake_request){.client = "one", .force = true}, &err), 0);
    CU_ASSERT_EQUAL(f.desk.asked, 0);
    tear_down(&f);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"one request", test_one},
        {"refused", test_refused},
        {"no names at all", test_no_names},
        {"the next CA", test_fallback},
        {"a CA's own failures", test_own_failures},
        {"the earliest time", test_earliest_time},
        {"not later, where it is something else", test_not_later},
        {"joined", test_joined},
        {"stopped", test_stopped},
        {"profiles", test_profiles},
        {"a directory that does not come", test_directory_does_not_come},
        {"preflight", test_preflight},
        {"a preflight that does not come to its end", test_preflight_ends},
        {"preflight needs the directory", test_preflight_unjudged},
        {"given again", test_given_again},
        {"other extensions", test_other_extensions},
        {"the newest decides", test_newest_decides},
        {"until when", test_renew_within},
        {"replaces", test_replaces},
    };
    return RUN("intake", tests);
}
