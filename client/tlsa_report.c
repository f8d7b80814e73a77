#include "client/tlsa_report.h"

#include <stdlib.h>
#include <string.h>

#include "client/term.h"
#include "client/tlsa_print.h"

const char *tlsa_belongs(const struct tlsa_published *published)
{
    return published->key == NULL ? "foreign" : tlsa_holder_name(published->key->holder);
}

/* A digest is shown whole, a key or certificate by its beginning. */
static void short_text(char dst[static 200], const struct tlsa_published *p)
{
    if (p->tlsa.data == NULL) {
        snprintf(dst, 200, "a record of %zu octets", p->record->len);
        return;
    }
    int n = snprintf(dst, 200, "%u %u %u ", p->tlsa.usage, p->tlsa.selector, p->tlsa.matching);
    size_t shown = p->tlsa.len <= 64 ? p->tlsa.len : 32;
    for (size_t i = 0; i < shown; i++) {
        n += snprintf(dst + n, 200 - (size_t)n, "%02X", p->tlsa.data[i]);
    }
    snprintf(dst + n, 200 - (size_t)n, "%s", shown < p->tlsa.len ? "..." : "");
}

/* Whether anything published is of that key, so that a record of it is to be removed. */
static bool to_remove(const struct tlsa_published *p)
{
    return p->key != NULL && p->key->holder == TLSA_STALE;
}

static const char *stale_kind(const struct tlsa_key *key)
{
    return tlsa_key_is_old_certificate(key) ? "certificate" : "key";
}

static bool is_bogus(const struct dns_answer *answer)
{
    return answer->trust == DNS_BOGUS;
}

static bool is_good(const struct client *client, const struct tlsa_result *r)
{
    if (r->found->answer.outcome == DNS_FAILED || is_bogus(&r->found->answer)) {
        return false;
    }
    for (size_t i = 0; i < client->type_count; i++) {
        const struct tlsa_key *key = tlsa_keys_find(r->keys, TLSA_CURRENT, client->types[i]);
        if (key != NULL &&
            (!tlsa_has_all(r->judgement, key) || !tlsa_accepted(r->judgement, key))) {
            return false;
        }
    }
    return true;
}

/* -- to the log: what somebody has to look at -- */

static void warn_answer(struct client *client, const struct tlsa_result *r)
{
    const struct dns_answer *answer = &r->found->answer;
    const char *owner = r->found->owner;
    if (is_bogus(answer)) {
        log_error(client->log, NULL,
                  "%s: the answer is bogus, so that nobody who validates gets it, and mail servers "
                  "that use DANE hold their mail back: %s",
                  owner, answer->reason);
    } else if (answer->outcome == DNS_FAILED) {
        log_error(client->log, NULL, "%s could not be looked up: %s", owner, answer->reason);
    } else if (answer->trust == DNS_INSECURE) {
        log_warning(client->log, NULL,
                    "%s: the zone is not signed (DNSSEC), or its parent has no DS record for it: "
                    "TLSA records in it protect nothing, since clients ignore them (RFC 6698 4.1)",
                    owner);
    } else if (answer->trust == DNS_INDETERMINATE) {
        log_warning(client->log, NULL,
                    "%s: nobody has validated the answer: ask a validating resolver on this host, "
                    "or set validate to have it done here",
                    owner);
    }
}

static void warn_records(struct client *client, const struct tlsa_result *r)
{
    char text[200];
    for (size_t i = 0; i < r->judgement->published_count; i++) {
        const struct tlsa_published *p = &r->judgement->published[i];
        short_text(text, p);
        if (p->unusable != NULL) {
            log_warning(client->log, NULL, "%s: clients cannot use %s: %s", r->found->owner, text,
                        p->unusable);
        } else if (to_remove(p)) {
            log_warning(client->log, NULL, "%s: %s is of an old %s %s: remove it", r->found->owner,
                        text, key_type_name(p->key->type), stale_kind(p->key));
        }
    }
    if (r->judgement->more) {
        log_warning(client->log, NULL, "%s has more than %d records: the rest was not looked at",
                    r->found->owner, LIMIT_TLSA);
    }
}

static void warn_keys(struct client *client, const struct tlsa_result *r)
{
    for (size_t i = 0; i < client->type_count; i++) {
        const struct tlsa_key *key = tlsa_keys_find(r->keys, TLSA_CURRENT, client->types[i]);
        const char *type = key_type_name(client->types[i]);
        if (key == NULL) {
            continue;
        }
        if (!tlsa_has_all(r->judgement, key)) {
            log_error(client->log, NULL, "%s: not all records of the %s key are there",
                      r->found->owner, type);
        }
        if (!tlsa_accepted(r->judgement, key)) {
            log_error(client->log, NULL,
                      "%s: clients that use DANE refuse the %s key: no record that they take is of "
                      "it (where there are digests of several kinds, they take the strongest "
                      "alone: RFC 7671 9)",
                      r->found->owner, type);
        }
    }
}

/* -- for people -- */

static void print_published(struct client *client, const struct tlsa_published *p)
{
    char text[200], time[32];
    short_text(text, p);
    fprintf(client->out, ";   %s: ", text);
    if (p->key == NULL) {
        term_put(client->out, TERM_YELLOW, "foreign");
        fputs(", of no key here", client->out);
    } else if (tlsa_key_is_old_certificate(p->key)) {
        term_put(client->out, TERM_YELLOW, "stale");
        fprintf(client->out, ", of an %s certificate that was replaced: remove it",
                key_type_name(p->key->type));
    } else if (p->key->holder == TLSA_STALE) {
        tlsa_time_local(time, p->key->ended);
        term_put(client->out, TERM_YELLOW, "stale");
        fprintf(client->out, ", of an %s key that was %s at %s: remove it",
                key_type_name(p->key->type), keyhistory_why_name(p->key->why), time);
    } else {
        bool issuer = p->tlsa.usage == TLSA_PKIX_TA || p->tlsa.usage == TLSA_DANE_TA;
        bool cert = p->tlsa.selector == TLSA_CERT;
        term_put(client->out, TERM_GREEN, "%s", tlsa_holder_name(p->key->holder));
        fprintf(client->out, ", of the %s %s", key_type_name(p->key->type),
                issuer ? "certificate's issuer"
                : cert ? "certificate"
                       : "key");
    }
    if (p->unusable != NULL) {
        fputs("; ", client->out);
        term_put(client->out, TERM_YELLOW, "clients cannot use it");
        fprintf(client->out, ": %s", p->unusable);
    } else if (p->ignored) {
        fputs("; clients pass it over for a stronger digest", client->out);
    }
    fputc('\n', client->out);
}

static void print_needed(struct client *client, const struct tlsa_result *r)
{
    for (size_t i = 0; i < r->judgement->needed_count; i++) {
        const struct tlsa_needed *n = &r->judgement->needed[i];
        const char *state = n->key->holder == TLSA_STAGED ? "staged " : "";
        const char *type = key_type_name(n->key->type);
        fprintf(client->out, ";   %s%s key: %c %c %c ", state, type, n->type[0], n->type[1],
                n->type[2]);
        if (n->there) {
            term_put(client->out, TERM_GREEN, "is there");
        } else if (n->rdata == NULL) {
            fputs("cannot be made before there is a certificate", client->out);
        } else {
            term_put(client->out, TERM_RED, "is missing");
            fputs("; to be added:", client->out);
        }
        fputc('\n', client->out);
        if (n->there) {
            continue;
        }
        char *line = n->rdata == NULL ? NULL : tlsa_line(r->found->owner, n->rdata, n->len);
        if (line != NULL) {
            fprintf(client->out, "%s\n", line);
        }
        free(line);
    }
}

static void print_removals(struct client *client, const struct tlsa_result *r)
{
    for (size_t i = 0; i < r->judgement->published_count; i++) {
        const struct tlsa_published *p = &r->judgement->published[i];
        char *line =
            to_remove(p) ? tlsa_line(r->found->owner, p->record->rdata, p->record->len) : NULL;
        if (line != NULL) {
            fprintf(client->out, "; to be removed: %s\n", line);
        }
        free(line);
    }
}

static enum term_shade shade_of(enum dns_trust trust)
{
    return trust == DNS_SECURE ? TERM_GREEN : trust == DNS_BOGUS ? TERM_RED : TERM_YELLOW;
}

static void print_all(struct client *client, const struct tlsa_result *r)
{
    const struct dns_answer *answer = &r->found->answer;
    fprintf(client->out, "; %s: ", r->found->owner);
    term_put(client->out, answer->outcome == DNS_FAILED ? TERM_RED : TERM_PLAIN, "%s",
             dns_outcome_name(answer->outcome));
    fputs(", ", client->out);
    term_put(client->out, shade_of(answer->trust), "%s", dns_trust_name(answer->trust));
    fputc('\n', client->out);
    if (r->found->alias) {
        fprintf(client->out,
                ";   %s is an alias of %s: clients take the records there (RFC 7671 7)\n", r->name,
                r->found->base);
    }
    if (answer->outcome == DNS_FAILED || is_bogus(answer)) {
        return; /* what is not known is neither there nor missing */
    }
    for (size_t i = 0; i < r->judgement->published_count; i++) {
        print_published(client, &r->judgement->published[i]);
    }
    print_needed(client, r);
    print_removals(client, r);
}

/* -- for programs -- */

static json_t *published_json(const struct tlsa_result *r, const struct tlsa_published *p)
{
    char time[32] = "";
    json_t *json = p->tlsa.data == NULL
                       ? json_object()
                       : tlsa_record_json(r->found->owner, p->record->rdata, p->record->len);
    json_t *more = json_pack("{s:s,s:i,s:s?,s:b}", "belongs", tlsa_belongs(p), "ttl",
                             (int)p->record->ttl, "unusable", p->unusable, "ignored", p->ignored);
    if (more != NULL && p->key != NULL) {
        json_object_set_new(more, "key_type", json_string(key_type_name(p->key->type)));
    }
    if (more != NULL && to_remove(p) && tlsa_key_is_old_certificate(p->key)) {
        json_object_set_new(more, "why", json_string("renewed"));
    } else if (more != NULL && to_remove(p)) {
        tlsa_time_text(time, p->key->ended);
        json_object_set_new(more, "ended", json_string(time));
        json_object_set_new(more, "why", json_string(keyhistory_why_name(p->key->why)));
    }
    if (json != NULL && (more == NULL || json_object_update(json, more) < 0)) {
        json_decref(json);
        json = NULL;
    }
    json_decref(more);
    return json;
}

static json_t *needed_json(const struct tlsa_result *r, const struct tlsa_needed *n)
{
    char *line = n->rdata == NULL ? NULL : tlsa_line(r->found->owner, n->rdata, n->len);
    json_t *json = json_pack("{s:s,s:s,s:s,s:b,s:s?}", "key_type", key_type_name(n->key->type),
                             "state", tlsa_holder_name(n->key->holder), "type", n->type, "there",
                             n->there, "record", line);
    free(line);
    return json;
}

static json_t *keys_json(const struct client *client, const struct tlsa_result *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < client->type_count; i++) {
        const struct tlsa_key *key = tlsa_keys_find(r->keys, TLSA_CURRENT, client->types[i]);
        if (key != NULL) {
            json_array_append_new(list,
                                  json_pack("{s:s,s:b,s:b}", "key_type", key_type_name(key->type),
                                            "complete", tlsa_has_all(r->judgement, key), "accepted",
                                            tlsa_accepted(r->judgement, key)));
        }
    }
    return list;
}

static void add_item(struct client *client, const struct tlsa_result *r, bool good)
{
    const struct dns_answer *answer = &r->found->answer;
    json_t *published = json_array(), *needed = json_array();
    for (size_t i = 0; i < r->judgement->published_count; i++) {
        json_array_append_new(published, published_json(r, &r->judgement->published[i]));
    }
    for (size_t i = 0; i < r->judgement->needed_count; i++) {
        json_array_append_new(needed, needed_json(r, &r->judgement->needed[i]));
    }
    client_item(client,
                json_pack("{s:s,s:s,s:s,s:b,s:s,s:s,s:s,s:b,s:o,s:o,s:o}", "name", r->name, "owner",
                          r->found->owner, "base", r->found->base, "alias", r->found->alias,
                          "outcome", dns_outcome_name(answer->outcome), "trust",
                          dns_trust_name(answer->trust), "reason", answer->reason, "good", good,
                          "keys", keys_json(client, r), "needed", needed, "published", published));
}

bool tlsa_report(struct client *client, const struct tlsa_result *result)
{
    bool good = is_good(client, result);
    const struct dns_answer *answer = &result->found->answer;
    if (client->settings.json) {
        add_item(client, result, good);
    } else {
        print_all(client, result);
        fflush(client->out);
    }
    warn_answer(client, result);
    if (answer->outcome != DNS_FAILED && !is_bogus(answer)) {
        warn_records(client, result);
        warn_keys(client, result);
    }
    return good;
}
