/*
 * What single values of the client's configuration must be. Private to client/settings.
 */
#ifndef CERTMILL_CLIENT_SETTINGS_CHECK_H
#define CERTMILL_CLIENT_SETTINGS_CHECK_H

#include "common/err.h"

/* Each returns 0, or fills err and returns its code, as conf_option.check wants it. */
int settings_check_set(const char *value, struct err *err);
int settings_check_key_type(const char *value, struct err *err);
/* A command of at least one word; split as a shell does. */
int settings_check_command(const char *value, struct err *err);
/* Becomes one word of a command on the server. */
int settings_check_word(const char *value, struct err *err);
int settings_check_chain(const char *value, struct err *err);
int settings_check_zone(const char *value, struct err *err);
/* RFC 8657 4: validation methods. */
int settings_check_method(const char *value, struct err *err);
/* Octal; others get nothing. */
int settings_check_mode(const char *value, struct err *err);
/* A user or group. */
int settings_check_name(const char *value, struct err *err);
/* Usage, selector, matching type that we make records of. */
int settings_check_tlsa_type(const char *value, struct err *err);
/* Absolute, and no placeholders but {name} and {type}. */
int settings_check_copy_path(const char *value, struct err *err);

/* Words that `form` of a copy takes; NULL-terminated. */
extern const char *const settings_copy_forms[];

#endif
