#include "common/eab_key.h"

#include <ctype.h>
#include <string.h>

#include "common/encode.h"

int eab_key_parse(uint8_t dst[static LIMIT_EAB_KEY], const char *text, size_t len, struct err *err)
{
    while (len > 0 && isspace((unsigned char)text[len - 1])) {
        len--;
    }
    while (len > 0 && isspace((unsigned char)*text)) {
        text++;
        len--;
    }
    for (int i = 0; i < 2 && len > 0 && text[len - 1] == '='; i++) {
        len--;
    }
    int ret = base64url_decode(dst, LIMIT_EAB_KEY, text, len);
    if (ret >= EAB_KEY_MIN) {
        return ret;
    }
    if (ret == ERR_LIMIT) {
        (void)err_set(err, ret, "the key has more than %d octets", LIMIT_EAB_KEY);
    } else if (ret >= 0) {
        ret = err_set(err, ERR_MALFORMED, "a key has at least %d octets; copy all of it",
                      EAB_KEY_MIN);
    } else {
        (void)err_set(err, ret,
                      "it has to hold nothing but the key in base64url (A-Z, a-z, 0-9, - and _), "
                      "as the CA gave it");
    }
    explicit_bzero(dst, LIMIT_EAB_KEY);
    return ret;
}
