"""Reports of invented jobs. `python -m oa_pipeline_tests.github.reports` writes them anew, to be looked at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from oa_pipeline.github.report import render
from oa_pipeline.github.report.facts import Glimpse, SourceFacts, Surroundings
from oa_pipeline.sources.model import ATTRIBUTES, Layer, Licence

GOLDEN = Path(__file__).parent / "golden"
AROUND = Surroundings("https://results.example/jobs/j1", "https://github.com/openaddresses/openaddresses")
FILLED = {"field/number/filled": 1190, "field/street/filled": 1234, "field/city/filled": 600}
LOST = ("5,000 rows before, 1,234 now (-75.3%)", "62% of the extent is gone")
PUBLIC = Licence("Public domain", False, "", False)
HOSTILE = (
    "@everyone", "#123", "GH-1", "openaddresses/machine#5", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "https://evil.example/?a=b", "www.evil.example", "root@evil.example", "<img src=x onerror=alert(1)>",
    "</code></details><script>alert(1)</script>", "<!-- oa_pipeline:report:7 -->", "[x](javascript:alert(1))",
    "![x](https://evil.example/x.png)", "](javascript:alert(1))", "```\n# fence\n```", "`` ` ``", ":tada:",
    "😀" * 10_000,
    "\u202eabc\u2066", "\x00\x1b[31mred\x07", "a|b\\|c\\", "|---|", "- [ ] task", "# heading\n\n> quote",
    "x" * 100_000, "Z" + "\u0301" * 5_000, "$\\frac{1}{0}$", "*a* _b_ ~c~ **d**", "&lt;&#64;everyone&commat;",
    "`" * 300, "\\`@everyone\\`", "\n\nre-run this, please", "fixes #1", "TICKET-12",
)  # fmt: skip


def job(status: str, files: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    held = {"id": "j1", "status": status, "head_sha": "0123456789" * 4, "detail": "", "files": files or []}
    return held | {"pull_request": 7, "trusted": True, "check_id": None} | more


def file(path: str, outcome: str, detail: str = "", *findings: dict[str, Any]) -> dict[str, Any]:
    return {"path": path, "outcome": outcome, "detail": detail, "findings": list(findings)}


def finding(line: int, where: str, message: str, cure: str, severity: str = "error") -> dict[str, Any]:
    return {"line": line, "column": 1, "where": where, "severity": severity, "message": message, "cure": cure}


def member(key: str, status: str | None = "succeeded", **more: Any) -> dict[str, Any]:
    names = ("problem", "rows", "licence", "share_alike")
    run = {f"run_{name}": None for name in names}
    run |= {"run_status": status, "run_detail": "", "run_cure": "", "run_warnings": [], "run_outputs": {}}
    run |= {"run_counters": {}, "run_sampled": False, "run_id": 31, "reused": False, "detail": "", "ended_at": status}
    return {"key": key, **run, **more}


def before(rows: int = 1200, **more: Any) -> dict[str, Any]:
    counters = {"field/number/filled": 1200, "field/street/filled": 1200}
    return {"id": 12, "rows": rows, "counters": counters, "share_alike": False, **more}


def known(**more: Any) -> SourceFacts:
    """A data source of which everything is known."""
    links = (("log", "https://data.example/pr/31/output.txt"), ("GeoJSON", "https://data.example/pr/31/out.geojson.gz"))
    columns = ("OBJECTID", "NUM", "STREET", "TOWN")
    held = {
        "before": before(),
        "attributes": ATTRIBUTES[Layer.ADDRESSES],
        "mapped": frozenset({"number", "street", "city", "unit"}),
        "reads": frozenset({"NUM", "STREET", "TOWN", "x", "y"}),
        "licence": PUBLIC,
        "publisher": Glimpse(columns, tuple((str(n), f"{n}0", "MAIN ST", "Bigville") for n in range(1, 6))),
        "published": Glimpse(
            ("number", "street", "city", "place"),
            tuple((f"{n}0", "Main Street", "Bigville", f"7.{n}, 47.5") for n in range(1, 6)),
        ),
        "links": links,
    }
    return SourceFacts(**{**held, **more})


def fine(key: str = "us/ca/good/addresses/city", **more: Any) -> dict[str, Any]:
    counters = {**FILLED, "rows/read": 1237, "rows/dropped/unparsable coordinates": 3, "rows/kept/no geometry": 2}
    return member(key, run_rows=1234, run_counters=counters, **more)


def good_broken_invalid() -> str:
    good, broken = fine(), member(
        "us/ca/broken/addresses/city", "failed", run_problem="Could not conform source data",
        run_detail="conform.number: there is no column 'HOUSE' in `data.csv`", run_cure="use one of NUM, STREET, TOWN",
    )  # fmt: skip
    findings = (
        finding(12, "layers.addresses[0].conform.format", "unknown format 'shp'", "use shapefile"),
        finding(7, "layers.addresses[0].data", "'data' is missing", "give the address of the data"),
    )
    files = [
        file("sources/us/ca/good.json", "changed"), file("sources/us/ca/broken.json", "changed"),
        file("sources/us/ca/invalid.json", "invalid", "", *findings),
        file("sources/us/ca/link.json", "refused", "it is a symbolic link; put the file itself there"),
        file("README.md", "ignored", "outside sources/"), file("sources/us/ca/old.json", "removed"),
    ]  # fmt: skip
    facts = {good["key"]: known(), broken["key"]: known(before=None, published=Glimpse())}
    return render(job("failure", files), [good, broken], facts, AROUND)


def all_fine() -> str:
    """With what a reviewer should ask about."""
    new = fine("us/ca/new/addresses/city", reused=True)
    lost = fine("us/ca/lost/addresses/city", run_warnings=["Missing or incomplete coverage: name a US Census geoid"])
    sampled = fine("us/ca/huge/parcels/state", run_sampled=True)
    skipped = member("us/ca/skipped/addresses/city", "skipped", run_problem="Source says to skip")
    gone = Glimpse(trouble="the store does not give its file")
    facts = {
        new["key"]: known(before=None, licence=Licence("", True, "", None)),
        lost["key"]: known(before=before(5000), held=LOST, licence=Licence("CC BY-SA", True, "The City", True)),
        sampled["key"]: known(publisher=gone, published=gone, preview="https://data.example/pr/31/preview.png"),
    }
    noted = finding(3, "coverage", "'county' is not text", "put it in quotes", "warning")
    files = [file("sources/us/ca/new.json", "changed", "", noted), file("sources/us/ca/b.json", "unchanged")]
    detail = "Too many files: more than 300 source files; the first 300 are checked"
    return render(job("success", files, detail=detail), [skipped, sampled, lost, new], facts, AROUND)


def at_work() -> str:
    waiting = member("us/ca/b/addresses/city", None)
    return render(job("pending"), [fine(), waiting], {"us/ca/good/addresses/city": known()}, AROUND)


def waits_for_approval() -> str:
    members = [member(f"us/ca/{n}/addresses/city", None) for n in range(12)]
    detail = "Waits for approval: 12 data sources by a first-time contributor"
    return render(job("waiting", detail=detail, trusted=False), members, {}, AROUND)


def nothing() -> str:
    files = [file("sources/us/ca/b.json", "unchanged"), file("sources/us/ca/old.json", "removed")]
    return render(job("nothing", files, detail="sources were removed only"), [], {}, AROUND)


def our_fault() -> str:
    failed = member(
        "us/ca/b/addresses/city", "failed", run_problem="The pipeline failed, not the source",
        run_detail="OperationalError: connection to postgresql://oa:secret@db failed",
    )  # fmt: skip
    lost = member("us/ca/c/addresses/city", "lost", detail="its worker went away three times")
    return render(job("error"), [failed, lost], {}, AROUND)


def hostile() -> str:
    """Everything that anybody but us controls says each of the hostile things."""
    members, facts, files = [], {}, []
    for n, text in enumerate(HOSTILE):
        key = f"us/{text}/addresses/{text}"
        more = {"run_warnings": [text, f"{text} and {text}"], "run_detail": text, "run_cure": text, "detail": text}
        if n % 3:
            counters = {f"rows/dropped/{text}": 1, f"rows/kept/{text}": 1, **FILLED}
            members.append(member(key, run_rows=100, run_counters=counters, reused=True, **more))
        else:
            members.append(member(key, "failed" if n % 2 else "lost", run_problem=text, **more))
        rows = Glimpse((text, f"a{text}", f"{text}b"), ((text, f"a{text}", f"{text}b"),) * 5)
        facts[key] = known(publisher=rows, published=rows, licence=Licence("", True, "", True))
        found = finding(n, text, f"{text} there", f"write {text}")
        files.append(file(text[:200], ("invalid", "changed")[n % 2], text, found))
        files.append(file(text[:200], ("refused", "ignored", "removed", "unchanged")[n % 4], text))
    return render(job("failure", files, detail=HOSTILE[0]), members, facts, AROUND)


def cut() -> str:
    """Of far more than a comment holds, only the beginning and the end."""
    members = [fine(f"us/ca/{n:03}/addresses/city") for n in range(300)]
    text = render(job("success"), members, {each["key"]: known() for each in members}, AROUND)
    return text[:1500] + "\n[...]\n" + text[-700:]


REPORTS: dict[str, Callable[[], str]] = {
    each.__name__: each
    for each in (good_broken_invalid, all_fine, at_work, waits_for_approval, nothing, our_fault, cut)
}

if __name__ == "__main__":
    for name, made in REPORTS.items():
        (GOLDEN / f"{name}.md").write_text(made(), encoding="utf-8")
