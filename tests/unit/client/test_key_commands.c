/* Roll-over of a key as people read it: what each command prints, with each answer that DNS gives
 * (RFC 7671 8.1). */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <string.h>

#include "commands_run.h"
#include "dns_server.h"

#define OWNER "_443._tcp.a.example."

static char old_record[200], new_record[200]; /* "3 1 1 ..." */
static char answer[1024];
static struct dns_server server;

/* The data of the last TLSA record that was printed. */
static void take_record(char dst[static 200])
{
    const char *at = NULL;
    for (const char *p = text; (p = strstr(p, " TLSA ")) != NULL; p++) {
        at = p + strlen(" TLSA ");
    }
    CU_ASSERT_PTR_NOT_NULL(at);
    dst[0] = '\0';
    if (at != NULL) {
        snprintf(dst, 200, "%.*s", (int)strcspn(at, "\n"), at);
    }
    CU_ASSERT_EQUAL(strncmp(dst, "3 1 1 ", 6), 0);
}

/* Runs `key WORD` with a resolver that gives that row. option: one more word, or NULL. */
static int ask(const struct dns_row *row, const char *word, const char *option)
{
    server_start(&server, row, row != NULL ? 1 : 0);
    int status =
        run("good", "-D", "a.example", "-n", server.address, "--tlsa-port", "443",
            "--tlsa-protocol", "tcp", "--tlsa-type-list", "311", "key", word, option, NULL);
    server_stop(&server);
    return status;
}

static void show_tlsa(void)
{
    CU_ASSERT_EQUAL(run("good", "-D", "a.example", "--tlsa-type-list", "311", "show", "tlsa", "443",
                        "tcp", NULL),
                    0);
}

/* The same, with these records. */
static int ask_with(const char *first, const char *second, const char *word)
{
    const struct dns_row row = {
        .name = OWNER, .type = LDNS_RR_TYPE_TLSA, .answer = answer, .ad = true};
    snprintf(answer, sizeof(answer), OWNER " 300 TLSA %s\n", first);
    if (second != NULL) {
        snprintf(answer + strlen(answer), sizeof(answer) - strlen(answer), OWNER " 300 TLSA %s\n",
                 second);
    }
    return ask(&row, word, NULL);
}

#define PRINTED(part) CU_ASSERT_PTR_NOT_NULL(strstr(text, part))
#define SAID(part)    CU_ASSERT_PTR_NOT_NULL(strstr(said, part))

static void test_none_staged(void)
{
    CU_ASSERT_EQUAL(ask(NULL, "stage", NULL), 1);
    CU_ASSERT_STRING_NOT_EQUAL(said, "");
    CU_ASSERT_EQUAL(run("good", "-D", "a.example", "get", "certificate", NULL), 0);
    show_tlsa();
    take_record(old_record);
    CU_ASSERT_EQUAL(ask(NULL, "status", NULL), 0);
    PRINTED("; a.example ecdsa: no key is staged\n");
    CU_ASSERT_EQUAL(ask(NULL, "status", "--json"), 0);
    PRINTED("\"staged\": false");
    CU_ASSERT_EQUAL(ask(NULL, "activate", NULL), 1);
    CU_ASSERT_EQUAL(ask(NULL, "abort", NULL), 1);
}

static void test_stage(void)
{
    CU_ASSERT_EQUAL(ask_with(old_record, NULL, "stage"), 0);
    take_record(new_record);
    CU_ASSERT_STRING_NOT_EQUAL(new_record, old_record);
    show_tlsa();
    PRINTED(old_record);
    PRINTED(new_record);
}

static void test_status(void)
{
    const struct dns_row failing = {
        .name = OWNER, .type = LDNS_RR_TYPE_TLSA, .code = LDNS_RCODE_SERVFAIL};
    CU_ASSERT_EQUAL(ask(NULL, "status", NULL), 0);
    PRINTED("; a.example ecdsa: a key is staged since 2");
    PRINTED("_443._tcp.a.example: no TLSA records at all");
    PRINTED(new_record);
    CU_ASSERT_EQUAL(ask_with(old_record, NULL, "status"), 0);
    PRINTED("the staged key's records are missing, or not all there (old TTL: 300 s)");
    PRINTED(new_record);
    CU_ASSERT_EQUAL(ask(&failing, "status", NULL), 1);
    PRINTED("_443._tcp.a.example: could not be looked up");
    CU_ASSERT_EQUAL(ask_with(old_record, new_record, "status"), 0);
    PRINTED("the staged key's records are there, seen since 2");
    PRINTED("the old TTL (300 s) is over at 2");
    CU_ASSERT_PTR_NULL(strstr(text, new_record)); /* nothing is to be done */
}

static void test_refused(void)
{
    CU_ASSERT_EQUAL(ask_with(old_record, new_record, "activate"), 1);
    SAID("a.example");
    CU_ASSERT_EQUAL(ask_with(old_record, NULL, "activate"), 1);
    SAID("not all of the staged key's");
}

static void test_abort(void)
{
    CU_ASSERT_EQUAL(ask_with(old_record, new_record, "abort"), 0);
    PRINTED(new_record);
    CU_ASSERT_EQUAL(ask_with(old_record, new_record, "status"), 0);
    PRINTED("no key is staged");
    show_tlsa();
    CU_ASSERT_PTR_NULL(strstr(text, new_record));
}

/* -- what stands on disk is not what it should be -- */

/* A file below the folder of keys. */
static void put(const char *name, const char *contents)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", base, name);
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_TRUE(fputs(contents, file) >= 0);
    CU_ASSERT_EQUAL(fclose(file), 0);
}

static void keep(char dst[static 8192], const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", base, name);
    FILE *file = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    slurp(file, dst, 8192);
}

#define INNER ".certmill/a.example.ecdsa/"

/* What was seen in DNS is worth a fresh look; the key itself is not touched. */
static void test_damaged_state(void)
{
    static const char *const bad[] = {
        "",
        "certmill roll-over 9\n",
        "certmill roll-over 1\n",
        "certmill roll-over 1\nkey 01\n",
        "certmill roll-over 1\nstaged x\n",
        "certmill roll-over 1\nservice 0 tcp\n",
        "certmill roll-over 1\nservice 443 icmp\n",
        "certmill roll-over 1\nowner a there\n",
        "certmill roll-over 1\nowner _443._tcp.a.example there x 300 1\n",
        "certmill roll-over 1\nowner _443._tcp.a.example here 1 300 1\n",
        "certmill roll-over 1\nnonsense\n",
        "certmill roll-over 1\nstaged 1795225578",
    };
    CU_ASSERT_EQUAL(ask_with(old_record, NULL, "stage"), 0);
    take_record(new_record);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        put(INNER "rollover", bad[i]);
        CU_ASSERT_EQUAL(ask_with(old_record, new_record, "status"), 0);
        SAID(INNER "rollover");
        SAID("it is begun anew");
        PRINTED("the staged key's records are there, seen since 2");
        CU_ASSERT_EQUAL(ask_with(old_record, new_record, "status"), 0);
        CU_ASSERT_STRING_EQUAL(said, "");
    }
}

static void test_damaged_keys(void)
{
    char staged[8192], chain[8192], key[8192];
    keep(staged, INNER "staged.key");
    put(INNER "staged.key", "nonsense\n");
    CU_ASSERT_EQUAL(ask_with(old_record, new_record, "status"), 1);
    SAID("staged.key cannot be used: remove it and stage another");
    put(INNER "staged.key", staged);
    keep(chain, "a.example-chain.ecdsa.crt");
    put("a.example-chain.ecdsa.crt", "nonsense\n");
    CU_ASSERT_EQUAL(run("good", "-D", "a.example", "show", "tlsa", "443", "tcp", NULL), 1);
    SAID("a.example-chain.ecdsa.crt");
    PRINTED(old_record); /* of the key all the same */
    put("a.example-chain.ecdsa.crt", chain);
    keep(key, "a.example-keypair.ecdsa.key");
    put("a.example-keypair.ecdsa.key", staged);
    show_tlsa();
    SAID("the certificate is not of the key beside it");
    put("a.example-keypair.ecdsa.key", "nonsense\n");
    CU_ASSERT_EQUAL(run("good", "-D", "a.example", "show", "spki", NULL), 1);
    SAID("a.example-keypair.ecdsa.key");
    put("a.example-keypair.ecdsa.key", key);
    put(INNER "history", "nonsense\n");
    CU_ASSERT_EQUAL(run("good", "-D", "a.example", "show", "tlsa", "443", "tcp", NULL), 1);
    SAID("history");
    CU_ASSERT_EQUAL(run("good", "-D", "b.example", "show", "spki", NULL), 0);
    SAID("b.example ecdsa: there is no key yet");
}

/* -- types of records -- */

/* Each of them, for people and for programs. */
static void test_types(void)
{
    static char types[][4] = {"310", "311", "312", "211", "301"};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        char words[16], member[32];
        snprintf(words, sizeof(words), " %c %c %c ", types[i][0], types[i][1], types[i][2]);
        snprintf(member, sizeof(member), "\"usage\": %c", types[i][0]);
        CU_ASSERT_EQUAL(run("good", "-D", "a.example", "--tlsa-type-list", types[i], "show", "tlsa",
                            "443", "tcp", NULL),
                        0);
        PRINTED(words);
        CU_ASSERT_EQUAL(said[0] != '\0', i >= 3); /* cautions */
        CU_ASSERT_EQUAL(run("good", "-D", "a.example", "--tlsa-type-list", types[i], "show", "tlsa",
                            "443", "tcp", "--json", NULL),
                        0);
        PRINTED(member);
        PRINTED("\"state\": \"current\"");
    }
}

int main(int argc, char **argv)
{
    if (commands_is_part(argc, argv)) {
        return commands_part(argc, argv);
    }
    unsetenv("TERM");
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("key_commands", set_up, tear_down);
    CU_add_test(suite, "none staged", test_none_staged);
    CU_add_test(suite, "stage", test_stage);
    CU_add_test(suite, "status", test_status);
    CU_add_test(suite, "refused", test_refused);
    CU_add_test(suite, "abort", test_abort);
    CU_add_test(suite, "types", test_types);
    CU_add_test(suite, "damaged state", test_damaged_state);
    CU_add_test(suite, "damaged keys", test_damaged_keys);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
