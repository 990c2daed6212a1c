"""The ledger's questions on 250,000 runs: how long pages and sensors wait for each.

Milliseconds as the caller sees them, from the call to plain rows. What waits for no one (a whole set for a nightly
build) is measured, and has no limit.
"""

from __future__ import annotations

import argparse
import statistics
import time

import sqlalchemy as sa

from oa_pipeline.ledger.engine import ledger_engine
from oa_pipeline.ledger.upgrade import upgrade
from oa_pipeline.orchestration import embedded
from oa_pipeline_tests.database import FAST, create, named, open_folder
from oa_pipeline_tests.ledger import many_runs
from oa_pipeline_tests.ledger.questions import QUESTIONS, Question

LIMIT = 50.0  # milliseconds


def asked(engine: sa.Engine, question: Question, times: int) -> list[float]:
    """Milliseconds of each time, the first, which reads what no other has read, among them."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        question.ask(engine)
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def verdict(question: Question, late: float) -> str:
    if not question.waited_for:
        return "nobody waits"
    return "reached" if late <= LIMIT else f"short of {LIMIT:.0f} ms"


def main(times: int = 40) -> None:
    """Prints a line a question: median, 95th percentile, and whether that is within the limit."""
    with open_folder() as folder:
        server = embedded.start(folder, options=FAST)
        try:
            create(server.url, "years")
            url = named(server.url, "years")
            upgrade(url)
            began = time.perf_counter()
            many_runs.fill(url)
            print(
                f"{many_runs.RUNS:,} runs of {many_runs.PARTITIONS:,} data sources, filled in "
                f"{time.perf_counter() - began:.0f} s; each question {times} times"
            )
            print(f"{'question':<44}{'median ms':>10}{'p95 ms':>10}")
            engine = ledger_engine(url)
            for name, question in QUESTIONS.items():
                taken = asked(engine, question, times)
                late = statistics.quantiles(taken, n=20)[-1]
                print(
                    f"{name:<44}{statistics.median(taken):>10.1f}{late:>10.1f}  {verdict(question, late)}", flush=True
                )
            engine.dispose()
        finally:
            server.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=40)
    main(parser.parse_args().times)
