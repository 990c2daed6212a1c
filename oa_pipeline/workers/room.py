"""Room on the disk that runs work on: without some of it no worker takes more of them."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

MIB = 1024 * 1024
log = logging.getLogger(__name__)


class Room:
    """The free space of the disk on which a folder lies."""

    def __init__(self, folder: Path, least_mib: int) -> None:
        """`least_mib`: with less free than that the disk counts as full; 0: never."""
        self._folder, self._least = folder, least_mib
        self._full = False

    @property
    def full(self) -> bool:
        """Whether too little is free now. Each change is said in the log. A disk that cannot be asked is not full."""
        if not self._least:
            return False
        try:
            free = shutil.disk_usage(self._folder).free // MIB
        except OSError:
            return self._full
        full = free < self._least
        if full and not self._full:
            log.error(
                "the disk of %s has %d MiB left: no runs are taken until it has %d (OA_LEAST_FREE_MIB)",
                self._folder, free, self._least,
            )  # fmt: skip
        elif self._full and not full:
            log.warning("the disk of %s has %d MiB left: runs are taken again", self._folder, free)
        self._full = full
        return full
