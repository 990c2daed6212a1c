"""No secret of this process is written into the database, whatever an error, a line of a log or a tag repeats.

What is written is looked at once, on its way out, and only what holds a secret is changed, and nothing of it but the
secret. A password that could as well be a word, such as that of a local server, is masked where sentences stand
(messages, errors, descriptions) and nowhere else: keys, names and the class of an event stay what they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from ..known_secrets import Known, known

# Below these keys of a JSON document everything is somebody's words.
PROSE = frozenset(
    {"cause", "context", "description", "detail", "error", "error_info", "errors", "message", "metadata",
     "metadata_entries", "skip_reason", "stack", "title", "user_message", "warnings"}
)  # fmt: skip
NEVER = frozenset({"__class__", "__enum__"})  # keys of the types that Dagster reads a document back as
NAMES = "AssetKey"  # the type of what is a name wherever it stands
WRITES_NOTHING = ("SELECT", "NOTIFY")
_PROSE_COLUMN = re.compile(r"(detail|cure)(_m\d+|__\d+)?")


def mask_writes(engine: sa.Engine) -> None:
    """From now on nothing that this engine inserts or updates holds a secret."""
    sa.event.listen(engine, "before_cursor_execute", _on_the_way, retval=True)


def without_secrets(text: str, secrets: Known, *, prose: bool = False) -> str:
    """A text or a JSON document as it may be written; `prose`: it is no document, but sentences."""
    if not prose and text[:1] in {"{", "["}:
        try:
            document = json.loads(text)
        except ValueError:
            pass
        else:
            return json.dumps(_walked(document, secrets, prose=False))
    return secrets.masked(text, sure=not prose)


def _on_the_way(
    _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
) -> tuple[str, Any]:
    if not parameters or statement.startswith(WRITES_NOTHING):
        return statement, parameters
    secrets = known()
    if isinstance(parameters, Mapping):
        return statement, _row(parameters, secrets)
    return statement, [_row(one, secrets) if isinstance(one, Mapping) else one for one in parameters]


def _row(row: Mapping[str, Any], secrets: Known) -> Mapping[str, Any]:
    found = [name for name, value in row.items() if isinstance(value, str) and secrets.found_in(value)]
    if not found:
        return row
    return {**row, **{name: without_secrets(row[name], secrets, prose=_is_prose(name)) for name in found}}


def _is_prose(name: str) -> bool:
    return _PROSE_COLUMN.fullmatch(name) is not None


def _walked(item: Any, secrets: Known, *, prose: bool) -> Any:
    if isinstance(item, str):
        return secrets.masked(item, sure=not prose)
    if isinstance(item, list):
        return [_walked(each, secrets, prose=prose) for each in item]
    if not isinstance(item, dict):
        return item
    prose = prose and item.get("__class__") != NAMES
    return {
        secrets.masked(key, sure=True): each if key in NEVER else _walked(each, secrets, prose=prose or key in PROSE)
        for key, each in item.items()
    }
