/*
 * Names and values of the soak, a query for one, and a thread that asks for them at random.
 */
#ifndef CERTMILL_BENCH_SOAK_LOAD_H
#define CERTMILL_BENCH_SOAK_LOAD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOAK_TEXT 64

/* The owner name with this number, in text. */
void soak_name(char dst[static SOAK_TEXT], size_t name);
/* A value as a CA's has 43 octets; it begins with its name's number. */
void soak_value(char dst[static SOAK_TEXT], size_t name, uint32_t value);

/* Asks once for the TXT records of a name, from the address with a number; the answer's length or,
 * after half a second, 0. */
size_t soak_ask(const struct sockaddr_in *to, bool tcp, size_t name, unsigned from, uint8_t *answer,
                size_t cap);

struct soak_load;

/* Asks for names below count over UDP, about `rate` times a second. Ends the program where it
 * cannot. */
struct soak_load *soak_load_start(const struct sockaddr_in *to, size_t count, unsigned long rate);
/* Says what it got; whether no answer held another name's values and nearly all were answered. */
bool soak_load_stop(struct soak_load *load);

#endif
