/*
 * The same for what is about CAs, clients and resolvers.
 */
#include "common/server_conf_value.h"

#include <arpa/inet.h>
#include <string.h>

#include "common/conf_internal.h"
#include "common/domainset.h"

#define WORD_MAX 64

static const char *const key_types[] = {"rsa-2048", "rsa-3072", "rsa-4096", "ecdsa-p256",
                                        "ecdsa-p384"};
static const char *const events[] = {"issued", "refused", "failed", "expiring"};
static const char *const public_key_types[] = {"ssh-ed25519",
                                               "sk-ssh-ed25519@openssh.com",
                                               "ecdsa-sha2-nistp256",
                                               "ecdsa-sha2-nistp384",
                                               "ecdsa-sha2-nistp521",
                                               "sk-ecdsa-sha2-nistp256@openssh.com",
                                               "ssh-rsa"};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static bool is_one_of(const char *value, size_t len, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(list[i]) == len && memcmp(list[i], value, len) == 0) {
            return true;
        }
    }
    return false;
}

int server_conf_value_word(const char *value, struct err *err)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t len = strlen(value);
    char shown[CONF_SHOWN];

    if (len == 0 || len > WORD_MAX || strspn(value, allowed) != len || value[0] == '-') {
        return err_set(err, ERR_MALFORMED,
                       "%s is not a name of up to %d letters, digits, '-', '_' and '.'",
                       conf_show(shown, value), WORD_MAX);
    }
    return 0;
}

int server_conf_value_pattern(const char *value, struct err *err)
{
    char normal[LIMIT_DOMAIN_TEXT + 1];

    return domain_normalize(normal, value, err);
}

int server_conf_value_set(const char *value, struct err *err)
{
    struct domainsets sets;
    char shown[CONF_SHOWN];
    int ret = domainsets_parse(&sets, value, err);

    if (ret < 0) {
        return ret;
    }
    if (sets.count != 1) {
        ret = err_set(err, ERR_MALFORMED, "%s is not one set of names divided by commas",
                      conf_show(shown, value));
    }
    domainsets_clear(&sets);
    return ret;
}

int server_conf_value_key_type(const char *value, struct err *err)
{
    char shown[CONF_SHOWN];

    return is_one_of(value, strlen(value), key_types, COUNT(key_types))
               ? 0
               : err_set(err, ERR_UNKNOWN,
                         "%s is not a kind of key; write rsa-2048, rsa-3072, rsa-4096, ecdsa-p256 "
                         "or ecdsa-p384",
                         conf_show(shown, value));
}

int server_conf_value_notify_event(const char *value, struct err *err)
{
    char shown[CONF_SHOWN];

    return is_one_of(value, strlen(value), events, COUNT(events))
               ? 0
               : err_set(err, ERR_UNKNOWN,
                         "%s is no event; write issued, refused, failed or expiring",
                         conf_show(shown, value));
}

int server_conf_value_public_key(const char *value, struct err *err)
{
    static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t type = strcspn(value, " "), len;
    const char *key = value + type + strspn(value + type, " ");
    char shown[CONF_SHOWN];

    len = strspn(key, base64);
    len += strspn(key + len, "=");
    if (!is_one_of(value, type, public_key_types, COUNT(public_key_types)) || len < 16 ||
        (key[len] != '\0' && key[len] != ' ') || strpbrk(value, "\n\r") != NULL) {
        return err_set(err, ERR_MALFORMED,
                       "%s is not an ssh public key; write TYPE KEY [COMMENT] as in a .pub file, "
                       "without options before it",
                       conf_show(shown, value));
    }
    return 0;
}

int server_conf_value_resolver(const char *value, struct err *err)
{
    struct in6_addr in;
    char shown[CONF_SHOWN];

    if (inet_pton(AF_INET, value, &in) == 1 || inet_pton(AF_INET6, value, &in) == 1 ||
        server_conf_value_listen(value, NULL) == 0) {
        return 0;
    }
    return err_set(err, ERR_MALFORMED,
                   "%s is not an address; write 192.0.2.1, 2001:db8::1, 192.0.2.1:53 or "
                   "[2001:db8::1]:53",
                   conf_show(shown, value));
}
