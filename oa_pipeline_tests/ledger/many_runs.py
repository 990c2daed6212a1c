"""A ledger after years: 250,000 runs of 5,000 data sources in 60 sets, 3,000 jobs, and all that belongs to them.

Filled by the database itself in a few seconds. Numbers are computed rather than drawn, so that every filling is the
same: a run's number tells its set and its data source.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from oa_pipeline.ledger.urls import normalised

NOW = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)

PARTITIONS = 5_000  # of the default branch; the last of them have left it
MEMBERS = 4_861  # in the repository now
SETS, NEW_SETS = 60, 3  # the older ones were smaller, and their members are not kept
OLD_MEMBERS = 4_060
JOBS = 3_000
RUNS = 250_000

BY_SETS = (SETS - NEW_SETS) * OLD_MEMBERS + NEW_SETS * MEMBERS
BY_JOBS = JOBS
BY_HAND = RUNS - BY_SETS - BY_JOBS  # of the first of the data sources, the last ones at work

BLOB = f"{7:040x}"
KEY = "us/ca/c7/addresses/county"
SOURCE = "us/ca/c7"
SET = SETS  # it is open
JOB = f"job-{JOBS:05d}"  # it is open
PULL_REQUEST = 10_000 + JOBS
PROPOSAL = f"{10_000 + 7}/{7:040x}/{KEY}"
RUN = 150_000
WORKER = "worker-3"

FILL = """
SET session_replication_role = replica;
SET synchronous_commit = off;
SET maintenance_work_mem = '256MB';

CREATE FUNCTION pg_temp.key_of(n bigint) RETURNS text IMMUTABLE LANGUAGE sql AS $$
    SELECT 'us/' || (ARRAY['ca', 'ny', 'tx', 'wa', 'oh'])[1 + (n + 3) % 5] || '/c' || n || '/'
           || (CASE WHEN n % 10 = 4 THEN 'parcels' WHEN n % 10 = 5 THEN 'buildings' ELSE 'addresses' END) || '/county'
$$;

INSERT INTO oa.partitions (key, source, layer, name, declared, coverage, digest, blob_sha, commit_sha, first_seen,
                           changed_at, removed_at)
SELECT pg_temp.key_of(n), 'us/' || split_part(pg_temp.key_of(n), '/', 2) || '/c' || n,
       split_part(pg_temp.key_of(n), '/', 4), 'county',
       json_build_object('name', 'county', 'data', 'https://h' || n % 400 || '.example/' || n, 'protocol', 'http'),
       '{{"country": "us"}}', 'd' || n, lpad(to_hex(n), 40, '0'), repeat('c', 40), :now - interval '2 years',
       :now - interval '1 year', CASE WHEN n > {members} THEN :now - interval '100 days' END
FROM generate_series(1, {partitions}) n;

INSERT INTO oa.partitions (key, source, layer, name, declared, coverage, digest, blob_sha, first_seen, changed_at,
                           pull_request, proposes)
SELECT (10000 + j) || '/' || lpad(to_hex(j), 40, '0') || '/' || p.key, p.source, p.layer, p.name, p.declared,
       p.coverage, p.digest, p.blob_sha, :now, :now, 10000 + j, p.key
FROM generate_series(1, {jobs}) j JOIN oa.partitions p ON p.key = pg_temp.key_of(j);

INSERT INTO oa.renames (old_key, new_key, at)
SELECT pg_temp.key_of(n), pg_temp.key_of(n - 139), :now - interval '100 days'
FROM generate_series({members} + 1, {partitions}) n;

INSERT INTO oa.sets (status, repository, commit_sha, asked_by, code_versions, counts, started_at, deadline_at, ended_at)
SELECT CASE WHEN s = {sets} THEN 'open' ELSE 'complete' END::oa.set_status, 'openaddresses/openaddresses',
       lpad(to_hex(s), 40, '0'), 'tick ' || s, '["1.0"]', '{{"succeeded": 4000}}', at, at + interval '60 hours',
       CASE WHEN s < {sets} THEN at + interval '20 hours' END
FROM generate_series(1, {sets}) s, LATERAL (SELECT :now - interval '10 hours' - interval '7 days' * ({sets} - s)) t(at);

INSERT INTO oa.jobs (id, status, repository, event, pull_request, head_sha, head_at, author, merged, files, created_at,
                     deadline_at, ended_at)
SELECT 'job-' || lpad(j::text, 5, '0'), CASE WHEN j > {jobs} - 20 THEN 'pending' ELSE 'success' END::oa.job_status,
       'openaddresses/openaddresses', 'pull_request', 10000 + j, lpad(to_hex(j), 40, '0'), at, 'author' || j % 100,
       CASE WHEN j % 3 > 0 THEN j % 3 = 1 END, '[{{"path": "sources/x.json", "outcome": "run"}}]', at,
       at + interval '3 hours', CASE WHEN j <= {jobs} - 20 THEN at + interval '10 minutes' END
FROM generate_series(1, {jobs}) j, LATERAL (SELECT :now - interval '3 hours' * ({jobs} - j)) t(at);

CREATE TEMPORARY TABLE planned AS
WITH wave AS (
    SELECT s, m, (least(s - 1, {old_sets}) * {old_members} + greatest(s - 1 - {old_sets}, 0) * {members} + m) AS id,
           CASE WHEN m <= {old_members} THEN (s - 1) / 10 * 10 + 1 ELSE {old_sets} + 1 END AS origin
    FROM generate_series(1, {sets}) s, LATERAL generate_series(1, CASE WHEN s > {old_sets} THEN {members}
                                                                       ELSE {old_members} END) m
), fate AS (
    SELECT *, (m * 7919 + s * 104729) % 1000 AS h, (m * 7919 + origin * 104729) % 1000 AS h0 FROM wave
)
SELECT id, m AS source, s AS set_id, NULL::int AS job, :now - interval '10 hours' - interval '7 days' * ({sets} - s)
       + interval '8 seconds' * m AS at,
       CASE WHEN h < 80 THEN 'failed' WHEN h < 100 THEN 'skipped' WHEN h < 103 THEN 'lost' WHEN h < 105 THEN 'cancelled'
            WHEN h < 108 THEN 'held' ELSE 'succeeded' END AS status,
       CASE WHEN h >= 108 AND h0 >= 108 AND s > origin
            THEN least(origin - 1, {old_sets}) * {old_members} + greatest(origin - 1 - {old_sets}, 0) * {members} + m
       END AS copy_of
FROM fate
UNION ALL
SELECT {by_sets} + j, j, NULL, j, :now - interval '3 hours' * ({jobs} - j),
       CASE WHEN j % 5 = 0 THEN 'failed' ELSE 'succeeded' END, NULL
FROM generate_series(1, {jobs}) j
UNION ALL
SELECT {by_sets} + {jobs} + n, n, NULL, NULL, :now - interval '1 minute' * ({by_hand} - n),
       CASE WHEN n > {by_hand} - 40 THEN 'running' ELSE 'succeeded' END, NULL
FROM generate_series(1, {by_hand}) n;

INSERT INTO oa.runs (id, key, source, layer, name, status, token, dagster_run_id, set_id, job_id, pull_request,
                     blob_sha, digest, commit_sha, code_version, problem, detail, held_because, cache_sha256, cache_md5,
                     cache_size, cache_content_type, validators, rows, counters, content_hash, data_version, outputs,
                     prefix, geometry_type, bounds, licence, attribution_required, attribution_name, share_alike,
                     website, seconds, cpu_seconds, peak_memory, copy_of, started_at, beat_at, ended_at, pruned_at)
SELECT r.id, CASE WHEN r.job IS NULL THEN p.key
                  ELSE (10000 + r.job) || '/' || lpad(to_hex(r.job), 40, '0') || '/' || p.key END,
       p.source, p.layer, p.name, r.status::oa.run_status, r.id, 'dagster-' || r.id, r.set_id,
       CASE WHEN r.job IS NOT NULL THEN 'job-' || lpad(r.job::text, 5, '0') END,
       CASE WHEN r.job IS NOT NULL THEN 10000 + r.job END, p.blob_sha, p.digest, p.commit_sha, '1.0',
       CASE WHEN r.status = 'failed' THEN (ARRAY['Could not download source data', 'Could not conform source data',
            'Found no features in source data', 'An acceptance test failed'])[1 + r.id % 4] END,
       CASE WHEN r.status = 'failed' THEN 'https://h' || r.source % 400 || '.example/ answered 503' ELSE '' END,
       CASE WHEN r.status = 'held' THEN ARRAY['it lost half of its rows'] END,
       CASE WHEN good THEN repeat(md5(origin::text), 2) END, CASE WHEN good THEN md5(origin::text) END,
       CASE WHEN good THEN 1000000 + r.source END, CASE WHEN good THEN 'text/csv' END,
       CASE WHEN good THEN '{{"etag": "\\"5f3e2d1c0b9a\\""}}'
            ELSE '{{}}' END::jsonb,
       CASE WHEN good THEN 1000 + r.source * 13 % 90000 END,
       CASE WHEN good THEN '{{"rows/read": 51000, "rows/dropped/no-geometry": 12, "field/street/missing": 3}}'
            ELSE '{{}}' END::jsonb,
       CASE WHEN good THEN left(md5(origin::text), 16) ELSE '' END,
       CASE WHEN good THEN left(md5('v' || origin), 16) ELSE '' END,
       CASE WHEN good THEN CAST(:outputs AS jsonb) ELSE '{{}}' END,
       CASE WHEN good THEN 'runs/' || r.id || '/' ELSE '' END, CASE WHEN good THEN 'Point' ELSE '' END,
       CASE WHEN good THEN ARRAY[-120.5, 35.25, -119.75, 36.5] END, 'CC BY 4.0', r.source % 3 = 0,
       CASE WHEN r.source % 3 = 0 THEN 'City of C' || r.source ELSE '' END, r.source % 20 = 0,
       'https://c' || r.source || '.example/', CASE WHEN good THEN '{{"download": 3.5, "convert": 6.25, "total": 10.5}}'
            ELSE '{{}}' END::jsonb, CASE WHEN good THEN 5.5 END, CASE WHEN good THEN 250000000 END, r.copy_of, r.at,
       CASE WHEN r.status = 'running' THEN least(:now, now()) - interval '1 second' * (r.id % 400)
            ELSE r.at + interval '12 seconds' END,
       CASE WHEN r.status <> 'running' THEN r.at + interval '12 seconds' END,
       CASE WHEN r.set_id < 40 AND r.set_id % 4 > 0 THEN :now - interval '1 day' END
FROM planned r JOIN oa.partitions p ON p.key = pg_temp.key_of(r.source),
     LATERAL (SELECT coalesce(r.copy_of, r.id) AS origin, r.status IN ('succeeded', 'held') AS good) o;

SELECT setval('oa.run_numbers', {runs});

INSERT INTO oa.pointers (key, run_id, swapped_at)
SELECT key, max(id), max(ended_at) FROM oa.runs WHERE status = 'succeeded' AND pull_request IS NULL GROUP BY key;

INSERT INTO oa.set_members (set_id, key, position, host, expected_seconds, step, tries, dagster_run_id, run_id, outcome,
                            moved_at)
SELECT r.set_id, r.key, row_number() OVER (PARTITION BY r.set_id ORDER BY r.id), 'h' || p.source % 400 || '.example',
       10, CASE WHEN r.set_id < {sets} OR p.source <= 3000 THEN 'ended' WHEN p.source <= 3040 THEN 'queued'
            WHEN p.source <= 3500 THEN 'changed' WHEN p.source <= 4000 THEN 'probing' ELSE 'waiting' END::oa.set_step,
       1, r.dagster_run_id, CASE WHEN r.set_id < {sets} OR p.source <= 3000 THEN r.id END,
       CASE WHEN r.set_id < {sets} OR p.source <= 3000 THEN r.status::text ELSE '' END, r.ended_at
FROM oa.runs r JOIN planned p ON p.id = r.id WHERE r.set_id > {sets} - {new_sets};

INSERT INTO oa.job_members (job_id, key, partition, dagster_run_id, tries, run_id, queued_at, ended_at)
SELECT r.job_id, p.proposes, r.key, r.dagster_run_id, 1, r.id, r.started_at, r.ended_at
FROM oa.runs r JOIN oa.partitions p ON p.key = r.key WHERE r.job_id IS NOT NULL;

INSERT INTO oa.late_results (run_id, token, status, found, at)
SELECT n * 100, n, 'succeeded', 'lost', :now FROM generate_series(1, 2000) n;

INSERT INTO oa.deliveries (guid, event, action, repository, sender, body, status, job_id, received_at, try_at,
                           handled_at)
SELECT 'guid-' || n, 'pull_request', 'synchronize', 'openaddresses/openaddresses', 'author' || n % 100,
       convert_to(repeat('x', 500), 'UTF8'),
       CASE WHEN n > 19950 THEN 'received' ELSE 'handled' END::oa.delivery_status,
       'job-' || lpad((1 + n / 7)::text, 5, '0'), :now - interval '18 minutes' * (20000 - n), :now - interval '1 hour',
       CASE WHEN n <= 19950 THEN :now END
FROM generate_series(1, 20000) n;

INSERT INTO oa.outbox (job_id, kind, target, payload, debt, owed_at, try_at, settled_at)
SELECT 'job-' || lpad((1 + n / 3)::text, 5, '0'), 'status', lpad(to_hex(n / 3), 40, '0'), '{{"state": "success"}}',
       CASE WHEN n > 8950 THEN 'owed' ELSE 'paid' END::oa.debt, :now, :now - interval '1 minute',
       CASE WHEN n <= 8950 THEN :now END
FROM generate_series(1, 8997) n;

INSERT INTO oa.assignments (dagster_run_id, attempt, stage, worker, deliveries, ready_at, taken_at, ended_at)
SELECT 'dagster-' || ({runs} - n), 0,
       CASE WHEN n < 40 THEN 'taken' WHEN n < 90 THEN 'ready' ELSE 'done' END::oa.assignment_stage,
       CASE WHEN n NOT BETWEEN 40 AND 89 THEN 'worker-' || n % 10 END, 1, :now - interval '1 minute' * n,
       CASE WHEN n NOT BETWEEN 40 AND 89 THEN :now END, CASE WHEN n >= 90 THEN :now - interval '1 minute' * n END
FROM generate_series(0, 20000) n;

INSERT INTO oa.heartbeats (worker, host, pid, slots, started_at, beat_at)
SELECT 'worker-' || n, 'host-' || n, 100 + n, 4, now(), now() FROM generate_series(0, 9) n;

INSERT INTO oa.builds (kind, status, run_ids, fingerprint, started_at, ended_at)
SELECT (ARRAY['collections', 'tiles', 'statistics'])[1 + n % 3], 'published', to_jsonb(ARRAY(SELECT run_id
       FROM oa.pointers)), 'f' || n, :now - interval '1 day' * (60 - n / 3), :now - interval '1 day' * (60 - n / 3)
FROM generate_series(0, 179) n;

INSERT INTO oa.zips (build_id, area, licence, layer, form, key, size, sha256, rows, sources, is_current, created_at)
SELECT b.id, 'area' || a, '', 'addresses', 'zip', 'collections/' || b.id || '/' || a, 1000, 'x', 10, 5, b.id >= 178,
       b.started_at
FROM oa.builds b, generate_series(1, 22) a WHERE b.kind = 'collections';

INSERT INTO oa.tiles (lon, lat, build_id, key, size, sha256, rows, run_ids, fingerprint, created_at)
SELECT -180 + n % 360, -30 + n / 360, 179, 'tiles/179/' || n, 1000, 'x', 10, '[1, 2, 3]', 'f' || n, :now
FROM generate_series(0, 2999) n;

INSERT INTO oa.artifacts (name, build_id, key, size, sha256, created_at)
SELECT 'artifact-' || n, 180, 'statistics/180/' || n, 1000, 'x', :now FROM generate_series(1, 5) n;

INSERT INTO oa.coverage_areas (level, code, name, build_id, sources, good, addresses, land_km2, covered_km2, land_share,
                               missing, missing_count, created_at)
SELECT level, upper(left(level, 1)) || n, 'Area ' || n, 180, 9, 7, 1000, 10, 5, 0.5, '[]', 0, :now
FROM unnest(ARRAY['country', 'state']) level, generate_series(1, 150) n;

INSERT INTO oa.coverage_sources (source, build_id, how, kind, code, name, country, state, good, addresses)
SELECT 'us/ca/c' || n, 180, 'geoid', 'county', '06001', 'County', 'US', 'S' || n % 50, true, 100
FROM generate_series(1, 2500) n;
"""

OUTPUTS = json.dumps(
    {
        kind: {"key": f"runs/1/{kind}", "size": 123456, "rows": 50988, "sha256": "ab" * 32}
        for kind in ("csv", "geojson", "parquet")
    }
)


def fill(url: str) -> None:
    """Fills an empty ledger; takes some seconds, and a superuser, as whom nobody checks foreign keys row by row."""
    names = {
        "partitions": PARTITIONS, "members": MEMBERS, "old_members": OLD_MEMBERS, "sets": SETS, "new_sets": NEW_SETS,
        "old_sets": SETS - NEW_SETS, "jobs": JOBS, "by_sets": BY_SETS, "by_hand": BY_HAND, "runs": RUNS,
    }  # fmt: skip
    engine = sa.create_engine(normalised(url), poolclass=NullPool)
    with engine.begin() as connection:
        for statement in FILL.format(**names).split(";\n\n"):
            for one in _lines(statement):
                connection.execute(sa.text(one), {"now": NOW, "outputs": OUTPUTS})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE"))


def _lines(statement: str) -> list[str]:
    settings = statement.strip().startswith("SET ")
    return [line for line in statement.split(";\n") if line.strip()] if settings else [statement]


def ago(**since: float) -> datetime:
    """So long before the newest of what is in it."""
    return NOW - timedelta(**since)
