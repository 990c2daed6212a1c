from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from oa_pipeline.up import services

PATIENCE = 120.0  # seconds
DAEMON = """
import os, sys, time, signal
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        if "stubborn" in sys.argv:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open(sys.argv[1], "w").write(str(os.getpid()))
        time.sleep(600)
    os._exit(0)
os.wait()
"""


def warden(*command: str, grace: str = "60", first: str = "all") -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-I", services.WARDEN, grace, first, *command], stderr=subprocess.DEVNULL)


def noted(note: Path) -> int:
    until = time.monotonic() + 120
    while not (note.exists() and note.read_text()) and time.monotonic() < until:
        time.sleep(0.02)
    return int(note.read_text())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt orphans")
@pytest.mark.parametrize("manner", ["", "stubborn"], ids=["willing", "deaf to SIGTERM"])
def test_even_a_daemon_of_the_service_ends_with_it(tmp_path: Path, manner: str) -> None:
    note = tmp_path / "pid"
    process = warden(
        sys.executable, "-c", f"{DAEMON}\ntime.sleep(600)", str(note), manner, grace="0.3" if manner else "60"
    )
    orphan = psutil.Process(noted(note))
    process.terminate()
    process.wait(PATIENCE)
    assert not orphan.is_running()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt orphans")
def test_a_service_that_ends_by_itself_takes_its_orphans_along(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    until_noted = "while not (os.path.exists(sys.argv[1]) and os.path.getsize(sys.argv[1])): time.sleep(0.01)"
    process = warden(sys.executable, "-c", f"{DAEMON}\n{until_noted}\nsys.exit(3)", str(note))
    assert process.wait(PATIENCE) == 3
    assert not psutil.pid_exists(noted(note))


PARENT_AND_CHILD = """
import os, signal, sys, time
note = sys.argv[1]
def end(*_):
    open(note + ".parent", "w").write(str(os.path.exists(note + ".child")))
    time.sleep(0.3)
    open(note + ".parent", "a").write(str(os.path.exists(note + ".child")))
    os._exit(0)
def asked(*_):
    open(note + ".child", "w").write("asked")
    os._exit(0)
signal.signal(signal.SIGTERM, end)
if os.fork() == 0:
    signal.signal(signal.SIGTERM, asked)
    open(note, "w").write(str(os.getpid()))
time.sleep(600)
"""


def test_a_service_asked_alone_sees_to_its_children_first(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    process = warden(sys.executable, "-c", PARENT_AND_CHILD, str(note), first="alone", grace="60")
    child = psutil.Process(noted(note))
    process.terminate()
    process.wait(PATIENCE)
    assert (tmp_path / "pid.parent").read_text() == "FalseFalse"
    assert (tmp_path / "pid.child").read_text() == "asked"
    assert not child.is_running()


def test_the_exit_status_is_the_services(tmp_path: Path) -> None:
    assert warden(sys.executable, "-c", "import sys; sys.exit(7)").wait(PATIENCE) == 7
    assert warden(sys.executable, "-c", "import os; os.kill(os.getpid(), 9)").wait(PATIENCE) == 128 + 9


def test_a_service_has_its_last_words(tmp_path: Path) -> None:
    service = services.start(
        "talker", [sys.executable, "-c", "print('goodbye')"], environment={}, logs=tmp_path, folder=tmp_path
    )
    service.process.wait(PATIENCE)
    assert not service.alive
    assert service.last_words() == "goodbye"
    service.stop()
