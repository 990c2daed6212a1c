"""Partition keys, both ways, and the paths and names they are made of."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oa_pipeline.sources.keys import (
    PART_CAP,
    base_name,
    case_twins,
    folder_name,
    key_of,
    member_name,
    name_fault,
    path_fault,
    source_of,
    split_key,
)

# What Dagster refuses inside a partition key (dagster 1.13).
DAGSTER_REFUSES = ["...", "\a", "\b", "\f", "\n", "\r", "\t", "\v", "\0"]


@pytest.mark.parametrize(
    ("source", "layer", "name", "key"),
    [
        ("us/ca/alameda", "addresses", "county", "us/ca/alameda/addresses/county"),
        ("fi/etelä-karjala-fi", "parcels", "a b", "fi/etelä-karjala-fi/parcels/a b"),
        ("us/x", "addresses", "a/b", "us/x/addresses/a%2Fb"),
        ("us/x", "addresses", "50%", "us/x/addresses/50%25"),
        ("us/x", "addresses", "..", "us/x/addresses/%2E%2E"),
        ("us/x", "addresses", ".", "us/x/addresses/%2E"),
        ("us/x...y", "addresses", "v1.2", "us/x%2E%2E%2Ey/addresses/v1.2"),
        ("us/x", "addresses", "a\nb", "us/x/addresses/a%0Ab"),
    ],
)
def test_a_key_says_source_layer_and_name(source: str, layer: str, name: str, key: str) -> None:
    assert key_of(source, layer, name) == key
    assert split_key(key) == (source, layer, name)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.text(min_size=1).map(lambda t: t.replace("/", "_")), min_size=1, max_size=4),
    st.sampled_from(["addresses", "parcels"]),
    st.text(st.characters() | st.sampled_from("./%\n\0"), min_size=1),
)
def test_any_key_can_be_taken_apart_and_is_harmless(parts: list[str], layer: str, name: str) -> None:
    source = "/".join(parts)
    key = key_of(source, layer, name)
    assert split_key(key) == (source, layer, name)
    assert not [refused for refused in DAGSTER_REFUSES if refused in key]
    assert not {"", ".", ".."} & set(key.split("/"))
    assert PurePosixPath("root", *key.split("/")).parts[1:] == tuple(key.split("/"))
    key.encode("utf-8")


def test_dagster_takes_escaped_keys() -> None:
    utils = pytest.importorskip("dagster._core.definitions.partitions.utils.base")
    utils.raise_error_on_invalid_partition_key_substring([key_of("a/...b", "addresses", "x\n\t...\0")])
    assert set(utils.INVALID_PARTITION_SUBSTRINGS) == set(DAGSTER_REFUSES)


@pytest.mark.parametrize("key", ["", "a", "a/b", "/addresses/x", "a//x", "a/addresses/"])
def test_a_text_that_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="not a partition key"):
        split_key(key)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("us/ca/alameda", "us/ca/alameda"),
        ("sources/us/ca/alameda.json", "us/ca/alameda"),
        ("./sources/us/ca/alameda.json", "us/ca/alameda"),
        ("/home/me/oa/sources/us/ca/alameda.json", "us/ca/alameda"),
        ("checkout/sources/us/ca/alameda.json", "us/ca/alameda"),
        ("C:\\oa\\sources\\us\\ca\\alameda.json", "us/ca/alameda"),
        ("/tmp/alameda.json", "alameda"),
        ("alameda.json", "alameda"),
    ],
)
def test_a_path_names_its_source(path: str, source: str) -> None:
    assert source_of(path) == source


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("us/ca/alameda", None),
        ("fi/etelä-karjala-fi", None),
        ("us/../x", "leaves its folder"),
        ("../x", "leaves its folder"),
        ("us//x", "empty part"),
        ("/x", "empty part"),
        ("us/./x", "leaves its folder"),
        ("a/b\nc", "line break"),
        ("a/b\0c", "control character"),
        ("a/" + "b/" * 299 + "c", "more than 600"),
        ("a/" + "é" * 101, "more than 200 bytes"),
        ("us/\u202egnp", "direction of writing"),
        ("us/\u2067x", "direction of writing"),
        ("us\\x", "backslash"),
        ("us/\udc80", "surrogate"),
        ("", "is empty"),
    ],
)
def test_paths_that_could_do_harm_are_refused(source: str, fault: str | None) -> None:
    found = path_fault(source)
    assert (found is None) if fault is None else (found is not None and fault in found)


@pytest.mark.parametrize(
    ("name", "fine"),
    [
        ("county", True),
        ("county-gis 2/3 é", True),
        ("", False),
        ("  ", False),
        ("a\nb", False),
        ("\u202ex", False),
        ("x" * 201, False),
    ],
)
def test_names_that_could_do_harm_are_refused(name: str, fine: bool) -> None:
    assert (name_fault(name) is None) is fine


def test_paths_that_differ_only_in_case_or_form_are_twins() -> None:
    paths = ["us/CA/x", "us/ca/x", "us/ca/y", "fi/a\u0308", "fi/\u00e4", "us/ca/y"]
    assert case_twins(paths) == (("fi/a\u0308", "fi/\u00e4"), ("us/CA/x", "us/ca/x"))


def test_the_base_name_is_the_last_part() -> None:
    assert base_name("us/ca/alameda") == "alameda"
    assert base_name("countrywide") == "countrywide"


def test_a_name_becomes_one_folder() -> None:
    assert folder_name("a/../b") == "a%2F%2E%2E%2Fb"


@pytest.mark.parametrize(
    ("name", "made"),
    [("city", "us/ca/alameda-city"), ("a/../b", "us/ca/alameda-a%2F%2E%2E%2Fb"), ("..", "us/ca/alameda-%2E%2E")],
)
def test_a_second_data_sources_csv_is_one_file_in_its_folder(name: str, made: str) -> None:
    assert member_name("us/ca/alameda", name) == made


def test_long_names_of_csvs_are_cut_and_stay_apart() -> None:
    source = "us/" + "s" * PART_CAP
    made = {member_name(source, letter * PART_CAP) for letter in "ab"}
    assert len(made) == 2
    assert max(len(base_name(one)) for one in made) < PART_CAP + 10
