/* What an order needs to be ordered anew, and the other chains of a certificate (RFC 8555 7.4.2).
 */
#include "issuer/store.h"

#include <CUnit/Basic.h>

#include "tests/unit/common/run.h"
#include "tests/unit/issuer/folder.h"

#define BLOCK(x) "-----BEGIN CERTIFICATE-----\n" x "\n-----END CERTIFICATE-----\n"

static struct store *open_at(struct folder *folder)
{
    struct store *store = NULL;

    CU_ASSERT_EQUAL_FATAL(store_open(&store, folder_file(folder, "store.db"), NULL), 0);
    return store;
}

static uint64_t add_order(struct store *store, const char *profile, const char *challenge)
{
    const struct store_order order = {.client = "x",
                                      .directory_url = "https://ca.example/d",
                                      .names = "a.example",
                                      .csr = (const uint8_t *)"csr",
                                      .csr_len = 3,
                                      .profile = profile,
                                      .replaces = profile != NULL ? "aki.serial" : NULL,
                                      .challenge = challenge,
                                      .created = 1};
    uint64_t id = 0;

    CU_ASSERT_EQUAL(store_order_add(store, &order, &id, NULL), 0);
    return id;
}

struct seen {
    char text[256];
    uint64_t certificate;
};

static void saw_order(void *arg, const struct store_order *order)
{
    struct seen *seen = arg;

    (void)snprintf(seen->text, sizeof seen->text, "%s %s %s",
                   order->profile != NULL ? order->profile : "-",
                   order->replaces != NULL ? order->replaces : "-", order->challenge);
}

static void saw_certificate(void *arg, const struct store_certificate *cert)
{
    ((struct seen *)arg)->certificate = cert->id;
}

static void test_wishes(void)
{
    struct folder folder;
    struct store *store;
    struct seen seen;
    uint64_t plain, full;

    folder_make(&folder);
    store = open_at(&folder);
    plain = add_order(store, NULL, NULL);
    full = add_order(store, "shortlived", "dns-persist-01");
    CU_ASSERT_EQUAL(store_order_get(store, plain, saw_order, &seen, NULL), 0);
    CU_ASSERT_STRING_EQUAL(seen.text, "- - dns-01");
    CU_ASSERT_EQUAL(store_order_get(store, full, saw_order, &seen, NULL), 0);
    CU_ASSERT_STRING_EQUAL(seen.text, "shortlived aki.serial dns-persist-01");
    store_close(store);
    folder_remove(&folder);
}

static uint64_t issue(struct store *store, const char *pem, const char *const *alternates)
{
    uint64_t order = add_order(store, NULL, NULL);
    const struct store_certificate cert = {.order_id = order,
                                           .serial = "1a",
                                           .names = "a.example",
                                           .issuer = "CN=x",
                                           .pem = pem,
                                           .alternates = alternates};
    struct seen seen = {0};

    CU_ASSERT_EQUAL(store_order_issue(store, order, &cert, NULL), 0);
    CU_ASSERT_EQUAL(store_certificate_of(store, order, saw_certificate, &seen, NULL), 0);
    return seen.certificate;
}

static void test_chains(void)
{
    const char *const others[] = {BLOCK("leaf") BLOCK("r2"), BLOCK("leaf"),
                                  BLOCK("leaf") BLOCK("r3"), NULL};
    const char *const shared[] = {BLOCK("other") BLOCK("r2"), NULL};
    struct folder folder;
    struct store *store;
    uint64_t first, second, alone;
    size_t count;
    char **chains;

    folder_make(&folder);
    store = open_at(&folder);
    first = issue(store, BLOCK("leaf") BLOCK("r1"), others);
    second = issue(store, BLOCK("other") BLOCK("r1"), shared);
    alone = issue(store, BLOCK("alone"), NULL);
    store_close(store);
    store = open_at(&folder);
    CU_ASSERT_EQUAL_FATAL(store_certificate_chains(store, first, &chains, &count, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(count, 4);
    CU_ASSERT_STRING_EQUAL(chains[0], BLOCK("leaf") BLOCK("r1"));
    for (size_t i = 1; i < 4; i++)
        CU_ASSERT_STRING_EQUAL(chains[i], others[i - 1]);
    store_chains_free(chains, count);
    CU_ASSERT_EQUAL_FATAL(store_certificate_chains(store, second, &chains, &count, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(count, 2);
    CU_ASSERT_STRING_EQUAL(chains[1], shared[0]);
    store_chains_free(chains, count);
    CU_ASSERT_EQUAL_FATAL(store_certificate_chains(store, alone, &chains, &count, NULL), 0);
    CU_ASSERT_EQUAL(count, 1);
    store_chains_free(chains, count);
    CU_ASSERT_EQUAL(store_certificate_chains(store, 99, &chains, &count, NULL), ERR_NOT_FOUND);
    CU_ASSERT_PTR_NULL(chains);
    store_close(store);
    folder_remove(&folder);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"an order's wishes", test_wishes},
        {"chains", test_chains},
    };

    return RUN("store chains", tests);
}
