"""Errors: a page for people, one shape of JSON for programs, and a way on for both."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from .reading import BROWSER, parsed

PROGRAM = {"Accept": "application/json"}
WRONG = "/sources/?sort=size"  # which is no order


@pytest.mark.parametrize(
    ("address", "accepts", "for_people"),
    [
        ("/nowhere", BROWSER, True),
        ("/nowhere", PROGRAM, False),
        ("/nowhere", {}, False),
        ("/nowhere", {"Accept": "*/*"}, False),
        ("/nowhere", {"Accept": "text/html;q=0.2, application/json"}, False),
        ("/runs/999/", BROWSER, True),
        ("/runs/999.json", BROWSER, False),
        ("/sources/us/nowhere.atom", BROWSER, False),
        ("/files/runs/1/nowhere.csv", BROWSER, False),
        (WRONG, BROWSER, True),
        (WRONG, {}, False),
        ("/hook", BROWSER, False),
    ],
)
def test_browsers_get_a_page_and_programs_json(
    reader: FlaskClient, address: str, accepts: dict[str, str], for_people: bool
) -> None:
    answer = reader.get(address, headers=accepts)

    assert answer.status_code in {400, 404, 405}
    assert answer.mimetype == ("text/html" if for_people else "application/json")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "ETag" not in answer.headers


def test_a_page_of_an_error_says_what_is_wrong_and_leads_on(reader: FlaskClient) -> None:
    document = parsed(reader.get(WRONG, headers=BROWSER).text)

    said = " ".join(document.all("main")[0].text.split())
    assert "sort=size cannot be used." in said
    assert "sort is one of name, rows, date, state." in said
    assert {"/", "/sources/"} <= {one.attributes["href"] for one in document.all("a")}


@pytest.mark.parametrize(
    ("method", "address", "status", "error"),
    [
        ("GET", "/nowhere", 404, {"code": "not_found", "message": "There is nothing at this address.", "detail": ""}),
        ("GET", "/runs/0/", 404, {"code": "not_found", "message": "There is nothing at this address.", "detail": ""}),
        ("GET", "/sets/999/", 404,
         {"code": "not_found", "message": "Set 999 does not exist", "detail": "/sets/ lists them all"}),
        ("POST", "/sources/", 405,
         {"code": "method_not_allowed", "message": "This address can only be read.", "detail": ""}),
        ("GET", "/hook", 405, {"code": "method_not_allowed", "message": "Method Not Allowed"}),
    ],
)  # fmt: skip
def test_json_of_an_error_has_its_code_what_is_wrong_and_what_would_be_right(
    reader: FlaskClient, method: str, address: str, status: int, error: dict[str, str]
) -> None:
    answer = reader.open(address, method=method)

    assert (answer.status_code, answer.get_json()) == (status, {"error": error})
    if status == 405:
        assert set(answer.headers["Allow"].split(", ")) == ({"POST"} if address == "/hook" else {"GET", "HEAD"}) | {
            "OPTIONS"
        }
