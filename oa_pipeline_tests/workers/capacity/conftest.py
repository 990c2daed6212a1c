from __future__ import annotations

from oa_pipeline_tests.aws.amazon import amazon, moto_server
from oa_pipeline_tests.database import database, engine, ledger_template, server

__all__ = ["amazon", "database", "engine", "ledger_template", "moto_server", "server"]
