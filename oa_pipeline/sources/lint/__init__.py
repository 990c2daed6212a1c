"""What is wrong with a source file, as findings with line, column and cure."""

from __future__ import annotations

from .files import lint, lint_paths
from .findings import Finding, Severity, format_finding

__all__ = ["Finding", "Severity", "format_finding", "lint", "lint_paths"]
