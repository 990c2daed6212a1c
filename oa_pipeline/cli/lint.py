"""`oa lint`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("lint")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--allow-local", is_flag=True, help="Let sources name local files.")
@click.option("--errors-only", is_flag=True, help="Leave warnings out.")
def lint(paths: tuple[Path, ...], allow_local: bool, errors_only: bool) -> None:
    """Check source files; folders are searched for *.json.

    One line a finding: file, line, column, what is wrong, where in the file, and the cure. Exit status: 0 no errors,
    1 errors, 2 wrong usage.
    """
    from ..sources.lint import format_finding, lint_paths

    errors = warnings = 0
    for finding in lint_paths(paths, allow_local=allow_local):
        bad = finding.severity == "error"
        errors += bad
        warnings += not bad
        if bad or not errors_only:
            click.echo(format_finding(finding))
    click.echo(f"{errors} errors, {warnings} warnings", err=True)
    if errors:
        raise click.exceptions.Exit(1)
