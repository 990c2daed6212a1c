from __future__ import annotations

from dagster import RunRequest, SensorResult, SkipReason

from oa_pipeline.automation.github import PAUSE_SECONDS, WATCH_SECONDS, keep_looking


class Clock:
    def __init__(self) -> None:
        self.now, self.slept = 0.0, 0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += 1


def test_looks_go_on_for_some_seconds_and_say_together_what_they_saw() -> None:
    clock, saw = Clock(), iter(["no deliveries", "1 jobs"] + ["no deliveries"] * 100)
    found = keep_looking(lambda: SensorResult(skip_reason=SkipReason(next(saw))), clock=clock, sleep=clock.sleep)
    assert found.skip_reason is not None
    assert found.skip_reason.skip_message == "no deliveries\n1 jobs"
    assert clock.slept == WATCH_SECONDS / PAUSE_SECONDS


def test_as_soon_as_runs_are_wanted_dagster_is_asked_for_them() -> None:
    clock, wanted = Clock(), [RunRequest("key")]
    looks = iter([SensorResult(skip_reason=SkipReason("nothing")), SensorResult(run_requests=wanted)])
    found = keep_looking(lambda: next(looks), clock=clock, sleep=clock.sleep)
    assert (found.run_requests, found.skip_reason, clock.slept) == (wanted, None, 1)
