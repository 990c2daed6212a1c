"""Where a test's store is, in a module that processes started by tests load quickly."""

from __future__ import annotations

from dataclasses import dataclass

from oa_pipeline.publish.s3 import MIB, S3Store, Sizes
from oa_pipeline.publish.store import Store, open_store

SIZES = Sizes(put=MIB, part=5 * MIB, copy=MIB, copy_part=5 * MIB)  # small, so that tests may be


@dataclass(frozen=True)
class Place:
    """Where a store is; other processes can open it too."""

    location: str
    endpoint: str

    def open(self) -> Store:
        if self.endpoint:
            return S3Store(self.location, endpoint=self.endpoint, sizes=SIZES)
        return open_store(self.location)
