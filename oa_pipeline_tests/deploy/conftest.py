from __future__ import annotations

from oa_pipeline_tests.database import database, engine, ledger_template, server
from oa_pipeline_tests.publish.conftest import bucket, credentials, s3_server

__all__ = ["bucket", "credentials", "database", "engine", "ledger_template", "s3_server", "server"]
