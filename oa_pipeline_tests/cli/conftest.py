from __future__ import annotations

from oa_pipeline_tests.database import database, empty_database, engine, home, ledger_template, server

__all__ = ["database", "empty_database", "engine", "home", "ledger_template", "server"]
