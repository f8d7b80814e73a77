/*
 * What not every C library has: musl lacks glibc's functions that are used here.
 */
#ifndef CERTMILL_COMMON_LIBC_H
#define CERTMILL_COMMON_LIBC_H

#include <string.h>

/* What an errno means: static text, or NULL where none is known. Safe in any thread, as glibc's
 * strerror is not. */
static inline const char *libc_errno_text(int code)
{
#ifdef __GLIBC__
    return strerrordesc_np(code);
#else
    return strcmp(strerror(code), strerror(0)) == 0 ? NULL : strerror(code);
#endif
}

/* What a signal means: static text, or NULL. */
static inline const char *libc_signal_text(int number)
{
#ifdef __GLIBC__
    return sigdescr_np(number);
#else
    return strsignal(number);
#endif
}

#endif
