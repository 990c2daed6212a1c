"""What goes wrong at GitHub, on order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from oa_pipeline_tests.servers import Request, Response

Do = Callable[[], Response]


class Cut(Exception):  # noqa: N818
    """The connection is closed without an answer."""


@dataclass
class Fault:
    """Happens to the next `times` requests whose method and path match; `below`: the start of the path."""

    how: Callable[[Do], Response]
    times: int = 1
    method: str = ""
    below: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def happens(self, request: Request) -> bool:
        with self.lock:
            wanted = self.times > 0 and self.method in {"", request.method} and self.below in request.path
            self.times -= wanted
            return wanted


def status(code: int, message: str = "", **headers: str) -> Callable[[Do], Response]:
    """An answer of that status."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = f'{{"message": "{message or "Server Error"}"}}'.encode()
    return lambda _: Response(code, body, {"Content-Type": "application/json", **named})


def primary_limit(seconds: int = 60) -> Callable[[Do], Response]:
    """The hour's requests are used up."""

    def how(do: Do) -> Response:
        reset = str(int(time.time()) + seconds)
        said = "API rate limit exceeded for installation ID 1."
        return status(403, said, X_RateLimit_Limit="5000", X_RateLimit_Remaining="0", X_RateLimit_Reset=reset)(do)

    return how


def secondary_limit(seconds: int = 60, code: int = 403) -> Callable[[Do], Response]:
    """Too much at once."""
    said = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    return status(code, said, Retry_After=str(seconds))


def cut(_: Do) -> Response:
    """The connection is cut before anything is done."""
    raise Cut


def reply_lost(do: Do) -> Response:
    """It is done, and the connection is cut before we are told."""
    do()
    raise Cut
