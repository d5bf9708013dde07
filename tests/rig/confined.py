"""Runs a program under what the unit file denies it, by the kernel's own means, where no systemd runs.

``python -m tests.rig.confined PROGRAM…``: no memory that is writable and executable, and EPERM for every system call
that the unit's SystemCallFilter does not name. Privileges are given up before, by ``setpriv``.
"""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import sys
from collections.abc import Iterator

from tests.rig.parts import ROOT

UNIT = ROOT / "compose" / "systemd" / "radio-supervisor.service"

_PR_SET_MDWE, _REFUSE_EXEC_GAIN = 65, 1
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000


def settings(name: str) -> list[str]:
    """The values of all lines ``name=value`` of the unit, in order."""
    lines = UNIT.read_text(encoding="utf-8").splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{name}=")]


def named(group: str) -> set[str]:
    """The system calls of one of systemd's groups, or the one of that name."""
    if not group.startswith("@"):
        return {group}
    told = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True)
    words = {line.strip() for line in told.stdout.splitlines()[1:]}
    return {call for word in words if word and not word.startswith("#") for call in named(word)}


def allowed() -> set[str]:
    """What is left when the unit's lines are taken one after the other."""
    calls: set[str] = set()
    for line in settings("SystemCallFilter"):
        groups = {call for word in line.removeprefix("~").split() for call in named(word)}
        calls = calls - groups if line.startswith("~") else calls | groups
    return calls


def _deny_others() -> None:
    seccomp = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(_ALLOW))
    numbers = {seccomp.seccomp_syscall_resolve_name(call.encode()) for call in allowed()}
    for number in _numbers(seccomp):
        if number not in numbers:
            seccomp.seccomp_rule_add(context, _ERRNO | errno.EPERM, number, 0)
    if seccomp.seccomp_load(context) != 0:
        raise OSError("the filter was not accepted")


def _numbers(seccomp: ctypes.CDLL) -> Iterator[int]:
    """Every system call that this machine has a name for."""
    seccomp.seccomp_syscall_resolve_num_arch.restype = ctypes.c_char_p
    native = seccomp.seccomp_arch_native()
    return (number for number in range(1024) if seccomp.seccomp_syscall_resolve_num_arch(native, number))


def main() -> None:
    """Confines this process and becomes the program."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_MDWE, _REFUSE_EXEC_GAIN, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "this kernel cannot refuse memory that is writable and executable")
    _deny_others()
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - the program takes this process over


if __name__ == "__main__":
    main()
