/*
 * For musl only: the symbols of glibc that Debian's static archives ask for and musl has not.
 *
 * Nearly all are what _FORTIFY_SOURCE made of an ordinary call where the archive was compiled: the
 * same call with the same check. Our own code, compiled with musl's headers, asks for none of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <syslog.h>
#include <unistd.h>

static void within(size_t n, size_t cap)
{
    if (n > cap) {
        abort();
    }
}

/* -- memory and strings -- */

void *__memcpy_chk(void *dst, const void *src, size_t n, size_t cap)
{
    within(n, cap);
    return memcpy(dst, src, n);
}

void *__memmove_chk(void *dst, const void *src, size_t n, size_t cap)
{
    within(n, cap);
    return memmove(dst, src, n);
}

void *__memset_chk(void *dst, int octet, size_t n, size_t cap)
{
    within(n, cap);
    return memset(dst, octet, n);
}

char *__strcat_chk(char *dst, const char *src, size_t cap)
{
    within(strlen(dst) + strlen(src) + 1, cap);
    return strcat(dst, src);
}

char *__strncat_chk(char *dst, const char *src, size_t n, size_t cap)
{
    within(strlen(dst) + strnlen(src, n) + 1, cap);
    return strncat(dst, src, n);
}

char *__strncpy_chk(char *dst, const char *src, size_t n, size_t cap)
{
    within(n, cap);
    return strncpy(dst, src, n);
}

/* -- printing: `flag` would forbid %n in writable formats -- */

int __vfprintf_chk(FILE *out, int flag, const char *format, va_list ap)
{
    (void)flag;
    return vfprintf(out, format, ap);
}

int __vsnprintf_chk(char *dst, size_t n, int flag, size_t cap, const char *format, va_list ap)
{
    (void)flag;
    within(n, cap);
    return vsnprintf(dst, n, format, ap);
}

int __fprintf_chk(FILE *out, int flag, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    int ret = __vfprintf_chk(out, flag, format, ap);
    va_end(ap);
    return ret;
}

int __printf_chk(int flag, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    int ret = __vfprintf_chk(stdout, flag, format, ap);
    va_end(ap);
    return ret;
}

int __snprintf_chk(char *dst, size_t n, int flag, size_t cap, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    int ret = __vsnprintf_chk(dst, n, flag, cap, format, ap);
    va_end(ap);
    return ret;
}

int __sprintf_chk(char *dst, int flag, size_t cap, const char *format, ...)
{
    va_list ap;

    (void)flag;
    va_start(ap, format);
    int ret = cap > (size_t)-1 / 2 ? vsprintf(dst, format, ap) : vsnprintf(dst, cap, format, ap);
    va_end(ap);
    within(ret < 0 ? 0 : (size_t)ret + 1, cap);
    return ret;
}

void __syslog_chk(int priority, int flag, const char *format, ...)
{
    va_list ap;

    (void)flag;
    va_start(ap, format);
    vsyslog(priority, format, ap);
    va_end(ap);
}

/* -- the rest of what is checked -- */

long __fdelt_chk(long fd)
{
    within((size_t)fd, FD_SETSIZE - 1);
    return fd / (long)(8 * sizeof(long));
}

_Noreturn void __longjmp_chk(jmp_buf where, int value)
{
    longjmp(where, value);
}

int __open64_2(const char *path, int flags)
{
    return open(path, flags);
}

char *__realpath_chk(const char *path, char *dst, size_t cap)
{
    within(4096, cap);
    return realpath(path, dst);
}

/* -- other names of the same -- */

int fcntl64(int fd, int command, ...)
{
    va_list ap;

    va_start(ap, command);
    long arg = va_arg(ap, long);
    va_end(ap);
    return fcntl(fd, command, arg);
}

long __sysconf(int name)
{
    return sysconf(name);
}

/* -- what glibc alone has -- */

char __libc_single_threaded; /* never said to be */

int pthread_rwlockattr_setkind_np(void *attributes, int kind)
{
    (void)attributes;
    (void)kind; /* whether writers go first */
    return 0;
}

/* libuv has semaphores of its own for one older than 2.21. */
const char *gnu_get_libc_version(void)
{
    return "2.36";
}

/* libcrypto's ASYNC jobs, which nobody here starts. */
int getcontext(void *context)
{
    (void)context;
    errno = ENOSYS;
    return -1;
}

int setcontext(const void *context)
{
    (void)context;
    errno = ENOSYS;
    return -1;
}

void makecontext(void *context, void (*function)(void), int count, ...)
{
    (void)context;
    (void)function;
    (void)count;
    abort();
}
