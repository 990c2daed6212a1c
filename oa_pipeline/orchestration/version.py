"""The version that decides what comes out: of this package and of the libraries that convert."""

from __future__ import annotations

import hashlib
import json
from functools import cache

from .. import __version__


@cache
def code_version() -> str:
    """Changes when the same input may give another output: sources are then converted again though nothing moved."""
    from ..process.index import versions

    digest = hashlib.sha256(json.dumps(versions(), sort_keys=True).encode()).hexdigest()
    return f"{__version__}+{digest[:8]}"
