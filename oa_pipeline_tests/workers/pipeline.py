"""A code location for tests: the asset `source` and the sensor that sees to lost runs, and nothing else."""

from __future__ import annotations

from dagster import Definitions, define_asset_job, in_process_executor

from oa_pipeline.assets.source import source
from oa_pipeline.automation.sensors import lost_runs
from oa_pipeline.orchestration.workplace import Workplace

defs = Definitions(
    assets=[source],
    jobs=[define_asset_job("process", selection=[source], executor_def=in_process_executor)],
    sensors=[lost_runs],
    executor=in_process_executor,
    resources={"workplace": Workplace()},
)
