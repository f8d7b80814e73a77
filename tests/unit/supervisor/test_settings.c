#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "suite.h"
#include "supervisor/files.h"
#include "supervisor/settings.h"

static char folder[] = "/tmp/test_settingsXXXXXX";

static void put_as(const char *name, const char *text, mode_t mode)
{
    struct err err = {0};
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    CU_ASSERT_EQUAL_FATAL(file_write_atomic(AT_FDCWD, path, text, strlen(text), mode, &err), 0);
}

static void put(const char *name, const char *text)
{
    put_as(name, text, 0644);
}

static void in_folder(char *dst, size_t cap, const char *name)
{
    char *real = realpath(folder, NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(real);
    snprintf(dst, cap, "%s/%s", real, name);
    free(real);
}

static int load(char *option, char *value, char *variable, struct server_conf *conf,
                struct err *err)
{
    char *argv[] = {option, value, NULL}, *envp[] = {variable, NULL}, *path;
    struct settings_source source = {option == NULL ? 0 : value == NULL ? 1 : 2, argv, envp};

    CU_ASSERT_EQUAL_FATAL(settings_enter(&source, &path, err), 0);
    int ret = settings_load(&source, conf, err);
    free(path);
    CU_ASSERT_EQUAL(chdir("/"), 0);
    return ret;
}

static const char conf_text[] = "zones:\n"
                                "  - name: acme.example.com\n"
                                "    file: sub.zone\n"
                                "state-dir: state\n"
                                "run-dir: /run/x\n";

static void expect_loaded(char *option, char *value, char *variable)
{
    struct server_conf conf;
    struct err err = {0};
    char expected[160];

    int ret = load(option, value, variable, &conf, &err);
    CU_ASSERT_EQUAL(ret, 0);
    if (ret < 0) {
        fprintf(stderr, "%s\n", err.text);
        return;
    }
    in_folder(expected, sizeof(expected), "state");
    CU_ASSERT_STRING_EQUAL(conf.state_dir, expected);
    CU_ASSERT_STRING_EQUAL(conf.run_dir, "/run/x");
    in_folder(expected, sizeof(expected), "sub.zone");
    CU_ASSERT_STRING_EQUAL(((struct server_conf_zone *)conf.zones.rows)[0].file, expected);
    conf_clear(&server_conf_schema, &conf);
}

static void test_paths(void)
{
    char path[128], joined[160], variable[160], config[] = "--config", c[] = "-c";

    put("c.yaml", conf_text);
    put("sub.zone", "; nothing\n");
    snprintf(path, sizeof(path), "%s/c.yaml", folder);
    snprintf(joined, sizeof(joined), "--config=%s", path);
    snprintf(variable, sizeof(variable), "CERTMILLD_CONFIG=%s", path);
    expect_loaded(config, path, NULL);
    expect_loaded(c, path, NULL);
    expect_loaded(joined, NULL, NULL);
    expect_loaded(NULL, NULL, variable);
    CU_ASSERT_EQUAL(chdir(folder), 0);
    snprintf(path, sizeof(path), "c.yaml");
    expect_loaded(config, path, NULL);
}

static void test_bad(void)
{
    struct server_conf conf;
    struct err err = {0};
    char path[128], config[] = "--config", word[] = "start";

    snprintf(path, sizeof(path), "%s/bad.yaml", folder);
    put("bad.yaml", "acme-zone: acme.example.com\nbogus: 1\n");
    CU_ASSERT(load(config, path, NULL, &conf, &err) < 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "bad.yaml:2:1"));
    snprintf(path, sizeof(path), "%s/missing.yaml", folder);
    CU_ASSERT(load(config, path, NULL, &conf, &err) < 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "missing.yaml"));
    char zone[] = "CERTMILLD_ACME_ZONE=acme.example.com";
    CU_ASSERT_EQUAL(load(word, NULL, zone, &conf, &err), ERR_UNKNOWN);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "start"));
}

static void test_fixed(void)
{
    struct server_conf old, fresh;
    struct err err = {0};
    char path[128], config[] = "--config";

    snprintf(path, sizeof(path), "%s/c.yaml", folder);
    put("c.yaml", "acme-zone: a.example\nstate-dir: one\nuser: u\nlog-level: INFO\n"
                  "dns-rate-answers: 7\n");
    CU_ASSERT_EQUAL_FATAL(load(config, path, NULL, &old, &err), 0);
    snprintf(path, sizeof(path), "%s/c.yaml", folder);
    put("c.yaml", "acme-zone: b.example\nstate-dir: two\nuser: v\nlog-level: DEBUG\n"
                  "syslog-facility: LOG_DAEMON\ndns-listen: 127.0.0.1:1\ndns-udp-payload: 512\n"
                  "dns-tcp-clients: 7\ndns-rate-answers: 8\n");
    CU_ASSERT_EQUAL_FATAL(load(config, path, NULL, &fresh, &err), 0);
    CU_ASSERT_EQUAL(settings_keep_fixed(&fresh, &old, NULL), 0);
    CU_ASSERT_STRING_EQUAL(fresh.state_dir, old.state_dir);
    CU_ASSERT_STRING_EQUAL(fresh.user, "u");
    CU_ASSERT_PTR_NULL(fresh.syslog_facility);
    CU_ASSERT_STRING_EQUAL(fresh.log_level, "DEBUG");
    CU_ASSERT_EQUAL(fresh.dns_udp_payload, 1232);
    CU_ASSERT_EQUAL(fresh.dns_tcp_clients, 1024);
    CU_ASSERT_EQUAL(fresh.dns_rate_answers, 8);
    CU_ASSERT_STRING_EQUAL(fresh.acme_zone, "b.example");
    conf_clear(&server_conf_schema, &old);
    conf_clear(&server_conf_schema, &fresh);
}

static void test_workers(void)
{
    struct server_conf conf = {.dns_threads = 3};

    CU_ASSERT_EQUAL(settings_workers(&conf), 3);
    conf.dns_threads = 0;
    CU_ASSERT(settings_workers(&conf) >= 1 && settings_workers(&conf) <= LIMIT_DNS_THREADS);
}

static void test_zone_files(void)
{
    struct server_conf conf;
    struct files files, copy;
    struct err err = {0};
    char path[128], config[] = "--config", text[64];

    snprintf(path, sizeof(path), "%s/c.yaml", folder);
    put("c.yaml", conf_text);
    put("sub.zone", "first");
    CU_ASSERT_EQUAL_FATAL(load(config, path, NULL, &conf, &err), 0);
    CU_ASSERT_EQUAL_FATAL(files_read(&files, &conf, &err), 0);
    CU_ASSERT_EQUAL_FATAL(files.count, 1);
    CU_ASSERT_EQUAL(write(files.items[0].fd, "x", 1), -1);
    CU_ASSERT_EQUAL(ftruncate(files.items[0].fd, 0), -1);
    put("sub.zone", "second");
    for (int i = 0; i < 2; i++) { /* each copy starts at the beginning */
        CU_ASSERT_EQUAL_FATAL(files_reopen(&copy, &files, IPC_ROLE_ISSUER, &err), 0);
        CU_ASSERT_EQUAL(copy.count, 1);
        CU_ASSERT_EQUAL(read(copy.items[0].fd, text, sizeof(text)), 5);
        CU_ASSERT_EQUAL(memcmp(text, "first", 5), 0);
        CU_ASSERT_EQUAL(write(copy.items[0].fd, "x", 1), -1);
        files_clear(&copy);
    }
    files_clear(&files);
    suite_remove(((struct server_conf_zone *)conf.zones.rows)[0].file);
    CU_ASSERT_EQUAL(files_read(&files, &conf, &err), -ENOENT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "sub.zone"));
    CU_ASSERT_EQUAL(files.count, 0);
    conf_clear(&server_conf_schema, &conf);
}

static void expect_refused(const char *secrets, const char *part)
{
    struct server_conf conf;
    struct files files;
    struct err err = {0};
    char path[128], config[] = "--config";

    put_as("cookies", secrets, 0640);
    snprintf(path, sizeof(path), "%s/c.yaml", folder);
    CU_ASSERT_EQUAL_FATAL(load(config, path, NULL, &conf, &err), 0);
    CU_ASSERT(files_read(&files, &conf, &err) < 0);
    CU_ASSERT_EQUAL(files.count, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "dns-cookie-secret-file: /"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, part));
    CU_ASSERT_PTR_NULL(strstr(err.text, "e5e973e5")); /* secrets are not for the log */
    conf_clear(&server_conf_schema, &conf);
}

#define SECRET "e5e973e5a6b2a43f48e7dc849e37bfcf\n" /* RFC 9018 A */

static void test_secret_file(void)
{
    struct server_conf conf;
    struct files files, copy;
    struct err err = {0};
    char path[128], config[] = "--config", text[64], expected[160];

    snprintf(path, sizeof(path), "%s/c.yaml", folder);
    put("c.yaml", "zones: [{name: a.example, file: sub.zone}]\ndns-cookie-secret-file: cookies\n");
    put("sub.zone", "zone");
    put_as("cookies", "# first\n" SECRET, 0640);
    CU_ASSERT_EQUAL_FATAL(load(config, path, NULL, &conf, &err), 0);
    in_folder(expected, sizeof(expected), "cookies");
    CU_ASSERT_STRING_EQUAL(conf.dns_cookie_secret_file, expected);
    CU_ASSERT_EQUAL_FATAL(files_read(&files, &conf, &err), 0);
    CU_ASSERT_EQUAL_FATAL(files_reopen(&copy, &files, IPC_ROLE_SIGNER, &err), 0);
    CU_ASSERT_EQUAL(copy.count, 0);
    CU_ASSERT_EQUAL_FATAL(files_reopen(&copy, &files, IPC_ROLE_ISSUER, &err), 0);
    CU_ASSERT_EQUAL_FATAL(copy.count, 1);
    CU_ASSERT_EQUAL(copy.items[0].kind, IPC_FILE_ZONE);
    files_clear(&copy);
    CU_ASSERT_EQUAL_FATAL(files_reopen(&copy, &files, IPC_ROLE_DNSD, &err), 0);
    CU_ASSERT_EQUAL_FATAL(copy.count, 1);
    CU_ASSERT_EQUAL(copy.items[0].kind, IPC_FILE_COOKIE_SECRETS);
    CU_ASSERT_EQUAL(read(copy.items[0].fd, text, sizeof(text)), 8 + 33);
    CU_ASSERT_EQUAL(memcmp(text + 8, SECRET, 33), 0);
    CU_ASSERT_EQUAL(write(copy.items[0].fd, "x", 1), -1);
    files_clear(&copy);
    files_clear(&files);
    conf_clear(&server_conf_schema, &conf);
}

static void test_bad_secret_file(void)
{
    struct server_conf conf;
    struct err err = {0};
    char path[128], config[] = "--config", large[LIMIT_COOKIE_FILE + 2];

    expect_refused("", "there is no secret in it");
    expect_refused("\n# nothing\n", "there is no secret in it");
    expect_refused(SECRET "e5e973e5a6b2a43f48e7dc849e37bfc\n", "line 2: a secret has 32");
    expect_refused("e5e973e5a6b2a43f48e7dc849e37bfcg\n", "line 1: a secret has 32");
    expect_refused(SECRET SECRET SECRET SECRET, "line 4: more than 3 secrets");
    memset(large, '\n', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    snprintf(path, sizeof(path), "%s/c.yaml", folder);
    put_as("cookies", large, 0640);
    CU_ASSERT_EQUAL(load(config, path, NULL, &conf, &err), ERR_LIMIT);
    put_as("cookies", SECRET, 0644);
    CU_ASSERT_EQUAL(load(config, path, NULL, &conf, &err), ERR_PERMISSION);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "c.yaml:2:25: dns-cookie-secret-file: "));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "chmod o= 'cookies'"));
}

static void test_for_roles(void)
{
    const struct server_conf conf = {
        .acme_zone = (char *)"acme.example.com",
        .clients = {.rows = (void *)(uintptr_t)1, .count = 1},
        .prefer = {.rows = (void *)(uintptr_t)1, .count = 2},
        .authorities = {.rows = (void *)(uintptr_t)1, .count = 3},
    };

    CU_ASSERT_EQUAL(settings_for(IPC_ROLE_ISSUER, &conf).clients.count, 1);
    CU_ASSERT_EQUAL(settings_for(IPC_ROLE_ISSUER, &conf).prefer.count, 2);
    CU_ASSERT_EQUAL(settings_for(IPC_ROLE_SIGNER, &conf).clients.count, 0);
    CU_ASSERT_EQUAL(settings_for(IPC_ROLE_SIGNER, &conf).authorities.count, 3);
    CU_ASSERT_EQUAL(settings_for(IPC_ROLE_DNSD, &conf).clients.count, 0);
    CU_ASSERT_EQUAL(settings_for(IPC_ROLE_DNSD, &conf).authorities.count, 0);
    CU_ASSERT_STRING_EQUAL(settings_for(IPC_ROLE_DNSD, &conf).acme_zone, "acme.example.com");
}

int main(void)
{
    static const struct suite_case cases[] = {
        {"relative paths start at the file's folder", test_paths},
        {"errors say where", test_bad},
        {"what only a new start can change stays", test_fixed},
        {"workers", test_workers},
        {"each child gets what it needs", test_for_roles},
        {"zone files are snapshots", test_zone_files},
        {"each child gets its own files", test_secret_file},
        {"a file of cookie secrets that is none", test_bad_secret_file},
    };
    if (mkdtemp(folder) == NULL) {
        return 2;
    }
    int ret = suite_run("settings", cases, SUITE_COUNT(cases));
    suite_remove(folder);
    return ret;
}
