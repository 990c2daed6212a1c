"""What happened between two states of the repository."""

from __future__ import annotations

import pytest

from oa_pipeline.sources.changes import Changes, changes

A, B, C = "us/a/addresses/county", "us/b/addresses/county", "us/c/addresses/county"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param({}, {}, Changes(), id="nothing"),
        pytest.param({A: "1"}, {A: "1"}, Changes(), id="same"),
        pytest.param({}, {B: "2", A: "1"}, Changes(added=(A, B)), id="added"),
        pytest.param({B: "2", A: "1"}, {}, Changes(removed=(A, B)), id="removed"),
        pytest.param({A: "1"}, {A: "2"}, Changes(changed=(A,)), id="changed"),
        pytest.param({A: "1"}, {B: "1"}, Changes(renamed=((A, B),)), id="renamed"),
        pytest.param({A: "1"}, {B: "2"}, Changes(added=(B,), removed=(A,)), id="another"),
        pytest.param({A: ""}, {B: ""}, Changes(added=(B,), removed=(A,)), id="unknown-digests-are-not-equal"),
        pytest.param(
            {A: "1"}, {"us/a/parcels/county": "1"}, Changes(added=("us/a/parcels/county",), removed=(A,)), id="layer"
        ),
        pytest.param(
            {A: "1"}, {"us/a/addresses/city": "1"}, Changes(renamed=((A, "us/a/addresses/city"),)), id="new-name"
        ),
        pytest.param({A: "1"}, {B: "1", C: "1"}, Changes(added=(C,), renamed=((A, B),)), id="copied-and-moved"),
        pytest.param({A: "1", B: "1"}, {C: "1"}, Changes(removed=(B,), renamed=((A, C),)), id="two-into-one"),
        pytest.param({A: "1"}, {A: "1", B: "1"}, Changes(added=(B,)), id="a-copy-is-no-renaming"),
    ],
)
def test_changes_are_told_apart(before: dict[str, str], after: dict[str, str], expected: Changes) -> None:
    assert changes(before, after) == expected
    assert bool(changes(before, after)) is (expected != Changes())


def test_the_likest_keys_are_paired() -> None:
    before = {"us/x/one/addresses/county": "1", "us/x/two/addresses/county": "1"}
    after = {"us/y/two/addresses/county": "1", "us/y/one/addresses/county": "1"}
    assert changes(before, after).renamed == (
        ("us/x/one/addresses/county", "us/y/one/addresses/county"),
        ("us/x/two/addresses/county", "us/y/two/addresses/county"),
    )
