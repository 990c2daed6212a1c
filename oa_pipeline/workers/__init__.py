"""The worker: takes launched runs from the ledger and carries each out in a child forked from a warm parent.

Two processes: `worker` talks to the ledger and to Dagster, and never forks; `nursery` has everything loaded, talks to
nobody but its worker, and only forks. So no child inherits a connection, a thread or a channel.
"""
