"""One data source from its address to its files: tests, download, conversion. No database, no Dagster."""

from __future__ import annotations

from .steps import Result, process

__all__ = ["Result", "process"]
