/*
 * What each process may ask of the kernel. Everything may compute, wait, and use the descriptors
 * that it has; the profiles add to that. dnsd is filtered when its threads run already: it may make
 * no descriptor of any kind but take a TCP client or an image, and no thread. Arguments are looked
 * at where a call can do both what we need and what an attacker needs:
 *
 * - clone only with CLONE_THREAD; clone3 passes its flags in memory where a filter cannot see
 *   them, so it gets ENOSYS, upon which glibc takes clone;
 * - mmap and mprotect without PROT_EXEC. The issuer may map a library (getaddrinfo loads what
 *   nsswitch.conf names), which is backed by a file and not writable;
 * - tgkill and kill only towards the process itself; prlimit64 only to read;
 * - fcntl without F_SETOWN and F_SETSIG, which have the kernel send any signal to any process of
 *   the same user;
 * - sendto and the like without MSG_FASTOPEN, which connects. A listening socket that was shut
 *   down is as good as a new one for that.
 *
 * A 32-bit C library makes the same calls under other names (time64, mmap2, fstat64); names that
 * the processor has not, libseccomp passes over. On 32-bit x86 sockets' calls come by way of
 * socketcall(2), whose arguments are in memory: there a filter sees which call it is, but neither
 * MSG_FASTOPEN nor the family of a new socket.
 *
 * What a thread asks for when it starts (rseq: glibc ends the process where it fails) stays
 * permitted to dnsd, too: the filter may come before a thread has got so far.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/net.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/sandbox.h"
#include "common/sandbox_impl.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The one whose arguments are in registers: with mmap2 beside it, mmap takes them from memory. */
#ifdef __NR_mmap2
#define MAP_CALL SCMP_SYS(mmap2)
#else
#define MAP_CALL SCMP_SYS(mmap)
#endif

static const int everyone[] = {
    /* descriptors */
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(pread64),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(lseek),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),
    /* sockets that are there */
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(shutdown),
    /* memory */
    SCMP_SYS(munmap),
    SCMP_SYS(madvise),
    SCMP_SYS(mremap),
    SCMP_SYS(brk),
    /* threads, time, signals */
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(rseq),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getrandom),
    /* 32-bit */
    SCMP_SYS(recv),
    SCMP_SYS(fstat64),
    SCMP_SYS(_llseek),
    SCMP_SYS(ppoll_time64),
    SCMP_SYS(futex_time64),
    SCMP_SYS(clock_gettime64),
    SCMP_SYS(clock_getres_time64),
    SCMP_SYS(sigreturn),
};

static const int answering[] = {
    SCMP_SYS(recvmmsg),
    SCMP_SYS(recvmmsg_time64),
    SCMP_SYS(accept4),
};

/* What a program with libraries of its own mind asks for: the issuer and the signer. */
static const int libraries[] = {
    SCMP_SYS(preadv),
    SCMP_SYS(pwrite64),
    SCMP_SYS(pwritev),
    SCMP_SYS(close_range),
    SCMP_SYS(dup),
    SCMP_SYS(dup2),
    SCMP_SYS(dup3),
    SCMP_SYS(select),
    SCMP_SYS(pselect6),
    SCMP_SYS(epoll_create),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(eventfd2),
    SCMP_SYS(pipe2),
    SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(timerfd_gettime),
    SCMP_SYS(signalfd4),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    SCMP_SYS(mlock),
    SCMP_SYS(mlock2),
    SCMP_SYS(munlock),
    SCMP_SYS(msync),
    SCMP_SYS(mincore),
    SCMP_SYS(membarrier),
    SCMP_SYS(futex_waitv),
    SCMP_SYS(get_robust_list),
    SCMP_SYS(sched_setaffinity),
    SCMP_SYS(sched_getparam),
    SCMP_SYS(sched_getscheduler),
    SCMP_SYS(sched_get_priority_min),
    SCMP_SYS(sched_get_priority_max),
    SCMP_SYS(getcpu),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(rt_sigpending),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(getppid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getresuid),
    SCMP_SYS(getresgid),
    SCMP_SYS(getgroups),
    SCMP_SYS(getrlimit),
    SCMP_SYS(getrusage),
    SCMP_SYS(times),
    SCMP_SYS(uname),
    SCMP_SYS(sysinfo),
    SCMP_SYS(umask),
    /* 32-bit */
    SCMP_SYS(_newselect),
    SCMP_SYS(pselect6_time64),
    SCMP_SYS(timerfd_settime64),
    SCMP_SYS(timerfd_gettime64),
    SCMP_SYS(clock_nanosleep_time64),
    SCMP_SYS(rt_sigtimedwait_time64),
    SCMP_SYS(getuid32),
    SCMP_SYS(geteuid32),
    SCMP_SYS(getgid32),
    SCMP_SYS(getegid32),
    SCMP_SYS(getresuid32),
    SCMP_SYS(getresgid32),
    SCMP_SYS(getgroups32),
    SCMP_SYS(ugetrlimit),
};

static const int files[] = {
    SCMP_SYS(open),        SCMP_SYS(openat),       SCMP_SYS(openat2),
    SCMP_SYS(stat),        SCMP_SYS(lstat),        SCMP_SYS(newfstatat),
    SCMP_SYS(statx),       SCMP_SYS(statfs),       SCMP_SYS(fstatfs),
    SCMP_SYS(access),      SCMP_SYS(faccessat),    SCMP_SYS(faccessat2),
    SCMP_SYS(readlink),    SCMP_SYS(readlinkat),   SCMP_SYS(getdents64),
    SCMP_SYS(getcwd),      SCMP_SYS(mkdir),        SCMP_SYS(mkdirat),
    SCMP_SYS(rmdir),       SCMP_SYS(unlink),       SCMP_SYS(unlinkat),
    SCMP_SYS(rename),      SCMP_SYS(renameat),     SCMP_SYS(renameat2),
    SCMP_SYS(fsync),       SCMP_SYS(fdatasync),    SCMP_SYS(sync_file_range),
    SCMP_SYS(truncate),    SCMP_SYS(ftruncate),    SCMP_SYS(fallocate),
    SCMP_SYS(fadvise64),   SCMP_SYS(flock),        SCMP_SYS(chmod),
    SCMP_SYS(fchmod),      SCMP_SYS(fchmodat),     SCMP_SYS(utimensat),
    SCMP_SYS(stat64),      SCMP_SYS(lstat64),      SCMP_SYS(fstatat64),
    SCMP_SYS(statfs64),    SCMP_SYS(fstatfs64),    SCMP_SYS(truncate64),
    SCMP_SYS(ftruncate64), SCMP_SYS(fadvise64_64), SCMP_SYS(utimensat_time64),
};

static const int network[] = {
    SCMP_SYS(accept),   SCMP_SYS(accept4),         SCMP_SYS(recvmmsg),
    SCMP_SYS(connect),  SCMP_SYS(socketpair),      SCMP_SYS(memfd_create),
    SCMP_SYS(sendfile), SCMP_SYS(recvmmsg_time64), SCMP_SYS(sendfile64),
};

/* Nobody does these by accident. */
static const int deadly[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
};

static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

static const unsigned long ioctls[] = {FIONBIO};
static const unsigned long more_ioctls[] = {FIONREAD, FIOCLEX, TCGETS};

static const unsigned long prctls[] = {PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, PR_GET_PDEATHSIG,
                                       0x53564d41 /* PR_SET_VMA */};

static const unsigned long fcntls[] = {F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GET_SEALS};

/* F_GETLK to F_SETLKW: SQLite. */
static const unsigned long more_fcntls[] = {F_DUPFD, F_DUPFD_CLOEXEC, F_GETLK,
                                            F_SETLK, F_SETLKW,        F_ADD_SEALS};

static int add_all(scmp_filter_ctx ctx, uint32_t action, const int *calls, size_t count)
{
    int ret = 0;

    for (size_t i = 0; ret == 0 && i < count; i++) {
        ret = seccomp_rule_add(ctx, action, calls[i], 0);
    }
    return ret;
}

/* The call with argument `arg` being one of values. */
static int add_values(scmp_filter_ctx ctx, int call, unsigned arg, const unsigned long *values,
                      size_t count)
{
    int ret = 0;

    for (size_t i = 0; ret == 0 && i < count; i++) {
        ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 1,
                               SCMP_CMP(arg, SCMP_CMP_EQ, values[i], 0));
    }
    return ret;
}

/* The same for 32-bit x86, where which one it is is all that can be asked. */
static int add_socketcalls(scmp_filter_ctx ctx, const int *which, size_t count)
{
    int ret = 0;

    for (size_t i = 0; ret == 0 && i < count; i++) {
        ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socketcall), 1,
                               SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)which[i], 0));
    }
    return ret;
}

/* No connection by the way of sending: the flags are argument 3, sendmsg's argument 2. */
static int add_sending(scmp_filter_ctx ctx)
{
    static const int sending[] = {SCMP_SYS(sendto), SCMP_SYS(send), SCMP_SYS(sendmmsg)};
    static const int by_socketcall[] = {SYS_SENDTO, SYS_SEND, SYS_SENDMSG, SYS_SENDMMSG};
    const uint64_t connects = MSG_FASTOPEN;
    int ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(sendmsg), 1,
                               SCMP_A2(SCMP_CMP_MASKED_EQ, connects, 0));

    for (size_t i = 0; ret == 0 && i < COUNT(sending); i++) {
        ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, sending[i], 1,
                               SCMP_A3(SCMP_CMP_MASKED_EQ, connects, 0));
    }
    return ret == 0 ? add_socketcalls(ctx, by_socketcall, COUNT(by_socketcall)) : ret;
}

/* What everyone may do with some arguments. */
static int add_guarded(scmp_filter_ctx ctx)
{
    const uint64_t exec = PROT_EXEC;
    const scmp_datum_t self = (scmp_datum_t)getpid();
    int ret =
        seccomp_rule_add(ctx, SCMP_ACT_ALLOW, MAP_CALL, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, exec, 0));

    if (ret == 0) {
        ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                               SCMP_A2(SCMP_CMP_MASKED_EQ, exec, 0));
    }
    if (ret == 0) { /* abort */
        ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                               SCMP_A0(SCMP_CMP_EQ, self, 0));
    }
    if (ret == 0) {
        ret = add_values(ctx, SCMP_SYS(ioctl), 1, ioctls, COUNT(ioctls));
    }
    if (ret == 0) {
        ret = add_values(ctx, SCMP_SYS(fcntl), 1, fcntls, COUNT(fcntls));
    }
    if (ret == 0) {
        ret = add_values(ctx, SCMP_SYS(fcntl64), 1, fcntls, COUNT(fcntls));
    }
    return ret == 0 ? add_sending(ctx) : ret;
}

/* Threads, and what libraries do with some arguments. */
static int add_libraries(scmp_filter_ctx ctx)
{
    const uint64_t thread = CLONE_THREAD;
    int ret = add_all(ctx, SCMP_ACT_ALLOW, libraries, COUNT(libraries));

    if (ret == 0) {
        ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                               SCMP_A0(SCMP_CMP_MASKED_EQ, thread, thread));
    }
    if (ret == 0) {
        ret = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    }
    if (ret == 0) {
        ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1,
                               SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
    }
    if (ret == 0) {
        ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
                               SCMP_A2(SCMP_CMP_EQ, 0, 0));
    }
    if (ret == 0) {
        ret = add_values(ctx, SCMP_SYS(ioctl), 1, more_ioctls, COUNT(more_ioctls));
    }
    if (ret == 0) {
        ret = add_values(ctx, SCMP_SYS(fcntl), 1, more_fcntls, COUNT(more_fcntls));
    }
    if (ret == 0) {
        ret = add_values(ctx, SCMP_SYS(fcntl64), 1, more_fcntls, COUNT(more_fcntls));
    }
    return ret == 0 ? add_values(ctx, SCMP_SYS(prctl), 0, prctls, COUNT(prctls)) : ret;
}

static int add_signer(scmp_filter_ctx ctx)
{
    int ret = add_libraries(ctx);

    return ret == 0 ? add_all(ctx, SCMP_ACT_ALLOW, files, COUNT(files)) : ret;
}

static int add_dnsd(scmp_filter_ctx ctx)
{
    const uint64_t empty = AT_EMPTY_PATH;
    int ret = add_all(ctx, SCMP_ACT_ALLOW, answering, COUNT(answering));

    if (ret == 0) { /* how full a socket's queue is: dnsd/udp.c */
        ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(getsockopt), 2,
                               SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET, 0),
                               SCMP_A2(SCMP_CMP_EQ, SO_MEMINFO, 0));
    }
    if (ret == 0) {
        ret = add_socketcalls(ctx, (const int[]){SYS_GETSOCKOPT}, 1);
    }
    if (ret == 0) { /* glibc's fstat(3) */
        ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
                               SCMP_A3(SCMP_CMP_MASKED_EQ, empty, empty));
    }
    /* the same where a time has 64 bits and a word 32 */
    return ret == 0 && sizeof(long) == 4
               ? seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(statx), 1,
                                  SCMP_A2(SCMP_CMP_MASKED_EQ, empty, empty))
               : ret;
}

static int add_issuer(scmp_filter_ctx ctx)
{
    int ret = add_signer(ctx);

    if (ret == 0) {
        ret = add_all(ctx, SCMP_ACT_ALLOW, network, COUNT(network));
    }
    for (size_t i = 0; ret == 0 && i < COUNT(families); i++) {
        ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                               SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0));
    }
    if (ret == 0) {
        ret = add_socketcalls(ctx, (const int[]){SYS_SOCKET}, 1);
    }
    if (ret == 0) {
        ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, MAP_CALL, 2,
                               SCMP_A2(SCMP_CMP_EQ, PROT_READ | PROT_EXEC, 0),
                               SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, 0));
    }
    return ret;
}

static int add_profile(scmp_filter_ctx ctx, enum sandbox_profile profile)
{
    switch (profile) {
    case SANDBOX_DNSD:
        return add_dnsd(ctx);
    case SANDBOX_ISSUER:
        return add_issuer(ctx);
    case SANDBOX_SIGNER:
        return add_signer(ctx);
    }
    return -EINVAL;
}

int sandbox_calls(enum sandbox_profile profile, struct err *err)
{
    if (SANDBOX_SANITIZED) {
        return 0;
    }
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (ctx == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    int ret = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
    if (ret == 0) {
        ret = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    }
    if (ret == 0) {
        ret = add_all(ctx, SCMP_ACT_ALLOW, everyone, COUNT(everyone));
    }
    if (ret == 0) {
        ret = add_all(ctx, SCMP_ACT_KILL_PROCESS, deadly, COUNT(deadly));
    }
    if (ret == 0) {
        ret = add_guarded(ctx);
    }
    if (ret == 0) {
        ret = add_profile(ctx, profile);
    }
    if (ret == 0) {
        ret = seccomp_load(ctx);
    }
    seccomp_release(ctx);
    return ret < 0 ? err_set(err, ret, "cannot load the seccomp filter: %s", err_string(ret)) : 0;
}
