"""`oa up`: the whole system on this machine with one command, on the bundled samples unless OA_SOURCES names others."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..errors import OAError, SettingsError
from ..settings import Settings
from .terminal import Terminal

if TYPE_CHECKING:
    from .system import System

TICK = 0.5


class Leave(BaseException):
    """Somebody asked us to stop."""


def up(settings: Settings, *, once: bool = False, terminal: Terminal | None = None) -> int:
    """Starts everything, processes the samples that never were, and stays until it is told to stop.

    `once`: processes every data source, then stops. The exit status is 0 where all went as it should (a source that is
    at fault is a result like another), 1 where a service or the pipeline itself failed, 2 where a setting is wrong.
    """
    from .first_runs import process_samples
    from .system import running

    terminal = terminal or Terminal()
    began = time.monotonic()
    try:
        with told_to_leave(), running(settings, terminal) as system:
            terminal.done()
            where_to_look(system, terminal, time.monotonic() - began)
            good = process_samples(system, terminal, everything=once)
            if once:
                return 0 if good else 1
            terminal.say("Press Ctrl-C to stop.")
            while True:
                system.check()
                time.sleep(TICK)
    except Leave:
        return 0
    except SettingsError as error:
        terminal.done()
        terminal.say(str(error), "red")
        return 2
    except OAError as error:
        terminal.done()
        terminal.say(str(error), "red")
        return 1
    finally:
        terminal.done()
        terminal.say("stopped")


@contextlib.contextmanager
def told_to_leave() -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal raise Leave, once: while things are being stopped they change nothing."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def leave(_number: int, _frame: object) -> None:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise Leave

    former = {each: signal.signal(each, leave) for each in signals}
    try:
        yield
    finally:
        for each, handler in former.items():
            signal.signal(each, handler)


def where_to_look(system: System, terminal: Terminal, seconds: float) -> None:
    """Tells where everything is."""
    settings = system.settings
    terminal.say(f"ready after {seconds:.0f} seconds", "bold")
    terminal.say(f"  Dagster's UI  {system.webserver.address}")
    terminal.say(f"  public site   http://{settings.web_host}:{settings.web_port}")
    terminal.say(f"  results       {settings.store_location}")
    terminal.say(f"  sources       {settings.sources or settings.home / 'samples'}")
    terminal.say(f"  logs          {settings.home / 'logs'}")
