"""The whole system on this machine, started in order and stopped in the reverse one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import OAError, SettingsError
from ..github.tarball import place_of
from ..ledger.engine import ledger_engine
from ..orchestration import embedded
from ..orchestration.instance import write_home
from ..settings import Settings
from .graphql import Webserver
from .leftovers import end_leftovers
from .services import Service, program, start
from .terminal import Terminal

if TYPE_CHECKING:
    from dagster import DagsterInstance

PATIENCE = 180.0  # seconds until a service must answer; a busy machine takes one
TICK = 0.2
SLOTS = 2  # runs at once
DRAIN_SECONDS = 3  # what is not done by then goes on at the next start
LONGEST_SOCKET_FOLDER = 90  # bytes; a socket's path may have about 107


class ServiceDied(OAError):  # noqa: N818
    """A service ended by itself. `words` are the last lines that it printed."""

    def __init__(self, message: str, *, cure: str, words: str = "") -> None:
        """`message` is one sentence, `cure` what to do."""
        super().__init__(message, cure=cure)
        self.words = words

    def __str__(self) -> str:
        """Message and cure on one line, the words below it."""
        return f"{super().__str__()}\n{self.words}".rstrip()


@dataclass(slots=True)
class System:
    """What runs."""

    settings: Settings  # with absolute paths, and the database's address
    home: Path  # DAGSTER_HOME
    instance: DagsterInstance
    webserver: Webserver
    database: Service | None = None  # where it is ours; it is stopped by who started it
    services: list[Service] = field(default_factory=list)

    def check(self) -> None:
        """Raises ServiceDied if one of the services, or our database, has ended."""
        for service in [self.database, *self.services] if self.database else self.services:
            if not service.alive:
                raise ServiceDied(
                    f"the {service.name} ended by itself, {service.how_it_ended()}",
                    cure=f"start `oa up` again, it goes on where it was; these lines are the end of {service.log}",
                    words=service.last_words(),
                )

    def wait_until(self, ready: Callable[[], bool], what: str) -> None:
        """Waits for something while all services live."""
        until = time.monotonic() + PATIENCE
        while not ready():
            self.check()
            if time.monotonic() > until:
                logs = self.home.parent / "logs"
                raise ServiceDied(f"{what} did not answer within {PATIENCE:g} seconds", cure=f"see {logs}")
            time.sleep(TICK)


@contextlib.contextmanager
def running(settings: Settings, terminal: Terminal) -> Iterator[System]:
    """The system, ready to take runs. Everything that was started is gone when the block ends, however it ends."""
    home = made(settings.home.resolve(), "OA_HOME")
    if "://" not in settings.store_location:
        made(Path(settings.store_location), "OA_STORE")  # now, so that `oa doctor` finds it before the first run
    with contextlib.ExitStack() as stack:
        stack.enter_context(only_one(home / "up.lock"))
        port, site_port = free(settings.ui_port), free(settings.web_port, "the public site", "OA_WEB_PORT")
        terminal.waiting("starting PostgreSQL")
        url, server = stack.enter_context(database(settings, home, terminal.say))
        code_socket = stack.enter_context(socket_folder(home)) / "code"
        dagster_home = home / "dagster"
        write_home(dagster_home, socket=code_socket, pull_request_slots=0)  # none reaches this machine
        environment = child_environment(settings, home, url, dagster_home) | {
            "OA_UI_PORT": str(port),
            "OA_WEB_PORT": str(site_port),
            "OA_GITHUB_SECRETS": ",".join(settings.github_secrets) or secret_of_its_own(home / "hook-secret"),
        }
        os.environ.update(environment)
        terminal.waiting("starting Dagster")
        (home / "logs").mkdir(exist_ok=True)
        instance = open_instance(dagster_home, stack)
        system = System(Settings.from_env(), dagster_home, instance, Webserver(port), server)
        stack.callback(stop_all, system, terminal)
        if ended := end_leftovers(system.instance, ledger_engine(url), code_socket):
            terminal.say(f"runs cut off when the last `oa up` was killed: {len(ended)}; they count as failed")
        launch(system, "code-server", *code_server(code_socket))
        yield finish(system, code_socket)


def code_server(at: Path, module: str = "oa_pipeline.definitions") -> tuple[str, ...]:
    """The command of Dagster's code server: one process, which lives until it is told to end.

    `dagster code-server start` would keep another below it that ends itself when the machine has slept, or its clock
    was set, and is never replaced: every sensor would fail from then on.
    """
    return ("dagster", "api", "grpc", "-m", module, "--location-name", "oa_pipeline", "--socket", str(at))


def finish(system: System, code_socket: Path) -> System:
    """Starts what needs the code server, once it is there."""
    system.wait_until(lambda: listening(code_socket), "the code server")
    workspace = str(system.home / "workspace.yaml")
    launch(system, "webserver", "dagster-webserver", "-h", "127.0.0.1", "-p", str(system.settings.ui_port),
           "-w", workspace)  # fmt: skip
    launch(system, "daemon", "dagster-daemon", "run", "-w", workspace)
    # Asked alone: what it does with the runs below it when it is told to end is its own business.
    launch(system, "site", "oa", "web")
    launch(system, "worker", "oa", "worker", "--slots", str(SLOTS), "--drain", str(DRAIN_SECONDS), alone=True)
    system.wait_until(system.webserver.ready, "Dagster's webserver")
    return system


def launch(system: System, name: str, *command: str, alone: bool = False) -> None:
    """Starts a program as a service; `alone`: only it is asked to end, not what runs below it."""
    logs = system.home.parent / "logs"
    full = [program(command[0]), *command[1:]]
    system.services.append(start(name, full, environment=os.environ, logs=logs, folder=system.home, alone=alone))


def stop_all(system: System, terminal: Terminal) -> None:
    """Stops the services, the last started first: no new runs, then no runs."""
    terminal.waiting("stopping")
    while system.services:
        system.services.pop().stop()


def open_instance(folder: Path, stack: contextlib.ExitStack) -> DagsterInstance:
    """Dagster's instance, whose tables are made now, before several processes would try at once."""
    from dagster import DagsterInstance

    return stack.enter_context(DagsterInstance.from_config(str(folder)))


@contextlib.contextmanager
def database(settings: Settings, home: Path, say: Callable[[str], None]) -> Iterator[tuple[str, Service | None]]:
    """The address of the database, with the ledger's schema up to date, and its server where that is ours.

    `say` hears of an upgrade of what was there before.
    """
    if settings.database_url:
        upgraded(settings.database_url, say)
        yield settings.database_url, None
        return
    server = embedded.start(home)
    try:
        upgraded(server.url, say)
        log = server.folder / "postgres.log"
        ours = Service("database", log, server.process) if server.process else None
        yield server.url, ours
    finally:
        server.stop()


def upgraded(url: str, say: Callable[[str], None]) -> None:
    """Brings the ledger up to date, and tells where an older one was."""
    from ..ledger.upgrade import upgrade

    done = upgrade(url)
    if done.before not in (None, done.after):
        say(str(done))


def child_environment(settings: Settings, home: Path, url: str, dagster_home: Path) -> dict[str, str]:
    """What the services get besides our own environment. The bundled samples are files of this machine."""
    environment = {
        "OA_HOME": str(home),
        "OA_DATABASE_URL": url,
        "OA_STORE": settings.store_location
        if "://" in settings.store
        else str(Path(settings.store_location).resolve()),
        "DAGSTER_HOME": str(dagster_home),
    }
    if settings.sources:
        is_path = place_of(settings.sources) is None
        environment["OA_SOURCES"] = str(Path(settings.sources).resolve()) if is_path else settings.sources
    else:
        environment["OA_ALLOW_LOCAL_SOURCES"] = "1"
    return environment


@contextlib.contextmanager
def socket_folder(home: Path) -> Iterator[Path]:
    """An empty private folder whose path is short enough for sockets: in the home, or else a temporary one."""
    folder = home / "sockets"
    if len(os.fsencode(folder)) > LONGEST_SOCKET_FOLDER:
        folder = Path(tempfile.mkdtemp(prefix="oa-up-"))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Raises SettingsError where another `oa up` has this home."""
    with path.open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(
                f"`oa up` already runs in {path.parent}", cure="stop that one, or set OA_HOME to another folder"
            ) from None
        yield


def made(folder: Path, setting: str) -> Path:
    """The folder, made where there is none. Raises SettingsError where that, or writing into it, is impossible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        why = "" if os.access(folder, os.W_OK | os.X_OK) else "it may not be written to"
    except FileExistsError:
        why = "it is a file"
    except OSError as error:
        why = str(error.strerror)
    if why:
        raise SettingsError(f"{folder} cannot be used: {why}", cure=f"let {setting} name another folder")
    return folder


def secret_of_its_own(path: Path) -> str:
    """A secret for the webhook where none is set, so that it is not open to everybody; kept for `oa hook replay`."""
    with contextlib.suppress(FileExistsError):
        path.touch(0o600, exist_ok=False)
        path.write_text(secrets.token_hex(20))
    return path.read_text().strip()


def free(port: int, what: str = "Dagster's UI", setting: str = "OA_UI_PORT") -> int:
    """The port itself, or any free one for 0. Raises SettingsError where somebody listens at it."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
            return int(trial.getsockname()[1])
        except OSError as error:
            raise SettingsError(
                f"port {port} cannot be used for {what}: {error.strerror}", cure=f"set {setting} to another one"
            ) from None


def listening(path: Path) -> bool:
    """Whether a server accepts connections at this socket."""
    with socket.socket(socket.AF_UNIX) as trial:
        try:
            trial.connect(str(path))
        except OSError:
            return False
    return True
