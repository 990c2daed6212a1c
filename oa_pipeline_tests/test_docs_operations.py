"""What the runbook names is there: settings, commands and their options, services, alarms, files."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from oa_pipeline.cli import oa
from oa_pipeline.doctor import AREAS, checks
from oa_pipeline.settings import Settings

TOP = Path(__file__).resolve().parents[1]
DOC = TOP / "docs" / "operations.md"
if not DOC.is_file():
    pytest.skip("not in a checkout", allow_module_level=True)

TEXT = DOC.read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"(?:sudo |`)oa ([a-z][^`\n|#]*)", TEXT)))
UNITS = {path.stem for path in (TOP / "deploy/cloud-init/units").iterdir()}
TEMPLATES = "".join(path.read_text() for path in (TOP / "deploy/templates").glob("*.yaml"))
OTHERS = {"oa-workers", "oa-control", "oa-web", "oa-broken"}  # groups, a database


def test_settings_are_ones_that_there_are() -> None:
    known = {name for name, _, _ in Settings.described()}
    assert set(re.findall(r"\bOA_[A-Z_]*[A-Z]\b", TEXT)) <= known


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_and_their_options_are_ones_that_there_are(line: str) -> None:
    words = line.rstrip(" .,;:").split()
    command: click.Command = oa
    context = click.Context(oa)
    while words and isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        assert found is not None, f"oa {line}"
        command = found
        words.pop(0)
    options = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options, f"oa {line}"


def test_areas_and_checks_of_doctor_are_ones_that_there_are() -> None:
    named = {check.name for check in checks()}
    for line in COMMANDS:
        if line.startswith("doctor"):
            areas = [word for word in re.sub(r"--\w+( (control|web|worker|all))?", "", line).split()[1:]]
            assert set(areas) <= set(AREAS), line
    assert set(re.findall(r"`((?:database|workers|dagster|store|github)\.[a-z-]+)`", TEXT)) <= named


def test_services_are_ones_that_there_are() -> None:
    assert set(re.findall(r"\boa-[a-z]+\b", TEXT)) <= UNITS | OTHERS


def test_every_alarm_stands_in_the_table_and_no_other() -> None:
    made = {name for name in re.findall(r"AlarmName: !Sub \"\$\{Deployment\} ([^\"]+)\"", TEMPLATES)}
    table = TEXT[TEXT.index("## Alarms") : TEXT.index("## What it costs")]
    said = {row.split("|")[1].strip() for row in table.splitlines() if row.startswith("| ")} - {"alarm"}
    for name in made:
        assert any(all(word in row for word in name.split()) for row in said), name


def test_parameters_and_outputs_of_the_stack_are_ones_that_there_are() -> None:
    production = (TOP / "deploy/templates/production.yaml").read_text()
    for name in re.findall(r"\b(\w+)=(?:1\.[01]|RELEASES|example-results|https|arn|you)", TEXT):
        assert re.search(rf"^  {name}:", production, re.MULTILINE), name
    for name in ("SiteAlias", "Hook", "WorkersMost", "MonthlyDollars", "DatabaseClass"):
        assert name in TEXT
        assert re.search(rf"^  {name}:", production, re.MULTILINE), name


def test_what_it_costs_adds_up() -> None:
    table = TEXT[TEXT.index("## What it costs") : TEXT.index("What moves it most")]
    amounts = [int(amount) for amount in re.findall(r"\| \$(\d+) \|", table)]
    (whole,) = re.findall(r"about \$(\d+)", table)
    assert sum(amounts) == int(whole)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)\)", TEXT))))
def test_links_lead_somewhere(link: str) -> None:
    assert (DOC.parent / link).exists()
