/*
 * Which system calls each profile lets through: all numbers there are are asked about, and none is
 * carried out. A filter under the sandbox's answers "trace" to calls that carry a mark in their
 * last argument; without a tracer that is ENOSYS. The kernel takes the strictest answer of the two
 * (seccomp(2)), so ENOSYS means permitted, EPERM refused; deadly calls end the child that asks.
 * Other arguments are 0; what they may be is for test_sandbox_escape.c.
 */
#include <CUnit/Basic.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/sandbox.h"

#define MARK  0x6D61726Bul
#define CALLS 1024 /* the kernel has some 470 */

enum answer { UNKNOWN, REFUSED, PERMITTED, DEADLY };

/* dnsd once it runs. Whatever is added here is one more thing that the internet may reach. */
static const char *const dnsd_may[] = {
    "read",          "readv",           "pread64",      "write",        "writev",
    "close",         "fstat",           "lseek",        "poll",         "ppoll",
    "epoll_ctl",     "epoll_wait",      "epoll_pwait",  "epoll_pwait2", "recvfrom",
    "recvmsg",       "recvmmsg",        "sendto",       "sendmsg",      "sendmmsg",
    "accept4",       "shutdown",        "mmap",         "munmap",       "mprotect",
    "madvise",       "mremap",          "brk",          "futex",        "set_robust_list",
    "rseq",          "set_tid_address", "sched_yield",  "rt_sigaction", "sched_getaffinity",
    "clock_gettime", "clock_getres",    "gettimeofday", "time",         "rt_sigprocmask",
    "rt_sigreturn",  "restart_syscall", "exit",         "exit_group",   "getpid",
    "gettid",        "getrandom",
};

/* Nobody's, whatever the arguments. */
static const char *const never[] = {
    /* other processes, other programs */
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "process_mrelease",
    "kcmp",
    "execve",
    "execveat",
    "fork",
    "vfork",
    "tkill",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    "pidfd_open",
    "pidfd_getfd",
    "pidfd_send_signal",
    "setpgid",
    "setsid",
    "setpriority",
    "sched_setscheduler",
    "sched_setattr",
    "ioprio_set",
    "migrate_pages",
    "move_pages",
    /* rights and views */
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setfsuid",
    "setfsgid",
    "setgroups",
    "capset",
    "seccomp",
    "personality",
    "unshare",
    "setns",
    "chroot",
    "pivot_root",
    "chdir",
    "fchdir",
    "setrlimit",
    "add_key",
    "request_key",
    "keyctl",
    "landlock_restrict_self",
    /* files by other ways */
    "mount",
    "umount2",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "name_to_handle_at",
    "open_by_handle_at",
    "mknod",
    "mknodat",
    "symlink",
    "symlinkat",
    "link",
    "linkat",
    "chown",
    "fchown",
    "lchown",
    "fchownat",
    "setxattr",
    "lsetxattr",
    "fsetxattr",
    "getxattr",
    "removexattr",
    "quotactl",
    "swapon",
    "swapoff",
    "acct",
    /* the network's ends */
    "bind",
    "listen",
    /* memory and memory of others */
    "memfd_secret",
    "pkey_mprotect",
    "pkey_alloc",
    "remap_file_pages",
    "shmget",
    "shmat",
    "shmctl",
    "semget",
    "msgget",
    "mq_open",
    "userfaultfd",
    "modify_ldt",
    "arch_prctl",
    "iopl",
    "ioperm",
    /* large parts of the kernel */
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "io_setup",
    "io_submit",
    "bpf",
    "perf_event_open",
    "inotify_init1",
    "fanotify_init",
    "landlock_create_ruleset",
    "lookup_dcookie",
    "splice",
    "vmsplice",
    "tee",
    /* the host */
    "reboot",
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "syslog",
    "sethostname",
    "setdomainname",
    "settimeofday",
    "clock_settime",
    "adjtimex",
    "clock_adjtime",
    "vhangup",
    "ustat",
    "sysfs",
    "uselib",
};

/* Nor the signer's, which has no network and no clients. */
static const char *const not_signer[] = {"socket",  "socketpair", "connect",      "accept",
                                         "accept4", "recvmmsg",   "memfd_create", "sendfile"};

/* Calls that carry MARK are answered by a tracer, which is not there. */
static int mark_calls(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MARK, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
               ? prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)
               : -1;
}

/* In the child: asks from call *next on, leaving there where it is for the next child. */
static void ask(enum sandbox_profile profile, int *next, uint8_t *answers)
{
    struct err err = {0};

    if (mark_calls() < 0 || sandbox_calls(profile, &err) < 0) {
        _exit(2);
    }
    while (*next < CALLS) {
        int call = (*next)++;

        errno = 0;
        answers[call] = DEADLY;
        long ret = syscall(call, 0, 0, 0, 0, 0, MARK);
        answers[call] = ret == -1 && errno == ENOSYS  ? PERMITTED
                        : ret == -1 && errno == EPERM ? REFUSED
                                                      : UNKNOWN;
    }
    syscall(SYS_getpid, 0, 0, 0, 0, 0, 0L); /* or the mark is still in its register for _exit */
    _exit(0);
}

/* A child until one gets to the end. */
static bool ask_all(enum sandbox_profile profile, uint8_t answers[static CALLS])
{
    struct shared {
        int next;
        uint8_t answers[CALLS];
    } *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bool done = false;

    if (shared == MAP_FAILED) {
        return false;
    }
    for (int before = -1; !done && shared->next > before;) {
        int status = 0;

        before = shared->next;
        pid_t pid = fork();
        if (pid == 0) {
            ask(profile, &shared->next, shared->answers);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid ||
            (WIFEXITED(status) && WEXITSTATUS(status))) {
            break;
        }
        done = WIFEXITED(status);
    }
    memcpy(answers, shared->answers, CALLS);
    munmap(shared, sizeof(*shared));
    return done;
}

static bool is_in(const char *const *names, size_t count, int call)
{
    for (size_t i = 0; i < count; i++) {
        if (seccomp_syscall_resolve_name(names[i]) == call) {
            return true;
        }
    }
    return false;
}

/* uretprobe and uprobe, which the kernel has put into a program that it traces (x86, Linux 6.14 and
 * later): no filter sees them, and they fail where no probe is. */
static bool is_unfiltered(int call)
{
    return seccomp_arch_native() == SCMP_ARCH_X86_64 && (call == 335 || call == 336);
}

static void test_dnsd(void)
{
    uint8_t answers[CALLS];

    CU_ASSERT_TRUE_FATAL(ask_all(SANDBOX_DNSD, answers));
    for (int call = 0; call < CALLS; call++) {
        bool may = is_in(dnsd_may, sizeof(dnsd_may) / sizeof(dnsd_may[0]), call);

        CU_ASSERT_TRUE(answers[call] != UNKNOWN || is_unfiltered(call));
        if ((answers[call] == PERMITTED) != may && !is_unfiltered(call)) {
            char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, call);

            fprintf(stderr, "dnsd: %s (%d) is %s\n", name != NULL ? name : "?", call,
                    may ? "refused" : "permitted");
            free(name);
            CU_FAIL("another set of calls");
        }
    }
}

/* None of these, and something at all. */
static void check_never(const char *who, const uint8_t answers[static CALLS],
                        const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int call = seccomp_syscall_resolve_name(names[i]);

        if (call == __NR_SCMP_ERROR) {
            continue; /* a kernel call younger than the library */
        }
        if (call >= 0 && answers[call] != REFUSED && answers[call] != DEADLY) {
            fprintf(stderr, "%s: %s is permitted\n", who, names[i]);
            CU_FAIL("a call that nobody may make");
        }
    }
    CU_ASSERT_EQUAL(answers[SYS_write], PERMITTED);
    CU_ASSERT_EQUAL(answers[SYS_execve], DEADLY);
}

#define NAMES(a) (a), sizeof(a) / sizeof((a)[0])

static void test_issuer(void)
{
    uint8_t answers[CALLS];

    CU_ASSERT_TRUE_FATAL(ask_all(SANDBOX_ISSUER, answers));
    check_never("issuer", answers, NAMES(never));
}

static void test_signer(void)
{
    uint8_t answers[CALLS];

    CU_ASSERT_TRUE_FATAL(ask_all(SANDBOX_SIGNER, answers));
    check_never("signer", answers, NAMES(never));
    check_never("signer", answers, NAMES(not_signer));
}

int main(void)
{
    if (sandbox_note() != NULL) {
        printf("skipped: %s\n", sandbox_note());
        return 0;
    }
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("calls", NULL, NULL);
    CU_add_test(suite, "of dnsd, exactly", test_dnsd);
    CU_add_test(suite, "that the issuer may never make", test_issuer);
    CU_add_test(suite, "that the signer may never make", test_signer);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
