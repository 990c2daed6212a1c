from __future__ import annotations

import signal
import subprocess
import sys

import psutil

from oa_pipeline_tests.processes import left, numbered, signalled, until


def test_a_signal_reaches_those_that_run_and_those_that_ended_meanwhile_are_no_error() -> None:
    ended, running = (psutil.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) for _ in range(2))
    try:
        ended.kill()
        ended.wait()
        assert [process.pid for process in numbered([ended.pid, running.pid])] == [running.pid]
        assert signalled([ended, running], signal.SIGKILL) == [running]
        until(lambda: not left([running]))
    finally:
        running.kill()
        for process in (ended, running):
            process.wait()
            process.stdin.close()
