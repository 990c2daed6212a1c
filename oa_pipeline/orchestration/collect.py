"""One build of the regional files from the snapshot of what is collected to what the public is sent to.

The runs to date are asked for once. The files are written below `collections/{build}/`, then become current together,
in one transaction; last, the zips are copied to the fixed keys that readers of the bucket have always known. Whatever
goes wrong before that transaction leaves all as it was.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..errors import OAError, PublishError
from ..ledger import builds, sets, snapshot
from .version import code_version
from .workplace import Workplace

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ..ledger.queries import Row
    from ..publish.collections.build import Built
    from ..publish.collections.snapshot import Snapshot
    from ..publish.store import Store

KIND = "collections"
FAILED_SHARE = 0.4  # of a set's data sources: then something is wrong with more than the publishers
GONE_SHARE = 0.2  # of what was collected before
GITHUB = "github:"

Say = Callable[[str], None]


class Doubtful(OAError):  # noqa: N818 - a fact
    """What would be collected looks wrong: what was published before is the better choice."""


class NotCopied(PublishError):  # noqa: N818 - a fact
    """The build is current, but readers of the bucket still find the former zips at the fixed keys."""


@dataclass(frozen=True, slots=True)
class Collection:
    """The files that are current after a build, or after finding that they would be the same."""

    build: int
    fingerprint: str
    files: Sequence[Row]
    facts: dict[str, Any]
    unchanged: bool = False


def collect(
    workplace: Workplace,
    *,
    say: Say,
    dagster_run_id: str = "",
    force: bool = False,
    now: Callable[[], datetime] | None = None,
) -> Collection:
    """Makes all regional files and publishes them, or finds that they are of the same results as the current ones.

    `force`: make them in any case. Raises Doubtful where that would be unwise, PublishError where it failed, and
    NotCopied where only the last step did.
    """
    moment = now or functools.partial(datetime.now, UTC)
    engine, store = workplace.ledger(), workplace.store()
    held = _snapshot(workplace, engine, moment())
    last = builds.last_published(engine, KIND)
    if not force:
        if last is not None and _same(engine, store, held, last):
            say(f"nothing has changed since build {last['id']}")
            _to_fixed_keys(engine, store, last["id"], last["facts"], say)
            return Collection(last["id"], held.fingerprint, builds.current_zips(engine), last["facts"], unchanged=True)
        if reason := _doubt(engine, len(held.sources), last):
            raise reason
    build = builds.begin_build(
        engine,
        KIND,
        run_ids=[source.run for source in held.sources],
        fingerprint=held.fingerprint,
        dagster_run_id=dagster_run_id,
        now=held.taken_at,
    )
    say(f"build {build}: {len(held.sources):,} data sources")
    try:
        facts = _publish(workplace, engine, store, build, held, say, moment)
    except BaseException as error:
        _give_up(engine, store, build, error, moment())
        raise
    _to_fixed_keys(engine, store, build, facts, say)
    return Collection(build, held.fingerprint, builds.current_zips(engine), facts)


def doubt(engine: sa.Engine) -> Doubtful | None:
    """Why collections should not be made now; None where nothing speaks against it."""
    failing = _failing_set(engine)
    return failing or _doubt(engine, len(snapshot.runs_to_date(engine)), builds.last_published(engine, KIND))


def _doubt(engine: sa.Engine, sources: int, last: Row | None) -> Doubtful | None:
    before = last["facts"].get("sources", 0) if last is not None else 0
    if not sources:
        return Doubtful("no data source has a result to be collected", cure="process some, then make them")
    if sources < before * (1 - GONE_SHARE):
        return Doubtful(
            f"{sources:,} data sources are left of the {before:,} collected before",
            cure="see whether the source repository is whole; `force` in the launchpad makes them all the same",
        )
    return _failing_set(engine)


def _failing_set(engine: sa.Engine) -> Doubtful | None:
    """The doubt that the newest set of the whole repository casts, where too much of it failed."""
    whole = [row for row in sets.ended_after(engine, 0) if not row["only"]]
    counts = whole[-1]["counts"] if whole else {}
    failed, members = counts.get("failed", 0), counts.get("members", 0)
    if not failed or failed < members * FAILED_SHARE:
        return None
    number = whole[-1]["id"]
    worst = [f"{row['host'] or 'no host'} ({row['failed']} of {row['ended']})" for row in sets.hosts(engine, number)]
    return Doubtful(
        f"{failed:,} of the {members:,} data sources of set {number} failed, most at {', '.join(worst[:5])}",
        cure="find out whether it is the publishers or us; `force` in the launchpad makes them all the same",
    )


def _snapshot(workplace: Workplace, engine: sa.Engine, moment: datetime) -> Snapshot:
    from ..publish.collections.snapshot import taken

    rows = snapshot.runs_to_date(engine)
    newest = sets.newest(engine)
    commit = newest["commit_sha"] if newest is not None else ""
    if not commit and rows:
        commit = max(rows, key=lambda row: int(row["id"]))["commit_sha"]
    sources = workplace.settings.sources
    repository = sources.removeprefix(GITHUB) if sources.startswith(GITHUB) else ""
    return taken(rows, taken_at=moment, repository=repository, commit=commit, code=code_version())


def _same(engine: sa.Engine, store: Store, held: Snapshot, last: Row) -> bool:
    """Whether the current files are of these results, all of them, and still there."""
    return (
        last["fingerprint"] == held.fingerprint
        and not last["facts"].get("left_out")
        and all(store.exists(row["key"]) for row in builds.current_zips(engine))
    )


def _publish(
    workplace: Workplace,
    engine: sa.Engine,
    store: Store,
    build: int,
    held: Snapshot,
    say: Say,
    moment: Callable[[], datetime],
) -> dict[str, Any]:
    from ..publish.collections.build import build as build_all

    with workplace.folder(KIND, build) as folder:
        built = build_all(store, f"{KIND}/{build}/", held, folder.path, say=say)
    files = [
        builds.Zip(
            area=made.area,
            licence=made.licence,
            layer=made.layer,
            form=made.form,
            key=made.stored.key,
            size=made.stored.size,
            sha256=made.stored.sha256,
            rows=made.rows,
            sources=made.sources,
        )
        for made in built.made
    ]
    facts = _facts(held, built)
    builds.publish_zips(engine, build, files, facts, now=moment())
    say(f"build {build} is current: {len(files)} files")
    return facts


def _facts(held: Snapshot, built: Built) -> dict[str, Any]:
    return {
        "sources": len(held.sources),
        "files": len(built.made),
        "rows": sum(made.rows for made in built.made if (made.area, made.form) == ("global", "parquet")),
        "bytes": sum(made.stored.size for made in built.made),
        "zip_bytes_read": built.bytes_read,
        "zip_seconds": round(built.zip_seconds, 3),
        "seconds": round(built.seconds, 3),
        "commit": held.commit,
        "left_out": [left.as_json() for left in built.left_out],
    }


def _give_up(engine: sa.Engine, store: Store, build: int, error: BaseException, now: datetime) -> None:
    """Notes why the build failed, and removes what it has written; what cannot be now is left to the next pruning."""
    said = str(error) if isinstance(error, OAError) else f"{type(error).__name__}: {error}"
    with contextlib.suppress(OAError):
        builds.fail_build(engine, build, said, now=now)
    with contextlib.suppress(OAError):
        current = {row["build_id"] for row in builds.current_zips(engine)}
        if build not in current:  # else it was published, and only the answer was lost
            store.delete_prefix(f"{KIND}/{build}/")


def _to_fixed_keys(engine: sa.Engine, store: Store, build: int, facts: dict[str, Any], say: Say) -> None:
    """Copies the current zips to where readers of the bucket find them, unless that was done, and removes others."""
    from ..publish.collections.regions import AREAS, LICENCES, file_name

    if facts.get("at_fixed_keys"):
        return
    try:
        zips = {(r["area"], r["licence"]): r["key"] for r in builds.current_zips(engine) if r["form"] == "zip"}
        for area, licence in zips:
            store.copy(zips[area, licence], file_name(area, licence))
        store.delete([file_name(a, x) for a in AREAS for x in LICENCES if (a, x) not in zips])
        builds.add_facts(engine, build, {"at_fixed_keys": True})
    except OAError as error:
        raise NotCopied(
            f"build {build} is current, but its zips are not all at their fixed keys: {error}",
            cure="the next run only copies them",
        ) from error
    facts["at_fixed_keys"] = True
    say(f"{len(zips)} zips are at their fixed keys")
