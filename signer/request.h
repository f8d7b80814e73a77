/*
 * What the issuer may ask the signer, decoded and checked (common/ipc.h, IPC_KEY_REQUEST,
 * IPC_SIGN_REQUEST, IPC_KEY_LIST_REQUEST, IPC_EAB_REQUEST). Nothing in here is trusted to be
 * well-formed: the issuer talks to the network.
 */
#ifndef CERTMILL_SIGNER_REQUEST_H
#define CERTMILL_SIGNER_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/limits.h"
#include "signer/keyfile.h"

struct request {
    uint16_t type; /* enum ipc_type */
    uint64_t number;
    char key[KEYFILE_NAME + 1];
    char key_type[16];           /* IPC_KEY_REQUEST */
    char authority[64 + 1];      /* IPC_EAB_REQUEST */
    char url[LIMIT_URL + 1];     /* IPC_EAB_REQUEST, and IPC_SIGN_REQUEST as all below */
    char nonce[LIMIT_NONCE + 1]; /* may be "" */
    char kid[LIMIT_URL + 1];     /* may be "" */
    const uint8_t *payload;      /* points into the message */
    size_t payload_len;
};

/* 0; ERR_PROTOCOL where the message does not decode at all (cut the issuer off);
 * ERR_MALFORMED where only its content is not acceptable: number is set then, so that
 * it can be answered. */
int request_decode(struct request *request, const uint8_t *msg, size_t len, struct err *err);

#endif
