"""Collections as large as they come: more members and more bytes than old zips could have, and flat memory."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import pytest
from isal.isal_zlib import crc32, crc32_combine

from oa_pipeline.publish.collections.directory import directories
from oa_pipeline.publish.collections.zips import write_zips
from oa_pipeline.publish.folder import FolderStore, PartialFile
from oa_pipeline.publish.store import StoredObject
from oa_pipeline.zips.members import Appending, append_bytes, copied
from oa_pipeline_tests.publish.collections.results import Result, row_of, snapshot_of

GIB = 1 << 30
PIECE = bytes(64 << 20)
MANY = 16_400  # of four members each
TOOLS = (("unzip", "-tq"), ("7z", "t", "-bd"), ("jar", "tf"))
BUILD = """
import json, sys
from pathlib import Path
from oa_pipeline.publish.collections.build import build
from oa_pipeline.publish.store import open_store
from oa_pipeline_tests.publish.collections.results import snapshot_of
folder = Path(sys.argv[1])
work = folder / "work"
work.mkdir()
rows = json.loads((folder / "rows.json").read_text())
build(open_store(str(folder / "store")), "collections/1/", snapshot_of(rows), work, say=lambda _: None)
# Not ru_maxrss, which a process has from the one that started it.
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:")))
"""


def opened_by_others(path: Path) -> None:
    """Whoever is here: Info-ZIP, 7-Zip, Java."""
    for tool, *how in TOOLS:
        if shutil.which(tool):
            subprocess.run([tool, *how, str(path)], check=True, capture_output=True)


def collected(store: FolderStore, rows: list[dict[str, Any]]) -> Path:
    snapshot = snapshot_of(rows)
    found, left_out = directories(store, snapshot.sources)
    assert left_out == []
    (made, *_) = write_zips(store, "collections/1/", snapshot, found, lambda _s, _n: None)
    assert made.area == "global"
    return store.folder / made.stored.key


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_more_members_than_a_directory_of_old_could_name(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    rows = []
    for number in range(MANY):
        source = f"xx/town{number}"
        path = store.folder / "runs" / str(number) / "town.zip"
        path.parent.mkdir(parents=True)
        with ZipFile(path, "w") as archive:
            append_bytes(archive, "README.txt", b"read me")
            for pattern in ("{}.vrt", "{}.csv", "summary/{}-summary.csv", "summary/{}-summary.vrt"):
                append_bytes(archive, pattern.format(source), f"{number}\n".encode())
        data = path.read_bytes()
        stored = StoredObject(f"runs/{number}/town.zip", len(data), hashlib.sha256(data).hexdigest(), rows=1)
        rows.append(row_of(Result(source), number, {"csv": stored.as_json()}))
    path = collected(store, rows)
    with ZipFile(path) as archive:
        assert len(archive.infolist()) == MANY * 4 + 4 > 65_535
        assert archive.testzip() is None
        assert archive.read(f"xx/town{MANY - 1}.csv") == f"{MANY - 1}\n".encode()
    opened_by_others(path)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_more_bytes_than_old_zips_could_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A member of more than four GiB, and others that lie beyond it. Zeros take no room on the disk."""
    store = FolderStore(tmp_path / "store")
    monkeypatch.setattr(PartialFile, "_take", _with_holes)
    rows = []
    for number, (source, size) in enumerate((("xx/a", 4 * GIB + len(PIECE)), ("xx/b", len(PIECE)))):
        path = store.folder / "runs" / str(number) / "x.zip"
        path.parent.mkdir(parents=True)
        with path.open("wb") as held, ZipFile(held, "w") as archive:
            append_bytes(archive, f"{source}.vrt", b"vrt")
            _append_zeros(archive, f"{source}.csv", size)
            append_bytes(archive, f"summary/{source}-summary.csv", b"csv")
            append_bytes(archive, f"summary/{source}-summary.vrt", b"vrt")
        with path.open("rb") as held:
            digest = hashlib.file_digest(held, "sha256").hexdigest()
        stored = StoredObject(f"runs/{number}/x.zip", path.stat().st_size, digest, rows=1)
        rows.append(row_of(Result(source), number, {"csv": stored.as_json()}))
    path = collected(store, rows)
    assert path.stat().st_size > 4 * GIB
    assert path.stat().st_blocks * 512 < 64 << 20
    with ZipFile(path) as archive:
        assert archive.getinfo("xx/a.csv").file_size == 4 * GIB + len(PIECE)
        assert archive.getinfo("xx/b.vrt").header_offset > 4 * GIB
        assert archive.read("xx/b.vrt") == b"vrt"
        assert archive.read("xx/b.csv") == PIECE
        assert len(json.loads(archive.read("manifest.json"))["members"]) == 2
    opened_by_others(path)


def _with_holes(self: PartialFile, view: memoryview) -> None:
    """As a file system would keep zeros that it was told of."""
    if view.nbytes > 4096 and bytes(view) == bytes(view.nbytes):
        self._file.seek(view.nbytes, 1)
    else:
        self._file.write(view)


def _append_zeros(archive: ZipFile, name: str, size: int) -> None:
    """A member of zeros, stored as they are, as a hole in the file."""
    info = ZipInfo(name)
    info.compress_type, info.file_size, info.compress_size = ZIP_STORED, size, size
    one = crc32(PIECE)
    for _ in range(size // len(PIECE)):
        info.CRC = crc32_combine(info.CRC, one, len(PIECE)) if hasattr(info, "CRC") else one
    member = Appending(archive, copied(info, name))
    assert archive.fp is not None
    archive.fp.seek(size, 1)
    member._left = 0
    member.end()


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    from oa_pipeline.publish.store import open_store
    from oa_pipeline_tests.publish.collections.results import published

    peaks = []
    for count in (3, 12):
        folder = tmp_path / str(count)
        folder.mkdir()
        store = open_store(str(folder / "store"))
        results = [Result(f"fr/town{n}", rows=100_000, at=(n, 45 + n / 4)) for n in range(count)]
        rows = published(store, folder, results)
        (folder / "rows.json").write_text(json.dumps(rows))
        done = subprocess.run(
            [sys.executable, "-c", BUILD, str(folder)], capture_output=True, text=True, check=True, timeout=900
        )
        peaks.append(int(done.stdout) / 1024)
        shutil.rmtree(folder)
    assert peaks[1] < peaks[0] * 1.15, f"{peaks[0]:.0f} MiB, then {peaks[1]:.0f} MiB at four times as many rows"
    assert peaks[1] < 600
