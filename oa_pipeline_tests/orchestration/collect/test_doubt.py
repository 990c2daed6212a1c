"""When nothing is collected, as it would be too little."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from oa_pipeline.ledger import sets
from oa_pipeline.ledger.partitions import mark_removed
from oa_pipeline.ledger.tables import SetStatus
from oa_pipeline.orchestration.collect import Doubtful, doubt
from oa_pipeline.orchestration.workplace import Workplace

from .building import NOW, RESULTS, current, made, process


def set_of(workplace: Workplace, *, failed: int, members: int, only: str = "") -> int:
    engine = workplace.ledger()
    new = sets.NewSet("r", NOW + timedelta(days=1), commit_sha="c0ffee", only=only, asked_by="test")
    number = sets.open_set(engine, new, [], now=NOW)
    counts = {"members": members, "ended": members, "failed": failed}
    assert sets.end_set(engine, number, SetStatus.COMPLETE, counts=counts, now=NOW)
    return number


def test_nothing_is_collected_after_a_set_of_which_too_much_failed(in_a_folder: Workplace, tmp_path: Path) -> None:
    process(in_a_folder, tmp_path)
    made(in_a_folder)
    before = current(in_a_folder)
    process(in_a_folder, tmp_path, [replace(RESULTS[1], text="new ")])
    engine = in_a_folder.ledger()
    set_of(in_a_folder, failed=39, members=100)
    assert doubt(engine) is None
    set_of(in_a_folder, failed=40, members=100)
    set_of(in_a_folder, failed=0, members=1, only="fr/*")
    with pytest.raises(Doubtful, match=r"40 of the 100 data sources of set 2 failed.*publishers or us"):
        made(in_a_folder)
    assert current(in_a_folder) == before
    assert isinstance(doubt(engine), Doubtful)
    assert not made(in_a_folder, force=True).unchanged


def test_nothing_is_collected_where_much_has_gone(in_a_folder: Workplace, tmp_path: Path) -> None:
    with pytest.raises(Doubtful, match="no data source has a result"):
        made(in_a_folder)
    process(in_a_folder, tmp_path)
    made(in_a_folder)
    before = current(in_a_folder)
    mark_removed(in_a_folder.ledger(), [RESULTS[0].key], now=NOW)
    with pytest.raises(Doubtful, match="3 data sources are left of the 4"):
        made(in_a_folder)
    assert current(in_a_folder) == before
    assert made(in_a_folder, force=True).facts["sources"] == 3
