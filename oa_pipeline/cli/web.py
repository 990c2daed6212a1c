"""`oa web`."""

from __future__ import annotations

import click


@click.command("web")
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="Processes, of 8 threads each.")
def web(workers: int) -> None:
    """Serve the public site and GitHub's webhook, at OA_WEB_HOST and OA_WEB_PORT, until told to end."""
    from dataclasses import replace

    from ..ledger.upgrade import upgrade
    from ..orchestration.storage import database_url
    from ..settings import Settings
    from ..web.app import checked, create_app
    from ..web.serving.serve import serve

    settings = checked(Settings.from_env())
    url = database_url(settings)
    upgrade(url)
    serve(create_app(replace(settings, database_url=url)), settings.web_host, settings.web_port, workers=workers)
