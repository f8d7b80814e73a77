/*
 * certmillctl: asks the issuer over control.sock (docs/protocol.md) and prints the answer.
 */
#ifndef CERTMILL_CTL_CTL_H
#define CERTMILL_CTL_CTL_H

#include <stdbool.h>
#include <stdio.h>

#include "common/err.h"
#include "common/option.h"
#include "ctl/command.h"

enum ctl_status { CTL_OK = 0, CTL_REFUSED = 1, CTL_USAGE = 2, CTL_NO_SERVER = 8 };

/* A command line, read. Strings point into argv. */
struct ctl_request {
    char socket[LIMIT_PATH];
    bool json;
    long limit; /* 0: not given */
    bool forget;
    const char *reason, *key_type, *client_command; /* NULL: not given */
    const struct ctl_command *command;
    char *const *words; /* behind the command */
    size_t count;
};

extern const struct option_row ctl_options[];
extern const size_t ctl_option_count;

/* Whether all commands take the option, and not one alone. */
bool ctl_option_is_common(const struct option_row *row);

/* Reads argc words (the program's name not among them; options may stand anywhere, and the words
 * are moved behind them). ERR_UNKNOWN, ERR_RANGE, ERR_LIMIT: wrong usage, and err says what. */
int ctl_parse(struct ctl_request *out, int argc, char **argv, struct err *err);

/* Puts the request's words into the line, as one text with commas between them. ERR_UNKNOWN: one is
 * not UTF-8. */
int ctl_put_names(json_t *line, const char *member, const struct ctl_request *request,
                  struct err *err);

/* The whole line to send, without LF; malloc'd. */
int ctl_encode(char **line, const struct ctl_request *request, struct err *err);

/* Prints one answer line of len octets. Returns an enum ctl_status; err where it is not CTL_OK. */
int ctl_answer(const struct ctl_request *request, const char *line, size_t len, FILE *out,
               struct err *err);

/* Asks certmilld for the command, by its name alone: the answer's data (json_decref). Returns an
 * enum ctl_status; err where it is not CTL_OK. */
int ctl_ask(const struct ctl_request *request, json_t **data, struct err *err);

/* Returns an enum ctl_status. */
int ctl_main(int argc, char **argv);

#endif
