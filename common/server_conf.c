/*
 * certmilld's options. What one value alone can get wrong is checked here by option, so that
 * the error has a line and a column; what needs several values stands in server_conf_check.c.
 */
#include "common/server_conf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/conf_internal.h"
#include "common/domainset.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/server_conf_check.h"

static bool has_blank(const char *value)
{
    for (const unsigned char *p = (const unsigned char *)value; *p != '\0'; p++) {
        if (*p <= ' ' || *p == 0x7f) {
            return true;
        }
    }
    return false;
}

static int check_zone_name(const char *value, struct err *err)
{
    char normal[LIMIT_DOMAIN_TEXT + 1];

    return domain_normalize_owner(normal, value, err);
}

static int check_port(const char *port)
{
    size_t len = strlen(port);

    if (len == 0 || len > 5 || port[strspn(port, "0123456789")] != '\0') {
        return ERR_MALFORMED;
    }
    return strtol(port, NULL, 10) <= 65535 ? 0 : ERR_RANGE;
}

static int check_listen(const char *value, struct err *err)
{
    const char *colon = strrchr(value, ':');
    size_t len = colon != NULL ? (size_t)(colon - value) : 0;
    bool bracket = len > 2 && value[0] == '[' && value[len - 1] == ']';
    char address[INET6_ADDRSTRLEN] = "", shown[CONF_SHOWN];
    struct in6_addr in;

    if (len > 0 && len - (bracket ? 2 : 0) < sizeof(address)) {
        memcpy(address, value + (bracket ? 1 : 0), len - (bracket ? 2 : 0));
    }
    if (colon == NULL || inet_pton(bracket ? AF_INET6 : AF_INET, address, &in) != 1) {
        return err_set(err, ERR_MALFORMED,
                       "%s is not an address and port; write 192.0.2.1:53 or [2001:db8::1]:53",
                       conf_show(shown, value));
    }
    if (check_port(colon + 1) < 0) {
        return err_set(err, ERR_RANGE, "%s has no port from 0 to 65535 at its end",
                       conf_show(shown, value));
    }
    return 0;
}

static int check_url(const char *value, struct err *err)
{
    const char *host = value + strlen("https://");
    char shown[CONF_SHOWN];

    if (strncasecmp(value, "http://", strlen("http://")) == 0) {
        return err_set(err, ERR_RANGE, "%s is not encrypted; ACME is spoken over https:// only",
                       conf_show(shown, value));
    }
    if (strncmp(value, "https://", strlen("https://")) != 0 || strcspn(host, "/?#") == 0 ||
        has_blank(value) || strchr(value, '#') != NULL ||
        strcspn(host, "@") < strcspn(host, "/?")) {
        return err_set(err, ERR_MALFORMED,
                       "%s is not the https:// URL of an ACME directory, such as %s",
                       conf_show(shown, value), SERVER_CONF_LETSENCRYPT);
    }
    return 0;
}

static int check_email(const char *value, struct err *err)
{
    const char *at = strrchr(value, '@');
    char normal[LIMIT_DOMAIN_TEXT + 1], shown[CONF_SHOWN];

    if (at == NULL || at == value || at != strchr(value, '@') || has_blank(value) ||
        strpbrk(value, ",;<>()\"\\?&") != NULL || domain_normalize(normal, at + 1, NULL) < 0) {
        return err_set(err, ERR_MALFORMED, "%s is not one e-mail address", conf_show(shown, value));
    }
    return 0;
}

static int check_hostmaster(const char *value, struct err *err)
{
    char normal[LIMIT_DOMAIN_TEXT + 1];

    return strchr(value, '@') != NULL ? check_email(value, err)
                                      : domain_normalize_owner(normal, value, err);
}

/* Opened now, so that the error stands where the path does. It is read again when it is used. */
static int check_file(const char *value, struct err *err)
{
    struct stat st = {0};
    int fd = open(value, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), ret = 0;
    char shown[CONF_SHOWN];

    if (fd < 0 || fstat(fd, &st) < 0) {
        ret = -errno;
        err_set(err, ret, "cannot open %s: %s; name a file that is there and can be read",
                conf_show(shown, value), err_string(ret));
    } else if (!S_ISREG(st.st_mode)) {
        ret = err_set(err, S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL, "%s is %s, not a file",
                      conf_show(shown, value),
                      S_ISDIR(st.st_mode) ? "a directory" : "a device or the like");
    } else if (st.st_size > (off_t)LIMIT_ZONE_FILE) {
        ret = err_set(err, ERR_LIMIT, "%s is larger than %u bytes", conf_show(shown, value),
                      LIMIT_ZONE_FILE);
    }
    if (fd >= 0) {
        close(fd);
    }
    return ret;
}

static int check_folder(const char *value, struct err *err)
{
    char shown[CONF_SHOWN];

    for (const char *p = value; *p != '\0'; p++) {
        if ((unsigned char)*p < ' ' || *p == 0x7f) {
            return err_set(err, ERR_MALFORMED, "%s is not a path", conf_show(shown, value));
        }
    }
    return 0;
}

#define LONGEST_SOCKET "/control.sock"

static int check_run_dir(const char *value, struct err *err)
{
    size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - sizeof(LONGEST_SOCKET);

    if (strlen(value) > max) {
        return err_set(err, ERR_LIMIT,
                       "the path has more than %zu bytes, which a socket in it cannot have", max);
    }
    return check_folder(value, err);
}

static int check_user(const char *value, struct err *err)
{
    char shown[CONF_SHOWN];

    if (strlen(value) > 32 || value[0] == '-' || has_blank(value) ||
        strpbrk(value, ":/,\\\"'") != NULL) {
        return err_set(err, ERR_MALFORMED, "%s is not a user's name", conf_show(shown, value));
    }
    return 0;
}

static int check_facility(const char *value, struct err *err)
{
    char shown[CONF_SHOWN];
    int facility;

    if (log_facility_parse(value, &facility) < 0) {
        return err_set(err, ERR_UNKNOWN,
                       "%s is not a syslog facility; use one of syslog(3), such as LOG_DAEMON",
                       conf_show(shown, value));
    }
    return 0;
}

static int check_syslog_socket(const char *value, struct err *err)
{
    const char *colon = strrchr(value, ':');
    char shown[CONF_SHOWN];

    if (value[0] != '/' && (colon == NULL || colon == value || check_port(colon + 1) < 0)) {
        return err_set(err, ERR_MALFORMED, "%s is neither a path (/dev/log) nor host:port",
                       conf_show(shown, value));
    }
    return 0;
}

static int check_row(void *conf, struct err *err)
{
    const struct server_conf_zone *zone = conf;

    if (zone->name == NULL) {
        return err_set(err, ERR_NOT_FOUND,
                       "this zone has no name; add the key 'name', as in name: acme.example.com");
    }
    return 0;
}

#define ROW(field) offsetof(struct server_conf_zone, field)

static const struct conf_option zone_options[] = {
    {.key = "name",
     .type = CONF_STRING,
     .offset = ROW(name),
     .check = check_zone_name,
     .help = "The zone that is delegated to this server, such as acme.example.com."},
    {.key = "nameservers",
     .type = CONF_STRINGS,
     .offset = ROW(nameservers),
     .check = check_zone_name,
     .help = "Names of the zone's nameservers, where it has no file; none of them within the "
             "zone. By default this host's own name, if it is fully qualified."},
    {.key = "hostmaster",
     .type = CONF_STRING,
     .offset = ROW(hostmaster),
     .check = check_hostmaster,
     .help = "Who answers for the zone (SOA RNAME), where it has no file: an e-mail address or "
             "a name. By default hostmaster at the zone's name."},
    {.key = "file",
     .type = CONF_STRING,
     .offset = ROW(file),
     .max = LIMIT_PATH,
     .check = check_file,
     .help = "Zone file (RFC 1035) with the static records; SOA and NS are made up without it."},
    {.key = "challenge-ttl",
     .type = CONF_INT,
     .offset = ROW(challenge_ttl),
     .fallback = "0",
     .min = 0,
     .max = 86400,
     .unit = "seconds",
     .help = "TTL of the challenge records."},
};

static const struct conf_schema zone_schema = {
    .program = "certmilld",
    .env_prefix = "CERTMILLD",
    .options = zone_options,
    .count = sizeof(zone_options) / sizeof(zone_options[0]),
    .size = sizeof(struct server_conf_zone),
    .check = check_row,
};

static const char *const levels[] = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", NULL};
static const char *const formats[] = {"text", "json", NULL};
static const char *const key_types[] = {"ecdsa-p256", "ecdsa-p384", "rsa-2048",
                                        "rsa-3072",   "rsa-4096",   NULL};

#define AT(field) offsetof(struct server_conf, field)

static const struct conf_option options[] = {
    {.key = "dns-listen",
     .type = CONF_STRINGS,
     .offset = AT(dns_listen),
     .fallback = "0.0.0.0:53 [::]:53",
     .separator = ' ',
     .check = check_listen,
     .help = "Addresses and ports at which DNS is answered, over UDP and TCP."},
    {.key = "dns-threads",
     .type = CONF_INT,
     .offset = AT(dns_threads),
     .fallback = "0",
     .min = 0,
     .max = LIMIT_DNS_THREADS,
     .unit = "threads",
     .help = "Threads that answer DNS; 0 is one for each core."},
    {.key = "acme-zone",
     .type = CONF_STRING,
     .offset = AT(acme_zone),
     .check = check_zone_name,
     .help = "One zone with defaults, for where 'zones' would say nothing but its name. Its "
             "nameserver is this host's own name if that is fully qualified and not within the "
             "zone, else localhost, which does for tests; its hostmaster is "
             "hostmaster@ZONE."},
    {.key = "zones",
     .type = CONF_TABLE,
     .offset = AT(zones),
     .table = &zone_schema,
     .help = "The zones that this server answers for. A list; each entry has these keys:"},
    {.key = "acme-server-url",
     .type = CONF_STRING,
     .offset = AT(acme_server_url),
     .fallback = SERVER_CONF_LETSENCRYPT,
     .max = LIMIT_URL,
     .check = check_url,
     .help = "Directory of the ACME CA."},
    {.key = "staging",
     .type = CONF_BOOL,
     .offset = AT(staging),
     .fallback = "false",
     .help = "Use Let's Encrypt's staging CA, whose certificates nobody trusts."},
    {.key = "acme-email",
     .type = CONF_STRING,
     .offset = AT(acme_email),
     .max = 254,
     .check = check_email,
     .help = "Address that the CA may write to."},
    {.key = "acme-ca-file",
     .type = CONF_STRING,
     .offset = AT(acme_ca_file),
     .max = LIMIT_PATH,
     .check = check_file,
     .help = "PEM file with more CAs to trust for the ACME server's own HTTPS."},
    {.key = "skip-acme-server-cert-verify",
     .type = CONF_BOOL,
     .offset = AT(skip_acme_server_cert_verify),
     .fallback = "false",
     .help = "Believe any ACME server, whatever its HTTPS certificate: for tests only."},
    {.key = "preferred-chain",
     .type = CONF_STRING,
     .offset = AT(preferred_chain),
     .max = 256,
     .help = "Common name of the issuer to prefer where the CA offers several chains; spaces "
             "may be given as underscores."},
    {.key = "account-key-type",
     .type = CONF_WORD,
     .offset = AT(account_key_type),
     .fallback = "ecdsa-p256",
     .words = key_types,
     .help = "Kind of the account key, used when it is made."},
    {.key = "state-dir",
     .type = CONF_STRING,
     .offset = AT(state_dir),
     .fallback = "/var/lib/certmill",
     .max = 1024,
     .check = check_folder,
     .help = "Folder of the account keys and the store."},
    {.key = "run-dir",
     .type = CONF_STRING,
     .offset = AT(run_dir),
     .fallback = "/run/certmill",
     .check = check_run_dir,
     .help = "Folder of the sockets for certmill-shell and certmillctl."},
    {.key = "user",
     .type = CONF_STRING,
     .offset = AT(user),
     .fallback = "certmill",
     .check = check_user,
     .help = "User of the issuer, when started as root."},
    {.key = "dns-user",
     .type = CONF_STRING,
     .offset = AT(dns_user),
     .fallback = "certmill-dns",
     .check = check_user,
     .help = "User of the nameserver, when started as root."},
    {.key = "signer-user",
     .type = CONF_STRING,
     .offset = AT(signer_user),
     .fallback = "certmill-signer",
     .check = check_user,
     .help = "User of the process with the keys, when started as root."},
    {.key = "log-level",
     .type = CONF_WORD,
     .offset = AT(log_level),
     .fallback = "INFO",
     .words = levels,
     .help = "Least level of what is logged."},
    {.key = "log-format",
     .type = CONF_WORD,
     .offset = AT(log_format),
     .fallback = "text",
     .words = formats,
     .help = "Form of the log lines."},
    {.key = "syslog-facility",
     .type = CONF_STRING,
     .offset = AT(syslog_facility),
     .max = 32,
     .check = check_facility,
     .help = "Log to syslog with this facility of syslog(3), such as LOG_DAEMON, and not to "
             "stderr."},
    {.key = "syslog-socket",
     .type = CONF_STRING,
     .offset = AT(syslog_socket),
     .max = 300,
     .check = check_syslog_socket,
     .help = "Path of syslog's socket, or host:port for UDP. /dev/log where it is not given."},
};

const struct conf_schema server_conf_schema = {
    .program = "certmilld",
    .env_prefix = "CERTMILLD",
    .options = options,
    .count = sizeof(options) / sizeof(options[0]),
    .size = sizeof(struct server_conf),
    .check = server_conf_check,
};

const struct conf_schema *server_conf_zone_schema(void)
{
    return &zone_schema;
}
