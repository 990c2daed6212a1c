"""`oa`, in the process of the tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import pytest


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit status."""

    returncode: int
    stdout: str
    stderr: str


Command: TypeAlias = Callable[..., Said]


@pytest.fixture
def oa(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command, in this process: a new one takes seconds to load all that it needs."""
    from oa_pipeline.cli import main

    def run(*arguments: str, **environment: str) -> Said:
        with monkeypatch.context() as patched:
            for name in [name for name in os.environ if name.startswith(("OA_", "DAGSTER_"))]:
                patched.delenv(name)
            for name, value in environment.items():
                patched.setenv(name, value)
            patched.setattr(sys, "argv", ["oa", *arguments])
            capsys.readouterr()
            with pytest.raises(SystemExit) as left:
                main()
        said = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return Said(left.value.code, said.out, said.err)

    return run
