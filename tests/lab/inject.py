"""System calls made by a running process against its will, as somebody could try who took it over; and a process ended
just before or just after one of its own, or refused that one."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import threading
from types import TracebackType

from .process import LabError, wait_until

ARCHITECTURE = "x86_64"
_PTRACE_SINGLESTEP, _PTRACE_GETREGS, _PTRACE_SETREGS, _PTRACE_ATTACH, _PTRACE_DETACH = 9, 12, 13, 16, 17
_PTRACE_SYSCALL, _PTRACE_SETOPTIONS, _PTRACE_O_TRACESYSGOOD = 24, 0x4200, 1
FSYNC, FDATASYNC = 74, 75
CHANGES = (74, 75, 82, 87, 91, 93, 258, 263, 264, 265, 266, 316)
"""fsync, fdatasync, rename, unlink, fchmod, fchown, mkdirat, unlinkat, renameat, linkat, symlinkat, renameat2."""
_WALL = 0x40000000
_NO_CALL = 0xFFFFFFFFFFFFFFFF
_SYSCALL = b"\x0f\x05"
_REGISTERS = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base "
              "gs_base ds es fs gs").split()
_BELOW_STACK = 65536
"""Octets below the stack pointer, where nothing of the thread's is, for what arguments point to."""


class Died(Exception):
    """The process was ended by the call; the text names the signal."""


class _Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in _REGISTERS]


class Thread:
    """A thread that waits in a system call, stopped and made to carry out others.

    Use as a context: at its end the thread goes on as if nothing had been.
    """

    def __init__(self, tid: int):
        self.tid = tid
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.ptrace.restype = ctypes.c_long
        self._libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        self._saved = _Registers()
        self._alive = False

    def _ptrace(self, request: int, data: object = None) -> None:  # data: an address, or None
        if self._libc.ptrace(request, self.tid, None, data) < 0:
            code = ctypes.get_errno()
            if code == errno.ESRCH and self._alive:
                self._wait()  # ended meanwhile: its parent hears of that only when the tracer has
            raise OSError(code, f"ptrace request {request} of {self.tid}: {os.strerror(code)}")

    def _wait(self) -> None:
        _, status = os.waitpid(self.tid, _WALL)
        if not os.WIFSTOPPED(status):
            self._alive = False
            raise Died(signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else f"status {status}")

    def __enter__(self) -> Thread:
        wait_until(self._stopped, f"thread {self.tid} waits in a system call")
        return self

    def _stopped(self) -> bool:
        """Stops the thread; False, and it goes on, where that did not find it in a system call."""
        self._ptrace(_PTRACE_ATTACH)
        self._alive = True
        self._wait()
        self._ptrace(_PTRACE_GETREGS, ctypes.byref(self._saved))
        with open(f"/proc/{self.tid}/mem", "rb") as memory:
            memory.seek(self._saved.rip - len(_SYSCALL))
            if memory.read(len(_SYSCALL)) == _SYSCALL:
                return True
        self._ptrace(_PTRACE_DETACH)
        self._alive = False
        return False

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._alive:
            self._ptrace(_PTRACE_SETREGS, ctypes.byref(self._saved))
            self._ptrace(_PTRACE_DETACH)

    def call(self, number: int, *arguments: int | bytes) -> int:
        """Carries one system call out; its result, or -errno. Octets are put where an argument can point at them."""
        registers, at = _Registers.from_buffer_copy(self._saved), self._saved.rsp - _BELOW_STACK
        values: list[int] = []
        with open(f"/proc/{self.tid}/mem", "r+b", buffering=0) as memory:
            for argument in arguments:
                if isinstance(argument, bytes):
                    memory.seek(at)
                    memory.write(argument)
                    values.append(at)
                    at += (len(argument) + 15) // 16 * 16
                else:
                    values.append(argument)
        for name, value in zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), [*values, 0, 0, 0, 0, 0, 0]):
            setattr(registers, name, value & 0xFFFFFFFFFFFFFFFF)
        registers.rax, registers.orig_rax = number, _NO_CALL
        registers.rip = self._saved.rip - len(_SYSCALL)
        self._ptrace(_PTRACE_SETREGS, ctypes.byref(registers))
        self._ptrace(_PTRACE_SINGLESTEP)
        self._wait()
        self._ptrace(_PTRACE_GETREGS, ctypes.byref(registers))
        return ctypes.c_longlong(registers.rax).value


class KillAt(Thread):
    """kill -9 of a process at the nth time that its first thread makes one of some system calls.

    after: once the call is done, else before it begins. `struck` says whether it came to that before release().
    """

    def __init__(self, pid: int, numbers: tuple[int, ...], nth: int, after: bool):
        super().__init__(pid)
        self._numbers, self._left, self._after = numbers, nth, after
        self.struck = False
        self._released = threading.Event()
        self._attached = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)  # all of ptrace is one thread's

    def start(self) -> KillAt:
        """Returns once every call is being looked at."""
        self._thread.start()
        if not self._attached.wait(60):
            raise LabError(f"cannot trace process {self.tid}")
        return self

    def release(self) -> bool:
        """Lets the process go where it still runs; whether it was killed."""
        self._released.set()
        if self._thread.is_alive():
            try:
                os.kill(self.tid, signal.SIGCONT)  # a stop for the tracer, should the process only wait
            except ProcessLookupError:
                pass
        self._thread.join(30)
        return self.struck

    def wait_end(self) -> bool:
        """Waits until the process, a child of ours that nobody else waits for, has ended; whether it was killed."""
        self._thread.join(120)
        return self.struck

    def _run(self) -> None:
        self._ptrace(_PTRACE_ATTACH)
        self._alive = True
        self._wait()
        self._ptrace(_PTRACE_SETOPTIONS, _PTRACE_O_TRACESYSGOOD)
        self._attached.set()
        entering, deliver = True, 0
        while not self._released.is_set():
            self._ptrace(_PTRACE_SYSCALL, deliver or None)
            _, status = os.waitpid(self.tid, _WALL)
            if not os.WIFSTOPPED(status):
                self._alive = False
                return
            stop, deliver = os.WSTOPSIG(status), 0
            if stop != signal.SIGTRAP | 0x80:
                deliver = 0 if stop in (signal.SIGCONT, signal.SIGTRAP) else stop  # SIGTRAP: it became another program
                continue
            if self._is_due(entering):
                self.struck = True
                if self._strike():
                    return
            entering = not entering
        self._ptrace(_PTRACE_DETACH)

    def _is_due(self, entering: bool) -> bool:
        self._ptrace(_PTRACE_GETREGS, ctypes.byref(self._saved))
        if self._saved.orig_rax not in self._numbers or entering == self._after:
            return False
        self._left -= 1
        return self._left == 0

    def _strike(self) -> bool:
        """Whether that was its end."""
        os.kill(self.tid, signal.SIGKILL)
        os.waitpid(self.tid, _WALL)
        return True


class FailAt(KillAt):
    """The call is not carried out, and fails with this error; the process goes on."""

    def __init__(self, pid: int, numbers: tuple[int, ...], nth: int, error: int):
        super().__init__(pid, numbers, nth, after=False)
        self._error = error
        self._skipped = False

    def _is_due(self, entering: bool) -> bool:
        due = super()._is_due(entering)
        if self._skipped:  # and this is its end
            self._saved.rax = -self._error & _NO_CALL
            self._ptrace(_PTRACE_SETREGS, ctypes.byref(self._saved))
            self._skipped = False
        return due

    def _strike(self) -> bool:
        self._saved.orig_rax = _NO_CALL
        self._ptrace(_PTRACE_SETREGS, ctypes.byref(self._saved))
        self._skipped = True
        return False


def name_of(result: int) -> str:
    """A result in words."""
    return str(result) if result >= 0 else errno.errorcode.get(-result, str(result))
