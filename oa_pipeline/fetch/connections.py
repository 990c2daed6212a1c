"""Connections that check who is at the other end before a byte is sent, and do not wait for ever for an answer."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, ClassVar

import certifi
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from .guard import Guard

CONNECTIONS_PER_HOST = 8


@contextmanager
def ended_after(sock: socket.socket, seconds: float) -> Iterator[None]:
    """Breaks the connection when the block takes longer than `seconds`, then raises TimeoutError.

    A socket's own timeout begins anew with each byte, so a server that drips bytes never runs into it.
    """
    late = threading.Event()

    def end() -> None:
        late.set()
        with suppress(OSError):
            # The plain one: a TLS socket's own shutdown takes its state away from the thread that reads.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception:
        if late.is_set():
            raise TimeoutError(f"no whole answer within {seconds:,.0f} seconds") from None
        raise
    finally:
        timer.cancel()
    if late.is_set():
        raise TimeoutError(f"no whole answer within {seconds:,.0f} seconds")


class _Guarded(HTTPConnection):
    guard: ClassVar[Guard]

    def _new_conn(self) -> socket.socket:
        timeout = self.timeout if isinstance(self.timeout, int | float) else None
        try:
            return self.guard.connect(self._dns_host, self.port, timeout, self.socket_options or ())
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"{self.host} did not answer within {timeout} seconds") from error
        except OSError as error:
            raise NewConnectionError(self, f"{self.host}: {error.strerror or error}") from error

    def getresponse(self) -> Any:
        if self.sock is None or not isinstance(self.timeout, int | float):
            return super().getresponse()
        with ended_after(self.sock, float(self.timeout)):
            return super().getresponse()


class _GuardedTls(_Guarded, HTTPSConnection):
    pass


class _UnverifiedPool(HTTPSConnectionPool):
    def _validate_conn(self, conn: Any) -> None:
        # Connects as its parent does, without a warning a request: the run's notes say it once.
        if conn.is_closed:
            conn.connect()


def _verified() -> ssl.SSLContext:
    # What load_default_certs looks at; loading costs 30 ms and more, too much for each of thousands of transports.
    return _verified_context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@cache
def _verified_context(file: str | None, folder: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    return context


@cache
def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # A host that must be excused for its certificate often speaks an old TLS as well.
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.options |= 0x4  # OP_LEGACY_SERVER_CONNECT, which Python 3.11 has no name for
    return context


def pools(guard: Guard, *, verified: bool) -> PoolManager:
    """Pools of guarded connections. With `verified` false no certificate is checked."""
    plain = type("Plain", (_Guarded,), {"guard": guard})
    secret = type("Secret", (_GuardedTls,), {"guard": guard})
    manager = PoolManager(
        num_pools=32,
        maxsize=CONNECTIONS_PER_HOST,
        retries=False,
        ssl_context=_verified() if verified else _unverified(),
        **({} if verified else {"assert_hostname": False, "cert_reqs": "CERT_NONE"}),  # type: ignore[arg-type]
    )
    manager.pool_classes_by_scheme = {
        "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("SecretPool", (HTTPSConnectionPool if verified else _UnverifiedPool,), {"ConnectionCls": secret}),
    }
    return manager
