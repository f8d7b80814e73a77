/*
 * The process that has the account keys. It talks to nobody but the supervisor and the
 * issuer, over the two sockets that it was given, and its loop is one poll(2).
 *
 * Answers are sent one at a time: while one waits for room in the issuer's socket no
 * further request is read, so nothing can pile up here.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/boot.h"
#include "common/file.h"
#include "common/ipc.h"
#include "common/log.h"
#include "common/msg.h"
#include "common/role.h"
#include "common/sandbox.h"
#include "signer/answer.h"
#include "signer/keys.h"

/* standard streams, control, issuer, keys folder, syslog, and what one file operation opens */
#define SIGNER_FDS 32

struct signer {
    int control, issuer; /* issuer: -1 while it is being restarted */
    struct log *log;
    struct keys *keys;
    struct eab *eab;
    struct msg_writer pending; /* an answer that is not sent yet: len > 0 */
    bool stop;
    uint8_t in[LIMIT_MESSAGE], out[LIMIT_MESSAGE];
};

static void drop_issuer(struct signer *s)
{
    if (s->issuer >= 0) {
        close(s->issuer);
    }
    s->issuer = -1;
    s->pending.len = 0;
}

static int take_issuer(struct signer *s, int fd)
{
    int flags = fcntl(fd, F_GETFL);

    drop_issuer(s);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        close(fd);
        return -errno;
    }
    s->issuer = fd;
    return 0;
}

static void reload(struct signer *s, struct msg_reader *r, const int *fds, size_t nfds)
{
    struct err err = {0};
    struct boot boot;
    struct eab *fresh;
    enum log_level level;

    if (boot_decode(&boot, r, fds, nfds, &err) < 0) {
        log_error(s->log, NULL, "%s", err.text);
        return;
    }
    if (eab_new(&fresh, &boot, &err) < 0) {
        log_error(s->log, NULL, "the old keys of external account bindings stay: %s", err.text);
    } else {
        eab_free(s->eab);
        s->eab = fresh;
    }
    if (log_level_parse(boot.conf.log_level, &level) == 0) {
        log_set_level(s->log, level);
    }
    boot_clear(&boot);
}

/* One message of the supervisor. End of file: it is gone, and so are we. */
static void read_control(struct signer *s)
{
    int fds[LIMIT_MESSAGE_FDS];
    size_t nfds = LIMIT_MESSAGE_FDS;
    struct msg_reader r;
    int n = msg_recv(s->control, s->in, sizeof(s->in), fds, &nfds);

    if (n == -EAGAIN) {
        return;
    }
    if (n <= 0 || msg_open(&r, s->in, (size_t)n) < 0) {
        s->stop = true;
        return;
    }
    if (r.type == IPC_RELOAD) {
        reload(s, &r, fds, nfds);
        return;
    }
    if (r.type == IPC_STOP) {
        s->stop = true;
    }
    if (r.type == IPC_PEER && msg_get_u8(&r) == IPC_ROLE_ISSUER && msg_done(&r) == 0 && nfds == 1) {
        take_issuer(s, fds[0]);
        return;
    }
    for (size_t i = 0; i < nfds; i++) {
        close(fds[i]);
    }
}

static void send_pending(struct signer *s)
{
    int ret = msg_send(s->issuer, &s->pending, NULL, 0);

    if (ret == -EAGAIN) {
        return;
    }
    if (ret < 0) {
        drop_issuer(s);
    }
    s->pending.len = 0;
}

static void read_issuer(struct signer *s)
{
    struct err err = {0};
    size_t nfds = 0;
    int n = msg_recv(s->issuer, s->in, sizeof(s->in), NULL, &nfds);

    if (n == -EAGAIN) {
        return;
    }
    if (n <= 0) {
        drop_issuer(s);
        return;
    }
    const struct answer_with with = {s->keys, s->eab, s->log};
    s->pending = (struct msg_writer){.buf = s->out, .cap = sizeof(s->out)};
    if (answer_message(&with, s->in, (size_t)n, &s->pending, &err) < 0) {
        log_error(s->log, NULL, "%s: its channel is closed", err.text);
        drop_issuer(s);
        return;
    }
    send_pending(s);
}

static int loop(struct signer *s)
{
    while (!s->stop) {
        struct pollfd fds[2] = {
            {.fd = s->control, .events = POLLIN},
            {.fd = s->issuer, .events = s->pending.len > 0 ? POLLOUT : POLLIN},
        };

        if (poll(fds, 2, -1) < 0 && errno != EINTR) {
            log_critical(s->log, NULL, "poll: %s", err_string(-errno));
            return 1;
        }
        if (fds[0].revents != 0) {
            read_control(s);
        }
        if (fds[1].revents != 0 && fds[1].fd == s->issuer) {
            if (s->pending.len > 0) {
                send_pending(s);
            } else {
                read_issuer(s);
            }
        }
    }
    return 0;
}

static int open_keys(struct signer *s, const struct boot *boot, char *path, size_t cap,
                     struct err *err)
{
    snprintf(path, cap, "%s/keys", boot->conf.state_dir);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return err_set(err, -errno, "cannot open the folder of keys %s: %s", path,
                       err_string(-errno));
    }
    int ret = keys_new(&s->keys, fd, path);
    return ret < 0 ? err_set(err, ret, "out of memory") : 0;
}

static int enter_sandbox(struct signer *s, const struct boot *boot, const char *keys,
                         struct err *err)
{
    const struct sandbox_path paths[] = {{keys, true}};
    bool active = false;
    int ret;

    /* reads openssl.cnf and makes the provider's tables while files can be opened */
    if (OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL) != 1) {
        return err_set(err, ERR_CRYPTO, "OpenSSL cannot be initialised");
    }
    if (setrlimit(RLIMIT_NOFILE, &(struct rlimit){SIGNER_FDS, SIGNER_FDS}) < 0) {
        return err_set(err, -errno, "setrlimit: %s", err_string(-errno));
    }
    ret = sandbox_drop_user(boot->conf.signer_user, NULL, false, err);
    if (ret == 0) {
        ret = sandbox_files(paths, 1, false, &active, err);
    }
    if (ret == 0) {
        ret = sandbox_calls(SANDBOX_SIGNER, err);
    }
    if (ret == 0 && !active) {
        log_info(s->log, NULL, "this kernel has no Landlock: files are confined by user only");
    }
    return ret;
}

static int start(struct signer *s, struct boot *boot, struct err *err)
{
    char keys[LIMIT_PATH + 8];
    int ret = boot_receive(s->control, boot, err);

    if (ret == 0) {
        ret = boot_log(&s->log, boot, "signer", err);
    }
    if (ret == 0) {
        ret = open_keys(s, boot, keys, sizeof(keys), err);
    }
    if (ret == 0) {
        ret = eab_new(&s->eab, boot, err);
    }
    if (ret == 0) {
        ret = enter_sandbox(s, boot, keys, err);
    }
    for (size_t i = 0; ret == 0 && i < boot->socket_count; i++) {
        if (boot->sockets[i].kind == IPC_SOCKET_PEER && boot->sockets[i].role == IPC_ROLE_ISSUER) {
            ret = take_issuer(s, boot->sockets[i].fd);
            boot->sockets[i].fd = -1;
        }
    }
    if (ret == 0) {
        ret = boot_ready(s->control);
    }
    return ret;
}

int signer_main(int control)
{
    struct signer *s = calloc(1, sizeof(*s));
    struct err err = {0};
    struct boot boot = {0};
    int ret;

    if (s == NULL) {
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    s->control = control;
    s->issuer = -1;
    ret = start(s, &boot, &err);
    boot_clear(&boot);
    if (ret < 0) {
        err.code = ret;
        boot_failed(control, &err);
        ret = 1;
    } else {
        ret = loop(s);
    }
    drop_issuer(s);
    keys_free(s->keys);
    eab_free(s->eab);
    log_free(s->log);
    OPENSSL_cleanse(s, sizeof(*s));
    free(s);
    return ret;
}
