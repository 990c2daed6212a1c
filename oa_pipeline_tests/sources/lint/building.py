"""Source files that are wrong in one place, and what is found in them."""

from __future__ import annotations

from typing import Any

from oa_pipeline.sources.lint import Finding, lint

from ..examples import conform, data_source, source, text

PATH = "sources/us/ca/alameda.json"
AT = "layers.addresses[0]"


def findings(held: Any, path: str = PATH, *, allow_local: bool = False) -> tuple[Finding, ...]:
    return lint(held if isinstance(held, bytes) else text(held), path, allow_local=allow_local)


def of_conform(**changed: Any) -> dict[str, Any]:
    return source(data_source(conform=conform(**changed)))


def of_source(**changed: Any) -> dict[str, Any]:
    return source(data_source(**changed))


def covered(**coverage: Any) -> dict[str, Any]:
    return source(coverage={"country": "us", "US Census": {"geoid": "06"}, **coverage})


def fn(function: str, **held: Any) -> dict[str, Any]:
    return {"function": function, **held}


def regexp(pattern: str, **held: Any) -> dict[str, Any]:
    return of_conform(number=fn("regexp", field="A", pattern=pattern, **held))


def polygon(*ring: tuple[float, float]) -> dict[str, Any]:
    return covered(geometry={"type": "Polygon", "coordinates": [list(map(list, ring))]})


def chain(*steps: Any, **held: Any) -> dict[str, Any]:
    return of_conform(number=fn("chain", functions=list(steps), **held))


def nested(depth: int) -> Any:
    step: Any = "A"
    for _ in range(depth):
        step = fn("chain", variable="v", functions=["A", step])
    return step
