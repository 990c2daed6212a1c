"""Every question of pages and sensors on a ledger of 250,000 runs: what it touches, not how long it takes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from oa_pipeline.ledger.engine import ledger_engine
from oa_pipeline.ledger.upgrade import upgrade
from oa_pipeline_tests.database import temporary
from oa_pipeline_tests.ledger import many_runs
from oa_pipeline_tests.ledger.life import counts_by_status, declare, run
from oa_pipeline_tests.ledger.plans import Plan, explained
from oa_pipeline_tests.ledger.questions import NOT_ASKED, QUESTIONS, Question, functions, of


@pytest.fixture
def old_ledger(server: str, ledger_template: str) -> Iterator[sa.Engine]:
    for url in temporary(server, ledger_template):
        many_runs.fill(url)
        yield ledger_engine(url)


def faults(question: Question, plans: list[Plan]) -> list[str]:
    """What is wrong with how the question was answered."""
    found = [f"reads all runs: {plan.short}" for plan in plans if "runs" in plan.scanned]
    for what in ("rows", "blocks"):
        touched = sum(getattr(plan, what) for plan in plans)
        if touched > question.most:
            worst = max(plans, key=lambda plan: getattr(plan, what))
            found.append(f"touches {touched:,} {what}, more than {question.most:,}: {worst.short}")
    return found


@pytest.mark.timeout(900)
def test_no_question_reads_all_runs_or_much_of_anything(old_ledger: sa.Engine) -> None:
    wrong = {}
    for name, question in QUESTIONS.items():
        with explained(old_ledger) as plans:
            question.ask(old_ledger)
        assert plans, f"{name} asked nothing"
        if found := faults(question, plans):
            wrong[name] = found
    assert not wrong, "\n".join(f"{name}: {fault}" for name, found in wrong.items() for fault in found)


def test_a_question_that_reads_everything_would_be_seen(empty_database: str) -> None:
    upgrade(empty_database)
    engine = ledger_engine(empty_database)
    run(engine, declare(engine, "x/addresses/county"))
    with explained(engine) as plans, engine.begin() as connection:
        connection.execute(sa.text("SELECT count(*) FROM oa.runs WHERE licence = 'x'"))
    told = faults(Question(lambda _: None, most=0), plans)
    assert [fault.split(":")[0] for fault in told] == [
        "reads all runs", "touches 1 rows, more than 0", "touches 1 blocks, more than 0",
    ]  # fmt: skip


def test_what_writes_is_explained_and_then_done_once(engine: sa.Engine) -> None:
    with explained(engine) as plans:
        run(engine, declare(engine, "x/addresses/county"))
    assert any(plan.statement.startswith("INSERT INTO oa.runs") for plan in plans)
    assert counts_by_status(engine) == {"succeeded": 1}


def test_every_function_of_the_ledger_is_asked_or_says_why_not() -> None:
    asked, held = {of(name) for name in QUESTIONS}, dict(functions())
    new = sorted(set(held) - asked - set(NOT_ASKED))
    assert not new, f"add to QUESTIONS, or with a reason to NOT_ASKED: {', '.join(new)}"
    gone = sorted((asked | set(NOT_ASKED)) - set(held))
    assert not gone, f"there is no such function any more: {', '.join(gone)}"
    assert not asked & set(NOT_ASKED)
