/*
 * The client's commands: one row of client_commands and one file each.
 */
#ifndef CERTMILL_CLIENT_COMMANDS_H
#define CERTMILL_CLIENT_COMMANDS_H

#include "client/command.h"

extern const struct client_command client_get_certificate;
extern const struct client_command client_periodic;
extern const struct client_command client_check_certificate;
extern const struct client_command client_check_connection;
extern const struct client_command client_get_ocsp;
extern const struct client_command client_show_ocsp;
extern const struct client_command client_check_ocsp;
extern const struct client_command client_check_service;
extern const struct client_command client_show_certificate;
extern const struct client_command client_show_tlsa;
extern const struct client_command client_check_tlsa;
extern const struct client_command client_key_stage;
extern const struct client_command client_key_status;
extern const struct client_command client_key_activate;
extern const struct client_command client_key_abort;
extern const struct client_command client_show_spki;
extern const struct client_command client_show_ds;
extern const struct client_command client_show_paths;
extern const struct client_command client_show_configuration;
extern const struct client_command client_renew;
extern const struct client_command client_show_cname;
extern const struct client_command client_check_cname;
extern const struct client_command client_show_caa;
extern const struct client_command client_check_caa;
extern const struct client_command client_help;
extern const struct client_command client_version;

#endif
