"""Attribute functions: what a conform makes of a row's cells, for whole columns at a time.

`compile_program` turns a conform into a Program, `Program.run` turns batches of text columns into attributes, and
`run_tests` holds a source's own acceptance tests against the same program.
"""

from __future__ import annotations

from .acceptance import TestResult, run_tests
from .program import MissingColumn, Program, compile_program

__all__ = ["MissingColumn", "Program", "TestResult", "compile_program", "run_tests"]
