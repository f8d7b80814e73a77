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
#include "signer/keys.h"

/* Answers the message by IPC_KEY, IPC_SIGNED or IPC_SIGN_FAILED in out[cap]; w is begun
 * here. New keys and refusals are logged. ERR_PROTOCOL: there is no answer, cut the
 * issuer off. */
int answer_message(struct keys *keys, struct log *log, const uint8_t *msg, size_t len,
                   struct msg_writer *w, uint8_t *out, size_t cap, struct err *err);

#endif
