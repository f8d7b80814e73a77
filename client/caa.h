/*
 * CAA records as a CA finds them (RFC 8659 3), and as we publish them. What they say: zones/caa.h.
 */
#ifndef CERTMILL_CLIENT_CAA_H
#define CERTMILL_CLIENT_CAA_H

#include "client/asker.h"
#include "client/facts.h"
#include "zones/caa.h"

enum caa_relevance {
    CAA_NONE,   /* neither the name nor one above it has records: any CA may issue */
    CAA_FOUND,  /* answer has them */
    CAA_FAILED, /* no usable answer on the way up, or a bogus one: CAs refuse then */
};

struct caa_relevant {
    enum caa_relevance relevance;
    char level[LIMIT_NAME_TEXT]; /* where the climb ended; records are at the end of its aliases */
    struct dns_answer answer;    /* to the question at level */
};

/* Climbs from name (normal form; of *.NAME from NAME) until there are records. -ENOMEM.
 * caa_clear frees. */
int caa_find(struct caa_relevant *out, const struct asker *asker, const char *name,
             struct err *err);
void caa_clear(struct caa_relevant *relevant);

/* Where the records are: the last alias, in text without the last dot. */
const char *caa_owner(const struct caa_relevant *relevant);

/* Judges the records for us. -ENOMEM. */
int caa_judge_for(enum caa_verdict *verdict, const char **tag, const struct caa_relevant *relevant,
                  const struct caa_wish *wish);

/* One record of an answer as a zone file has it: `0 issue "ca.example"`, at most cap - 1 octets;
 * cap is 32 or more. */
void caa_text(char *dst, size_t cap, const struct dns_record *record);

/* The value to publish, `CA; validationmethods=...; accounturi=...`; the account has an issuer. */
#define CAA_VALUE (LIMIT_DOMAIN_TEXT + LIMIT_URL + 1024)
void caa_value_make(char dst[static CAA_VALUE], const struct facts_account *account,
                    const struct conf_strings *methods);

#endif
