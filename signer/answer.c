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

/* Takes jws over. */
static int put_signed(const struct request *request, char *jws, struct msg_writer *w,
                      struct err *err)
{
    if (jws == NULL) {
        return err_set(err, ERR_INTERNAL, "no signature came");
    }
    msg_begin(w, w->buf, w->cap, IPC_SIGNED);
    msg_put_u64(w, request->number);
    msg_put_bytes(w, jws, strlen(jws));
    free(jws);
    int ret = msg_end(w);
    return ret < 0 ? err_set(err, ret, "the request to the CA is too long to be signed") : 0;
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
    return ret < 0 ? ret : put_signed(request, jws, w, err);
}

static int answer_list(const struct keys *keys, const struct request *request, struct msg_writer *w,
                       struct err *err)
{
    char list[LIMIT_KEY_LIST][KEYFILE_NAME + 1];
    int count = keys_list(keys, request->key, list, err);

    if (count < 0) {
        return count;
    }
    msg_begin(w, w->buf, w->cap, IPC_KEY_LIST);
    msg_put_u64(w, request->number);
    msg_put_u16(w, (uint16_t)count);
    for (int i = 0; i < count; i++) {
        msg_put_str(w, list[i]);
    }
    return 0;
}

static int answer_eab(const struct answer_with *with, const struct request *request,
                      struct msg_writer *w, struct err *err)
{
    const struct key *key = NULL;
    bool created;
    char *jws = NULL;
    int ret = keys_get(with->keys, request->key, NULL, &key, &created, err);

    if (ret == 0) {
        ret = eab_make(with->eab, request->authority, request->url, key->jwk, &jws, err);
    }
    return ret < 0 ? ret : put_signed(request, jws, w, err);
}

static int answer_one(const struct answer_with *with, const struct request *request,
                      struct msg_writer *w, struct err *err)
{
    switch (request->type) {
    case IPC_KEY_REQUEST:
        return answer_key(with->keys, with->log, request, w, err);
    case IPC_KEY_LIST_REQUEST:
        return answer_list(with->keys, request, w, err);
    case IPC_EAB_REQUEST:
        return answer_eab(with, request, w, err);
    default:
        return answer_sign(with->keys, request, w, err);
    }
}

int answer_message(const struct answer_with *with, const uint8_t *msg, size_t len,
                   struct msg_writer *w, struct err *err)
{
    struct request request;
    int ret = request_decode(&request, msg, len, err);

    if (ret == ERR_PROTOCOL) {
        return ret;
    }
    if (ret == 0) {
        ret = answer_one(with, &request, w, err);
    }
    if (ret < 0) {
        log_error(with->log, NULL, "request for the key %s failed: %s", request.key, err->text);
        msg_begin(w, w->buf, w->cap, IPC_SIGN_FAILED);
        msg_put_u64(w, request.number);
        msg_put_str(w, err->text);
    }
    return 0;
}
