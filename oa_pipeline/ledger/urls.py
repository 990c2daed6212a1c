"""The one place where a PostgreSQL address is read.

SQLAlchemy 2.1 takes a bare `postgresql://` for psycopg 3, with which Dagster's storage fails on its first event; so
every address is given its driver here before anybody connects.
"""

from __future__ import annotations

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from ..errors import SettingsError

DRIVER = "postgresql+psycopg2"
SCHEMES = frozenset({"postgres", "postgresql", DRIVER})
CURE = "write postgresql://user:password@host:5432/database in OA_DATABASE_URL"


def normalised(url: str) -> str:
    """The same database with the driver named: whatever of SCHEMES it starts with, `postgresql+psycopg2://` comes out.

    Unix sockets are written `postgresql://user@/database?host=/folder`. Raises SettingsError, without the password.
    """
    return parsed(url).render_as_string(hide_password=False)


def masked(url: str) -> str:
    """The address as it may be shown: without its password."""
    return parsed(url).render_as_string(hide_password=True)


def parsed(url: str) -> URL:
    """The parts of the address, with the driver named."""
    scheme = url.partition("://")[0]
    if scheme not in SCHEMES or "://" not in url:
        shown = scheme if "://" in url else "something without ://"
        raise SettingsError(f"a database address cannot start with {shown!r}", cure=CURE)
    try:
        return make_url(url).set(drivername=DRIVER)
    except (ArgumentError, ValueError):
        # The message of the library repeats the address, and with it the password.
        raise SettingsError("the database address cannot be read", cure=CURE) from None
