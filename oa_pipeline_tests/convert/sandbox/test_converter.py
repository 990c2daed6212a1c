"""The sandbox: what a converter cannot do, and that its end, however it comes, is an ordinary outcome."""

from __future__ import annotations

import gc
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from oa_pipeline.convert.sandbox import Converter
from oa_pipeline.convert.task import Limits, Outcome, Output, Task
from oa_pipeline.errors import ConverterDied, ConvertError
from oa_pipeline_tests.processes import alive, until

ROOT = Path(__file__).resolve().parents[3]
BODY = "oa_pipeline_tests.convert.sandbox.bodies:body"
UNFILTERED = "oa_pipeline_tests.convert.sandbox.unfiltered:body"
LIMITS = Limits(seconds=60, cpu_seconds=60)

Act = Callable[..., Outcome]


@pytest.fixture(scope="module")
def converter() -> Iterator[Converter]:
    with Converter(body=BODY, path=(ROOT,)) as warm:
        yield warm


@pytest.fixture(scope="module")
def unfiltered() -> Iterator[Converter]:
    """As on a kernel that cannot filter system calls."""
    with Converter(body=UNFILTERED, path=(ROOT,)) as warm:
        yield warm


@pytest.fixture
def act(converter: Converter, tmp_path: Path) -> Act:
    """Runs one act in a converter with a fresh work folder."""
    return acting(converter, tmp_path)


def acting(converter: Converter, tmp_path: Path) -> Act:
    def run(name: str, *, limits: Limits = LIMITS, on_event: Any = None, **declared: Any) -> Outcome:
        work = tmp_path / f"work-{time.monotonic_ns()}"
        work.mkdir()
        return converter.run(task(name, limits, **declared), work, input=None, on_event=on_event)

    return run


def task(name: str, limits: Limits = LIMITS, **declared: Any) -> Task:
    return Task(
        source="x",
        layer="addresses",
        name="n",
        declared={"act": name, **declared},
        coverage={},
        input="",
        input_form="file",
        file_name="",
        content_type="",
        limits=limits,
    )


def test_libraries_with_threads_work_after_the_fork(act: Act) -> None:
    assert act("threads").detail == "488890"


def test_what_converting_needs_is_loaded_and_what_it_does_not_need_is_not(act: Act) -> None:
    names = ["polars", "pyarrow", "pyogrio", "shapely", "pyproj", "pandas", "geopandas"]
    assert json.loads(act("loaded", names=names).detail) == names[:5]


def test_a_crash_is_an_outcome_and_the_next_source_is_unaffected(act: Act) -> None:
    with pytest.raises(ConverterDied, match="SIGSEGV"):
        act("crash")

    assert act("threads").problem is None


def test_cpu_time_is_limited(act: Act) -> None:
    with pytest.raises(ConverterDied, match="1 seconds of CPU time"):
        act("spin", limits=replace(LIMITS, cpu_seconds=1))


def test_wall_clock_time_is_limited_even_for_who_ignores_signals(act: Act) -> None:
    with pytest.raises(ConverterDied, match="longer than 1 seconds"):
        act("hang", limits=replace(LIMITS, seconds=1))


def test_memory_is_limited(act: Act) -> None:
    with pytest.raises(ConverterDied, match="MemoryError"):
        act("fill_memory", limits=replace(LIMITS, memory=2 * 1024**3))


def test_file_size_is_limited(act: Act) -> None:
    assert act("fill_disk", limits=replace(LIMITS, file_bytes=4 * 1024**2)).detail == "File too large"


def test_open_files_are_limited(act: Act) -> None:
    assert int(act("open_files", limits=replace(LIMITS, open_files=64)).detail) < 64


def test_the_network_is_out_of_reach(act: Act) -> None:
    asked = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)
        outcome = act("connect", port=server.getsockname()[1])
        try:
            server.accept()[0].close()
            asked.set()
        except TimeoutError:
            pass

    if outcome.walls["network"] != "up":
        pytest.skip(f"this machine cannot raise it: {outcome.walls['network']}")
    assert outcome.detail.startswith("refused")
    assert not asked.is_set()


def test_nothing_is_written_outside_the_work_folder_and_no_secret_is_read(act: Act, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a password")
    secret.chmod(0o644)
    tmp_path.chmod(0o777)

    outcome = act("look_around", read=str(secret), write=str(tmp_path / "planted"))

    if outcome.walls["files"] != "up":
        pytest.skip(f"this machine cannot raise it: {outcome.walls['files']}")
    said = json.loads(outcome.detail)
    assert said["read"].startswith("denied")
    assert said["write"].startswith("denied")
    assert not (tmp_path / "planted").exists()


def test_it_runs_under_a_user_of_its_own_where_that_is_possible(act: Act) -> None:
    outcome = act("look_around", read="/dev/null", write="/dev/null")

    if outcome.walls["user"] != "up":
        pytest.skip(f"this machine cannot raise it: {outcome.walls['user']}")
    assert int(json.loads(outcome.detail)["user"]) not in (0, os.getuid())


def test_its_environment_holds_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sentinel-1")
    monkeypatch.setenv("OA_DATABASE_URL", "postgresql://u:sentinel-2@db/x")
    with Converter(body=BODY, path=(ROOT,)) as fresh:
        (tmp_path / "work").mkdir()
        held = fresh.run(task("environment"), tmp_path / "work", input=None).detail

    assert "sentinel" not in held
    assert {"PATH", "LANG", "GDAL_SKIP"} <= set(json.loads(held))
    assert not {n for n in json.loads(held) if n.startswith(("OA_", "AWS_"))}


def test_it_holds_no_file_but_the_pipe_for_its_progress(act: Act) -> None:
    held = [name for name in json.loads(act("descriptors").detail) if not name.startswith("/proc/")]

    assert len([name for name in held if name.startswith("pipe:")]) <= 1
    assert not [name for name in held if name.startswith("socket:")]


def test_no_socket_program_process_or_namespace_is_to_be_had(act: Act, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "sock"))
        server.listen()
        (tmp_path / "sock").chmod(0o777)
        outcome = act("break_out", socket=str(tmp_path / "sock"), asker=os.getpid())

    if "Seccomp:" not in Path("/proc/self/status").read_text() or platform.machine() not in ("x86_64", "aarch64"):
        pytest.skip(f"this machine cannot raise it: {outcome.walls['calls']}")
    assert outcome.walls["calls"] == "up"
    said = json.loads(outcome.detail)
    assert said.pop("a signal to itself") == "done"
    assert said.pop("another process by its new call") == "ENOSYS"
    assert len(said) == 11
    assert set(said.values()) == {"EPERM"}


def test_who_detaches_is_ended_with_the_rest(unfiltered: Converter, tmp_path: Path) -> None:
    left: list[int] = []

    outcome = acting(unfiltered, tmp_path)("detach", on_event=lambda event: left.append(event["left"]))

    assert outcome.walls["calls"] == "no filter on this kernel"
    assert left
    assert not alive(left[0])


def test_noise_is_kept_small_and_harmless(act: Act) -> None:
    with pytest.raises(ConverterDied, match="exit status 3") as died:
        act("shout")

    assert "last words" in str(died.value)
    assert "\x1b" not in str(died.value)


@pytest.mark.parametrize("name", ["lie", "link_out"])
def test_an_answer_that_cannot_be_trusted_is_a_death(act: Act, tmp_path: Path, name: str) -> None:
    (tmp_path / "other.json").write_text(json.dumps(Outcome(None, rows=5).as_json()))

    with pytest.raises(ConverterDied, match="no usable answer"):
        act(name, read=str(tmp_path / "other.json"))


WHOLE = Outcome(None, detail="é", bounds=(1.0, 2.0, 3.0, 4.0), outputs={"csv": Output("a.zip", 1, "0", 2)}).as_json()
ODD = {
    "no number": json.dumps({**WHOLE, "bounds": [1, 2, 3, float("nan")]}),
    "text for a count": json.dumps({**WHOLE, "counters": {"rows/read": "many"}}),
    "a list for an output": json.dumps({**WHOLE, "outputs": {"csv": ["a.zip", 1, "0"]}}),
    "an unknown problem": json.dumps({**WHOLE, "problem": "It is all fine"}),
    "half a surrogate": json.dumps({**WHOLE, "detail": "\ud800"}),
    "lists without end": "[" * 200_000,
    "nothing": "",
}


@pytest.mark.parametrize("name", ODD)
def test_an_answer_of_other_types_is_a_death(act: Act, name: str) -> None:
    with pytest.raises(ConverterDied, match="no usable answer"):
        act("answer_with", answer=ODD[name])


def test_a_whole_answer_comes_through(act: Act) -> None:
    assert replace(act("answer_with", answer=json.dumps(WHOLE)), peak_memory=0, cpu_seconds=0.0).as_json() == WHOLE


def test_killing_whoever_asked_ends_the_converter(tmp_path: Path) -> None:
    told = tmp_path / "work" / "told"
    code = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from oa_pipeline.convert.sandbox import Converter
from oa_pipeline_tests.convert.sandbox.test_converter import task, BODY
work = Path({str(tmp_path / "work")!r}); work.mkdir()
with Converter(body=BODY, path=(Path({str(ROOT)!r}),)) as converter:
    converter.run(task("hang", told="told"), work, input=None)
"""
    asker = subprocess.Popen([sys.executable, "-c", code])
    try:
        until(lambda: told.exists() and told.read_text().isdigit())
        pid = int(told.read_text())
        assert alive(pid)
        asker.send_signal(signal.SIGKILL)
        asker.wait()
        until(lambda: not alive(pid))
    finally:
        asker.kill()
        asker.wait()


def test_an_exception_in_the_asker_ends_the_converter(unfiltered: Converter, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    seen: list[int] = []

    def interrupt(event: dict[str, Any]) -> None:
        seen.append(event["left"])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unfiltered.run(task("detach"), work, input=None, on_event=interrupt)

    assert not alive(seen[0])


@pytest.mark.parametrize(
    ("python", "why"),
    [("/nonexistent/python", "No such file"), ("/bin/false", "did not start")],
    ids=["no-program", "one-that-ends"],
)
def test_a_server_that_does_not_come_up_is_told_and_leaves_nothing_open(
    python: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", python)
    with warnings.catch_warnings(record=True) as unclosed:
        warnings.simplefilter("always", ResourceWarning)
        with Converter(body=BODY, path=(ROOT,)) as cold, pytest.raises(ConvertError, match=why) as caught:
            cold.start()
        del caught
        gc.collect()
    assert not [str(each.message) for each in unclosed if "socket" in str(each.message)]


def test_a_killed_server_is_started_again(tmp_path: Path) -> None:
    with Converter(body=BODY, path=(ROOT,)) as fresh:
        (tmp_path / "one").mkdir()
        (tmp_path / "two").mkdir()
        assert fresh.run(task("threads"), tmp_path / "one", input=None).problem is None
        assert fresh._server is not None
        fresh._server.kill()
        fresh._server.wait()

        assert fresh.run(task("threads"), tmp_path / "two", input=None).problem is None


def test_several_converters_run_at_once_and_each_gets_its_own_answer(converter: Converter, tmp_path: Path) -> None:
    answers: dict[int, str] = {}

    def one(number: int) -> None:
        work = tmp_path / str(number)
        work.mkdir()
        limits = replace(LIMITS, open_files=32 + number)
        answers[number] = converter.run(task("open_files", limits), work, input=None).detail

    threads = [threading.Thread(target=one, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(200)

    assert len({int(answers[n]) - n for n in range(6)}) == 1
