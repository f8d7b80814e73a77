/*
 * A CA's account with HTTP and the signer played by the test: these functions stand in for those of
 * issuer/http.c and issuer/signclient.c, which are then not linked.
 */
#ifndef CERTMILL_TESTS_ACME_FIXTURE_H
#define CERTMILL_TESTS_ACME_FIXTURE_H

#include "issuer/acme.h"

#include <CUnit/Basic.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "issuer/http.h"
#include "issuer/signclient.h"

#define DIRECTORY "https://ca/dir"

/* -- HTTP -- */

struct http_exchange {
    bool open;
    enum http_method method;
    char url[128], body[1024];
    http_answer_fn *fn;
    void *arg;
};

struct http {
    uv_loop_t *loop;
    struct http_exchange exchanges[512];
    size_t count;
};

uv_loop_t *http_loop(const struct http *http)
{
    return http->loop;
}

int http_send(struct http *http, const struct http_request *request, http_answer_fn *fn, void *arg,
              struct http_exchange **exchange)
{
    struct http_exchange *x = &http->exchanges[http->count];

    if (!http_url_good(request->url, strlen(request->url)))
        return ERR_MALFORMED;
    CU_ASSERT_FATAL(http->count++ < 512);
    *x = (struct http_exchange){.open = true, .method = request->method, .fn = fn, .arg = arg};
    snprintf(x->url, sizeof(x->url), "%s", request->url);
    snprintf(x->body, sizeof(x->body), "%.*s", (int)request->body_len,
             request->body != NULL ? request->body : "");
    if (exchange != NULL)
        *exchange = x;
    return 0;
}

void http_cancel(struct http_exchange *exchange)
{
    if (exchange != NULL)
        exchange->open = false;
}

/* -- the signer: a signature says what it was asked to sign -- */

struct signer_request {
    uint64_t id;
    char key[64];
    signclient_key_fn *key_fn;
    signclient_jws_fn *jws_fn;
    signclient_list_fn *list_fn;
    void *arg;
    char jws[1024];
};

struct signclient {
    bool refuse;
    const char *keys[LIMIT_KEY_LIST]; /* that it has, the highest number first */
    size_t key_count;
    char asked[128]; /* the last key that was asked for, and its type */
    uint64_t last;
    struct signer_request open[512];
    size_t count;
};

static inline struct signer_request *signer_open(struct signclient *client, const char *key,
                                                 void *arg)
{
    struct signer_request *r = &client->open[client->count++];

    *r = (struct signer_request){.id = ++client->last, .arg = arg};
    snprintf(r->key, sizeof(r->key), "%s", key);
    return r;
}

uint64_t signclient_key(struct signclient *client, const char *key, const char *type,
                        signclient_key_fn *fn, void *arg)
{
    snprintf(client->asked, sizeof(client->asked), "%s %s", key, type);
    signer_open(client, key, arg)->key_fn = fn;
    return client->last;
}

uint64_t signclient_list(struct signclient *client, const char *name, signclient_list_fn *fn,
                         void *arg)
{
    CU_ASSERT_STRING_EQUAL(name, "acct");
    signer_open(client, name, arg)->list_fn = fn;
    return client->last;
}

uint64_t signclient_bind(struct signclient *client, const char *key, const char *authority,
                         const char *url, signclient_jws_fn *fn, void *arg)
{
    struct signer_request *r = signer_open(client, key, arg);

    r->jws_fn = fn;
    snprintf(r->jws, sizeof(r->jws), "{\"binds\":\"%s %s %s\"}", key, authority, url);
    return client->last;
}

uint64_t signclient_sign(struct signclient *client, const struct signclient_jws *jws,
                         signclient_jws_fn *fn, void *arg)
{
    bool first = strcmp(jws->key, "acct") == 0;
    struct signer_request *r = signer_open(client, jws->key, arg);

    r->jws_fn = fn;
    snprintf(r->jws, sizeof(r->jws), "url=%s nonce=%s kid=%s payload=%s%s%s", jws->url,
             jws->nonce != NULL ? jws->nonce : "-", jws->kid != NULL ? jws->kid : "-",
             jws->payload != NULL ? jws->payload : "-",
             first ? "" : " key=", first ? "" : jws->key);
    return client->last;
}

void signclient_cancel(struct signclient *client, uint64_t request)
{
    for (size_t i = 0; i < client->count; i++) {
        if (client->open[i].id == request)
            client->open[i].id = 0;
    }
}

static inline void sign_one(struct signclient *client, struct signer_request *r)
{
    int error = client->refuse ? ERR_CRYPTO : 0;
    const char *text = client->refuse ? "signer: no" : NULL;
    char jwk[128], thumbprint[80];

    if (r->list_fn != NULL) {
        r->list_fn(r->arg, error, text, client->keys, error == 0 ? client->key_count : 0);
    } else if (r->key_fn != NULL) {
        snprintf(jwk, sizeof(jwk), "{\"crv\":\"P-256\",\"x\":\"%s\"}", r->key);
        snprintf(thumbprint, sizeof(thumbprint), "%s%s", "thumb",
                 strcmp(r->key, "acct") == 0 ? "" : r->key + strlen("acct"));
        r->key_fn(r->arg, error, text, error == 0 ? jwk : NULL, error == 0 ? thumbprint : NULL);
    } else {
        r->jws_fn(r->arg, error, text, error == 0 ? r->jws : NULL, error == 0 ? strlen(r->jws) : 0);
    }
}

/* Requests that come of the answers are answered, too. */
static inline void sign_all(struct signclient *client)
{
    for (size_t i = 0; i < client->count; i++) {
        struct signer_request r = client->open[i];

        client->open[i].id = 0;
        if (r.id != 0)
            sign_one(client, &r);
    }
    client->count = 0;
}

/* -- one CA and its account -- */

struct fixture {
    uv_loop_t loop;
    struct http http;
    struct signclient signer;
    struct acme *acme;
    char account[128];
    char record[512]; /* url|key|pending|contact|terms|status|eab_kid, as last stored */
    int saved;
    bool full; /* the disk */
    int limited;
    int64_t limited_ms;
    char limited_text[256];
};

static inline void on_limited(void *arg, int64_t retry_after_ms, const char *text)
{
    struct fixture *f = arg;

    f->limited++;
    f->limited_ms = retry_after_ms;
    snprintf(f->limited_text, sizeof f->limited_text, "%s", text);
}

static inline int on_account(void *arg, const struct acme_account *account)
{
    struct fixture *f = arg;

    f->saved++;
    snprintf(f->account, sizeof(f->account), "%s", account->url != NULL ? account->url : "");
    snprintf(f->record, sizeof(f->record), "%s|%s|%s|%s|%s|%s|%s",
             account->url != NULL ? account->url : "-", account->key != NULL ? account->key : "-",
             account->pending != NULL ? account->pending : "-",
             account->contact != NULL ? account->contact : "-",
             account->terms != NULL ? account->terms : "-",
             account->status != NULL ? account->status : "-",
             account->eab_kid != NULL ? account->eab_kid : "-");
    return f->full ? -ENOSPC : 0;
}

struct got {
    int count, error, status;
    char text[512], body[512], location[128];
    int64_t retry_after_ms;
};

static inline void on_response(void *arg, const struct acme_response *response)
{
    struct got *got = arg;

    got->count++;
    got->error = response->error;
    got->status = response->status;
    got->retry_after_ms = response->retry_after_ms;
    snprintf(got->text, sizeof(got->text), "%s", response->text != NULL ? response->text : "");
    snprintf(got->body, sizeof(got->body), "%s", response->body);
    snprintf(got->location, sizeof(got->location), "%s",
             response->location != NULL ? response->location : "");
}

static inline struct fixture *setup_with(const struct acme_account *account,
                                         struct acme_settings settings)
{
    struct fixture *f = calloc(1, sizeof(*f));

    CU_ASSERT_FATAL(uv_loop_init(&f->loop) == 0);
    f->http.loop = &f->loop;
    settings.key_type = "ecdsa-p256";
    settings.authority = "ca";
    struct acme_options options = {.directory_url = DIRECTORY,
                                   .key = "acct",
                                   .settings = settings,
                                   .account = account,
                                   .http = &f->http,
                                   .signclient = &f->signer,
                                   .on_account = on_account,
                                   .on_limited = on_limited,
                                   .arg = f};
    CU_ASSERT_FATAL(acme_new(&f->acme, &options) == 0);
    return f;
}

static inline struct fixture *setup(const char *account_url, const char *account_thumbprint)
{
    const struct acme_account account = {.url = account_url,
                                         .key = "acct",
                                         .thumbprint = account_thumbprint,
                                         .contact = "h@a.example",
                                         .terms = "",
                                         .status = "valid"};

    return setup_with(account_url != NULL ? &account : NULL,
                      (struct acme_settings){.email = "h@a.example"});
}

static inline void teardown(struct fixture *f)
{
    acme_free(f->acme);
    for (size_t i = 0; i < f->http.count; i++)
        CU_ASSERT(!f->http.exchanges[i].open);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    CU_ASSERT(uv_loop_close(&f->loop) == 0);
    free(f);
}

/* The exchange to url that waits for its answer; signatures are made first. */
static inline struct http_exchange *find(struct fixture *f, const char *url)
{
    sign_all(&f->signer);
    for (size_t i = 0; i < f->http.count; i++) {
        if (f->http.exchanges[i].open && strcmp(f->http.exchanges[i].url, url) == 0)
            return &f->http.exchanges[i];
    }
    return NULL;
}

struct answer {
    int error, status;
    const char *body, *nonce, *location;
    int64_t retry_after_ms; /* 0: none */
};

static inline void answer(struct fixture *f, const char *url, struct answer a)
{
    struct http_exchange *x = find(f, url);
    struct http_fields fields;

    if (x == NULL) {
        fprintf(stderr, "nobody asked %s\n", url);
        CU_FAIL_FATAL("no such request");
        return;
    }
    x->open = false;
    http_fields_init(&fields);
    if (a.nonce != NULL)
        snprintf(fields.nonce, sizeof(fields.nonce), "%s", a.nonce);
    if (a.location != NULL)
        fields.location = strdup(a.location);
    if (a.retry_after_ms > 0)
        fields.retry_after_ms = a.retry_after_ms;
    const char *body = a.body != NULL ? a.body : "";
    struct http_answer answer = {.error = a.error,
                                 .text = a.error != 0 ? "the line is dead" : NULL,
                                 .status = a.status,
                                 .body = body,
                                 .body_len = strlen(body),
                                 .fields = &fields};
    x->fn(x->arg, &answer);
    http_fields_clear(&fields);
}

static inline void answer_directory(struct fixture *f)
{
    answer(f, DIRECTORY,
           (struct answer){.status = 200,
                           .body = "{\"newNonce\":\"https://ca/nonce\",\"newAccount\":"
                                   "\"https://ca/acct\",\"newOrder\":\"https://ca/order\"}"});
}

static inline void answer_nonce(struct fixture *f, const char *nonce)
{
    CU_ASSERT(find(f, "https://ca/nonce") != NULL &&
              find(f, "https://ca/nonce")->method == HTTP_HEAD);
    answer(f, "https://ca/nonce", (struct answer){.status = 200, .nonce = nonce});
}

/* Lets time pass until a request to url is there. */
static inline bool wait_for(struct fixture *f, const char *url)
{
    for (int i = 0; i < 50 && find(f, url) == NULL; i++)
        uv_run(&f->loop, UV_RUN_ONCE);
    return find(f, url) != NULL;
}

static inline void turn(struct fixture *f)
{
    uv_run(&f->loop, UV_RUN_NOWAIT);
    uv_run(&f->loop, UV_RUN_NOWAIT);
}

static inline void post(struct fixture *f, const char *url, const char *payload, struct got *got)
{
    *got = (struct got){0};
    CU_ASSERT(acme_post(f->acme, url, payload, on_response, got, NULL) == 0);
    CU_ASSERT(got->count == 0);
}

/* The directory comes, with these members (",..." or "") besides. */
static inline void answer_resources(struct fixture *f, const char *more)
{
    char body[512];

    snprintf(body, sizeof(body),
             "{\"newNonce\":\"https://ca/nonce\",\"newAccount\":\"https://ca/acct\","
             "\"newOrder\":\"https://ca/order\"%s}",
             more);
    answer(f, DIRECTORY, (struct answer){.status = 200, .body = body});
}

#endif
