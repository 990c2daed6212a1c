"""A process that writes to a store and comes to an end in the middle: `python -m ... ACT LOCATION ENDPOINT`."""

from __future__ import annotations

import os
import resource
import sys
import time
from pathlib import Path
from typing import NoReturn

from oa_pipeline.errors import PublishError
from oa_pipeline.publish.s3 import MIB, S3Store
from oa_pipeline.publish.store import ObjectWriter, Store
from oa_pipeline_tests.publish.place import Place

DATA = b"x" * (11 * MIB)


def say(what: str) -> None:
    print(what, flush=True)


def be_killed(store: Store) -> NoReturn:
    with store.writer("runs/1/x", content_type="text/plain") as out:
        out.write(DATA)
        say("written")
        time.sleep(120)
    raise AssertionError


def exit_inside(store: Store) -> None:
    """What was begun is held by nobody who could end it: the process just ends."""
    block = store.writer("runs/1/x", content_type="text/plain")
    block.__enter__().write(DATA)
    globals()["held"] = block
    say("written")
    sys.exit(0)


def fork_inside(store: Store) -> None:
    """A child that was forked inside the block writes something else and leaves the block with an error."""
    with store.writer("runs/1/x", content_type="text/plain") as out:
        out.write(DATA[: len(DATA) // 2])
        if os.fork() == 0:
            in_child(store, out)
        os.wait()
        out.write(DATA[len(DATA) // 2 :])
    say("stored")


def in_child(store: Store, out: ObjectWriter) -> NoReturn:
    with store.writer("runs/1/child", content_type="text/plain") as other:
        other.write(DATA)
    try:
        out.finish()
    except PublishError as error:
        say(error.message)
    sys.exit(3)  # through the block, and through the exit handlers


def write_much(store: Store) -> None:
    """Says by how many bytes the process has grown while it wrote sixteen times what one part holds."""
    block = bytes(MIB)
    with store.writer("runs/1/first", content_type="text/plain") as out:  # what is loaded once is loaded
        out.write(DATA)
    before = most_held()
    with store.writer("runs/1/x", content_type="text/plain") as out:
        for _ in range(80):
            out.write(block)
    say(str(most_held() - before))


def most_held() -> int:
    """The most bytes that this process has held. Not ru_maxrss, which it has from the one that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def fill_disk(store: Store) -> None:
    """No file may grow beyond 8 MiB."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (8 * MIB, 8 * MIB))
    try:
        with store.writer("runs/1/x", content_type="text/plain") as out:
            out.write(DATA)
    except PublishError as error:
        say(f"{error.message}|{error.cure}|{error.place}")


def fork_client(store: Store) -> None:
    """Says whether a forked process has a connection to the bucket of its own, and keeps it."""
    assert isinstance(store, S3Store)
    ours = store.bucket.client
    assert store.bucket.client is ours
    if os.fork() == 0:
        theirs = store.bucket.client
        say(f"own: {theirs is not ours}, kept: {store.bucket.client is theirs}")
        os._exit(0)
    os.wait()


ACTS = {act.__name__: act for act in (fork_client, be_killed, exit_inside, fork_inside, write_much, fill_disk)}

if __name__ == "__main__":
    ACTS[sys.argv[1]](Place(*sys.argv[2:]).open())
