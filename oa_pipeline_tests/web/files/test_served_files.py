"""Files as gunicorn serves them: in parts over one connection, whole, and to those who leave in the middle."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import socket
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from oa_pipeline_tests.ledger.life import declare, run

from ..conftest import Served
from ..filled import KEY, SOURCE, outputs
from ..served import PATIENCE, PATIENT

MIB = 1024 * 1024
SIZE = 24 * MIB
# The site as it is, but that a connection is kept open for whoever takes longer than two seconds to ask again.
KEEPING = (
    "-c",
    f"{PATIENT}from gunicorn.config import Keepalive; Keepalive.default = {PATIENCE}; "
    "from oa_pipeline.cli import main; main()",
)


@pytest.fixture
def site(serve: Callable[..., Served], engine: sa.Engine, tmp_path: Path) -> Served:
    run(engine, declare(engine, KEY), outputs=outputs("runs/1/", SOURCE))
    path = tmp_path / f"store/runs/1/{SOURCE}.zip"
    path.parent.mkdir(parents=True)
    path.write_bytes(hashlib.shake_128(b"seed").digest(SIZE))
    return serve(program=KEEPING)


def test_a_download_is_whole_in_parts_and_broken_off(site: Served) -> None:
    body = hashlib.shake_128(b"seed").digest(SIZE)
    connection = http.client.HTTPConnection(site.host, site.port, timeout=120)

    def ask(address: str, method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        connection.request(method, address, headers=headers)
        answer = connection.getresponse()
        return answer, answer.read()

    led, _ = ask(f"/latest/run/{SOURCE}.zip")
    address = led.headers["Location"]
    head, nothing = ask(address, "HEAD")
    assert (head.status, head.headers["Content-Length"], nothing) == (200, str(SIZE), b"")
    whole, received = ask(address)
    assert received == body
    assert "Transfer-Encoding" not in whole.headers
    part, received = ask(address, Range=f"bytes={MIB}-{3 * MIB - 1}")
    assert (part.status, received) == (206, body[MIB : 3 * MIB])
    last, received = ask(address, Range="bytes=-5", **{"If-Range": whole.headers["ETag"]})
    assert (last.status, received) == (206, body[-5:])
    assert ask(address, Range=f"bytes={SIZE}-")[0].status == 416
    assert ask(address, **{"If-None-Match": whole.headers["ETag"]})[0].status == 304
    connection.close()

    for _ in range(20):
        with socket.create_connection((site.host, site.port), 120) as leaving:
            leaving.sendall(f"GET {address} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert leaving.recv(100).startswith(b"HTTP/1.1 200")
    until = time.monotonic() + 120
    while held(site, "alameda.zip"):
        assert time.monotonic() < until, "files stay open after their readers have left"
        time.sleep(0.05)


def test_what_is_cut_off_while_it_is_sent_is_not_filled_up_with_the_next_answer(site: Served, tmp_path: Path) -> None:
    path = tmp_path / f"store/runs/1/{SOURCE}.zip"
    asked = f"GET /files/runs/1/{SOURCE}.zip HTTP/1.1\r\nHost: x\r\n\r\nGET /robots.txt HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect((site.host, site.port))
        reader.sendall(asked.encode())
        received = bytearray(reader.recv(1000))
        with path.open("r+b") as file:
            file.truncate(MIB)
        with contextlib.suppress(ConnectionResetError):
            while block := reader.recv(MIB):
                received += block

    assert received.startswith(b"HTTP/1.1 200")
    assert len(received) < SIZE
    assert b"Disallow" not in received


def held(site: Served, name: str) -> list[str]:
    """The files of this name that the site's processes have open."""
    found = []
    for process in psutil.Process(site.process.pid).children():
        with contextlib.suppress(FileNotFoundError):  # it has ended, and has none
            for number in Path(f"/proc/{process.pid}/fd").iterdir():
                with contextlib.suppress(OSError):  # closed meanwhile
                    if number.readlink().name == name:
                        found.append(name)
    return found
