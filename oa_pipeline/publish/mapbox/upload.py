"""A file of the store becomes a tileset: staged, announced, and waited for."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from ..store import Store
from .account import Account, MapboxError
from .api import Api, Staging
from .staging import Expired, stage

OPENED = 3  # times that a bucket which closed meanwhile is opened anew
POLL_SECONDS = 30.0

Say = Callable[[str, int, int | None], None]


def upload(
    account: Account,
    store: Store,
    key: str,
    *,
    seconds: float,
    api: Api | None = None,
    poll: float = POLL_SECONDS,
    say: Say = lambda what, done, total: None,
) -> str:
    """Makes the account's tileset of the store's object; the number that Mapbox gave that.

    What is taken is the whole file or nothing: until the new tileset is there, people see the former one. `seconds` is
    how long Mapbox may take to make it. Raises MapboxError, and PublishError where the store does not give the file.
    """
    api = api or Api(account)
    place = _staged(api, store, key, say)
    number = api.begin(place.url)
    deadline = time.monotonic() + seconds
    while True:
        state = api.state(number)
        if state.error:
            raise MapboxError(f"Mapbox made no tileset of upload {number}: {state.error}")
        if state.complete:
            return number
        say("Mapbox", round(state.share * 100), 100)
        left = deadline - time.monotonic()
        if left <= 0:
            raise MapboxError(
                f"Mapbox had not made its tileset of upload {number} after {seconds:.0f} seconds",
                cure="see what Mapbox says of it; the next run uploads the file again",
            )
        api.sleep(min(poll, left))


def _staged(api: Api, store: Store, key: str, say: Say) -> Staging:
    size = store.size(key)
    for left in reversed(range(OPENED)):
        place = api.credentials()
        sent = 0

        def count(more: int) -> None:
            nonlocal sent
            sent += more
            say("upload", sent, size)

        with contextlib.closing(store.open(key)) as file:
            try:
                stage(file, place, endpoint=api.account.s3_endpoint, say=count)
            except Expired:
                if not left:
                    raise
            else:
                break
    return place
