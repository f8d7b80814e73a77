#include "common/boot.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/boot_conf.h"
#include "common/limits.h"
#include "common/msg.h"

/* Sockets of one IPC_SOCKETS message. */
#define SOCKETS_A_MESSAGE 64

static int send_message(int control, const struct msg_writer *w, const int *fds, size_t nfds,
                        struct err *err)
{
    int ret = msg_end(w);

    if (ret < 0) {
        return err_set(err, ret, "a child's start does not fit into a message of %u bytes",
                       LIMIT_MESSAGE);
    }
    ret = msg_send(control, w, fds, nfds);
    return ret < 0 ? err_set(err, ret, "cannot send to a child: %s", err_string(ret)) : 0;
}

static void put_sockets(struct msg_writer *w, const struct boot_socket *sockets, size_t count,
                        int *fds)
{
    msg_put_u16(w, (uint16_t)count);
    for (size_t i = 0; i < count; i++) {
        msg_put_u8(w, (uint8_t)sockets[i].kind);
        msg_put_u8(w, (uint8_t)sockets[i].role);
        msg_put_u16(w, sockets[i].worker);
        msg_put_str(w, sockets[i].address);
        fds[i] = sockets[i].fd;
    }
}

/* Sends what is more than one message holds; returns how many sockets that were. */
static int send_first_sockets(int control, const struct boot *boot, uint8_t *buf, size_t room,
                              struct err *err)
{
    int fds[LIMIT_MESSAGE_FDS];
    size_t sent = 0;

    while (boot->socket_count - sent > room) {
        struct msg_writer w;
        size_t n = boot->socket_count - sent;

        n = n < SOCKETS_A_MESSAGE ? n : SOCKETS_A_MESSAGE;
        msg_begin(&w, buf, LIMIT_MESSAGE, IPC_SOCKETS);
        put_sockets(&w, boot->sockets + sent, n, fds);
        int ret = send_message(control, &w, fds, n, err);
        if (ret < 0) {
            return ret;
        }
        sent += n;
    }
    return (int)sent;
}

int boot_send(int control, enum ipc_type type, const struct boot *boot, struct err *err)
{
    int fds[LIMIT_MESSAGE_FDS];
    struct msg_writer w;
    size_t left = 0;
    int ret;

    if (boot->file_count > LIMIT_BOOT_FILES || (type != IPC_BOOT && boot->socket_count > 0)) {
        return err_set(err, ERR_INTERNAL, "a child's start message is out of bounds");
    }
    uint8_t *buf = malloc(LIMIT_MESSAGE);
    if (buf == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    if ((ret = boot_conf_seal(&boot->conf, err)) < 0) {
        goto err0;
    }
    fds[0] = ret;
    ret = send_first_sockets(control, boot, buf, LIMIT_MESSAGE_FDS - 1 - boot->file_count, err);
    if (ret < 0) {
        goto err1;
    }
    left = boot->socket_count - (size_t)ret;
    msg_begin(&w, buf, LIMIT_MESSAGE, (uint16_t)type);
    msg_put_u16(&w, boot->generation);
    put_sockets(&w, boot->sockets + ret, left, fds + 1);
    msg_put_u16(&w, (uint16_t)boot->file_count);
    for (size_t i = 0; i < boot->file_count; i++) {
        msg_put_u8(&w, (uint8_t)boot->files[i].kind);
        msg_put_u16(&w, boot->files[i].row);
        fds[1 + left + i] = boot->files[i].fd;
    }
    ret = send_message(control, &w, fds, 1 + left + boot->file_count, err);
err1:
    close(fds[0]);
err0:
    free(buf);
    return ret;
}

/* Reads `u16 count` sockets, whose descriptors are fds[0..nfds). On success those
 * are boot's, their number is returned; on error they are still the caller's. */
static int get_sockets(struct boot *boot, struct msg_reader *r, const int *fds, size_t nfds)
{
    size_t count = msg_get_u16(r);
    size_t most = (size_t)LIMIT_DNS_LISTEN * LIMIT_DNS_THREADS * 2 + LIMIT_MESSAGE_FDS;

    if (r->error != 0 || count > nfds || count > most - boot->socket_count) {
        return ERR_PROTOCOL;
    }
    if (count == 0) {
        return 0;
    }
    struct boot_socket *grown =
        realloc(boot->sockets, (boot->socket_count + count) * sizeof(*boot->sockets));
    if (grown == NULL) {
        return -ENOMEM;
    }
    boot->sockets = grown;
    for (size_t i = 0; i < count; i++) {
        struct boot_socket *s = &grown[boot->socket_count + i];
        uint8_t kind = msg_get_u8(r);
        uint8_t role = msg_get_u8(r);

        *s = (struct boot_socket){
            .kind = kind, .role = role, .worker = msg_get_u16(r), .fd = fds[i]};
        msg_get_str(r, s->address, sizeof(s->address));
        if (kind > IPC_SOCKET_PEER || role >= IPC_ROLES || s->worker >= LIMIT_DNS_THREADS) {
            return ERR_PROTOCOL;
        }
    }
    if (r->error != 0) {
        return ERR_PROTOCOL;
    }
    boot->socket_count += count;
    return (int)count;
}

static bool file_fits(const struct server_conf *conf, const struct boot_file *file)
{
    switch (file->kind) {
    case IPC_FILE_ZONE:
        return file->row < conf->zones.count;
    case IPC_FILE_COOKIE_SECRETS:
        return true;
    case IPC_FILE_EAB:
        return file->row < conf->authorities.count;
    case IPC_FILE_TRUST:
        return file->row < conf->authorities.count || file->row == IPC_FILE_OF_ALL;
    }
    return false;
}

/* As get_sockets, for the files at the end of the message. */
static int get_files(struct boot *boot, struct msg_reader *r, const int *fds, size_t nfds)
{
    size_t count = msg_get_u16(r);

    if (r->error != 0 || count != nfds || count > LIMIT_BOOT_FILES) {
        return ERR_PROTOCOL;
    }
    if (count == 0) {
        return msg_done(r) < 0 ? ERR_PROTOCOL : 0;
    }
    struct boot_file *files = calloc(count, sizeof(*files));
    if (files == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        uint8_t kind = msg_get_u8(r);

        files[i] = (struct boot_file){kind, msg_get_u16(r), fds[i]};
        if (!file_fits(&boot->conf, &files[i])) {
            goto err0;
        }
    }
    if (msg_done(r) < 0) {
        goto err0;
    }
    boot->files = files;
    boot->file_count = count;
    return 0;
err0:
    free(files);
    return ERR_PROTOCOL;
}

static void close_all(const int *fds, size_t nfds)
{
    for (size_t i = 0; i < nfds; i++) {
        close(fds[i]);
    }
}

/* IPC_BOOT and IPC_RELOAD behind the header. The descriptors are taken over. */
static int get_body(struct boot *boot, struct msg_reader *r, const int *fds, size_t nfds)
{
    size_t mine = 0;
    int ret = ERR_PROTOCOL;

    boot->generation = msg_get_u16(r);
    if (nfds > 0) {
        ret = boot_conf_open(&boot->conf, fds[0]);
        close(fds[0]);
        fds++;
        nfds--;
    }
    if (ret == 0) {
        ret = get_sockets(boot, r, fds, nfds);
    }
    if (ret >= 0) {
        mine = (size_t)ret;
        ret = get_files(boot, r, fds + mine, nfds - mine);
    }
    if (ret < 0) {
        close_all(fds + mine, nfds - mine);
        boot_clear(boot);
    }
    return ret;
}

int boot_decode(struct boot *boot, struct msg_reader *r, const int *fds, size_t nfds,
                struct err *err)
{
    *boot = (struct boot){0};

    int ret = get_body(boot, r, fds, nfds);
    return ret < 0 ? err_set(err, ret, "the supervisor's configuration message does not decode: %s",
                             err_string(ret))
                   : 0;
}

/* One message. Returns 1 where another has to come. */
static int receive_one(int control, struct boot *boot, uint8_t *buf)
{
    int fds[LIMIT_MESSAGE_FDS];
    size_t nfds = LIMIT_MESSAGE_FDS;
    struct msg_reader r;
    int ret = msg_recv(control, buf, LIMIT_MESSAGE, fds, &nfds);

    if (ret <= 0) {
        return ret == 0 ? ERR_UNAVAILABLE : ret;
    }
    ret = msg_open(&r, buf, (size_t)ret);
    if (ret == 0 && r.type == IPC_BOOT) {
        return get_body(boot, &r, fds, nfds);
    }
    if (ret < 0 || r.type != IPC_SOCKETS) {
        close_all(fds, nfds);
        return ret < 0 ? ret : ERR_PROTOCOL;
    }
    ret = get_sockets(boot, &r, fds, nfds);
    if (ret < 0) {
        close_all(fds, nfds);
        return ret;
    }
    if ((size_t)ret != nfds || msg_done(&r) < 0) {
        close_all(fds + ret, nfds - (size_t)ret);
        return ERR_PROTOCOL;
    }
    return 1;
}

int boot_receive(int control, struct boot *boot, struct err *err)
{
    uint8_t *buf = malloc(LIMIT_MESSAGE);
    int ret;

    *boot = (struct boot){0};
    if (buf == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    do {
        ret = receive_one(control, boot, buf);
    } while (ret == 1);
    free(buf);
    if (ret < 0) {
        boot_clear(boot);
        return err_set(err, ret, "cannot read the start message of the supervisor: %s",
                       err_string(ret));
    }
    return 0;
}

void boot_close_files(struct boot *boot)
{
    for (size_t i = 0; i < boot->file_count; i++) {
        if (boot->files[i].fd >= 0) {
            close(boot->files[i].fd);
        }
    }
    free(boot->files);
    boot->files = NULL;
    boot->file_count = 0;
}

void boot_clear(struct boot *boot)
{
    for (size_t i = 0; i < boot->socket_count; i++) {
        if (boot->sockets[i].fd >= 0) {
            close(boot->sockets[i].fd);
        }
    }
    boot_close_files(boot);
    free(boot->sockets);
    conf_clear(&server_conf_schema, &boot->conf);
    *boot = (struct boot){0};
}

int boot_log(struct log **log, const struct boot *boot, const char *program, struct err *err)
{
    const struct server_conf *conf = &boot->conf;
    enum log_level level = LOG_LEVEL_INFO;

    if (conf->log_level != NULL && log_level_parse(conf->log_level, &level) < 0) {
        return err_set(err, ERR_RANGE, "log-level %s is unknown", conf->log_level);
    }
    struct log_options options = {
        .program = program,
        .level = level,
        .format = conf->log_format != NULL && strcmp(conf->log_format, "json") == 0
                      ? LOG_FORMAT_JSON
                      : LOG_FORMAT_TEXT,
        .syslog_facility = conf->syslog_facility,
        .syslog_socket = conf->syslog_socket,
        .fd = STDERR_FILENO,
    };
    return log_new(log, &options, err);
}

int boot_ready(int control)
{
    uint8_t buf[16];
    struct msg_writer w;

    msg_begin(&w, buf, sizeof(buf), IPC_READY);
    return msg_send(control, &w, NULL, 0);
}

int boot_failed(int control, const struct err *err)
{
    uint8_t buf[LIMIT_ERROR_TEXT + 16];
    struct msg_writer w;

    msg_begin(&w, buf, sizeof(buf), IPC_FAILED);
    msg_put_str(&w, err->text[0] != '\0' ? err->text : err_string(err->code));
    return msg_send(control, &w, NULL, 0);
}
