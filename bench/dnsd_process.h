/*
 * The real dnsd (certmilld --role dnsd) as a child, with this program as its supervisor and issuer.
 */
#ifndef CERTMILL_BENCH_DNSD_PROCESS_H
#define CERTMILL_BENCH_DNSD_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/limits.h"
#include "common/msg.h"

struct dnsd_options {
    const char *binary; /* certmilld */
    uint16_t port;      /* of worker 0 on 127.0.0.1 */
    bool spread; /* worker i has port + i to itself, instead of sharing one by SO_REUSEPORT */
    size_t workers;
    int queue;             /* octets of a socket's receive buffer; 0: as certmilld gives it */
    const char *cpus;      /* "0" or "0,1": where its threads may run; NULL: anywhere */
    char *const *settings; /* "--key=value" of certmilld */
    size_t setting_count;
};

struct dnsd_process {
    pid_t pid;
    int control, issuer;
    char folder[32];
    uint8_t buf[LIMIT_MESSAGE];
    struct msg_reader reader; /* of the message received last */
};

/* Starts it and waits until it is ready. Exits with the reason where that does not work. */
void dnsd_process_start(struct dnsd_process *p, const struct dnsd_options *options);
/* Sends an image; fd is closed. */
void dnsd_process_image(struct dnsd_process *p, uint64_t generation, int fd);
/* Reads what dnsd says until every worker answers from this generation. */
void dnsd_process_wait(struct dnsd_process *p, uint64_t generation);
/* Reads what is there without waiting: what was seen, mostly. */
void dnsd_process_drain(struct dnsd_process *p);
/* Asks for its counters and prints them as one line of JSON. */
void dnsd_process_stats(struct dnsd_process *p);
void dnsd_process_stop(struct dnsd_process *p);

#endif
