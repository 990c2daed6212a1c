"""The walled process in which hostile data is read. See `walls` for what stands around it."""

from __future__ import annotations

from .converter import Converter, Ended
from .program import Program

__all__ = ["Converter", "Ended", "Program"]
