#include "supervisor/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/sock.h"
#include "supervisor/address.h"
#include "supervisor/holder.h"

#define BACKLOG    512 /* TCP connections waiting */
#define FREE_TRIES 64  /* for a port that is free for UDP and TCP */

static const char *protocol(int type)
{
    return type == SOCK_DGRAM ? "UDP" : "TCP";
}

static int explain(const struct address *address, int type, int error, struct err *err)
{
    char text[ADDRESS_TEXT];
    struct holder holder;

    address_format(address, text);
    if (error == EADDRINUSE && holder_find(&holder, type, address)) {
        return err_set(
            err, ERR_BUSY,
            "cannot listen on %s (%s): the port is taken by %s (pid %d); stop it, or set "
            "dns-listen to another address or port",
            text, protocol(type), holder.name, (int)holder.pid);
    }
    if (error == EADDRINUSE) {
        return err_set(err, ERR_BUSY,
                       "cannot listen on %s (%s): the port is taken by another process; stop it, "
                       "or set dns-listen to another address or port",
                       text, protocol(type));
    }
    if (error == EACCES) {
        return err_set(err, -error,
                       "cannot listen on %s (%s): ports below 1024 need root, the capability "
                       "CAP_NET_BIND_SERVICE or systemd's socket activation",
                       text, protocol(type));
    }
    if (error == EADDRNOTAVAIL) {
        return err_set(err, -error,
                       "cannot listen on %s (%s): no interface of this host has the address", text,
                       protocol(type));
    }
    return err_set(err, -error, "cannot listen on %s (%s): %s", text, protocol(type),
                   err_string(-error));
}

void listen_widen(int fd)
{
    sock_widen_receive(fd, LIMIT_UDP_QUEUE);
}

static int set_options(int fd, const struct address *address, int type)
{
    const int on = 1;

    if (address->storage.ss_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) {
        return -errno;
    }
    if (type == SOCK_STREAM) {
        return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ? -errno : 0;
    }
    listen_widen(fd);
    return 0;
}

/* One bound socket, or -errno. first: alone, so that a taken port is noticed. */
static int open_socket(const struct address *address, int type, bool first)
{
    int fd = socket(address->storage.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return -errno;
    }
    int ret = set_options(fd, address, type);
    if (ret == 0 && !first) {
        ret = sock_share(fd);
    }
    if (ret == 0 && bind(fd, (const struct sockaddr *)&address->storage, address->len) < 0) {
        ret = -errno;
    }
    if (ret == 0 && first) {
        ret = sock_share(fd);
    }
    if (ret < 0) {
        close(fd);
        return ret;
    }
    return fd;
}

int listen_add(struct listen_set *set, const struct boot_socket *socket)
{
    struct boot_socket *grown = realloc(set->items, (set->count + 1) * sizeof(*grown));

    if (grown == NULL) {
        close(socket->fd);
        return -ENOMEM;
    }
    grown[set->count++] = *socket;
    set->items = grown;
    return 0;
}

static int add_dns(struct listen_set *set, int fd, int type, size_t worker,
                   const struct address *address)
{
    struct boot_socket socket = {
        .kind = type == SOCK_DGRAM ? IPC_SOCKET_UDP : IPC_SOCKET_TCP,
        .worker = (uint16_t)worker,
        .fd = fd,
    };
    char text[ADDRESS_TEXT];

    address_format(address, text);
    snprintf(socket.address, sizeof(socket.address), "%s", text);
    return listen_add(set, &socket);
}

/* The first UDP and TCP socket of an address. Port 0 becomes the one that both have. */
static int open_first(struct address *address, int fds[static 2], int *failed_type)
{
    bool any_port = address_port(address) == 0;
    int ret = -EADDRINUSE;

    for (int tries = any_port ? FREE_TRIES : 1; ret == -EADDRINUSE && tries > 0; tries--) {
        socklen_t len = sizeof(address->storage);

        if (any_port) {
            address_set_port(address, 0);
        }
        *failed_type = SOCK_DGRAM;
        if ((fds[0] = open_socket(address, SOCK_DGRAM, true)) < 0) {
            return fds[0];
        }
        if (getsockname(fds[0], (struct sockaddr *)&address->storage, &len) < 0) {
            ret = -errno;
            close(fds[0]);
            return ret;
        }
        *failed_type = SOCK_STREAM;
        fds[1] = ret = open_socket(address, SOCK_STREAM, true);
        if (ret < 0) {
            close(fds[0]);
        }
    }
    return ret < 0 ? ret : 0;
}

/* All workers' sockets of one address; the first ones are there. */
static int open_workers(struct listen_set *set, const struct address *address, const int *first,
                        size_t workers, int *failed_type)
{
    static const int types[2] = {SOCK_DGRAM, SOCK_STREAM};
    int ret = 0;

    for (int t = 0; t < 2; t++) {
        for (size_t w = 0; w < workers; w++) {
            int fd = w == 0 ? first[t] : open_socket(address, types[t], false);

            *failed_type = types[t];
            ret = ret == 0 && fd < 0 ? fd : ret;
            if (ret == 0) {
                ret = add_dns(set, fd, types[t], w, address);
            } else if (fd >= 0) {
                close(fd);
            }
            if (ret == 0 && types[t] == SOCK_STREAM && listen(fd, BACKLOG) < 0) {
                ret = -errno;
            }
        }
    }
    return ret;
}

static int listen_address(struct listen_set *set, const char *text, size_t workers, struct log *log,
                          struct err *err)
{
    struct address address;
    char shown[ADDRESS_TEXT];
    int first[2] = {-1, -1}, type = SOCK_DGRAM;
    int ret = address_parse(text, &address, err);

    if (ret < 0) {
        return ret;
    }
    ret = open_first(&address, first, &type);
    if (ret == -EAFNOSUPPORT && address_is_any(&address)) {
        log_warning(log, NULL, "not listening on %s: this host has no IPv6", text);
        return 0;
    }
    if (ret == 0) {
        ret = open_workers(set, &address, first, workers, &type);
    }
    if (ret < 0) {
        return explain(&address, type, -ret, err);
    }
    address_format(&address, shown);
    log_info(log, NULL, "listening on %s (UDP and TCP)", shown);
    return 0;
}

static void drop_after(struct listen_set *set, size_t count)
{
    while (set->count > count) {
        close(set->items[--set->count].fd);
    }
}

int listen_dns(struct listen_set *set, const struct conf_strings *addresses, size_t workers,
               struct log *log, struct err *err)
{
    size_t before = set->count;
    int ret = 0;

    if (addresses->count > LIMIT_DNS_LISTEN) {
        return err_set(err, ERR_LIMIT, "dns-listen has more than %d addresses", LIMIT_DNS_LISTEN);
    }
    for (size_t i = 0; ret == 0 && i < addresses->count; i++) {
        ret = listen_address(set, addresses->items[i], workers, log, err);
    }
    if (ret == 0 && set->count == before) {
        ret = err_set(err, ERR_NOT_FOUND, "there is no address to listen on in dns-listen");
    }
    if (ret < 0) {
        drop_after(set, before);
    }
    return ret;
}

void listen_clear(struct listen_set *set)
{
    drop_after(set, 0);
    free(set->items);
    *set = (struct listen_set){0};
}
