#include <errno.h>
#include <linux/sock_diag.h>
#include <stdint.h>

#include "dnsd/udp_priv.h"

_Static_assert(UDP_CONTROL >= CMSG_SPACE(sizeof(struct in_pktinfo)), "room for either");

int udp_tell_destination(int fd, int family)
{
    const int on = 1;
    int ret = family == AF_INET ? setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on))
                                : setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));

    return ret < 0 ? -errno : 0;
}

/* The interface only counts where the address alone does not say it (RFC 4007 link-local). */
static void turn(struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo *info = (struct in_pktinfo *)(void *)CMSG_DATA(c);

            info->ipi_ifindex = 0;
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo *info = (struct in6_pktinfo *)(void *)CMSG_DATA(c);

            if (!IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr)) {
                info->ipi6_ifindex = 0;
            }
        } else {
            continue;
        }
        message->msg_control = c;
        message->msg_controllen = c->cmsg_len;
        return;
    }
    message->msg_control = NULL;
    message->msg_controllen = 0;
}

void udp_turn(struct mmsghdr *messages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        turn(&messages[i].msg_hdr);
    }
}

int udp_set_fragments(int fd, int family, bool fragments)
{
    int v4 = fragments ? IP_PMTUDISC_OMIT : IP_PMTUDISC_PROBE;
    int v6 = fragments ? IPV6_PMTUDISC_OMIT : IPV6_PMTUDISC_PROBE;

    if (setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &v4, sizeof(v4)) < 0 ||
        (family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &v6, sizeof(v6)) < 0)) {
        return -errno;
    }
    return 0;
}

bool udp_is_half_full(int fd)
{
    uint32_t info[SK_MEMINFO_VARS] = {0};
    socklen_t len = sizeof(info);

    return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len) == 0 &&
           info[SK_MEMINFO_RMEM_ALLOC] > info[SK_MEMINFO_RCVBUF] / 2;
}
