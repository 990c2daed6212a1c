"""Plays EC2's instances: each that Amazon has becomes a process that runs the instance's user data.

It sees what the real ones see: metadata of its own, an end when Amazon ends it, and an end of the instance when a
process that was for one run has ended.
"""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from oa_pipeline_tests.aws.amazon import Amazon, FakeMetadata, metadata_of
from oa_pipeline_tests.processes import signalled
from oa_pipeline_tests.workers.system import TOP

LOOK = 0.3
ALIVE = {"pending", "running"}
POWER_OFF = 30.0  # seconds from SIGTERM to SIGKILL when Amazon ends an instance


@dataclass
class Machine:
    """An instance that has booted."""

    process: subprocess.Popen[bytes]
    metadata: FakeMetadata
    single: bool
    ends_at: float | None = None
    below: list[psutil.Process] = field(default_factory=list)


class Keeper(threading.Thread):
    """Boots, watches and ends instances. `dead`: which ones never boot, counted from 0."""

    def __init__(
        self, amazon: Amazon, folder: Path, environment: Mapping[str, str], *, dead: Collection[int] = ()
    ) -> None:
        super().__init__(daemon=True)
        self.amazon, self.folder, self.environment, self.dead = amazon, folder, dict(environment), dead
        self.machines: dict[str, Machine] = {}
        self.booted: list[str] = []
        self.never: list[str] = []
        self.most = 0  # instances at once
        self.failed: BaseException | None = None
        self._stack = contextlib.ExitStack()
        self._over = threading.Event()
        self._lock = threading.RLock()

    def run(self) -> None:
        try:
            while not self._over.wait(LOOK):
                self._look()
        except BaseException as error:
            self.failed = error

    def _look(self) -> None:
        with self._lock:
            self.amazon.group()  # moto's groups replace what is gone when they are looked at
            seen = self.amazon.instances()
            alive = {name for name, one in seen.items() if one["State"]["Name"] in ALIVE}
            self.most = max(self.most, len(alive))
            for name in sorted(alive - self.machines.keys() - set(self.never)):
                tags = {tag["Key"]: tag["Value"] for tag in seen[name].get("Tags", [])}
                if len(self.booted) + len(self.never) in self.dead:
                    self.never.append(name)
                else:
                    self._boot(name, tags)
            for name, machine in list(self.machines.items()):
                self._see_to(name, machine, alive)

    def _boot(self, name: str, tags: Mapping[str, str]) -> None:
        attribute = self.amazon.client("ec2").describe_instance_attribute(InstanceId=name, Attribute="userData")
        script = self.folder / f"{name}.sh"
        script.write_bytes(base64.b64decode(attribute["UserData"]["Value"]))
        metadata = self._stack.enter_context(metadata_of(name, dict(tags)))
        home = self.folder / name
        home.mkdir()
        environment = self.environment | {"OA_EC2_METADATA": metadata.url, "OA_HOME": str(home)}
        with (self.folder / f"{name}.log").open("ab") as out:
            process = subprocess.Popen(
                ["/bin/sh", str(script)], env=environment, cwd=TOP, stdout=out, stderr=out, stdin=subprocess.DEVNULL
            )
        self.machines[name] = Machine(process, metadata, "oa:run" in tags)
        self.booted.append(name)

    def _see_to(self, name: str, machine: Machine, alive: set[str]) -> None:
        if machine.process.poll() is not None:
            if name in alive and machine.single:
                self.amazon.end(name)  # its shutdown behaviour is to terminate
            return
        now = time.monotonic()
        if name not in alive:
            if machine.ends_at is None:
                machine.process.send_signal(signal.SIGTERM)
                machine.ends_at = now + POWER_OFF
            elif now >= machine.ends_at:
                self._cut(machine)

    def _cut(self, machine: Machine) -> None:
        if machine.process.poll() is None:
            machine.below += psutil.Process(machine.process.pid).children(recursive=True)
            machine.process.kill()
            signalled(machine.below, signal.SIGKILL)
            machine.process.wait()

    @property
    def up(self) -> list[str]:
        """Instances with a process that lives, the oldest first."""
        assert self.failed is None, self.failed
        with self._lock:
            return [name for name in self.booted if self.machines[name].process.poll() is None]

    def cut(self, name: str) -> None:
        """The power goes, and Amazon notices."""
        with self._lock:
            self._cut(self.machines[name])
            self.amazon.end(name)

    def kill_worker(self, name: str) -> None:
        """The worker dies; the instance stays, with nothing on it."""
        with self._lock:
            self._cut(self.machines[name])

    def interrupt(self, name: str, seconds: float) -> None:
        """A spot notice; after so many seconds (two minutes, were it real) the instance is gone."""
        with self._lock:
            self.machines[name].metadata.interrupt()
        timer = threading.Timer(seconds, self.amazon.end, [name])
        timer.daemon = True
        timer.start()
        self._stack.callback(timer.cancel)

    def close(self) -> None:
        """Ends everything."""
        self._over.set()
        self.join(120)
        for machine in self.machines.values():
            if machine.process.poll() is None:
                machine.process.send_signal(signal.SIGTERM)
        until = time.monotonic() + 60
        for machine in self.machines.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                machine.process.wait(max(0.1, until - time.monotonic()))
            self._cut(machine)
        self._stack.close()
        assert self.failed is None, self.failed


@contextlib.contextmanager
def keeping(
    amazon: Amazon, folder: Path, environment: Mapping[str, str], *, dead: Collection[int] = ()
) -> Iterator[Keeper]:
    """Instances live while the block runs."""
    folder.mkdir(exist_ok=True)
    keeper = Keeper(amazon, folder, {"PATH": os.defpath, **environment}, dead=dead)
    keeper.start()
    try:
        yield keeper
    finally:
        keeper.close()
