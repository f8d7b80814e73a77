/*
 * submit.sock: what certmill-shell asks for (docs/protocol.md).
 */
#ifndef CERTMILL_ISSUER_SUBMIT_H
#define CERTMILL_ISSUER_SUBMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include <jansson.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/log.h"
#include "common/server_conf.h"
#include "issuer/desk.h"

struct submit;

/* All of it outlives the submit. */
struct submit_options {
    uv_loop_t *loop;
    struct log *log;
    const struct clock *clock;
    struct desk *desk;
    const struct server_conf *conf;
    int fd; /* listening; taken over */
};

int submit_new(struct submit **out, const struct submit_options *options);
/* Takes no more requests; who still waits is hung up on. */
void submit_free(struct submit *submit);
void submit_configure(struct submit *submit, const struct server_conf *conf);

enum submit_op {
    SUBMIT_PING,
    SUBMIT_GET_CERTIFICATE,
    SUBMIT_GET_OCSP,
    SUBMIT_SHOW_CSR,
    SUBMIT_SHOW_CERTIFICATE,
    SUBMIT_SHOW_CONFIGURATION,
    SUBMIT_SHOW_ACMEACCOUNT,
    SUBMIT_OPS,
};

/* One request; strings point into json, NULL where not given. */
struct submit_request {
    json_t *json;
    enum submit_op op;
    const char *domains, *input, *client, *acme_server_url, *preferred_chain;
    size_t input_len;
    bool staging;
};

/* Parses a request line of len octets. ERR_MALFORMED, ERR_UNKNOWN, ERR_VERSION, ERR_LIMIT. */
int submit_request_parse(struct submit_request *out, const char *line, size_t len, struct err *err);
void submit_request_clear(struct submit_request *request);

#endif
