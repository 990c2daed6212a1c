"""Whose tileset is written, and at which Mapbox."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ...errors import PublishError, SettingsError

API = "https://api.mapbox.com"
_HERE = frozenset(("127.0.0.1", "::1", "localhost"))


class MapboxError(PublishError):
    """Mapbox did not take the file. What was published elsewhere is."""


@dataclass(frozen=True, slots=True)
class Account:
    """Raises SettingsError where only a part of it is told, or the token would travel in the clear."""

    user: str
    token: str = field(repr=False)
    tileset: str
    api: str = API
    s3_endpoint: str = ""  # another S3 than Amazon's

    def __post_init__(self) -> None:
        told = {"OA_MAPBOX_USER": self.user, "OA_MAPBOX_TOKEN": self.token, "OA_MAPBOX_TILESET": self.tileset}
        absent = [name for name, value in told.items() if not value]
        if absent:
            raise SettingsError(f"{' and '.join(absent)} must be set, too", cure="or none of the three")
        where = urlsplit(self.api)
        if where.scheme != "https" and where.hostname not in _HERE:
            raise SettingsError("OA_MAPBOX_API must be an https address: the token is sent there")

    def masked(self, text: str) -> str:
        """The text without the token."""
        return text.replace(self.token, "***")
