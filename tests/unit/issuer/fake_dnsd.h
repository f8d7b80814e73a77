/*
 * The other end of the publisher's channel, in hand: what dnsd receives and says.
 */
#ifndef CERTMILL_TESTS_UNIT_ISSUER_FAKE_DNSD_H
#define CERTMILL_TESTS_UNIT_ISSUER_FAKE_DNSD_H

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/boot.h"
#include "common/ipc.h"
#include "common/limits.h"
#include "common/msg.h"
#include "zones/image.h"
#include "zones/name.h"

struct fake_dnsd {
    int fd;
    struct image image; /* the newest received */
    uint64_t generation;
    unsigned images; /* how many came */
    unsigned stats;  /* how many questions for counters */
};

/* Returns the publisher's end. */
static inline int fake_dnsd_open(struct fake_dnsd *dnsd)
{
    int fds[2];

    memset(dnsd, 0, sizeof *dnsd);
    CU_ASSERT_EQUAL_FATAL(
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    dnsd->fd = fds[0];
    return fds[1];
}

static inline void fake_dnsd_close(struct fake_dnsd *dnsd)
{
    if (dnsd->image.base != NULL)
        image_unmap(&dnsd->image);
    if (dnsd->fd >= 0)
        (void)close(dnsd->fd);
    memset(dnsd, 0, sizeof *dnsd);
    dnsd->fd = -1;
}

static inline void fake_dnsd_take(struct fake_dnsd *dnsd, struct msg_reader *r, int image)
{
    if (r->type == IPC_STATS_REQUEST) {
        dnsd->stats++;
        return;
    }
    CU_ASSERT_EQUAL_FATAL(r->type, IPC_IMAGE);
    dnsd->generation = msg_get_u64(r);
    CU_ASSERT_EQUAL(msg_done(r), 0);
    if (dnsd->image.base != NULL)
        image_unmap(&dnsd->image);
    CU_ASSERT_EQUAL_FATAL(image_map(&dnsd->image, image), 0);
    CU_ASSERT_EQUAL(dnsd->image.generation, dnsd->generation);
    (void)close(image);
    dnsd->images++;
}

/* Takes all that has come; returns how many messages. */
static inline unsigned fake_dnsd_read(struct fake_dnsd *dnsd)
{
    unsigned count = 0;

    for (;;) {
        uint8_t buf[1024];
        struct msg_reader r;
        int fd = -1;
        size_t nfds = 1;
        int len = msg_recv(dnsd->fd, buf, sizeof buf, &fd, &nfds);

        if (len <= 0)
            return count;
        CU_ASSERT_EQUAL_FATAL(msg_open(&r, buf, (size_t)len), 0);
        fake_dnsd_take(dnsd, &r, fd);
        count++;
    }
}

static inline void fake_dnsd_send(struct fake_dnsd *dnsd, const struct msg_writer *w)
{
    CU_ASSERT(msg_end(w) > 0);
    CU_ASSERT_EQUAL(msg_send(dnsd->fd, w, NULL, 0), 0);
}

static inline void fake_dnsd_ack(struct fake_dnsd *dnsd, uint64_t generation)
{
    struct msg_writer w;
    uint8_t buf[32];

    msg_begin(&w, buf, sizeof buf, IPC_IMAGE_ACK);
    msg_put_u64(&w, generation);
    fake_dnsd_send(dnsd, &w);
}

static inline void fake_dnsd_refuse(struct fake_dnsd *dnsd, uint64_t generation)
{
    struct msg_writer w;
    uint8_t buf[64];

    msg_begin(&w, buf, sizeof buf, IPC_IMAGE_REFUSED);
    msg_put_u64(&w, generation);
    msg_put_str(&w, "a test");
    fake_dnsd_send(dnsd, &w);
}

static inline void fake_dnsd_seen(struct fake_dnsd *dnsd, const char *name, uint8_t last_octet,
                                  uint64_t generation)
{
    uint8_t buf[512], wire[LIMIT_NAME_WIRE], address[4] = {192, 0, 2, last_octet};
    struct msg_writer w;
    int len = name_from_text(wire, name);

    CU_ASSERT_FATAL(len > 0);
    msg_begin(&w, buf, sizeof buf, IPC_SEEN);
    msg_put_u16(&w, 1);
    msg_put_bytes(&w, wire, (size_t)len);
    msg_put_u16(&w, 16);
    msg_put_u8(&w, 0);
    msg_put_u8(&w, 0);
    msg_put_u8(&w, 1);
    msg_put_bytes(&w, address, sizeof address);
    msg_put_u32(&w, 1);
    msg_put_u64(&w, generation);
    fake_dnsd_send(dnsd, &w);
}

/* Whether the newest image has TXT records at name, and how many. */
static inline unsigned fake_dnsd_txt(const struct fake_dnsd *dnsd, const char *name)
{
    struct image_result result;
    uint8_t wire[LIMIT_NAME_WIRE];
    const struct image_rrset *rrset;
    int len = name_from_text(wire, name);

    CU_ASSERT_FATAL(len > 0);
    if (dnsd->image.base == NULL)
        return 0;
    image_lookup(&dnsd->image, wire, (size_t)len, &result);
    if (result.match != IMAGE_NODE)
        return 0;
    rrset = image_node_rrset(&dnsd->image, result.node, 16);
    return rrset != NULL ? image_rrset_count(rrset) : 0;
}

/* A configuration with zones; the caller's arrays stay in use. */
static inline struct boot fake_boot(struct server_conf_zone *zones, size_t count)
{
    struct boot boot = {0};

    boot.conf.zones.rows = zones;
    boot.conf.zones.count = count;
    return boot;
}

static inline int fake_zone_file(const char *text)
{
    int fd = memfd_create("zone", MFD_CLOEXEC);

    CU_ASSERT_EQUAL_FATAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    return fd;
}

#endif
