#include "signer/request.h"

#include <stdbool.h>
#include <string.h>

#include "common/ipc.h"
#include "common/msg.h"

/* Visible ASCII that needs no escape in JSON (RFC 3986 has no others). */
static bool url_ok(const char *url)
{
    for (const char *p = url; *p != '\0'; p++) {
        if (*p <= ' ' || *p >= 0x7f || strchr("\"\\<>", *p) != NULL) {
            return false;
        }
    }
    return strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0;
}

/* base64url (RFC 8555 6.5.1) */
static bool nonce_ok(const char *nonce)
{
    return nonce[strspn(nonce, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                               "-_")] == '\0';
}

static int check(const struct request *request, struct err *err)
{
    if (!keyfile_name_ok(request->key)) {
        return err_set(err, ERR_MALFORMED, "a key's name has 1 to %d characters a-z, 0-9 and -",
                       KEYFILE_NAME);
    }
    if (request->type == IPC_KEY_REQUEST || request->type == IPC_KEY_LIST_REQUEST) {
        return 0;
    }
    if (!url_ok(request->url)) {
        return err_set(err, ERR_MALFORMED, "the CA's URL is not one that can be signed");
    }
    if (request->kid[0] != '\0' && !url_ok(request->kid)) {
        return err_set(err, ERR_MALFORMED, "the account's URL is not one that can be signed");
    }
    if (!nonce_ok(request->nonce)) {
        return err_set(err, ERR_MALFORMED, "the CA's nonce is not base64url");
    }
    return 0;
}

int request_decode(struct request *request, const uint8_t *msg, size_t len, struct err *err)
{
    struct msg_reader r;
    int ret = msg_open(&r, msg, len);

    *request = (struct request){.type = r.type, .payload = (const uint8_t *)""};
    if (ret == 0 && r.type != IPC_KEY_REQUEST && r.type != IPC_SIGN_REQUEST &&
        r.type != IPC_KEY_LIST_REQUEST && r.type != IPC_EAB_REQUEST) {
        return err_set(err, ERR_PROTOCOL, "the issuer sent a message of the unknown type %u",
                       r.type);
    }
    request->number = msg_get_u64(&r);
    msg_get_str(&r, request->key, sizeof(request->key));
    if (r.type == IPC_KEY_REQUEST) {
        msg_get_str(&r, request->key_type, sizeof(request->key_type));
    } else if (r.type == IPC_EAB_REQUEST) {
        msg_get_str(&r, request->authority, sizeof(request->authority));
        msg_get_str(&r, request->url, sizeof(request->url));
    } else if (r.type == IPC_SIGN_REQUEST) {
        msg_get_str(&r, request->url, sizeof(request->url));
        msg_get_str(&r, request->nonce, sizeof(request->nonce));
        msg_get_str(&r, request->kid, sizeof(request->kid));
        request->payload = msg_get_bytes(&r, LIMIT_MESSAGE, &request->payload_len);
    }
    if (ret < 0 || msg_done(&r) < 0) {
        return err_set(err, ERR_PROTOCOL, "the issuer's message does not decode");
    }
    return check(request, err);
}
