"""System calls made by a running process against its will: what somebody who took it over could try."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
from types import TracebackType

from .process import LabError

ARCHITECTURE = "x86_64"
_PTRACE_SINGLESTEP, _PTRACE_GETREGS, _PTRACE_SETREGS, _PTRACE_ATTACH, _PTRACE_DETACH = 9, 12, 13, 16, 17
_WALL = 0x40000000
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

    def _ptrace(self, request: int, data: object = None) -> None:
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
        self._ptrace(_PTRACE_ATTACH)
        self._alive = True
        self._wait()
        self._ptrace(_PTRACE_GETREGS, ctypes.byref(self._saved))
        with open(f"/proc/{self.tid}/mem", "rb") as memory:
            memory.seek(self._saved.rip - len(_SYSCALL))
            if memory.read(len(_SYSCALL)) != _SYSCALL:
                raise LabError(f"thread {self.tid} does not wait in a system call")
        return self

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
        registers.rax, registers.orig_rax = number, 0xFFFFFFFFFFFFFFFF
        registers.rip = self._saved.rip - len(_SYSCALL)
        self._ptrace(_PTRACE_SETREGS, ctypes.byref(registers))
        self._ptrace(_PTRACE_SINGLESTEP)
        self._wait()
        self._ptrace(_PTRACE_GETREGS, ctypes.byref(registers))
        return ctypes.c_longlong(registers.rax).value


def name_of(result: int) -> str:
    """A result in words."""
    return str(result) if result >= 0 else errno.errorcode.get(-result, str(result))
