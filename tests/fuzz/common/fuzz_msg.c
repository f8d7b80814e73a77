/* Any message: no getter leaves it; and as the configuration of IPC_BOOT. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/msg.h"
#include "common/server_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void get_all(struct msg_reader *r)
{
    char text[32];
    size_t len;

    /* each octet says which getter is next */
    while (msg_done(r) != 0 && r->error == 0) {
        const uint8_t *bytes;
        switch (msg_get_u8(r) % 5) {
        case 0:
            msg_get_u16(r);
            break;
        case 1:
            msg_get_u32(r);
            break;
        case 2:
            msg_get_u64(r);
            break;
        case 3:
            bytes = msg_get_bytes(r, 64, &len);
            if (len > 64 || (len > 0 && bytes + len != r->pos)) {
                abort();
            }
            break;
        default:
            msg_get_str(r, text, sizeof(text));
            if (strlen(text) >= sizeof(text)) {
                abort();
            }
            break;
        }
    }
}

/* What unpacks packs to the same bytes. */
static void unpack(const uint8_t *data, size_t size)
{
    static uint8_t again[LIMIT_MESSAGE];
    struct server_conf conf;
    struct msg_reader r;
    struct msg_writer w;

    if (msg_open(&r, data, size) != 0 || conf_unpack(&server_conf_schema, &conf, &r) != 0) {
        return;
    }
    if (msg_done(&r) == 0) {
        msg_begin(&w, again, sizeof(again), r.type);
        conf_pack(&server_conf_schema, &conf, &w);
        if (msg_end(&w) != (int)size || memcmp(again, data, size) != 0) {
            abort();
        }
    }
    conf_clear(&server_conf_schema, &conf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct msg_reader r;

    if (size > LIMIT_MESSAGE) {
        return 0;
    }
    if (msg_open(&r, data, size) == 0) {
        get_all(&r);
    }
    unpack(data, size);
    return 0;
}
