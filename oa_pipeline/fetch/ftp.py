"""Files over ftp: passive, binary, data from the connected peer only, resumed after a broken connection."""

from __future__ import annotations

import ftplib
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any
from urllib.parse import unquote, urlsplit

from ..errors import FetchError, OAError, Refused, Truncated
from .client import Client
from .connections import ended_after
from .download import PROGRESS, RESTARTS, Wish
from .guard import Guard, Target
from .meter import Meter, Pace
from .model import Validators
from .partial import Partial
from .progress import Reporter
from .redact import place
from .reply import Download
from .retry import Patience

LONGEST_REPLY = 64 * 1024
GOODBYE_SECONDS = 20.0  # how long a server may take to say that a transfer is complete
FIRST_DATA_PORT = 1024
READ = 256 * 1024
_CURES = {
    "530": "the publisher wants a login; look for a public address",
    "550": "the file has moved or is gone; look for its new address on the publisher's page",
}


def download(client: Client, patience: Patience, wish: Wish) -> Download:
    """The file at `wish.to`; raises FetchError, and then leaves nothing but what a later try can resume."""
    restarts = 0
    with Partial(wish.to, wish.url).one_try() as partial:
        while True:
            before = partial.size
            try:
                return _once(client, wish, partial)
            except FetchError as error:
                if partial.size and not (partial.version and partial.version.condition):
                    restarts += 1
                    error.transient = error.transient and restarts <= RESTARTS
                patience.again(error, progress=partial.size - before >= PROGRESS)


def validators(client: Client, url: str) -> Validators:
    """What the server says of the file's size and date; empty where it says neither."""
    with _session(client, client.guard.target(url)) as session:
        return session.validators()[0]


def _once(client: Client, wish: Wish, partial: Partial) -> Download:
    began = client.meter.clock()
    target = client.guard.target(wish.url)
    with _session(client, target) as session:
        found, total = session.validators()
        held = partial.version
        if not (partial.size and held and held.condition and held.etag == found.etag):
            partial.begin(found.etag, "", total)
        if total is not None:
            client.meter.expect(total - partial.size)
        _stream(client.meter, session, partial, total, Reporter(wish.on_progress, client.meter.clock))
        if not partial.size:
            raise FetchError("the file is empty", cure="ask the publisher")
    return partial.downloaded(target.url, found, client.meter.clock() - began)


def _stream(meter: Meter, session: _Session, partial: Partial, total: int | None, reporter: Reporter) -> None:
    pace = Pace(meter)
    with session.data(partial.size) as pieces:
        for piece in pieces:
            meter.take(len(piece))
            partial.write(piece)
            pace.take(len(piece))
            reporter.at(partial.size, total)
    if total is not None and partial.size != total:
        raise Truncated(f"{partial.size:,} bytes came of {total:,}", transient=True)
    # A server that told the size may forget to say goodbye; of one that did not, only the goodbye proves the end.
    session.goodbye(needed=total is None)
    reporter.at(partial.size, total, end=True)


@contextmanager
def _session(client: Client, target: Target) -> Iterator[_Session]:
    """A logged-in session; whatever goes wrong within becomes a FetchError that names the place."""
    with ExitStack() as held:
        try:
            client.wait_for(target.host, held)
            client.meter.count_request()
            session = _Session(client.guard, client.meter, target)
            held.callback(session.close)
            session.enter()
            yield session
        except OAError as error:
            error.place = error.place or place(target.url)
            raise
        except ftplib.Error as error:
            raise _said(str(error) or str(error.__doc__), target) from None
        except (OSError, EOFError) as error:
            said = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            raise FetchError(
                f"the ftp connection failed: {said}", place=place(target.url), cure="try again later", transient=True
            ) from None


def _said(text: str, target: Target) -> FetchError:
    if target.password:
        text = text.replace(target.password, "***")
    code = text[:3]
    shown = "".join(c if c.isprintable() else " " for c in text[:200])
    transient = code.startswith("4")
    return FetchError(
        f"the ftp server answered {shown}",
        cure=_CURES.get(code, "try again later" if transient else "check the address"),
        place=place(target.url),
        transient=transient,
        status=int(code) if code.isascii() and code.isdigit() else None,
    )


class EndlessReply(ftplib.Error):
    """500 the reply has no end"""


class _Session(ftplib.FTP):
    """ftplib with our connections, bounded replies and nobody else's data addresses."""

    def __init__(self, guard: Guard, meter: Meter, target: Target) -> None:
        super().__init__()
        self._guard = guard
        self._meter = meter
        self._target = target
        self._reply_length = 0
        self.path = _path(target)

    def enter(self) -> None:
        """Connects and logs in."""
        budget, target = self._meter.budget, self._target
        self.timeout = self._meter.patience()
        self.sock: Any = self._guard.connect(target.host, target.port, budget.connect_seconds)
        self.sock.settimeout(self.timeout)
        self.af = self.sock.family
        # Banners come in every encoding there is.
        self.file: Any = self.sock.makefile("r", encoding="utf-8", errors="replace")
        with ended_after(self.sock, self._meter.patience()):
            self.welcome = self.getresp()
            self.login(_word(target.user) or "anonymous", _word(target.password))
            self.voidcmd("TYPE I")

    def getline(self) -> str:
        line = super().getline()
        self._reply_length += len(line)
        if self._reply_length > LONGEST_REPLY:
            raise EndlessReply
        return str(line)

    def getresp(self) -> str:
        self._reply_length = 0
        return str(super().getresp())

    def validators(self) -> tuple[Validators, int | None]:
        """Size and date as validators, and the size; both commands are optional for servers."""
        size, date = self._ask("SIZE"), self._ask("MDTM")
        total = int(size[:18]) if size.isascii() and size.isdigit() else None
        stamp = date[:14] if date[:14].isascii() and date[:14].isdigit() else ""
        etag = f'"{total}-{stamp}"' if total is not None and stamp else ""
        return Validators(etag, stamp), total

    def _ask(self, command: str) -> str:
        with suppress(ftplib.error_perm), ended_after(self.sock, self._meter.patience()):
            code, _, said = self.sendcmd(f"{command} {self.path}").partition(" ")
            return said.strip() if code == "213" else ""
        return ""

    def makepasv(self) -> tuple[str, int]:
        """The data address: the peer's own, whatever host the server names, and no privileged port."""
        _, port = super().makepasv()
        if port < FIRST_DATA_PORT:
            raise Refused(f"the ftp server wants to send data from port {port}", cure="tell the publisher")
        return self.sock.getpeername()[0], port

    @contextmanager
    def data(self, start: int) -> Iterator[Iterator[bytes]]:
        """The file's bytes from `start` on."""
        with ended_after(self.sock, self._meter.patience()):
            conn = self.transfercmd(f"RETR {self.path}", rest=start or None)
        with conn:
            yield self._received(conn)

    def _received(self, conn: socket.socket) -> Iterator[bytes]:
        while True:
            conn.settimeout(self._meter.patience())
            try:
                piece = conn.recv(READ)
            except TimeoutError:
                raise Truncated("the server stopped sending", cure="try again later", transient=True) from None
            except OSError as error:
                raise Truncated(f"the connection broke: {type(error).__name__}", transient=True) from error
            if not piece:
                return
            yield piece

    def goodbye(self, *, needed: bool) -> None:
        """The server's word that the transfer is complete. Where it is not `needed`, silence will do."""
        try:
            with ended_after(self.sock, min(GOODBYE_SECONDS, self._meter.patience())):
                self.voidresp()
        except (OSError, EOFError, ftplib.Error) as error:
            if needed:
                raise Truncated("the server did not say that the file is complete", transient=True) from error


def _path(target: Target) -> str:
    path = unquote(urlsplit(target.url, allow_fragments=False).path).partition(";type=")[0]
    if not path.strip("/") or path.endswith("/"):
        raise FetchError("the address names a folder, not a file", place=place(target.url), cure="name the file")
    return _word(path)


def _word(text: str) -> str:
    if any(c in text for c in "\r\n\0"):
        raise Refused("the ftp address holds a line break", cure="remove it")
    return text
