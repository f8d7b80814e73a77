#include "issuer/preflight_lookup.h"

#include <stdlib.h>
#include <string.h>

#include "zones/name.h"

/* Stand-ins where there is no room for one of their own. */
static const struct lookup no_memory = {.state = LOOKUP_FAILED, .error = ERR_LIMIT};
static const struct lookup too_late = {.state = LOOKUP_FAILED, .error = ERR_TIMEOUT};

void lookups_init(struct lookups *all, struct resolve *resolve, lookups_fn *fn, void *arg)
{
    memset(all, 0, sizeof *all);
    all->resolve = resolve;
    all->fn = fn;
    all->arg = arg;
}

static void drop(struct lookup *lookup)
{
    if (lookup->query != NULL) {
        resolve_cancel(lookup->query);
    }
    ldns_pkt_free(lookup->pkt);
    free(lookup);
}

void lookups_clear(struct lookups *all)
{
    for (size_t i = 0; i < LOOKUP_BUCKETS; i++) {
        for (struct lookup *l = all->buckets[i], *next; l != NULL; l = next) {
            next = l->next;
            drop(l);
        }
        all->buckets[i] = NULL;
    }
    all->count = 0;
}

void lookups_expire(struct lookups *all)
{
    all->expired = true;
    for (size_t i = 0; i < LOOKUP_BUCKETS; i++) {
        for (struct lookup *l = all->buckets[i]; l != NULL; l = l->next) {
            if (l->query != NULL) {
                resolve_cancel(l->query);
                l->query = NULL;
            }
            if (l->state == LOOKUP_PENDING) {
                l->state = LOOKUP_FAILED;
                l->error = ERR_TIMEOUT;
            }
        }
    }
}

void lookups_fill(struct lookup *lookup, int error, ldns_pkt *pkt)
{
    lookup->query = NULL;
    lookup->state = pkt != NULL ? LOOKUP_DONE : LOOKUP_FAILED;
    lookup->error = pkt != NULL ? 0 : error;
    lookup->pkt = pkt;
}

static void on_answer(void *arg, const struct resolve_answer *answer)
{
    struct lookup *lookup = arg;

    lookups_fill(lookup, answer->error, answer->pkt);
    lookup->all->fn(lookup->all->arg);
}

/* FNV-1a; the names of one check, at most LIMIT_PREFLIGHT_QUESTIONS, whatever they are. */
static size_t bucket_of(const uint8_t *name, size_t len, uint16_t type)
{
    uint32_t hash = 2166136261u ^ type;

    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ name[i]) * 16777619u;
    }
    return hash % LOOKUP_BUCKETS;
}

static bool is_same_server(const union dnsaddr *a, const union dnsaddr *b)
{
    if (a->any.sa_family != b->any.sa_family) {
        return false;
    }
    if (a->any.sa_family == AF_INET) {
        return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr && a->in.sin_port == b->in.sin_port;
    }
    return memcmp(a->in6.sin6_addr.s6_addr, b->in6.sin6_addr.s6_addr,
                  sizeof a->in6.sin6_addr.s6_addr) == 0 &&
           a->in6.sin6_port == b->in6.sin6_port;
}

static bool is_same(const struct lookup *lookup, const struct resolve_question *question)
{
    return lookup->type == question->type &&
           lookup->checking_disabled == question->checking_disabled &&
           lookup->direct == (question->server != NULL) &&
           name_equal(lookup->name, question->name) &&
           (!lookup->direct || is_same_server(&lookup->server, question->server));
}

static const struct lookup *add(struct lookups *all, struct lookup **bucket,
                                const struct resolve_question *question, size_t len)
{
    struct lookup *lookup;
    int ret;

    if (all->expired) {
        return &too_late;
    }
    if (all->count >= LIMIT_PREFLIGHT_QUESTIONS ||
        (lookup = calloc(1, sizeof *lookup + len)) == NULL) {
        return &no_memory;
    }
    lookup->all = all;
    lookup->type = question->type;
    lookup->checking_disabled = question->checking_disabled;
    if (question->server != NULL) {
        lookup->direct = true;
        lookup->server = *question->server;
    }
    memcpy(lookup->name, question->name, len);
    lookup->next = *bucket;
    *bucket = lookup;
    all->count++;
    if (all->resolve != NULL &&
        (ret = resolve_ask(all->resolve, question, on_answer, lookup, &lookup->query)) < 0) {
        lookups_fill(lookup, ret, NULL);
    }
    return lookup;
}

static const struct lookup *ask(struct lookups *all, const struct resolve_question *question)
{
    uint8_t lower[LIMIT_NAME_WIRE];
    struct resolve_question same = *question;
    size_t len = name_lower(lower, question->name);
    struct lookup **bucket = &all->buckets[bucket_of(lower, len, question->type)];

    same.name = lower;
    for (const struct lookup *l = *bucket; l != NULL; l = l->next) {
        if (is_same(l, &same)) {
            return l;
        }
    }
    return add(all, bucket, &same, len);
}

const struct lookup *lookups_ask(struct lookups *all, const uint8_t *name, uint16_t type)
{
    return ask(all, &(struct resolve_question){.name = name, .type = type});
}

const struct lookup *lookups_ask_unchecked(struct lookups *all, const uint8_t *name, uint16_t type)
{
    return ask(all,
               &(struct resolve_question){.name = name, .type = type, .checking_disabled = true});
}

const struct lookup *lookups_ask_server(struct lookups *all, const uint8_t *name, uint16_t type,
                                        const union dnsaddr *server)
{
    return ask(all, &(struct resolve_question){.name = name, .type = type, .server = server});
}
