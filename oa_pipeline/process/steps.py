"""The steps of one run, in the order in which they have always been taken: skip, tests, download, conversion."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..convert.sandbox import Converter
from ..convert.task import FORMATS, Limits, Outcome, Task
from ..counters import Counters
from ..crash import point
from ..errors import ConverterDied, FetchError, OAError, Problem, SourceError
from ..fetch import Budget, Fetched, Guard, Hosts, fetch
from ..fetch.model import Progress
from ..settings import MIB, Settings
from ..sources.keys import member_name
from ..sources.model import DataSource
from . import outside
from .folder import clear, set_apart, take
from .index import RunFacts, index_of
from .log import RunLog, readable_text
from .wanted import Wanted

OUTPUT_LOG, INDEX, WORK, PARQUET = "output.txt", "index.json", "work", "parquet"
NO_MAPS = Wanted()


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended and which files it left in its folder, by kind: cache, geojson, csv, parquet, sample, log, index.

    `transient`: the same run may succeed later (the publisher's server was unwell). `glimpse`: a small preview, PNG.
    """

    fetched: Fetched | None
    outcome: Outcome
    index: Mapping[str, Any]
    files: Mapping[str, Path]
    transient: bool = False
    same_download: bool = False
    glimpse: bytes = b""


class _SameDownload(Exception):  # noqa: N818 - not a failure
    """There is nothing to convert: the caller has the results of this very download."""


def process(
    data_source: DataSource,
    folder: Path,
    *,
    settings: Settings,
    converter: Converter | None = None,
    formats: tuple[str, ...] = FORMATS,
    plain_geojson: bool = False,
    fetched: Fetched | None = None,
    known_sha256: Collection[str] = (),
    hosts: Hosts | None = None,
    run: RunFacts | None = None,
    maps: Wanted = NO_MAPS,
    on_progress: Callable[[str, int, int | None], None] | None = None,
    echo: Callable[[str], None] | None = None,
) -> Result:
    """Does all there is to do for one data source in `folder`, which is made if need be and cleared of an earlier run.

    What is the source's or the publisher's fault does not raise: `Result.outcome` has problem, detail and cure. What
    is our own fault (walls down, disk full) does. `converter` is shared by those who live long; `fetched` spares the
    download; one whose SHA-256 is in `known_sha256` is not converted, and `Result.same_download` says so. `run` goes
    into index.json. `maps` are made of a good result, within bounds of their own: one that cannot be made is told as a
    warning. `on_progress` gets a stage ("download", "convert", "preview", "tiles"), how far it is, and of how much,
    where that is known.
    """
    began, started = datetime.now(UTC), time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    clear(folder, data_source.protocol, keep=fetched.path if fetched else None)
    steps = _Steps(data_source, folder, settings, formats, plain_geojson, hosts, on_progress or (lambda *_: None), maps)
    steps.known_sha256 = frozenset(known_sha256)
    with RunLog(folder / OUTPUT_LOG, echo=echo) as log:
        log.say(f"{data_source.key}: started")
        transient = False
        try:
            with own_or(converter, settings) as sandbox:
                outcome = steps.with_maps(sandbox, log, steps.run(sandbox, log, fetched))
            outcome = outside.told(data_source, outcome, folder)
        except _SameDownload:
            log.say("done: the download is the one that was converted before")
            return Result(steps.fetched, Outcome(None), {}, {"log": folder / OUTPUT_LOG}, same_download=True)
        except (SourceError, FetchError) as error:
            transient = isinstance(error, FetchError) and error.transient
            outcome = Outcome(error.problem, error.detail, error.cure)
        except ConverterDied as error:
            outcome = Outcome(error.problem, error.detail, error.cure)
        except OAError as error:
            if error.problem is Problem.OUR_FAULT:
                log.say(str(error), level="ERROR")
                raise
            outcome = Outcome(error.problem, error.detail, error.cure)
        fetched = steps.fetched
        warnings = (*outcome.warnings, *_coverage_warning(data_source))
        outcome = readable_text(replace(outcome, tests=steps.tests, warnings=warnings))
        _say_outcome(log, outcome)
    index = index_of(
        data_source, fetched, outcome, started=began, seconds=time.monotonic() - started, run=run, maps=steps.maps
    )
    (folder / INDEX).write_text(json.dumps(index, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
    return Result(fetched, outcome, index, _files(folder, fetched, outcome), transient, glimpse=steps.glimpse)


@contextmanager
def own_or(converter: Converter | None, settings: Settings) -> Iterator[Converter]:
    """The converter of those who live long, else one for this block."""
    if converter is not None:
        yield converter
        return
    with Converter(walls="required" if settings.sandbox == "required" else "recorded") as own:
        yield own


@dataclass(slots=True)
class _Steps:
    data_source: DataSource
    folder: Path
    settings: Settings
    formats: tuple[str, ...]
    plain_geojson: bool
    hosts: Hosts | None
    on_progress: Callable[[str, int, int | None], None]
    wanted: Wanted
    maps: Mapping[str, Any] = field(default_factory=dict)
    glimpse: bytes = b""
    fetched: Fetched | None = None
    known_sha256: frozenset[str] = frozenset()
    tests: tuple[dict[str, Any], ...] = ()

    def run(self, converter: Converter, log: RunLog, fetched: Fetched | None) -> Outcome:
        """The outcome; `fetched` and `tests` tell how far it came."""
        if self.data_source.skip:
            return Outcome(Problem.SKIPPED)
        if self.data_source.tests and self.data_source.conform is not None:
            tried = self._in_sandbox(converter, log, self._task("tests", None))
            self.tests = tried.tests
            if tried.problem is not None:
                return tried
        self.fetched = set_apart(fetched or self._fetch(log), self._task("convert", None))
        if self.fetched.sha256 in self.known_sha256:
            raise _SameDownload
        readable(self.data_source)
        return self._in_sandbox(converter, log, self._task("convert", self.fetched))

    def with_maps(self, converter: Converter, log: RunLog, outcome: Outcome) -> Outcome:
        """The outcome with the maps that are wanted, as far as they can be made."""
        if not self.wanted or outcome.problem is not None or PARQUET not in outcome.outputs:
            return outcome
        from . import pictures

        parquet = self.folder / outcome.outputs[PARQUET].path
        drawn = pictures.draw(
            converter,
            self.data_source,
            parquet,
            self.folder,
            self.wanted,
            settings=self.settings,
            on_progress=self.on_progress,
        )
        self.maps, self.glimpse = drawn.facts, drawn.glimpse
        for kind, output in sorted(drawn.outputs.items()):
            log.say(f"{kind}: {output.path}, {output.size:,} bytes, {output.rows:,} points")
        if left_out := drawn.facts.get("slippy map", {}).get("left out"):
            log.warn(f"pmtiles: {left_out:,} points are in no tile of the highest zoom, which would be too large")
        made = {kind: output for kind, output in outcome.outputs.items() if kind in self._kinds}
        if PARQUET not in made:
            parquet.unlink()
        return replace(
            outcome,
            outputs={**made, **drawn.outputs},
            warnings=(*outcome.warnings, *drawn.warnings),
            seconds={**outcome.seconds, **drawn.seconds},
        )

    @property
    def _kinds(self) -> frozenset[str]:
        """What a conversion leaves in the folder; maps are made of GeoParquet, wanted or not."""
        return frozenset({*self.formats, "sample"})

    def _fetch(self, log: RunLog) -> Fetched:
        def on_progress(progress: Progress) -> None:
            self.on_progress("download", progress.done, progress.total)
            total = f" of {progress.total:,}" if progress.total else ""
            log.progress(f"downloaded {progress.done:,}{total} {progress.unit}")

        log.say(f"download: {self.data_source.data}")
        fetched = fetch(
            self.data_source,
            self.folder,
            budget=budget_of(self.settings),
            guard=guard_of(self.settings),
            hosts=self.hosts,
            on_progress=on_progress,
        )
        log.say(f"download: {fetched.size:,} bytes in {fetched.seconds:.1f} s, sha256 {fetched.sha256}")
        for note in fetched.notes:
            log.warn(f"download: {note}")
        point("fetch.done")
        return fetched

    def _task(self, what: str, fetched: Fetched | None) -> Task:
        assert self.data_source.declared is not None
        return Task(
            source=self.data_source.source,
            layer=str(self.data_source.layer),
            name=self.data_source.name,
            declared=dict(self.data_source.declared),
            coverage=dict(self.data_source.coverage.declared),
            input=os.path.relpath(fetched.path, self.folder / WORK) if fetched else "",
            input_form=fetched.form if fetched else "file",
            file_name=fetched.file_name if fetched else "",
            content_type=fetched.content_type if fetched else "",
            what="tests" if what == "tests" else "convert",
            formats=(*self.formats, PARQUET) if self.wanted and PARQUET not in self.formats else self.formats,
            member="" if self.data_source.first else member_name(self.data_source.source, self.data_source.name),
            plain_geojson=self.plain_geojson,
            limits=limits_of(self.settings),
        )

    def _in_sandbox(self, converter: Converter, log: RunLog, task: Task) -> Outcome:
        """Runs the task below `folder` and takes over the files that its outcome names, and no others."""
        work = self.folder / WORK
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(mode=0o700)

        def on_event(event: dict[str, Any]) -> None:
            if isinstance(rows := event.get("rows"), int):
                self.on_progress("convert", rows, None)
                log.progress(f"converted {rows:,} rows")

        try:
            path = self.fetched.path if self.fetched and task.input else None
            outcome = converter.run(task, work, input=path, on_event=on_event)
            take(outcome.outputs, task, work, self.folder)
            point("convert.done")
            return outcome
        finally:
            shutil.rmtree(work, ignore_errors=True)


def readable(data_source: DataSource) -> None:
    """Raises SourceError where the conform gives no way to read the data."""
    if data_source.conform is None:
        raise SourceError(
            "there is no conform object",
            place=data_source.key,
            cure="say under `conform` which format the data has and which columns hold what",
            problem=Problem.NO_CONFORM,
        )
    if data_source.conform.format is None:
        raise SourceError(
            f"unknown format {data_source.conform.format_text!r}",
            place=data_source.key,
            cure="use csv, geojson, shapefile, gdb, gpkg, xml or kml",
            problem=Problem.UNKNOWN_FORMAT,
        )


def guard_of(settings: Settings) -> Guard:
    """Where a download may go."""
    return Guard(
        allow_local=settings.allow_local_sources, unverified_tls_hosts=frozenset(settings.unverified_tls_hosts)
    )


def budget_of(settings: Settings) -> Budget:
    """What a download may take."""
    return Budget(bytes=settings.download_mib * MIB, seconds=float(settings.download_seconds))


def limits_of(settings: Settings) -> Limits:
    """What a converter may take."""
    return Limits(
        memory=settings.convert_memory_mib * MIB,
        cpu_seconds=settings.convert_cpu_seconds,
        seconds=settings.convert_seconds,
        rows=settings.convert_rows or None,
    )


def _files(folder: Path, fetched: Fetched | None, outcome: Outcome) -> dict[str, Path]:
    files = {"log": folder / OUTPUT_LOG, "index": folder / INDEX}
    if fetched is not None:
        files["cache"] = fetched.path
    for kind, output in outcome.outputs.items():
        files[kind] = folder / output.path
    return files


def _coverage_warning(data_source: DataSource) -> tuple[str, ...]:
    if data_source.coverage.complete or data_source.skip:
        return ()
    return ("Missing or incomplete coverage: name a US Census geoid, an ISO 3166 code or a geometry",)


def _say_outcome(log: RunLog, outcome: Outcome) -> None:
    for warning in outcome.warnings:
        log.warn(warning)
    for name, count in Counters(outcome.counters).items():
        log.say(f"{name}: {count:,}")
    for name, why in outcome.walls.items():
        if why != "up":
            log.warn(f"sandbox: the {name} wall is down: {why}")
    if outcome.problem is None:
        log.say(f"done: {outcome.rows:,} rows")
    elif outcome.problem is Problem.SKIPPED:
        log.say(str(outcome.problem))
    else:
        cure = f" ({outcome.cure})" if outcome.cure else ""
        log.say(f"{outcome.problem}: {outcome.detail}{cure}", level="ERROR")
