"""`oa hook`."""

from __future__ import annotations

from pathlib import Path

import click


@click.group("hook")
def hook() -> None:
    """GitHub's webhook: deliver again what was recorded."""


@hook.command("replay")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--url", help="Another address than the public site's /hook of this machine.")
def replay(files: tuple[Path, ...], url: str | None) -> None:
    """Send recorded deliveries to a running system, signed with the first of OA_GITHUB_SECRETS, or with the
    secret that `oa up` made for itself.

    A file holds one JSON object {"event": ..., "delivery": ..., "payload": {...}}, or one such object a line. Without
    "delivery" the id is made of the content, so that sending a file twice changes nothing.
    """
    from ..settings import Settings
    from ..web.hook.replay import read, send

    settings = Settings.from_env()
    target = url or f"http://{settings.web_host}:{settings.web_port}/hook"
    own = settings.home / "hook-secret"  # what `oa up` made where no secret is set
    secret = settings.github_secrets[0] if settings.github_secrets else own.read_text().strip() if own.is_file() else ""
    refused = 0
    for recorded in [each for path in files for each in read(path)]:
        status, said = send(target, recorded, secret)
        refused += status >= 300
        click.echo(f"{status} {recorded.event} {recorded.guid}{f' {said}' if status >= 300 else ''}")
    if refused:
        raise click.exceptions.Exit(1)
