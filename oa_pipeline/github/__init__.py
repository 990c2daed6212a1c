"""GitHub: what its events lead to, and what it is told.

`api` makes every call; `events`, `changes` and `statuses` are pure; `intake` turns deliveries into jobs, `progress`
follows their runs, `outgoing` tells GitHub what it is owed.
"""
