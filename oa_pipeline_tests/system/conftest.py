from __future__ import annotations

from oa_pipeline_tests.database import database, ledger_template, server

__all__ = ["database", "ledger_template", "server"]
