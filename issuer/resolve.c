/*
 * A question waits until it is one of LIMIT_RESOLVE_FLIGHT, then is tried up to
 * LIMIT_RESOLVE_TRIES times, each at the next server. What fails at once goes on from a timer of
 * 0 ms, never from within the call, so that no callback comes before resolve_ask has returned and
 * nothing recurses.
 */
#include "issuer/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/file.h"
#include "issuer/resolve_priv.h"
#include "zones/name.h"

#define RESOLV_CONF "/etc/resolv.conf"

struct resolve {
    uv_loop_t *loop;
    union dnsaddr servers[LIMIT_RESOLVE_SERVERS];
    size_t server_count;
    struct resolve_query *flying, *waiting, **last_waiting;
    size_t flying_count, waiting_count;
};

static void fly(struct resolve *resolve);

/* -- lists -- */

static void enqueue(struct resolve *resolve, struct resolve_query *query)
{
    query->at = resolve->last_waiting;
    *query->at = query;
    resolve->last_waiting = &query->next;
    resolve->waiting_count++;
}

static void unlink_query(struct resolve_query *query)
{
    struct resolve *resolve = query->resolve;

    if ((*query->at = query->next) != NULL) {
        query->next->at = query->at;
    } else if (!query->in_flight) {
        resolve->last_waiting = query->at;
    }
    if (query->in_flight) {
        resolve->flying_count--;
    } else {
        resolve->waiting_count--;
    }
    query->next = NULL;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* Takes the query out of everything; it lives until its timer has closed. */
static void retire(struct resolve_query *query)
{
    unlink_query(query);
    resolve_try_stop(query);
    query->resolve = NULL;
    uv_close((uv_handle_t *)&query->timer, on_timer_closed);
}

/* -- tries -- */

static void finish(struct resolve_query *query, ldns_pkt *pkt)
{
    struct resolve *resolve = query->resolve;
    char server[DNSADDR_TEXT] = "";
    struct resolve_answer answer = {
        .error = pkt == NULL ? query->error : 0, .server = server, .pkt = pkt};

    if (query->tries > 0) {
        dnsaddr_text(server, &query->server);
    }
    retire(query);
    fly(resolve);
    query->fn(query->arg, &answer);
}

static size_t servers_of(const struct resolve_query *query)
{
    return query->question.server != NULL ? 1 : query->resolve->server_count;
}

static void on_timer(uv_timer_t *timer);

static void try_once(struct resolve_query *query)
{
    struct resolve *resolve = query->resolve;
    uint64_t ms = LIMIT_RESOLVE_TRY_MS;
    int ret = 0;

    if (query->question.server == NULL) {
        query->server = resolve->servers[query->tries % resolve->server_count];
    }
    for (unsigned i = 0; i < query->tries; i++) {
        ms += ms / 2;
    }
    query->tries++;
    query->error = ERR_TIMEOUT;
    if (getrandom(&query->id, sizeof query->id, 0) != sizeof query->id) {
        ret = -EIO;
    }
    if (ret == 0) {
        ret = resolve_try_start(query, resolve->loop);
    }
    if (ret < 0) {
        query->error = ret;
        ms = 0;
    }
    (void)uv_timer_start(&query->timer, on_timer, ms, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct resolve_query *query = timer->data;

    resolve_try_stop(query);
    if (servers_of(query) == 0) {
        query->error = ERR_UNAVAILABLE;
        finish(query, NULL);
    } else if (query->tries >= LIMIT_RESOLVE_TRIES) {
        finish(query, NULL);
    } else {
        try_once(query);
    }
}

void resolve_query_failed(struct resolve_query *query, int error)
{
    query->error = error;
    (void)uv_timer_start(&query->timer, on_timer, 0, 0);
}

/* What another resolver may know better. */
static bool may_be_better(const struct resolve_query *query, const ldns_pkt *pkt)
{
    switch (ldns_pkt_get_rcode(pkt)) {
    case LDNS_RCODE_SERVFAIL:
    case LDNS_RCODE_REFUSED:
    case LDNS_RCODE_FORMERR:
    case LDNS_RCODE_NOTIMPL:
        return query->tries < servers_of(query) && query->tries < LIMIT_RESOLVE_TRIES;
    default:
        return false;
    }
}

void resolve_query_answered(struct resolve_query *query, ldns_pkt *pkt)
{
    if (ldns_pkt_tc(pkt) && !query->tcp) {
        ldns_pkt_free(pkt);
        query->tcp = true;
        query->tries--; /* the same server again */
        (void)uv_timer_start(&query->timer, on_timer, 0, 0);
    } else if (may_be_better(query, pkt)) {
        ldns_pkt_free(pkt);
        (void)uv_timer_start(&query->timer, on_timer, 0, 0);
    } else {
        finish(query, pkt);
    }
}

/* As many of those that wait as there is room for. */
static void fly(struct resolve *resolve)
{
    while (resolve->flying_count < LIMIT_RESOLVE_FLIGHT && resolve->waiting != NULL) {
        struct resolve_query *query = resolve->waiting;

        unlink_query(query);
        query->in_flight = true;
        query->at = &resolve->flying;
        if ((query->next = resolve->flying) != NULL) {
            query->next->at = &query->next;
        }
        resolve->flying = query;
        resolve->flying_count++;
        if (servers_of(query) > 0) {
            try_once(query);
        } else {
            (void)uv_timer_start(&query->timer, on_timer, 0, 0);
        }
    }
}

/* -- questions -- */

int resolve_ask(struct resolve *resolve, const struct resolve_question *question, resolve_fn *fn,
                void *arg, struct resolve_query **out)
{
    struct resolve_query *query;

    if (resolve->waiting_count >= LIMIT_RESOLVE_WAITING) {
        return ERR_BUSY;
    }
    if ((query = calloc(1, sizeof *query)) == NULL) {
        return -ENOMEM;
    }
    query->resolve = resolve;
    query->question = *question;
    query->question.name = query->name;
    (void)memcpy(query->name, question->name, name_len(question->name));
    if (question->server != NULL) {
        query->server = *question->server;
        query->question.server = &query->server;
    }
    query->fn = fn;
    query->arg = arg;
    (void)uv_timer_init(resolve->loop, &query->timer);
    query->timer.data = query;
    enqueue(resolve, query);
    fly(resolve);
    if (out != NULL) {
        *out = query;
    }
    return 0;
}

void resolve_cancel(struct resolve_query *query)
{
    struct resolve *resolve = query->resolve;

    retire(query);
    fly(resolve);
}

/* -- life -- */

static size_t read_system(union dnsaddr *servers)
{
    struct err err = {0};
    char *text;
    size_t len, count = 0;

    if (file_read(AT_FDCWD, RESOLV_CONF, LIMIT_RESOLV_CONF, &text, &len, &err) == 0) {
        count = dnsaddr_resolv_conf(servers, NULL, text);
        free(text);
    }
    if (count == 0) { /* resolv.conf(5): the local host's */
        count = dnsaddr_parse(servers, "127.0.0.1", 53) == 0;
    }
    return count;
}

void resolve_configure(struct resolve *resolve, const struct conf_strings *servers)
{
    resolve->server_count = 0;
    if (servers->count == 0) {
        resolve->server_count = read_system(resolve->servers);
    }
    for (size_t i = 0; i < servers->count && resolve->server_count < LIMIT_RESOLVE_SERVERS; i++) {
        if (dnsaddr_parse(&resolve->servers[resolve->server_count], servers->items[i], 53) == 0) {
            resolve->server_count++;
        }
    }
}

int resolve_new(struct resolve **out, uv_loop_t *loop, const struct conf_strings *servers)
{
    struct resolve *resolve = calloc(1, sizeof *resolve);

    if (resolve == NULL) {
        return -ENOMEM;
    }
    resolve->loop = loop;
    resolve->last_waiting = &resolve->waiting;
    resolve_configure(resolve, servers);
    *out = resolve;
    return 0;
}

void resolve_free(struct resolve *resolve)
{
    if (resolve == NULL) {
        return;
    }
    while (resolve->flying != NULL) {
        retire(resolve->flying);
    }
    while (resolve->waiting != NULL) {
        retire(resolve->waiting);
    }
    free(resolve);
}
