from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import psycopg2
import pytest

from oa_pipeline.errors import SettingsError
from oa_pipeline.orchestration import embedded
from oa_pipeline.orchestration.accounts import reachable
from oa_pipeline_tests.processes import signalled


def ask(url: str, question: str) -> object:
    connection = psycopg2.connect(url.replace("+psycopg2", ""))
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(question)
            return cursor.fetchone()[0] if cursor.description else None
    finally:
        connection.close()


def servers(place: Path) -> list[int]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if str(place / "data") in (process.info["cmdline"] or []):
            found.append(process.pid)
    return found


def gone(place: Path, seconds: float = 120) -> bool:
    until = time.monotonic() + seconds
    while servers(place) and time.monotonic() < until:
        time.sleep(0.05)
    return not servers(place)


def test_what_was_written_is_there_at_the_next_start(home: Path) -> None:
    first = embedded.start(home)
    ask(first.url, "CREATE TABLE t AS SELECT 7 AS n")
    assert ask(first.url, "SHOW listen_addresses") == ""
    other = embedded.start(home)
    assert other.process is None
    assert other.url == first.url
    other.stop()
    assert ask(first.url, "SELECT n FROM t") == 7
    first.stop()
    assert embedded.find(home) is None
    second = embedded.start(home)
    assert ask(second.url, "SELECT n FROM t") == 7
    second.stop()
    assert gone(second.folder)


def test_a_home_that_was_moved_keeps_its_database_and_a_copy_has_its_own(home: Path) -> None:
    first = embedded.start(home / "first")
    ask(first.url, "CREATE TABLE t AS SELECT 7 AS n")
    first.stop()
    (home / "first").rename(home / "moved")
    subprocess.run(["cp", "-a", home / "moved", home / "copy"], check=True)
    for name in ("moved", "copy"):
        server = embedded.start(home / name)
        assert server.folder == home / name / "postgres"
        assert ask(server.url, "SELECT n FROM t") == 7
        server.stop()
    assert not (home / "first").exists()


@pytest.mark.parametrize("others_number", [False, True], ids=["plain", "another process has its number"])
def test_a_crash_is_survived(home: Path, others_number: bool) -> None:
    first = embedded.start(home)
    ask(first.url, "CREATE TABLE t AS SELECT 7 AS n")
    assert first.process is not None
    first.process.kill()
    first.process.wait()
    note = first.folder / "data/postmaster.pid"
    if others_number:
        note.write_text(note.read_text().replace(str(first.process.pid), str(os.getpid()), 1))
    second = embedded.start(home)
    assert ask(second.url, "SELECT n FROM t") == 7
    second.stop()


def test_the_last_processes_of_a_killed_server_are_waited_for(home: Path) -> None:
    first = embedded.start(home)
    ask(first.url, "CREATE TABLE t AS SELECT 7 AS n")
    assert first.process is not None
    children = psutil.Process(first.process.pid).children()
    below = signalled(children, signal.SIGSTOP)  # they do not notice yet that their server is gone
    assert below
    first.process.kill()
    first.process.wait()
    noticing = threading.Timer(0.5, signalled, (below, signal.SIGCONT))
    noticing.start()
    second = embedded.start(home)
    noticing.join()
    assert ask(second.url, "SELECT n FROM t") == 7
    second.stop()


def test_another_servers_port_in_the_environment_is_not_this_ones(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "5999")
    server = embedded.start(home)
    assert ask(server.url, "SELECT 1") == 1
    found = embedded.find(home)
    assert found is not None
    assert found.url == server.url
    server.stop()


def test_an_interrupted_set_up_is_done_again(home: Path) -> None:
    place = home / "postgres"
    (place / "data.partial").mkdir(parents=True)
    (place / "data.partial/half").write_text("of it")
    server = embedded.start(home)
    assert ask(server.url, "SELECT 1") == 1
    server.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_a_killed_owner_takes_the_server_along(home: Path) -> None:
    code = (
        "import sys, time, pathlib; from oa_pipeline.orchestration import embedded; "
        "print(embedded.start(pathlib.Path(sys.argv[1])).folder, flush=True); time.sleep(600)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code, home], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    with owner.stdout as out:
        place = Path(out.readline().strip())
    assert servers(place)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert gone(place)


def test_a_long_path_still_has_a_socket(home: Path) -> None:
    server = embedded.start(home / ("long" * 25))
    assert ask(server.url, "SELECT 1") == 1
    sockets = server.socket_folder
    assert sockets is not None
    assert sockets.stat().st_mode & 0o077 == 0
    server.stop()
    assert not sockets.exists()


def test_a_server_that_cannot_start_says_why(home: Path) -> None:
    with pytest.raises(SettingsError, match="no_such_setting"):
        embedded.start(home, options=["no_such_setting=1"])
    assert gone(home / "postgres")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another account for the server")
def test_roots_private_folders_stay_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "PUBLIC_PLACE", Path("/var/tmp") / f"oa-test-{os.getpid()}")
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    assert not reachable(private / "home")
    server = embedded.start(private / "home")
    try:
        assert private.stat().st_mode & 0o777 == 0o700
        assert server.folder.is_relative_to(embedded.PUBLIC_PLACE)
        assert server.folder.stat().st_mode & 0o777 == 0o700
        assert ask(server.url, "SELECT 1") == 1
        found = embedded.find(private / "home")
        assert found is not None
        assert found.url == server.url
    finally:
        server.stop()
        shutil.rmtree(embedded.PUBLIC_PLACE)
