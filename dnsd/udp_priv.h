/*
 * Within dnsd/udp*.c: what each system has its own socket options for. Nothing here is called once
 * a message.
 */
#ifndef CERTMILL_DNSD_UDP_PRIV_H
#define CERTMILL_DNSD_UDP_PRIV_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* Room for what the kernel says of where a message was sent to, by IPv4 or IPv6 (RFC 3542 6). */
#define UDP_CONTROL CMSG_SPACE(sizeof(struct in6_pktinfo))

/* From here on messages come with the address that they were sent to. family: AF_INET or AF_INET6.
 * -errno. */
int udp_tell_destination(int fd, int family);

/* Of count messages each has what came with a question in msg_control. Turns "was sent to" into
 * "send from" in place, or takes it away where there is none. */
void udp_turn(struct mmsghdr *messages, size_t count);

/* Whether what is too large for a path is sent in fragments by this host. Path MTUs learnt from
 * others count in no case. -errno. */
int udp_set_fragments(int fd, int family, bool fragments);

/* Whether half of what the socket's queue takes waits in it. One system call. */
bool udp_is_half_full(int fd);

#endif
