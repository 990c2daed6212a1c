from __future__ import annotations

from oa_pipeline_tests.aws.amazon import amazon, moto_server

__all__ = ["amazon", "moto_server"]
