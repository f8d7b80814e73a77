#include "client/settings_check.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "client/files.h"
#include "client/sets.h"
#include "common/domainset.h"
#include "common/words.h"

const char *const settings_copy_forms[] = {"combined", "chain",  "certificate", "key",
                                           "der",      "pkcs12", NULL};

int settings_check_set(const char *value, struct err *err)
{
    struct set set;
    int ret = set_parse(&set, value, err);
    if (ret == 0) {
        set_clear(&set);
    }
    return ret;
}

int settings_check_key_type(const char *value, struct err *err)
{
    enum key_type type;
    if (strcmp(value, "ed25519") == 0) {
        return err_set(err, ERR_RANGE,
                       "no public CA issues for ed25519 keys (CA/Browser Forum Baseline "
                       "Requirements 6.1.1.3): rsa and ecdsa are taken");
    }
    if (key_type_parse(value, &type) < 0) {
        return err_set(err, ERR_RANGE, "'%.100s' is no type of key: rsa and ecdsa are", value);
    }
    return 0;
}

int settings_check_command(const char *value, struct err *err)
{
    struct words words;
    int ret = words_split(&words, value, " \t\n", err);
    if (ret < 0) {
        return ret;
    }
    if (words.count == 0) {
        ret = err_set(err, ERR_MALFORMED, "the command is empty");
    }
    words_clear(&words);
    return ret;
}

/* Whether a quote, backslash or control character is in it. */
static bool divides(const char *value)
{
    for (const char *p = value; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f || strchr("'\"\\", *p) != NULL) {
            return true;
        }
    }
    return false;
}

int settings_check_word(const char *value, struct err *err)
{
    if (divides(value) || strchr(value, ' ') != NULL) {
        return err_set(err, ERR_MALFORMED, "a blank, quote or control character in it");
    }
    return 0;
}

int settings_check_chain(const char *value, struct err *err)
{
    return divides(value)
               ? err_set(err, ERR_MALFORMED, "a quote or control character in an issuer's name")
               : 0;
}

int settings_check_zone(const char *value, struct err *err)
{
    char name[LIMIT_DOMAIN_TEXT + 1];
    return domain_normalize_owner(name, value, err);
}

int settings_check_method(const char *value, struct err *err)
{
    /* certgrinder's files may have several in one value, divided by commas. */
    const char *p = value;
    size_t len;
    while ((len = strspn(p, "abcdefghijklmnopqrstuvwxyz0123456789-")) > 0 && p[len] == ',') {
        p += len + 1;
    }
    return len > 0 && p[len] == '\0'
               ? 0
               : err_set(err, ERR_MALFORMED, "'%.100s' is no validation method: dns-01 is", value);
}

int settings_check_mode(const char *value, struct err *err)
{
    char *end;
    long mode = strtol(value, &end, 8);
    if (*value == '\0' || *end != '\0' || mode < 0 || mode > 0770 || (mode & 0400) == 0) {
        return err_set(err, ERR_RANGE,
                       "'%.10s' is no mode for files that hold keys: three octal digits, the "
                       "owner's with 4 for reading and others' 0, 0640 for example",
                       value);
    }
    if ((mode & 07) != 0) {
        return err_set(err, ERR_RANGE,
                       "mode %.10s lets others at private keys: its last digit "
                       "has to be 0",
                       value);
    }
    return 0;
}

int settings_check_name(const char *value, struct err *err)
{
    if (*value == '\0' || divides(value) || strpbrk(value, " :/") != NULL) {
        return err_set(err, ERR_MALFORMED, "'%.64s' is no name of a user or group", value);
    }
    return 0;
}

int settings_check_tlsa_type(const char *value, struct err *err)
{
    static const char *const types[] = {"310", "311", "312", "211", "301"};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(types[i], value) == 0) {
            return 0;
        }
    }
    return err_set(err, ERR_RANGE,
                   "'%.20s' is no type of TLSA record that is made here: 310, 311, 312, 211 "
                   "(issuer) and 301 (certificate) are",
                   value);
}

int settings_check_copy_path(const char *value, struct err *err)
{
    if (value[0] != '/') {
        return err_set(err, ERR_MALFORMED, "'%.100s' is no absolute path", value);
    }
    for (const char *p = value; (p = strchr(p, '{')) != NULL; p++) {
        if (strncmp(p, "{name}", 6) != 0 && strncmp(p, "{type}", 6) != 0) {
            return err_set(err, ERR_UNKNOWN, "only {name} and {type} are replaced in a path");
        }
    }
    return 0;
}
