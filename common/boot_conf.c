#include "common/boot_conf.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/file.h"
#include "common/limits.h"
#include "common/memfile.h"
#include "common/msg.h"

#define FIRST_ROOM (64u << 10) /* enough for all that is no table */

/* Packs into *buf, malloc'd; returns the length. */
static int pack(const struct server_conf *conf, uint8_t **buf)
{
    for (size_t room = FIRST_ROOM; room <= LIMIT_CONF_PACKED; room *= 2) {
        struct msg_writer w;
        int ret;

        if ((*buf = malloc(room)) == NULL) {
            return -ENOMEM;
        }
        msg_begin(&w, *buf, room, 0);
        conf_pack(&server_conf_schema, conf, &w);
        if ((ret = msg_end(&w)) != ERR_LIMIT) {
            return ret;
        }
        free(*buf);
    }
    return ERR_LIMIT;
}

int boot_conf_seal(const struct server_conf *conf, struct err *err)
{
    uint8_t *buf;
    int len = pack(conf, &buf), fd;

    if (len == ERR_LIMIT) {
        return err_set(err, len, "the configuration is larger than %u bytes", LIMIT_CONF_PACKED);
    }
    if (len < 0) {
        return err_set(err, len, "no memory for the configuration");
    }
    fd = memfile_from("certmill-conf", buf, (size_t)len, true);
    free(buf);
    return fd < 0 ? err_set(err, fd, "the configuration cannot be handed over: %s", err_string(fd))
                  : fd;
}

int boot_conf_open(struct server_conf *conf, int fd)
{
    struct msg_reader r;
    char *data = NULL;
    size_t len = 0;
    int ret = lseek(fd, 0, SEEK_SET) < 0
                  ? -errno
                  : file_read_fd(fd, "configuration", LIMIT_CONF_PACKED, &data, &len, NULL);

    if (ret < 0) {
        return ret;
    }
    if ((ret = msg_open(&r, (const uint8_t *)data, len)) == 0 &&
        (ret = conf_unpack(&server_conf_schema, conf, &r)) == 0 && (ret = msg_done(&r)) < 0) {
        conf_clear(&server_conf_schema, conf);
    }
    free(data);
    return ret;
}
