#include "supervisor/settings.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/self.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The slot of argv or envp which names the file, and where in it the path begins. */
static char **find_slot(const struct settings_source *source, size_t *prefix)
{
    static const char *const variables[] = {"CERTMILLD_CONFIG=", "CERTMILLD_CONFIG_FILE="};
    char **found = NULL;

    for (char **e = source->envp; *e != NULL; e++) {
        for (size_t i = 0; i < COUNT(variables); i++) {
            if (strncmp(*e, variables[i], strlen(variables[i])) == 0) {
                found = e;
                *prefix = strlen(variables[i]);
            }
        }
    }
    for (int a = 0; a < source->argc && strcmp(source->argv[a], "--") != 0; a++) {
        const char *equals = strchr(source->argv[a], '=');
        size_t len = strcspn(source->argv[a], "=");
        if (!conf_names_file(source->argv[a], len)) {
            continue;
        }
        if (equals != NULL) {
            found = &source->argv[a];
            *prefix = len + 1;
        } else if (a + 1 < source->argc) {
            found = &source->argv[a + 1];
            *prefix = 0;
        }
    }
    return found;
}

int settings_enter(struct settings_source *source, char **path, struct err *err)
{
    size_t prefix = 0;
    char **slot = find_slot(source, &prefix);
    char absolute[PATH_MAX], folder[PATH_MAX];

    *path = NULL;
    if (slot == NULL || realpath(*slot + prefix, absolute) == NULL) {
        return 0; /* none, or conf_load will say what is wrong with it */
    }
    snprintf(folder, sizeof(folder), "%s", absolute);
    if (chdir(dirname(folder)) < 0) {
        return err_set(err, -errno, "cannot enter the folder of %s: %s", absolute,
                       err_string(-errno));
    }
    if (asprintf(path, "%.*s%s", (int)prefix, *slot, absolute) < 0) {
        *path = NULL;
        return err_set(err, -ENOMEM, "out of memory");
    }
    *slot = *path;
    return 0;
}

static int make_absolute(char **path, const char *folder)
{
    char *absolute;

    if (*path == NULL || **path == '/') {
        return 0;
    }
    if (asprintf(&absolute, "%s%s%s", folder, strcmp(folder, "/") == 0 ? "" : "/", *path) < 0) {
        return -ENOMEM;
    }
    free(*path);
    *path = absolute;
    return 0;
}

static int make_paths_absolute(struct server_conf *conf, struct err *err)
{
    struct server_conf_zone *zones = conf->zones.rows;
    char folder[PATH_MAX];
    int ret = 0;

    if (getcwd(folder, sizeof(folder)) == NULL) {
        return err_set(err, -errno, "the current folder is gone: %s", err_string(-errno));
    }
    ret |= make_absolute(&conf->state_dir, folder);
    ret |= make_absolute(&conf->run_dir, folder);
    ret |= make_absolute(&conf->acme_ca_file, folder);
    ret |= make_absolute(&conf->dns_cookie_secret_file, folder);
    for (size_t i = 0; i < conf->zones.count; i++) {
        ret |= make_absolute(&zones[i].file, folder);
    }
    return ret < 0 ? err_set(err, -ENOMEM, "out of memory") : 0;
}

int settings_load(const struct settings_source *source, struct server_conf *conf, struct err *err)
{
    struct conf_input input = {.argc = source->argc, .argv = source->argv, .envp = source->envp};

    int ret = conf_load(&server_conf_schema, conf, &input, err);
    if (ret == 0) {
        ret = make_paths_absolute(conf, err);
    }
    if (ret < 0) {
        conf_clear(&server_conf_schema, conf);
    }
    free(input.file_used);
    return ret;
}

static void warn_fixed(struct log *log, const char *key)
{
    log_warning(log, NULL, "%s has changed, which takes effect at the next start", key);
}

static int keep_string(const char *key, char **fresh, const char *old, struct log *log)
{
    if ((*fresh == NULL && old == NULL) ||
        (*fresh != NULL && old != NULL && strcmp(*fresh, old) == 0)) {
        return 0;
    }
    char *copy = old != NULL ? strdup(old) : NULL;
    if (old != NULL && copy == NULL) {
        return -ENOMEM;
    }
    free(*fresh);
    *fresh = copy;
    warn_fixed(log, key);
    return 0;
}

static void keep_int(const char *key, int64_t *fresh, int64_t old, struct log *log)
{
    if (*fresh != old) {
        *fresh = old;
        warn_fixed(log, key);
    }
}

static bool same_strings(const struct conf_strings *a, const struct conf_strings *b)
{
    bool same = a->count == b->count;

    for (size_t i = 0; same && i < a->count; i++) {
        same = strcmp(a->items[i], b->items[i]) == 0;
    }
    return same;
}

int settings_keep_fixed(struct server_conf *fresh, const struct server_conf *old, struct log *log)
{
    int ret = 0;

    ret |= keep_string("state-dir", &fresh->state_dir, old->state_dir, log);
    ret |= keep_string("run-dir", &fresh->run_dir, old->run_dir, log);
    ret |= keep_string("user", &fresh->user, old->user, log);
    ret |= keep_string("dns-user", &fresh->dns_user, old->dns_user, log);
    ret |= keep_string("signer-user", &fresh->signer_user, old->signer_user, log);
    ret |= keep_string("log-format", &fresh->log_format, old->log_format, log);
    ret |= keep_string("syslog-facility", &fresh->syslog_facility, old->syslog_facility, log);
    ret |= keep_string("syslog-socket", &fresh->syslog_socket, old->syslog_socket, log);
    keep_int("dns-threads", &fresh->dns_threads, old->dns_threads, log);
    keep_int("dns-udp-payload", &fresh->dns_udp_payload, old->dns_udp_payload, log);
    keep_int("dns-tcp-clients", &fresh->dns_tcp_clients, old->dns_tcp_clients, log);
    if (!same_strings(&fresh->dns_listen, &old->dns_listen)) {
        warn_fixed(log, "dns-listen"); /* the sockets are there already: nobody reads it again */
    }
    return ret < 0 ? -ENOMEM : 0;
}

size_t settings_workers(const struct server_conf *conf)
{
    size_t count = conf->dns_threads > 0 ? (size_t)conf->dns_threads : self_cores();

    return count < LIMIT_DNS_THREADS ? count : LIMIT_DNS_THREADS;
}

struct server_conf settings_for(enum ipc_role role, const struct server_conf *conf)
{
    struct server_conf own = *conf;

    if (role != IPC_ROLE_ISSUER) {
        own.clients = (struct conf_table){0};
        own.prefer = (struct conf_table){0};
    }
    if (role == IPC_ROLE_DNSD) {
        own.authorities = (struct conf_table){0};
    }
    return own;
}
