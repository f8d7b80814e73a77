#include "client/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/install.h"
#include "common/file.h"

static int set_mode(int fd, const struct files *files, const char *name, struct err *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        return err_set(err, ERR_PERMISSION, "%s/%s is not a regular file", files->path, name);
    }
    if ((st.st_mode & 07777) != FILE_MODE && fchmod(fd, FILE_MODE) < 0) {
        return err_set(err, -errno, "%s/%s has mode %04o, and it cannot be set to %04o: %s",
                       files->path, name, st.st_mode & 07777, FILE_MODE, strerror(errno));
    }
    return 0;
}

/* Returns -ENOENT where there is no key file. */
static int read_key(struct key *out, const struct files *files, struct err *err)
{
    char name[256], *pem;
    size_t len;
    files_name(name, files, FILE_KEYPAIR);
    int fd = openat(files->folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return err_set(err, -errno, "%s/%s: %s", files->path, name, strerror(errno));
    }
    int ret = set_mode(fd, files, name, err);
    if (ret == 0 && (ret = file_read_fd(fd, name, KEY_FILE_MAX, &pem, &len, err)) == 0) {
        if ((ret = key_parse(out, pem, len, files->type, err)) < 0) {
            err_prefix(err, "%s/%s", files->path, name);
        }
        OPENSSL_cleanse(pem, len);
        free(pem);
    }
    close(fd);
    return ret;
}

int keyfile_open(struct key *out, const struct files *files, struct err *err)
{
    *out = (struct key){0};
    struct err found = {0};
    int ret = read_key(out, files, &found);
    if (ret != -ENOENT) {
        if (ret < 0 && err != NULL) {
            *err = found;
        }
        return ret;
    }
    if ((ret = key_make(out, files->type, err)) < 0) {
        return ret;
    }
    if ((ret = install_key(files, out->pem, out->len, NULL, err)) < 0) {
        key_clear(out);
    }
    if (ret == ERR_EXISTS) { /* another run made one meanwhile */
        ret = read_key(out, files, err);
    }
    return ret;
}
