/*
 * How a child learns what it is to do: IPC_BOOT (and IPC_SOCKETS before it) from the
 * supervisor, both directions in one place. Layout of the fields: common/ipc.h.
 */
#ifndef CERTMILL_COMMON_BOOT_H
#define CERTMILL_COMMON_BOOT_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/ipc.h"
#include "common/log.h"
#include "common/server_conf.h"

struct boot_socket {
    enum ipc_socket_kind kind;
    enum ipc_role role; /* IPC_SOCKET_PEER: whose end the other one is */
    uint16_t worker;    /* dns sockets */
    char address[112];  /* as written in the log; a unix path or address:port */
    int fd;
};

struct boot_file {
    enum ipc_file_kind kind;
    uint16_t row; /* IPC_FILE_ZONE: of conf.zones; IPC_FILE_EAB, IPC_FILE_TRUST: of conf.authorities
                     (IPC_FILE_TRUST of acme-ca-file: IPC_FILE_OF_ALL), else 0 */
    int fd;       /* sealed: common/memfile.h */
};

struct boot {
    uint16_t generation; /* of the configuration; grows at each reload */
    struct server_conf conf;
    struct boot_socket *sockets;
    size_t socket_count;
    struct boot_file *files;
    size_t file_count;
};

/* Sends IPC_BOOT (sockets and all) or IPC_RELOAD, the configuration as it is; descriptors stay the
 * caller's. */
int boot_send(int control, enum ipc_type type, const struct boot *boot, struct err *err);

/* Waits for IPC_BOOT on the blocking descriptor; all in *boot is the caller's then. */
int boot_receive(int control, struct boot *boot, struct err *err);

/* Decodes an IPC_RELOAD that the caller's loop received, with its descriptors (taken
 * over, closed on error). r is just behind the header. */
int boot_decode(struct boot *boot, struct msg_reader *r, const int *fds, size_t nfds,
                struct err *err);

/* The files alone, once they have been read. */
void boot_close_files(struct boot *boot);

/* Closes what is still open (fd >= 0) and frees. */
void boot_clear(struct boot *boot);

/* The log of a child, after its configuration. program: "dnsd" and the like. */
int boot_log(struct log **log, const struct boot *boot, const char *program, struct err *err);

/* IPC_READY, IPC_FAILED with err->text. */
int boot_ready(int control);
int boot_failed(int control, const struct err *err);

#endif
