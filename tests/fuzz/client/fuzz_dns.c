/*
 * What a resolver that somebody took over may answer to a question that is validated: any messages,
 * beginning with those that were recorded (dns_recorded.h). The walk ends, its bounds hold, and
 * what is told of the answer hangs together.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "../../unit/client/dns_recorded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct dns_answer *a)
{
    assert(a->name_count >= 1 && a->name_count <= LIMIT_CNAME_CHAIN + 1);
    assert(a->outcome == DNS_FAILED || a->trust == DNS_SECURE || a->trust == DNS_INSECURE ||
           a->trust == DNS_INDETERMINATE);
    assert((a->outcome == DNS_FOUND) == (a->count > 0));
    assert(a->outcome != DNS_FAILED || a->reason[0] != '\0');
    for (size_t i = 0, sum = 0; i < a->count; i++) {
        for (size_t k = 0; k < a->records[i].len; k++)
            sum += a->records[i].rdata[k];
        assert(sum < SIZE_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct recorded r;
    struct dns_answer answer;

    if (!recorded_open(&r, data, size))
        return 0;
    if (recorded_ask(&r, &answer) == 0)
        look(&answer);
    assert(r.asked <= LIMIT_DNS_QUESTIONS);
    dns_answer_clear(&answer);

    /* As if the resolver were to be believed. */
    ldns_rr_list_deep_free(r.dns->anchors);
    r.dns->anchors = NULL;
    if (recorded_ask(&r, &answer) == 0)
        look(&answer);
    dns_answer_clear(&answer);
    dns_free(r.dns);
    return 0;
}
