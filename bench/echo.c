/*
 * echo PORT [QUEUE]: what the kernel alone costs. Receives batches of datagrams on 127.0.0.1, makes
 * a response of each by its QR bit, sends them back. QUEUE: octets of the socket's receive buffer.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define BATCH 64
#define ROOM  1344

struct echo {
    struct mmsghdr messages[BATCH];
    struct iovec iov[BATCH];
    struct sockaddr_in names[BATCH];
    uint8_t data[BATCH][ROOM];
};

static int open_socket(uint16_t port, int queue)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (queue > 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &queue, sizeof(queue)) < 0) {
        perror("echo: SO_RCVBUFFORCE");
    }
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        perror("echo");
        exit(1);
    }
    return fd;
}

int main(int argc, char **argv)
{
    static struct echo e;

    if (argc < 2) {
        fprintf(stderr, "usage: echo PORT [QUEUE]\n");
        return 2;
    }
    int fd = open_socket((uint16_t)atoi(argv[1]), argc > 2 ? atoi(argv[2]) : 0);
    for (size_t i = 0; i < BATCH; i++) {
        struct msghdr *h = &e.messages[i].msg_hdr;

        h->msg_iov = &e.iov[i];
        h->msg_iovlen = 1;
        h->msg_name = &e.names[i];
        e.iov[i].iov_base = e.data[i];
    }
    for (;;) {
        for (size_t i = 0; i < BATCH; i++) {
            e.messages[i].msg_hdr.msg_namelen = sizeof(e.names[i]);
            e.iov[i].iov_len = ROOM;
        }
        int n = recvmmsg(fd, e.messages, BATCH, MSG_WAITFORONE, NULL);
        for (int i = 0; i < n; i++) {
            e.iov[i].iov_len = e.messages[i].msg_len;
            e.data[i][2] |= 0x80;
        }
        for (int sent = 0; sent < n;) {
            int done = sendmmsg(fd, e.messages + sent, (unsigned)(n - sent), 0);
            sent += done > 0 ? done : 1;
        }
    }
}
