"""Who gives a command, and on what: for the commands that decide about what is there already."""

from __future__ import annotations

import getpass
import os
from typing import TYPE_CHECKING

from ..errors import SettingsError
from ..settings import Settings

if TYPE_CHECKING:
    from ..orchestration.workplace import Workplace


def whoami() -> str:
    """The name the operator is logged in with; the user's number where it has no name, as in some containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def workplace_at_work() -> Workplace:
    """Where the ledger of a running system is. Raises SettingsError where no database runs."""
    from ..orchestration import embedded
    from ..orchestration.workplace import Workplace

    settings = Settings.from_env()
    if not settings.database_url and embedded.find(settings.home) is None:
        raise SettingsError("no database runs", cure="start `oa up`, or name a PostgreSQL server by OA_DATABASE_URL")
    return Workplace(settings)


def workplace_of_before() -> Workplace:
    """Where a ledger is, though nothing need run. Raises SettingsError where there never was one.

    A database made now, below a misspelt OA_HOME, would know of nothing.
    """
    from ..orchestration import embedded
    from ..orchestration.workplace import Workplace

    settings = Settings.from_env()
    if not settings.database_url and not embedded.was_here(settings.home):
        raise SettingsError(
            f"there is no database below {settings.home}", cure="see OA_HOME, or name one by OA_DATABASE_URL"
        )
    return Workplace(settings)
