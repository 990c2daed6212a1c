"""`oa capacity`."""

from __future__ import annotations

import click


@click.command("capacity")
@click.option("--once", is_flag=True, help="One round, then end.")
@click.option("--every", type=click.FloatRange(0.2), default=30.0, show_default=True, help="Seconds between rounds.")
@click.option("--silent", type=click.FloatRange(0.3), default=60.0, show_default=True,
              help="Seconds after which a silent worker is none; as in dagster.yaml.")  # fmt: skip
@click.option("--nobody", type=click.FloatRange(0), default=600.0, show_default=True,
              help="Seconds that runs may wait without any worker before operators are told.")  # fmt: skip
def capacity(once: bool, every: float, silent: float, nobody: float) -> None:
    """Keep the pool of EC2 workers as big as the work: metrics, size, instances of single runs, notices.

    It does what the settings OA_EC2_GROUP, OA_EC2_LAUNCH_TEMPLATE, OA_CLOUDWATCH_NAMESPACE and OA_SNS_TOPIC ask for.
    Several may run; one is in charge. Ends at SIGTERM or Ctrl-C. With --once, the exit status is 1 where another is in
    charge or the ledger cannot be asked.
    """
    from ..ledger.engine import ledger_engine
    from ..masked import log_to_console
    from ..orchestration.instance import instance_of
    from ..orchestration.storage import database_url
    from ..settings import Settings
    from ..workers.capacity.loop import Loop, Pace
    from ..workers.signals import told_to_end

    log_to_console()
    settings = Settings.from_env()
    with told_to_end() as told, instance_of(settings) as instance:
        loop = Loop(settings, ledger_engine(database_url()), instance, Pace(every, silent, nobody))
        if once:
            raise click.exceptions.Exit(0 if loop.round() else 1)
        loop.run(told)
