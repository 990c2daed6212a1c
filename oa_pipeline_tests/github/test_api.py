"""Our calls to GitHub, over HTTP to one that behaves."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from oa_pipeline.errors import SettingsError
from oa_pipeline.github.api import GitHub
from oa_pipeline.github.records import Annotation, GitHubError
from oa_pipeline.masked import masked
from oa_pipeline.settings import Settings

from . import faults
from .fake import TOKEN, FakeGitHub
from .faults import Fault
from .objects import Link


def test_a_branchs_head_is_asked_for_again_at_no_cost(github: FakeGitHub, api: GitHub) -> None:
    first = api.head("master")
    assert first is not None
    assert first.sha == github.head
    used = github.used

    assert api.head("master", first.etag) is None
    assert github.used == used
    github.push({"a": "1"})
    after = api.head("master", first.etag)
    assert after is not None
    assert after.sha == github.head


def test_the_files_of_a_pull_request_come_in_pages(github: FakeGitHub, api: GitHub) -> None:
    pull = github.open_pull({f"sources/{n:03}.json": f"{n}" for n in range(250)})

    found = list(api.changed_files(pull.number))

    assert [each.path for each in found] == [f"sources/{n:03}.json" for n in range(250)]
    assert {each.status for each in found} == {"added"}


def test_a_comparison_knows_the_merge_base_and_when_it_is_cut(github: FakeGitHub, api: GitHub) -> None:
    base = github.push({"sources/old.json": "old\ncontent\n"})
    pull = github.open_pull({"sources/old.json": None, "sources/new.json": "old\ncontent\n"})
    github.push({f"sources/{n}.json": "x" for n in range(301)}, "many")
    github.push({"README.md": "moved on"})

    ours = api.compare(github.head, pull.head)

    assert (ours.merge_base, ours.truncated) == (base, False)
    assert [(f.status, f.path, f.previous) for f in ours.files] == [("renamed", "sources/new.json", "sources/old.json")]
    assert api.compare(base, github.branches["many"]).truncated


def test_a_folder_is_listed_with_modes(github: FakeGitHub, api: GitHub) -> None:
    sha = github.push({"a.json": "{}", "link.json": Link("/etc/passwd"), "below/b.json": "1"})

    found = api.tree(sha)

    assert {name: entry.mode for name, entry in found.items()} == {
        "README.md": "100644", "a.json": "100644", "below": "040000", "link.json": "120000",
    }  # fmt: skip
    assert api.blob(found["a.json"].sha, 10) == b"{}"
    assert list(api.tree(found["below"].sha)) == ["b.json"]


def test_a_file_larger_than_wanted_is_refused(github: FakeGitHub, api: GitHub) -> None:
    entry = api.tree(github.push({"large": "x" * 11}))["large"]

    with pytest.raises(GitHubError, match="11 bytes"):
        api.blob(entry.sha, 10)


def test_a_pull_request_of_a_deleted_fork_can_be_read(github: FakeGitHub, api: GitHub) -> None:
    pull = github.open_pull({"a": "1"}, author="gone", association="FIRST_TIMER")
    github.delete_fork(pull)

    found = api.pull(pull.number)

    assert (found.head_repository, found.head_sha, found.association) == ("", pull.head, "FIRST_TIMER")
    assert "a" in api.tree(found.head_sha)


def test_open_pull_requests_are_listed_and_closed_ones_are_not(github: FakeGitHub, api: GitHub) -> None:
    pulls = [github.open_pull({f"{n}": "x"}) for n in range(3)]
    github.merge(pulls[0])
    github.close(pulls[1])

    assert [pull.number for pull in api.open_pulls()] == [pulls[2].number]
    assert [api.pull(p.number).merged for p in pulls] == [True, False, False]


def test_statuses_comments_and_checks_are_written(github: FakeGitHub, api: GitHub) -> None:
    pull = github.open_pull({"a": "1"})

    api.set_status(pull.head, state="pending", description="Checking a", target_url="http://x/1", context="c")
    number = api.comment(pull.number, "first")
    api.edit_comment(number, "second")
    check = api.create_check(pull.head, "c", {"status": "in_progress"})
    remarks = [Annotation("a", n + 1, "failure", "wrong") for n in range(120)]
    api.update_check(
        check, {"status": "completed", "conclusion": "failure", "output": {"title": "t", "summary": "s"}}, remarks
    )

    assert [s["description"] for s in github.statuses[pull.head]] == ["Checking a"]
    assert [c.body for c in api.comments(pull.number)] == ["second"]
    assert github.checks[0]["conclusion"] == "failure"
    assert [a["start_line"] for a in github.checks[0]["annotations"]] == list(range(1, 121))


TROUBLES: dict[str, tuple[Callable[[faults.Do], object], bool, tuple[float, float] | None]] = {
    "the hour is used up": (faults.primary_limit(3000), True, (2700, 3002)),
    "too much at once": (faults.secondary_limit(33), True, (33, 33)),
    "too much at once, in the new way": (faults.secondary_limit(7, code=429), True, (7, 7)),
    "too much at once, without a time": (
        faults.status(403, "You have exceeded a secondary rate limit"),
        True,
        (60, 60),
    ),
    "bad gateway": (faults.status(502), True, None),
    "cut": (faults.cut, True, None),
    "no right to it": (faults.status(403, "Resource not accessible by integration"), False, None),
    "not found": (faults.status(404, "Not Found"), False, None),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_stands_in_the_way_says_whether_and_when_to_come_again(
    github: FakeGitHub, api: GitHub, trouble: str
) -> None:
    how, transient, wait = TROUBLES[trouble]
    github.faults.append(Fault(how, below="/statuses/"))  # type: ignore[arg-type]

    with pytest.raises(GitHubError) as caught:
        api.set_status(github.head, state="success", description="d", target_url="", context="c")

    assert caught.value.transient is transient
    after = caught.value.retry_after
    assert after is None if wait is None else after is not None and wait[0] <= after <= wait[1]
    assert TOKEN not in f"{caught.value} {caught.value!r}"
    if trouble in {"no right to it", "not found"}:
        assert "commit statuses: write" in caught.value.cure


def test_nothing_is_asked_twice_by_itself(github: FakeGitHub, api: GitHub) -> None:
    github.faults.append(Fault(faults.status(502), times=5))

    with pytest.raises(GitHubError):
        api.default_branch()
    assert len(github.requests) == 1


def test_a_wrong_token_is_told_with_the_setting_that_holds_it(github: FakeGitHub) -> None:
    stranger = GitHub.from_settings(Settings(github_api=github.url, github_token="wrong", repository=github.repository))

    with pytest.raises(GitHubError, match="OA_GITHUB_TOKEN"):
        stranger.default_branch()


def test_a_github_app_asks_with_a_token_of_its_installation(github: FakeGitHub, tmp_path: object) -> None:
    from pathlib import Path

    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    place = Path(str(tmp_path)) / "app.pem"
    place.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    settings = Settings(
        github_api=github.url, github_app_id="1", github_app_key=str(place), repository=github.repository
    )

    assert GitHub.from_settings(settings).default_branch() == "master"
    assert any(r.path.endswith("/access_tokens") for r in github.requests)

    given = max(github.tokens - {TOKEN})
    signed = [r.headers["authorization"].partition(" ")[2] for r in github.requests if r.path.startswith("/app")]
    lines = [line for line in place.read_text().splitlines() if not line.startswith("-")]
    for secret in (given, *signed, *lines):
        assert masked(f"refused: {secret}.") == "refused: ***."


@pytest.mark.parametrize("settings", [Settings(), Settings(github_app_id="1", github_app_key="/nowhere/key.pem")])
def test_without_a_way_in_the_error_names_the_settings(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="OA_GITHUB_"):
        GitHub.from_settings(settings)
