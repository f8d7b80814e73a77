#include "client/settings.h"

#include <stddef.h>
#include <string.h>

#include "client/files.h"
#include "client/sets.h"
#include "common/words.h"

static int check_set(const char *value, struct err *err)
{
    struct set set;
    int ret = set_parse(&set, value, err);
    if (ret == 0) {
        set_clear(&set);
    }
    return ret;
}

static int check_key_type(const char *value, struct err *err)
{
    enum key_type type;
    if (key_type_parse(value, &type) < 0) {
        return err_set(err, ERR_RANGE, "'%.100s' is no type of key: rsa and ecdsa are", value);
    }
    return 0;
}

static int check_command(const char *value, struct err *err)
{
    struct words words;
    int ret = words_split(&words, value, " \t\n", err);
    if (ret < 0) {
        return ret;
    }
    if (words.count == 0) {
        ret = err_set(err, ERR_MALFORMED, "the command that reaches the server is empty");
    }
    words_clear(&words);
    return ret;
}

/* Becomes one word of a command on the server, where nothing may divide it. */
static int check_word(const char *value, struct err *err)
{
    for (const char *p = value; *p != '\0'; p++) {
        if ((unsigned char)*p <= 0x20 || *p == 0x7f || strchr("'\"\\", *p) != NULL) {
            return err_set(err, ERR_MALFORMED, "a blank, quote or control character in a URL");
        }
    }
    return 0;
}

static int check_chain(const char *value, struct err *err)
{
    for (const char *p = value; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f || strchr("'\"\\", *p) != NULL) {
            return err_set(err, ERR_MALFORMED, "a quote or control character in an issuer's name");
        }
    }
    return 0;
}

static const char *const levels[] = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", NULL};

#define AT(field) offsetof(struct settings, field)

static const struct conf_option options[] = {
    {.key = "acme-server-url",
     .type = CONF_STRING,
     .offset = AT(acme_server_url),
     .max = LIMIT_URL,
     .check = check_word,
     .help = "Directory of the CA, where the server is configured for more than one."},
    {.key = "certgrinderd",
     .type = CONF_STRING,
     .offset = AT(certgrinderd),
     .max = LIMIT_COMMAND,
     .check = check_command,
     .help = "Command that reaches the server, split into words as a shell does; for example "
             "\"ssh -T acme@ns1.example.com --\"."},
    {.key = "debug",
     .letter = 'd',
     .type = CONF_BOOL,
     .offset = AT(debug),
     .help = "The same as log-level DEBUG."},
    {.key = "domain-list",
     .letter = 'D',
     .type = CONF_STRINGS,
     .offset = AT(domain_list),
     .check = check_set,
     .help = "Sets of names, each for one certificate a key type; names divided by commas, the "
             "first one names the files."},
    {.key = "expected-chain-length",
     .type = CONF_INT,
     .offset = AT(expected_chain_length),
     .fallback = "0",
     .max = 10,
     .unit = "certificates",
     .help = "Refuse a chain of another length; 0 takes any."},
    {.key = "key-type-list",
     .letter = 'k',
     .type = CONF_STRINGS,
     .offset = AT(key_type_list),
     .fallback = "rsa ecdsa",
     .separator = ' ',
     .check = check_key_type,
     .help = "Types of key: rsa, ecdsa."},
    {.key = "log-level",
     .letter = 'l',
     .type = CONF_WORD,
     .offset = AT(log_level),
     .fallback = "INFO",
     .words = levels,
     .help = "What to log, here and on the server."},
    {.key = "path",
     .type = CONF_STRING,
     .offset = AT(path),
     .max = LIMIT_PATH - 512,
     .help = "Folder of keys and certificates."},
    {.key = "preferred-chain",
     .type = CONF_STRING,
     .offset = AT(preferred_chain),
     .max = 256,
     .check = check_chain,
     .help = "Name of the issuer whose chain to take where the CA offers several; spaces or "
             "underscores."},
    {.key = "quiet",
     .letter = 'q',
     .type = CONF_BOOL,
     .offset = AT(quiet),
     .help = "Say nothing unless something is wrong."},
    {.key = "server",
     .type = CONF_STRING,
     .offset = AT(server),
     .max = LIMIT_COMMAND,
     .check = check_command,
     .help = "Another name of certgrinderd."},
    {.key = "staging",
     .letter = 's',
     .type = CONF_BOOL,
     .offset = AT(staging),
     .help = "Use the CA's staging server."},
    {.key = "syslog-facility",
     .type = CONF_STRING,
     .offset = AT(syslog_facility),
     .help = "Log to syslog, with this facility, LOG_DAEMON for example."},
    {.key = "syslog-socket",
     .type = CONF_STRING,
     .offset = AT(syslog_socket),
     .help = "Socket of syslog, a path or host:port; /dev/log by default."},
};

static int check_all(void *conf, struct err *err)
{
    const struct settings *s = conf;
    struct sets sets;
    if (s->certgrinderd != NULL && s->server != NULL) {
        return err_set(err, ERR_EXISTS,
                       "certgrinderd and server are two names of one key: give one of them");
    }
    int ret = sets_parse(&sets, s->domain_list.items, s->domain_list.count, err);
    if (ret == 0) {
        sets_clear(&sets);
    }
    return ret;
}

/* Those of certmill-shell, which may share the environment. */
static const char *const ignored[] = {"CERTMILL_SOCKET", NULL};

const struct conf_schema settings_schema = {
    .program = "certmill",
    .env_prefix = "CERTMILL",
    .options = options,
    .count = sizeof(options) / sizeof(options[0]),
    .size = sizeof(struct settings),
    .check = check_all,
    .env_ignore = ignored,
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
