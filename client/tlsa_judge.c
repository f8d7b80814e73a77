#include "client/tlsa_judge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool tlsa_type_of_key(const char *type)
{
    return strlen(type) == 3 && type[0] == '3' && type[1] == '1';
}

void tlsa_judgement_clear(struct tlsa_judgement *judgement)
{
    for (size_t i = 0; i < judgement->needed_count; i++) {
        free(judgement->needed[i].rdata);
    }
    free(judgement->needed);
    free(judgement->published);
    *judgement = (struct tlsa_judgement){0};
}

/* -- what is published -- */

/* Keys in use come first, so that a record of one that was in use before as well is current. */
static const struct tlsa_key *whose(const struct tlsa *tlsa, const struct tlsa_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        struct tlsa_of of = tlsa_key_of(&keys->items[i]);
        if (tlsa_matches(tlsa, &of)) {
            return &keys->items[i];
        }
    }
    return NULL;
}

/* Whether b makes clients ignore a: RFC 7671 9. SHA-512 is stronger than SHA-256; full data
 * takes no part. */
static bool outdone(const struct tlsa_published *a, const struct tlsa_published *b)
{
    return b->unusable == NULL && a->tlsa.usage == b->tlsa.usage &&
           a->tlsa.selector == b->tlsa.selector && a->tlsa.matching != TLSA_FULL &&
           b->tlsa.matching > a->tlsa.matching;
}

static int judge_published(struct tlsa_judgement *out, const struct tlsa_keys *keys, bool smtp,
                           const struct dns_answer *answer, struct err *err)
{
    size_t count = answer->outcome == DNS_FOUND ? answer->count : 0;
    if (count > LIMIT_TLSA) {
        out->more = true;
        count = LIMIT_TLSA;
    }
    if ((out->published = calloc(count + 1, sizeof(out->published[0]))) == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    out->published_count = count;
    for (size_t i = 0; i < count; i++) {
        struct tlsa_published *p = &out->published[i];
        p->record = &answer->records[i];
        if (tlsa_parse(&p->tlsa, p->record->rdata, p->record->len) < 0) {
            p->unusable = "it is too short";
            continue;
        }
        p->unusable = smtp ? tlsa_unusable_smtp(&p->tlsa) : tlsa_unusable(&p->tlsa);
        p->key = whose(&p->tlsa, keys);
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            out->published[i].ignored =
                out->published[i].ignored || outdone(&out->published[i], &out->published[j]);
        }
    }
    return 0;
}

/* -- what should be -- */

static bool is_there(const struct tlsa_judgement *j, const uint8_t *rdata, size_t len)
{
    for (size_t i = 0; i < j->published_count; i++) {
        const struct dns_record *record = j->published[i].record;
        if (record->len == len && memcmp(record->rdata, rdata, len) == 0) {
            return true;
        }
    }
    return false;
}

static int need(struct tlsa_judgement *out, const struct tlsa_key *key, const char *type,
                struct err *err)
{
    struct tlsa_needed *needed = &out->needed[out->needed_count];
    struct tlsa_of of = tlsa_key_of(key);
    *needed = (struct tlsa_needed){.key = key, .type = type};
    int ret = tlsa_make(&needed->rdata, &needed->len, type, &of, err);
    if (ret < 0 && ret != ERR_NOT_FOUND) {
        return ret;
    }
    needed->there = ret == 0 && is_there(out, needed->rdata, needed->len);
    out->needed_count++;
    return 0;
}

static int judge_needed(struct tlsa_judgement *out, const struct tlsa_keys *keys,
                        const struct tlsa_wish *wish, struct err *err)
{
    const struct conf_strings *types = wish->types;
    out->needed = calloc(keys->count * types->count + 1, sizeof(out->needed[0]));
    if (out->needed == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < keys->count; i++) {
        const struct tlsa_key *key = &keys->items[i];
        for (size_t j = 0; j < types->count; j++) {
            bool of_key = tlsa_type_of_key(types->items[j]);
            bool needs = (key->holder == TLSA_CURRENT && wish->wanted[key->type]) ||
                         (key->holder == TLSA_STAGED && of_key);
            int ret = needs ? need(out, key, types->items[j], err) : 0;
            if (ret < 0) {
                return ret;
            }
        }
    }
    return 0;
}

int tlsa_judge(struct tlsa_judgement *out, const struct tlsa_keys *keys,
               const struct tlsa_wish *wish, const struct dns_answer *answer, struct err *err)
{
    *out = (struct tlsa_judgement){0};
    int ret = judge_published(out, keys, wish->port == TLSA_SMTP_PORT, answer, err);
    if (ret == 0) {
        ret = judge_needed(out, keys, wish, err);
    }
    if (ret < 0) {
        tlsa_judgement_clear(out);
    }
    return ret;
}

bool tlsa_has_all(const struct tlsa_judgement *judgement, const struct tlsa_key *key)
{
    for (size_t i = 0; i < judgement->needed_count; i++) {
        if (judgement->needed[i].key == key && !judgement->needed[i].there) {
            return false;
        }
    }
    return true;
}

bool tlsa_accepted(const struct tlsa_judgement *judgement, const struct tlsa_key *key)
{
    struct tlsa_of of = tlsa_key_of(key);
    bool usable = false;
    for (size_t i = 0; i < judgement->published_count; i++) {
        const struct tlsa_published *p = &judgement->published[i];
        if (p->unusable != NULL) {
            continue;
        }
        usable = true;
        if (!p->ignored && tlsa_matches(&p->tlsa, &of)) {
            return true;
        }
    }
    return !usable;
}
