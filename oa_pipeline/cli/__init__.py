"""The `oa` command. Each subcommand lives in a module of its own, imported only when it is asked for."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping

import click

from .. import __version__
from ..errors import OAError, SettingsError, SourceError

# Name, module, function and the one line that `oa --help` shows (so that showing it imports nothing).
_COMMANDS: Mapping[str, tuple[str, str, str]] = {
    "up": ("up", "up", "Start everything: database, Dagster, sample sources."),
    "worker": ("worker", "worker", "Carry out the runs that Dagster launches, each in a warm child."),
    "capacity": ("capacity", "capacity", "Keep the pool of EC2 workers as big as the work; metrics and notices."),
    "web": ("web", "web", "Serve the public site and GitHub's webhook."),
    "hook": ("hook", "hook", "GitHub's webhook: deliver again what was recorded."),
    "process-one": ("process_one", "process_one", "Process one data source into a folder; no database, no Dagster."),
    "lint": ("lint", "lint", "Check source files; says file, line, path and cure."),
    "sources": ("sources", "sources", "The source repository: list it, sync it into Dagster."),
    "set": ("sets", "set_group", "Sets of all data sources: start one, see how far it is, cancel it."),
    "db": ("db", "db", "The ledger's database."),
    "runs": ("runs", "runs", "The runs in the ledger: list them, accept or reject those that were held."),
    "reindex": ("reindex", "reindex", "After the ledger was restored: enter the runs again that it forgot."),
    "prune": ("prune", "prune", "Remove from the store what need not be kept; says what and why."),
    "coverage": ("coverage", "coverage", "Draw the maps of what is covered; says how much, and what was not matched."),
    "doctor": ("doctor", "doctor", "Check a deployment: what is wrong, where, and what to do."),
    "dotmap": ("dotmap", "dotmap", "Make the map of all addresses; only areas that have changed are made again."),
    "settings": ("settings", "settings", "Show every setting, its value and its meaning."),
}


class _Lazy(click.Group):
    """A group that imports a subcommand when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, function, _ = _COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(f".{module}", __name__), function)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, says) for name, (_, _, says) in _COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="oa")
def oa() -> None:
    """The world's address data: download, convert, publish.

    Settings are OA_* variables; `oa settings` shows them.
    """


# How libraries call a database that is not there; known by name, as nothing of theirs is loaded for `oa --help`.
_NO_DATABASE = ("DagsterPostgresException", "OperationalError")


def _complain(error: object) -> None:
    from ..masked import masked

    click.echo(f"oa: {masked(str(error))}", err=True)


def _machine(error: OSError) -> str:
    """What the machine refused, and the file it is about, on one line."""
    said = error.strerror or str(error)
    return f"{error.filename}: {said}" if error.filename else said


def main() -> None:
    """Runs `oa`: exit status 0 done, 1 the work failed, 2 wrong usage, 130 interrupted."""
    try:
        status = oa.main(standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        status = 130
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except (SettingsError, SourceError) as error:
        _complain(error)
        status = 2 if isinstance(error, SettingsError) else 1
    except OAError as error:
        _complain(error)
        status = 1
    except BrokenPipeError:
        # The reader of our output went away (`oa sources list | head`): nothing to say, and nobody to say it to.
        sys.stderr.close()
        status = 0
    except OSError as error:
        _complain(_machine(error))
        status = 1
    except Exception as error:
        if type(error).__name__ not in _NO_DATABASE:
            raise
        said = (str(error).splitlines() or [""])[0]
        _complain(f"the database does not answer: {said} (`oa doctor database` says what is wrong with it)")
        status = 1
    sys.exit(status if isinstance(status, int) else 0)
