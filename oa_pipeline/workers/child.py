"""A run's own process, from the moment after the fork."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ..ledger.assignments import Assignment
from ..orchestration import attempt as attempts
from ..orchestration import dagster_private as private

if TYPE_CHECKING:
    from ..convert.sandbox import Converter

PR_SET_PDEATHSIG = 1
OOM_SCORE = 500  # when memory is short, a run goes before the worker that can report it


def live(run_id: str, attempt: int, *, ref: Any, converter: Converter | None, parent: int) -> NoReturn:
    """Carries the run out and ends the process: 0 where the run succeeded."""
    status = 1
    try:
        settle_in(parent)
        attempts.begin(Assignment(run_id, attempt))
        if converter is not None:
            share(converter)
        with private.instance_of(ref) as instance:
            status = private.execute(instance, run_id, resume=attempt > 0)
    except BaseException:  # the last frame of a process: whatever it was has to be said
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)  # the parent's exit handlers are not ours


def settle_in(parent: int) -> None:
    """Becomes a process of its own: its group, its signals, and an end with the parent that forked it."""
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before we could say so
            os._exit(1)
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE), encoding="ascii")


def share(converter: Converter) -> None:
    """The runs of this process use the server that the parent started."""
    from ..orchestration.workplace import share_converter
    from ..settings import Settings

    converter.after_fork("required" if Settings.from_env().sandbox == "required" else "recorded")
    share_converter(converter)
