/*
 * What a server that somebody took over says of itself. What is taken is a name, or a URL that is
 * safe between the quotes of a zone file.
 */
#include <stdlib.h>
#include <string.h>

#include "client/facts.h"
#include "zones/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_name(const char *name)
{
    uint8_t wire[LIMIT_NAME_WIRE];
    check(name[0] != '\0' && strpbrk(name, "\"; \\\n") == NULL && name_from_text(wire, name) > 0);
}

static void check_account(const char *text)
{
    struct facts_account account;
    struct err err = {0};
    if (facts_account_parse(&account, text, &err) < 0) {
        check(err.text[0] != '\0');
        return;
    }
    check(strncmp(account.url, "http", 4) == 0 && strpbrk(account.url, "\"; \\\r\n\t") == NULL);
    check(account.issuer_count <= LIMIT_CAA_IDENTITIES);
    for (size_t i = 0; i < account.issuer_count; i++) {
        check_name(account.issuers[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char zone[LIMIT_DOMAIN_TEXT + 1], *text = malloc(size + 1);
    struct err err = {0};
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    if (facts_zone_parse(zone, text, size, &err) == 0) {
        check_name(zone);
    } else {
        check(zone[0] == '\0' && err.text[0] != '\0');
    }
    check_account(text);
    free(text);
    return 0;
}
