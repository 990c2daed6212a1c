"""The walled process in which hostile data is read. See `walls` for what stands around it."""

from __future__ import annotations

from .converter import Converter

__all__ = ["Converter"]
