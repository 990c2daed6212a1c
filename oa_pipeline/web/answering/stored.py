"""What files of the store say on pages: read in bounds, and never waited for twice where the store is away."""

from __future__ import annotations

import json
import logging
from typing import Any

from ...errors import PublishError
from ...publish.store import MissingObject
from ..endpoints import Asked

log = logging.getLogger(__name__)


def told(asked: Asked, key: str, most: int) -> Any:
    """The JSON that the first `most` bytes of an object hold; None where there is none, or it cannot be read.

    Where that is the store's fault, `asked` has missed it.
    """
    try:
        return json.loads(asked.site.store().read(key, 0, most))
    except (MissingObject, ValueError, RecursionError):
        return None
    except PublishError as error:
        log.warning("a page is shown without %s: %s", key, error)
        asked.missed.append(key)
        return None
