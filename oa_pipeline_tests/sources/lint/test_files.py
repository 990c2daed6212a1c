"""Folders of source files."""

from __future__ import annotations

from pathlib import Path

from oa_pipeline.sources.lint import lint_paths

from ..examples import data_source, source, text


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_folders_are_walked_and_other_files_left_alone(tmp_path: Path) -> None:
    root = tmp_path / "sources"
    write(root / "us/ca/good.json", text(source()))
    bad = write(root / "us/ca/bad.json", b"{")
    write(root / "us/README.md", b"{")
    write(root / ".hidden/x.json", b"{")
    assert [(one.path, one.rule) for one in lint_paths([root])] == [(bad.as_posix(), "json")]
    assert [one.rule for one in lint_paths([bad, bad.with_name("good.json")])] == ["json"]


def test_local_addresses_are_allowed_on_request(tmp_path: Path) -> None:
    file = write(tmp_path / "us.json", text(source(data_source(data="file:///a.csv"))))
    assert [one.rule for one in lint_paths([file])] == ["bad-address"]
    assert list(lint_paths([file], allow_local=True)) == []


def test_links_and_absent_files_are_findings(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere/x.json", b"{")
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources/link.json").symlink_to(tmp_path / "elsewhere/x.json")
    (tmp_path / "sources/folder").symlink_to(tmp_path / "elsewhere")
    assert [one.message for one in lint_paths([tmp_path / "sources"])] == ["a link or a device, not a file"]
    assert [one.message for one in lint_paths([tmp_path / "absent.json"])] == ["no such file"]


def test_files_that_differ_only_in_case_are_an_error(tmp_path: Path) -> None:
    write(tmp_path / "sources/us/x.json", text(source()))
    write(tmp_path / "sources/US/X.json", text(source()))
    if len(list((tmp_path / "sources").iterdir())) == 1:
        return  # this file system holds one of them
    (one,) = lint_paths([tmp_path / "sources"])
    assert (one.severity, one.rule) == ("error", "case-twins")


def test_a_huge_file_is_one_finding_and_never_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "huge.json"
    with file.open("wb") as held:
        held.truncate(50 * 1024 * 1024)
    (one,) = lint_paths([file])
    assert "at most 8,388,608" in one.message


def test_a_folder_without_any_source_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty" / ".git").mkdir(parents=True)
    (tmp_path / "empty" / "readme.txt").write_text("x")
    (one,) = lint_paths([tmp_path / "empty"])
    assert (one.path, one.severity, one.rule) == (str(tmp_path / "empty"), "error", "no-file")
    assert "no *.json file" in one.message
