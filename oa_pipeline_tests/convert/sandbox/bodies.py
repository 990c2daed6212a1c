"""What hostile data might make a converter do. Each is the whole life of one converter's process."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from oa_pipeline.convert.task import Outcome, Output, Task


def body(work: Path, events: int, walls: dict[str, str]) -> None:
    """Runs the act that the task's `declared` names, then answers with what it returned."""
    task = Task.from_json(json.loads((work / "task.json").read_text()))
    act = ACTS[task.declared["act"]]
    detail = act(task.declared, events)
    (work / "outcome.json").write_text(json.dumps(Outcome(None, detail=str(detail), walls=walls).as_json()))


def crash(_: Any, __: int) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def spin(_: Any, __: int) -> None:
    while True:
        pass


def hang(declared: dict[str, Any], _: int) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if told := declared.get("told"):
        Path(told).write_text(str(os.getpid()))
    time.sleep(600)


def detach(_: Any, events: int) -> str:
    """Leaves a grandchild that has left session and group and ignores every polite signal."""
    code = "import os,signal,time\nos.setsid()\nsignal.signal(15, signal.SIG_IGN)\ntime.sleep(600)"
    child = subprocess.Popen([sys.executable, "-S", "-c", code], start_new_session=True, close_fds=True)
    os.write(events, json.dumps({"left": child.pid}).encode() + b"\n")
    time.sleep(0.3)
    return str(child.pid)


def fill_memory(_: Any, __: int) -> str:
    held = []
    while True:
        held.append(bytearray(64 * 1024**2))


def fill_disk(_: Any, __: int) -> str:
    try:
        with Path("big").open("wb") as file:
            while True:
                file.write(b"x" * 1024**2)
    except OSError as error:
        return error.strerror or ""


def open_files(_: Any, __: int) -> str:
    held = []
    try:
        while True:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        for fd in held:
            os.close(fd)
        return str(len(held))


def shout(_: Any, __: int) -> str:
    chunk = b"noise \x1b[31m\x1b]0;owned\x07 \r overwritten \x00\xff\n" * 1000
    for _turn in range(200):
        os.write(2, chunk)
    os.write(1, b"last words\n")
    os._exit(3)


def connect(declared: dict[str, Any], _: int) -> str:
    try:
        socket.create_connection(("127.0.0.1", declared["port"]), timeout=5).close()
    except OSError as error:
        return f"refused: {type(error).__name__}"
    return "connected"


def break_out(declared: dict[str, Any], _: int) -> str:
    """Tries what a filter of system calls is there to refuse; says what came of each."""
    libc = ctypes.CDLL(None, use_errno=True)

    def plain(result: int) -> str:
        if result < 0:
            raise OSError(ctypes.get_errno(), "")
        return "done"

    def knock() -> None:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(declared["socket"])

    tries: dict[str, Callable[[], object]] = {
        "a socket in the file system": knock,
        "a socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close(),
        "a pair of sockets": socket.socketpair,
        "another program": lambda: os.execv("/bin/true", ["true"]),
        "another process": lambda: os.fork() or os._exit(0),
        "another process by its new call": lambda: plain(libc.syscall(435, 0, 0)),
        "a signal to whoever asked": lambda: os.kill(declared["asker"], 0),
        "a signal to everybody": lambda: os.kill(-1, 0),
        "a look into another process": lambda: plain(libc.ptrace(16, declared["asker"], 0, 0)),
        "a namespace": lambda: plain(libc.unshare(0x10000000)),
        "a file system": lambda: plain(libc.mount(b"none", b".", b"tmpfs", 0, None)),
        "a ring of input and output": lambda: plain(libc.syscall(425, 8, ctypes.create_string_buffer(256))),
        "a signal to itself": lambda: os.kill(os.getpid(), 0),
    }
    said = {}
    for name, attempt in tries.items():
        try:
            attempt()
            said[name] = "done"
        except OSError as error:
            said[name] = errno.errorcode.get(error.errno or 0, "?")
    return json.dumps(said)


def environment(_: Any, __: int) -> str:
    return json.dumps(dict(os.environ))


def look_around(declared: dict[str, Any], _: int) -> str:
    """Tries to read one path and to write another; says what came of both."""
    said = {}
    try:
        said["read"] = Path(declared["read"]).read_text()[:20]
    except OSError as error:
        said["read"] = f"denied: {type(error).__name__}"
    try:
        Path(declared["write"]).write_text("was here")
        said["write"] = "written"
    except OSError as error:
        said["write"] = f"denied: {type(error).__name__}"
    said["user"] = str(os.getuid())
    return json.dumps(said)


def link_out(declared: dict[str, Any], _: int) -> str:
    """Answers with a link to somebody else's file."""
    Path("outcome.json").symlink_to(declared["read"])
    os._exit(0)


def publish(declared: dict[str, Any], _: int) -> None:
    """Answers with outputs that are not what they are said to be."""
    name, kind = declared["file"], declared.get("as", "parquet")
    made = Path(name)
    match declared["is"]:
        case "a link":
            made.symlink_to(declared["read"])
        case "a second name":
            Path("other").write_bytes(b"12345")
            made.hardlink_to("other")
        case "a pipe":
            os.mkfifo(made)
        case "a folder":
            made.mkdir()
        case "a file":
            made.write_bytes(b"12345")
        case "sparse":
            with made.open("wb") as file:
                file.truncate(2**30)
    answer = Outcome(None, rows=1, outputs={kind: Output(declared.get("path", name), 5, "0" * 64, 1)})
    Path("outcome.json").write_text(json.dumps(answer.as_json()))
    os._exit(0)


def answer_with(declared: dict[str, Any], _: int) -> None:
    """Answers with any text at all."""
    Path("outcome.json").write_text(declared["answer"])
    os._exit(0)


def lie(_: Any, __: int) -> str:
    Path("outcome.json").write_text('{"problem": ["not", "an", "answer"]}')
    os._exit(0)


def threads(_: Any, __: int) -> str:
    """Real work in the libraries after the fork."""
    import polars as pl

    frame = pl.DataFrame({"a": [str(i) for i in range(100_000)]})
    return str(frame.lazy().select(pl.col("a").str.len_bytes().sum()).collect().item())


def loaded(declared: dict[str, Any], _: int) -> str:
    return json.dumps([name for name in declared["names"] if sys.modules.get(name)])


def descriptors(_: Any, __: int) -> str:
    held = []
    for number in range(3, 256):
        try:
            held.append(str(Path(f"/proc/self/fd/{number}").readlink()))
        except OSError:
            continue
    return json.dumps(held)


ACTS = {
    f.__name__: f
    for f in (
        crash,
        spin,
        hang,
        detach,
        fill_memory,
        fill_disk,
        open_files,
        shout,
        connect,
        break_out,
        environment,
        look_around,
        link_out,
        publish,
        answer_with,
        lie,
        threads,
        loaded,
        descriptors,
    )
}
