#include "issuer/authority.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <string.h>

#include "common/conf.h"
#include "common/conf_internal.h"
#include "common/server_conf_check.h"
#include "tests/unit/common/run.h"

#define PEBBLE "https://127.0.0.1:14000/dir"

/* Which URL a request gets, or NULL where it is refused. */
static const char *directory(const char *configured, bool conf_staging, const char *asked,
                             bool staging)
{
    struct server_conf conf = {.acme_server_url = (char *)configured, .staging = conf_staging};
    struct err err = {0};
    const struct authority_wish wish = {.asked = asked, .staging = staging};
    const struct authority *chosen[LIMIT_AUTHORITIES];
    struct authorities all;
    int ret;

    authorities_read(&all, &conf);
    ret = authorities_choose(&all, &conf, &wish, chosen, &err);
    CU_ASSERT(ret == 1 || ret == ERR_POLICY);
    CU_ASSERT_EQUAL(ret == 1, err.text[0] == '\0');
    return ret == 1 ? chosen[0]->directory : NULL;
}

static void test_letsencrypt(void)
{
    const char *le = SERVER_CONF_LETSENCRYPT, *test = SERVER_CONF_LETSENCRYPT_STAGING;

    CU_ASSERT_STRING_EQUAL(directory(le, false, NULL, false), le);
    CU_ASSERT_STRING_EQUAL(directory(NULL, false, NULL, false), le);
    CU_ASSERT_STRING_EQUAL(directory(le, false, le, false), le);
    CU_ASSERT_STRING_EQUAL(directory(le, false, test, false), test);
    CU_ASSERT_STRING_EQUAL(directory(le, false, NULL, true), test);
    CU_ASSERT_STRING_EQUAL(directory(le, false, le, true), test);
    CU_ASSERT_STRING_EQUAL(directory(le, true, NULL, false), test);
    CU_ASSERT_PTR_NULL(directory(le, true, le, false)); /* the operator said staging */
    CU_ASSERT_STRING_EQUAL(directory(test, false, NULL, false), test);
    CU_ASSERT_PTR_NULL(directory(test, false, le, false));
    CU_ASSERT_PTR_NULL(directory(le, false, PEBBLE, false));
    CU_ASSERT_PTR_NULL(directory(le, false, "", false));
}

static void test_other_ca(void)
{
    CU_ASSERT_STRING_EQUAL(directory(PEBBLE, false, NULL, false), PEBBLE);
    CU_ASSERT_STRING_EQUAL(directory(PEBBLE, false, PEBBLE, false), PEBBLE);
    CU_ASSERT_PTR_NULL(directory(PEBBLE, false, NULL, true));
    CU_ASSERT_STRING_EQUAL(directory(PEBBLE, true, NULL, true), PEBBLE);
    CU_ASSERT_PTR_NULL(directory(PEBBLE, false, SERVER_CONF_LETSENCRYPT, false));
    CU_ASSERT_PTR_NULL(directory(PEBBLE, true, SERVER_CONF_LETSENCRYPT_STAGING, true));
}

/* -- several -- */

static void load(struct server_conf *conf, const char *yaml)
{
    struct err err = {0};
    int ret;

    *conf = (struct server_conf){0};
    if ((ret = conf_defaults(&server_conf_schema, conf, &err)) == 0) {
        ret = conf_parse_yaml(&server_conf_schema, conf, "f.yaml", yaml, strlen(yaml), &err);
    }
    if (ret == 0) {
        ret = server_conf_check_as(conf, "host.example", &err);
    }
    if (ret < 0) {
        (void)fprintf(stderr, "%s\n", err.text);
        CU_FAIL_FATAL("configuration");
    }
}

static const char several[] = "acme-zone: acme.example\n"
                              "acme-email: all@example.org\n"
                              "preferred-chain: Root_X\n"
                              "authorities:\n"
                              "  - name: letsencrypt\n"
                              "    email: le@example.org\n"
                              "    profile: classic\n"
                              "    limit-orders: 10\n"
                              "    limit-exact: 0\n"
                              "  - name: other\n"
                              "    directory: https://other.example/dir\n"
                              "    key-type: rsa-2048\n"
                              "    challenge: dns-persist-01\n"
                              "    preferred-chain: Root_Y\n"
                              "    caa: [other.example]\n"
                              "  - name: third\n"
                              "    directory: https://third.example/dir\n"
                              "    challenge: dns-account-01\n"
                              "prefer:\n"
                              "  - names: ['*.example.org', example.org]\n"
                              "    authorities: [other, letsencrypt]\n"
                              "  - clients: [mail]\n"
                              "    authorities: [third, other]\n"
                              "clients:\n"
                              "  - name: web\n"
                              "    patterns: ['*.example.net']\n"
                              "  - name: mail\n"
                              "    authorities: [other, letsencrypt-staging]\n"
                              "  - name: lonely\n"
                              "    authority: third\n"
                              "  - name: tester\n"
                              "    authorities: [letsencrypt-staging]\n";

static void test_read(void)
{
    struct server_conf conf;
    struct authorities all;
    const struct authority *a;

    load(&conf, several);
    authorities_read(&all, &conf);
    CU_ASSERT_EQUAL(all.configured, 3);
    CU_ASSERT_EQUAL(all.count, 4);
    a = authorities_find(&all, "letsencrypt");
    CU_ASSERT_PTR_EQUAL_FATAL(a, &all.list[0]);
    CU_ASSERT_PTR_EQUAL(authorities_find(&all, SERVER_CONF_LETSENCRYPT), a);
    CU_ASSERT_STRING_EQUAL(a->email, "le@example.org");
    CU_ASSERT_STRING_EQUAL(a->preferred_chain, "Root_X");
    CU_ASSERT_STRING_EQUAL(a->key_type, "ecdsa-p256");
    CU_ASSERT_STRING_EQUAL(a->profile, "classic");
    CU_ASSERT_EQUAL(a->challenge, ORDER_DNS_01);
    CU_ASSERT_EQUAL(a->eab_row, -1);
    CU_ASSERT_EQUAL(a->limits.orders, 10);
    CU_ASSERT_EQUAL(a->limits.domain, 50);
    CU_ASSERT_EQUAL(a->limits.exact, 0);
    CU_ASSERT_EQUAL(a->limits.failures, 5);
    a = authorities_find(&all, "other");
    CU_ASSERT_STRING_EQUAL(a->email, "all@example.org");
    CU_ASSERT_STRING_EQUAL(a->preferred_chain, "Root_Y");
    CU_ASSERT_STRING_EQUAL(a->key_type, "rsa-2048");
    CU_ASSERT_EQUAL(a->challenge, ORDER_DNS_PERSIST_01);
    CU_ASSERT_EQUAL(a->caa->count, 1);
    CU_ASSERT_EQUAL(a->limits.orders, 0);
    CU_ASSERT_EQUAL(authorities_find(&all, "third")->challenge, ORDER_DNS_ACCOUNT_01);
    a = authorities_find(&all, "letsencrypt-staging");
    CU_ASSERT_STRING_EQUAL(a->directory, SERVER_CONF_LETSENCRYPT_STAGING);
    CU_ASSERT_STRING_EQUAL(a->email, "le@example.org");
    CU_ASSERT_EQUAL(a->limits.orders, 1500);
    CU_ASSERT_EQUAL(a->limits.domain, 30000);
    CU_ASSERT_EQUAL(a->limits.exact, 30000);
    CU_ASSERT_EQUAL(a->limits.failures, 200);
    CU_ASSERT_PTR_NULL(authorities_find(&all, "fourth"));
    conf_clear(&server_conf_schema, &conf);
}

static void test_eab(void)
{
    struct server_conf_authority rows[] = {
        {.name = (char *)"a", .directory = (char *)"https://a.example/"},
        {.name = (char *)"b",
         .directory = (char *)"https://b.example/",
         .eab_kid = (char *)"kid",
         .eab_algorithm = (char *)"HS512"},
    };
    struct server_conf conf = {.authorities = {rows, 2}};
    struct authorities all;

    authorities_read(&all, &conf);
    CU_ASSERT_EQUAL(all.list[0].eab_row, -1);
    CU_ASSERT_PTR_NULL(all.list[0].eab_kid);
    CU_ASSERT_EQUAL(all.list[1].eab_row, 1);
    CU_ASSERT_STRING_EQUAL(all.list[1].eab_kid, "kid");
    CU_ASSERT_STRING_EQUAL(all.list[1].eab_algorithm, "HS512");
    CU_ASSERT_EQUAL(all.count, 4);
}

/* The names of what is chosen, divided by spaces; "" where it is refused. */
static const char *choose(const struct server_conf *conf, const char *client, const char *name,
                          const char *asked, bool staging)
{
    static char text[512];
    char *names[] = {(char *)name};
    const struct authority_wish wish = {
        .client = client, .names = names, .name_count = 1, .asked = asked, .staging = staging};
    const struct authority *chosen[LIMIT_AUTHORITIES];
    struct authorities all;
    struct err err = {0};
    int count;

    authorities_read(&all, conf);
    count = authorities_choose(&all, conf, &wish, chosen, &err);
    CU_ASSERT(count > 0 || count == ERR_POLICY);
    text[0] = '\0';
    for (int i = 0; i < count; i++) {
        (void)strcat(strcat(text, i > 0 ? " " : ""), chosen[i]->name);
    }
    return text;
}

static void test_choose(void)
{
    struct server_conf conf;

    load(&conf, several);
    CU_ASSERT_STRING_EQUAL(choose(&conf, NULL, "a.test", NULL, false), "letsencrypt other third");
    CU_ASSERT_STRING_EQUAL(choose(&conf, NULL, "a.example.org", NULL, false), "other letsencrypt");
    CU_ASSERT_STRING_EQUAL(choose(&conf, "web", "a.test", NULL, false), "letsencrypt other third");
    CU_ASSERT_STRING_EQUAL(choose(&conf, "mail", "a.test", NULL, false), "other");
    CU_ASSERT_STRING_EQUAL(choose(&conf, "mail", "a.example.org", NULL, false), "other");
    CU_ASSERT_STRING_EQUAL(choose(&conf, "lonely", "a.example.org", NULL, false), "third");
    CU_ASSERT_STRING_EQUAL(choose(&conf, "tester", "a.test", NULL, false), "letsencrypt-staging");
    CU_ASSERT_STRING_EQUAL(choose(&conf, "nobody", "a.test", NULL, false), "");
    /* asked for */
    CU_ASSERT_STRING_EQUAL(choose(&conf, NULL, "a.test", "third", false), "third");
    CU_ASSERT_STRING_EQUAL(choose(&conf, NULL, "a.test", "https://third.example/dir", false),
                           "third");
    CU_ASSERT_STRING_EQUAL(choose(&conf, NULL, "a.test", "letsencrypt-staging", false),
                           "letsencrypt-staging");
    CU_ASSERT_STRING_EQUAL(choose(&conf, NULL, "a.test", "fourth", false), "");
    CU_ASSERT_STRING_EQUAL(choose(&conf, "mail", "a.test", "third", false), "");
    CU_ASSERT_STRING_EQUAL(choose(&conf, "mail", "a.test", "letsencrypt-staging", false),
                           "letsencrypt-staging");
    CU_ASSERT_STRING_EQUAL(choose(&conf, "tester", "a.test", "letsencrypt", false), "");
    CU_ASSERT_STRING_EQUAL(choose(&conf, "lonely", "a.test", "other", false), "other");
    /* staging */
    CU_ASSERT_STRING_EQUAL(choose(&conf, NULL, "a.test", NULL, true), "letsencrypt-staging");
    CU_ASSERT_STRING_EQUAL(choose(&conf, NULL, "a.test", "letsencrypt", true),
                           "letsencrypt-staging");
    CU_ASSERT_STRING_EQUAL(choose(&conf, NULL, "a.test", "third", true), "");
    conf.staging = true;
    CU_ASSERT_STRING_EQUAL(choose(&conf, NULL, "a.test", NULL, false),
                           "letsencrypt-staging other third");
    CU_ASSERT_STRING_EQUAL(choose(&conf, NULL, "a.test", "third", true), "third");
    conf_clear(&server_conf_schema, &conf);
}

/* Nobody gets to a public CA by asking where the operator has named another one alone. */
static void test_built_in_not_asked(void)
{
    struct server_conf conf = {.acme_server_url = (char *)PEBBLE};

    CU_ASSERT_STRING_EQUAL(choose(&conf, NULL, "a.test", "letsencrypt", false), "");
    CU_ASSERT_STRING_EQUAL(choose(&conf, NULL, "a.test", "letsencrypt-staging", false), "");
    CU_ASSERT_STRING_EQUAL(choose(&conf, NULL, "a.test", NULL, false), PEBBLE);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"Let's Encrypt", test_letsencrypt},
        {"another CA", test_other_ca},
        {"several are read", test_read},
        {"external accounts", test_eab},
        {"the choice", test_choose},
        {"not what nobody configured", test_built_in_not_asked},
    };
    return RUN("authority", tests);
}
