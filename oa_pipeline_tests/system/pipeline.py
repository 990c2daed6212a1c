"""A code location for tests: what processes a set, as `oa_pipeline.definitions` has it, and nothing else."""

from __future__ import annotations

from dagster import Definitions, define_asset_job, in_process_executor

from oa_pipeline.assets.source import source
from oa_pipeline.automation.probe_job import probe_job
from oa_pipeline.automation.sensors import lost_runs
from oa_pipeline.automation.weekly import feed_sensor, weekly_set
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.settings import Settings

workplace = Workplace(Settings.from_env())
process = define_asset_job("process", selection=[source], executor_def=in_process_executor)
probe = probe_job(workplace)
defs = Definitions(
    assets=[source, weekly_set],
    jobs=[process, probe],
    sensors=[lost_runs, feed_sensor(workplace.settings, [process, probe])],
    executor=in_process_executor,
    resources={"workplace": workplace},
)
