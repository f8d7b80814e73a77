#include "dnsd/share.h"

#include <string.h>

#include "common/limits.h"
#include "common/self.h"

static bool is_dns(const struct boot_socket *s)
{
    return s->kind == IPC_SOCKET_UDP || s->kind == IPC_SOCKET_TCP;
}

size_t share_workers(const struct boot *boot)
{
    size_t count = boot->conf.dns_threads > 0 ? (size_t)boot->conf.dns_threads : self_cores();

    for (size_t i = 0; i < boot->socket_count; i++) {
        const struct boot_socket *s = &boot->sockets[i];

        if (is_dns(s) && s->worker >= count) {
            count = s->worker + 1u;
        }
    }
    return count < LIMIT_DNS_THREADS ? count : LIMIT_DNS_THREADS;
}

static bool has_own(const struct boot *boot, const struct boot_socket *of, size_t worker)
{
    for (size_t i = 0; i < boot->socket_count; i++) {
        const struct boot_socket *s = &boot->sockets[i];

        if (s->kind == of->kind && s->worker == worker && strcmp(s->address, of->address) == 0) {
            return true;
        }
    }
    return false;
}

size_t share_sockets(const struct boot *boot, enum ipc_socket_kind kind, size_t worker, int *fds,
                     size_t cap)
{
    size_t count = 0;

    for (size_t i = 0; i < boot->socket_count && count < cap; i++) {
        const struct boot_socket *s = &boot->sockets[i];

        if (s->kind == kind &&
            (s->worker == worker || (s->worker == 0 && !has_own(boot, s, worker)))) {
            fds[count++] = s->fd;
        }
    }
    return count;
}
