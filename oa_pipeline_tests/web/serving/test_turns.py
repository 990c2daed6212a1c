"""Who has many connections keeps others waiting no longer than for their turn, and never has all threads."""

from __future__ import annotations

from oa_pipeline.web.serving.turns import SPARED, Turns


def served(turns: Turns) -> list[str]:
    """Those that are answered now."""
    found = []
    while (one := turns.next()) is not None:
        found.append(one)
    return found


def test_one_address_never_has_all_threads() -> None:
    turns = Turns(8)
    for n in range(100):
        turns.wait("many", f"many {n}")

    assert served(turns) == [f"many {n}" for n in range(8 - SPARED)]
    turns.wait("few", "few 0")
    assert served(turns) == ["few 0"]
    assert turns


def test_addresses_take_turns_and_each_keeps_its_order() -> None:
    turns = Turns(3)
    for n in range(3):
        turns.wait("other", f"other {n}")
    assert served(turns) == ["other 0"]
    for n in range(3):
        turns.wait("many", f"many {n}")
    turns.wait("few", "few 0")
    assert served(turns) == ["many 0", "few 0"]

    answered = []
    for address in ("many", "few", "other", "many", "other", "many"):
        turns.done(address)
        answered += served(turns)

    assert answered == ["many 1", "other 1", "many 2", "other 2"]
    assert not turns


def test_there_are_no_more_at_once_than_threads() -> None:
    turns = Turns(8)
    for n in range(20):
        turns.wait(f"address {n}", str(n))

    assert served(turns) == [str(n) for n in range(8)]
    turns.done("address 0")
    assert served(turns) == ["8"]


def test_one_thread_is_for_whoever_comes() -> None:
    turns = Turns(1)
    turns.wait("a", "one")
    turns.wait("a", "two")
    assert served(turns) == ["one"]
    turns.done("a")
    assert served(turns) == ["two"]


def test_what_was_never_begun_gives_nobody_another_thread() -> None:
    turns = Turns(1)
    turns.done("a")
    turns.wait("a", "one")
    turns.wait("b", "two")
    assert served(turns) == ["one"]
