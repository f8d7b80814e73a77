/*
 * Each process confined as it confines itself, with the descriptors that it has, and then what
 * somebody who took it over would try. One child for each attempt, since some are deadly.
 *
 * An attempt gives what the system call gave. Refused is EPERM or EACCES (or death, where that
 * is the rule); any other error would prove nothing, so that counts as a failure, too.
 */
#include <CUnit/Basic.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confined.h"

enum { DNSD = 1 << SANDBOX_DNSD, ISSUER = 1 << SANDBOX_ISSUER, SIGNER = 1 << SANDBOX_SIGNER };
enum { ALL = DNSD | ISSUER | SIGNER };
enum { FILE_RULE = 1 << 8 }; /* issuer and signer keep to it by Landlock */

enum outcome { REFUSED, DONE, OTHER, KILLED, NO_CHILD };

/* An attempt that is one call. */
#define TRY(name, call)                                                                            \
    static long name(void)                                                                         \
    {                                                                                              \
        return (call);                                                                             \
    }

/* -- programs and other processes -- */

static long try_execve(void)
{
    char name[] = "true";
    char *argv[] = {name, NULL};

    return execve("/bin/true", argv, NULL);
}

static long try_execveat(void)
{
    char name[] = "true";
    char *argv[] = {name, NULL};

    return syscall(SYS_execveat, image, "", argv, NULL, AT_EMPTY_PATH);
}

static long try_fork(void)
{
    long pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

    if (pid == 0) {
        _exit(0);
    }
    return pid;
}

#ifdef SYS_fork
static long try_fork_call(void)
{
    long pid = syscall(SYS_fork);

    if (pid == 0) {
        _exit(0);
    }
    return pid;
}
#endif

TRY(try_ptrace, ptrace(PTRACE_ATTACH, victim, NULL, NULL))

static long try_read_memory(void)
{
    char here[8];
    struct iovec local = {here, sizeof(here)}, remote = {folder, sizeof(here)};

    return process_vm_readv(victim, &local, 1, &remote, 1, 0);
}

TRY(try_kill, kill(victim, 0))
TRY(try_kill_all, kill(-1, 0))
TRY(try_tgkill, syscall(SYS_tgkill, victim, victim, 0))

static long try_queue_signal(void)
{
    siginfo_t info = {.si_code = SI_QUEUE};

    return syscall(SYS_rt_sigqueueinfo, victim, SIGUSR1, &info);
}

TRY(try_pidfd, syscall(SYS_pidfd_open, victim, 0))

/* The kernel then signals the owner whenever something arrives. */
TRY(try_owner, fcntl(udp, F_SETOWN, victim))
TRY(try_signal_kind, fcntl(udp, F_SETSIG, SIGKILL))

/* Would it be let through, the child would be ended by what the thread does. */
static long try_thread(void)
{
    return syscall(SYS_clone, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD,
                   NULL, NULL, NULL, NULL);
}

TRY(try_clone3, syscall(SYS_clone3, NULL, 0))
/* A process that outlives its supervisor is nobody's. */
TRY(try_death_signal, prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0))

#ifdef __x86_64__
TRY(try_x32, syscall(0x40000000 + SYS_getpid))
#endif

/* -- memory -- */

static long map(int prot, int flags, int fd)
{
    if (mmap(NULL, 4096, prot, flags, fd, 0) != MAP_FAILED) {
        return 0;
    }
    errno = errno == ENOMEM ? EPERM : errno; /* musl's name for it where memory is anonymous */
    return -1;
}

TRY(try_map_writable_code, map(PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1))
TRY(try_map_code, map(PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1))

static long try_make_code(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? 1 : mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

TRY(try_map_image_code, map(PROT_READ | PROT_EXEC, MAP_SHARED, image))
TRY(try_write_image, map(PROT_READ | PROT_WRITE, MAP_SHARED, image))
TRY(try_write_into_image, pwrite(image, "x", 1, 0))
TRY(try_memfd, memfd_create("x", MFD_CLOEXEC))
/* All memory that can be read is code from then on. */
TRY(try_all_code, personality(READ_IMPLIES_EXEC))

/* -- descriptors -- */

TRY(try_dup, dup(udp))
TRY(try_dup_to, syscall(SYS_dup3, udp, 500, 0))
TRY(try_dup_by_fcntl, fcntl(udp, F_DUPFD, 100))
TRY(try_epoll, epoll_create1(0))
TRY(try_event, eventfd(0, 0))
TRY(try_timer, timerfd_create(CLOCK_MONOTONIC, 0))

static long try_pipe(void)
{
    int fds[2];

    return pipe2(fds, 0);
}

/* Puts words into the terminal that certmilld was started from. */
TRY(try_type, ioctl(STDERR_FILENO, TIOCSTI, "x"))

/* -- files -- */

TRY(try_open, syscall(SYS_openat, AT_FDCWD, "/etc/hostname", O_RDONLY))

static long try_openat2(void)
{
    const struct {
        unsigned long long flags, mode, resolve;
    } how = {O_RDONLY, 0, 0};

    return syscall(SYS_openat2, AT_FDCWD, "/etc/hostname", &how, sizeof(how));
}

TRY(try_root_folder, open("/", O_RDONLY | O_DIRECTORY))
TRY(try_own_folder, open(".", O_RDONLY | O_DIRECTORY))

static long try_stat(void)
{
    struct stat st;

    return stat("/", &st);
}

TRY(try_make_folder, mkdir("/new", 0700))
TRY(try_read_key, open(key, O_RDONLY))
TRY(try_list_keys, open(keys, O_RDONLY | O_DIRECTORY))
TRY(try_replace_key, rename(database, key))
TRY(try_remove_key, unlink(key))
TRY(try_read_store, open(database, O_RDONLY))

static long try_write_elsewhere(void)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/new", folder);
    return open(path, O_CREAT | O_WRONLY, 0600);
}

TRY(try_write_system, open("/etc/passwd", O_WRONLY))
TRY(try_proc, open("/proc/self/environ", O_RDONLY))
TRY(try_symlink, symlinkat("/etc", AT_FDCWD, "x"))
TRY(try_link, linkat(AT_FDCWD, "/etc/hostname", AT_FDCWD, "x", 0))

/* -- network -- */

TRY(try_udp, socket(AF_INET, SOCK_DGRAM, 0))
TRY(try_tcp, socket(AF_INET6, SOCK_STREAM, 0))
TRY(try_local, socket(AF_UNIX, SOCK_STREAM, 0))
TRY(try_packet, socket(AF_PACKET, SOCK_RAW, 0))
TRY(try_crypto, socket(AF_ALG, SOCK_SEQPACKET, 0))
TRY(try_netlink, socket(AF_NETLINK, SOCK_RAW, 0))
TRY(try_accept, accept4(listener, NULL, NULL, SOCK_NONBLOCK))
TRY(try_read_option, getsockopt(listener, SOL_SOCKET, SO_PEERCRED, (char[64]){0}, &(socklen_t){64}))
TRY(try_option, setsockopt(listener, IPPROTO_TCP, TCP_ULP, "tls", 3))

static long try_socketpair(void)
{
    int fds[2];

    return socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
}

TRY(try_connect, connect(udp, (struct sockaddr *)&elsewhere_addr, sizeof(elsewhere_addr)))
TRY(try_bind, bind(listener, (struct sockaddr *)&elsewhere_addr, sizeof(elsewhere_addr)))
TRY(try_listen, listen(listener, 8))

/* A listener that is shut down is a fresh socket, which sending connects. */
static long try_send_open(void)
{
    shutdown(listener, SHUT_RDWR);
    return sendto(listener, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&elsewhere_addr,
                  sizeof(elsewhere_addr));
}

static long send_open_message(bool many)
{
    char byte = 'x';
    struct iovec iov = {&byte, 1};
    struct mmsghdr m = {.msg_hdr = {.msg_name = &elsewhere_addr,
                                    .msg_namelen = sizeof(elsewhere_addr),
                                    .msg_iov = &iov,
                                    .msg_iovlen = 1}};

    shutdown(listener, SHUT_RDWR);
    return many ? sendmmsg(listener, &m, 1, MSG_FASTOPEN)
                : sendmsg(listener, &m.msg_hdr, MSG_FASTOPEN);
}

TRY(try_sendmsg_open, send_open_message(false))
TRY(try_sendmmsg_open, send_open_message(true))

/* -- rights -- */

TRY(try_root_user, syscall(SYS_setuid, 0))
TRY(try_chroot, chroot("."))
TRY(try_unshare, unshare(CLONE_NEWUSER))
TRY(try_mount, syscall(SYS_mount, "none", "/", "tmpfs", 0, NULL))
TRY(try_limit, setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}))
TRY(try_dumpable, prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))
TRY(try_filter, prctl(PR_SET_SECCOMP, 2, NULL, 0, 0))
TRY(try_bpf, syscall(SYS_bpf, 0, NULL, 0))

static long try_uring(void)
{
    char params[120] = {0};

    return syscall(SYS_io_uring_setup, 8, params);
}

static long try_perf(void)
{
    struct perf_event_attr attr = {.size = sizeof(attr)};

    return syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

TRY(try_userfault, syscall(SYS_userfaultfd, O_CLOEXEC))
TRY(try_keyring, syscall(SYS_keyctl, 0, -3, 1))

/* -- what must go on -- */

TRY(may_take_image, map(PROT_READ, MAP_SHARED, image))

static long may_talk(void)
{
    char byte;

    return send(pair[0], "x", 1, MSG_NOSIGNAL) == 1 && recv(pair[1], &byte, 1, 0) == 1 ? 0 : -1;
}

static long may_answer(void)
{
    char byte = 'x';
    struct iovec iov = {&byte, 1};
    struct mmsghdr m = {.msg_hdr = {.msg_name = &elsewhere_addr,
                                    .msg_namelen = sizeof(elsewhere_addr),
                                    .msg_iov = &iov,
                                    .msg_iovlen = 1}};

    return sendmmsg(udp, &m, 1, 0);
}

TRY(may_signal_itself, syscall(SYS_tgkill, getpid(), gettid(), 0)) /* abort */
TRY(may_make_room, map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1))
TRY(may_write_store, open(database, O_RDWR))
TRY(may_read_system, open("/etc/passwd", O_RDONLY))

static long may_connect(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    return connect(fd, (struct sockaddr *)&elsewhere_addr, sizeof(elsewhere_addr));
}

static long may_use_key(void)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/temporary", keys);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    return fd >= 0 && open(key, O_RDONLY) >= 0 ? unlink(path) : -1;
}

static const struct attempt {
    const char *name;
    long (*fn)(void);
    int who;
    enum outcome expected;
} attempts[] = {
    {"execve", try_execve, ALL, KILLED},
    {"execveat of an image", try_execveat, ALL, KILLED},
    {"clone", try_fork, ALL, REFUSED},
#ifdef SYS_fork
    {"fork", try_fork_call, ALL, KILLED},
#endif
    {"ptrace", try_ptrace, ALL, KILLED},
    {"memory of another", try_read_memory, ALL, KILLED},
    {"kill of another", try_kill, ALL, REFUSED},
    {"kill of all", try_kill_all, ALL, REFUSED},
    {"tgkill of another", try_tgkill, ALL, REFUSED},
    {"rt_sigqueueinfo", try_queue_signal, ALL, REFUSED},
    {"pidfd_open", try_pidfd, ALL, REFUSED},
    {"F_SETOWN", try_owner, ALL, REFUSED},
    {"F_SETSIG", try_signal_kind, ALL, REFUSED},
    {"another thread", try_thread, DNSD, REFUSED},
    {"clone3", try_clone3, DNSD, REFUSED},
    {"PR_SET_PDEATHSIG", try_death_signal, ALL, REFUSED},
#ifdef __x86_64__
    {"a call of x32", try_x32, ALL, KILLED},
#endif
    {"writable code", try_map_writable_code, ALL, REFUSED},
    {"anonymous code", try_map_code, ALL, REFUSED},
    {"data made code", try_make_code, ALL, REFUSED},
    {"an image as code", try_map_image_code, DNSD | SIGNER, REFUSED},
    {"a writable image", try_write_image, ALL, REFUSED},
    {"write into an image", try_write_into_image, ALL, REFUSED},
    {"memfd_create", try_memfd, DNSD | SIGNER, REFUSED},
    {"READ_IMPLIES_EXEC", try_all_code, ALL, REFUSED},
    {"dup", try_dup, DNSD, REFUSED},
    {"dup3", try_dup_to, DNSD, REFUSED},
    {"F_DUPFD", try_dup_by_fcntl, DNSD, REFUSED},
    {"epoll_create1", try_epoll, DNSD, REFUSED},
    {"eventfd", try_event, DNSD, REFUSED},
    {"timerfd", try_timer, DNSD, REFUSED},
    {"pipe", try_pipe, DNSD, REFUSED},
    {"TIOCSTI", try_type, ALL, REFUSED},
    {"open", try_open, DNSD | SIGNER | FILE_RULE, REFUSED},
    {"openat2", try_openat2, DNSD | SIGNER | FILE_RULE, REFUSED},
    {"open of /", try_root_folder, ALL | FILE_RULE, REFUSED},
    {"open of .", try_own_folder, DNSD, REFUSED},
    {"stat", try_stat, DNSD, REFUSED},
    {"mkdir", try_make_folder, ALL | FILE_RULE, REFUSED},
    {"read a key", try_read_key, DNSD | ISSUER | FILE_RULE, REFUSED},
    {"list the keys", try_list_keys, DNSD | ISSUER | FILE_RULE, REFUSED},
    {"replace a key", try_replace_key, DNSD | ISSUER | FILE_RULE, REFUSED},
    {"remove a key", try_remove_key, DNSD | ISSUER | FILE_RULE, REFUSED},
    {"read the store", try_read_store, DNSD | SIGNER | FILE_RULE, REFUSED},
    {"a file elsewhere", try_write_elsewhere, ALL | FILE_RULE, REFUSED},
    {"write a system file", try_write_system, ALL, REFUSED},
    {"open in /proc", try_proc, ALL | FILE_RULE, REFUSED},
    {"symlink", try_symlink, ALL, REFUSED},
    {"link", try_link, ALL, REFUSED},
    {"UDP socket", try_udp, DNSD | SIGNER, REFUSED},
    {"TCP socket", try_tcp, DNSD | SIGNER, REFUSED},
    {"local socket", try_local, DNSD | SIGNER, REFUSED},
    {"packet socket", try_packet, ALL, REFUSED},
    {"crypto socket", try_crypto, ALL, REFUSED},
    {"netlink socket", try_netlink, DNSD | SIGNER, REFUSED},
    {"accept", try_accept, SIGNER, REFUSED},
    {"setsockopt", try_option, DNSD, REFUSED},
    {"getsockopt but SO_MEMINFO", try_read_option, DNSD, REFUSED},
    {"socketpair", try_socketpair, DNSD | SIGNER, REFUSED},
    {"connect", try_connect, DNSD | SIGNER, REFUSED},
    {"bind", try_bind, ALL, REFUSED},
    {"listen", try_listen, ALL, REFUSED},
    {"sendto that connects", try_send_open, ALL, REFUSED},
    {"sendmsg that connects", try_sendmsg_open, ALL, REFUSED},
    {"sendmmsg that connects", try_sendmmsg_open, ALL, REFUSED},
    {"setuid", try_root_user, ALL, REFUSED},
    {"chroot", try_chroot, ALL, REFUSED},
    {"unshare", try_unshare, ALL, REFUSED},
    {"mount", try_mount, ALL, REFUSED},
    {"setrlimit", try_limit, ALL, REFUSED},
    {"PR_SET_DUMPABLE", try_dumpable, ALL, REFUSED},
    {"another filter", try_filter, ALL, REFUSED},
    {"bpf", try_bpf, ALL, REFUSED},
    {"io_uring", try_uring, ALL, REFUSED},
    {"perf_event_open", try_perf, ALL, REFUSED},
    {"userfaultfd", try_userfault, ALL, REFUSED},
    {"keyctl", try_keyring, ALL, REFUSED},
    {"take an image", may_take_image, ALL, DONE},
    {"talk to a peer", may_talk, ALL, DONE},
    {"answer a query", may_answer, DNSD, DONE},
    {"take memory", may_make_room, ALL, DONE},
    {"signal itself", may_signal_itself, ALL, DONE},
    {"write the store", may_write_store, ISSUER, DONE},
    {"read a system file", may_read_system, ISSUER, DONE},
    {"connect out", may_connect, ISSUER, DONE},
    {"use its keys", may_use_key, SIGNER, DONE},
};

static enum outcome attempt_in_child(const struct attempt *a, enum sandbox_profile profile)
{
    int status;

    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (confine(profile) < 0) {
            _exit(NO_CHILD);
        }
        errno = 0;
        if (a->fn() >= 0) {
            _exit(DONE);
        }
        if (errno != EPERM && errno != EACCES) {
            fprintf(stderr, "%s, %s: %s\n", profiles[profile], a->name, strerror(errno));
            _exit(OTHER);
        }
        _exit(REFUSED);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        return NO_CHILD;
    }
    return WIFEXITED(status) ? (enum outcome)WEXITSTATUS(status) : KILLED;
}

static bool has_landlock(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, 1u) > 0;
}

static void test_profile(enum sandbox_profile profile)
{
    static const char *const names[] = {"refused", "done", "another error", "killed", "no child"};

    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        const struct attempt *a = &attempts[i];

        if ((a->who & 1 << profile) == 0 ||
            (a->who & FILE_RULE && profile != SANDBOX_DNSD && !has_landlock())) {
            continue;
        }
        enum outcome got = attempt_in_child(a, profile);
        if (got != a->expected) {
            fprintf(stderr, "%s, %s: %s\n", profiles[profile], a->name, names[got]);
        }
        CU_ASSERT_EQUAL(got, a->expected);
    }
}

static void test_dnsd(void)
{
    test_profile(SANDBOX_DNSD);
}

static void test_issuer(void)
{
    test_profile(SANDBOX_ISSUER);
}

static void test_signer(void)
{
    test_profile(SANDBOX_SIGNER);
}

int main(void)
{
    if (sandbox_note() != NULL) {
        printf("skipped: %s\n", sandbox_note());
        return 0;
    }
    if (set_up() < 0) {
        perror("test_sandbox_escape");
        tear_down();
        return 2;
    }
    if (!has_landlock()) {
        printf("this kernel has no Landlock: what it refuses is not tried\n");
    }
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("escape", NULL, NULL);
    CU_add_test(suite, "out of dnsd", test_dnsd);
    CU_add_test(suite, "out of the issuer", test_issuer);
    CU_add_test(suite, "out of the signer", test_signer);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    tear_down();
    return failures != 0;
}
