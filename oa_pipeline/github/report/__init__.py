"""What a pull request is told: one comment that reads like a review. `report_of` makes its text."""

from __future__ import annotations

from .loading import report_of
from .text import render

__all__ = ["render", "report_of"]
