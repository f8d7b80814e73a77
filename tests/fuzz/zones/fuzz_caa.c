/*
 * CAA records of a foreign zone: an RRset, each record behind its length in one octet, judged for
 * two CAs. Parts that a parser gives lie within what it was given.
 */
#include <stdlib.h>
#include <string.h>

#include "zones/caa.h"

#define RECORDS 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void look_at_value(const char *text, size_t len)
{
    struct caa_parameter p;
    struct caa_value value;
    size_t parameters = 0;

    if (caa_value_parse(&value, text, len) < 0) {
        return;
    }
    check(value.issuer >= text && value.issuer_len <= (size_t)(text + len - value.issuer));
    while (caa_value_next(&value, &p) > 0) {
        check(p.tag > value.issuer && p.value > p.tag);
        check(p.value_len <= (size_t)(text + len - p.value));
        check(++parameters <= len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const issuers[] = {"ca.example", "ca.test"};
    struct caa_wish wish = {.method = "dns-01",
                            .issuers = issuers,
                            .issuer_count = 2,
                            .account_url = "https://ca.example/1"};
    struct caa_rdata set[RECORDS];
    struct caa_property p;
    size_t count = 0;
    const char *tag;

    while (size > 0 && count < RECORDS) {
        size_t len = data[0] < size - 1 ? data[0] : size - 1;

        set[count] = (struct caa_rdata){data + 1, len};
        if (caa_property_read(&p, &set[count]) == 0) {
            check(p.tag_len + p.value_len + 2 == len);
            look_at_value(p.value, p.value_len);
        }
        count++;
        data += 1 + len;
        size -= 1 + len;
    }
    check(caa_judge(set, count, &wish, &tag) <= CAA_CRITICAL);
    wish.wildcard = true;
    check(caa_judge(set, count, &wish, &tag) <= CAA_CRITICAL);
    wish.issuer_count = 0;
    check(caa_judge(set, count, &wish, &tag) <= CAA_CRITICAL);
    return 0;
}
