"""Fixtures that every test folder shares.

They are imported here and nowhere else: each folder that imports one of a whole test process has it made once more.
"""

from __future__ import annotations

import gc
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as invention
from xdist.scheduler import LoadScopeScheduling

from oa_pipeline_tests.aws.amazon import amazon, moto_server
from oa_pipeline_tests.commands import oa
from oa_pipeline_tests.converting import one_converter
from oa_pipeline_tests.dagsters import coordinated, instance
from oa_pipeline_tests.database import database, empty_database, engine, home, ledger_template, server
from oa_pipeline_tests.s3 import bucket, credentials, s3_server

__all__ = [
    "amazon", "bucket", "coordinated", "credentials", "database", "empty_database", "engine", "home", "instance",
    "ledger_template", "moto_server", "oa", "one_converter", "s3_server", "server",
]  # fmt: skip
# The same examples at every run, and no judgement of how fast this machine makes them.
invention.register_profile("tests", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
invention.load_profile("tests")
# A developer's own settings, credentials, proxies, database, repository and data reach no test, nor what it starts.
FOREIGN = re.compile(
    "(AWS|BOTO|CPL|DAGSTER|GDAL|GIT|GITHUB|OA(?!_CHROMIUM)|OGR|PROJ)_|PG[A-Z]+$|.*_proxy$", re.IGNORECASE
)
NOBODYS = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM")
for foreign in [name for name in os.environ if FOREIGN.match(name)]:
    del os.environ[foreign]
os.environ.update(dict.fromkeys(NOBODYS, os.devnull))
HERE = Path(__file__).resolve().parent
SHARED = HERE.parents[1] / "shared"


LONG = ("browser", "workers", "up")  # folders; whoever does the first of them has done it when the others are done


class ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out whole files, and the browser's tests at once: what a file's tests share is made once."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return "browser" if "/browser/" in path else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """See xdist. Its own groups of tests are not known to this pytest."""
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that take long, waiting for processes of their own, begin first; none is left at the end."""
    items.sort(key=lambda item: _folder(item) not in LONG)


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(HERE).parts[0]


def pytest_collection_finish() -> None:
    """What is imported and collected stays to the end: no collection of garbage walks over it, and there are fewer."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


@pytest.fixture(autouse=True)
def no_inherited_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own OA_* variables never reach a test."""
    for name in list(os.environ):
        if name.startswith("OA_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of cases and corpus beside the checkout; the test is skipped where it does not exist."""
    if not SHARED.is_dir():
        pytest.skip("no shared/ folder beside this checkout")
    return SHARED
