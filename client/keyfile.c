#include "client/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/install.h"
#include "client/install_place.h"
#include "common/file.h"

/* An open key file. */
struct found {
    int fd;
    bool ours;   /* lies in path, or where our link leads: its mode is our business */
    bool linked; /* by another's link */
};

/* Opens it, through another's link as well; whose file that leads to nobody knows. -errno. */
static int find(struct found *found, const struct files *files, const char *name)
{
    static const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
    char target[PATH_MAX];
    enum install_place place = INSTALL_FILE;
    struct stat st;
    *found = (struct found){.fd = openat(files->folder, name, flags | O_NOFOLLOW)};
    if (found->fd >= 0) {
        /* With a second name elsewhere it may be anybody's. */
        found->ours = fstat(found->fd, &st) == 0 && st.st_nlink == 1;
        return 0;
    }
    if (errno != ELOOP) {
        return -errno;
    }
    ssize_t len = readlinkat(files->folder, name, target, sizeof(target) - 1);
    target[len > 0 ? len : 0] = '\0';
    found->ours =
        len > 0 && install_look(files, FILE_KEYPAIR, &place, NULL) == 0 && place == INSTALL_LINK;
    found->linked = !found->ours;
    found->fd = found->ours ? openat(files->folder, target, flags | O_NOFOLLOW)
                            : openat(files->folder, name, flags);
    return found->fd < 0 ? -errno : 0;
}

/* What it has to say of a file that everybody may get at, and that cannot be mended. */
static int refuse_open(const struct found *found, const struct files *files, const char *name,
                       mode_t mode, struct err *err)
{
    if (found->ours) {
        return err_set(err, -errno,
                       "%s/%s has mode %04o, so that everybody may get at the key, and it cannot "
                       "be set to %04o: %s; do so as its owner",
                       files->path, name, mode, file_owner_mode(&files->owner), strerror(errno));
    }
    return err_set(err, ERR_PERMISSION,
                   "%s/%s %s, which has mode %04o, so that everybody may get at the key; certmill "
                   "changes the mode of no file that may be another's: see whose it is, and chmod "
                   "o-rwx it",
                   files->path, name,
                   found->linked ? "is a link to another file"
                                 : "is a file with a second name (hard link)",
                   mode);
}

/* Brings the file to its mode; *was is the one it had. Who may not do so has nothing to answer for
 * as long as the file is closed to others. */
static int set_mode(const struct found *found, const struct files *files, const char *name,
                    mode_t *was, struct err *err)
{
    mode_t wanted = file_owner_mode(&files->owner);
    struct stat st;
    if (fstat(found->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        return err_set(err, ERR_PERMISSION, "%s/%s is not a regular file: put the key there",
                       files->path, name);
    }
    mode_t mode = st.st_mode & 07777;
    *was = 0;
    if (mode == wanted) {
        return 0;
    }
    if (found->ours && fchmod(found->fd, wanted) == 0) {
        *was = mode;
        return 0;
    }
    return (mode & 07) == 0 ? 0 : refuse_open(found, files, name, mode, err);
}

int keyfile_load(char **pem, size_t *len, mode_t *was, const struct files *files, struct err *err)
{
    char name[256];
    struct found found;
    *pem = NULL;
    *len = 0;
    files_name(name, files, FILE_KEYPAIR);
    int ret = find(&found, files, name);
    if (ret < 0) {
        return err_set(err, ret, "%s/%s: %s%s", files->path, name, strerror(-ret),
                       ret == -EACCES ? "; give it to the user whom certmill runs as" : "");
    }
    ret = set_mode(&found, files, name, was, err);
    if (ret == 0) {
        ret = file_read_fd(found.fd, name, KEY_FILE_MAX, pem, len, err);
    }
    close(found.fd);
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
    out->made = ret == 0;
    /* There is one that another run has made meanwhile, or a link. */
    if (ret == ERR_EXISTS && (ret = read_key(out, files, err)) == -ENOENT) {
        char name[256];
        files_name(name, files, FILE_KEYPAIR);
        return err_set(err, ret,
                       "%s/%s is a link to a file that is not there: put the key there, or remove "
                       "the link to have a new one made",
                       files->path, name);
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
             file_owner_mode(&files->owner),
             open ? "; everybody on this host could get at the key: think of making a new one"
                  : "");
    report_step(report, open ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, text);
}

void keyfile_tell_made(const struct key *key, const struct files *files, struct report_line *report)
{
    char certificate[256], concat[256], text[768];
    files_name(certificate, files, FILE_CERTIFICATE);
    files_name(concat, files, FILE_CONCAT);
    if (!key->made || faccessat(files->folder, certificate, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
        return;
    }
    snprintf(text, sizeof(text),
             "a new key was made: there was none beside %s; to go on with the old one, and its "
             "TLSA records, put it back from a backup or out of %s, and get the certificate again",
             certificate, concat);
    report_step(report, LOG_LEVEL_WARNING, text);
}
