"""Goal: what only Linux has is used in *_linux.c alone, behind headers that name nothing of it."""

import re
import unittest
from pathlib import Path

from support import main

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("common", "zones", "dnsd", "signer", "issuer", "supervisor", "shell", "ctl", "client")

# C's and POSIX's, and what the BSDs have as well: a new one is put here by who has looked that up.
HEADERS = {
    "arpa/inet.h", "assert.h", "ctype.h", "dirent.h", "endian.h", "errno.h", "fcntl.h", "grp.h", "inttypes.h", "libgen.h",
    "limits.h", "locale.h", "math.h", "net/if.h", "netdb.h", "netinet/in.h", "netinet/tcp.h", "poll.h", "pthread.h", "pwd.h",
    "sched.h", "semaphore.h", "signal.h", "spawn.h", "stdalign.h", "stdarg.h", "stdatomic.h", "stdbool.h", "stddef.h",
    "stdint.h", "stdio.h", "stdlib.h", "stdnoreturn.h", "string.h", "strings.h", "sys/file.h", "sys/ioctl.h", "sys/mman.h",
    "sys/random.h", "sys/resource.h", "sys/socket.h", "sys/stat.h", "sys/statvfs.h", "sys/time.h", "sys/types.h", "sys/uio.h",
    "sys/un.h", "sys/wait.h", "syslog.h", "termios.h", "time.h", "unistd.h", "wchar.h",
}  # fmt: skip
LIBRARIES = re.compile(r"(openssl|curl|ldns)/\w+\.h|(uv|jansson|sqlite3|yaml|idn2|libpsl)\.h")

# What headers of that list have on Linux besides. SO_REUSEPORT is elsewhere, too, but deals no packets there.
NAMES = re.compile(r"""\b(?:
      SYS_\w+ | __NR_\w+ | PR_[A-Z]\w+ | MFD_\w+ | F_(?:ADD|GET)_SEALS | F_SEAL_\w+ | F_OFD_\w+ | F_[GS]ETSIG
    | F_[GS]ETPIPE_SZ | F_NOTIFY | F_[GS]ETLEASE | O_(?:PATH|TMPFILE|NOATIME) | RENAME_[A-Z]+ | RESOLVE_\w+ | STATX_\w+
    | [EST]FD_[A-Z]\w+ | EPOLL\w+ | P_PIDFD | CLONE_\w+ | cpu_set_t | CPU_(?:COUNT|SET|ZERO|ISSET)\w*
    | SCHED_(?:BATCH|IDLE|DEADLINE|RESET_ON_FORK|FLAG_\w+) | AF_(?:NETLINK|PACKET|ALG|VSOCK) | NETLINK_\w+ | SOL_NETLINK
    | SO_(?:PEERCRED|PEERSEC|PEERGROUPS|PASSCRED|MEMINFO|RCVBUFFORCE|SNDBUFFORCE|INCOMING_CPU|ATTACH_\w+|REUSEPORT|MARK|PRIORITY
        |BINDTODEVICE|BUSY_POLL|RXQ_OVFL|LOCK_FILTER)
    | SCM_CREDENTIALS | ucred | in_pktinfo | IP_(?:PKTINFO|MTU\w*|PMTUDISC_\w+|RECVERR|FREEBIND|TRANSPARENT|BIND_ADDRESS_NO_PORT)
    | IPV6_(?:MTU|MTU_DISCOVER|PMTUDISC_\w+|RECVERR|FREEBIND|TRANSPARENT)
    | TCP_(?:USER_TIMEOUT|DEFER_ACCEPT|QUICKACK|CORK|FASTOPEN_CONNECT|LINGER2|SYNCNT) | UDP_(?:SEGMENT|GRO)
    | MSG_(?:ERRQUEUE|MORE|ZEROCOPY|FASTOPEN|CONFIRM) | MAP_(?:POPULATE|LOCKED|HUGETLB|NORESERVE|GROWSDOWN|FIXED_NOREPLACE)
    | MADV_(?:HUGEPAGE|NOHUGEPAGE|DONTDUMP|WIPEONFORK|POPULATE_\w+|COLD|PAGEOUT) | MREMAP_\w+ | MLOCK_ONFAULT | M_ARENA_\w+
    | SECCOMP_\w+ | SCMP_\w+ | LANDLOCK_\w+ | BPF_\w+ | FALLOC_FL_\w+ | POSIX_SPAWN_SETCGROUP | RLIMIT_(?:NICE|RTTIME|SIGPENDING)
    | __linux(?:__)? | program_invocation_\w+
    | (?: syscall | prctl | arch_prctl | personality | memfd_\w+ | renameat2 | statx | openat2 | eventfd\w* | signalfd\w*
        | timerfd_\w+ | epoll_\w+ | inotify_\w+ | fanotify_\w+ | pidfd_\w+ | setns | unshare | clone3? | sched_[gs]etaffinity
        | sched_[gs]etattr | sched_getcpu | mremap | splice | vmsplice | tee | sendfile | copy_file_range | sync_file_range | syncfs
        | fallocate | readahead | mallopt | malloc_trim | mallinfo2? | [fl]?(?:get|set|list|remove)xattr | get_nprocs\w*
        | sysinfo | capget | capset | io_uring\w+ | seccomp_\w+ | landlock_\w+ | bpf | keyctl | gettid | tgkill | getauxval
        | process_vm_\w+ | setfsuid | setfsgid | close_range | name_to_handle_at | open_by_handle_at | mlock2 | userfaultfd )(?=\s*\()
    )\b|\b(?:syscall|prctl|memfd_create)\b""", re.X)  # fmt: skip
FILES = re.compile(r'"/(?:proc|sys)(?:/|")')
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)', re.M)
TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)+\'', re.S)


def is_linux(path: str) -> bool:
    return re.search(r"_linux\.[ch]$", path) is not None


def blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def offences(text: str) -> list[tuple[int, str]]:
    """Line and word of what only Linux has."""
    code = TOKEN.sub(lambda m: blank(m[0]) if m[0][0] == "/" else m[0], text)
    found = [(m.start(), m[0]) for m in FILES.finditer(code)]
    for include in INCLUDE.finditer(code):
        kind, name = include.groups()
        ours = kind == '"' and not is_linux(name)
        if not (ours or name in HEADERS or LIBRARIES.fullmatch(name)):
            found.append((include.start(2), name))
    code = INCLUDE.sub(lambda m: blank(m[0]), code)
    code = TOKEN.sub(lambda m: blank(m[0]), code)
    found += [(m.start(), m[0]) for m in NAMES.finditer(code)]
    return sorted((text.count("\n", 0, at) + 1, word) for at, word in found)


class Portable(unittest.TestCase):
    def test_sources(self) -> None:
        paths = [path for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.[ch]")) if not is_linux(path.name)]
        self.assertGreater(len(paths), 400)
        wrong = [f"{path.relative_to(ROOT)}:{line}: {word}" for path in paths for line, word in offences(path.read_text())]
        self.assertEqual(wrong, [], "only Linux has these: STYLE.md, Systems")

    def test_documented(self) -> None:
        paths = {str(path.relative_to(ROOT)) for folder in FOLDERS for path in (ROOT / folder).glob("*_linux.c")}
        listed = set(re.findall(r"`(\w+/\w+_linux\.c)`", (ROOT / "docs/architecture.md").read_text()))
        self.assertEqual(paths, listed)

    def test_finds(self) -> None:
        for line, word in (
            ("#include <sys/prctl.h>", "sys/prctl.h"), ("#include <linux/fs.h>", "linux/fs.h"),
            ("# include <seccomp.h>", "seccomp.h"), ('#include "supervisor/holder_linux.h"', "supervisor/holder_linux.h"),
            ("#include <malloc.h>", "malloc.h"), ("    return prctl(PR_SET_NAME, name);", "prctl"),
            ("fd = memfd_create(name, 0);", "memfd_create"), ("ret = syscall(443);", "syscall"),
            ("int seals = fcntl(fd, F_GET_SEALS);", "F_GET_SEALS"), ('open("/proc/self/exe", 0);', '"/proc/'),
            ('opendir("/proc")', '"/proc"'), ("struct ucred peer;", "ucred"), ("cpu_set_t set;", "cpu_set_t"),
            ("setsockopt(fd, 0, IP_MTU_DISCOVER, &v, 4)", "IP_MTU_DISCOVER"), ("#ifdef __linux__", "__linux__"),
            ("fcntl(fd, F_OFD_SETLK, &lock)", "F_OFD_SETLK"), ("x = MAP_POPULATE|1;", "MAP_POPULATE"),
            ("fd = open(path, O_RDONLY | O_PATH);", "O_PATH"), ("fgetxattr (fd, name)", "fgetxattr"),
        ):  # fmt: skip
            text = f'/* a\nb */ "x" \'"\'\n{line}\n'
            self.assertIn((3, word), offences(text), line)
        for line in ("/* prctl(PR_SET_NAME), /proc/self */", "// memfd_create(", 'puts("see prctl(2) and F_OFD_SETLK");',
                     '#include "common/self.h"', "#include <openssl/evp.h>", "struct flock lock; sandbox_seccomp();",
                     'puts("\\" /proc/net");', "my_prctl_(1); self_clone(2); tee = 3;"):  # fmt: skip
            self.assertEqual(offences(line + "\n"), [], line)


if __name__ == "__main__":
    main()
