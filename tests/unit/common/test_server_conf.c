#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/conf_internal.h"
#include "common/server_conf.h"
#include "common/server_conf_check.h"
#include "run.h"

static char file[] = "/tmp/test-server-conf-XXXXXX";

/* Loads from YAML, as on a host of the given name. */
static int load(struct server_conf *conf, const char *yaml, const char *host, struct err *err)
{
    int ret;

    *err = (struct err){0};
    memset(conf, 0, sizeof(*conf));
    if ((ret = conf_defaults(&server_conf_schema, conf, err)) < 0 ||
        (ret = conf_parse_yaml(&server_conf_schema, conf, "f.yaml", yaml, strlen(yaml), err)) < 0 ||
        (ret = server_conf_check_as(conf, host, err)) < 0) {
        conf_clear(&server_conf_schema, conf);
    }
    return ret;
}

static const struct server_conf_zone *zone(const struct server_conf *conf, size_t i)
{
    return (const struct server_conf_zone *)conf->zones.rows + i;
}

static void test_defaults(void)
{
    struct server_conf c;
    struct err err;

    CU_ASSERT_EQUAL_FATAL(load(&c, "acme-zone: ACME.example.com.\n", "ns.example.net", &err), 0);
    CU_ASSERT_EQUAL_FATAL(c.dns_listen.count, 2);
    CU_ASSERT_STRING_EQUAL(c.dns_listen.items[0], "0.0.0.0:53");
    CU_ASSERT_STRING_EQUAL(c.dns_listen.items[1], "[::]:53");
    CU_ASSERT_EQUAL(c.dns_threads, 0);
    CU_ASSERT_EQUAL(c.dns_udp_payload, 1232);
    CU_ASSERT_STRING_EQUAL(c.dns_cookies, "on");
    CU_ASSERT(c.dns_nsid == NULL && c.dns_version == NULL && c.dns_id == NULL);
    CU_ASSERT(c.dns_hostname == NULL && c.dns_cookie_secret_file == NULL);
    CU_ASSERT_EQUAL(c.dns_rate_allow.count, 0);
    CU_ASSERT_STRING_EQUAL(c.acme_server_url, SERVER_CONF_LETSENCRYPT);
    CU_ASSERT(!c.staging && !c.skip_acme_server_cert_verify);
    CU_ASSERT_STRING_EQUAL(c.account_key_type, "ecdsa-p256");
    CU_ASSERT_STRING_EQUAL(c.state_dir, "/var/lib/certmill");
    CU_ASSERT_STRING_EQUAL(c.run_dir, "/run/certmill");
    CU_ASSERT_STRING_EQUAL(c.user, "certmill");
    CU_ASSERT_STRING_EQUAL(c.dns_user, "certmill-dns");
    CU_ASSERT_STRING_EQUAL(c.signer_user, "certmill-signer");
    CU_ASSERT_STRING_EQUAL(c.log_level, "INFO");
    CU_ASSERT_STRING_EQUAL(c.log_format, "text");
    CU_ASSERT(c.acme_email == NULL && c.acme_ca_file == NULL && c.preferred_chain == NULL);
    CU_ASSERT(c.syslog_facility == NULL && c.syslog_socket == NULL);
    CU_ASSERT_EQUAL_FATAL(c.zones.count, 1);
    CU_ASSERT_STRING_EQUAL(zone(&c, 0)->name, "acme.example.com");
    CU_ASSERT_STRING_EQUAL(zone(&c, 0)->nameservers.items[0], "ns.example.net");
    CU_ASSERT_EQUAL(zone(&c, 0)->challenge_ttl, 0);
    CU_ASSERT(zone(&c, 0)->hostmaster == NULL && zone(&c, 0)->file == NULL);
    conf_clear(&server_conf_schema, &c);
}

static void test_all_keys(void)
{
    struct server_conf c;
    struct err err;
    char yaml[2048];

    snprintf(
        yaml, sizeof(yaml),
        "dns-listen: ['127.0.0.1:0', '127.0.0.1:0', '[::1]:5353']\ndns-threads: 4\n"
        "dns-udp-payload: 1400\ndns-nsid: 0x6e7331\ndns-version: v\ndns-id: i\ndns-hostname: h\n"
        "dns-cookies: enforce\ndns-cookie-secret-file: '%s'\ndns-tcp-clients: 7\n"
        "dns-tcp-clients-per-address: 3\ndns-tcp-idle: 5\ndns-tcp-lifetime: 6\n"
        "dns-rate-answers: 1\ndns-rate-nxdomain: 2\ndns-rate-errors: 3\ndns-rate-slip: 0\n"
        "dns-rate-ipv4-prefix: 32\ndns-rate-ipv6-prefix: 64\n"
        "dns-rate-allow: [192.0.2.1, 2001:db8::/32]\ndns-refused-drop: 9\n"
        "acme-zone: acme.example.com\n"
        "zones:\n"
        "  - {name: acme.example.com, nameservers: [NS1.example.net, ns2.example.net], "
        "hostmaster: ops@example.net, challenge-ttl: 1}\n"
        "  - {name: _sub.acme.example.com, file: '%s'}\n"
        "  - {name: p\xc3\xb8lse.example, nameservers: ns.example.net, hostmaster: "
        "ops.example.net}\n"
        "acme-server-url: https://127.0.0.1:14000/dir\nacme-email: a@example.com\n"
        "acme-ca-file: '%s'\nskip-acme-server-cert-verify: true\npreferred-chain: ISRG_Root_X1\n"
        "account-key-type: rsa-3072\nstate-dir: state\nrun-dir: run\nuser: a\ndns-user: b\n"
        "signer-user: c\nlog-level: debug\nlog-format: JSON\nsyslog-facility: LOG_LOCAL0\n"
        "syslog-socket: 127.0.0.1:514\n",
        file, file, file);
    CU_ASSERT_EQUAL_FATAL(load(&c, yaml, "host", &err), 0);
    CU_ASSERT_EQUAL(c.zones.count, 3);
    CU_ASSERT_STRING_EQUAL(zone(&c, 0)->nameservers.items[0], "ns1.example.net");
    CU_ASSERT_EQUAL(zone(&c, 0)->challenge_ttl, 1);
    CU_ASSERT_STRING_EQUAL(zone(&c, 1)->name, "_sub.acme.example.com");
    CU_ASSERT_EQUAL(zone(&c, 1)->nameservers.count, 0);
    CU_ASSERT_STRING_EQUAL(zone(&c, 2)->name, "xn--plse-gra.example");
    CU_ASSERT_STRING_EQUAL(c.log_level, "DEBUG");
    CU_ASSERT_STRING_EQUAL(c.log_format, "json");

    /* what is printed is accepted, and the same */
    char *first = NULL, *second = NULL;
    size_t len;
    FILE *out = open_memstream(&first, &len);
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    conf_print(&server_conf_schema, &c, out);
    fclose(out);
    conf_clear(&server_conf_schema, &c);
    CU_ASSERT_EQUAL_FATAL(load(&c, first, "host", &err), 0);
    out = open_memstream(&second, &len);
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    conf_print(&server_conf_schema, &c, out);
    fclose(out);
    CU_ASSERT_STRING_EQUAL(first, second);
    free(first);
    free(second);
    conf_clear(&server_conf_schema, &c);
}

static void test_nameservers(void)
{
    const char *alone = "acme-zone: acme.example.com\n",
               *row = "zones: [{name: acme.example.com}]\n";
    static const char *const unfit[] = {"host",
                                        "",
                                        "localhost",
                                        "localhost.localdomain",
                                        "acme.example.com",
                                        "ns.acme.example.com",
                                        "bad_name.example"};
    struct server_conf c;
    struct err err;

    CU_ASSERT_EQUAL_FATAL(load(&c, row, "NS.notacme.example.com", &err), 0);
    CU_ASSERT_STRING_EQUAL(zone(&c, 0)->nameservers.items[0], "ns.notacme.example.com");
    conf_clear(&server_conf_schema, &c);
    for (size_t i = 0; i < sizeof(unfit) / sizeof(unfit[0]); i++) {
        CU_ASSERT_EQUAL_FATAL(load(&c, alone, unfit[i], &err), 0);
        CU_ASSERT_STRING_EQUAL(zone(&c, 0)->nameservers.items[0], "localhost");
        conf_clear(&server_conf_schema, &c);
        CU_ASSERT_EQUAL(load(&c, row, unfit[i], &err), ERR_NOT_FOUND);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "nameservers: [NAME]"));
    }
}

static void test_staging(void)
{
    struct server_conf c;
    struct err err;

    CU_ASSERT_EQUAL_FATAL(load(&c, "acme-zone: a.example\nstaging: true\n", "h", &err), 0);
    CU_ASSERT_STRING_EQUAL(c.acme_server_url, SERVER_CONF_LETSENCRYPT_STAGING);
    conf_clear(&server_conf_schema, &c);
    CU_ASSERT_EQUAL(
        load(&c, "acme-zone: a.example\nstaging: true\nacme-server-url: https://ca.example/dir\n",
             "h", &err),
        ERR_POLICY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "contradict"));
}

/* A configuration that is refused, and a part of what is said of it. */
struct refused {
    const char *yaml, *part;
};

static void check_refused(const struct refused *bad, size_t count)
{
    struct server_conf c;
    struct err err;

    for (size_t i = 0; i < count; i++) {
        CU_ASSERT(load(&c, bad[i].yaml, "h", &err) < 0);
        bool good = strstr(err.text, bad[i].part) != NULL;
        if (!good) {
            fprintf(stderr, "%zu: %s\n", i, err.text);
        }
        CU_ASSERT(good);
    }
}

static void test_refused_zones(void)
{
    static const struct refused bad[] = {
        {"", "no zone is configured; set 'acme-zone'"},
        {"zones: []\n", "no zone is configured"},
        {"dns-lsten: x\n", "f.yaml:1:1: unknown key 'dns-lsten'; did you mean 'dns-listen'?"},
        {"acme-zone: not a name\n", "f.yaml:1:12: acme-zone: 'not a name' is not a domain name"},
        {"acme-zone: .\n", "f.yaml:1:12: "},
        {"acme-zone: a..b\n", "a label is empty"},
        {"zones: [{name: '*.a.example'}]\n", "f.yaml:1:16: name: "},
        {"zones: [{challenge-ttl: 1}]\n", "f.yaml:1:9: zones: this zone has no name"},
        {"zones: [{name: a.example, challenge-ttl: -1}]\n", "0 to 86400 seconds"},
        {"zones: [{name: a.example, nameservers: [bad name]}]\n", "nameservers: 'bad name'"},
        {"zones: [{name: a.example, hostmaster: '@x'}]\n", "hostmaster: "},
        {"zones: [{name: a.example, file: /nowhere/zone}]\n",
         "f.yaml:1:33: file: cannot open '/nowhere/zone': No such file"},
        {"zones: [{name: a.example, file: /}]\n", "is a directory, not a file"},
        {"zones: [{name: a.example, nameservers: n.example}, {name: A.example., nameservers: "
         "n.example}]\n",
         "zone a.example is listed twice"},
        {"zones: [{name: a.example, nameservers: ns.a.example}]\n", "is within the zone"},
    };
    check_refused(bad, sizeof(bad) / sizeof(bad[0]));
}

static void test_refused_nameserver(void)
{
    static const struct refused bad[] = {
        {"acme-zone: a.example\ndns-listen: []\n", "dns-listen is empty"},
        {"acme-zone: a.example\ndns-listen: [127.0.0.1:53, 127.0.0.1:53]\n", "twice"},
        {"dns-listen: 127.0.0.1\n",
         "f.yaml:1:13: dns-listen: '127.0.0.1' is not an address and port"},
        {"dns-listen: localhost:53\n", "is not an address and port"},
        {"dns-listen: '::1:53'\n", "is not an address and port"},
        {"dns-listen: '[127.0.0.1]:53'\n", "is not an address and port"},
        {"dns-listen: '[]:53'\n", "is not an address and port"},
        {"dns-listen: ':53'\n", "is not an address and port"},
        {"dns-listen: '127.0.0.1:65536'\n", "no port from 0 to 65535"},
        {"dns-listen: '127.0.0.1:'\n", "no port from 0 to 65535"},
        {"dns-listen: '127.0.0.1:+5'\n", "no port from 0 to 65535"},
        {"dns-threads: 65\n", "0 to 64 threads"},
        {"dns-nsid: 0x0\n", "f.yaml:1:11: dns-nsid: hexadecimal digits behind 0x come in pairs"},
        {"dns-rate-allow: [192.0.2.0/24, 192.0.2.0/33]\n",
         "f.yaml:1:32: dns-rate-allow: '192.0.2.0/33' is not a block of addresses"},
        {"dns-cookies: maybe\n", "use one of off, on, enforce"},
        {"dns-cookie-secret-file: /nowhere/x\n",
         "f.yaml:1:25: dns-cookie-secret-file: cannot open '/nowhere/x': No such file"},
        {"dns-cookie-secret-file: /\n", "is a directory, not a file"},
    };
    check_refused(bad, sizeof(bad) / sizeof(bad[0]));
}

static void test_refused_ca(void)
{
    static const struct refused bad[] = {
        {"acme-server-url: http://ca.example/dir\n", "https:// only"},
        {"acme-server-url: ca.example/dir\n", "is not the https:// URL"},
        {"acme-server-url: 'https://'\n", "is not the https:// URL"},
        {"acme-server-url: 'https:///dir'\n", "is not the https:// URL"},
        {"acme-server-url: https://a b/\n", "is not the https:// URL"},
        {"acme-server-url: https://u:p@ca.example/\n", "is not the https:// URL"},
        {"acme-email: nobody\n", "is not one e-mail address"},
        {"acme-email: a@b.example,c@d.example\n", "is not one e-mail address"},
        {"acme-email: a@b.example?x=y\n", "is not one e-mail address"},
        {"acme-ca-file: /nowhere/ca.pem\n", "f.yaml:1:15: acme-ca-file: cannot open"},
        {"staging: maybe\n", "neither true nor false"},
        {"account-key-type: dsa\n",
         "use one of ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072, rsa-4096"},
    };
    check_refused(bad, sizeof(bad) / sizeof(bad[0]));
}

static void test_refused_process(void)
{
    static const struct refused bad[] = {
        {"state-dir: \"a\\nb\"\n", "'a\\x0ab' is not a path"},
        {"run-dir: "
         "/123456789/123456789/123456789/123456789/123456789/123456789/123456789/123456789/"
         "123456789/123456789\n",
         "which a socket in it cannot have"},
        {"user: root:root\n", "is not a user's name"},
        {"acme-zone: a.example\nuser: daemon\nsigner-user: daemon\n",
         "user and signer-user are both daemon"},
        {"acme-zone: a.example\ndns-user: certmill\n", "user and dns-user are both certmill"},
        {"acme-zone: a.example\ndns-user: x\nsigner-user: x\n",
         "dns-user and signer-user are both x"},
        {"log-level: LOUD\n", "use one of DEBUG, INFO, WARNING, ERROR, CRITICAL"},
        {"syslog-facility: LOG_NOBODY\n", "is not a syslog facility"},
        {"syslog-socket: syslog\n", "neither a path"},
        {"acme-zone: a.example\nsyslog-socket: /dev/log\n", "set without syslog-facility"},
    };
    check_refused(bad, sizeof(bad) / sizeof(bad[0]));
}

static void test_bounds(void)
{
    struct server_conf c;
    struct err err;
    char yaml[65 * 64] = "zones:\n";
    size_t len = strlen(yaml);

    for (int i = 0; i < 65; i++) {
        len += (size_t)snprintf(yaml + len, sizeof(yaml) - len,
                                "  - {name: z%d.example, nameservers: n.test}\n", i);
    }
    CU_ASSERT_EQUAL(load(&c, yaml, "h", &err), ERR_LIMIT);
    len = (size_t)snprintf(yaml, sizeof(yaml), "acme-zone: a.example\ndns-listen:\n");
    for (int i = 0; i < 17; i++) {
        len += (size_t)snprintf(yaml + len, sizeof(yaml) - len, "  - 127.0.0.1:%d\n", 1000 + i);
    }
    CU_ASSERT_EQUAL(load(&c, yaml, "h", &err), ERR_LIMIT);
    for (int blocks = LIMIT_RATE_ALLOW; blocks <= LIMIT_RATE_ALLOW + 1; blocks++) {
        len = (size_t)snprintf(yaml, sizeof(yaml), "acme-zone: a.example\ndns-rate-allow:\n");
        for (int i = 0; i < blocks; i++) {
            len += (size_t)snprintf(yaml + len, sizeof(yaml) - len, "  - 192.0.2.%d\n", i);
        }
        CU_ASSERT_EQUAL(load(&c, yaml, "h", &err), blocks > LIMIT_RATE_ALLOW ? ERR_LIMIT : 0);
        conf_clear(&server_conf_schema, &c);
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "dns-rate-allow has 65 blocks"));
}

/* Every number takes its least and its largest, and no more. */
static void test_ranges(void)
{
    static const struct {
        const char *key;
        int64_t min, max;
    } ranges[] = {
        {"dns-threads", 0, 64},           {"dns-udp-payload", 512, 4096},
        {"dns-tcp-clients", 1, 65536},    {"dns-tcp-clients-per-address", 1, 65536},
        {"dns-tcp-idle", 1, 600},         {"dns-tcp-lifetime", 1, 86400},
        {"dns-rate-answers", 0, 1000000}, {"dns-rate-nxdomain", 0, 1000000},
        {"dns-rate-errors", 0, 1000000},  {"dns-rate-slip", 0, 10},
        {"dns-rate-ipv4-prefix", 8, 32},  {"dns-rate-ipv6-prefix", 16, 128},
        {"dns-refused-drop", 0, 1000000}, {"renew-within", 0, 366},
        {"audit-size", 1, 4096},          {"audit-files", 2, 1000},
        {"notify-per-hour", 1, 10000},
    };
    size_t numbers = 0;

    for (size_t i = 0; i < server_conf_schema.count; i++) {
        numbers += server_conf_schema.options[i].type == CONF_INT;
    }
    CU_ASSERT_EQUAL(numbers, sizeof(ranges) / sizeof(ranges[0]));
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        const int64_t values[] = {ranges[i].min - 1, ranges[i].min, ranges[i].max,
                                  ranges[i].max + 1};

        for (size_t j = 0; j < 4; j++) {
            struct server_conf c;
            struct err err;
            char yaml[128];

            snprintf(yaml, sizeof(yaml), "acme-zone: a.example\n%s: %lld\n", ranges[i].key,
                     (long long)values[j]);
            int ret = load(&c, yaml, "h", &err);
            CU_ASSERT_EQUAL(ret, j == 1 || j == 2 ? 0 : ERR_RANGE);
            CU_ASSERT(ret == 0 || strstr(err.text, "f.yaml:2:") == err.text);
            conf_clear(&server_conf_schema, &c);
        }
    }
}

/* RFC 1035 3.3: a character-string has at most 255 octets. */
static void test_texts(void)
{
    static const char *const keys[] = {"dns-version", "dns-id", "dns-hostname"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        for (int len = 254; len <= 256; len++) {
            struct server_conf c;
            struct err err;
            char yaml[512];

            snprintf(yaml, sizeof(yaml), "acme-zone: a.example\n%s: %0*d\n", keys[i], len, 7);
            CU_ASSERT_EQUAL(load(&c, yaml, "h", &err) == 0, len <= 255);
            conf_clear(&server_conf_schema, &c);
        }
    }
}

static void test_environment(void)
{
    char zone_name[] = "CERTMILLD_ACME_ZONE=a.example",
         listen[] = "CERTMILLD_DNS_LISTEN=127.0.0.1:0 [::1]:0";
    char option[] = "--log-level=ERROR", *env[] = {zone_name, listen, NULL},
         *argv[] = {option, NULL};
    struct conf_input input = {.argc = 1, .argv = argv, .envp = env};
    struct server_conf c;
    struct err err = {0};

    CU_ASSERT_EQUAL_FATAL(conf_load(&server_conf_schema, &c, &input, &err), 0);
    CU_ASSERT_EQUAL(c.dns_listen.count, 2);
    CU_ASSERT_EQUAL(c.zones.count, 1);
    CU_ASSERT_STRING_EQUAL(c.log_level, "ERROR");
    conf_clear(&server_conf_schema, &c);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"defaults, from acme-zone alone", test_defaults},
        {"every key, printed and read back", test_all_keys},
        {"nameservers by default", test_nameservers},
        {"staging", test_staging},
        {"refused zones, with place and cure", test_refused_zones},
        {"refused nameserver, with place and cure", test_refused_nameserver},
        {"refused ca, with place and cure", test_refused_ca},
        {"refused process, with place and cure", test_refused_process},
        {"bounds", test_bounds},
        {"ranges of numbers", test_ranges},
        {"lengths of texts", test_texts},
        {"environment and command line", test_environment},
    };
    int fd = mkstemp(file), status;

    if (fd < 0) {
        return 2;
    }
    close(fd);
    status = RUN("server_conf", cases);
    unlink(file);
    return status;
}
