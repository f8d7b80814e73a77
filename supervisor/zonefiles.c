#include "supervisor/zonefiles.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/file.h"

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        data += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* A sealed memfd with the file's content. */
static int read_one(const char *path, struct err *err)
{
    char *data;
    size_t len;
    int ret = file_read(AT_FDCWD, path, LIMIT_ZONE_FILE, &data, &len, err);

    if (ret < 0) {
        return err_prefix(err, "zone file");
    }
    int fd = memfd_create("certmill-zone", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        ret = err_set(err, -errno, "zone file %s: no memory for it: %s", path, err_string(-errno));
        goto err0;
    }
    ret = write_all(fd, data, len);
    if (ret == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
        ret = -errno;
    }
    if (ret < 0) {
        close(fd);
        err_set(err, ret, "zone file %s: no memory for it: %s", path, err_string(ret));
        goto err0;
    }
    ret = fd;
err0:
    free(data);
    return ret;
}

int zonefiles_read(struct zonefiles *files, const struct server_conf *conf, struct err *err)
{
    const struct server_conf_zone *zones = conf->zones.rows;

    files->count = 0;
    if (conf->zones.count > LIMIT_DNS_ZONES) {
        return err_set(err, ERR_LIMIT, "more than %d zones", LIMIT_DNS_ZONES);
    }
    for (size_t i = 0; i < conf->zones.count; i++) {
        if (zones[i].file == NULL) {
            continue;
        }
        int fd = read_one(zones[i].file, err);
        if (fd < 0) {
            zonefiles_clear(files);
            return fd;
        }
        files->items[files->count++] = (struct boot_file){IPC_FILE_ZONE, (uint16_t)i, fd};
    }
    return 0;
}

int zonefiles_reopen(struct zonefiles *copy, const struct zonefiles *files, struct err *err)
{
    char path[48];

    copy->count = 0;
    for (size_t i = 0; i < files->count; i++) {
        snprintf(path, sizeof(path), "/proc/self/fd/%d", files->items[i].fd);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            int ret = err_set(err, -errno, "cannot hand over a zone file: %s", err_string(-errno));
            zonefiles_clear(copy);
            return ret;
        }
        copy->items[copy->count++] = (struct boot_file){files->items[i].kind, files->items[i].zone, fd};
    }
    return 0;
}

void zonefiles_clear(struct zonefiles *files)
{
    for (size_t i = 0; i < files->count; i++) {
        close(files->items[i].fd);
    }
    files->count = 0;
}
