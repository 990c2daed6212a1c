"""`oa doctor`: looks at a deployment and says what is wrong, where, and what to do. One module for each area.

Nothing is changed but objects below doctor/ in the store, which are removed again.
"""

from __future__ import annotations

from .examination import AREAS, checks, examine, well
from .means import Host, Means
from .verdicts import Check, Finding, State

__all__ = ["AREAS", "Check", "Finding", "Host", "Means", "State", "checks", "examine", "well"]
