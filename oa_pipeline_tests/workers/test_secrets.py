"""No secret is in anything that workers and the capacity loop say: console, log files, store, notices, database."""

from __future__ import annotations

import gzip
import logging
import sys
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from dagster import DagsterRunStatus as Status

from oa_pipeline.ledger import assignments, builds
from oa_pipeline.ledger.assignments import Assignment
from oa_pipeline.masked import Masked, masked
from oa_pipeline.settings import Settings
from oa_pipeline_tests.aws.amazon import GROUP, KEYS, Amazon, metadata_of
from oa_pipeline_tests.kept import rows_of
from oa_pipeline_tests.workers.blurting import SENTINEL
from oa_pipeline_tests.workers.system import PATIENCE, system

LOCATION = "oa_pipeline_tests.workers.blurting"
OF_SETTINGS = {
    f"OA_{f.name.upper()}": f"{SENTINEL}-{f.name}" + (f",{SENTINEL}-second" if isinstance(f.default, tuple) else "")
    for f in fields(Settings)
    if f.metadata["secret"]
}
OF_AMAZON = {"AWS_SECRET_ACCESS_KEY": f"{SENTINEL}-of/amazon+key", "AWS_SESSION_TOKEN": f"{SENTINEL}-of-the-session"}
PASSWORD = f"{SENTINEL} of: the/data@base"  # in an address it is percent-encoded, in a message perhaps not
ALL = ", ".join([*OF_SETTINGS.values(), *OF_AMAZON.values(), PASSWORD])
UNUSABLE = f"storage: {{custom: {{module: {LOCATION}, class: Storage, config: {{}}}}}}"


def texts(folder: Path, amazon: Amazon) -> dict[str, str]:
    """All that was written anywhere, by where it is."""
    places = {}
    for path in folder.rglob("*"):
        if path.is_file():
            raw = path.read_bytes()
            places[str(path.relative_to(folder))] = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode()
    for number, notice in enumerate(amazon.actions("Publish")):
        places[f"notice {number}"] = f"{notice['Subject']}{notice['Message']}"
    return places


@pytest.mark.timeout(900)
def test_nothing_that_a_worker_and_the_capacity_loop_write_has_a_secret(
    tmp_path: Path, database: str, amazon: Amazon
) -> None:
    url = sa.make_url(database).set(password=PASSWORD).render_as_string(hide_password=False)
    amazon.make_group(1, 2, 1)
    topic = amazon.client("sns").create_topic(Name="operators")["TopicArn"]
    (number,) = (one["InstanceId"] for one in amazon.group()["Instances"])
    amazon.busy, amazon.word = 1.0, ALL
    more = {
        **KEYS, **OF_SETTINGS, **OF_AMAZON, "AWS_ENDPOINT_URL": amazon.url, "OA_STORE": str(tmp_path / "store"),
        "OA_EC2_GROUP": GROUP, "OA_SNS_TOPIC": topic, "OA_CLOUDWATCH_NAMESPACE": "oa", "OA_GITHUB_SILENT": "1",
    }  # fmt: skip
    with (
        metadata_of(number) as metadata,
        system(tmp_path, url, location=LOCATION, mode="ec2", more={**more, "OA_EC2_METADATA": metadata.url}) as running,
    ):
        good, bad = running.create("good"), running.create("bad")
        for run_id in (good, bad):
            assignments.offer(running.engine, Assignment(run_id))
        build = builds.begin_build(running.engine, "collections", run_ids=[], now=datetime.now(UTC))
        builds.fail_build(running.engine, build, f"and that is all: {ALL}", now=datetime.now(UTC))
        worker, capacity = running.worker("--ec2", "--look", "0.3"), running.capacity()
        running.wait(good, Status.SUCCESS)
        running.wait(bad, Status.FAILURE)
        for log in ("worker.log", "capacity.log"):
            running.until(lambda name=log: "RequestLimit" in (tmp_path / name).read_text(), f"{log}: a refusal")  # type: ignore[misc]
        amazon.busy = 0.0
        running.until(lambda: amazon.actions("Publish"), "a notice")
        assert (running.end(worker), running.end(capacity)) == (0, 0)

        environment = running.environment
        (tmp_path / "unusable").mkdir()
        (tmp_path / "unusable" / "dagster.yaml").write_text(UNUSABLE)
        running.environment = {**environment, "DAGSTER_HOME": str(tmp_path / "unusable")}
        assert running.capacity("--once").wait(PATIENCE) == 1
        running.environment = {**environment, "OA_MAPBOX_API": f"https://me:{SENTINEL}-of-an-address@example.org"}
        assert running.worker(log="unset").wait(PATIENCE) == 2

        found = texts(tmp_path, amazon)
        whole = [where for where, text in found.items() if "and that is all" in text]
        assert {"worker.log", "capacity.log", "notice 0"} <= set(whole)
        assert {Path(where).suffix for where in whole} >= {".out", ".err"}, "what runs print"
        assert "Traceback" in found["capacity.log"]
        assert "OA_MAPBOX_API" in found["unset.log"]
        assert any("RequestLimit" in text for where, text in found.items() if "logs/workers" in where)
        lines = [(where, line) for where, text in found.items() for line in text.splitlines()]
        assert [(where, line) for where, line in lines if SENTINEL in line] == []

    kept = rows_of(database)
    assert [(where, text[:500]) for where, text in kept if SENTINEL in text] == []
    assert {where for where, text in kept if "and that is all" in text and "***" in text} >= {"event_logs", "builds"}


def test_a_line_of_a_log_has_no_secret_nor_has_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**OF_SETTINGS, **OF_AMAZON}.items():
        monkeypatch.setenv(name, value)
    try:
        raise RuntimeError(ALL.replace(PASSWORD, "?token=another"))
    except RuntimeError:
        record = logging.LogRecord(
            "x", logging.ERROR, __file__, 1, "%s", (OF_SETTINGS["OA_GITHUB_TOKEN"],), sys.exc_info()
        )
    line = Masked("%(message)s").format(record)
    assert line.startswith("***\nTraceback")
    assert line.endswith("?token=***")
    assert SENTINEL not in line


def test_words_that_are_no_secret_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OA_GITHUB_TOKEN", "")
    monkeypatch.setenv("OA_GITHUB_SECRETS", "a,b")  # too short to be told from any other text
    text = "run 7 of us/ca/a failed: https://example.org/a.csv?x=1 has no rows"
    assert masked(text) == text
