#include "client/caa.h"

#include <errno.h>
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

#include "client/names.h"
#include "zones/name.h"

/* -- finding -- */

/* 1: the climb goes on. */
static int look(struct caa_relevant *out, const struct asker *asker, const uint8_t *level,
                struct err *err)
{
    struct dns_answer *answer = &out->answer;
    dns_answer_clear(answer);
    name_to_text(out->level, level);
    int ret = asker->ask(asker->arg, out->level, LDNS_RR_TYPE_CAA, answer, err);
    if (ret < 0) {
        return ret;
    }
    if (answer->outcome == DNS_FAILED || answer->trust == DNS_BOGUS) {
        out->relevance = CAA_FAILED;
        return 0;
    }
    if (answer->outcome == DNS_FOUND && answer->count > 0) {
        out->relevance = CAA_FOUND;
        return 0;
    }
    return 1;
}

int caa_find(struct caa_relevant *out, const struct asker *asker, const char *name, struct err *err)
{
    uint8_t wire[LIMIT_NAME_WIRE];
    const uint8_t *level = wire;
    *out = (struct caa_relevant){.relevance = CAA_NONE};
    int ret = name_from_text(wire, names_plain(name));
    if (ret < 0) {
        return err_set(err, ret, "%s is no name", name);
    }
    for (ret = 1; ret > 0 && *level != 0; level = name_parent(level)) {
        ret = look(out, asker, level, err);
    }
    return ret < 0 ? ret : 0;
}

void caa_clear(struct caa_relevant *relevant)
{
    dns_answer_clear(&relevant->answer);
}

const char *caa_owner(const struct caa_relevant *relevant)
{
    const struct dns_answer *answer = &relevant->answer;
    return answer->name_count > 0 ? answer->names[answer->name_count - 1] : relevant->level;
}

int caa_judge_for(enum caa_verdict *verdict, const char **tag, const struct caa_relevant *relevant,
                  const struct caa_wish *wish)
{
    const struct dns_answer *answer = &relevant->answer;
    struct caa_rdata *set = calloc(answer->count + 1, sizeof(*set));
    if (set == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < answer->count; i++) {
        set[i] = (struct caa_rdata){answer->records[i].rdata, answer->records[i].len};
    }
    *verdict = caa_judge(set, answer->count, wish, tag);
    free(set);
    return 0;
}

/* -- text -- */

struct text {
    char *dst;
    size_t cap, at;
};

/* Foreign octets as a zone file has them in quotes (RFC 1035 5.1). */
static void put_octets(struct text *text, const char *octets, size_t len)
{
    for (size_t i = 0; i < len && text->cap - text->at > 5; i++) {
        unsigned char c = (unsigned char)octets[i];
        char *at = text->dst + text->at;
        size_t room = text->cap - text->at;
        int n = c < 0x20 || c > 0x7e    ? snprintf(at, room, "\\%03u", c)
                : c == '"' || c == '\\' ? snprintf(at, room, "\\%c", c)
                                        : snprintf(at, room, "%c", c);
        text->at += (size_t)n;
    }
}

void caa_text(char *dst, size_t cap, const struct dns_record *record)
{
    const struct caa_rdata rdata = {record->rdata, record->len};
    struct caa_property p;
    struct text text = {dst, cap - 2, 0}; /* room for the last quote */
    if (caa_property_read(&p, &rdata) < 0) {
        snprintf(dst, cap, "(a record that cannot be read)");
        return;
    }
    text.at = (size_t)snprintf(dst, text.cap, "%u ", p.flags);
    put_octets(&text, p.tag, p.tag_len);
    text.at += (size_t)snprintf(dst + text.at, cap - text.at, " \"");
    put_octets(&text, p.value, p.value_len);
    snprintf(dst + text.at, cap - text.at, "\"");
}

void caa_value_make(char dst[static CAA_VALUE], const struct facts_account *account,
                    const struct conf_strings *methods)
{
    size_t at = (size_t)snprintf(dst, CAA_VALUE, "%s", account->issuers[0]);
    for (size_t i = 0; i < methods->count && CAA_VALUE - at > LIMIT_URL + 32; i++) {
        at += (size_t)snprintf(dst + at, 256, "%s%.128s", i == 0 ? "; validationmethods=" : ",",
                               methods->items[i]);
    }
    snprintf(dst + at, CAA_VALUE - at, "; accounturi=%s", account->url);
}
