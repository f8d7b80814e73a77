/*
 * Values as people read them.
 */
#ifndef CERTMILL_CTL_TEXT_H
#define CERTMILL_CTL_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Foreign text that is safe on a terminal: control characters and what is not UTF-8 as \xNN.
 * malloc'd; NULL where memory is short. */
char *text_escape(const char *text);

/* Columns that UTF-8 text takes, one for each character. */
size_t text_width(const char *text);

/* Each writes into dst[cap] and returns dst. */
/* Seconds as "2 d 03:04", "03:04:05" or "0.4 s". */
char *text_duration(char *dst, size_t cap, double seconds);
/* An RFC 3339 time in UTC as "2026-11-21 01:46:18" in the local zone; what is none as it is. */
char *text_time(char *dst, size_t cap, const char *rfc3339);
/* The same with the zone behind it. */
char *text_time_zone(char *dst, size_t cap, const char *rfc3339);
/* Octets as "512 B", "1.5 KiB", "40 MiB". */
char *text_size(char *dst, size_t cap, uint64_t octets);
/* A count in groups of three: "1,234,567". */
char *text_count(char *dst, size_t cap, int64_t count);

#endif
