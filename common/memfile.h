/*
 * Files in memory that have no name: handed to other processes by descriptor, and sealed, so that
 * what these get cannot change any more, not even by who made it.
 */
#ifndef CERTMILL_COMMON_MEMFILE_H
#define CERTMILL_COMMON_MEMFILE_H

#include <stdbool.h>
#include <stddef.h>

/* An empty one, close-on-exec, to be read and written; or -errno. name is for people who look at
 * the process. */
int memfile_new(const char *name);
/* From here on content and length are what they are, for whoever has a descriptor. No mapping that
 * can be written may be left. -errno. */
int memfile_seal(int fd);
/* False for any other descriptor, too. */
bool memfile_is_sealed(int fd);

/* One that holds len octets, its position at their beginning; or -errno. */
int memfile_from(const char *name, const void *data, size_t len, bool sealed);

/* Another descriptor of it, close-on-exec, read-only and with a position of its own, at the
 * beginning; or -errno. */
int memfile_reopen(int fd);

/* Maps len octets to be read, all pages present at once: nobody who reads them waits for one.
 * MAP_FAILED and errno on error; ends by munmap(2). */
const void *memfile_map(int fd, size_t len);

#endif
