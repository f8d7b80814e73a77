/*
 * What certmill's processes say to each other: message types, their fields in
 * order, and who sends them. Encoded by common/msg. A peer that breaks this is
 * cut off: the reader closes the channel, and the supervisor restarts the child (of its own
 * accord, or where the issuer says so by IPC_PEER_BROKEN).
 *
 * Channels (SOCK_SEQPACKET socketpairs, all made by the supervisor):
 *   supervisor <-> each child     "control", descriptor IPC_CONTROL_FD in the child
 *   issuer     <-> dnsd           images, acknowledgements, seen, statistics
 *   issuer     <-> signer         signing
 *
 * A child starts as `certmilld --role NAME` and waits for IPC_BOOT on its
 * control channel. When a peer dies the supervisor makes a new pair and gives
 * each side its end by IPC_PEER; the old descriptor is closed by its reader.
 * End of file on the control channel means that the supervisor is gone: exit.
 */
#ifndef CERTMILL_COMMON_IPC_H
#define CERTMILL_COMMON_IPC_H

#define IPC_CONTROL_FD 3

enum ipc_role {
    IPC_ROLE_SUPERVISOR,
    IPC_ROLE_DNSD,
    IPC_ROLE_ISSUER,
    IPC_ROLE_SIGNER,
    IPC_ROLES,
};

enum ipc_socket_kind {
    IPC_SOCKET_UDP,     /* DNS over UDP, already bound */
    IPC_SOCKET_TCP,     /* DNS over TCP, already listening */
    IPC_SOCKET_SUBMIT,  /* submit.sock, listening */
    IPC_SOCKET_CONTROL, /* control.sock, listening */
    IPC_SOCKET_PEER,    /* channel to the peer of IPC_BOOT */
};

/* What the supervisor has read for a child. */
enum ipc_file_kind {
    IPC_FILE_ZONE,           /* issuer: the zone file of a row of conf.zones */
    IPC_FILE_COOKIE_SECRETS, /* dnsd: dns-cookie-secret-file */
    IPC_FILE_EAB,            /* signer: eab-key-file of a row of conf.authorities */
    IPC_FILE_TRUST,          /* issuer: ca-file of a row of conf.authorities, or acme-ca-file */
};

#define IPC_FILE_OF_ALL 0xffff /* instead of a row: acme-ca-file */

/* The supervisor's state of a child, in IPC_PROCESS. */
enum ipc_process_state {
    IPC_PROCESS_STARTING,
    IPC_PROCESS_RUNNING,
    IPC_PROCESS_WAITING, /* dead; a restart is due */
    IPC_PROCESS_STOPPED,
};

/* How the operator is told, in IPC_NOTIFY. */
enum ipc_notify {
    IPC_NOTIFY_PROGRAM, /* notify-program */
    IPC_NOTIFY_MAIL,    /* notify-sendmail, to notify-email */
};

enum ipc_type {
    /* supervisor -> child: all a child needs to start. Fields:
     *   u16 generation of configuration. The first descriptor is the configuration itself
     *   (common/boot_conf.h), with what this child needs of it: a sealed memfile.
     *   u16 number of sockets, and for each, in the order of SCM_RIGHTS:
     *     u8 enum ipc_socket_kind, u8 enum ipc_role of a peer (else 0),
     *     u16 worker (0-based, dns sockets only), str address (as written in the log)
     *   u16 number of files, and for each (sealed memfiles that follow the sockets; each
     *     child gets its own kinds only): u8 enum ipc_file_kind, u16 row of conf.zones or
     *     conf.authorities (struct boot_file)
     * More descriptors than LIMIT_MESSAGE_FDS come in IPC_SOCKETS before it. */
    IPC_BOOT = 1,
    /* supervisor -> dnsd, before IPC_BOOT: u16 count, then as in IPC_BOOT */
    IPC_SOCKETS,
    /* child -> supervisor: started, sandboxed, in its loop. No fields. */
    IPC_READY,
    /* child -> supervisor: cannot start; str reason for the operator. The child exits. */
    IPC_FAILED,
    /* supervisor -> child: new channel to a peer: u8 enum ipc_role; one descriptor */
    IPC_PEER,
    /* supervisor -> issuer: configuration to judge and, if good, to use: as IPC_BOOT
     * without sockets (number of descriptors 0) but with its files.
     * supervisor -> others, once the issuer agreed: same, each with its own files. */
    IPC_RELOAD,
    /* issuer -> supervisor: u8 ok (1) or refused (0), str reason */
    IPC_RELOADED,
    /* issuer -> supervisor: an operator asked for a reload. No fields.
     * supervisor -> issuer: its outcome comes as IPC_RELOAD_DONE: u8 ok, str text */
    IPC_RELOAD_REQUEST,
    IPC_RELOAD_DONE,
    /* supervisor -> issuer, at each change: u8 role, u8 state, u32 pid, u32 restarts,
     * u64 since (Unix seconds). Once for each process after IPC_BOOT, itself included. */
    IPC_PROCESS,
    /* supervisor -> child: stop by yourself within LIMIT_STOP_MS. No fields. */
    IPC_STOP,
    /* issuer -> supervisor: u8 role of a peer, dnsd or signer, that broke the protocol and was cut
     * off. It is killed, and starts anew. */
    IPC_PEER_BROKEN,
    /* issuer -> supervisor: u8 enum ipc_notify, bytes (at most LIMIT_NOTIFY) for that program's
     * standard input: the supervisor does not look into them. */
    IPC_NOTIFY,

    /* issuer -> dnsd: u64 generation; one descriptor: sealed memfile with the image */
    IPC_IMAGE = 64,
    /* dnsd -> issuer: u64 generation that every worker now answers from */
    IPC_IMAGE_ACK,
    /* dnsd -> issuer: u64 generation, str reason: refused, the old one is kept */
    IPC_IMAGE_REFUSED,
    /* dnsd -> issuer: u16 count, and for each: bytes owner name (wire, lower case),
     *   u16 qtype, u8 tcp, u8 rcode, u8 answered (1: ANSWER section not empty),
     *   bytes address (4 or 16 bytes), u32 times, u64 generation it was answered from.
     * Bounded in rate; only names at or below which a challenge value is live. */
    IPC_SEEN,
    /* issuer -> dnsd: no fields; dnsd -> issuer: IPC_STATS: u16 count, then for each:
     *   str name, u64 value (counters since dnsd started) */
    IPC_STATS_REQUEST,
    IPC_STATS,

    /* issuer -> signer: u64 request, str key (file name without folder, [a-z0-9-]{1,64}),
     *   str key type ("ecdsa-p256", "ecdsa-p384", "rsa-2048", "rsa-3072", "rsa-4096"),
     *   used when the key does not exist yet */
    IPC_KEY_REQUEST = 96,
    /* signer -> issuer: u64 request, u8 created (1: made just now), str JWK
     *   (RFC 7638 canonical JSON), str thumbprint (base64url of its SHA-256) */
    IPC_KEY,
    /* issuer -> signer: u64 request, str key, str url, str nonce, str kid ("" : jwk
     *   in the header instead), bytes payload ("" for POST-as-GET, RFC 8555 6.3) */
    IPC_SIGN_REQUEST,
    /* signer -> issuer: u64 request, bytes flattened JWS as JSON (RFC 7515 7.2.2) */
    IPC_SIGNED,
    /* signer -> issuer: u64 request, str reason for the operator */
    IPC_SIGN_FAILED,
    /* issuer -> signer: u64 request, str name: which keys NAME and NAME-2, NAME-3 ... there are */
    IPC_KEY_LIST_REQUEST,
    /* signer -> issuer: u64 request, u16 count, for each: str key, the highest number first */
    IPC_KEY_LIST,
    /* issuer -> signer: u64 request, str key, str authority (name of a row of conf.authorities),
     *   str url: the external account binding (RFC 8555 7.3.4) of that account key with the
     *   authority's kid and key, which only the signer has; answered by IPC_SIGNED */
    IPC_EAB_REQUEST,
};

/* "dnsd" and the like; "?" for another number. */
const char *ipc_role_name(enum ipc_role role);

#endif
