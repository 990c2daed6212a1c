"""Tags of Dagster's runs by which their turn, their limits and who asked for them are told."""

from __future__ import annotations

KIND_TAG = "oa/kind"
PULL_REQUEST, BATCH, PERSON, COLLECT = "pull-request", "batch", "person", "collect"
HOST_TAG = "oa/host"  # the publisher's host, so that no publisher gets more than a few of us at once
SET_TAG = "oa/set"  # the number of the set that asked for the run
JOB_TAG = "oa/job"  # the job, one event of GitHub's, that asked for the run
AUTHOR_TAG = "oa/author"  # whose pull request it is, so that nobody gets all the slots
SHARED_TAG = "oa/slots"  # on all runs but those of pull requests: the slots that these may have
WORKER_TAG = "oa/worker"  # whose slots the run takes
POOL, DEDICATED = "pool", "dedicated"  # any worker's; an instance of its own, where the launcher has such
TYPE_TAG, DISK_TAG, HOURS_TAG = "oa/instance_type", "oa/disk_gb", "oa/hours"  # of such an instance
INSTANCE_TAG = "oa/instance"  # its number
PARTITION_TAG, BACKFILL_TAG = "dagster/partition", "dagster/backfill"
PRIORITY_TAG = "dagster/priority"
RUN_KEY_TAG = "dagster/run_key"
PROPOSALS = "proposals"  # the dynamic partitions of what pull requests propose
PULL_REQUEST_PRIORITY = "10"  # before everything else
BATCH_PRIORITY = "-1"  # behind pull requests and people
COLLECT_PRIORITY = "5"  # before people and sets: what is made of many runs
