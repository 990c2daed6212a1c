"""Which data sources a change is about."""

from __future__ import annotations

import pytest

from oa_pipeline.github.api import GitHub
from oa_pipeline.github.changes import MOST_FILES, Outcome, Plan, plan_of
from oa_pipeline.github.commits import Commit
from oa_pipeline.github.records import Changed

from .fake import FakeGitHub, Pull
from .objects import Content, Link, Submodule
from .sources import source

A = "sources/us/ca/a.json"


def plan(github: FakeGitHub, api: GitHub, pull: Pull) -> Plan:
    base = api.merge_base("master", pull.head)
    return plan_of(api.changed_files(pull.number), Commit(api, pull.head), Commit(api, base))


def keys(found: Plan) -> list[str]:
    return [one.key for one in found.data_sources]


def outcomes(found: Plan) -> dict[str, str]:
    return {file.path: str(file.outcome) for file in found.files}


def test_only_the_data_sources_that_mean_something_else_are_found(github: FakeGitHub, api: GitHub) -> None:
    github.push({A: source("city", "county")})
    pull = github.open_pull({A: source("city", "county", "state").replace("county.csv", "other.csv")})

    assert keys(plan(github, api, pull)) == ["us/ca/a/addresses/county", "us/ca/a/addresses/state"]


def test_another_coverage_concerns_all_of_a_file(github: FakeGitHub, api: GitHub) -> None:
    github.push({A: source("city", "county")})
    pull = github.open_pull({A: source("city", "county").replace("06001", "06002")})

    assert len(keys(plan(github, api, pull))) == 2


def test_white_space_and_order_of_keys_mean_nothing(github: FakeGitHub, api: GitHub) -> None:
    github.push({A: source("city")})
    pull = github.open_pull({A: source("city").replace("    ", "\t") + "\n"})

    found = plan(github, api, pull)

    assert (keys(found), outcomes(found)) == ([], {A: "unchanged"})


def test_what_happened_on_the_default_branch_meanwhile_is_not_the_pull_requests_change(
    github: FakeGitHub, api: GitHub
) -> None:
    start = github.push({A: source("city"), "sources/us/ca/b.json": source("city")})
    pull = github.open_pull({A: source("city", "county")}, since=start)
    github.push({"sources/us/ca/b.json": source("moved on")})

    assert keys(plan(github, api, pull)) == ["us/ca/a/addresses/county"]


def test_a_renamed_file_is_new_under_its_new_name(github: FakeGitHub, api: GitHub) -> None:
    github.push({A: source("city")})
    pull = github.open_pull({A: None, "sources/us/ca/alameda.json": source("city")})

    found = plan(github, api, pull)

    assert keys(found) == ["us/ca/alameda/addresses/city"]
    assert found.files[0].detail == f"renamed from {A}"


LISTED: dict[str, tuple[str, Content, str]] = {
    "no json": ("sources/us/ca/readme.txt", "words", "ignored"),
    "capital suffix": ("sources/us/ca/b.JSON", source("x"), "ignored"),
    "elsewhere": ("scripts/a.json", "{}", "ignored"),
    "a symbolic link": ("sources/us/ca/l.json", Link("/etc/passwd"), "refused"),
    "a submodule": ("sources/us/ca/s.json", Submodule("1" * 40), "refused"),
    "no JSON in it": ("sources/us/ca/n.json", "{", "invalid"),
    "not UTF-8": ("sources/us/ca/u.json", b'{"a": "\xff"}', "invalid"),
    "a local address": ("sources/us/ca/f.json", source("x", data="file:///etc/passwd"), "invalid"),
    "a case twin": ("sources/us/CA/a.json", source("x"), "refused"),
    "marks of direction": ("sources/us/ca/\u202egnp.json", source("x"), "refused"),
    "a line break": ("sources/us/ca/a\nb.json", source("x"), "refused"),
    "a path without end": (f"sources/{'x/' * 300}a.json", source("x"), "refused"),
}


@pytest.mark.parametrize("what", LISTED)
def test_every_file_is_listed_with_its_reason_and_stops_no_other(github: FakeGitHub, api: GitHub, what: str) -> None:
    path, content, outcome = LISTED[what]
    github.push({A: source("before")})
    pull = github.open_pull({path: content, A: source("good")})

    found = plan(github, api, pull)

    assert keys(found) == ["us/ca/a/addresses/good"] or what == "a case twin"
    (file,) = [each for each in found.files if each.path != A]
    assert str(file.outcome) == outcome
    assert file.detail or file.findings
    assert "\n" not in file.path
    assert "\u202e" not in file.path
    assert len(file.path) <= 201


def test_an_invalid_file_names_line_and_cure(github: FakeGitHub, api: GitHub) -> None:
    pull = github.open_pull({A: source("x").replace('"https://example.com/x.csv"', "7")})

    (file,) = plan(github, api, pull).files

    assert file.outcome is Outcome.INVALID
    kept = file.as_json()["findings"]
    assert kept[0]["line"] > 1
    assert all(each["cure"] for each in kept if each["severity"] == "error")


def test_a_path_that_leaves_the_repository_is_refused(github: FakeGitHub, api: GitHub) -> None:
    listed = [Changed("sources/../x.json", "added", "1" * 40), Changed("sources/a\0.json", "added", "1" * 40)]

    found = plan_of(listed, Commit(api, github.head), None)

    assert [str(file.outcome) for file in found.files] == ["refused", "refused"]


def test_removed_files_are_listed_and_not_checked(github: FakeGitHub, api: GitHub) -> None:
    github.push({A: source("city")})

    found = plan(github, api, github.open_pull({A: None}))

    assert (keys(found), outcomes(found)) == ([], {A: "removed"})


def test_a_file_that_was_broken_before_is_wholly_new(github: FakeGitHub, api: GitHub) -> None:
    github.push({A: "{"})

    assert len(keys(plan(github, api, github.open_pull({A: source("city", "county")})))) == 2


def test_of_too_many_files_the_first_are_read(github: FakeGitHub, api: GitHub) -> None:
    text = source("city")
    pull = github.open_pull({f"sources/us/{n:04}.json": text for n in range(MOST_FILES + 5)})

    found = plan(github, api, pull)

    assert len(found.data_sources) == MOST_FILES
    assert str(MOST_FILES) in found.too_many


def test_the_contents_of_a_folder_are_asked_for_once(github: FakeGitHub, api: GitHub) -> None:
    pull = github.open_pull({f"sources/us/ca/{n}.json": source("city") for n in range(20)})
    github.requests.clear()

    plan(github, api, pull)

    assert sum("/git/trees/" in request.path for request in github.requests) <= 8
