"""The database: reached, new enough, with both schemas, a clock like ours, and room for connections."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from .means import Means
from .verdicts import Check, Verdict, note, ok, warning, wrong

OLDEST_SERVER = 140_000
SKEW_SECONDS, BAD_SKEW_SECONDS = 2.0, 30.0
CROWDED = 0.8
LONG_SECONDS = 900.0


def reached(means: Means) -> Verdict:
    """Whether it answers, which it is, and whether it takes writes."""
    from ..ledger.soundness import server
    from ..ledger.urls import masked

    began = time.monotonic()
    found = server(means.engine)
    seconds = time.monotonic() - began
    where = masked(means.database_url)
    said = f"PostgreSQL {found['server_version']} at {where} answers in {seconds * 1000:.0f} ms"
    if found["read_only"]:
        cure = "name the primary in OA_DATABASE_URL; after a failover its address may have changed"
        return wrong(f"{where} takes no writes: it is a standby, or is switched to read only", cure)
    if found["version_number"] < OLDEST_SERVER:
        return wrong(f"{said}, which is too old", "use PostgreSQL 14 or newer")
    return ok(said)


def clock(means: Means) -> Verdict:
    """How far its clock is from ours: heartbeats and deadlines are judged by its own, schedules by ours."""
    from ..ledger.soundness import server

    before = datetime.now(UTC)
    theirs: datetime = server(means.engine)["clock"]
    after = datetime.now(UTC)
    skew = max((before - theirs).total_seconds(), (theirs - after).total_seconds(), 0.0)
    if skew > BAD_SKEW_SECONDS:
        return wrong(f"the database's clock is {skew:.0f} seconds from this machine's", "keep both right: chrony")
    if skew > SKEW_SECONDS:
        return warning(f"the database's clock is {skew:.1f} seconds from this machine's", "keep both right: chrony")
    return ok("the database's clock agrees with this machine's")


def ledger(means: Means) -> Verdict:
    """Whether schema `oa` is at the version of this code."""
    from ..ledger.soundness import ledger_version

    found, wanted, known = ledger_version(means.engine)
    if found == wanted:
        return ok(f"the ledger is at version {found}")
    if found is None:
        return wrong("there is no ledger: schema oa is missing", "run `oa db upgrade`")
    if not known:
        return wrong(
            f"the ledger is at version {found}, which is newer than this code ({wanted})",
            "install the release that upgraded it; the ledger never goes back",
        )
    return wrong(f"the ledger is at version {found}, and this code needs {wanted}", "run `oa db upgrade`")


def dagsters(means: Means) -> Verdict:
    """Whether Dagster's own tables are there, and at its version."""
    from ..ledger.soundness import dagster_version
    from ..orchestration.dagster_private import newest_storage_version

    found, wanted = dagster_version(means.engine), newest_storage_version()
    if found is None:
        return wrong("Dagster's tables are missing: schema public", "start its daemon or webserver, which make them")
    if found != wanted:
        cure = "stop daemon, webserver and workers, run `dagster instance migrate`, and start them again"
        return wrong(f"Dagster's tables are at version {found}, and the installed Dagster needs {wanted}", cure)
    return ok(f"Dagster's tables are at version {found}")


def connections(means: Means) -> Verdict:
    """Whether there are connections left for those who come."""
    from ..ledger.soundness import server

    found = server(means.engine)
    used, most = found["connections"], found["max_connections"]
    said = f"{used} of {most} connections are in use"
    if used > CROWDED * most:
        return warning(said, "a larger class of database has more; each worker has up to ten, the site eight a process")
    return ok(said)


def transactions(means: Means) -> Verdict:
    """Whether somebody holds a transaction open, behind which migrations and clean-ups wait."""
    from ..ledger.soundness import server

    seconds = server(means.engine)["oldest_transaction"]
    if seconds is None:
        return note("no transaction is open")
    if seconds > LONG_SECONDS:
        cure = "see pg_stat_activity for whose it is; pg_terminate_backend ends it"
        return warning(f"a transaction has been open for {seconds / 60:.0f} minutes", cure)
    return ok("no transaction is open for long")


REACHED = ("database.reached",)
CHECKS = (
    Check("database.reached", "does it answer and take writes", reached),
    Check("database.clock", "does its clock agree with ours", clock, REACHED),
    Check("database.ledger", "is the ledger at this code's version", ledger, REACHED),
    Check("database.dagster", "are Dagster's tables at its version", dagsters, REACHED),
    Check("database.connections", "are connections left", connections, REACHED),
    Check("database.transactions", "is no transaction open for long", transactions, REACHED),
)
