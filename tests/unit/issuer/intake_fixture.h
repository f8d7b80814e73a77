/*
 * The intake before a desk, CAs and a preflight that do what the test says: these functions stand
 * in for theirs, which are then not linked.
 */
#ifndef CERTMILL_TESTS_UNIT_ISSUER_INTAKE_FIXTURE_H
#define CERTMILL_TESTS_UNIT_ISSUER_INTAKE_FIXTURE_H

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

static inline void keep(char *dst, size_t cap, const char *text)
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

static inline void set_up(struct fixture *f)
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

static inline void turn(struct fixture *f)
{
    for (int i = 0; i < 10; i++)
        (void)uv_run(&f->loop, UV_RUN_NOWAIT);
}

/* Another intake, that looks first. */
static inline void look_first(struct fixture *f)
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

static inline void tear_down(struct fixture *f)
{
    intake_free(f->intake);
    turn(f);
    CU_ASSERT_EQUAL(uv_loop_close(&f->loop), 0);
    store_close(f->store);
    free(f->pem);
    EVP_PKEY_free(f->key);
    folder_remove(&f->folder);
}

static inline void on_event(void *arg, const struct desk_event *event)
{
    struct client *client = arg;

    CU_ASSERT_EQUAL(client->dones, 0);
    client->events++;
    keep(client->said, sizeof client->said, event->text);
}

static inline void on_done(void *arg, const struct desk_result *result)
{
    struct client *client = arg;

    client->dones++;
    client->ticket = NULL;
    client->result = *result;
    keep(client->text, sizeof client->text, result->text);
    keep(client->chain, sizeof client->chain, result->chain);
}

static inline int take(struct fixture *f, struct client *client, struct intake_request request,
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

static inline void ask(struct fixture *f, struct client *client)
{
    struct err err;

    CU_ASSERT_EQUAL_FATAL(take(f, client, (struct intake_request){.address = "192.0.2.1"}, &err),
                          0);
}

/* The desk is done with its order number n. */
static inline void finish(struct fixture *f, unsigned n, struct desk_result result)
{
    struct taken *taken = &f->desk.taken[n];

    CU_ASSERT_FATAL(n < f->desk.count);
    free(taken->ticket);
    result.order = n + 1;
    taken->callbacks.done(taken->callbacks.arg, &result);
    turn(f);
}

static inline void know(struct fixture *f, int error)
{
    f->desk.fn(f->desk.arg, &(struct acme_response){.error = error, .text = "not there"});
    turn(f);
}

static inline void found(struct fixture *f, struct preflight_finding finding)
{
    f->preflight.fn(f->preflight.arg, &finding, 1);
    turn(f);
}

#endif
