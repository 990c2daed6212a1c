"""index.json is read again as it was written, or refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from oa_pipeline.convert.task import Outcome, Output
from oa_pipeline.errors import Problem
from oa_pipeline.fetch.model import Fetched, Validators
from oa_pipeline.process.index import RunFacts, index_of
from oa_pipeline.process.index_reader import IndexedFile, NotAnIndex, read_index
from oa_pipeline.sources.model import Licence
from oa_pipeline_tests.process.runs import CSV, parsed

STARTED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
RUN = RunFacts(7, "us/zz/somewhere/addresses/county", "1+a", "b1", "c1", "d1", 2, 3, "job", True)
DATA_SOURCE = parsed(
    {
        "name": "county",
        "protocol": "http",
        "data": "http://x.test/a.csv",
        "conform": CSV,
        "license": {"text": "CC0", "attribution": True, "attribution name": "Zz", "share-alike": False},
        "website": "http://x.test/",
    }
)
FETCHED = Fetched(
    path=Path("/somewhere/cache.csv"), form="file", sha256="ab", md5="cd", size=5, content_type="text/csv",
    file_name="a.csv", final_url="http://x.test/a.csv", validators=Validators(etag="x"),
    seconds=1.5, requests=2, notes=(),
)  # fmt: skip
GOOD = Outcome(
    None, rows=3, counters={"rows/read": 4, "field/number/filled": 3},
    outputs={"csv": Output("somewhere.zip", 9, "ef", 3)}, warnings=("careful",),
    geometry_type="Point", bounds=(1.0, 2.0, 3, 4.5), content_hash="00ff",
    seconds={"rows": 1, "convert": 2.5}, walls={"network": "up"}, peak_memory=99, cpu_seconds=1.25,
    tests=({"passed": True},),
)  # fmt: skip


def written(outcome: Outcome = GOOD, run: RunFacts | None = RUN, fetched: Fetched | None = FETCHED) -> dict[str, Any]:
    index = index_of(DATA_SOURCE, fetched, outcome, started=STARTED, seconds=61.5, run=run)
    held: dict[str, Any] = json.loads(json.dumps(index))
    return held


def read(held: Any) -> Any:
    return read_index(json.dumps(held).encode())


def test_what_was_written_is_read() -> None:
    found = read(written())
    assert found.run == RUN
    assert (found.source, found.layer, found.name, found.digest) == (
        "us/zz/somewhere", "addresses", "county", DATA_SOURCE.digest,
    )  # fmt: skip
    assert (found.problem, found.rows, found.counters, found.content_hash) == (None, 3, GOOD.counters, "00ff")
    assert (found.warnings, found.tests_passed, found.bounds) == (("careful",), True, (1.0, 2.0, 3.0, 4.5))
    assert found.licence == DATA_SOURCE.licence == Licence("CC0", True, "Zz", False)
    assert found.outputs == {"csv": IndexedFile("somewhere.zip", 9, "ef", 3)}
    assert (found.cache.file, found.cache.md5) == (IndexedFile("cache.csv", 5, "ab"), "cd")
    assert Validators.from_json(dict(found.cache.validators)) == FETCHED.validators
    assert (found.started, found.ended) == (STARTED, STARTED + timedelta(seconds=61))
    assert (found.seconds["total"], found.seconds["download"], found.cpu_seconds) == (61.5, 1.5, 1.25)
    assert (found.peak_memory, found.walls, found.website) == (99, {"network": "up"}, "http://x.test/")


def test_a_failure_is_read_with_its_words() -> None:
    found = read(written(Outcome(Problem.DOWNLOAD_FAILED, "no answer", "ask again"), fetched=None))
    assert (found.problem, found.detail, found.cure) == ("Could not download source data", "no answer", "ask again")
    assert (found.cache, found.outputs, found.bounds, found.tests_passed) == (None, {}, None, None)


def test_what_is_of_no_ledgers_run_is_refused() -> None:
    with pytest.raises(NotAnIndex, match="does not say which run"):
        read(written(run=None))


NEEDED = sorted(
    set(written())
    - {"key", "skipped", "fields filled", "coverage complete", "versions", "run", "problem", "cache", "bounds", "maps"}
)


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("missing", [False, True], ids=["null", "missing"])
def test_an_index_that_lacks_something_is_refused(name: str, missing: bool) -> None:
    held = written()
    held[name] = None
    if missing:
        del held[name]
    with pytest.raises(NotAnIndex):
        read(held)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("bounds", [1, 2, 3]),
        ("bounds", [1, 2, 3, "4"]),
        ("warnings", [1]),
        ("started", "yesterday"),
        ("rows/written", True),
        ("counters/rows/read", 1.5),
        ("outputs/csv/file", "../../x"),
        ("outputs/csv/file", ""),
        ("outputs/csv/size", -1),
        ("run/number", "7"),
        ("run/forced", 1),
        ("run/set_id", "3"),
        ("hashes/content", None),
        ("problem", "text"),
        ("problem", {"text": "x"}),
    ],
    ids=lambda value: str(value),
)
def test_another_type_is_refused_with_its_place(path: str, value: Any) -> None:
    held = written()
    at, _, name = path.partition("/")
    if name and at != "counters":
        inner = held[at]
        while "/" in name:
            at, _, name = name.partition("/")
            inner = inner[at]
        inner[name] = value
    elif name:
        held[at][name] = value
    else:
        held[path] = value
    with pytest.raises(NotAnIndex):
        read(held)


@pytest.mark.parametrize("text", [b"", b"[]", b"null", b"{", b"\xff\xfe", b'{"run": {}}'])
def test_what_is_no_index_is_refused(text: bytes) -> None:
    with pytest.raises(NotAnIndex):
        read_index(text)
