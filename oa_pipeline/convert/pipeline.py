"""One conversion, from the downloaded file to the published ones: one pass over the rows, in constant memory.

unpack -> choose -> read (a thread ahead) -> attributes, geometry, features -> write (a thread behind)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..counters import Counters
from ..errors import ConvertError, Problem, SourceError
from ..sources.model import Conform, DataSource
from ..sources.parse import parse_declared
from . import judgement
from .archive import unpack
from .batch import Batch, Reader
from .choose import choose
from .crs import to_lonlat
from .functions import Program, compile_program, run_tests
from .geometry import locate
from .outputs import make_block
from .published import Published
from .readers import open_reader
from .task import Outcome, Task
from .threads import Behind, ahead

SAMPLE_ROWS = 5
_TELL_SECONDS = 0.5
Tell = Callable[[dict[str, Any]], None]


def try_tests(task: Task, work: Path, tell: Tell) -> Outcome:
    """Runs the data source's acceptance tests; TEST_FAILED when one does not give what it expects."""
    results = run_tests(_parsed(task), task.limits)
    tests = tuple(
        {"description": t.description, "passed": t.passed, "expected": t.expected, "got": t.got, "error": t.error}
        for t in results
    )
    failed = [t for t in results if not t.passed]
    if not failed:
        return Outcome(None, tests=tests)
    first = failed[0]
    said = first.error or f"expected {first.expected}, got {first.got}"
    cure = "correct the conform, or the test where it asks for the wrong thing"
    name = first.description or "a test without description"
    return Outcome(Problem.TEST_FAILED, f"{name}: {said}", cure, tests=tests)


def convert(task: Task, work: Path, tell: Tell) -> Outcome:
    """Converts the task's input into its outputs below `work`. Raises ConvertError; leaves no partial outputs then."""
    run = _Run(task, _parsed(task), work, tell)
    with run.stage("unpack"):
        path = run.unpacked()
    return run.converted(path)


def _parsed(task: Task) -> DataSource:
    return parse_declared(task.declared, task.coverage, task.source, task.layer)


@dataclass(slots=True)
class _Run:
    task: Task
    data_source: DataSource
    work: Path
    tell: Tell
    seconds: dict[str, float] = field(default_factory=dict)
    counters: Counters = field(default_factory=Counters)
    warnings: list[str] = field(default_factory=list)

    @property
    def conform(self) -> Conform:
        if self.data_source.conform is None:
            raise SourceError("there is no conform object", problem=Problem.NO_CONFORM)
        return self.data_source.conform

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - started, 3)

    def unpacked(self) -> Path:
        given = Path(self.task.input)
        if self.task.input_form == "esri":
            return given
        members = unpack(
            given,
            self.work / "unpacked",
            compression=self.data_source.compression,
            file_name=self.task.file_name,
            wanted=self.conform.file,
            limits=self.task.limits,
            warn=self.warnings.append,
        )
        return choose(members, self.conform)

    def converted(self, path: Path) -> Outcome:
        reader = self._reader(path)
        sample = self._sample(path)
        program = self._program(reader)
        outputs = Published(self.work, self.task, self.data_source)
        try:
            with self.stage("rows"):
                self._rows(reader, program, outputs)
            self.counters.merge(reader.counters)
            self.counters.merge(program.counters)
            self._judge(outputs)
            with self.stage("finish"):
                made = dict(outputs.close(sample))
        except BaseException:
            outputs.abort()
            raise
        self.warnings += judgement.advice(self.counters, outputs.rows, alike=outputs.alike)
        return Outcome(
            None,
            rows=outputs.rows,
            counters=dict(self.counters),
            outputs=made,
            warnings=tuple(self.warnings),
            geometry_type=outputs.geometry_type,
            bounds=outputs.bounds,
            sample=sample,
            content_hash=outputs.content_hash,
            seconds=self.seconds,
        )

    def _reader(self, path: Path) -> Reader:
        return open_reader(path, self.conform, self.task.limits, form=self.task.input_form)

    def _program(self, reader: Reader) -> Program:
        program = compile_program(
            self.conform,
            self.data_source.layer,
            self.data_source.attributes,
            reader.columns,
            missing_is_empty=reader.missing_is_empty,
            limits=self.task.limits,
        )
        self.warnings += program.warnings
        for lost in program.missing:
            self.counters.add(f"field/{lost.attribute}/missing-column")
        return program

    def _rows(self, reader: Reader, program: Program, outputs: Published) -> None:
        projection = to_lonlat(reader.crs, self.data_source.key)
        layer, names = self.data_source.layer, self.data_source.attributes
        behind = Behind(outputs.write)
        told = time.monotonic()
        try:
            for batch in ahead(reader.batches(program.wanted)):
                located = locate(batch.geometry, projection, layer, self.counters)
                block = make_block(program.run(batch.text), names, layer, located)
                outputs.count(block, self.counters)
                behind.put(block)
                if time.monotonic() - told >= _TELL_SECONDS:
                    told = time.monotonic()
                    self.tell({"rows": outputs.rows})
            behind.finish()
        finally:
            behind.stop()
        self.tell({"rows": outputs.rows})

    def _judge(self, outputs: Published) -> None:
        if not outputs.rows:
            raise judgement.no_features(self.counters)
        judgement.refuse_mostly_bad(self.counters)

    def _sample(self, path: Path) -> tuple[tuple[str, ...], ...]:
        """The publisher's own columns and first rows, as text."""
        reader = self._reader(path)
        batches = reader.batches(frozenset(reader.columns))
        try:
            first: Batch | None = next(iter(batches), None)
        except ConvertError:
            return ()  # the pass over all rows says it better
        if first is None:
            return ()
        rows = first.text.head(SAMPLE_ROWS)
        return (tuple(rows.columns), *rows.iter_rows())
