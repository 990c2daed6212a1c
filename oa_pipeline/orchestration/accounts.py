"""The account under which the embedded PostgreSQL runs when we are root: it refuses to be root itself."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ..errors import SettingsError

NAME = "oa-postgres"
OTHERS = ("pgserver", "postgres")


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine."""

    uid: int
    gid: int


def server_account() -> Account | None:
    """None unless we are root: then an account of its own for the server, made where it does not exist."""
    if os.geteuid() != 0:
        return None
    for name in (NAME, *OTHERS):
        found = _account(name)
        if found is not None:
            return found
    if shutil.which("useradd"):
        nologin = shutil.which("nologin") or "/bin/false"
        subprocess.run(
            ["useradd", "--system", "--user-group", "--no-create-home", "--shell", nologin, NAME],
            check=False,
            capture_output=True,
        )
    found = _account(NAME)
    if found is None:
        raise SettingsError(
            "PostgreSQL refuses to run as root and no other account could be made for it",
            cure=f"run as another user, or `useradd --system {NAME}`, or set OA_DATABASE_URL",
        )
    return found


def _account(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_uid, entry.pw_gid)


def reachable(path: Path) -> bool:
    """Whether every other account may pass through all folders above `path`, and read it."""
    path = path.resolve()
    if not all(parent.stat().st_mode & stat.S_IXOTH for parent in path.parents):
        return False
    mode = path.stat().st_mode
    return bool(mode & stat.S_IXOTH) if path.is_dir() else bool(mode & stat.S_IROTH)
