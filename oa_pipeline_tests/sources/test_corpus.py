"""All real sources, where they lie beside the checkout: nothing is lost, nothing is misread."""

from __future__ import annotations

import json
import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from oa_pipeline.sources.keys import case_twins, key_of, split_key
from oa_pipeline.sources.lint import Finding, lint
from oa_pipeline.sources.model import Format, Layer, Protocol
from oa_pipeline.sources.parse import parse_declared
from oa_pipeline.sources.repository import Repository, read_repository


@pytest.fixture(scope="module")
def tarball(shared: Path) -> Path:
    (found,) = (shared / "corpus").glob("*.tar.gz")
    return found


@pytest.fixture(scope="module")
def corpus(tarball: Path) -> Repository:
    return read_repository(tarball)


def test_every_file_is_read(corpus: Repository, tarball: Path) -> None:
    assert corpus.invalid == ()
    assert len(corpus.sources) == 2833
    assert {source.schema for source in corpus.sources} == {2}
    assert corpus.commit is not None
    assert corpus.commit.startswith(tarball.name.removeprefix("openaddresses-").removesuffix(".tar.gz"))


def test_every_data_source_has_a_key_of_its_own_that_can_be_taken_apart(corpus: Repository) -> None:
    keys = list(corpus.by_key)
    assert len(keys) == len(set(keys)) == 4861
    assert keys == sorted(keys)
    assert case_twins(keys) == ()
    for key, one in corpus.by_key.items():
        assert split_key(key) == (one.source, one.layer, one.name)
        assert key_of(*split_key(key)) == key == f"{one.source}/{one.layer}/{one.name}"
        assert len(key.encode()) < 250


def test_the_statistics_are_the_known_ones(corpus: Repository) -> None:
    found = corpus.data_sources()
    assert Counter(one.layer for one in found) == {
        Layer.ADDRESSES: 2744,
        Layer.PARCELS: 1374,
        Layer.BUILDINGS: 579,
        Layer.CENTERLINES: 164,
    }
    assert Counter(one.protocol for one in found)[Protocol.ESRI] == 3417  # one more shares its name with an earlier one
    assert Counter(one.conform.format for one in found if one.conform)[Format.CSV] == 527
    assert sum(one.conform is None for one in found) == 9
    assert sum(one.skip for one in found) == 110
    assert sum(len(one.tests) for one in found) == 132
    assert sum(bool(one.request_headers) for one in found) == 5
    assert sum(source.coverage.complete for source in corpus.sources) == 2683
    assert sum(not one.first for one in found) == 6
    assert not [one.key for one in found if one.protocol is None or (one.conform and one.conform.format is None)]


def functions(value: Any) -> Iterator[str]:
    yield type(value).__name__
    for step in getattr(value, "steps", ()):
        yield from functions(step)


def test_the_functions_are_the_known_ones(corpus: Repository) -> None:
    values = [value for one in corpus.data_sources() if one.conform for _, value in one.conform.attributes]
    found = Counter(name for value in values for name in functions(value))
    expected = {"Regexp": 843, "Join": 345, "PostfixedStreet": 263, "PrefixedNumber": 249, "MapValues": 228}
    expected |= {"MphToKph": 37, "RemovePrefix": 33, "FormatText": 32, "PostfixedUnit": 26, "FirstNonEmpty": 23}
    expected |= {"Chain": 19, "RemovePostfix": 8}
    assert {name: found[name] for name in expected} == expected
    assert found["Unknown"] == found["Get"] == 0


def test_a_converter_reads_the_same_from_its_task(corpus: Repository) -> None:
    for one in corpus.data_sources():
        declared, coverage = json.loads(json.dumps([one.declared, one.coverage.declared]))
        assert parse_declared(declared, coverage, one.source, one.layer, first=one.first) == one


def test_digests_tell_all_data_sources_apart(corpus: Repository) -> None:
    assert len(set(corpus.digests().values())) == 4861


def findings(tarball: Path) -> list[Finding]:
    found: list[Finding] = []
    with tarfile.open(tarball) as archive:
        for member in archive:
            path = member.name.partition("/")[2]
            if member.isreg() and re.fullmatch(r"sources/.+\.json", path):
                held = archive.extractfile(member)
                assert held is not None
                found += lint(held.read(), path)
    return found


def test_no_real_source_has_an_error_and_the_warnings_are_the_known_oddities(tarball: Path) -> None:
    found = findings(tarball)
    assert [one for one in found if one.severity == "error"] == []
    assert Counter(one.rule for one in found) == {
        "incomplete-coverage": 150,
        "no-conform": 7,
        "geoid": 4,
        "blank-address": 3,
        "protocol-mismatch": 3,
        "always-empty": 2,
        "licence-key": 2,
        "bad-website": 1,
        "duplicate-name": 1,
    }
    odd = {one.path for one in found if one.rule == "always-empty"}
    assert odd == {"sources/us/ga/charlton.json", "sources/us/il/edwards.json"}
