/*
 * issuer <-> dnsd and issuer <-> signer. When one side starts, a pair is made: a peer that
 * runs gets its end by IPC_PEER, one that does not finds it at its own start. So no side
 * has to ask, and what is sent while the other starts waits in the socket.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisor/state.h"

static bool are_peers(enum ipc_role a, enum ipc_role b)
{
    return a != b && a != IPC_ROLE_SUPERVISOR && b != IPC_ROLE_SUPERVISOR &&
           (a == IPC_ROLE_ISSUER || b == IPC_ROLE_ISSUER);
}

static void set_waiting(struct child *child, enum ipc_role role, int fd)
{
    if (child->waiting[role] >= 0) {
        close(child->waiting[role]);
    }
    child->waiting[role] = fd;
}

/* The other end is the peer's: sent or kept. */
static void give_end(struct child *peer, enum ipc_role role, int fd)
{
    uint8_t buf[16];
    struct msg_writer w;

    if (peer->life == NULL) {
        set_waiting(peer, role, fd);
        return;
    }
    msg_begin(&w, buf, sizeof(buf), IPC_PEER);
    msg_put_u8(&w, (uint8_t)role);
    if (msg_send(peer->life->control, &w, &fd, 1) < 0) {
        children_kill(peer, "it does not read its control channel");
    }
    close(fd);
}

int peers_connect(struct child *child, struct boot_socket *ends)
{
    int count = 0;

    for (enum ipc_role role = IPC_ROLE_DNSD; role < IPC_ROLES; role++) {
        struct boot_socket end = {.kind = IPC_SOCKET_PEER, .role = role, .fd = -1};
        int pair[2];

        if (!are_peers(child->role, role)) {
            continue;
        }
        if (child->waiting[role] >= 0) {
            end.fd = child->waiting[role];
            child->waiting[role] = -1;
        } else if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0) {
            end.fd = pair[0];
            give_end(&child->sup->children[role], child->role, pair[1]);
        } else {
            int ret = -errno;
            while (count > 0) {
                close(ends[--count].fd);
            }
            return ret;
        }
        snprintf(end.address, sizeof(end.address), "%s", ipc_role_name(role));
        ends[count++] = end;
    }
    return count;
}

void peers_forget(struct child *child)
{
    struct supervisor *sup = child->sup;

    for (enum ipc_role role = IPC_ROLE_DNSD; role < IPC_ROLES; role++) {
        set_waiting(&sup->children[role], child->role, -1);
    }
}
