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

struct aftercare;
struct submit;

/* All of it outlives the submit. */
struct submit_options {
    uv_loop_t *loop;
    struct log *log;
    const struct clock *clock;
    struct desk *desk;
    struct intake *intake;
    struct preflight *preflight;
    struct store *store;
    struct aftercare *aftercare;
    const struct server_conf *conf;
    int fd; /* listening; taken over */
};

int submit_new(struct submit **out, const struct submit_options *options);
/* Tells who waits for a certificate to ask again, at once: what else an end brings with it waits
 * for the disk, which may take longer than there is time. */
void submit_stop(struct submit *submit);
/* Takes no more requests; who still waits is hung up on. */
void submit_free(struct submit *submit);
void submit_configure(struct submit *submit, const struct server_conf *conf);

enum submit_op {
    SUBMIT_PING,
    SUBMIT_GET_CERTIFICATE,
    SUBMIT_GET_OCSP,
    SUBMIT_GET_RENEWAL_INFO,
    SUBMIT_REVOKE_CERTIFICATE,
    SUBMIT_REVOKE_REQUEST,
    SUBMIT_REVOKE_SIGNED,
    SUBMIT_SHOW_CSR,
    SUBMIT_SHOW_CERTIFICATE,
    SUBMIT_SHOW_CONFIGURATION,
    SUBMIT_SHOW_ACMEACCOUNT,
    SUBMIT_CHECK,
    SUBMIT_OPS,
};

/* One request; strings point into json, NULL where not given. */
struct submit_request {
    json_t *json;
    enum submit_op op;
    const char *domains, *client_name, *input, *client;
    const char *acme_server_url, *authority, *preferred_chain, *profile;
    const char *reason;
    const char *names; /* check, as given, divided by "," */
    size_t input_len;
    bool staging, force;
};

/* Parses a request line of len octets. ERR_MALFORMED, ERR_UNKNOWN, ERR_VERSION, ERR_LIMIT. */
int submit_request_parse(struct submit_request *out, const char *line, size_t len, struct err *err);
void submit_request_clear(struct submit_request *request);

/* What concerns a client of the configuration, as YAML: no paths, no secrets, nobody else's; of
 * the clients the one with that name, or none where it is NULL. *text malloc'd. ERR_POLICY: no such
 * client. */
int submit_configuration(const struct server_conf *conf, const char *client_name, char **text,
                         struct err *err);

#endif
