#include "issuer/desk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/evp.h>

#include "issuer/desk_priv.h"

#define ROUNDS  8    /* a turn; then the loop's others are served */
#define TICK_MS 1000 /* for deadlines, and for events that no other write took along */
#define RETRY   4    /* ticks until what the store did not take is offered to it again */

static void on_tick(uv_timer_t *timer)
{
    struct desk *desk = timer->data;
    uint64_t now = clock_mono_ms(desk->opt.clock);
    struct err err = {0};

    if (store_flush(desk->opt.store, &err) < 0) {
        log_error(desk->opt.log, NULL, "%s", err.text);
    }
    bool retry = ++desk->ticks % RETRY == 0;
    for (struct desk_run *run = desk->runs; run != NULL; run = run->next) {
        if (run->stalled) {
            if (retry) {
                desk_event_ready(run);
            }
        } else if (now >= run->deadline && run->reason == NULL) {
            desk_run_abort(run, ORDER_UNAVAILABLE_CA,
                           "the order was not finished in time: the CA let it wait too long");
        }
    }
    if (desk->run_count == 0) {
        (void)uv_timer_stop(timer);
    }
}

void desk_start_tick(struct desk *desk)
{
    if (!uv_is_active((uv_handle_t *)&desk->tick)) {
        (void)uv_timer_start(&desk->tick, on_tick, TICK_MS, TICK_MS);
    }
}

static void on_turn(void *arg)
{
    struct desk *desk = arg;

    for (int i = 0; i < ROUNDS && desk->ready != NULL; i++) {
        desk_round(desk);
    }
    if (desk->ready != NULL) {
        turn_arm(&desk->turn);
    }
}

int desk_new(struct desk **out, const struct desk_options *options)
{
    struct desk *desk = calloc(1, sizeof *desk);

    if (desk == NULL) {
        return -ENOMEM;
    }
    if (getrandom(desk->hash_key, sizeof desk->hash_key, 0) != sizeof desk->hash_key) {
        free(desk);
        return -EIO;
    }
    desk->opt = *options;
    authorities_read(&desk->authorities, desk->opt.conf);
    desk->last_ready = &desk->ready;
    turn_init(&desk->turn, options->loop, on_turn, desk);
    (void)uv_timer_init(options->loop, &desk->tick);
    desk->tick.data = desk;
    desk->open_handles = 2;
    *out = desk;
    return 0;
}

static void closed_one(void *arg)
{
    struct desk *desk = arg;

    if (--desk->open_handles == 0) {
        free(desk);
    }
}

static void on_tick_closed(uv_handle_t *handle)
{
    closed_one(handle->data);
}

void desk_free(struct desk *desk)
{
    if (desk == NULL) {
        return;
    }
    desk->stopping = true;
    while (desk->runs != NULL) {
        desk_run_free(desk->runs);
    }
    desk_ca_free_all(desk);
    turn_close(&desk->turn, closed_one);
    uv_close((uv_handle_t *)&desk->tick, on_tick_closed);
}

void desk_configure(struct desk *desk, const struct server_conf *conf)
{
    desk->opt.conf = conf;
    desk_ca_configure(desk);
}

/* -- new orders -- */

int desk_digest(uint8_t dst[static 32], const uint8_t *data, size_t len)
{
    return EVP_Digest(data, len, dst, NULL, EVP_sha256(), NULL) == 1 ? 0 : ERR_CRYPTO;
}

static char *join(char *const *names, size_t count)
{
    size_t len = 0, at = 0;
    char *text;

    for (size_t i = 0; i < count; i++) {
        len += strlen(names[i]) + 1;
    }
    if ((text = malloc(len + 1)) == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(names[i]);

        memcpy(text + at, names[i], n);
        at += n;
        text[at++] = i + 1 < count ? ',' : '\0';
    }
    text[at] = '\0';
    return text;
}

char **desk_split(const char *names, size_t *count)
{
    size_t max = 1;
    char **list;

    for (const char *p = names; *p != '\0'; p++) {
        max += *p == ',';
    }
    *count = 0;
    if ((list = calloc(max, sizeof *list)) == NULL) {
        return NULL;
    }
    while (*names != '\0') {
        size_t len = strcspn(names, ",");

        if ((list[*count] = strndup(names, len)) == NULL) {
            while (*count > 0) {
                free(list[--*count]);
            }
            free(list);
            return NULL;
        }
        ++*count;
        names += len + (names[len] == ',');
    }
    return list;
}

static bool copy_optional(char **copy, const char *text)
{
    *copy = text != NULL ? strdup(text) : NULL;
    return text == NULL || *copy != NULL;
}

static const char *chain_of(const struct desk *desk, const struct desk_request *request)
{
    return request->preferred_chain != NULL ? request->preferred_chain
                                            : desk->opt.conf->preferred_chain;
}

static struct desk_fresh *fresh_new(const struct desk *desk, const struct desk_request *request)
{
    struct desk_fresh *fresh = calloc(1, sizeof *fresh);
    bool copied;

    if (fresh == NULL) {
        return NULL;
    }
    fresh->peer_uid = request->peer_uid;
    fresh->csr_len = request->csr->der_len;
    fresh->names = join(request->csr->names, request->csr->count);
    fresh->list = fresh->names != NULL ? desk_split(fresh->names, &fresh->count) : NULL;
    fresh->client = strdup(request->client);
    fresh->challenge = request->challenge;
    copied = copy_optional(&fresh->preferred_chain, chain_of(desk, request)) &&
             copy_optional(&fresh->address, request->address) &&
             copy_optional(&fresh->profile, request->profile) &&
             copy_optional(&fresh->replaces, request->replaces);
    fresh->csr = malloc(fresh->csr_len);
    if (fresh->list == NULL || fresh->client == NULL || fresh->csr == NULL || !copied) {
        desk_fresh_free(fresh);
        return NULL;
    }
    memcpy(fresh->csr, request->csr->der, fresh->csr_len);
    return fresh;
}

int desk_wish_digest(uint8_t dst[static 32], const struct desk_wish *wish)
{
    const char *const texts[] = {wish->spki, wish->extensions, wish->names, wish->preferred_chain,
                                 wish->profile};
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool ok = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1;

    for (size_t i = 0; ok && i < sizeof texts / sizeof *texts; i++) {
        ok = texts[i] != NULL ? EVP_DigestUpdate(md, texts[i], strlen(texts[i]) + 1) == 1
                              : EVP_DigestUpdate(md, "\1", 1) == 1;
    }
    ok = ok && EVP_DigestFinal_ex(md, dst, NULL) == 1;
    EVP_MD_CTX_free(md);
    return ok ? 0 : ERR_CRYPTO;
}

static int digest_request(const struct desk *desk, const struct desk_request *request,
                          uint8_t wish[static 32])
{
    char *names = join(request->csr->names, request->csr->count);
    const struct desk_wish what = {.spki = request->csr->spki_sha256,
                                   .extensions = request->csr->extensions_sha256,
                                   .names = names,
                                   .preferred_chain = chain_of(desk, request),
                                   .profile = request->profile};
    int ret = names != NULL ? desk_wish_digest(wish, &what) : -ENOMEM;

    free(names);
    return ret;
}

/* An order for the same at the same CA that nobody waits for. */
static struct desk_run *find_orphan(struct desk *desk, const uint8_t wish[static 32],
                                    const char *directory_url)
{
    for (struct desk_run *run = desk->runs; run != NULL; run = run->next) {
        if (run->tickets == NULL && !run->finished && !run->stalled && run->reason == NULL &&
            run->id != 0 && memcmp(run->wish, wish, 32) == 0 &&
            strcmp(run->ca->url, directory_url) == 0) {
            return run;
        }
    }
    return NULL;
}

static void add_ticket(struct desk_run *run, struct desk_ticket *ticket)
{
    ticket->at = &run->tickets;
    if ((ticket->next = run->tickets) != NULL) {
        ticket->next->at = &ticket->next;
    }
    run->tickets = ticket;
}

/* A new order; NULL: err is filled. */
static struct desk_run *begin(struct desk *desk, const struct desk_request *request,
                              const uint8_t wish[static 32], struct err *err)
{
    struct desk_run *run;

    if (desk->run_count >= LIMIT_ORDERS) {
        (void)err_set(err, ERR_BUSY, "busy: %d orders are under way; try again in a while",
                      LIMIT_ORDERS);
        return NULL;
    }
    if ((run = desk_run_new(desk, request->directory_url, err)) == NULL) {
        return NULL;
    }
    memcpy(run->wish, wish, 32);
    if (desk_digest(run->csr_digest, request->csr->der, request->csr->der_len) < 0 ||
        (run->fresh = fresh_new(desk, request)) == NULL ||
        (run->csr_spki = strdup(request->csr->spki_sha256)) == NULL) {
        desk_run_free(run);
        (void)err_set(err, -ENOMEM, "out of memory while taking an order");
        return NULL;
    }
    desk_start_tick(desk);
    desk_event_push(run, &(struct order_event){.kind = ORDER_EV_START});
    return run;
}

int desk_order(struct desk *desk, const struct desk_request *request,
               const struct desk_client *client, struct desk_ticket **ticket, struct err *err)
{
    struct desk_run *run;
    uint8_t wish[32];

    if (desk->stopping) {
        return err_set(err, ERR_CANCELLED, "the server is being stopped; ask again");
    }
    if (digest_request(desk, request, wish) < 0 || (*ticket = calloc(1, sizeof **ticket)) == NULL) {
        return err_set(err, -ENOMEM, "out of memory while taking an order");
    }
    (*ticket)->client = *client;
    if ((run = find_orphan(desk, wish, request->directory_url)) == NULL &&
        (run = begin(desk, request, wish, err)) == NULL) {
        free(*ticket);
        *ticket = NULL;
        return err->code;
    }
    add_ticket(run, *ticket);
    if (run->id != 0) {
        desk_run_say(run, LOG_LEVEL_INFO, "the same request again: joined to the running order");
    }
    return 0;
}

void desk_leave(struct desk_ticket *ticket)
{
    if (ticket->at != NULL && (*ticket->at = ticket->next) != NULL) {
        ticket->next->at = ticket->at;
    }
    free(ticket);
}

/* -- the end -- */

static void stop_fresh(struct desk_run *run)
{
    desk_run_answer(run, &(struct desk_result){.failure = ORDER_INTERRUPTED,
                                               .text = "the server is being stopped; ask again"});
    desk_run_free(run);
}

static void cancel(struct desk_run *run)
{
    desk_event_free_all(run);
    desk_event_push(run, &(struct order_event){.kind = ORDER_EV_CANCEL});
}

void desk_stop(struct desk *desk)
{
    struct err err = {0};

    desk->stopping = true;
    for (struct desk_run *run = desk->runs, *next; run != NULL; run = next) {
        next = run->next;
        if (run->fresh != NULL) {
            stop_fresh(run);
        } else if (run->stalled) {
            desk_event_ready(run); /* a last chance for the store */
        } else if (run->reason == NULL) {
            cancel(run);
        }
    }
    while (desk->ready != NULL) {
        desk_round(desk);
    }
    if (store_flush(desk->opt.store, &err) < 0) {
        log_error(desk->opt.log, NULL, "%s", err.text);
    }
}
