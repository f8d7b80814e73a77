/*
 * Checks of one value of certmilld's options: 0, or a negative error with err filled.
 */
#ifndef CERTMILL_COMMON_SERVER_CONF_VALUE_H
#define CERTMILL_COMMON_SERVER_CONF_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/limits.h"

int server_conf_value_zone_name(const char *value, struct err *err);
int server_conf_value_listen(const char *value, struct err *err);
int server_conf_value_url(const char *value, struct err *err);
int server_conf_value_email(const char *value, struct err *err);
int server_conf_value_hostmaster(const char *value, struct err *err);
int server_conf_value_file(const char *value, struct err *err);
/* ERR_PERMISSION where others than its owner and group may read it. */
int server_conf_value_secret_file(const char *value, struct err *err);
int server_conf_value_folder(const char *value, struct err *err);
int server_conf_value_run_dir(const char *value, struct err *err);
int server_conf_value_user(const char *value, struct err *err);
int server_conf_value_facility(const char *value, struct err *err);
int server_conf_value_syslog_socket(const char *value, struct err *err);
int server_conf_value_nsid(const char *value, struct err *err);
int server_conf_value_prefix(const char *value, struct err *err);
/* A name for people: letters, digits, "-", "_" and ".", at most 64. */
int server_conf_value_word(const char *value, struct err *err);
/* A domain name, or "*." and one: all names below it. */
int server_conf_value_pattern(const char *value, struct err *err);
/* Names and patterns divided by commas. */
int server_conf_value_set(const char *value, struct err *err);
int server_conf_value_key_type(const char *value, struct err *err);
/* A line as in ~/.ssh/authorized_keys, without options: "TYPE BASE64 [COMMENT]". */
int server_conf_value_public_key(const char *value, struct err *err);
/* An IP address, with a port or without. */
int server_conf_value_resolver(const char *value, struct err *err);
int server_conf_value_notify_event(const char *value, struct err *err);

/* dns-nsid as octets (RFC 5001): the text itself, or what stands in hexadecimal behind 0x.
 * Writes at most LIMIT_NSID octets; returns how many, ERR_LIMIT or ERR_MALFORMED. */
int server_conf_parse_nsid(const char *value, uint8_t octets[static LIMIT_NSID], struct err *err);

/* An address block, "192.0.2.0/24" or "2001:db8::/32"; an address alone is a block of one. IPv4
 * stands in the IPv4-mapped form (RFC 4291 2.5.5.2). */
struct server_conf_prefix {
    uint8_t address[16]; /* bits behind the prefix are 0 */
    uint8_t bits;        /* 0 to 128; IPv4: 96 more than as written */
};

int server_conf_parse_prefix(const char *value, struct server_conf_prefix *prefix, struct err *err);

#endif
