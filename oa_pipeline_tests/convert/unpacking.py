"""Downloads to unpack."""

from __future__ import annotations

from pathlib import Path

import pytest

from oa_pipeline.convert.archive import Unpacked, unpack
from oa_pipeline.convert.task import Limits
from oa_pipeline.errors import ConvertError
from oa_pipeline.sources.model import Compression

CSV = b"n,s\n1,Main St\n"


class Unpacking:
    """Unpacks bytes as if they had been downloaded, and remembers what was warned of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.into = folder / "unpacked"
        self.warned: list[str] = []

    def __call__(
        self,
        data: bytes,
        *,
        name: str = "data.zip",
        compression: Compression | None = Compression.ZIP,
        wanted: str | None = None,
        limits: Limits | None = None,
    ) -> tuple[Unpacked, ...]:
        (self.folder / "input").write_bytes(data)
        return unpack(
            self.folder / "input",
            self.into,
            compression=compression,
            file_name=name,
            wanted=wanted,
            limits=limits or Limits(),
            warn=self.warned.append,
        )

    def refused(self, data: bytes, **more: object) -> str:
        """The message of the error; nothing may be left on disk."""
        with pytest.raises(ConvertError) as caught:
            self(data, **more)  # type: ignore[arg-type]
        assert not self.into.exists()
        return str(caught.value)


def names(unpacked: tuple[Unpacked, ...]) -> list[str]:
    return [u.name for u in unpacked]
