"""How the data is read: tags of the conform that go together, and columns that are mapped twice."""

from __future__ import annotations

from collections.abc import Iterator

from .findings import Finding, Subject, shown, text_of


def reading(subject: Subject) -> Iterator[Finding]:
    """What is wrong with the processing tags of a conform."""
    if not subject.conform:
        if not subject.held.get("skip"):
            yield subject.site.warning("no-conform", subject.at(), "without 'conform' nothing is made", "add 'conform'")
        return
    yield from _format(subject)
    yield from _coordinates(subject)
    yield from _lines(subject)
    yield from _encoding(subject)
    yield from _twice(subject)


def _format(subject: Subject) -> Iterator[Finding]:
    if "format" not in subject.conform:
        message = "'format' is missing: the file cannot be read without it"
        yield subject.site.error("missing-key", subject.at("conform"), message, "add 'format', for example \"csv\"")


def _coordinates(subject: Subject) -> Iterator[Finding]:
    conform = subject.conform
    esri = text_of(subject.held, "protocol").lower() == "esri"
    for key in ("lon", "lat"):
        if conform.get("format") == "csv" and not esri and conform.get(key) in (None, ""):
            message = f"a csv file needs '{key}'"
            cure = f"add '{key}', the name of the column that holds it"
            yield subject.site.error("missing-coordinate", subject.at("conform"), message, cure)


def _lines(subject: Subject) -> Iterator[Finding]:
    headers, skiplines = subject.conform.get("headers"), subject.conform.get("skiplines")
    if skiplines is not None and headers is None:
        message, cure = "'skiplines' does nothing without 'headers'", "add 'headers', the line of the column names"
        yield subject.site.warning("lone-skiplines", subject.at("conform", "skiplines"), message, cure)
    elif None not in (headers, skiplines) and headers != skiplines:
        message = f"'headers' is {headers} and 'skiplines' {skiplines}; 'headers' is obeyed"
        cure = "write 'headers' alone: the line of the column names"
        yield subject.site.warning("lone-skiplines", subject.at("conform", "skiplines"), message, cure)
    if headers == 0:
        message = "'headers' counts from 1"
        cure = "write the line of the column names, or -1 where there is none"
        yield subject.site.error("wrong-value", subject.at("conform", "headers"), message, cure)


def _encoding(subject: Subject) -> Iterator[Finding]:
    encoding = text_of(subject.conform, "encoding")
    if encoding and not _known_encoding(encoding):
        cure = "use a name that Python knows, such as utf-8, iso-8859-1, cp1252 or shift_jis"
        message = f"unknown encoding {shown(encoding)}"
        yield subject.site.error("unknown-encoding", subject.at("conform", "encoding"), message, cure)


def _known_encoding(encoding: str) -> bool:
    try:
        b"".decode(encoding)
        b"a".decode(encoding)
    except (LookupError, ValueError) as error:
        return isinstance(error, UnicodeError)  # such as utf-16, which needs two bytes
    return True


def _twice(subject: Subject) -> Iterator[Finding]:
    number, street = subject.conform.get("number"), subject.conform.get("street")
    if isinstance(number, str) and number and number == street:
        message = f"number and street are both the column {shown(number)}"
        cure = "take them apart with 'prefixed_number' and 'postfixed_street'"
        yield subject.site.warning("same-column", subject.at("conform", "street"), message, cure)
    unit = subject.conform.get("unit")
    if isinstance(unit, str) and unit and unit in (number, street):
        message = f"unit is the column {shown(unit)}, like number or street"
        yield subject.site.warning("same-column", subject.at("conform", "unit"), message, "use 'postfixed_unit'")
