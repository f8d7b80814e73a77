/*
 * From a record name that dnsd was asked for to the orders that have a value there.
 */
#include "common/limits.h"
#include "issuer/desk_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define QTYPE_TXT 16

static struct desk_name **bucket(struct desk *desk, const uint8_t *wire, size_t len)
{
    return &desk->buckets[siphash(1, 3, desk->hash_key, wire, len) % DESK_BUCKETS];
}

int desk_name_add(struct desk_run *run, const char *domain)
{
    struct desk_name *name, **head;
    int len;

    if (strncmp(domain, "*.", 2) == 0) {
        domain += 2;
    }
    for (name = run->names; name != NULL; name = name->next_of_run) {
        if (strcmp(name->domain, domain) == 0) {
            return 0;
        }
    }
    if (strlen(domain) > LIMIT_DOMAIN_TEXT) {
        return ERR_LIMIT;
    }
    if ((name = calloc(1, sizeof *name)) == NULL) {
        return -ENOMEM;
    }
    if ((len = publisher_record_wire(run->desk->opt.publisher, domain, name->wire)) < 0) {
        free(name);
        return len;
    }
    memcpy(name->domain, domain, strlen(domain) + 1);
    name->len = (size_t)len;
    name->run = run;
    name->next_of_run = run->names;
    run->names = name;
    head = bucket(run->desk, name->wire, name->len);
    name->at = head;
    if ((name->next = *head) != NULL) {
        name->next->at = &name->next;
    }
    *head = name;
    return 0;
}

void desk_name_free_all(struct desk_run *run)
{
    for (struct desk_name *name = run->names, *next; name != NULL; name = next) {
        next = name->next_of_run;
        if ((*name->at = name->next) != NULL) {
            name->next->at = name->at;
        }
        free(name);
    }
    run->names = NULL;
}

static void count_resolver(struct desk_run *run, const struct publisher_seen *seen)
{
    uint8_t address[17] = {(uint8_t)seen->address_len};

    memcpy(address + 1, seen->address, seen->address_len);
    for (size_t i = 0; i < run->resolver_count; i++) {
        if (memcmp(run->resolvers[i], address, sizeof address) == 0) {
            return;
        }
    }
    if (run->resolvers == NULL &&
        (run->resolvers = calloc(LIMIT_RESOLVERS, sizeof *run->resolvers)) == NULL) {
        return;
    }
    if (run->resolver_count < LIMIT_RESOLVERS) {
        memcpy(run->resolvers[run->resolver_count++], address, sizeof address);
    }
}

static bool queued_already(const struct desk_run *run, const char *domain)
{
    for (const struct desk_queued *q = run->events; q != NULL; q = q->next) {
        if (q->event.kind == ORDER_EV_SEEN && strcmp(q->event.domain, domain) == 0) {
            return true;
        }
    }
    return false;
}

void desk_seen(struct desk *desk, const struct publisher_seen *seen)
{
    uint8_t wire[LIMIT_NAME_WIRE];
    size_t len = name_lower(wire, seen->name);

    if (!seen->answered || seen->qtype != QTYPE_TXT) {
        return;
    }
    for (struct desk_name *name = *bucket(desk, wire, len); name != NULL; name = name->next) {
        struct desk_run *run = name->run;

        if (name->len != len || memcmp(name->wire, wire, len) != 0 || run->generation == 0 ||
            seen->generation < run->generation) {
            continue;
        }
        count_resolver(run, seen);
        if (!queued_already(run, name->domain)) {
            desk_event_push(run,
                            &(struct order_event){.kind = ORDER_EV_SEEN, .domain = name->domain});
        }
    }
}
