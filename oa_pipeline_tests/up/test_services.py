from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa
from alembic import command

from oa_pipeline.ledger.engine import ledger_engine
from oa_pipeline.ledger.tables import SCHEMA
from oa_pipeline.ledger.upgrade import configuration, newest_version
from oa_pipeline.settings import Settings
from oa_pipeline.up.services import Service, program, start
from oa_pipeline.up.system import ServiceDied, System, code_server, database, free, listening, upgraded

PATIENCE = 200.0  # seconds


def ended(folder: Path, program: str) -> Service:
    service = start("worker", [sys.executable, "-c", program], environment=os.environ, logs=folder, folder=folder)
    service.process.wait(PATIENCE)
    return service


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("os.kill(os.getpid(), 9)", "killed by SIGKILL"),
        ("os.kill(os.getpid(), 11)", "killed by SIGSEGV"),
        ("sys.exit(0)", "status 0"),
        ("sys.exit(3)", "status 3"),
        ("os._exit(250)", "status 250"),
    ],
    ids=["killed", "crashed", "done", "failed", "a large status"],
)
def test_it_is_told_how_a_service_ended(tmp_path: Path, end: str, told: str) -> None:
    assert ended(tmp_path, f"import os, sys; {end}").how_it_ended() == told


def test_a_service_that_was_killed_is_told_with_its_words_and_what_to_do(tmp_path: Path) -> None:
    service = ended(tmp_path, "import os; print('\\x1b[32mat work\\x1b[0m', flush=True); os.kill(os.getpid(), 9)")
    system = System(None, tmp_path / "dagster", None, None, services=[service])  # type: ignore[arg-type]
    with pytest.raises(ServiceDied) as died:
        system.check()
    first, words = str(died.value).splitlines()
    assert first.startswith("the worker ended by itself, killed by SIGKILL (start `oa up` again")
    assert str(tmp_path / "worker.log") in first
    assert words == "at work"


def test_what_a_killed_service_printed_is_still_there_when_the_next_has_started(tmp_path: Path) -> None:
    ended(tmp_path, "print('the first')")
    ended(tmp_path, "print('the second')")
    assert (tmp_path / "worker.log.1").read_text() == "the first\n"
    assert (tmp_path / "worker.log").read_text() == "the second\n"


def test_a_database_that_was_killed_is_noticed(home: Path) -> None:
    with database(Settings(home=home), home, str) as (_, server):
        system = System(None, home / "dagster", None, None, server)  # type: ignore[arg-type]
        system.check()
        assert server is not None
        server.process.kill()
        server.process.wait(PATIENCE)
        with pytest.raises(ServiceDied, match="the database ended by itself, killed by SIGKILL"):
            system.check()


def test_an_upgrade_of_what_was_there_is_told_and_nothing_else(empty_database: str) -> None:
    said: list[str] = []
    with ledger_engine(empty_database).connect() as connection:
        connection.execute(sa.schema.CreateSchema(SCHEMA))
        command.upgrade(configuration(connection), "0007")
        connection.commit()
    upgraded(empty_database, said.append)
    upgraded(empty_database, said.append)
    assert said == [f"the ledger was upgraded from 0007 to version {newest_version()}"]


def test_port_0_is_any_that_nobody_has() -> None:
    assert free(0) != 0


def test_the_code_server_is_one_process_so_that_its_end_is_seen(home: Path) -> None:
    (home / "nothing.py").write_text("from dagster import Definitions\n\ndefs = Definitions()\n")
    name, *rest = code_server(home / "code", "nothing")
    environment = {**os.environ, "PYTHONPATH": str(home), "DAGSTER_HOME": str(home)}
    service = start(name, [program(name), *rest], environment=environment, logs=home, folder=home)
    try:
        until = time.monotonic() + PATIENCE
        while not listening(home / "code") and service.alive and time.monotonic() < until:
            time.sleep(0.05)
        assert listening(home / "code"), service.last_words()
        (server,) = psutil.Process(service.process.pid).children(recursive=True)
        server.kill()
        service.process.wait(PATIENCE)
        assert service.how_it_ended() == "killed by SIGKILL"
    finally:
        service.stop()


def test_production_has_the_same_code_server() -> None:
    unit = Path(__file__).parents[2] / "deploy/cloud-init/units/oa-code.service"
    (line,) = [line for line in unit.read_text().splitlines() if line.startswith("ExecStart=")]
    assert line.removeprefix("ExecStart=/opt/oa/current/bin/").split() == [*code_server(Path("/run/oa/code.sock"))]
