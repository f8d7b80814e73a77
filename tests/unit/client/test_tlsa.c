/* TLSA records: made, read, compared, judged, looked up (RFC 6698, RFC 7671). */
#include "client/tlsa.h"

#include <CUnit/Basic.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "client/tlsa_judge.h"
#include "client/tlsa_lookup.h"
#include "client/tlsa_service.h"
#include "tests/unit/client/ca.h"

static struct err err;
static EVP_PKEY *ca_key, *leaf_key, *next_key;
static struct chain chain; /* leaf, intermediate, root */
static uint8_t *leaf_spki, *next_spki;
static size_t leaf_len, next_len;

static int set_up(void)
{
    ca_key = EVP_EC_gen("P-256");
    leaf_key = EVP_EC_gen("P-256");
    next_key = EVP_EC_gen("P-384");
    X509 *root = ca_make(&(struct ca_wish){"Root", NULL, ca_key, NULL, NULL, 1, 0, -60, 600});
    X509 *issuer =
        ca_make(&(struct ca_wish){"Issuer", NULL, next_key, root, ca_key, 1, 0, -60, 600});
    X509 *leaf = ca_make(&(struct ca_wish){"a.example", "DNS:a.example", leaf_key, issuer, next_key,
                                           0, 0, -60, 600});
    chain = (struct chain){.certs = {leaf, issuer, root}, .count = 3};
    return tlsa_spki(&leaf_spki, &leaf_len, leaf_key, &err) < 0 ||
           tlsa_spki(&next_spki, &next_len, next_key, &err) < 0;
}

static int tear_down(void)
{
    chain_clear(&chain);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(leaf_key);
    EVP_PKEY_free(next_key);
    free(leaf_spki);
    free(next_spki);
    return 0;
}

static struct tlsa_of of_leaf(void)
{
    return (struct tlsa_of){.spki = leaf_spki, .spki_len = leaf_len, .chain = &chain};
}

/* RFC 6698 2.1.3: matching types. */
static void test_matching_types(void)
{
    struct tlsa_of of = of_leaf();
    uint8_t *rdata, digest[64];
    size_t len;
    CU_ASSERT_EQUAL_FATAL(tlsa_make(&rdata, &len, "310", &of, &err), 0);
    CU_ASSERT_EQUAL(len, 3 + leaf_len);
    CU_ASSERT_EQUAL(memcmp(rdata, "\3\1\0", 3), 0);
    CU_ASSERT_EQUAL(memcmp(rdata + 3, leaf_spki, leaf_len), 0);
    free(rdata);
    CU_ASSERT_EQUAL_FATAL(tlsa_make(&rdata, &len, "311", &of, &err), 0);
    EVP_Digest(leaf_spki, leaf_len, digest, NULL, EVP_sha256(), NULL);
    CU_ASSERT_EQUAL(len, 3 + 32);
    CU_ASSERT_EQUAL(memcmp(rdata, "\3\1\1", 3), 0);
    CU_ASSERT_EQUAL(memcmp(rdata + 3, digest, 32), 0);
    free(rdata);
    CU_ASSERT_EQUAL_FATAL(tlsa_make(&rdata, &len, "312", &of, &err), 0);
    EVP_Digest(leaf_spki, leaf_len, digest, NULL, EVP_sha512(), NULL);
    CU_ASSERT_EQUAL(len, 3 + 64);
    CU_ASSERT_EQUAL(memcmp(rdata + 3, digest, 64), 0);
    free(rdata);
}

/* RFC 6698 2.1.1, 2.1.2: the leaf's certificate, and the issuer. */
static void test_certificates(void)
{
    struct tlsa_of of = of_leaf(), alone = {.spki = leaf_spki, .spki_len = leaf_len};
    uint8_t *rdata, digest[32];
    unsigned char *der = NULL;
    size_t len;
    CU_ASSERT_EQUAL_FATAL(tlsa_make(&rdata, &len, "301", &of, &err), 0);
    int n = i2d_X509(chain.certs[0], &der);
    EVP_Digest(der, (size_t)n, digest, NULL, EVP_sha256(), NULL);
    OPENSSL_free(der);
    CU_ASSERT_EQUAL(memcmp(rdata + 3, digest, 32), 0);
    free(rdata);
    CU_ASSERT_EQUAL_FATAL(tlsa_make(&rdata, &len, "211", &of, &err), 0);
    EVP_Digest(next_spki, next_len, digest, NULL, EVP_sha256(), NULL);
    CU_ASSERT_EQUAL(memcmp(rdata, "\2\1\1", 3), 0);
    CU_ASSERT_EQUAL(memcmp(rdata + 3, digest, 32), 0);
    free(rdata);
    CU_ASSERT_EQUAL(tlsa_make(&rdata, &len, "301", &alone, &err), ERR_NOT_FOUND);
    CU_ASSERT_EQUAL(tlsa_make(&rdata, &len, "211", &alone, &err), ERR_NOT_FOUND);
    CU_ASSERT_EQUAL(tlsa_make(&rdata, &len, "411", &of, &err), ERR_UNKNOWN);
    CU_ASSERT_EQUAL(tlsa_make(&rdata, &len, "31", &of, &err), ERR_UNKNOWN);
    CU_ASSERT_PTR_NOT_NULL(tlsa_caution("211"));
    CU_ASSERT_PTR_NOT_NULL(tlsa_caution("301"));
    CU_ASSERT_PTR_NULL(tlsa_caution("311"));
}

static bool matches(const char *kind, const struct tlsa_of *made_of, const struct tlsa_of *of)
{
    struct tlsa tlsa;
    uint8_t *rdata;
    size_t len;
    CU_ASSERT_EQUAL_FATAL(tlsa_make(&rdata, &len, kind, made_of, &err), 0);
    CU_ASSERT_EQUAL(tlsa_parse(&tlsa, rdata, len), 0);
    CU_ASSERT_PTR_NULL(tlsa_unusable(&tlsa));
    bool ret = tlsa_matches(&tlsa, of);
    free(rdata);
    return ret;
}

static void test_matches(void)
{
    static const char *const kinds[] = {"000", "001", "002", "010", "011", "012", "100", "101",
                                        "102", "110", "111", "112", "200", "201", "202", "210",
                                        "211", "212", "300", "301", "302", "310", "311", "312"};
    struct tlsa_of leaf = of_leaf(), none = {.spki = next_spki, .spki_len = next_len};
    struct tlsa_of key_alone = {.spki = leaf_spki, .spki_len = leaf_len};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        bool of_key = (kinds[i][0] == '1' || kinds[i][0] == '3') && kinds[i][1] == '1';
        CU_ASSERT_TRUE(matches(kinds[i], &leaf, &leaf));
        CU_ASSERT_EQUAL(matches(kinds[i], &leaf, &key_alone), of_key);
        CU_ASSERT_FALSE(matches(kinds[i], &leaf, &none));
    }
    /* any issuer in the chain will do: here the root (RFC 7671 5.2) */
    struct chain upper = {.certs = {chain.certs[1], chain.certs[2]}, .count = 2};
    struct tlsa_of of_root = {.spki = next_spki, .spki_len = next_len, .chain = &upper};
    CU_ASSERT_TRUE(matches("211", &of_root, &leaf));
    /* one that is not sent, if the record has all of it (RFC 7671 5.2.2) */
    struct chain sent = {.certs = {chain.certs[0], chain.certs[1]}, .count = 2};
    struct tlsa_of without_root = {.spki = leaf_spki, .spki_len = leaf_len, .chain = &sent};
    CU_ASSERT_TRUE(matches("200", &of_root, &without_root));
    CU_ASSERT_TRUE(matches("210", &of_root, &without_root));
    CU_ASSERT_FALSE(matches("201", &of_root, &without_root));
    CU_ASSERT_FALSE(matches("211", &of_root, &without_root));
    CU_ASSERT_FALSE(matches("300", &of_root, &without_root));
    EVP_PKEY *other_key = EVP_EC_gen("P-256"); /* another's, of the same name */
    X509 *other = ca_make(&(struct ca_wish){"Root", NULL, other_key, NULL, NULL, 1, 0, -60, 600});
    struct chain others = {.certs = {chain.certs[1], other}, .count = 2};
    struct tlsa_of of_other = {.spki = next_spki, .spki_len = next_len, .chain = &others};
    CU_ASSERT_FALSE(matches("200", &of_other, &without_root));
    CU_ASSERT_FALSE(matches("210", &of_other, &without_root));
    X509_free(other);
    EVP_PKEY_free(other_key);
}

/* RFC 6698 4.1, RFC 7671 4.1: what clients cannot use. */
static void test_unusable(void)
{
    uint8_t rdata[3 + 64] = {3, 1, 1};
    struct tlsa tlsa;
    CU_ASSERT_EQUAL(tlsa_parse(&tlsa, rdata, 0), ERR_MALFORMED);
    CU_ASSERT_EQUAL(tlsa_parse(&tlsa, rdata, 2), ERR_MALFORMED);
    CU_ASSERT_EQUAL(tlsa_parse(&tlsa, rdata, 3), 0);
    CU_ASSERT_PTR_NOT_NULL(tlsa_unusable(&tlsa));
    static const struct {
        uint8_t usage, selector, matching;
        size_t len;
        bool good;
    } rows[] = {{3, 1, 1, 32, true},  {3, 1, 1, 31, false},   {3, 1, 1, 33, false},
                {3, 1, 2, 64, true},  {3, 1, 2, 32, false},   {0, 0, 1, 32, true},
                {4, 1, 1, 32, false}, {255, 1, 1, 32, false}, {3, 2, 1, 32, false},
                {3, 1, 3, 32, false}, {3, 1, 0, 32, false},   {3, 0, 0, 32, false},
                {3, 1, 0, 0, false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rdata[0] = rows[i].usage;
        rdata[1] = rows[i].selector;
        rdata[2] = rows[i].matching;
        CU_ASSERT_EQUAL(tlsa_parse(&tlsa, rdata, 3 + rows[i].len), 0);
        CU_ASSERT_EQUAL(tlsa_unusable(&tlsa) == NULL, rows[i].good);
    }
    /* full data with one octet behind it */
    uint8_t *full = malloc(leaf_len + 1);
    memcpy(full, leaf_spki, leaf_len);
    full[leaf_len] = 0;
    tlsa = (struct tlsa){.usage = 3, .selector = 1, .matching = 0, .data = full, .len = leaf_len};
    CU_ASSERT_PTR_NULL(tlsa_unusable(&tlsa));
    tlsa.len++;
    CU_ASSERT_PTR_NOT_NULL(tlsa_unusable(&tlsa));
    free(full);
}

static void test_text(void)
{
    char owner[LIMIT_DOMAIN_TEXT + 1], name[300];
    CU_ASSERT_EQUAL(tlsa_owner(owner, 25, "tcp", "mail.example", &err), 0);
    CU_ASSERT_STRING_EQUAL(owner, "_25._tcp.mail.example");
    CU_ASSERT_EQUAL(tlsa_owner(owner, 0, "tcp", "a.example", &err), ERR_RANGE);
    CU_ASSERT_EQUAL(tlsa_owner(owner, 65536, "tcp", "a.example", &err), ERR_RANGE);
    memset(name, 'a', sizeof(name));
    name[253 - 10] = '\0';
    CU_ASSERT_EQUAL(tlsa_owner(owner, 443, "tcp", name, &err), 0);
    name[253 - 10] = 'a';
    name[253 - 9] = '\0';
    CU_ASSERT_EQUAL(tlsa_owner(owner, 443, "tcp", name, &err), ERR_LIMIT);
    char *line = tlsa_line("_25._tcp.a", (const uint8_t *)"\3\1\1\xab\x0c", 5);
    CU_ASSERT_STRING_EQUAL(line, "_25._tcp.a. IN TLSA 3 1 1 AB0C");
    free(line);
    CU_ASSERT_PTR_NULL(tlsa_line("a", (const uint8_t *)"\3\1", 2));
}

static void test_service(void)
{
    struct settings none = {0}, both = {.tlsa_port = 25, .tlsa_protocol = (char *)"tcp"};
    struct tlsa_service s;
    bool given;
    CU_ASSERT_EQUAL(tlsa_service_read(&s, &given, &none, NULL, NULL, &err), 0);
    CU_ASSERT_FALSE(given);
    CU_ASSERT_EQUAL(tlsa_service_read(&s, &given, &both, NULL, NULL, &err), 0);
    CU_ASSERT_TRUE(given);
    CU_ASSERT_EQUAL(s.port, 25);
    CU_ASSERT_EQUAL(tlsa_service_read(&s, &given, &both, "443", "udp", &err), 0);
    CU_ASSERT_EQUAL(s.port, 443);
    CU_ASSERT_STRING_EQUAL(s.protocol, "udp");
    CU_ASSERT_EQUAL(tlsa_service_read(&s, &given, &none, "443", NULL, &err), ERR_NOT_FOUND);
    static const char *const bad[] = {"", "x", "-1", "1 ", "0x1", "123456", "99999999999999999999"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_EQUAL(tlsa_service_read(&s, &given, &none, bad[i], "tcp", &err), ERR_MALFORMED);
    }
    CU_ASSERT_EQUAL(tlsa_service_read(&s, &given, &none, "0", "tcp", &err), ERR_RANGE);
    CU_ASSERT_EQUAL(tlsa_service_read(&s, &given, &none, "65536", "tcp", &err), ERR_RANGE);
    CU_ASSERT_EQUAL(tlsa_service_read(&s, &given, &none, "1", "TCP", &err), ERR_MALFORMED);
}

/* -- judging -- */

static struct dns_record records[LIMIT_TLSA + 5];

static void add(struct dns_answer *answer, const char *kind, const struct tlsa_of *of)
{
    uint8_t *rdata;
    size_t len;
    CU_ASSERT_EQUAL_FATAL(tlsa_make(&rdata, &len, kind, of, &err), 0);
    answer->records = records;
    records[answer->count++] = (struct dns_record){.rdata = rdata, .len = len, .ttl = 60};
}

static void drop(struct dns_answer *answer)
{
    for (size_t i = 0; i < answer->count; i++) {
        free((void *)answer->records[i].rdata);
    }
    answer->count = 0;
}

static void test_judge(void)
{
    char *types[] = {(char *)"311", (char *)"312"};
    struct conf_strings list = {.items = types, .count = 2};
    struct tlsa_wish wish = {.wanted = {[KEY_ECDSA] = true}, .types = &list, .port = 443};
    uint8_t old_spki[] = "an old key", foreign_spki[] = "somebody's";
    struct tlsa_key items[] = {
        {.holder = TLSA_CURRENT, .type = KEY_ECDSA, .spki = leaf_spki, .spki_len = leaf_len},
        {.holder = TLSA_STAGED, .type = KEY_ECDSA, .spki = next_spki, .spki_len = next_len},
        {.holder = TLSA_STALE, .type = KEY_ECDSA, .spki = old_spki, .spki_len = sizeof(old_spki)},
        {.holder = TLSA_STALE, .type = KEY_ECDSA, .spki = leaf_spki, .spki_len = leaf_len},
    };
    struct tlsa_keys keys = {.items = items, .count = 4};
    struct tlsa_of of[] = {tlsa_key_of(&items[0]),
                           tlsa_key_of(&items[1]),
                           tlsa_key_of(&items[2]),
                           {.spki = foreign_spki, .spki_len = sizeof(foreign_spki)}};
    struct dns_answer answer = {.outcome = DNS_FOUND};
    struct tlsa_judgement j;
    for (size_t i = 0; i < 4; i++) {
        add(&answer, "311", &of[i]);
    }
    CU_ASSERT_EQUAL_FATAL(tlsa_judge(&j, &keys, &wish, &answer, &err), 0);
    CU_ASSERT_PTR_EQUAL(j.published[0].key, &items[0]); /* though an old one is the same */
    CU_ASSERT_PTR_EQUAL(j.published[1].key, &items[1]);
    CU_ASSERT_PTR_EQUAL(j.published[2].key, &items[2]);
    CU_ASSERT_PTR_NULL(j.published[3].key);
    CU_ASSERT_EQUAL(j.needed_count, 4);
    CU_ASSERT_TRUE(j.needed[0].there);
    CU_ASSERT_FALSE(j.needed[1].there);
    CU_ASSERT_FALSE(tlsa_has_all(&j, &items[0]));
    CU_ASSERT_TRUE(tlsa_has_all(&j, &items[2])); /* needs none */
    CU_ASSERT_TRUE(tlsa_accepted(&j, &items[0]));
    tlsa_judgement_clear(&j);

    /* RFC 7671 9: a SHA-512 record of another key makes clients pass over 3 1 1, not over 3 1 0 */
    add(&answer, "312", &of[3]);
    CU_ASSERT_EQUAL_FATAL(tlsa_judge(&j, &keys, &wish, &answer, &err), 0);
    CU_ASSERT_TRUE(j.published[0].ignored);
    CU_ASSERT_FALSE(j.published[4].ignored);
    CU_ASSERT_FALSE(tlsa_accepted(&j, &items[0]));
    tlsa_judgement_clear(&j);
    add(&answer, "310", &of[0]);
    CU_ASSERT_EQUAL_FATAL(tlsa_judge(&j, &keys, &wish, &answer, &err), 0);
    CU_ASSERT_FALSE(j.published[5].ignored);
    CU_ASSERT_TRUE(tlsa_accepted(&j, &items[0]));
    tlsa_judgement_clear(&j);
    drop(&answer);

    /* nothing that can be used is as nothing at all */
    records[0] = (struct dns_record){.rdata = (const uint8_t *)"\3\1", .len = 2};
    answer.count = 1;
    CU_ASSERT_EQUAL_FATAL(tlsa_judge(&j, &keys, &wish, &answer, &err), 0);
    CU_ASSERT_PTR_NOT_NULL(j.published[0].unusable);
    CU_ASSERT_TRUE(tlsa_accepted(&j, &items[0]));
    tlsa_judgement_clear(&j);
    for (size_t i = 0; i < LIMIT_TLSA + 1; i++) {
        records[i] = records[0];
    }
    answer.count = LIMIT_TLSA + 1;
    CU_ASSERT_EQUAL_FATAL(tlsa_judge(&j, &keys, &wish, &answer, &err), 0);
    CU_ASSERT_TRUE(j.more);
    CU_ASSERT_EQUAL(j.published_count, LIMIT_TLSA);
    tlsa_judgement_clear(&j);
}

/* RFC 7672 3.1.3: between mail servers usages 0 and 1 are as if not there. */
static void test_mail(void)
{
    struct conf_strings list = {0};
    struct tlsa_wish wish = {.types = &list, .port = 443};
    uint8_t foreign_spki[] = "somebody's";
    struct tlsa_key item = {
        .holder = TLSA_CURRENT, .type = KEY_ECDSA, .spki = leaf_spki, .spki_len = leaf_len};
    struct tlsa_keys keys = {.items = &item, .count = 1};
    struct tlsa_of foreign = {.spki = foreign_spki, .spki_len = sizeof(foreign_spki)};
    struct dns_answer answer = {.outcome = DNS_FOUND};
    struct tlsa_judgement j;
    add(&answer, "111", &foreign);
    CU_ASSERT_EQUAL_FATAL(tlsa_judge(&j, &keys, &wish, &answer, &err), 0);
    CU_ASSERT_PTR_NULL(j.published[0].unusable);
    CU_ASSERT_FALSE(tlsa_accepted(&j, &item));
    tlsa_judgement_clear(&j);
    wish.port = TLSA_SMTP_PORT;
    CU_ASSERT_EQUAL_FATAL(tlsa_judge(&j, &keys, &wish, &answer, &err), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(j.published[0].unusable, "RFC 7672"));
    CU_ASSERT_TRUE(tlsa_accepted(&j, &item)); /* nothing usable: as without records */
    tlsa_judgement_clear(&j);
    add(&answer, "311", &foreign);
    CU_ASSERT_EQUAL_FATAL(tlsa_judge(&j, &keys, &wish, &answer, &err), 0);
    CU_ASSERT_FALSE(tlsa_accepted(&j, &item));
    tlsa_judgement_clear(&j);
    drop(&answer);
}

/* A record of a certificate that was replaced, its key kept. */
static void test_old_certificate(void)
{
    struct conf_strings list = {0};
    struct tlsa_wish wish = {.types = &list};
    X509 *cert = ca_make(&(struct ca_wish){"a.example", "DNS:a.example", leaf_key, chain.certs[1],
                                           next_key, 0, 0, -120, 300});
    struct tlsa_key items[] = {
        {.holder = TLSA_CURRENT, .spki = leaf_spki, .spki_len = leaf_len, .chain = chain},
        {.holder = TLSA_STALE,
         .spki = leaf_spki,
         .spki_len = leaf_len,
         .chain = {.certs = {cert}, .count = 1}},
        {.holder = TLSA_STALE, .spki = next_spki, .spki_len = next_len},
    };
    struct tlsa_keys keys = {.items = items, .count = 3};
    struct tlsa_of now = tlsa_key_of(&items[0]), before = tlsa_key_of(&items[1]);
    struct dns_answer answer = {.outcome = DNS_FOUND};
    struct tlsa_judgement j;
    CU_ASSERT_FALSE(tlsa_key_is_old_certificate(&items[0]));
    CU_ASSERT_TRUE(tlsa_key_is_old_certificate(&items[1]));
    CU_ASSERT_FALSE(tlsa_key_is_old_certificate(&items[2]));
    add(&answer, "301", &now);
    add(&answer, "301", &before);
    add(&answer, "311", &before);
    CU_ASSERT_EQUAL_FATAL(tlsa_judge(&j, &keys, &wish, &answer, &err), 0);
    CU_ASSERT_PTR_EQUAL(j.published[0].key, &items[0]);
    CU_ASSERT_PTR_EQUAL(j.published[1].key, &items[1]);
    CU_ASSERT_PTR_EQUAL(j.published[2].key, &items[0]); /* its key is in use */
    tlsa_judgement_clear(&j);
    drop(&answer);
    X509_free(cert);
}

/* -- looking up: RFC 7671 7 -- */

struct script {
    const char *target; /* of the name's alias; NULL: none */
    struct {
        enum dns_outcome outcome;
        enum dns_trust trust;
    } address, at_target, at_name;
    int asked;
};

static int ask(void *arg, const char *owner, uint16_t type, struct dns_answer *out,
               struct err *ask_err)
{
    struct script *script = arg;
    bool at_target = strcmp(owner, "_25._tcp.b.example") == 0;
    (void)ask_err;
    script->asked++;
    if (type == TLSA_RRTYPE) {
        *out = (struct dns_answer){
            .outcome = at_target ? script->at_target.outcome : script->at_name.outcome,
            .trust = at_target ? script->at_target.trust : script->at_name.trust};
        return 0;
    }
    *out = (struct dns_answer){.outcome = script->address.outcome, .trust = script->address.trust};
    if (script->target != NULL) {
        out->names = calloc(2, sizeof(out->names[0]));
        out->names[0] = strdup("a.example");
        out->names[1] = strdup(script->target);
        out->name_count = 2;
    }
    return 0;
}

#define SECURE(outcome)                                                                            \
    {                                                                                              \
        outcome, DNS_SECURE                                                                        \
    }
#define INSECURE(outcome)                                                                          \
    {                                                                                              \
        outcome, DNS_INSECURE                                                                      \
    }

static void test_lookup(void)
{
    static const struct {
        struct script script;
        const char *base;
        int asked;
    } rows[] = {
        {{NULL, SECURE(DNS_FOUND), SECURE(DNS_FOUND), SECURE(DNS_FOUND), 0}, "a.example", 2},
        {{"b.example", SECURE(DNS_FOUND), SECURE(DNS_FOUND), SECURE(DNS_FOUND), 0}, "b.example", 2},
        {{"b.example", SECURE(DNS_FOUND), SECURE(DNS_NODATA), SECURE(DNS_FOUND), 0},
         "a.example",
         3},
        {{"b.example", SECURE(DNS_FOUND), SECURE(DNS_NXDOMAIN), SECURE(DNS_NXDOMAIN), 0},
         "a.example",
         3},
        {{"b.example", SECURE(DNS_NODATA), SECURE(DNS_FOUND), SECURE(DNS_FOUND), 0}, /* has AAAA */
         "b.example",
         2},
        {{"b.example", SECURE(DNS_FOUND), SECURE(DNS_FAILED), SECURE(DNS_FOUND), 0},
         "b.example",
         2},
        {{"b.example", SECURE(DNS_FOUND), {DNS_FAILED, DNS_BOGUS}, SECURE(DNS_FOUND), 0},
         "b.example",
         2},
        /* an alias that nobody vouches for is none */
        {{"b.example", INSECURE(DNS_FOUND), SECURE(DNS_FOUND), SECURE(DNS_FOUND), 0},
         "a.example",
         2},
        /* records that are not secure are as good as none; with no others they are told */
        {{"b.example", SECURE(DNS_FOUND), INSECURE(DNS_FOUND), SECURE(DNS_FOUND), 0},
         "a.example",
         3},
        {{"b.example", SECURE(DNS_FOUND), INSECURE(DNS_FOUND), SECURE(DNS_NODATA), 0},
         "b.example",
         3},
        {{"b.example", SECURE(DNS_FOUND), INSECURE(DNS_NODATA), INSECURE(DNS_NXDOMAIN), 0},
         "a.example",
         3},
        /* without an address nobody knows where clients look */
        {{"b.example", {DNS_FAILED, DNS_BOGUS}, SECURE(DNS_FOUND), SECURE(DNS_FOUND), 0},
         "a.example",
         1},
        {{NULL, {DNS_FAILED, DNS_INDETERMINATE}, SECURE(DNS_FOUND), SECURE(DNS_NODATA), 0},
         "a.example",
         1},
        {{"A.EXAMPLE", SECURE(DNS_FOUND), SECURE(DNS_FOUND), SECURE(DNS_FOUND), 0}, "a.example", 2},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct script script = rows[i].script;
        struct tlsa_asker asker = {.ask = ask, .arg = &script};
        struct tlsa_found found;
        CU_ASSERT_EQUAL(tlsa_lookup(&found, &asker, 25, "tcp", "a.example", &err), 0);
        CU_ASSERT_STRING_EQUAL(found.base, rows[i].base);
        CU_ASSERT_STRING_EQUAL(found.owner + strlen("_25._tcp."), rows[i].base);
        CU_ASSERT_EQUAL(found.alias, rows[i].base[0] == 'b');
        CU_ASSERT_EQUAL(script.asked, rows[i].asked);
        if (script.asked == 1) {
            CU_ASSERT_EQUAL(found.answer.outcome, DNS_FAILED);
        }
        tlsa_found_clear(&found);
    }
}

int main(void)
{
    if (CU_initialize_registry() != CUE_SUCCESS) {
        return 1;
    }
    CU_pSuite suite = CU_add_suite("client/tlsa", set_up, tear_down);
    CU_add_test(suite, "matching types", test_matching_types);
    CU_add_test(suite, "certificates and issuers", test_certificates);
    CU_add_test(suite, "what matches what", test_matches);
    CU_add_test(suite, "unusable records", test_unusable);
    CU_add_test(suite, "text", test_text);
    CU_add_test(suite, "which service", test_service);
    CU_add_test(suite, "judgement", test_judge);
    CU_add_test(suite, "records of mail servers", test_mail);
    CU_add_test(suite, "records of an old certificate", test_old_certificate);
    CU_add_test(suite, "aliases", test_lookup);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
