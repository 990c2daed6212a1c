"""What is remembered: data sources, runs with their public numbers, and which result is the latest.

Nothing outside this folder speaks SQL. `tables/` has the schema, `migrations/` how it came to be, `upgrade` brings it
up to date; `urls` and `engine` give connections, `reading` rows, `masking` keeps secrets out, `clock` is the time.

Runs: `partitions` holds what the source repository declared; `runs` is the life of a run, `copies` that of one that
found nothing changed, `ends` those whose process went away, `gate` held ones, `results` whose objects a run has, and
`reuse` which result may stand for another. Workers: `assignments`, `heartbeats`, `machines`, `charge`; `bell` wakes
them, `backlog` counts what waits. Sets: `sets`, `members`, `estimates`. GitHub: `deliveries`, `jobs`, `outbox`. What is
made of many runs: `builds`, `dotmap`, `coverage`, `statistics`.

Questions: `queries` about single runs, `listing` lists of them, `snapshot` all that count, `standing` every data source
in few words, `history` one source over time, `changes` what became different, `version` whether anything did. Keeping
house: `retention` and `forgetting` what may go, `reindex` what a backup lacked, `notices` what operators were told,
`soundness` whether all is well.
"""
