#include "supervisor/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "supervisor/address.h"

static const char *variable(char *const *envp, const char *name)
{
    size_t len = strlen(name);

    for (; envp != NULL && *envp != NULL; envp++) {
        if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=') {
            return *envp + len + 1;
        }
    }
    return NULL;
}

/* A decimal number from 0 to max, or -1. */
static long number(const char *text, long max)
{
    size_t len = strlen(text);

    if (len == 0 || len > 9 || text[strspn(text, "0123456789")] != '\0') {
        return -1;
    }
    long v = strtol(text, NULL, 10);
    return v <= max ? v : -1;
}

int activation_parse(struct activation *activation, char *const *envp, int pid, struct err *err)
{
    const char *fds = variable(envp, "LISTEN_FDS");
    const char *who = variable(envp, "LISTEN_PID");
    const char *names = variable(envp, "LISTEN_FDNAMES");

    *activation = (struct activation){.names = ""};
    if (fds == NULL || who == NULL || number(who, 999999999) != pid) {
        return 0;
    }
    long count = number(fds, LIMIT_DNS_LISTEN * 2 + 2);
    if (count < 0) {
        return err_set(err, ERR_MALFORMED,
                       "the service manager's LISTEN_FDS=%.32s is not a number from 0 to %d", fds,
                       LIMIT_DNS_LISTEN * 2 + 2);
    }
    activation->count = (int)count;
    activation->names = names != NULL ? names : "";
    return 0;
}

static int option(int fd, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, name, &value, &len) < 0 ? -1 : value;
}

/* The i-th of the names, which are divided by colons. */
static void name_at(const char *names, int i, char *dst, size_t cap)
{
    while (i-- > 0) {
        const char *colon = strchr(names, ':');
        names = colon != NULL ? colon + 1 : "";
    }
    snprintf(dst, cap, "%.*s", (int)strcspn(names, ":"), names);
}

static bool says(const char *name, const char *path, const char *word)
{
    const char *base = strrchr(path, '/');
    size_t len = strlen(word);

    base = base != NULL ? base + 1 : path;
    return strncmp(name, word, len) == 0 || strncmp(base, word, len) == 0;
}

static int take_local(int fd, const char *name, struct listen_set *set, struct err *err)
{
    struct sockaddr_un sun = {0};
    socklen_t len = sizeof(sun);
    struct boot_socket socket = {.fd = fd};

    if (getsockname(fd, (struct sockaddr *)&sun, &len) < 0) {
        return err_set(err, -errno, "getsockname: %s", err_string(-errno));
    }
    if (says(name, sun.sun_path, "submit")) {
        socket.kind = IPC_SOCKET_SUBMIT;
    } else if (says(name, sun.sun_path, "control")) {
        socket.kind = IPC_SOCKET_CONTROL;
    } else {
        return err_set(err, ERR_UNKNOWN,
                       "the service manager handed over the local socket %.100s (%.32s), which is "
                       "neither submit nor control: name it so by FileDescriptorName=",
                       sun.sun_path, name);
    }
    snprintf(socket.address, sizeof(socket.address), "%.107s", sun.sun_path);
    return listen_add(set, &socket) < 0 ? err_set(err, -ENOMEM, "out of memory") : 0;
}

static int take_dns(int fd, int type, size_t workers, struct listen_set *set, struct log *log,
                    struct err *err)
{
    struct boot_socket socket = {.kind = type == SOCK_DGRAM ? IPC_SOCKET_UDP : IPC_SOCKET_TCP};
    struct address address = {.len = sizeof(address.storage)};
    char text[ADDRESS_TEXT];

    if (getsockname(fd, (struct sockaddr *)&address.storage, &address.len) < 0) {
        return err_set(err, -errno, "getsockname: %s", err_string(-errno));
    }
    if (type == SOCK_DGRAM) {
        listen_widen(fd);
    }
    address_format(&address, text);
    snprintf(socket.address, sizeof(socket.address), "%s", text);
    for (size_t w = 0; w < workers; w++) {
        socket.worker = (uint16_t)w;
        socket.fd = w == 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (socket.fd < 0 || listen_add(set, &socket) < 0) {
            return err_set(err, -ENOMEM, "cannot share %s among %zu workers", text, workers);
        }
    }
    log_info(log, NULL, "listening on %s (%s, from the service manager)", text,
             type == SOCK_DGRAM ? "UDP" : "TCP");
    return 0;
}

static int take_one(int fd, const char *name, size_t workers, struct listen_set *set,
                    struct log *log, struct err *err)
{
    int domain = option(fd, SO_DOMAIN), type = option(fd, SO_TYPE);
    bool listening = option(fd, SO_ACCEPTCONN) == 1;
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
        return err_set(err, -errno, "descriptor %d of the service manager: %s", fd,
                       err_string(-errno));
    }
    if (domain == AF_UNIX && type == SOCK_STREAM && listening) {
        return take_local(fd, name, set, err);
    }
    if ((domain == AF_INET || domain == AF_INET6) &&
        (type == SOCK_DGRAM || (type == SOCK_STREAM && listening))) {
        return take_dns(fd, type, workers, set, log, err);
    }
    return err_set(err, ERR_UNKNOWN,
                   "descriptor %d (%.32s) of the service manager is not a socket that certmilld "
                   "can use",
                   fd, name);
}

int activation_take(const struct activation *activation, size_t workers, struct listen_set *set,
                    struct log *log, struct err *err)
{
    char name[64];
    int ret = 0;

    for (int i = 0; ret == 0 && i < activation->count; i++) {
        name_at(activation->names, i, name, sizeof(name));
        ret = take_one(ACTIVATION_FIRST + i, name, workers, set, log, err);
    }
    return ret;
}
