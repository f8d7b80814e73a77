#include "client/settings.h"

#include <stddef.h>
#include <string.h>

#include "client/sets.h"
#include "client/settings_check.h"

static const char *const levels[] = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", NULL};
static const char *const curves[] = {"P-256", "P-384", NULL};
static const char *const rsa_bits[] = {"2048", "3072", "4096", NULL};
static const char *const starttls[] = {"smtp", "imap", "pop3", "xmpp", "ldap", NULL};
static const char *const protocols[] = {"tcp", "udp", "sctp", NULL};

/* -- copies -- */

#define COPY_AT(field) offsetof(struct settings_copy, field)

static const struct conf_option copy_options[] = {
    {.key = "form",
     .type = CONF_WORD,
     .offset = COPY_AT(form),
     .fallback = "combined",
     .words = settings_copy_forms,
     .help = "combined (key, leaf, issuers: haproxy), chain, certificate, key, der, pkcs12."},
    {.key = "group",
     .type = CONF_STRING,
     .offset = COPY_AT(group),
     .max = LIMIT_WORD,
     .check = settings_check_name,
     .help = "Group of the file."},
    {.key = "mode",
     .type = CONF_STRING,
     .offset = COPY_AT(mode),
     .max = 4,
     .check = settings_check_mode,
     .help = "Mode of the file, in octal."},
    {.key = "owner",
     .type = CONF_STRING,
     .offset = COPY_AT(owner),
     .max = LIMIT_WORD,
     .check = settings_check_name,
     .help = "Owner of the file."},
    {.key = "password-file",
     .type = CONF_STRING,
     .offset = COPY_AT(password_file),
     .max = LIMIT_PATH - 1,
     .help = "pkcs12: file whose first line is the password."},
    {.key = "path",
     .type = CONF_STRING,
     .offset = COPY_AT(path),
     .max = LIMIT_PATH - 512,
     .check = settings_check_copy_path,
     .help = "Where it goes; {name} and {type} stand for the certificate's."},
};

static int check_copy(void *row, struct err *err)
{
    const struct settings_copy *copy = row;
    return copy->path == NULL ? err_set(err, ERR_NOT_FOUND, "a row of copies needs a path") : 0;
}

const struct conf_schema settings_copy_schema = {
    .program = "certmill",
    .env_prefix = "CERTMILL",
    .options = copy_options,
    .count = sizeof(copy_options) / sizeof(copy_options[0]),
    .size = sizeof(struct settings_copy),
    .check = check_copy,
};

/* -- the file -- */

#define AT(field) offsetof(struct settings, field)

static const struct conf_option options[] = {
    {.key = "acme-server-url",
     .type = CONF_STRING,
     .offset = AT(acme_server_url),
     .max = LIMIT_URL,
     .check = settings_check_word,
     .help = "Directory of the CA, where the server is configured for more than one."},
    {.key = "acme-zone",
     .type = CONF_STRING,
     .offset = AT(acme_zone),
     .max = LIMIT_DOMAIN_TEXT,
     .check = settings_check_zone,
     .help =
         "Zone of the server that challenges are answered from; by default the server is asked."},
    {.key = "add-www",
     .type = CONF_BOOL,
     .offset = AT(add_www),
     .help = "Add www.NAME to sets for each NAME of two labels in them, as example.org has (and "
             "example.co.uk has not), unless a set has it or the set has *.NAME."},
    {.key = "alternate-chain",
     .type = CONF_BOOL,
     .offset = AT(alternate_chain),
     .help = "Taken for certgrinder's sake, and without effect: preferred-chain names the chain."},
    {.key = "authority",
     .type = CONF_STRING,
     .offset = AT(authority),
     .max = LIMIT_WORD,
     .check = settings_check_word,
     .help = "Name of the CA among those of the server."},
    {.key = "caa-validation-methods",
     .type = CONF_STRINGS,
     .offset = AT(caa_validation_methods),
     .fallback = "dns-01",
     .separator = ',',
     .check = settings_check_method,
     .help = "Validation methods in CAA records (RFC 8657)."},
    {.key = "cert-renew-threshold-days",
     .type = CONF_INT,
     .offset = AT(cert_renew_threshold_days),
     .fallback = "0",
     .max = 3650,
     .unit = "days",
     .help = "Renew when less is left. 0: when the CA says so, else in the last third of the "
             "lifetime."},
    {.key = "certgrinderd",
     .type = CONF_STRING,
     .offset = AT(certgrinderd),
     .max = LIMIT_COMMAND,
     .check = settings_check_command,
     .help = "Command that reaches the server, split into words as a shell does; for example \"ssh "
             "-T acme@ns1.example.com --\"."},
    {.key = "copies",
     .type = CONF_TABLE,
     .offset = AT(copies),
     .table = &settings_copy_schema,
     .help = "More files to be made of each certificate."},
    {.key = "debug",
     .letter = 'd',
     .type = CONF_BOOL,
     .offset = AT(debug),
     .help = "The same as log-level DEBUG."},
    {.key = "domain-list",
     .letter = 'D',
     .type = CONF_STRINGS,
     .offset = AT(domain_list),
     .separator = ';',
     .check = settings_check_set,
     .help = "Sets of names, each for one certificate a key type; names divided by commas, the "
             "first one names the files. Sets in one option or variable are divided by ;."},
    {.key = "ecdsa-curve",
     .type = CONF_WORD,
     .offset = AT(ecdsa_curve),
     .fallback = "P-384",
     .words = curves,
     .help = "Curve of new ECDSA keys."},
    {.key = "expected-chain-length",
     .type = CONF_INT,
     .offset = AT(expected_chain_length),
     .fallback = "0",
     .max = 10,
     .unit = "certificates",
     .help = "Refuse a chain of another length; 0 takes any."},
    {.key = "group",
     .type = CONF_STRING,
     .offset = AT(group),
     .max = LIMIT_WORD,
     .check = settings_check_name,
     .help = "Group of the files; by default that of the files they replace."},
    {.key = "hook-timeout",
     .type = CONF_INT,
     .offset = AT(hook_timeout),
     .fallback = "300",
     .min = 1,
     .max = 86400,
     .unit = "seconds",
     .help = "How long each post-renew hook may run."},
    {.key = "invalid-ca-cn-list",
     .type = CONF_STRINGS,
     .offset = AT(invalid_ca_cn_list),
     .fallback = "Fake LE Intermediate X1,Fake LE Intermediate X2",
     .separator = ',',
     .max = 256,
     .help = "Common names of issuers whose certificates are renewed at once, as test CAs are."},
    {.key = "jobs",
     .type = CONF_INT,
     .offset = AT(jobs),
     .fallback = "4",
     .min = 1,
     .max = LIMIT_JOBS,
     .help = "How many certificates are asked for at once."},
    {.key = "json",
     .type = CONF_BOOL,
     .offset = AT(json),
     .help = "Print what show and check find as JSON."},
    {.key = "keep-old",
     .type = CONF_INT,
     .offset = AT(keep_old),
     .fallback = "1",
     .max = 100,
     .help = "How many previous sets of files are kept."},
    {.key = "key-type-list",
     .letter = 'k',
     .type = CONF_STRINGS,
     .offset = AT(key_type_list),
     .fallback = "rsa ecdsa",
     .separator = ' ',
     .check = settings_check_key_type,
     .help = "Types of key: rsa, ecdsa."},
    {.key = "log-level",
     .letter = 'l',
     .type = CONF_WORD,
     .offset = AT(log_level),
     .fallback = "INFO",
     .words = levels,
     .help = "What to log, here and on the server."},
    {.key = "mode",
     .type = CONF_STRING,
     .offset = AT(mode),
     .fallback = "0640",
     .max = 4,
     .check = settings_check_mode,
     .help = "Mode of the files, in octal; nothing for others."},
    {.key = "name-server",
     .letter = 'n',
     .type = CONF_STRING,
     .offset = AT(name_server),
     .max = 128,
     .check = settings_check_word,
     .help = "Resolver to ask, an address, perhaps with @PORT; by default those of the system."},
    {.key = "now", .type = CONF_BOOL, .offset = AT(now), .help = "periodic: do not sleep first."},
    {.key = "owner",
     .type = CONF_STRING,
     .offset = AT(owner),
     .max = LIMIT_WORD,
     .check = settings_check_name,
     .help = "Owner of the files; by default that of the files they replace."},
    {.key = "path",
     .type = CONF_STRING,
     .offset = AT(path),
     .max = LIMIT_PATH - 512,
     .help = "Folder of keys and certificates."},
    {.key = "periodic-sleep-minutes",
     .type = CONF_INT,
     .offset = AT(periodic_sleep_minutes),
     .fallback = "60",
     .max = 1440,
     .unit = "minutes",
     .help = "periodic sleeps at random up to this long first."},
    {.key = "pid-dir",
     .letter = 'p',
     .type = CONF_STRING,
     .offset = AT(pid_dir),
     .max = LIMIT_PATH - 512,
     .help = "Folder of lock files; by default within path."},
    {.key = "post-renew-hooks",
     .type = CONF_STRINGS,
     .offset = AT(post_renew_hooks),
     .check = settings_check_command,
     .help = "Commands to run, once, after certificates were renewed; split into words as a shell "
             "does."},
    {.key = "post-renew-hooks-dir",
     .type = CONF_STRING,
     .offset = AT(post_renew_hooks_dir),
     .max = LIMIT_PATH - 512,
     .help = "Folder of programs to run then, in the order of their names."},
    {.key = "post-renew-hooks-dir-runner",
     .type = CONF_STRING,
     .offset = AT(post_renew_hooks_dir_runner),
     .max = LIMIT_PATH - 512,
     .help = "Program that runs those, for example /bin/sh; by default they run by themselves."},
    {.key = "preferred-chain",
     .type = CONF_STRING,
     .offset = AT(preferred_chain),
     .max = 256,
     .check = settings_check_chain,
     .help = "Name of the issuer whose chain to take where the CA offers several; spaces or "
             "underscores."},
    {.key = "profile",
     .type = CONF_STRING,
     .offset = AT(profile),
     .max = LIMIT_WORD,
     .check = settings_check_word,
     .help = "Profile of certificate, among those that the CA offers."},
    {.key = "quiet",
     .letter = 'q',
     .type = CONF_BOOL,
     .offset = AT(quiet),
     .help = "Say nothing unless something is wrong."},
    {.key = "rsa-bits",
     .type = CONF_WORD,
     .offset = AT(rsa_bits),
     .fallback = "4096",
     .words = rsa_bits,
     .help = "Length of new RSA keys."},
    {.key = "scan",
     .type = CONF_STRING,
     .offset = AT(scan),
     .max = LIMIT_PATH - 512,
     .help = "renew: folder of keys and certificates to renew, whatever they are named."},
    {.key = "server",
     .type = CONF_STRING,
     .offset = AT(server),
     .max = LIMIT_COMMAND,
     .check = settings_check_command,
     .help = "Another name of certgrinderd."},
    {.key = "server-timeout",
     .type = CONF_INT,
     .offset = AT(server_timeout),
     .fallback = "720",
     .min = 1,
     .max = 86400,
     .unit = "seconds",
     .help = "How long to wait for the server's answer."},
    {.key = "staging",
     .letter = 's',
     .type = CONF_BOOL,
     .offset = AT(staging),
     .help = "Use the CA's staging server."},
    {.key = "starttls",
     .type = CONF_WORD,
     .offset = AT(starttls),
     .words = starttls,
     .help = "check service: protocol that TLS is asked for in."},
    {.key = "syslog-facility",
     .type = CONF_STRING,
     .offset = AT(syslog_facility),
     .help = "Log to syslog, with this facility, LOG_DAEMON for example."},
    {.key = "syslog-socket",
     .type = CONF_STRING,
     .offset = AT(syslog_socket),
     .help = "Socket of syslog, a path or host:port; /dev/log by default."},
    {.key = "tlsa-port",
     .type = CONF_INT,
     .offset = AT(tlsa_port),
     .fallback = "0",
     .max = 65535,
     .help = "Port of TLSA records, where the command does not give it; 0: none."},
    {.key = "tlsa-protocol",
     .type = CONF_WORD,
     .offset = AT(tlsa_protocol),
     .words = protocols,
     .help = "Protocol of TLSA records, where the command does not give it."},
    {.key = "tlsa-type-list",
     .type = CONF_STRINGS,
     .offset = AT(tlsa_type_list),
     .fallback = "310 311 312",
     .separator = ' ',
     .check = settings_check_tlsa_type,
     .help = "Usage, selector and matching type of TLSA records: 310, 311, 312, 211, 301."},
    {.key = "trust-anchor",
     .type = CONF_STRING,
     .offset = AT(trust_anchor),
     .fallback = "/usr/share/dns/root.key",
     .max = LIMIT_PATH - 1,
     .help = "File of the DNS root's key, for validate."},
    {.key = "validate",
     .type = CONF_BOOL,
     .offset = AT(validate),
     .help = "Validate DNS answers (DNSSEC) here, from the trust anchor down, instead of taking a "
             "local resolver's word."},
};

static int check_all(void *conf, struct err *err)
{
    const struct settings *s = conf;
    struct sets sets;
    if (s->certgrinderd != NULL && s->server != NULL) {
        return err_set(err, ERR_EXISTS,
                       "certgrinderd and server are two names of one key: give one of them");
    }
    int ret = sets_parse(&sets, s->domain_list.items, s->domain_list.count, s->add_www, err);
    if (ret == 0) {
        sets_clear(&sets);
    }
    return ret;
}

/* Those of certmill-shell, and those that hooks find (client/hooks.h), who may call us again. */
static const char *const ignored[] = {"CERTMILL_SOCKET", "CERTMILL_NAMES", "CERTMILL_DOMAINS",
                                      "CERTMILL_PATHS", NULL};

const struct conf_schema settings_schema = {
    .program = "certmill",
    .env_prefix = "CERTMILL",
    .env_older = "CERTGRINDER",
    .options = options,
    .count = sizeof(options) / sizeof(options[0]),
    .size = sizeof(struct settings),
    .check = check_all,
    .env_ignore = ignored,
    .yaml11 = true, /* certgrinder's files */
};

enum log_level settings_level(const struct settings *settings)
{
    enum log_level level = LOG_LEVEL_INFO;
    log_level_parse(settings->log_level, &level);
    if (settings->debug) {
        return LOG_LEVEL_DEBUG;
    }
    return settings->quiet && level < LOG_LEVEL_WARNING ? LOG_LEVEL_WARNING : level;
}

const char *settings_server(const struct settings *settings)
{
    return settings->server != NULL ? settings->server : settings->certgrinderd;
}
