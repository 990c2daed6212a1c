"""A program behind the walls: it runs itself and nothing else, and its end, however it comes, is told."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from oa_pipeline.convert.sandbox import Converter, Ended, Program
from oa_pipeline.convert.task import Limits

LIMITS = Limits(seconds=60, cpu_seconds=60)
Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def converter() -> Iterator[Converter]:
    with Converter() as warm:
        yield warm


@pytest.fixture
def run(converter: Converter, tmp_path: Path) -> Run:
    """Runs a script of the shell, or another program."""

    def run(
        script: str,
        *,
        limits: Limits = LIMITS,
        fed: Iterable[bytes] | None = None,
        input: Path | None = None,
        program: str = "/bin/sh",
    ) -> Ended:
        work = tmp_path / f"work-{time.monotonic_ns()}"
        work.mkdir()
        return converter.execute(Program(program, ("-c", script)), work, limits=limits, fed=fed, input=input)

    return run


def commands() -> bytes:
    """The command lines of all processes there are."""
    found = b""
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found += line.read_bytes()
    return found


def test_how_it_ends_and_what_it_says_is_known(run: Run) -> None:
    ended = run("echo words >&2; exit 7")
    assert (ended.status, ended.why, ended.said) == (7, "", "words\n")
    assert ended.walls["calls"] == "up"
    assert ended.walls["files"] == "up"


@pytest.mark.parametrize(
    "script",
    ["/bin/ls", "exec /bin/ls", "exec /usr/bin/env", "(echo a)", "echo a | read b", "read x < /etc/hostname"],
    ids=["a program", "another instead", "one more", "a process", "a pipe", "a file that is not its own"],
)
def test_what_it_may_not_fails(run: Run, script: str) -> None:
    assert run(f"{script} || exit 9; exit 0").status not in {0}


def test_it_writes_its_folder_and_reads_its_input(run: Run, tmp_path: Path) -> None:
    given = tmp_path / "given.txt"
    given.write_text("hello\n")
    assert run("read x < ../given.txt && echo $x > made && read y < made && echo $y", input=given).said == "hello\n"
    assert run("read x < ../given.txt").status != 0
    assert run("echo no > ../given.txt", input=given).status != 0
    assert given.read_text() == "hello\n"


def test_it_reads_what_it_is_fed_and_no_more_is_taken_than_it_reads(run: Run) -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"line\n" * 2000

    assert run("read x; read y; echo $x $y", fed=endless()).said == "line line\n"
    assert taken < 100
    assert run("read x; echo [$x]", fed=[]).said == "[]\n"
    assert run("read x || echo nothing").said == "nothing\n"


def test_what_feeding_raises_ends_it_and_is_raised(run: Run) -> None:
    def broken() -> Iterator[bytes]:
        yield b"a\n"
        raise KeyError("the store is gone")

    name = f"of_{uuid4().hex}"  # so that nobody else's is taken for it
    with pytest.raises(KeyError):
        run(f"while read {name}; do :; done; while :; do :; done", fed=broken())
    assert name.encode() not in commands()


@pytest.mark.parametrize(
    ("script", "limits", "status", "why"),
    [
        ("while :; do :; done", replace(LIMITS, seconds=1), -9, "time"),
        ("while :; do :; done", replace(LIMITS, cpu_seconds=1), -24, ""),
        ("kill -SEGV $$", LIMITS, -11, ""),
        ("while :; do echo 0123456789; done > big", replace(LIMITS, file_bytes=64 * 1024), -25, ""),
    ],
    ids=["time", "CPU time", "a crash", "a large file"],
)
def test_limits_and_crashes_end_it(run: Run, script: str, limits: Limits, status: int, why: str) -> None:
    ended = run(script, limits=limits)
    assert (ended.status, ended.why) == (status, why)


def test_its_environment_holds_no_secret(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OA_GITHUB_TOKEN", "sentinel")
    assert "sentinel" not in run("set").said


def test_a_script_runs_with_its_interpreter(run: Run, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\necho told\nexit 4\n")
    script.chmod(0o755)
    ended = run("", program=str(script))
    assert (ended.status, ended.said) == (4, "told\n")


def test_who_is_no_program_is_told_of(run: Run, tmp_path: Path) -> None:
    ended = run("", program=str(tmp_path / "missing"))
    assert ended.status == 1
    assert "FileNotFoundError" in ended.said


def test_folders_that_are_closed_to_others_are_no_hindrance(converter: Converter, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    work = closed / "work"
    work.mkdir(parents=True)
    closed.chmod(0o700)
    # By its whole path, as programs go.
    ended = converter.execute(Program("/bin/sh", ("-c", f"echo made > {work}/made")), work, limits=LIMITS)
    assert (ended.status, os.listdir(work)) == (0, ["made"])  # noqa: PTH208 - names are enough
