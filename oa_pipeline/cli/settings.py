"""`oa settings`."""

from __future__ import annotations

import re

import click

from ..settings import Settings, is_secret, shown


@click.command("settings")
def settings() -> None:
    """Show every setting, its value and its meaning. Passwords and secrets are masked."""
    held = Settings.from_env()
    for name, default, says in Settings.described():
        value = shown(getattr(held, name.removeprefix("OA_").lower()))
        masked = re.sub(r"(://[^:/@]*:)[^@]*@", r"\1***@", value)
        if value and is_secret(name):
            masked = "***"
        changed = "" if value == default else " (set)"
        click.echo(f"{name}={masked}{changed}\n    {says}")
