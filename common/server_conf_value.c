/*
 * What one value of certmilld's options can get wrong by itself.
 */
#include "common/server_conf_value.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/conf_internal.h"
#include "common/domainset.h"
#include "common/encode.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/server_conf.h"

static bool has_blank(const char *value)
{
    for (const unsigned char *p = (const unsigned char *)value; *p != '\0'; p++) {
        if (*p <= ' ' || *p == 0x7f) {
            return true;
        }
    }
    return false;
}

int server_conf_value_zone_name(const char *value, struct err *err)
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

int server_conf_value_listen(const char *value, struct err *err)
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

int server_conf_value_url(const char *value, struct err *err)
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

int server_conf_value_email(const char *value, struct err *err)
{
    const char *at = strrchr(value, '@');
    char normal[LIMIT_DOMAIN_TEXT + 1], shown[CONF_SHOWN];

    if (at == NULL || at == value || at != strchr(value, '@') || has_blank(value) ||
        strpbrk(value, ",;<>()\"\\?&") != NULL || domain_normalize(normal, at + 1, NULL) < 0) {
        return err_set(err, ERR_MALFORMED, "%s is not one e-mail address", conf_show(shown, value));
    }
    return 0;
}

int server_conf_value_hostmaster(const char *value, struct err *err)
{
    char normal[LIMIT_DOMAIN_TEXT + 1];

    return strchr(value, '@') != NULL ? server_conf_value_email(value, err)
                                      : domain_normalize_owner(normal, value, err);
}

/* Opened now, so that the error stands where the path does. It is read again when it is used. */
static int check_file(const char *value, size_t max, bool secret, struct err *err)
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
    } else if (st.st_size > (off_t)max) {
        ret = err_set(err, ERR_LIMIT, "%s is larger than %zu bytes", conf_show(shown, value), max);
    } else if (secret && (st.st_mode & (S_IROTH | S_IWOTH)) != 0) {
        ret = err_set(err, ERR_PERMISSION,
                      "everybody may read or write %s (mode %04o); close it: chmod o= %s",
                      conf_show(shown, value), (unsigned)st.st_mode & 07777, shown);
    }
    if (fd >= 0) {
        close(fd);
    }
    return ret;
}

int server_conf_value_file(const char *value, struct err *err)
{
    return check_file(value, LIMIT_ZONE_FILE, false, err);
}

int server_conf_value_secret_file(const char *value, struct err *err)
{
    return check_file(value, LIMIT_COOKIE_FILE, true, err);
}

int server_conf_value_folder(const char *value, struct err *err)
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

int server_conf_value_run_dir(const char *value, struct err *err)
{
    size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - sizeof(LONGEST_SOCKET);

    if (strlen(value) > max) {
        return err_set(err, ERR_LIMIT,
                       "the path has more than %zu bytes, which a socket in it cannot have", max);
    }
    return server_conf_value_folder(value, err);
}

int server_conf_value_user(const char *value, struct err *err)
{
    char shown[CONF_SHOWN];

    if (strlen(value) > 32 || value[0] == '-' || has_blank(value) ||
        strpbrk(value, ":/,\\\"'") != NULL) {
        return err_set(err, ERR_MALFORMED, "%s is not a user's name", conf_show(shown, value));
    }
    return 0;
}

int server_conf_value_facility(const char *value, struct err *err)
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

int server_conf_value_syslog_socket(const char *value, struct err *err)
{
    const char *colon = strrchr(value, ':');
    char shown[CONF_SHOWN];

    if (value[0] != '/' && (colon == NULL || colon == value || check_port(colon + 1) < 0)) {
        return err_set(err, ERR_MALFORMED, "%s is neither a path (/dev/log) nor host:port",
                       conf_show(shown, value));
    }
    return 0;
}

int server_conf_parse_nsid(const char *value, uint8_t octets[static LIMIT_NSID], struct err *err)
{
    bool hex = strncmp(value, "0x", 2) == 0;
    const char *digits = value + (hex ? 2 : 0);
    size_t n = strlen(digits), len = hex ? n / 2 : n;

    if (len > LIMIT_NSID) {
        return err_set(err, ERR_LIMIT, "it has %zu octets; at most %d are possible", len,
                       LIMIT_NSID);
    }
    if (len == 0 || (hex && n % 2 != 0)) {
        return err_set(err, ERR_MALFORMED, "hexadecimal digits behind 0x come in pairs");
    }
    if (!hex) {
        memcpy(octets, value, len);
    } else if (hex_decode(octets, digits, len) < 0) {
        return err_set(err, ERR_MALFORMED, "behind 0x stand hexadecimal digits only");
    }
    return (int)len;
}

int server_conf_value_nsid(const char *value, struct err *err)
{
    uint8_t octets[LIMIT_NSID];
    int len = server_conf_parse_nsid(value, octets, err);

    return len < 0 ? len : 0;
}

static void clear_behind(struct server_conf_prefix *prefix)
{
    for (unsigned bit = prefix->bits; bit < 128; bit++) {
        prefix->address[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
    }
}

int server_conf_parse_prefix(const char *value, struct server_conf_prefix *prefix, struct err *err)
{
    const char *slash = strchr(value, '/');
    size_t len = slash != NULL ? (size_t)(slash - value) : strlen(value);
    bool v6 = memchr(value, ':', len) != NULL;
    char address[INET6_ADDRSTRLEN] = "", shown[CONF_SHOWN];
    unsigned long bits = v6 ? 128 : 32;

    memset(prefix, 0, sizeof(*prefix));
    memset(prefix->address + 10, 0xFF, v6 ? 0 : 2);
    if (len < sizeof(address)) {
        snprintf(address, sizeof(address), "%.*s", (int)len, value);
    }
    if (inet_pton(v6 ? AF_INET6 : AF_INET, address, prefix->address + (v6 ? 0 : 12)) != 1 ||
        (slash != NULL && (slash[1] == '\0' || strlen(slash + 1) > 3 ||
                           slash[1 + strspn(slash + 1, "0123456789")] != '\0' ||
                           strtoul(slash + 1, NULL, 10) > bits))) {
        return err_set(err, ERR_MALFORMED,
                       "%s is not a block of addresses; write 192.0.2.0/24 or 2001:db8::/32",
                       conf_show(shown, value));
    }
    bits = slash != NULL ? strtoul(slash + 1, NULL, 10) : bits;
    prefix->bits = (uint8_t)(bits + (v6 ? 0 : 96));
    clear_behind(prefix);
    return 0;
}

int server_conf_value_prefix(const char *value, struct err *err)
{
    struct server_conf_prefix prefix;

    return server_conf_parse_prefix(value, &prefix, err);
}
