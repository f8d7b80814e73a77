/*
 * A desk with everything that it stands on, but no CA: the directory is at a port where nobody
 * listens.
 */
#ifndef CERTMILL_TESTS_UNIT_ISSUER_DESK_FIXTURE_H
#define CERTMILL_TESTS_UNIT_ISSUER_DESK_FIXTURE_H

#include <netinet/in.h>
#include <stdio.h>

#include "common/clock.h"
#include "issuer/desk.h"
#include "issuer/http.h"
#include "issuer/signclient.h"
#include "tests/unit/issuer/csrs.h"
#include "tests/unit/issuer/fake_dnsd.h"
#include "tests/unit/issuer/folder.h"

struct desk_fixture {
    uv_loop_t loop;
    struct folder folder;
    struct store *store;
    struct publisher *publisher;
    struct signclient *signclient;
    struct desk *desk;
    struct fake_dnsd dnsd;
    struct server_conf conf;
    struct server_conf_zone zone;
    char *nameserver;
    char directory[64];
    int port_fd; /* keeps the port ours */
    EVP_PKEY *key;
    char *pem; /* its CSR for a.example */
};

static inline int desk_fixture_reserve(void *arg, uint64_t limit)
{
    struct desk_fixture *f = arg;

    return store_generation_reserve(f->store, limit, NULL);
}

static inline void desk_fixture_seen(void *arg, const struct publisher_seen *seen)
{
    struct desk_fixture *f = arg;

    desk_seen(f->desk, seen);
}

/* A port that is bound but does not listen: connecting to it is refused at once. */
static inline void desk_fixture_nobody(struct desk_fixture *f)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;

    f->port_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL_FATAL(bind(f->port_fd, (const struct sockaddr *)&address, sizeof address), 0);
    CU_ASSERT_EQUAL_FATAL(getsockname(f->port_fd, (struct sockaddr *)&address, &len), 0);
    (void)snprintf(f->directory, sizeof f->directory, "https://127.0.0.1:%u/directory",
                   ntohs(address.sin_port));
}

static inline void desk_fixture_start(struct desk_fixture *f)
{
    struct publisher_options publisher = {.loop = &f->loop,
                                          .clock = &clock_system,
                                          .first_generation = 1,
                                          .reserve = desk_fixture_reserve,
                                          .on_seen = desk_fixture_seen,
                                          .arg = f};
    struct boot boot = fake_boot(&f->zone, 1);
    struct desk_options desk = {.loop = &f->loop, .clock = &clock_system, .conf = &f->conf};
    struct err err = {0};

    CU_ASSERT_EQUAL_FATAL(uv_loop_init(&f->loop), 0);
    CU_ASSERT_EQUAL_FATAL(store_open(&f->store, folder_file(&f->folder, "store.db"), &err), 0);
    CU_ASSERT_EQUAL_FATAL(publisher_new(&f->publisher, &publisher), 0);
    CU_ASSERT_EQUAL_FATAL(publisher_configure(f->publisher, &boot, &err), 0);
    CU_ASSERT_EQUAL_FATAL(publisher_attach(f->publisher, fake_dnsd_open(&f->dnsd)), 0);
    CU_ASSERT_EQUAL_FATAL(signclient_new(&f->signclient, &f->loop, NULL), 0);
    desk.store = f->store;
    desk.publisher = f->publisher;
    desk.signclient = f->signclient;
    CU_ASSERT_EQUAL_FATAL(desk_new(&f->desk, &desk), 0);
}

static inline void desk_fixture_set_up(struct desk_fixture *f)
{
    memset(f, 0, sizeof *f);
    folder_make(&f->folder);
    desk_fixture_nobody(f);
    f->key = key_ec("P-256");
    f->pem = csr_for(f->key, "a.example");
    f->nameserver = (char *)"ns.example.net";
    f->zone = (struct server_conf_zone){.name = (char *)"acme.example.com",
                                        .nameservers = {&f->nameserver, 1}};
    f->conf = (struct server_conf){.acme_server_url = f->directory,
                                   .account_key_type = (char *)"ecdsa-p256",
                                   .zones = {&f->zone, 1}};
    desk_fixture_start(f);
}

static inline void desk_fixture_turn(struct desk_fixture *f)
{
    for (int i = 0; i < 10; i++)
        (void)uv_run(&f->loop, UV_RUN_NOWAIT);
}

/* Everything but the folder, as when the process ends. */
static inline void desk_fixture_end(struct desk_fixture *f)
{
    int ret = -1;

    desk_free(f->desk);
    publisher_free(f->publisher);
    signclient_free(f->signclient);
    fake_dnsd_close(&f->dnsd);
    for (int i = 0; i < 100 && (ret = uv_loop_close(&f->loop)) != 0; i++)
        desk_fixture_turn(f);
    CU_ASSERT_EQUAL(ret, 0);
    store_close(f->store);
}

static inline void desk_fixture_tear_down(struct desk_fixture *f)
{
    desk_fixture_end(f);
    (void)close(f->port_fd);
    free(f->pem);
    EVP_PKEY_free(f->key);
    folder_remove(&f->folder);
}

#endif
