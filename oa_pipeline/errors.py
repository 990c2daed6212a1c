"""Every error the pipeline raises on purpose, split by what its reader can do about it.

    OAError
    ├── SettingsError        a setting is wrong                operator corrects it
    ├── SourceError          the JSON is wrong                 contributor edits the file
    ├── FetchError           the publisher failed us           retry, then report
    │   ├── Refused          we will not go there              never retried
    │   ├── OverBudget       too big, too long or too slow     never retried
    │   │   └── Oversized    one answer is too big to hold     ask for less at a time
    │   ├── Truncated        it ended before it was complete   retried
    │   └── TokenRequired    the ArcGIS layer wants a token    never retried
    ├── ConvertError         the file is not what it said      contributor edits the conform
    │   └── ConverterDied    the child was killed or crashed   report; the next run is unaffected
    ├── WallError            a sandbox wall could not be raised operator
    ├── MapError             a picture or tiles of a map       operator; results are published without it
    └── PublishError         our side failed                   operator

A message says what is wrong and where; `cure` says what to do about it.
"""

from __future__ import annotations

from enum import StrEnum


class Problem(StrEnum):
    """Why a run gave no output, in the words the public has always read (machine 5.3.12 and later).

    The values are stored and shown; those after `TOKEN_REQUIRED` are new in this project.
    """

    SKIPPED = "Source says to skip"
    TEST_FAILED = "An acceptance test failed"
    NO_CONFORM = "Source is missing a conform object"
    UNKNOWN_PROTOCOL = "Unknown source conform protocol"
    UNKNOWN_FORMAT = "Unknown source conform format"
    NO_FEATURES = "Found no features in source data"
    DOWNLOAD_FAILED = "Could not download source data"
    CONFORM_FAILED = "Could not conform source data"
    TOKEN_REQUIRED = "Missing required ESRI token"  # noqa: S105 - a sentence, not a secret
    INVALID_SOURCE = "Source file is not valid"
    REFUSED = "Source address is not allowed"
    OUR_FAULT = "The pipeline failed, not the source"


class OAError(Exception):
    """The base of all errors raised on purpose."""

    problem: Problem = Problem.OUR_FAULT
    retryable = False

    def __init__(self, message: str, *, cure: str = "", place: str = "", problem: Problem | None = None) -> None:
        """`message` is one sentence; `place` is where (path, line, attribute); `cure` is what to do."""
        super().__init__(message)
        self.message = message
        self.cure = cure
        self.place = place
        if problem is not None:
            self.problem = problem

    @property
    def detail(self) -> str:
        """Place and message."""
        return f"{self.place}: {self.message}" if self.place else self.message

    def __str__(self) -> str:
        """Place, message and cure on one line."""
        return f"{self.detail} ({self.cure})" if self.cure else self.detail


class SettingsError(OAError):
    """A setting is missing, unknown or has an impossible value."""


class SourceError(OAError):
    """The source file is wrong; whoever wrote it can mend it."""

    problem = Problem.INVALID_SOURCE


class FetchError(OAError):
    """The publisher's server did not give us the data. `transient` ones are worth another try later."""

    problem = Problem.DOWNLOAD_FAILED

    def __init__(
        self,
        message: str,
        *,
        cure: str = "",
        place: str = "",
        problem: Problem | None = None,
        transient: bool = False,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        """`status` is the HTTP (or ESRI) status, `retry_after` the seconds the server asked for, where it did."""
        super().__init__(message, cure=cure, place=place, problem=problem)
        self.transient = transient
        self.status = status
        self.retry_after = retry_after

    @property
    def retryable(self) -> bool:  # type: ignore[override]
        """Whether the same request may succeed later."""
        return self.transient


class Refused(FetchError):  # noqa: N818 - a fact about an address, not a failure of ours
    """An address we will not go to: scheme, port, or a peer that is not public."""

    problem = Problem.REFUSED


class OverBudget(FetchError):  # noqa: N818
    """More bytes, more seconds or fewer bytes a second than the run's budget allows."""


class Oversized(OverBudget):
    """One answer is larger than its caller can hold; a smaller question may do."""


class Truncated(FetchError):  # noqa: N818
    """The download ended before it was complete."""


class TokenRequired(FetchError):  # noqa: N818
    """The ArcGIS layer asks for a token."""

    problem = Problem.TOKEN_REQUIRED


class ConvertError(OAError):
    """The downloaded file is not what the conform says it is."""

    problem = Problem.CONFORM_FAILED


class ConverterDied(ConvertError):  # noqa: N818
    """The converter's process was killed by a signal, a limit or a crash."""


class WallError(OAError):
    """A wall of the sandbox could not be raised and the settings demand it."""


class MapError(OAError):
    """A map could not be made: a preview, tiles, a picture of what is covered."""


class PublishError(OAError):
    """Writing to the store or the ledger failed."""
