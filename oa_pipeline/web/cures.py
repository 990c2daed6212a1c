"""What somebody can do about each problem, where the run itself has not said it better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import Problem

CURES: Mapping[str, str] = {
    Problem.SKIPPED: "Remove `skip` from the source file once the reason for it is gone.",
    Problem.TEST_FAILED: "Correct the conform or the expected output of the test in the source file.",
    Problem.NO_CONFORM: "Add a `conform` object that says which format the data has and which columns hold what.",
    Problem.UNKNOWN_PROTOCOL: "Set `protocol` to http, ftp or ESRI.",
    Problem.UNKNOWN_FORMAT: "Set `format` to csv, geojson, shapefile, gdb, gpkg, xml or kml.",
    Problem.NO_FEATURES: "Look at the publisher's data: it may be empty, or another file of the archive may be meant.",
    Problem.DOWNLOAD_FAILED: "See whether the address still works in a browser, and find where the data has moved.",
    Problem.CONFORM_FAILED: "Compare the conform with the data's columns: they may have other names by now.",
    Problem.TOKEN_REQUIRED: "The publisher has closed the layer. Look for a public one, or ask the publisher.",
    Problem.INVALID_SOURCE: "Correct the source file: `oa lint` names each fault and its place.",
    Problem.REFUSED: "Use the publisher's own public address.",
    Problem.OUR_FAULT: "Nothing: the operators have been told, and the next run will try again.",
}
ENDED: Mapping[str, str] = {
    "held": "A maintainer looks at it: `oa runs accept` publishes it, `oa runs reject` does not. A later run that "
    "agrees with it is published, too.",
    "lost": "Nothing: its process went away, and the next run will try again.",
    "cancelled": "Nothing: somebody stopped it, and the next run will try again.",
}
SUGGESTED = """"conform": {
    "format": "csv",
    "lon": "X", "lat": "Y",
    "number": "HOUSE_NUMBER",
    "street": ["PREFIX", "STREET", "SUFFIX"]
}"""


def problem_of(run: Mapping[str, Any]) -> dict[str, str] | None:
    """Text, detail and cure of what was wrong with a run; None where nothing was."""
    status, problem = run["status"], run["problem"]
    if problem is None and status not in ENDED and status != "skipped":
        return None
    why = "; ".join(run["held_because"] or ()) if status == "held" else run["detail"]
    text = problem or {"held": "Held for a look", "skipped": str(Problem.SKIPPED)}.get(status, f"The run was {status}")
    cure = run["cure"] or CURES.get(text, "") or ENDED.get(status, "")
    return {"text": text, "detail": why, "cure": cure}
