"""The source repository, taken from GitHub."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from oa_pipeline.errors import SettingsError
from oa_pipeline.github.records import GitHubError
from oa_pipeline.github.tarball import Place, newest, place_of
from oa_pipeline.settings import Settings
from oa_pipeline.sources.repository import read_repository

from . import faults
from .fake import TOKEN, FakeGitHub
from .faults import Fault

SOURCE = """{"schema": 2, "coverage": {"country": "us"}, "layers": {"addresses": [
    {"name": "county", "protocol": "http", "data": "https://example.com/%s.csv", "conform": {"format": "csv"}}]}}"""


@pytest.fixture
def settings(github: FakeGitHub, tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, github_api=github.url, github_token=TOKEN)


def asked(github: FakeGitHub) -> list[str]:
    paths = [request.path.removeprefix(f"/repos/{github.repository}") for request in github.requests]
    github.requests.clear()
    return paths


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("github:openaddresses/openaddresses", Place("openaddresses/openaddresses")),
        ("github:o/n@feature/x", Place("o/n", "feature/x")),
        ("/srv/openaddresses", None),
        ("", None),
    ],
)
def test_the_setting_names_a_place_or_another_kind_of_thing(text: str, place: Place | None) -> None:
    assert place_of(text) == place


@pytest.mark.parametrize("text", ["github:", "github:openaddresses", "github:a/b/c", "github:a/b@c d", "github://a/b"])
def test_an_impossible_place_is_an_error_with_its_cure(text: str) -> None:
    with pytest.raises(SettingsError, match="github:owner/name"):
        place_of(text)


def test_a_state_is_one_tarball_and_an_unmoved_branch_one_free_request(github: FakeGitHub, settings: Settings) -> None:
    sha = github.push({"sources/us/ca/a.json": SOURCE % "a"})
    place = Place(github.repository)

    first = newest(settings, place)
    assert asked(github) == [
        "",
        "/branches/master",
        f"/tarball/{sha}",
        f"/codeload/{github.repository}/legacy.tar.gz/{sha}",
    ]
    used = github.used
    assert newest(settings, place) == first
    assert asked(github) == ["/branches/master"]
    assert github.used == used

    repository = read_repository(first)
    assert repository.commit == sha
    assert list(repository.by_key) == ["us/ca/a/addresses/county"]


def test_a_moved_branch_is_a_new_file_and_old_ones_go(github: FakeGitHub, settings: Settings) -> None:
    place = Place(github.repository)
    files = []
    for n in range(5):
        github.push({"sources/us/ca/a.json": SOURCE % n})
        files.append(newest(settings, place))
        os.utime(files[-1], (n, n))  # also where two come at the same tick of the clock

    assert len(set(files)) == 5
    assert [path.exists() for path in files] == [False, False, True, True, True]


def test_another_branch_has_files_of_its_own(github: FakeGitHub, settings: Settings) -> None:
    github.push({"sources/us/ca/b.json": SOURCE % "b"}, "feature/x")

    path = newest(settings, Place(github.repository, "feature/x"))

    assert list(read_repository(path).by_key) == ["us/ca/b/addresses/county"]
    assert path.parent != newest(settings, Place(github.repository)).parent


def test_a_download_that_breaks_leaves_nothing_and_the_next_one_goes_through(
    github: FakeGitHub, settings: Settings
) -> None:
    place = Place(github.repository)
    github.faults.append(Fault(faults.cut, below="/codeload/"))

    with pytest.raises(GitHubError) as caught:
        newest(settings, place)
    assert caught.value.transient
    assert list(settings.home.rglob("*.tar.gz*")) == []
    assert newest(settings, place).is_file()


def test_a_lost_file_is_downloaded_again_though_the_branch_has_not_moved(
    github: FakeGitHub, settings: Settings
) -> None:
    place = Place(github.repository)
    newest(settings, place).unlink()

    assert newest(settings, place).is_file()


def test_the_token_is_not_sent_where_the_tarball_lies(github: FakeGitHub, settings: Settings) -> None:
    newest(settings, Place(github.repository))

    (download,) = [r for r in github.requests if r.path.startswith("/codeload/")]
    assert "authorization" not in download.headers
