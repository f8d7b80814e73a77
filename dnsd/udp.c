/*
 * A socket bound to a wildcard address receives for every address of the host. The answer must
 * leave from the one that was asked, or the client drops it: the kernel tells it
 * beside the message and takes it back on sending. Sockets bound to one address go without, since
 * the ancillary data costs time on each message.
 *
 * A flood brings more than can be answered, and what finds the queue full is lost whoever sent
 * it. Sending an answer costs more than all the rest. So a socket whose queue is half full is under
 * pressure: for a while everything is still read and looked up, but errors and NXDOMAIN are not
 * sent (respond.c), unless their rate limit is off or the client is on its list, so that the queue
 * empties and the question of a CA's resolver is not the one that is lost.
 */
#include "dnsd/udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/limits.h"
#include "common/wire.h"
#include "dnsd/udp_priv.h"
#include "zones/image.h"

/* IPv6's minimum MTU, 1280, less 48 octets of headers (RFC 8200 5). */
#define UDP_UNFRAGMENTED 1232
/* After a batch of this size more is likely to be there: asking costs less than a turn of the loop.
 */
#define UDP_AGAIN 16
#define UDP_LINE  ((size_t)64) /* octets of a cache line */

struct udp_socket {
    uv_poll_t poll;
    struct udp *udp;
    int fd;
    bool any;         /* bound to all addresses */
    uint64_t pressed; /* until then, in monotonic milliseconds */
};

/* One batch, in and out. Message i of the answers need not be answer to message i. */
struct udp_batch {
    struct mmsghdr in[LIMIT_UDP_BATCH], out[LIMIT_UDP_BATCH];
    struct iovec in_iov[LIMIT_UDP_BATCH], out_iov[LIMIT_UDP_BATCH];
    struct sockaddr_in6 names[LIMIT_UDP_BATCH];
    _Alignas(struct cmsghdr) uint8_t control[LIMIT_UDP_BATCH][UDP_CONTROL];
    uint64_t hashes[LIMIT_UDP_BATCH]; /* query_hash of each */
    size_t room;                      /* octets from one message to the next */
    uint8_t *in_data, *out_data;      /* LIMIT_UDP_BATCH of them */
};

struct udp {
    struct udp_options options;
    struct udp_batch *batch;
    uint8_t *data; /* in_data and out_data of the batch */
    size_t count;
    struct udp_socket sockets[];
};

/* Octets that a message gets: what we say that we take, in an odd number of cache lines, so that
 * the heads of a batch do not all fall into the same few sets of the cache. */
static size_t room_for(uint16_t payload)
{
    return ((payload + UDP_LINE - 1) / UDP_LINE | 1) * UDP_LINE;
}

/* What the kernel overwrites on each call. */
static void batch_reset(struct udp_batch *b, size_t used)
{
    for (size_t i = 0; i < used; i++) {
        struct msghdr *h = &b->in[i].msg_hdr;

        h->msg_namelen = sizeof(b->names[i]);
        h->msg_control = b->control[i];
        h->msg_controllen = UDP_CONTROL;
        h->msg_flags = 0;
    }
}

/* data: 2 * LIMIT_UDP_BATCH * room octets */
static void batch_init(struct udp_batch *b, uint8_t *data, size_t room)
{
    b->room = room;
    b->in_data = data;
    b->out_data = data + LIMIT_UDP_BATCH * room;
    memset(b->in, 0, sizeof(b->in));
    memset(b->out, 0, sizeof(b->out));
    for (size_t i = 0; i < LIMIT_UDP_BATCH; i++) {
        b->in_iov[i] = (struct iovec){b->in_data + i * room, room};
        b->in[i].msg_hdr.msg_name = &b->names[i];
        b->in[i].msg_hdr.msg_iov = &b->in_iov[i];
        b->in[i].msg_hdr.msg_iovlen = 1;
        b->out_iov[i].iov_base = b->out_data + i * room;
        b->out[i].msg_hdr.msg_iov = &b->out_iov[i];
        b->out[i].msg_hdr.msg_iovlen = 1;
    }
    batch_reset(b, LIMIT_UDP_BATCH);
}

/* Larger than we said that we take (RFC 6891 6.2.4), and cut off somewhere. That is answered with
 * FORMERR, for silence would tell the client to ask again: it counts records that are not there. */
static void make_malformed(uint8_t *query)
{
    wire_write_u16(query + 10, UINT16_MAX);
}

/*
 * What a question leads to lies anywhere in the image, and waiting for memory is most of what an
 * answer would cost. So all questions of a batch are on their way before the first is answered.
 */
static void batch_fetch(struct udp_batch *b, size_t n, const struct image *image)
{
    for (size_t i = 0; i < n; i++) {
        b->hashes[i] = query_hash(image, b->in_data + i * b->room, b->in[i].msg_len);
    }
    for (size_t i = 0; i < n; i++) {
        image_lookup_fetch(image, b->hashes[i]);
    }
}

/* Answers the first n messages; returns how many answers there are. */
static size_t batch_answer(struct udp_batch *b, size_t n, bool any, struct responder *responder)
{
    bool fetched = responder->image != NULL;
    size_t answers = 0;

    if (fetched) {
        batch_fetch(b, n, responder->image);
    }

    for (size_t i = 0; i < n; i++) {
        struct msghdr *in = &b->in[i].msg_hdr;
        struct msghdr *out = &b->out[answers].msg_hdr;
        uint8_t *query = b->in_data + i * b->room;
        size_t len;

        if ((in->msg_flags & MSG_TRUNC) != 0) {
            make_malformed(query);
        }
        responder->hash = fetched ? &b->hashes[i] : NULL;
        len = respond(responder, false, in->msg_name, query, b->in[i].msg_len,
                      b->out_data + answers * b->room, b->room);
        if (len == 0) {
            continue;
        }
        b->out_iov[answers].iov_len = len;
        out->msg_name = in->msg_name;
        out->msg_namelen = in->msg_namelen;
        out->msg_control = any ? in->msg_control : NULL;
        out->msg_controllen = any ? in->msg_controllen : 0;
        answers++;
    }
    if (any) {
        udp_turn(b->out, answers);
    }
    responder->hash = NULL;
    return answers;
}

/* Sends all; an answer that the kernel refuses (port 0, no route, a full queue) is skipped
 * alone: the client asks again. */
static void batch_send(struct udp_socket *s, struct udp_batch *b, size_t answers)
{
    size_t sent = 0;

    while (sent < answers) {
        int n = sendmmsg(s->fd, b->out + sent, (unsigned)(answers - sent), MSG_DONTWAIT);

        if (n > 0) {
            sent += (size_t)n;
        } else if (n < 0 && errno == EINTR) {
            continue;
        } else {
            stats_add(s->udp->options.responder->stats, STATS_SEND_FAILED, 1);
            sent++;
        }
    }
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct udp_socket *s = poll->data;
    struct udp_options *options = &s->udp->options;
    struct udp_batch *b = s->udp->batch;

    (void)events;
    if (status < 0) {
        /* libuv has stopped the handle; recvmmsg clears the error of the socket */
        uv_poll_start(poll, UV_READABLE, on_readable);
    }
    for (int i = 0; i < LIMIT_UDP_BATCHES; i++) {
        int n = recvmmsg(s->fd, b->in, LIMIT_UDP_BATCH, MSG_DONTWAIT, NULL);
        if (n <= 0) {
            break;
        }
        options->before(options->arg);
        /* Asked once a wake-up, and only where the first batch is a full one. */
        if (i == 0 && n == LIMIT_UDP_BATCH && udp_is_half_full(s->fd)) {
            s->pressed = options->responder->now_ms + LIMIT_UDP_PRESSED_MS;
        }
        options->responder->pressed = options->responder->now_ms < s->pressed;
        if (n >= UDP_AGAIN && uv_is_active((uv_handle_t *)poll)) {
            uv_poll_stop(poll); /* while polled, each answer that leaves would wake the poller */
        }
        batch_send(s, b, batch_answer(b, (size_t)n, s->any, options->responder));
        batch_reset(b, (size_t)n);
        if (n < UDP_AGAIN) {
            break;
        }
    }
    if (!uv_is_active((uv_handle_t *)poll)) {
        uv_poll_start(poll, UV_READABLE, on_readable);
    }
    options->after(options->arg);
}

/* Asks for the destination address where the socket is bound to all of them. */
static int want_destination(struct udp_socket *s)
{
    struct sockaddr_in6 bound = {0};
    socklen_t len = sizeof(bound);

    if (getsockname(s->fd, (struct sockaddr *)&bound, &len) < 0) {
        return -errno;
    }
    s->any = bound.sin6_family == AF_INET
                 ? ((struct sockaddr_in *)(void *)&bound)->sin_addr.s_addr == INADDR_ANY
                 : IN6_IS_ADDR_UNSPECIFIED(&bound.sin6_addr);
    return s->any ? udp_tell_destination(s->fd, bound.sin6_family) : 0;
}

/* RFC 9715 3.1: no fragments, which others can replace on the way, and no path MTU learnt from
 * messages that anybody can forge. Answers of more octets than every path takes may be cut up by
 * this host: who sets dns-udp-payload so high wants them all the same. */
static int set_fragmentation(const struct udp_socket *s, uint16_t payload)
{
    int family;
    socklen_t len = sizeof(family);

    if (getsockopt(s->fd, SOL_SOCKET, SO_DOMAIN, &family, &len) < 0) {
        return -errno;
    }
    return udp_set_fragments(s->fd, family, payload > UDP_UNFRAGMENTED);
}

static int socket_open(struct udp *udp, struct udp_socket *s, int fd)
{
    int ret;

    s->udp = udp;
    s->fd = fd;
    if ((ret = want_destination(s)) < 0 || (ret = set_fragmentation(s, udp->options.payload)) < 0) {
        return ret;
    }
    if ((ret = uv_poll_init(udp->options.loop, &s->poll, fd)) < 0) {
        return ret;
    }
    s->poll.data = s;
    udp->count++;
    return 0;
}

int udp_new(struct udp **out, const struct udp_options *options, const int *fds, size_t count)
{
    struct udp *udp = calloc(1, sizeof(*udp) + count * sizeof(udp->sockets[0]));
    size_t room = room_for(options->payload);
    int ret = -ENOMEM;

    if (udp == NULL) {
        goto err0;
    }
    udp->options = *options;
    if ((udp->batch = malloc(sizeof(*udp->batch))) == NULL) {
        goto err1;
    }
    if ((udp->data = aligned_alloc(UDP_LINE, room * 2 * LIMIT_UDP_BATCH)) == NULL) {
        goto err2;
    }
    batch_init(udp->batch, udp->data, room);
    *out = udp;
    for (size_t i = 0; i < count; i++) {
        if ((ret = socket_open(udp, &udp->sockets[i], fds[i])) < 0) {
            return ret; /* the caller closes what is there: handles need their loop */
        }
    }
    return 0;
err2:
    free(udp->batch);
err1:
    free(udp);
err0:
    return ret;
}

void udp_start(struct udp *udp)
{
    for (size_t i = 0; i < udp->count; i++) {
        uv_poll_start(&udp->sockets[i].poll, UV_READABLE, on_readable);
    }
}

void udp_close(struct udp *udp)
{
    if (udp == NULL) {
        return;
    }
    for (size_t i = 0; i < udp->count; i++) {
        uv_close((uv_handle_t *)&udp->sockets[i].poll, NULL);
    }
}

void udp_free(struct udp *udp)
{
    if (udp != NULL) {
        free(udp->data);
        free(udp->batch);
        free(udp);
    }
}
