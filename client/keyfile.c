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

/* Brings the file to its mode; *was is the one it had. Who may not do so has nothing to answer for
 * as long as the file is closed to others. */
static int set_mode(int fd, const struct files *files, const char *name, mode_t *was,
                    struct err *err)
{
    mode_t wanted = files->owner.mode != 0 ? files->owner.mode : FILE_MODE;
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        return err_set(err, ERR_PERMISSION, "%s/%s is not a regular file: put the key there",
                       files->path, name);
    }
    mode_t mode = st.st_mode & 07777;
    *was = 0;
    if (mode == wanted) {
        return 0;
    }
    if (fchmod(fd, wanted) == 0) {
        *was = mode;
        return 0;
    }
    if ((mode & 07) == 0) {
        return 0;
    }
    return err_set(err, -errno,
                   "%s/%s has mode %04o, so that everybody may get at the key, and it cannot be "
                   "set to %04o: %s; do so as its owner",
                   files->path, name, mode, wanted, strerror(errno));
}

int keyfile_load(char **pem, size_t *len, mode_t *was, const struct files *files, struct err *err)
{
    char name[256];
    int fd, ret;
    *pem = NULL;
    *len = 0;
    files_name(name, files, FILE_KEYPAIR);
    if ((fd = openat(files->folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) < 0) {
        ret = -errno;
        return err_set(err, ret, "%s/%s: %s%s", files->path, name, strerror(-ret),
                       ret == -EACCES ? "; give it to the user whom certmill runs as" : "");
    }
    ret = set_mode(fd, files, name, was, err);
    if (ret == 0) {
        ret = file_read_fd(fd, name, KEY_FILE_MAX, pem, len, err);
    }
    close(fd);
    return ret;
}

/* Returns -ENOENT where there is no key file. */
static int read_key(struct key *out, const struct files *files, struct err *err)
{
    char name[256], *pem;
    size_t len;
    mode_t was = 0;
    int ret = keyfile_load(&pem, &len, &was, files, err);
    if (ret < 0) {
        return ret;
    }
    if ((ret = key_parse(out, pem, len, files->type, err)) < 0) {
        files_name(name, files, FILE_KEYPAIR);
        err_prefix(err, "%s/%s", files->path, name);
    }
    out->mode_was = ret == 0 ? was : 0;
    OPENSSL_cleanse(pem, len);
    free(pem);
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
    if ((ret = key_make(out, files->type, &files->form, err)) < 0) {
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

void keyfile_tell_mode(const struct key *key, const struct files *files, struct report_line *report)
{
    char name[256], text[640];
    if (key->mode_was == 0) {
        return;
    }
    bool open = (key->mode_was & 07) != 0;
    files_name(name, files, FILE_KEYPAIR);
    snprintf(text, sizeof(text), "%.200s had mode %04o and has %04o now%s", name, key->mode_was,
             files->owner.mode != 0 ? files->owner.mode : FILE_MODE,
             open ? "; everybody on this host could get at the key: think of making a new one"
                  : "");
    report_step(report, open ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, text);
}
