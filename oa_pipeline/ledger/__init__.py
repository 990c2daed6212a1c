"""What is remembered: data sources, runs with their public numbers, and which result is the latest.

`upgrade` brings the schema up to date; `engine` gives connections; `runs` is the life of a run; `queries` answers
questions about single runs, `snapshot` those about all that count, `history` those about one source over time, and
`reuse` which result may stand for another; `partitions` holds what the source repository declared; `assignments` and
`heartbeats` are what workers live by, and `bell` wakes them. Nothing outside this folder speaks SQL.
"""
