"""One data source from its address to its files: tests, download, conversion, maps. No database, no Dagster."""

from __future__ import annotations

from .steps import Result, process
from .wanted import Wanted

__all__ = ["Result", "Wanted", "process"]
