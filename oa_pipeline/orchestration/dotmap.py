"""The dotmap, made with this machine's tippecanoe and sent to Mapbox where the settings name an account."""

from __future__ import annotations

import functools
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import PublishError
from ..settings import Settings
from .workplace import Workplace

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ..publish.dotmap.build import Dotmap, Say
    from ..publish.mapbox.account import Account


def make_dotmap(
    workplace: Workplace,
    *,
    dagster_run_id: str = "",
    force: bool = False,
    mbtiles: bool = False,
    say: Say | None = None,
) -> Dotmap:
    """Brings the dotmap up to date, and Mapbox's tileset.

    `force`: all areas anew; `mbtiles`: the archive for Mapbox, though it is not sent there. Raises Unfinished where
    only Mapbox did not take it.
    """
    from ..convert.sandbox import Converter
    from ..publish.dotmap.build import KIND, Wish, build_dotmap
    from ..publish.dotmap.making import Workshop

    settings = workplace.settings
    account = account_of(settings)  # half an account is found out before hours of work
    now = functools.partial(datetime.now, UTC)
    tell = say or (lambda what, done, total: None)
    wish = Wish(now, mbtiles or account is not None, force, dagster_run_id, tell)
    engine, store = workplace.ledger(), workplace.store()
    own = Converter(walls="required" if settings.sandbox == "required" else "recorded")
    with workplace.folder(KIND, int(now().timestamp())) as folder, own as sandbox:
        # A folder within: in the other one may lie what a killed process has left.
        inner = Path(tempfile.mkdtemp(dir=folder.path))
        shop = Workshop(store, sandbox, inner, settings.dotmap_seconds, settings.tippecanoe)
        done = build_dotmap(engine, shop, wish)
    if account is not None:
        _send(workplace, engine, done, account, tell)
    return done


def account_of(settings: Settings) -> Account | None:
    """Whose tileset is made; None where no Mapbox is named. Raises SettingsError for half an account."""
    if not (settings.mapbox_user or settings.mapbox_token or settings.mapbox_tileset):
        return None
    from ..publish.mapbox.account import Account

    return Account(
        settings.mapbox_user,
        settings.mapbox_token,
        settings.mapbox_tileset,
        settings.mapbox_api,
        settings.mapbox_s3_endpoint,
    )


def due(workplace: Workplace) -> bool:
    """Whether there is anything to do."""
    from ..ledger import builds
    from ..publish.dotmap import build

    engine = workplace.ledger()
    if build.due(engine, workplace.settings.tippecanoe):
        return True
    account, last = account_of(workplace.settings), builds.last_published(engine, build.KIND)
    return account is not None and last is not None and not _sent(last["facts"], account)


def _sent(facts: dict[str, Any], account: Account) -> bool:
    return bool(facts.get("mapbox", {}).get("tileset") == account.tileset)


def _send(workplace: Workplace, engine: sa.Engine, done: Dotmap, account: Account, say: Say) -> None:
    from ..ledger import builds
    from ..publish.dotmap.unfinished import Unfinished
    from ..publish.dotmap.world import MBTILES
    from ..publish.mapbox.upload import upload

    if _sent(done.facts, account):
        return
    key = next(file["key"] for file in done.files if file["name"] == MBTILES)
    try:
        number = upload(account, workplace.store(), key, seconds=workplace.settings.mapbox_seconds, say=say)
    except PublishError as error:
        raise Unfinished(f"build {done.build} is current, but not at Mapbox: {error}") from error
    sent = {"mapbox": {"tileset": account.tileset, "upload": number}}
    builds.add_facts(engine, done.build, sent)
    done.facts.update(sent)
