#include "signer/answer.h"

#include <stdlib.h>
#include <string.h>

#include "common/ipc.h"
#include "signer/request.h"

static int answer_key(struct keys *keys, struct log *log, const struct request *request,
                      struct msg_writer *w, struct err *err)
{
    const struct key *key;
    bool created;
    int ret = keys_get(keys, request->key, request->key_type, &key, &created, err);

    if (ret < 0) {
        return ret;
    }
    if (created) {
        log_info(log, NULL, "made the account key %s (%s), thumbprint %s", key->name,
                 request->key_type, key->thumbprint);
    }
    msg_begin(w, w->buf, w->cap, IPC_KEY);
    msg_put_u64(w, request->number);
    msg_put_u8(w, created);
    msg_put_str(w, key->jwk);
    msg_put_str(w, key->thumbprint);
    ret = msg_end(w);
    return ret < 0 ? err_set(err, ret, "the key does not fit into a message") : 0;
}

static int answer_sign(struct keys *keys, const struct request *request, struct msg_writer *w,
                       struct err *err)
{
    const struct jws_header header = {request->url, request->nonce, request->kid};
    const struct key *key = NULL;
    bool created;
    char *jws = NULL;
    int ret = keys_get(keys, request->key, NULL, &key, &created, err);

    if (ret == 0) {
        ret = jws_make(key->pkey, key->jwk, &header, request->payload, request->payload_len, &jws,
                       err);
    }
    if (ret < 0 || jws == NULL) {
        return ret;
    }
    msg_begin(w, w->buf, w->cap, IPC_SIGNED);
    msg_put_u64(w, request->number);
    msg_put_bytes(w, jws, strlen(jws));
    free(jws);
    ret = msg_end(w);
    return ret < 0 ? err_set(err, ret, "the request to the CA is too long to be signed") : 0;
}

int answer_message(struct keys *keys, struct log *log, const uint8_t *msg, size_t len,
                   struct msg_writer *w, uint8_t *out, size_t cap, struct err *err)
{
    struct request request;
    int ret = request_decode(&request, msg, len, err);

    *w = (struct msg_writer){.buf = out, .cap = cap};
    if (ret == ERR_PROTOCOL) {
        return ret;
    }
    if (ret == 0) {
        ret = request.type == IPC_KEY_REQUEST ? answer_key(keys, log, &request, w, err)
                                              : answer_sign(keys, &request, w, err);
    }
    if (ret < 0) {
        log_error(log, NULL, "request for the key %s failed: %s", request.key, err->text);
        msg_begin(w, out, cap, IPC_SIGN_FAILED);
        msg_put_u64(w, request.number);
        msg_put_str(w, err->text);
    }
    return 0;
}
