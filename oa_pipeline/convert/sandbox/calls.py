"""The kernel's own list of what a converter may ask of it: a seccomp filter, which needs no root and cannot be lifted.

Landlock says which files may be opened. It says nothing of the sockets of a database that lie in the file system, of
other programs, or of the rarely used parts of the kernel in which most ways out of a sandbox were found. A converter
needs none of them: it computes, reads and writes files, and starts threads.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER_MODE = 38, 22, 2

# Classic BPF: load a word, compare, answer.
_LOAD, _AND, _EQUAL, _AT_LEAST, _ANSWER = 0x20, 0x54, 0x15, 0x35, 0x06
_NUMBER, _ARCHITECTURE, _FIRST = 0, 4, 16  # where the kernel puts them; of the first argument the lower half
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
_PERMISSION, _ABSENT = _REFUSE | errno.EPERM, _REFUSE | errno.ENOSYS
_CLONE_THREAD = 0x10000
_OTHER_ABI = 0x40000000  # x86's calls with short pointers have numbers of their own from here on

# Sockets (those in the file system need no network), other programs, other processes, other namespaces, keys, and
# what was made to look into the kernel. One column for each processor; None where it has no such call.
_REFUSED: Mapping[str, tuple[int | None, int | None]] = {
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, None),
    "vfork": (58, None),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "fanotify_init": (300, 262),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "modify_ldt": (154, None),
    "personality": (135, 92),
}
_SIGNALS = {"kill": (62, 129), "tgkill": (234, 131)}  # to itself, as abort() does, and to nobody else
_CLONE, _CLONE3 = (56, 220), (435, 435)  # threads only; the newer one hides its flags, and libc falls back


@dataclass(frozen=True, slots=True)
class _Processor:
    column: int
    identity: int  # how the kernel calls it


_PROCESSORS = {"x86_64": _Processor(0, 0xC000003E), "aarch64": _Processor(1, 0xC00000B7)}


def restrict(*, may_execute: bool = False) -> str:
    """Leaves this thread, and all it starts, without those calls: they fail with EPERM. "" or why that cannot be.

    `may_execute`: it may turn into another program, which inherits all this.
    """
    processor = _PROCESSORS.get(platform.machine())
    if processor is None or ctypes.sizeof(ctypes.c_void_p) != 8:
        return f"no list of system calls for {platform.machine()}"
    program = b"".join(_program(processor, os.getpid(), may_execute))
    held = ctypes.create_string_buffer(program)
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(held))
    libc = ctypes.CDLL(None, use_errno=True)
    zeros = (ctypes.c_ulong(0),) * 3
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), *zeros):
        return f"no_new_privs refused: {os.strerror(ctypes.get_errno())}"
    if libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_FILTER_MODE), header, *zeros[:2]):
        return f"no seccomp: {os.strerror(ctypes.get_errno())}"
    return ""


def _program(processor: _Processor, pid: int, may_execute: bool) -> Iterable[bytes]:
    column = processor.column
    yield _step(_LOAD, _ARCHITECTURE)
    yield _step(_EQUAL, processor.identity, 1, 0)
    yield _step(_ANSWER, _KILL)
    yield _step(_LOAD, _NUMBER)
    if column == 0:
        yield from _when(_AT_LEAST, _OTHER_ABI, _step(_ANSWER, _PERMISSION))
    for name, numbers in _REFUSED.items():
        if may_execute and name == "execve":
            continue
        if (number := numbers[column]) is not None:
            yield from _when(_EQUAL, number, _step(_ANSWER, _PERMISSION))
    yield from _when(_EQUAL, _CLONE3[column], _step(_ANSWER, _ABSENT))
    for numbers in _SIGNALS.values():
        to_itself = (_step(_LOAD, _FIRST), _step(_EQUAL, pid, 1, 0), _step(_ANSWER, _PERMISSION))
        yield from _when(_EQUAL, numbers[column], *to_itself, _step(_ANSWER, _ALLOW))
    thread = (_step(_LOAD, _FIRST), _step(_AND, _CLONE_THREAD), _step(_EQUAL, 0, 0, 1), _step(_ANSWER, _PERMISSION))
    yield from _when(_EQUAL, _CLONE[column], *thread)
    yield _step(_ANSWER, _ALLOW)


def _when(how: int, value: int, *steps: bytes) -> Iterable[bytes]:
    """`steps` where the word that is loaded compares so with `value`."""
    yield _step(how, value, 0, len(steps))
    yield from steps


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
