/*
 * The sockets that only the supervisor can open, and that outlive every child: port 53 and
 * the two local ones.
 *
 * Each address has a UDP and a TCP socket for each worker, told apart by the kernel
 * (sock_share). That lets a second process of the same user take a port which is
 * in use already, silently; so the first socket of each is bound without it, which fails
 * where anybody else is there, and gets it afterwards.
 */
#ifndef CERTMILL_SUPERVISOR_LISTEN_H
#define CERTMILL_SUPERVISOR_LISTEN_H

#include <stddef.h>
#include <sys/types.h>

#include "common/boot.h"
#include "common/err.h"
#include "common/log.h"
#include "common/server_conf.h"

struct listen_set {
    struct boot_socket *items;
    size_t count;
};

/* Binds UDP and TCP of dns-listen for so many workers and says so in the log; port 0 is one
 * free port for all sockets of the address. ERR_BUSY names a port's holder. On error the
 * set is as before. */
int listen_dns(struct listen_set *set, const struct conf_strings *addresses, size_t workers,
               struct log *log, struct err *err);

/* Gives a UDP socket room for LIMIT_UDP_QUEUE octets, where it has less: past the host's
 * net.core.rmem_max as root, else up to it. */
void listen_widen(int fd);

/* A listening unix socket at path, made with mode and, where we are root, the group; a file
 * that nobody listens at is replaced. ERR_BUSY where somebody does. */
struct listen_unix {
    const char *path;
    enum ipc_socket_kind kind;
    mode_t mode;
    gid_t group;
};
int listen_local(struct listen_set *set, const struct listen_unix *local, struct err *err);

/* The one descriptor more; taken over, also on error. */
int listen_add(struct listen_set *set, const struct boot_socket *socket);

void listen_clear(struct listen_set *set);

#endif
