"""Runs a program as systemd would by a unit: as_unit.py SETTINGS PROGRAM [ARGUMENT...], started by root.

SETTINGS is JSON: `user`, `fds` (become 3, 4, ...), `writable` (folders; all else is read-only), `capabilities`, `calls`, `families`;
and, where given, `hidden` (folders as ProtectHome= leaves them) and `private` (as PrivateTmp=). capabilities, calls and families
are taken from the unit file by unit_settings(). What is of no effect on the program's own workings (ProtectClock= and the like) is
left out.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import pwd
import resource
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

_ALLOW, _ERRNO_EPERM, _ERRNO_ENOSYS = 0x7FFF0000, 0x00050001, 0x00050026
_EQ, _MASKED_EQ = 4, 7
_NAMESPACES = 0x7E020080  # each CLONE_NEW*, clone(2)
_WRITE, _EXEC = 2, 4
_MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
_NEWNS = 0x20000
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_CAPBSET_DROP = 1, 38, 24


_CAPABILITIES = {"CAP_CHOWN": 0, "CAP_DAC_OVERRIDE": 1, "CAP_FOWNER": 3, "CAP_KILL": 5, "CAP_SETGID": 6, "CAP_SETUID": 7,
                 "CAP_SYS_CHROOT": 18, "CAP_SYS_NICE": 23}
"""linux/capability.h, those of our units."""


def read_unit(*paths: Path) -> dict[str, dict[str, list[str]]]:
    """Sections of a unit file and its drop-ins: all values of each key; an empty one forgets those before."""
    sections: dict[str, dict[str, list[str]]] = {}
    for line in "".join(path.read_text() for path in paths).splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            if value:
                section.setdefault(key, []).append(value)
            else:
                section[key] = []
    return sections


def members(word: str) -> set[str]:
    """System calls of a set (@system-service), or the one."""
    if not word.startswith("@"):
        return {word}
    done = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", word], check=True, capture_output=True, text=True)
    lines = [line.strip() for line in done.stdout.splitlines()[1:]]
    return set().union(*(members(line) for line in lines if line and not line.startswith("#")))


def unit_settings(service: dict[str, list[str]]) -> dict[str, Any]:
    """What the program is allowed by SystemCallFilter= and RestrictAddressFamilies= (systemd.exec(5))."""
    calls = members("@default")
    for value in service["SystemCallFilter"]:
        for word in value.removeprefix("~").split():
            calls = calls - members(word) if value.startswith("~") else calls | members(word)
    capabilities = " ".join(service["CapabilityBoundingSet"]).split()
    families = [int(getattr(socket, name)) for name in service["RestrictAddressFamilies"][0].split()]
    return {"calls": sorted(calls), "families": families, "capabilities": capabilities}


class _Compare(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def _confine(calls: list[str], families: list[int]) -> None:
    lib = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    lib.seccomp_init.restype = ctypes.c_void_p
    ctx = ctypes.c_void_p(lib.seccomp_init(_ERRNO_EPERM))

    def allow(name: str, *compares: _Compare, action: int = _ALLOW) -> None:
        number = lib.seccomp_syscall_resolve_name(name.encode())
        if number < 0:  # of another architecture
            return
        array = (_Compare * max(len(compares), 1))(*compares)
        if lib.seccomp_rule_add_array(ctx, ctypes.c_uint32(action), number, len(compares), array):
            raise OSError(f"seccomp: {name}")
    guarded = {"socket", "mmap", "mprotect", "pkey_mprotect", "clone", "clone3", "unshare", "setns"}
    for name in calls:
        if name not in guarded:
            allow(name)
    for family in families:
        allow("socket", _Compare(0, _EQ, family, 0))
    for prot in (0, _WRITE, _EXEC):  # MemoryDenyWriteExecute=
        allow("mmap", _Compare(2, _MASKED_EQ, _WRITE | _EXEC, prot))
    allow("mprotect", _Compare(2, _MASKED_EQ, _EXEC, 0))
    allow("clone", _Compare(0, _MASKED_EQ, _NAMESPACES, 0))  # RestrictNamespaces=
    allow("clone3", action=_ERRNO_ENOSYS)
    if lib.seccomp_load(ctx):
        raise OSError("seccomp_load")


def _read_only_but(folders: list[str], hidden: list[str], private: list[str]) -> None:
    """ProtectSystem=strict, ProtectHome=, PrivateTmp=: in a mount namespace of its own."""
    libc = ctypes.CDLL(None, use_errno=True)

    def mount(target: str, flags: int, kind: bytes | None = None, options: bytes | None = None) -> None:
        if libc.mount(kind or target.encode(), target.encode(), kind, ctypes.c_ulong(flags), options):
            raise OSError(ctypes.get_errno(), f"mount {target}")
    if libc.unshare(_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare")
    mount("/", _MS_REC | _MS_PRIVATE)
    for folder in folders:
        mount(folder, _MS_BIND)
    for point in {"/"} | {path for path in ("/tmp", "/var", "/run", "/dev/shm") if os.path.ismount(path)}:
        mount(point, _MS_REMOUNT | _MS_BIND | _MS_RDONLY)
    for folder in hidden:
        mount(folder, _MS_RDONLY, b"tmpfs", b"mode=000")
    for folder in private:
        mount(folder, 0, b"tmpfs", b"mode=1777")


def _drop(user: str, capabilities: list[str]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    for number in range(64):
        if number not in [_CAPABILITIES[name] for name in capabilities]:
            libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)
    entry = pwd.getpwnam(user)
    os.setgroups([entry.pw_gid])
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
    libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def main() -> None:
    """Becomes the program."""
    settings, program = json.loads(sys.argv[1]), sys.argv[2:]
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 64) for fd in settings["fds"]]
    for number, fd in enumerate(high):
        os.dup2(fd, 3 + number, inheritable=True)
        os.close(fd)
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 524288 if hard > 524288 else hard))
    _read_only_but(settings["writable"], settings.get("hidden", []), settings.get("private", []))
    _drop(settings["user"], settings["capabilities"])
    env = {**os.environ, "LISTEN_FDS": str(len(high)), "LISTEN_PID": str(os.getpid()), "WATCHDOG_PID": str(os.getpid())}
    _confine(settings["calls"], settings["families"])
    os.execve(program[0], program, env)


if __name__ == "__main__":
    main()
