"""file: addresses, for whoever tries out a source on their own machine. Off unless local sources are allowed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

from ..errors import FetchError, Refused, Truncated
from .client import Client
from .download import Wish
from .model import Validators
from .partial import Partial
from .progress import Reporter
from .redact import place
from .reply import Download
from .retry import Patience

READ = 1024 * 1024


def local_path(url: str) -> Path:
    """The absolute path that a file: address names. Blanks may be written as such or as %20."""
    rest = url.strip()[len("file:") :]
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        if host.lower() not in {"", "localhost"}:
            raise Refused("a file address may not name another machine", place=place(url), cure="use file:///path")
        rest = slash + path
    path = unquote(rest)
    if not path.startswith("/") or "\0" in path:
        raise Refused("a file address needs an absolute path", place=place(url), cure="use file:///path")
    return Path(path)


def download(client: Client, patience: Patience, wish: Wish) -> Download:
    """A copy at `wish.to`, never a link: what is converted later must not change underneath."""
    with Partial(wish.to, wish.url).one_try() as partial:
        return _copied(client, wish, partial)


def validators(client: Client, url: str) -> Validators:
    """Size and time of the file."""
    with _opened(client, url) as file:
        return _validators(os.fstat(file.fileno()))


def _validators(held: os.stat_result) -> Validators:
    return Validators(f'"{held.st_size}-{held.st_mtime_ns}"', formatdate(held.st_mtime, usegmt=True))


@contextmanager
def _opened(client: Client, url: str) -> Iterator[BinaryIO]:
    if not client.guard.allow_local:
        raise Refused(
            "local files are not fetched",
            place=place(url),
            cure="publish the data; on a machine of your own set OA_ALLOW_LOCAL_SOURCES=1 or give --allow-local",
        )
    path = local_path(url)
    try:
        # Opening a pipe would wait for its writer; nothing but a regular file is read.
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or "no such file"
        raise FetchError(f"the file cannot be read: {said}", place=place(url), cure="check the path") from error
    with ExitStack() as held:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            held.callback(os.close, number)
            raise FetchError("this is not a regular file", place=place(url), cure="name a file")
        yield held.enter_context(os.fdopen(number, "rb", buffering=0))


def _copied(client: Client, wish: Wish, partial: Partial) -> Download:
    meter = client.meter
    began = meter.clock()
    reporter = Reporter(wish.on_progress, meter.clock)
    with _opened(client, wish.url) as file:
        held = os.fstat(file.fileno())
        if not held.st_size:
            raise FetchError("the file is empty", place=place(wish.url), cure="check the file")
        meter.count_request()
        meter.expect(held.st_size)
        partial.begin(total=held.st_size)
        while piece := file.read(READ):
            meter.take(len(piece))
            partial.write(piece)
            reporter.at(partial.size, held.st_size)
        after = os.fstat(file.fileno())
    if partial.size != held.st_size or after.st_mtime_ns != held.st_mtime_ns:
        raise Truncated("the file changed while it was copied", place=place(wish.url), transient=True)
    reporter.at(partial.size, partial.size, end=True)
    return partial.downloaded(wish.url, _validators(held), meter.clock() - began)
