"""`oa worker`."""

from __future__ import annotations

import os
from pathlib import Path

import click


@click.command("worker")
@click.option("--slots", type=click.IntRange(1), default=2, show_default=True, help="Runs at once.")
@click.option("--module", "-m", default="oa_pipeline.definitions", show_default=True, help="Dagster's code location.")
@click.option("--preload", multiple=True, help="A library that runs need and the module does not import. Repeatable.")
@click.option("--drain", type=click.FloatRange(0), default=90.0, show_default=True,
              help="Seconds that runs have to finish once the worker is told to end.")  # fmt: skip
@click.option("--grace", type=click.FloatRange(0), default=30.0, show_default=True,
              help="Seconds between interrupting a cancelled run and killing it.")  # fmt: skip
@click.option("--beat", type=click.FloatRange(0.1), default=20.0, show_default=True, help="Seconds between heartbeats.")
@click.option("--silent", type=click.FloatRange(0.3), default=60.0, show_default=True,
              help="Seconds after which a silent worker is lost; as in dagster.yaml.")  # fmt: skip
@click.option("--recycle", type=click.IntRange(1), default=500, show_default=True,
              help="Runs forked from one warm parent before it is replaced.")  # fmt: skip
def worker(
    slots: int,
    module: str,
    preload: tuple[str, ...],
    drain: float,
    grace: float,
    beat: float,
    silent: float,
    recycle: int,
) -> None:
    """Carry out the runs that Dagster launches, each in a child forked from a warm parent.

    The first SIGTERM or Ctrl-C drains: nothing more is taken, runs finish or are handed back. The second hands them
    back at once. The instance is that of DAGSTER_HOME, else the one that `oa up` has.
    """
    import logging

    from ..ledger.engine import ledger_engine
    from ..ledger.upgrade import upgrade
    from ..orchestration.instance import instance_of
    from ..orchestration.storage import database_url
    from ..settings import Settings
    from ..workers.signals import told_to_end
    from ..workers.worker import Plan, Worker

    settings = Settings.from_env()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    plan = Plan(
        slots=slots,
        module=module,
        preload=preload,
        beat=beat,
        silent=silent,
        drain=drain,
        grace=grace,
        recycle=recycle,
        folder=settings.home.resolve() if settings.home.exists() else Path(),
        least_free_mib=settings.least_free_mib,
    )
    with told_to_end() as told:
        url = database_url()
        upgrade(url)
        with instance_of(settings) as instance:
            os.environ.setdefault("DAGSTER_HOME", str(settings.home.resolve() / "dagster"))  # for those we start
            raise click.exceptions.Exit(Worker(plan, ledger_engine(url), instance).run(told))
