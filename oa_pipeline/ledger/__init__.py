"""What is remembered: data sources, runs with their public numbers, and which result is the latest.

`upgrade` brings the schema up to date; `engine` gives connections; `runs` is the life of a run; `queries` answers
questions; `partitions` holds what the source repository declared; `assignments` and `heartbeats` are what workers
live by, and `bell` wakes them. Nothing outside this folder speaks SQL.
"""
