"""Files over ftp: whole or not at all, and data from nowhere but the server that was asked."""

# ruff: noqa: SIM117 - a server's block around a client's reads better than one of many lines

from __future__ import annotations

import ftplib
import io
import random
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from oa_pipeline.errors import FetchError, OverBudget, Refused, Truncated
from oa_pipeline.fetch import fetch, ftp
from oa_pipeline.fetch.download import Wish
from oa_pipeline.fetch.guard import Guard
from oa_pipeline.fetch.model import Budget, Fetched, Validators
from oa_pipeline.fetch.reply import Download
from oa_pipeline.sources.model import Protocol

from .ftp_server import FtpServer, Lies
from .wishes import HERE, SMALL, Clock, source, transport

DATA = random.Random(9).randbytes(300_000)
FILES = {"/gis/addresses.zip": DATA, "/empty.csv": b"", "/Straße 1.csv": b"a,b\n"}


def get(url: str, folder: Path, budget: Budget = SMALL, guard: Guard = HERE, **more: Any) -> Download:
    with transport(guard, budget, **more) as here:
        return ftp.download(here.client, here.patience(), Wish(url, folder / "cache", {}))


@pytest.mark.parametrize("protocol", [Protocol.FTP, Protocol.HTTP])
def test_a_file_is_fetched_anonymously_whatever_the_protocol_tag_says(protocol: Protocol, tmp_path: Path) -> None:
    with FtpServer(FILES) as server:
        got: Fetched = fetch(
            source(f"{server.url}/gis/addresses.zip", protocol), tmp_path / "work", budget=SMALL, guard=HERE
        )
    assert got.path == tmp_path / "work" / "cache.zip"
    assert (got.path.read_bytes(), got.size, got.file_name) == (DATA, len(DATA), "addresses.zip")
    assert got.validators == Validators(f'"{len(DATA)}-20240102030405"', "20240102030405")
    assert server.commands[:2] == ["USER anonymous", "PASS anonymous@"]


def test_user_and_password_come_from_the_address_and_are_never_shown(tmp_path: Path) -> None:
    with FtpServer(FILES, Lies(refuse_login=True, quote_password=True)) as server:
        with pytest.raises(FetchError, match="530") as failure:
            get(f"{server.url}/x.csv".replace("//", "//me:hunt%65r2@"), tmp_path)
    assert server.commands[:2] == ["USER me", "PASS hunter2"]
    shown = f"{failure.value} {failure.value!r} {failure.value.place} {failure.value.__cause__}"
    assert "hunter2" not in shown
    assert "hunt%65r2" not in shown
    assert not failure.value.retryable


def test_names_in_other_scripts_and_with_blanks_are_asked_for_as_they_are(tmp_path: Path) -> None:
    with FtpServer(FILES) as server:
        assert get(f"{server.url}/Stra%C3%9Fe%201.csv", tmp_path).path.read_bytes() == b"a,b\n"


@pytest.mark.parametrize("path", ["/x%0d%0aDELE%20y", "/x%00y"])
def test_a_path_cannot_hold_a_second_command(path: str, tmp_path: Path) -> None:
    with FtpServer(FILES) as server, pytest.raises(Refused):
        get(server.url + path, tmp_path)
    assert not any("DELE" in command for command in server.commands)


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with FtpServer(FILES) as server, pytest.raises(FetchError, match="folder"):
        get(f"{server.url}/gis/", tmp_path)
    assert server.commands == []


def test_a_missing_file_is_told_with_its_cure_and_not_asked_for_again(tmp_path: Path) -> None:
    with FtpServer(FILES) as server, pytest.raises(FetchError, match="550") as failure:
        get(f"{server.url}/gone.zip", tmp_path)
    assert "moved" in failure.value.cure
    assert server.commands.count("RETR /gone.zip") == 1


def test_an_empty_file_is_a_failure(tmp_path: Path) -> None:
    with FtpServer(FILES) as server, pytest.raises(FetchError, match="empty"):
        get(f"{server.url}/empty.csv", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_data_never_comes_from_another_host_than_the_one_asked(tmp_path: Path) -> None:
    """127.0.0.2 is another host; whoever listens there at the port named is not connected to."""
    with FtpServer(FILES, Lies(pasv_host="127.0.0.2")) as server:
        assert get(f"{server.url}/gis/addresses.zip", tmp_path).path.read_bytes() == DATA
    with socket.create_server(("127.0.0.2", 0)) as inside:
        inside.settimeout(0.05)
        lies = Lies(pasv_host="127.0.0.2", pasv_port=inside.getsockname()[1])
        with FtpServer(FILES, lies) as server, pytest.raises(FetchError):
            get(f"{server.url}/gis/addresses.zip", tmp_path, replace(SMALL, attempts=1))
        with pytest.raises(TimeoutError):
            inside.accept()


def test_data_never_comes_from_a_privileged_port(tmp_path: Path) -> None:
    with FtpServer(FILES, Lies(pasv_port=25)) as server, pytest.raises(Refused, match="port 25"):
        get(f"{server.url}/gis/addresses.zip", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_server_inside_is_refused_before_a_word_is_said(tmp_path: Path) -> None:
    with FtpServer(FILES) as server:
        guard = Guard(allowed_peers=frozenset({("127.0.0.9", server.port), ("localhost", server.port)}))
        with pytest.raises(Refused, match="not a public address"):
            get(f"ftp://localhost:{server.port}/gis/addresses.zip", tmp_path, guard=guard)
    assert server.commands == []


def test_a_broken_transfer_is_resumed_where_it_broke(tmp_path: Path) -> None:
    with FtpServer(FILES, Lies(cut_at=(100_000, 200_000))) as server:
        assert get(f"{server.url}/gis/addresses.zip", tmp_path).path.read_bytes() == DATA
    assert [c for c in server.commands if c.startswith("REST")] == ["REST 100000", "REST 200000"]


@pytest.mark.parametrize("lies", [Lies(no_mdtm=True), Lies(no_size=True)], ids=["no date", "no size"])
def test_what_cannot_safely_be_joined_is_fetched_again(lies: Lies, tmp_path: Path) -> None:
    lies.cut_at = (100_000,)
    with FtpServer(FILES, lies) as server:
        assert get(f"{server.url}/gis/addresses.zip", tmp_path).path.read_bytes() == DATA
    assert not any(c.startswith("REST") for c in server.commands)


def test_a_file_that_changed_in_between_is_fetched_again(tmp_path: Path) -> None:
    with FtpServer(FILES, Lies(cut_at=(100_000,) * 3)) as server, pytest.raises(Truncated):
        get(f"{server.url}/gis/addresses.zip", tmp_path)
    assert (tmp_path / "cache.part").stat().st_size == 100_000
    with FtpServer({"/gis/addresses.zip": DATA[::-1]}, stamp="20250102030405") as changed:
        changed_url = changed.url
        partial_memo = tmp_path / "cache.part.json"
        from oa_pipeline.fetch.partial import address_digest

        # The same address at another port: the memo is made to fit, the version is what must not.
        old, new = (address_digest(f"{url}/gis/addresses.zip") for url in (server.url, changed_url))
        partial_memo.write_text(partial_memo.read_text().replace(old, new))
        assert get(f"{changed_url}/gis/addresses.zip", tmp_path).path.read_bytes() == DATA[::-1]
    assert not any(c.startswith("REST") for c in changed.commands)


def test_a_transfer_that_always_breaks_is_never_taken_for_whole(tmp_path: Path) -> None:
    with FtpServer(FILES, Lies(cut_at=(100,) * 9, no_mdtm=True)) as server, pytest.raises(Truncated):
        get(f"{server.url}/gis/addresses.zip", tmp_path)
    assert server.transfers == SMALL.attempts
    assert list(tmp_path.iterdir()) == []


def test_without_a_size_only_the_servers_word_proves_the_end(tmp_path: Path) -> None:
    lies = Lies(no_size=True, goodbye=b"426 broken off\r\n")
    with FtpServer(FILES, lies) as server, pytest.raises(Truncated, match="complete"):
        get(f"{server.url}/gis/addresses.zip", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_hangs_after_the_data_does_not_hold_a_whole_file_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ftp, "GOODBYE_SECONDS", 0.2)
    with FtpServer(FILES, Lies(silent_after_data=True)) as server:
        assert get(f"{server.url}/gis/addresses.zip", tmp_path).path.read_bytes() == DATA


def test_a_busy_server_is_asked_again(tmp_path: Path) -> None:
    with FtpServer(FILES, Lies(busy_times=2)) as server:
        assert get(f"{server.url}/gis/addresses.zip", tmp_path).path.read_bytes() == DATA


def test_a_file_without_end_stops_at_the_budget_and_leaves_nothing(tmp_path: Path) -> None:
    with FtpServer(FILES, Lies(endless=True, no_size=True)) as server, pytest.raises(OverBudget):
        get(f"{server.url}/gis/addresses.zip", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_announced_too_large_is_not_begun(tmp_path: Path) -> None:
    with FtpServer(FILES) as server, pytest.raises(OverBudget):
        get(f"{server.url}/gis/addresses.zip", tmp_path, replace(SMALL, bytes=1000))
    assert server.transfers == 0


def test_a_transfer_that_takes_too_long_ends(tmp_path: Path) -> None:
    with FtpServer(FILES) as server, pytest.raises(OverBudget, match="longer"):
        get(f"{server.url}/gis/addresses.zip", tmp_path, replace(SMALL, seconds=60), clock=Clock(9))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("lies", "said"),
    [
        (Lies(banner=b"220-" + b"x" * 60 + b"\r\n"), "failed"),
        (Lies(banner=b"220-x\r\n" * 60_000), "no end"),
        (Lies(banner=b"220" + b"x" * 20_000), "more than"),
        (Lies(banner=b""), "failed"),
        (Lies(banner=b"\xff\xfe\r\n"), "answered"),
        (Lies(banner=b"220-", drip=b"x"), "failed"),
        (Lies(drip=b"220-x\r\n", banner=b""), "failed"),
    ],
    ids=["unfinished", "a flood", "a line without end", "silence", "nonsense", "a drip of letters", "a drip of lines"],
)
def test_a_greeting_that_never_ends_does_not_hold_the_connection(lies: Lies, said: str, tmp_path: Path) -> None:
    seconds = 0.3 if said == "failed" else SMALL.read_seconds  # only those are left for want of time
    with FtpServer(FILES, lies) as server, pytest.raises(FetchError, match=said):
        get(f"{server.url}/gis/addresses.zip", tmp_path, replace(SMALL, attempts=1, read_seconds=seconds))


def test_a_greeting_in_another_encoding_is_no_obstacle(tmp_path: Path) -> None:
    with FtpServer(FILES, Lies(banner="220-Gr\xfc\xdfe\r\n220 da\r\n".encode("latin-1"))) as server:
        assert get(f"{server.url}/gis/addresses.zip", tmp_path).path.read_bytes() == DATA


def test_the_fake_server_serves_a_client_that_is_not_ours() -> None:
    with FtpServer(FILES) as server, ftplib.FTP() as client:
        client.connect("127.0.0.1", server.port, timeout=60)
        client.login()
        held = io.BytesIO()
        client.retrbinary("RETR /gis/addresses.zip", held.write, rest=5)
        assert held.getvalue() == DATA[5:]
        assert client.size("/gis/addresses.zip") == len(DATA)
