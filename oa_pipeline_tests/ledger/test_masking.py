"""What the ledger writes holds no secret, and is otherwise what it was."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from oa_pipeline.known_secrets import Known
from oa_pipeline.ledger import builds
from oa_pipeline.ledger.masking import without_secrets
from oa_pipeline.ledger.tables import builds as table

SURE, WORD = "x7kq29vbn1-token", "source"
KNOWN = Known.of({SURE, WORD})


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"message": f"no {SURE} here"}, {"message": "no *** here"}),
        ({"message": f"the password is {WORD}"}, {"message": "the password is ***"}),
        ({"asset_key": [WORD], "name": f"{SURE}/{WORD}"}, {"asset_key": [WORD], "name": f"***/{WORD}"}),
        ({SURE: 1.5, WORD: None}, {"***": 1.5, WORD: None}),
        (
            {"error": {"__class__": f"{WORD}Error", "stack": [f"raise {WORD}"]}},
            {"error": {"__class__": f"{WORD}Error", "stack": ["raise ***"]}},
        ),
        (
            {"metadata": {"asset": {"__class__": "AssetKey", "path": [WORD]}, "said": {"text": WORD}}},
            {"metadata": {"asset": {"__class__": "AssetKey", "path": [WORD]}, "said": {"text": "***"}}},
        ),
        ([[SURE, {"deep": [f"{SURE}é"]}]], [["***", {"deep": ["***é"]}]]),
    ],
    ids=["a token", "a word in a sentence", "a word in a name", "keys", "classes", "asset keys", "lists"],
)
def test_nothing_of_a_document_is_changed_but_the_secret(document: object, expected: object) -> None:
    assert json.loads(without_secrets(json.dumps(document), KNOWN)) == expected


@pytest.mark.parametrize(
    ("text", "prose", "expected"),
    [
        (f"[{SURE}] no JSON", False, "[***] no JSON"),
        (f'{{"a":  "{WORD}"}}', True, '{"a":  "***"}'),
        (f"us/ca/{WORD}", False, f"us/ca/{WORD}"),
    ],
    ids=["what only looks like JSON", "a sentence that is JSON", "a name"],
)
def test_a_text_stays_a_text(text: str, prose: bool, expected: str) -> None:
    assert without_secrets(text, KNOWN, prose=prose) == expected


def test_a_detail_is_written_without_the_secret_and_found_by_what_is_no_secret(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OA_GITHUB_TOKEN", SURE)
    monkeypatch.setenv("PGPASSWORD", "collections")  # a word that the ledger uses itself
    now = datetime.now(UTC)
    build = builds.begin_build(engine, "collections", run_ids=[], now=now)
    builds.fail_build(engine, build, f"{SURE} for collections, 'é' [x]", now=now)
    with engine.connect() as connection:
        row = connection.execute(sa.select(table.c.kind, table.c.detail).where(table.c.id == build)).one()
    assert tuple(row) == ("collections", "*** for ***, 'é' [x]")
