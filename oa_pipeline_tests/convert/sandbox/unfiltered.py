"""The same acts in converters on a kernel that cannot filter system calls: imported by the fork server only."""

from __future__ import annotations

from oa_pipeline.convert.sandbox import calls
from oa_pipeline_tests.convert.sandbox.bodies import body

__all__ = ["body"]

calls.restrict = lambda **_: "no filter on this kernel"
