/*
 * Class CH: what the server says of itself, where the operator lets it (RFC 4892 for id.server, and
 * the older names of BIND and NSD).
 */
#ifndef CERTMILL_DNSD_CHAOS_H
#define CERTMILL_DNSD_CHAOS_H

#include "dnsd/answer.h"
#include "dnsd/service.h"

/* Answers a question of class CH: fills reply, rcode, error, flags and outcome. TXT and ANY bring
 * the text, with TTL 0. Any other type is NODATA, as in BIND: the name is there, and REFUSED would
 * have a resolver try the next server. There is no SOA with it, so nobody keeps it. */
void chaos_answer(struct answer *answer, const struct service *service);

#endif
