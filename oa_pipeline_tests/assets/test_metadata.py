from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from dagster import TableMetadataValue

from oa_pipeline.assets.metadata import metadata_of
from oa_pipeline.ledger.runs import Ending, Ticket
from oa_pipeline.ledger.tables import RunStatus
from oa_pipeline.orchestration.carry_out import Carried
from oa_pipeline.publish.store import open_store
from oa_pipeline.sources.parse import parse_declared

SAMPLE = b'[["number", "street"], ["1", "Main St"]]'


def test_a_sample_that_is_gone_from_the_store_is_said_to_be(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    with store.writer("runs/1/sample.json", content_type="application/json") as out:
        out.write(SAMPLE)
    outputs = {"sample": {"key": "runs/1/sample.json", "size": len(SAMPLE), "rows": None}}
    ending = Ending(RunStatus.SUCCEEDED, datetime.now(UTC), copy_of=1, outputs=outputs)
    declared = parse_declared({"name": "city", "data": "https://example.com/a.csv"}, {}, "us/ca/x", "addresses")
    carried = Carried(Ticket(2, "us/ca/x/addresses/city", 2), declared, ending, None, unchanged=True)
    shown = metadata_of(carried, store)["sample"]
    assert isinstance(shown, TableMetadataValue)
    assert shown.records[0].data == {"number": "1", "street": "Main St"}
    store.delete(["runs/1/sample.json"])
    assert metadata_of(carried, store)["sample"] == f"runs/1/sample.json is not in the store {store.location}"
