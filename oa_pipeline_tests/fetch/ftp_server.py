"""A small real ftp server on 127.0.0.1, honest unless told to lie."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

WAIT = 60.0


@dataclass
class Lies:
    """What the server does wrong. The default is nothing."""

    banner: bytes = b"220 hello\r\n"
    drip: bytes = b""  # sent again and again after the banner, a little at a time
    pasv_host: str = ""  # another host in the answer to PASV
    pasv_port: int = 0  # another port
    cut_at: tuple[int, ...] = ()  # how many bytes the first, second ... transfer sends before it breaks off
    no_size: bool = False
    no_mdtm: bool = False
    silent_after_data: bool = False
    endless: bool = False  # sends the file for ever
    refuse_login: bool = False
    busy_times: int = 0  # how many connections are turned away at first
    quote_password: bool = False
    goodbye: bytes = b"226 done\r\n"


@dataclass
class FtpServer:
    """Serves `files` by path. `commands` is everything that was asked, in order."""

    files: Mapping[str, bytes]
    lies: Lies = field(default_factory=Lies)
    stamp: str = "20240102030405"
    commands: list[str] = field(default_factory=list)
    transfers: int = 0

    def __enter__(self) -> FtpServer:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(0.05)
        self.port = self._listening.getsockname()[1]
        self._stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._threads[0].join()  # from now on nobody comes whom nobody would send away
        for conn in list(self._open):
            with suppress(OSError):
                conn.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(WAIT)
        self._listening.close()

    @property
    def url(self) -> str:
        return f"ftp://127.0.0.1:{self.port}"

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                conn, _ = self._listening.accept()
            except TimeoutError:
                continue
            self._open.add(conn)
            thread = threading.Thread(target=self._serve, args=(conn,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, conn: socket.socket) -> None:
        conn.settimeout(WAIT)
        with conn, suppress(OSError):
            if self.lies.busy_times > 0:
                self.lies.busy_times -= 1
                conn.sendall(b"421 too many connections\r\n")
                return
            session = _Session(self, conn)
            try:
                session.run()
            finally:
                session.close()
        self._open.discard(conn)


class _Session:
    def __init__(self, server: FtpServer, conn: socket.socket) -> None:
        self.server = server
        self.conn = conn
        self.start = 0
        self.data: socket.socket | None = None

    def run(self) -> None:
        self.conn.sendall(self.server.lies.banner)
        while self.server.lies.drip:
            self.conn.sendall(self.server.lies.drip)
            time.sleep(0.05)
        for line in self.conn.makefile("r", encoding="utf-8", newline="\r\n"):
            command, _, argument = line.rstrip("\r\n").partition(" ")
            self.server.commands.append(f"{command} {argument}".strip())
            act = _ACTS.get(command.upper())
            if act is None:
                self.say("502 not here")
            elif act(self, argument):
                return

    def close(self) -> None:
        if self.data:
            self.data.close()

    def quit(self, _: str) -> bool:
        self.say("221 bye")
        return True

    def say(self, text: str) -> None:
        self.conn.sendall(f"{text}\r\n".encode())

    def user(self, _: str) -> None:
        self.say("331 and the password")

    def password(self, word: str) -> None:
        quoted = f" with {word}" if self.server.lies.quote_password else ""
        self.say(f"530 not you{quoted}" if self.server.lies.refuse_login else "230 come in")

    def mode(self, _: str) -> None:
        self.say("200 fine")

    def size(self, path: str) -> None:
        held = self.server.files.get(path)
        if held is None:
            self.say("550 no such file")
        else:
            self.say("502 not here" if self.server.lies.no_size else f"213 {len(held)}")

    def date(self, path: str) -> None:
        known = path in self.server.files and not self.server.lies.no_mdtm
        self.say(f"213 {self.server.stamp}" if known else "550 no")

    def passive(self, _: str) -> None:
        self.close()
        self.data = socket.create_server(("127.0.0.1", 0))
        self.data.settimeout(WAIT)
        port = self.server.lies.pasv_port or self.data.getsockname()[1]
        host = (self.server.lies.pasv_host or "127.0.0.1").replace(".", ",")
        self.say(f"227 Entering Passive Mode ({host},{port // 256},{port % 256})")

    def rest(self, start: str) -> None:
        self.start = int(start)
        self.say("350 from there")

    def send(self, path: str) -> bool:
        server, lies = self.server, self.server.lies
        held = server.files.get(path)
        if held is None or self.data is None:
            self.say("550 no such file")
            return False
        self.say("150 here it comes")
        number, server.transfers = server.transfers, server.transfers + 1
        end = lies.cut_at[number] if number < len(lies.cut_at) else len(held)
        with self.data, self.data.accept()[0] as conn:
            conn.sendall(held[self.start : end])
            while lies.endless:
                conn.sendall(held)
        if end < len(held):
            return True
        if lies.silent_after_data:
            with suppress(OSError):
                self.conn.recv(1)
            return True
        self.conn.sendall(lies.goodbye)
        return False


_ACTS: Mapping[str, Callable[[_Session, str], bool | None]] = {
    "USER": _Session.user,
    "PASS": _Session.password,
    "TYPE": _Session.mode,
    "SIZE": _Session.size,
    "MDTM": _Session.date,
    "PASV": _Session.passive,
    "REST": _Session.rest,
    "RETR": _Session.send,
    "QUIT": _Session.quit,
}
