"""`oa worker`."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from ..settings import Settings
    from ..workers.ec2 import Instance
    from ..workers.signals import Told
    from ..workers.worker import Plan


SLOTS = 2


@click.command("worker")
@click.option("--slots", type=click.IntRange(1), default=None,
              help="Runs at once.  [default: 2; with --ec2 OA_EC2_SLOTS]")  # fmt: skip
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
@click.option("--ec2", is_flag=True, help="This is an instance of EC2: heed its notices, and end it once it idles.")
@click.option("--look", type=click.FloatRange(0.1), default=5.0, show_default=True,
              help="With --ec2: seconds between looks for notices.")  # fmt: skip
def worker(
    slots: int | None,
    module: str,
    preload: tuple[str, ...],
    drain: float,
    grace: float,
    beat: float,
    silent: float,
    recycle: int,
    ec2: bool,
    look: float,
) -> None:
    """Carry out the runs that Dagster launches, each in a child forked from a warm parent.

    The first SIGTERM or Ctrl-C drains: nothing more is taken, runs finish or are handed back. The second hands them
    back at once. The instance is that of DAGSTER_HOME, else the one that `oa up` has.

    With --ec2 it works in the Auto Scaling group OA_EC2_GROUP, or for the one run that the instance's tags name. A
    spot notice drains it; without work for OA_EC2_IDLE_SECONDS it ends its instance. Its log goes to the store.
    """
    from ..ledger.upgrade import upgrade
    from ..masked import log_to_console
    from ..orchestration.instance import instance_of
    from ..orchestration.storage import database_url
    from ..settings import Settings
    from ..workers.signals import told_to_end
    from ..workers.worker import Plan

    log_to_console()
    settings = Settings.from_env()
    plan = Plan(
        slots=slots or (settings.ec2_slots if ec2 else SLOTS),
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
            host = _instance_of_ec2(settings, instance, told, look, silent) if ec2 else None
            raise click.exceptions.Exit(_work(plan, url, instance, told, host))


def _work(plan: Plan, url: str, dagster: DagsterInstance, told: Told, host: Instance | None) -> int:
    """Works to the end; on an instance that turns out to be needed after all, again."""
    from ..ledger.engine import ledger_engine
    from ..workers.worker import Worker

    engine = ledger_engine(url)
    if host is None:
        return Worker(plan, engine, dagster).run(told)
    if host.only:
        plan = replace(plan, slots=1)
    while True:
        host.attend()
        status = Worker(plan, engine, dagster, host).run(told)
        host.dismiss()
        if status or not host.leaving or host.end(told):
            return status
        host.stay(told)


def _instance_of_ec2(settings: Settings, dagster: DagsterInstance, told: Told, look: float, silent: float) -> Instance:
    import logging
    from datetime import timedelta

    from ..aws.metadata import Metadata
    from ..errors import SettingsError
    from ..ledger.engine import ledger_engine
    from ..masked import FORMAT, Masked
    from ..orchestration.storage import database_url
    from ..publish.store import open_store
    from ..workers import ec2
    from ..workers.capacity import facts
    from ..workers.logs import ShippedLog

    terms = ec2.Terms(settings.ec2_group, settings.ec2_idle_seconds, settings.ec2_boot_seconds, look)
    metadata = Metadata(settings.ec2_metadata)
    os.environ.setdefault("AWS_DEFAULT_REGION", metadata.identity().region or "us-east-1")
    host = ec2.here(metadata, terms, told)
    if not host.only and not settings.ec2_group:
        raise SettingsError("this instance is for no single run", cure="set OA_EC2_GROUP to its Auto Scaling group")
    engine = ledger_engine(database_url())
    host.needed = lambda: facts.work(dagster, engine, timedelta(seconds=silent)).any
    path = settings.home.resolve() / "logs" / f"worker-{host.instance}-{os.getpid()}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(Masked(FORMAT))
    logging.getLogger().addHandler(handler)
    store = open_store(settings.store_location, endpoint=settings.s3_endpoint)
    host.log = ShippedLog(path, store, f"{host.instance}-{os.getpid()}")
    return host
