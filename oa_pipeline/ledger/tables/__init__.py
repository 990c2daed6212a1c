"""The ledger's tables, schema `oa` of the one database that Dagster uses too.

Types that cannot lie: a status is an enum, an outcome is a column a fact, and constraints hold what must be true of
every row. Migrations create these; a test holds the two together.
"""

from .base import SCHEMA, metadata
from .coverage import coverage_areas, coverage_sources
from .github import Debt, DeliveryStatus, JobStatus, deliveries, job_members, jobs, outbox
from .publications import BuildStatus, artifacts, builds, dotmap_areas, tiles, zips
from .runs import RunStatus, late_results, partitions, pointers, renames, run_numbers, runs
from .sets import Outcome, SetStatus, Step, set_members, sets
from .workers import Stage, assignments, heartbeats, notices

__all__ = [
    "SCHEMA", "BuildStatus", "Debt", "DeliveryStatus", "JobStatus", "Outcome", "RunStatus", "SetStatus", "Stage",
    "Step", "artifacts", "assignments", "builds", "coverage_areas", "coverage_sources", "deliveries", "dotmap_areas",
    "heartbeats", "job_members", "jobs", "late_results", "metadata", "notices", "outbox", "partitions", "pointers",
    "renames", "run_numbers", "runs", "set_members", "sets", "tiles", "zips",
]  # fmt: skip
