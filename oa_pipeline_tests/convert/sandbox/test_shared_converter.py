"""One converters' server for all children of a warm parent."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

# Forks from a fresh process: the tests' own has threads.
PROGRAM = """
import json, os, sys, traceback
from pathlib import Path
import psutil
from oa_pipeline.convert.sandbox import Converter
from oa_pipeline_tests.convert.sandbox.test_converter import BODY, ROOT, task

folder, kill = Path(sys.argv[1]), sys.argv[2] == "kill"
converter = Converter(body=BODY, path=(ROOT,))
converter.start()
server = converter.server_pid
if kill:
    os.kill(server, 9)
    os.waitpid(server, 0)
children = []
for number in range(2):
    work = folder / str(number)
    work.mkdir()
    pid = os.fork()
    if pid == 0:
        try:
            converter.after_fork("recorded")
            outcome = converter.run(task("threads"), work, input=None)
            own = psutil.Process().children()  # servers only: keepers are children of theirs, and may be ending
            (folder / f"said-{number}").write_text(json.dumps([outcome.detail, len(own)]))
            converter.close()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    children.append(pid)
for pid in children:
    os.waitpid(pid, 0)
assert kill or converter.server_pid == server
converter.close()
print(json.dumps([json.loads((folder / f"said-{n}").read_text()) for n in range(2)]))
"""


@pytest.mark.parametrize(("state", "own"), [("lives", 0), ("kill", 1)], ids=["shared", "started anew where it died"])
def test_children_use_their_parents_server(tmp_path: Path, state: str, own: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), state],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [["488890", own], ["488890", own]]


ENDING = """
import os, socket, time
from oa_pipeline.convert.sandbox.server import serve

ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
theirs.shutdown(socket.SHUT_WR)
if os.fork() == 0:
    time.sleep(0.5)
    os._exit(0)
serve(ours, None)
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("all were waited for")
"""


def test_a_server_waits_for_those_that_are_ending_because_their_cpu_time_is_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDING], cwd=ROOT, capture_output=True, text=True, timeout=150, check=False
    )
    assert done.stdout.strip() == "all were waited for", done.stderr
