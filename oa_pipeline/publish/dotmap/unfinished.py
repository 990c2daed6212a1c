"""What is left to do of a dotmap that is current. A module of its own: whoever only names it loads nothing else."""

from __future__ import annotations

from ...errors import PublishError


class Unfinished(PublishError):  # noqa: N818 - a fact
    """The build is current, but not everywhere: the next run does the rest of it."""
