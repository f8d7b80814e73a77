/* certmillctl: its command line, what it sends, and what it makes of answers. */
#include "ctl/ctl.h"

#include <CUnit/Basic.h>
#include <stdlib.h>
#include <string.h>

static struct err err;
static struct ctl_request request;

/* Splits at blanks, no more than 15 words. */
static int parse(const char *text)
{
    static char copy[512];
    static char *words[16];
    int n = 0;
    snprintf(copy, sizeof(copy), "%s", text);
    for (char *word = strtok(copy, " "); word != NULL && n < 16; word = strtok(NULL, " ")) {
        words[n++] = word;
    }
    err = (struct err){0};
    return ctl_parse(&request, n, words, &err);
}

/* The line that the command line becomes, or the error. */
static const char *encode(const char *text)
{
    static char line[1024];
    char *encoded = NULL;
    if (parse(text) < 0 || ctl_encode(&encoded, &request, &err) < 0) {
        return err.text;
    }
    snprintf(line, sizeof(line), "%s", encoded);
    free(encoded);
    return line;
}

static char *printed;

/* What the command prints of the answer; *status as the program's. */
static const char *answer(const char *text, const char *line, int *status)
{
    size_t len;
    free(printed);
    printed = NULL;
    FILE *out = open_memstream(&printed, &len);
    CU_ASSERT_EQUAL_FATAL(parse(text), 0);
    *status = ctl_answer(&request, line, strlen(line), out, &err);
    fclose(out);
    return printed;
}

/* Its exit status says whether all is good. */
static void test_check(void)
{
    int status;
    CU_ASSERT_STRING_EQUAL(encode("check a.example *.b.example"),
                           "{\"v\":1,\"op\":\"check\",\"names\":\"a.example,*.b.example\"}");
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("check"), "needs the names"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("check a.example --limit 5"), "no --limit"));
    CU_ASSERT_STRING_EQUAL(
        answer("check a.example",
               "{\"result\":\"ok\",\"data\":{\"good\":true,\"findings\":[{\"severity\":\"good\","
               "\"text\":\"fine\"}]}}",
               &status),
        "good     fine\n");
    CU_ASSERT_EQUAL(status, CTL_OK);
    CU_ASSERT_STRING_EQUAL(
        answer("check a.example",
               "{\"result\":\"ok\",\"data\":{\"good\":false,\"findings\":[{\"severity\":"
               "\"temporary\",\"text\":\"x\"},{\"severity\":\"definite\"}]}}",
               &status),
        "unclear  x\nWRONG    -\n");
    CU_ASSERT_EQUAL(status, CTL_REFUSED);
}

static void test_encode(void)
{
    CU_ASSERT_STRING_EQUAL(encode("ping"), "{\"v\":1,\"op\":\"ping\"}");
    CU_ASSERT_STRING_EQUAL(encode("orders"), "{\"v\":1,\"op\":\"orders\"}");
    CU_ASSERT_STRING_EQUAL(encode("--json orders 17"), "{\"v\":1,\"op\":\"orders\",\"id\":17}");
    CU_ASSERT_STRING_EQUAL(encode("orders --limit 5"), "{\"v\":1,\"op\":\"orders\",\"limit\":5}");
    CU_ASSERT_STRING_EQUAL(encode("revoke 0a:1B"),
                           "{\"v\":1,\"op\":\"revoke\",\"serial\":\"0a:1B\"}");
    CU_ASSERT_STRING_EQUAL(
        encode("revoke 0a --reason superseded"),
        "{\"v\":1,\"op\":\"revoke\",\"serial\":\"0a\",\"reason\":\"superseded\"}");
    CU_ASSERT_STRING_EQUAL(encode("revoke --reason=1 0a"),
                           "{\"v\":1,\"op\":\"revoke\",\"serial\":\"0a\",\"reason\":\"1\"}");
    CU_ASSERT_STRING_EQUAL(encode("certificates a.example --limit=7"),
                           "{\"v\":1,\"op\":\"certificates\",\"name\":\"a.example\",\"limit\":7}");
}

static void test_limits(void)
{
    int status;

    CU_ASSERT_STRING_EQUAL(encode("limits"), "{\"v\":1,\"op\":\"limits\"}");
    CU_ASSERT_STRING_EQUAL(encode("limits a.example"),
                           "{\"v\":1,\"op\":\"limits\",\"name\":\"a.example\"}");
    CU_ASSERT_STRING_EQUAL(encode("limits --forget a.example"),
                           "{\"v\":1,\"op\":\"limits\",\"name\":\"a.example\",\"forget\":true}");
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("limits a.example --forget"), "\"forget\":true"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("limits --forget"), "needs a name"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("limits a.example b.example"), "'b.example' as well"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("limits --limit 3"), "takes no --limit"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("ping --forget"), "ping takes no --forget"));
    CU_ASSERT_STRING_EQUAL(
        answer("limits",
               "{\"result\":\"ok\",\"data\":{\"limits\":[{\"authority\":\"le\",\"what\":\"exact\","
               "\"subject\":\"a.example\",\"used\":5,\"limit\":5,\"next\":"
               "\"2026-11-21T01:46:18Z\",\"text\":null},{\"authority\":\"le\",\"what\":\"told\","
               "\"subject\":null,\"used\":0,\"limit\":null,\"next\":\"2026-11-21T01:46:18Z\","
               "\"text\":\"slow\\ndown\"},{\"what\":\"new\",\"used\":1}]}}",
               &status),
        "CA  LIMIT                               OF         USED  OF ALL  NEXT POSSIBLE"
        "              WORDS\n"
        "le  certificates of these names in 7 d  a.example     5       5  2026-11-21 01:46:18 +0000"
        "  -\n"
        "le  said by the CA                      -             -       -  2026-11-21 01:46:18 +0000"
        "  slow\n"
        "-   new                                 -             1       -  now"
        "                        -\n");
    CU_ASSERT_STRING_EQUAL(answer("limits --forget a.example",
                                  "{\"result\":\"ok\",\"data\":{\"forgotten\":true}}", &status),
                           "forgotten\n");
}

static void test_accounts(void)
{
    int status;

    CU_ASSERT_STRING_EQUAL(encode("accounts"), "{\"v\":1,\"op\":\"accounts\"}");
    CU_ASSERT_STRING_EQUAL(encode("accounts register ca"),
                           "{\"v\":1,\"op\":\"account-register\",\"name\":\"ca\"}");
    CU_ASSERT_STRING_EQUAL(encode("accounts roll-over ca --key-type rsa-2048"),
                           "{\"v\":1,\"op\":\"account-roll-over\",\"name\":\"ca\","
                           "\"key_type\":\"rsa-2048\"}");
    CU_ASSERT_STRING_EQUAL(encode("accounts --key-type=x roll-over ca"),
                           "{\"v\":1,\"op\":\"account-roll-over\",\"name\":\"ca\","
                           "\"key_type\":\"x\"}");
    CU_ASSERT_STRING_EQUAL(encode("accounts deactivate ca"),
                           "{\"v\":1,\"op\":\"account-deactivate\",\"name\":\"ca\"}");
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("accounts ca"), "accounts takes no word, or"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("accounts agree"), "accounts takes no word, or"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("accounts drop ca"), "accounts takes no word, or"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("accounts --key-type=x"), "accounts takes no word, or"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("accounts agree a b"), "no third word: 'b'"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("accounts --limit 3"), "takes no --limit"));
    CU_ASSERT_STRING_EQUAL(answer("accounts agree ca",
                                  "{\"result\":\"ok\",\"data\":{\"url\":\"https://ca/1\"}}",
                                  &status),
                           "done: https://ca/1\n");
}

static void test_usage(void)
{
    CU_ASSERT_PTR_NOT_NULL(strstr(encode(""), "no command"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("pong"), "'pong' is no command"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("ping x"), "ping takes no words: 'x'"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("ping --limit 3"), "takes no --limit"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("orders x"), "'x' is not the number"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("orders 0"), "'0' is not the number"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("orders 99999999999999999999"), "is not the number"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("orders 1 2"), "'2' as well"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("orders 1 --limit 2"), "--limit goes with the list"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("orders --limit 0"), "a number from 1"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("orders --limit 5x"), "'5x'"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("orders --limit"), "needs a value"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("persist"), "persist needs a name"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("persist a,b"), "'a,b' is no name"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("persist a --limit 3"), "takes no --limit"));
    CU_ASSERT_STRING_EQUAL(encode("persist a *.b"),
                           "{\"v\":1,\"op\":\"persist\",\"name\":\"a,*.b\"}");
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("revoke"), "needs a serial number"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("revoke 1 --reason"), "--reason needs a value"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("revoke 1 2"), "'2' as well"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("revoke 1 --limit 2"), "takes no --limit"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("--colour ping"), "unknown option '--colour'"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("-x ping"), "unknown option '-x'"));
}

/* Mistyped: what was meant is named, where it is near. */
static void test_meant(void)
{
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("statsu"), "did you mean 'status'?"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("--josn status"), "did you mean --json?"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("--sokcet=/s status"), "did you mean --socket?"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("--hlep"), "did you mean --help?"));
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("frobnicate"), "certmillctl help lists the known ones"));
}

/* An option of one command is refused by the others, wherever it stands. */
static void test_own_options(void)
{
    static const char *const lines[] = {"orders --reason x",          "--limit 3 limits a",
                                        "accounts --forget",          "revoke 1 --key-type x",
                                        "status --client-command /x", "backup f --limit 3"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        CU_ASSERT_PTR_NOT_NULL(strstr(encode(lines[i]), " takes no --"));
    }
    CU_ASSERT_STRING_EQUAL(
        encode("--reason=superseded revoke 1"),
        "{\"v\":1,\"op\":\"revoke\",\"serial\":\"1\",\"reason\":\"superseded\"}");
}

/* Help and version are answered whatever else stands there; behind -- nothing is an option. */
static void test_asked(void)
{
    static const char *const helps[] = {"orders --help", "--help orders x y", "-h"};
    for (size_t i = 0; i < sizeof(helps) / sizeof(helps[0]); i++) {
        CU_ASSERT_EQUAL(parse(helps[i]), 0);
        CU_ASSERT_STRING_EQUAL(request.command->name, "help");
    }
    CU_ASSERT_EQUAL(parse("status -V"), 0);
    CU_ASSERT_STRING_EQUAL(request.command->name, "version");
    CU_ASSERT_STRING_EQUAL(encode("-- check --help"),
                           "{\"v\":1,\"op\":\"check\",\"names\":\"--help\"}");
    CU_ASSERT_PTR_NOT_NULL(strstr(encode("--"), "no command"));
}

static void test_socket(void)
{
    CU_ASSERT_EQUAL(parse("ping"), 0);
    CU_ASSERT_STRING_EQUAL(request.socket, "/run/certmill/control.sock");
    CU_ASSERT_EQUAL(parse("--run-dir /r ping"), 0);
    CU_ASSERT_STRING_EQUAL(request.socket, "/r/control.sock");
    CU_ASSERT_EQUAL(parse("ping --socket=/s"), 0);
    CU_ASSERT_STRING_EQUAL(request.socket, "/s");
}

static void test_status(void)
{
    int status;
    const char *text = answer(
        "status",
        "{\"result\":\"ok\",\"data\":{\"version\":\"0.1.0\",\"uptime\":183840.5,\"directory\":"
        "\"https://ca.example/dir\",\"processes\":[{\"role\":\"dnsd\",\"state\":\"running\",\"pid\""
        ":123,\"restarts\":0,\"since\":\"2026-11-21T01:46:18Z\"},{\"role\":\"issuer\"}],"
        "\"generation\":4711,\"live_challenges\":2,\"zones\":[\"acme.example.com\",\"b.example\"],"
        "\"orders\":{\"new\":0,\"issued\":1234567,\"failed\":1},\"dns\":{\"queries\":"
        "12345,\"dropped\":0,\"noerror\":12000,\"nodata\":0,\"nxdomain\":340,\"refused\":5,"
        "\"udp\":12340,\"tcp\":5,\"truncated\":0,\"rate_dropped\":4,\"rate_slipped\":2,"
        "\"tcp_opened\":1,\"seen\":8,\"new\\n\":3,\"newer\":1}}}",
        &status);
    CU_ASSERT_EQUAL(status, CTL_OK);
    CU_ASSERT_STRING_EQUAL(text, "version            0.1.0\n"
                                 "uptime             2 d 03:04\n"
                                 "directory          https://ca.example/dir\n"
                                 "zones              acme.example.com, b.example\n"
                                 "generation         4711\n"
                                 "live challenges    2\n"
                                 "\n"
                                 "PROCESS  STATE    PID  RESTARTS  SINCE\n"
                                 "dnsd     running  123         0  2026-11-21 01:46:18\n"
                                 "issuer   -          -         -  -\n"
                                 "\n"
                                 "orders issued      1,234,567\n"
                                 "orders failed      1\n"
                                 "\n"
                                 "dns queries        12,345, UDP 12,340, TCP 5\n"
                                 "dns answered       noerror 12,000, nxdomain 340\n"
                                 "dns errors         refused 5\n"
                                 "dns not answered   -\n"
                                 "dns rate limit     dropped 4, slipped 2\n"
                                 "dns truncated      0\n"
                                 "dns valid cookies  -\n"
                                 "dns connections    opened 1\n"
                                 "dns challenges     asked for 8\n"
                                 "dns other          new\\x0a 3, newer 1\n");
}

static void test_authorities(void)
{
    int status;
    const char *text =
        answer("status",
               "{\"result\":\"ok\",\"data\":{\"directory\":\"https://a/d\",\"authorities\":["
               "{\"name\":\"first\",\"directory\":\"https://a/d\"},"
               "{\"name\":\"sec\\nond\",\"directory\":\"https://b/d\"},{}]}}",
               &status);
    CU_ASSERT_EQUAL(status, CTL_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nauthority          first, https://a/d\n"
                                        "authority          sec\\x0aond, https://b/d\n"
                                        "authority          -, -\n"));
    CU_ASSERT_PTR_NULL(strstr(text, "directory"));
}

static void test_orders(void)
{
    int status;
    const char *text =
        answer("orders",
               "{\"result\":\"ok\",\"data\":{\"orders\":[{\"id\":17,\"state\":\"issued\",\"names\":"
               "[\"a.example\",\"*.a.example\"],\"client\":\"::1\",\"failure\":null,\"created\":"
               "\"2026-11-21T01:46:18Z\",\"updated\":\"2026-11-21T01:46:19Z\"},"
               "{\"id\":3,\"failure\":\"refused\\n  a.example: caa\"}]}}",
               &status);
    CU_ASSERT_STRING_EQUAL(
        text,
        "ORDER  STATE   NAMES                   CLIENT  CREATED              UPDATED"
        "              FAILURE\n"
        "   17  issued  a.example, *.a.example  ::1     2026-11-21 01:46:18  2026-11-21 01:46:19"
        "  -\n"
        "    3  -       -                       -       -                    -"
        "                    refused\n");
}

static void test_one_order(void)
{
    int status;
    const char *text = answer(
        "orders 17",
        "{\"result\":\"ok\",\"data\":{\"order\":{\"id\":17,\"state\":\"failed\",\"names\":"
        "[\"a.example\"],\"failure\":\"nobody \\u001b[2Jasked\\n  at all\",\"peer_uid\":1000},"
        "\"events\":[{\"time\":\"2026-11-21T01:46:18.123456Z\",\"message\":\"ordered\"},"
        "{\"time\":null},{\"time\":\"2026-11-21T01:46:19.5Z\",\"message\":\"one\\ntwo\"}]}}",
        &status);
    CU_ASSERT_EQUAL(status, CTL_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "peer uid   1000\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "failure    nobody \\x1b[2Jasked\n             at all\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "2026-11-21 01:46:19  one\n                     two\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "2026-11-21 01:46:18.123  ordered\n"));
}

static void test_lists(void)
{
    int status;
    const char *text =
        answer("records",
               "{\"result\":\"ok\",\"data\":{\"records\":[{\"zone\":\"z\",\"name\":\"n\\n\","
               "\"value\":\"v\",\"order\":1,\"expires\":\"2026-11-21T01:46:18Z\"}]}}",
               &status);
    CU_ASSERT_STRING_EQUAL(text, "NAME   VALUE  ORDER  EXPIRES              ZONE\n"
                                 "n\\x0a  v          1  2026-11-21 01:46:18  z\n");
    text = answer("accounts", "{\"result\":\"ok\",\"data\":{\"accounts\":[]}}", &status);
    CU_ASSERT_STRING_EQUAL(text, "");
    text = answer("accounts",
                  "{\"result\":\"ok\",\"data\":{\"accounts\":[{\"name\":\"le\\u0007\","
                  "\"directory\":\"https://ca/d\",\"url\":\"https://ca/1\",\"status\":\"valid\","
                  "\"key\":\"k\",\"pending_key\":\"k-2\",\"terms_agreed\":\"https://ca/t1\","
                  "\"terms_changed\":true,\"contacts\":[\"h@a.example\"],\"eab_kid\":\"kid\","
                  "\"ca\":{\"reached\":true,\"terms\":\"https://ca/t2\",\"caa_identities\":"
                  "[\"ca.example\",\"b.example\"],\"profiles\":[{\"name\":\"classic\","
                  "\"description\":\"90 days\"},{\"name\":\"short\",\"description\":\"6\"}],"
                  "\"renewal_information\":true}},{\"directory\":\"https://b/d\",\"ca\":"
                  "{\"reached\":false}}]}}",
                  &status);
    CU_ASSERT_STRING_EQUAL(text, "le\\x07\n"
                                 "  directory    https://ca/d\n"
                                 "  account      https://ca/1\n"
                                 "  status       valid\n"
                                 "  key          k (type not known), being rolled over to k-2\n"
                                 "  thumbprint   -\n"
                                 "  contacts     h@a.example\n"
                                 "  terms        https://ca/t1\n"
                                 "  terms now    https://ca/t2\n"
                                 "               read them, then `certmillctl accounts agree`\n"
                                 "  bound by     kid\n"
                                 "  created      -\n"
                                 "  CAA          ca.example, b.example\n"
                                 "  profiles     classic: 90 days\n"
                                 "               short: 6\n"
                                 "  renewal info yes\n"
                                 "\n"
                                 "(not configured)\n"
                                 "  directory    https://b/d\n"
                                 "  account      -\n"
                                 "  CA           not reached yet\n");
    text = answer("certificates",
                  "{\"result\":\"ok\",\"data\":{\"certificates\":[{\"order\":1,\"serial\":\"0a\","
                  "\"names\":[\"p\xc3\xb8lse\"],\"issuer\":\"CA\"}]}}",
                  &status);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(text, "    1  p\xc3\xb8lse  CA      -           -          -      -        0a"));
    text = answer("certificates",
                  "{\"result\":\"ok\",\"data\":{\"certificates\":[{\"order\":1,\"serial\":\"0a\","
                  "\"names\":[\"a\"],\"revoked\":\"2026-11-21T01:46:18Z\",\"renewal\":{"
                  "\"moment\":\"2026-12-01T00:00:00Z\"}}]}}",
                  &status);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "2026-12-01 00:00:00  2026-11-21 01:46:18  0a\n"));
    text = answer("revoke 0a",
                  "{\"result\":\"ok\",\"data\":{\"serial\":\"0a\",\"names\":[\"a\"],\"reason\":"
                  "\"superseded\",\"revoked\":\"2026-11-21T01:46:18Z\",\"already\":false}}",
                  &status);
    CU_ASSERT_STRING_EQUAL(
        text, "certificate 0a is revoked since 2026-11-21 01:46:18 +0000: superseded\n");
    text = answer("revoke 0a", "{\"result\":\"ok\",\"data\":{\"already\":true}}", &status);
    CU_ASSERT_STRING_EQUAL(text, "certificate - was revoked before, since -: -\n");
    text = answer("persist a.example",
                  "{\"result\":\"ok\",\"data\":{\"records\":[{\"authority\":\"le\",\"challenge\":"
                  "\"c\",\"owner\":\"o.\",\"type\":\"TXT\",\"value\":\"\\\"v; w\\\"\","
                  "\"problem\":null},{\"owner\":\"p.\",\"value\":null,\"problem\":\"no\"},{}]}}",
                  &status);
    CU_ASSERT_STRING_EQUAL(text, "OWNER  TYPE  VALUE   CHALLENGE  AUTHORITY\n"
                                 "o.     TXT   \"v; w\"  c          le\n"
                                 "p.     -     (no)    -          -\n"
                                 "-      -     -       -          -\n");
    text = answer("ping", "{\"result\":\"ok\",\"data\":{\"pong\":true}}", &status);
    CU_ASSERT_STRING_EQUAL(text, "pong\n");
    text = answer("--json ping", "{\"result\":\"ok\",\"data\":{\"pong\":true}}", &status);
    CU_ASSERT_STRING_EQUAL(text, "{\n  \"pong\": true\n}\n");
}

static void test_authorized_keys(void)
{
    CU_ASSERT_STRING_EQUAL(encode("authorized-keys"), "{\"v\":1,\"op\":\"authorized-keys\"}");
    CU_ASSERT_STRING_EQUAL(encode("authorized-keys acme"), "{\"v\":1,\"op\":\"authorized-keys\"}");
    CU_ASSERT_STRING_EQUAL(
        encode("authorized-keys --client-command /x acme ssh-ed25519 AAAA"),
        "{\"v\":1,\"op\":\"authorized-keys\",\"type\":\"ssh-ed25519\",\"key\":\"AAAA\"}");
    CU_ASSERT_STRING_EQUAL(request.client_command, "/x");
}

static void test_bad_answers(void)
{
    static const char *const bad[] = {"",
                                      "hello",
                                      "[]",
                                      "{}",
                                      "{\"result\":\"ok\"}",
                                      "{\"result\":\"ok\",\"data\":[]}",
                                      "{\"result\":5}",
                                      "{\"result\":\"maybe\",\"data\":{}}"};
    int status;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_STRING_EQUAL(answer("status", bad[i], &status), "");
        CU_ASSERT_EQUAL(status, CTL_NO_SERVER);
    }
    answer("reload", "{\"result\":\"error\",\"kind\":\"input\",\"message\":\"zone: line 3\"}",
           &status);
    CU_ASSERT_EQUAL(status, CTL_REFUSED);
    CU_ASSERT_STRING_EQUAL(err.text, "zone: line 3");
    answer("status",
           "{\"result\":\"ok\",\"data\":{\"uptime\":\"x\",\"zones\":5,\"dns\":[1],"
           "\"processes\":{\"a\":1},\"orders\":\"x\"}}",
           &status);
    CU_ASSERT_EQUAL(status, CTL_OK);
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("ctl", NULL, NULL);
    CU_add_test(suite, "check", test_check);
    CU_add_test(suite, "encode", test_encode);
    CU_add_test(suite, "limits", test_limits);
    CU_add_test(suite, "changes of accounts", test_accounts);
    CU_add_test(suite, "usage", test_usage);
    CU_add_test(suite, "what was meant", test_meant);
    CU_add_test(suite, "options of one command", test_own_options);
    CU_add_test(suite, "help, version and --", test_asked);
    CU_add_test(suite, "socket", test_socket);
    CU_add_test(suite, "status", test_status);
    CU_add_test(suite, "status of several CAs", test_authorities);
    CU_add_test(suite, "orders", test_orders);
    CU_add_test(suite, "one order", test_one_order);
    CU_add_test(suite, "lists", test_lists);
    CU_add_test(suite, "bad answers", test_bad_answers);
    CU_add_test(suite, "authorized keys", test_authorized_keys);
    CU_basic_run_tests();
    free(printed);
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
