/*
 * One request of the issuer and the signer's answer: bytes in, bytes out.
 */
#ifndef CERTMILL_SIGNER_ANSWER_H
#define CERTMILL_SIGNER_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/log.h"
#include "common/msg.h"
#include "signer/eab.h"
#include "signer/keys.h"

/* What answers are made with. */
struct answer_with {
    struct keys *keys;
    const struct eab *eab;
    struct log *log;
};

/* Answers the message by IPC_KEY, IPC_KEY_LIST, IPC_SIGNED or IPC_SIGN_FAILED in w's buffer. New
 * keys and refusals are logged. ERR_PROTOCOL: there is no answer, cut the issuer off. */
int answer_message(const struct answer_with *with, const uint8_t *msg, size_t len,
                   struct msg_writer *w, struct err *err);

#endif
