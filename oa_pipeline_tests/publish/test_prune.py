"""Pruning a store and its ledger, on a folder and on S3."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
import sqlalchemy as sa

from oa_pipeline.errors import PublishError
from oa_pipeline.ledger import builds
from oa_pipeline.ledger.tables import RunStatus, partitions, runs
from oa_pipeline.publish.prune import Pruned, Share, Wish, lines, prune
from oa_pipeline.publish.store import Store
from oa_pipeline_tests.ledger.life import declare, propose, run

DAY = timedelta(days=1)
NOW = datetime.now(UTC)
LATER = NOW + 200 * DAY
A = "us/ca/a/addresses/city"
OLD = "neither young nor its month's last good result"


def put(store: Store, key: str, data: bytes = b"12345") -> None:
    with store.writer(key, content_type="text/plain") as out:
        out.write(data)


def keys(store: Store) -> set[str]:
    return {found.key for found in store.list()}


def a_run(engine: sa.Engine, store: Store, at: datetime, key: str = A) -> int:
    """A good run with two objects."""
    with engine.connect() as connection:
        number = 1 + (connection.scalar(sa.select(sa.func.max(runs.c.id))) or 0)
    prefix = f"{'pr' if key[0].isdigit() else 'runs'}/{number}/"
    put(store, f"{prefix}a.zip")
    put(store, f"{prefix}output.txt")
    outputs = {"csv": {"key": f"{prefix}a.zip", "size": 5}, "log": {"key": f"{prefix}output.txt", "size": 5}}
    assert run(engine, key, at=at, prefix=prefix, outputs=outputs) == number
    return number


def go(engine: sa.Engine, store: Store, now: datetime = NOW, *, dry: bool = False, orphans: bool = False) -> Pruned:
    return prune(engine, store, Wish(90 * DAY, dry=dry, orphans=orphans), now=now)


def three_runs(engine: sa.Engine, store: Store) -> None:
    """The first may go: the second is its month's last, the third the latest."""
    declare(engine, A)
    month = (NOW - 200 * DAY).replace(day=10)
    a_run(engine, store, month)
    a_run(engine, store, month + 3 * DAY)
    a_run(engine, store, NOW - DAY)


KEPT = {"runs/2/a.zip", "runs/2/output.txt", "runs/3/a.zip", "runs/3/output.txt"}


def test_old_results_go_and_their_rows_stay(engine: sa.Engine, store: Store) -> None:
    three_runs(engine, store)
    dry = go(engine, store, dry=True)
    assert len(keys(store)) == 6
    done = go(engine, store)
    assert dry.results == done.results == {OLD: Share(1, 10)}
    assert keys(store) == KEPT
    with engine.connect() as connection:
        found = connection.execute(sa.select(runs.c.pruned_at, runs.c.prefix).order_by(runs.c.id)).all()
    assert found == [(NOW, ""), (None, "runs/2/"), (None, "runs/3/")]
    again = go(engine, store)
    assert (again.results, again.objects, again.orphans) == ({}, {}, Share())


@pytest.mark.parametrize("step", ["delete_prefix", "delete"])
def test_what_was_broken_off_is_finished_the_next_time(
    engine: sa.Engine, store: Store, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    three_runs(engine, store)

    def broken(_: Iterable[str]) -> int:
        raise PublishError("the store is gone")

    with monkeypatch.context() as patch:
        patch.setattr(store, step, broken)
        with pytest.raises(PublishError, match="gone"):
            go(engine, store)
    go(engine, store)
    assert keys(store) == KEPT


def test_only_a_runs_own_folder_ever_goes(engine: sa.Engine, store: Store) -> None:
    three_runs(engine, store)
    with engine.begin() as connection:
        connection.execute(sa.update(runs).where(runs.c.id == 1).values(prefix="runs/3/"))
    go(engine, store)
    assert keys(store) >= KEPT


def test_a_quiet_pull_requests_objects_and_partition_go(engine: sa.Engine, store: Store) -> None:
    old, young = propose(engine, A), propose(engine, "us/ca/b/addresses/city", head="b" * 40)
    with engine.begin() as connection:
        connection.execute(sa.update(partitions).values(changed_at=NOW - 50 * DAY))
    a_run(engine, store, NOW - 40 * DAY, old)
    a_run(engine, store, NOW - 20 * DAY, young)
    forgotten: list[str] = []
    done = prune(engine, store, Wish(90 * DAY), now=NOW, forget=forgotten.extend)
    assert keys(store) == {"pr/2/a.zip", "pr/2/output.txt"}
    assert forgotten == [old]
    assert done.partitions == 1
    assert prune(engine, store, Wish(90 * DAY), now=NOW, forget=forgotten.extend).partitions == 0


def publish(engine: sa.Engine, store: Store, kind: str, at: datetime) -> int:
    """A build with one object, which is current until the next one."""
    build = builds.begin_build(engine, kind, run_ids=[], now=at)
    key = f"{kind}/{build}/x.zip"
    put(store, key)
    if kind == "collections":
        builds.publish_zips(engine, build, [builds.Zip("global", "", key, 5, "x", 1, 1)], {}, now=at)
    elif kind == "tiles":
        builds.publish_tiles(engine, build, [builds.Tile(build, 1, key, 5, "x", 1, "f")], (), {}, now=at)
    else:
        builds.publish_artifacts(engine, build, [builds.Artifact("stats", key, 5, "x")], {}, now=at)
    return build


@pytest.mark.parametrize("kind", ["collections", "statistics"])
def test_former_builds_go_but_for_the_last_ones(engine: sa.Engine, store: Store, kind: str) -> None:
    made = [publish(engine, store, kind, NOW - days * DAY) for days in (9, 8, 7, 6, 5)]
    put(store, "openaddr-collected-global.zip")
    done = go(engine, store)
    assert keys(store) == {f"{kind}/{n}/x.zip" for n in made[2:]} | {"openaddr-collected-global.zip"}
    assert done.objects == {f"of a former build of {kind}": Share(2, 10)}


def test_a_tile_stays_for_as_long_as_a_row_names_it(engine: sa.Engine, store: Store) -> None:
    made = [publish(engine, store, "tiles", NOW - days * DAY) for days in (9, 8, 7, 6, 5, 4)]
    builds.publish_tiles(
        engine, builds.begin_build(engine, "tiles", run_ids=[], now=NOW), [], [(made[1], 1)], {}, now=NOW - 3 * DAY
    )
    go(engine, store)
    assert keys(store) == {f"tiles/{n}/x.zip" for n in made if n != made[1]}


def test_what_a_build_at_work_has_made_stays(engine: sa.Engine, store: Store) -> None:
    build = builds.begin_build(engine, "tiles", run_ids=[], now=NOW - 90 * DAY)
    put(store, f"tiles/{build}/x.zip")
    go(engine, store, LATER)
    assert keys(store) == {f"tiles/{build}/x.zip"}


ORPHANS = {"runs/77/a.zip", "pr/78/a.zip", "runs/1/half.zip", "tiles/99/x.zip"}


def with_orphans(engine: sa.Engine, store: Store) -> None:
    declare(engine, A)
    assert run(engine, A, RunStatus.LOST, at=NOW, rows=None) == 1  # died while it published
    publish(engine, store, "tiles", NOW)
    for key in ORPHANS:
        put(store, key)
    put(store, "somebody/else/file")
    put(store, "runs/readme.txt")


def test_what_nobody_knows_of_is_listed_and_goes_only_if_asked(engine: sa.Engine, store: Store) -> None:
    with_orphans(engine, store)
    young = go(engine, store, NOW + 6 * DAY, orphans=True)
    assert young.orphans == Share()
    listed = go(engine, store, NOW + 8 * DAY)
    assert (listed.orphans, set(listed.orphan_keys)) == (Share(4, 20), ORPHANS)
    assert not listed.orphans_removed
    dry = go(engine, store, NOW + 8 * DAY, dry=True, orphans=True)
    assert not dry.orphans_removed
    assert keys(store) >= ORPHANS
    assert go(engine, store, NOW + 8 * DAY, orphans=True).orphans_removed
    assert keys(store) == {"somebody/else/file", "runs/readme.txt", "tiles/1/x.zip"}


def test_whole_runs_of_which_the_ledger_has_no_row_stay_whatever_is_asked(engine: sa.Engine, store: Store) -> None:
    with_orphans(engine, store)  # as after a restored backup, or with the address of another database
    for key in ("runs/77/index.json", "runs/1/index.json"):
        put(store, key)
    done = go(engine, store, LATER, orphans=True)
    assert done.forgotten == Share(2, 10)
    assert ("objects of runs that the ledger forgot", "2, 10 bytes, which stay: `oa reindex` enters their runs") in [
        *lines(done)
    ]
    assert keys(store) >= {"runs/77/a.zip", "runs/77/index.json"}
    assert not keys(store) & {"runs/1/half.zip", "runs/1/index.json"}, "a lost run is known: what it left goes"


def test_a_folder_of_a_run_at_work_is_nobodys_orphan(engine: sa.Engine, store: Store) -> None:
    from oa_pipeline.ledger.runs import Opening, open_run

    open_run(engine, Opening(declare(engine, A)), now=NOW)
    put(store, "runs/1/a.zip")
    go(engine, store, LATER, orphans=True)
    assert keys(store) == {"runs/1/a.zip"}


def test_uploads_that_were_never_finished_are_ended_after_a_day(
    engine: sa.Engine, store: Store, request: pytest.FixtureRequest
) -> None:
    if store.location.startswith("s3:"):
        client = boto3.client("s3", endpoint_url=request.getfixturevalue("s3_server"))
        client.create_multipart_upload(Bucket=request.getfixturevalue("bucket"), Key="some/prefix/runs/1/x")
    else:
        partial = Path(store.location) / "runs" / ".partial-0123456789abcdef"
        partial.parent.mkdir()
        partial.write_bytes(b"x")
        assert go(engine, store, NOW).uploads == 0
    assert go(engine, store, NOW + 2 * DAY, dry=True).uploads == 0
    assert go(engine, store, NOW + 2 * DAY).uploads == 1
    assert go(engine, store, NOW + 2 * DAY).uploads == 0


def test_the_report_is_json(engine: sa.Engine, store: Store) -> None:
    three_runs(engine, store)
    found = go(engine, store, dry=True).as_json()
    assert found["results"] == {OLD: {"count": 1, "bytes": 10}}
    assert found["rows"] == {"assignments": 0, "heartbeats": 0, "deliveries": 0}
