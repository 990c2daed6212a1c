"""What a worker is on. Any machine by default; one that has duties and an end of its own says so here."""

from __future__ import annotations


class Host:
    """Any machine: it is nobody's business when the worker is busy, and it ends when somebody says so."""

    instance = ""  # EC2's number of it
    only = ""  # the run that it is for, and no other
    resting = False  # nothing more is to be taken, and what is at work may finish

    def is_busy(self, busy: bool, *, able: bool = True) -> None:
        """The worker says whether it has runs, or is able to have some, again and again."""
