"""Git's objects, held in memory, with the names that git itself would give them."""

from __future__ import annotations

import difflib
import hashlib
import io
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

FILE, LINK, SUBMODULE, TREE = "100644", "120000", "160000", "40000"
BEGINNING = 1_760_000_000  # seconds of the first commit; each later one is a minute younger


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True)
class Submodule:
    """Another repository's commit."""

    sha: str


Content = bytes | str | Link | Submodule | None  # None: removed
Files = Mapping[str, tuple[str, str]]  # path: mode, sha


@dataclass(frozen=True)
class Commit:
    """A commit."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    message: str
    seconds: int

    @property
    def date(self) -> str:
        return f"{datetime.fromtimestamp(self.seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True)
class Change:
    """What became of a file between two commits."""

    path: str
    status: str
    sha: str
    previous: str = ""


@dataclass
class Objects:
    """All objects of a repository and its forks."""

    raw: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    files: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)  # by commit

    def put(self, kind: str, data: bytes) -> str:
        name = hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)) + data).hexdigest()
        self.raw[name] = (kind, data)
        return name

    def commit(self, changes: Mapping[str, Content], parents: Sequence[str] = (), message: str = "a change") -> str:
        """A commit on top of its first parent."""
        files = dict(self.files[parents[0]]) if parents else {}
        for path, content in changes.items():
            if content is None:
                del files[path]
            else:
                files[path] = self._entry(content)
        tree = self._tree(files)
        seconds = BEGINNING + 60 * len(self.commits)
        who = f"Somebody <somebody@example.com> {seconds} +0000"
        lines = [f"tree {tree}", *(f"parent {p}" for p in parents), f"author {who}", f"committer {who}", "", message]
        sha = self.put("commit", ("\n".join(lines) + "\n").encode())
        self.commits[sha] = Commit(sha, tree, tuple(parents), message, seconds)
        self.files[sha] = files
        return sha

    def _entry(self, content: bytes | str | Link | Submodule) -> tuple[str, str]:
        if isinstance(content, Submodule):
            return SUBMODULE, content.sha
        if isinstance(content, Link):
            return LINK, self.put("blob", content.target.encode())
        return FILE, self.put("blob", content.encode() if isinstance(content, str) else content)

    def _tree(self, files: Files) -> str:
        folders: dict[str, dict[str, tuple[str, str]]] = {}
        entries: dict[str, tuple[str, str]] = {}
        for path, entry in files.items():
            head, slash, rest = path.partition("/")
            if slash:
                folders.setdefault(head, {})[rest] = entry
            else:
                entries[head] = entry
        entries |= {name: (TREE, self._tree(inner)) for name, inner in folders.items()}
        # Git sorts a folder as if its name ended with a slash.
        ordered = sorted(entries.items(), key=lambda e: e[0].encode() + (b"/" if e[1][0] == TREE else b""))
        data = b"".join(f"{mode} {name}\0".encode() + bytes.fromhex(sha) for name, (mode, sha) in ordered)
        return self.put("tree", data)

    def listed(self, tree: str) -> Iterator[tuple[str, str, str]]:
        """Mode, name and sha of each entry of a tree."""
        data = self.raw[tree][1]
        while data:
            head, _, rest = data.partition(b"\0")
            mode, _, name = head.partition(b" ")
            yield mode.decode(), name.decode(), rest[:20].hex()
            data = rest[20:]

    def ancestors(self, sha: str) -> list[str]:
        """The commit and all before it, the youngest first."""
        seen, waiting = {sha}, [sha]
        while waiting:
            for parent in self.commits[waiting.pop()].parents:
                if parent not in seen:
                    seen.add(parent)
                    waiting.append(parent)
        return sorted(seen, key=lambda s: (-self.commits[s].seconds, s))

    def merge_base(self, one: str, other: str) -> str | None:
        """The youngest commit that both have."""
        theirs = set(self.ancestors(other))
        return next((sha for sha in self.ancestors(one) if sha in theirs), None)

    def changes(self, before: str, after: str) -> list[Change]:
        """The files that differ, by path; a removed and an added one that are alike were renamed."""
        old, new = self.files[before], self.files[after]
        removed = {path: old[path][1] for path in sorted(old.keys() - new.keys())}
        found = [Change(p, "modified", new[p][1]) for p in old.keys() & new.keys() if old[p] != new[p]]
        for path in sorted(new.keys() - old.keys()):
            former = next((p for p, sha in removed.items() if self._alike(sha, new[path][1])), None)
            if former is None:
                found.append(Change(path, "added", new[path][1]))
            else:
                del removed[former]
                found.append(Change(path, "renamed", new[path][1], former))
        found += [Change(path, "removed", sha) for path, sha in removed.items()]
        return sorted(found, key=lambda change: change.path.encode())

    def _alike(self, one: str, other: str) -> bool:
        if one == other:
            return True
        texts = [
            self.raw.get(sha, ("", b""))[1][:20_000].decode("utf-8", "replace").splitlines() for sha in (one, other)
        ]
        return difflib.SequenceMatcher(None, *texts).ratio() > 0.5

    def tarball(self, sha: str, folder: str) -> bytes:
        """The files as GitHub packs them: below one folder, the commit in a global header."""
        held = io.BytesIO()
        with tarfile.open(fileobj=held, mode="w:gz", format=tarfile.PAX_FORMAT, pax_headers={"comment": sha}) as packed:
            for path, (mode, blob) in sorted(self.files[sha].items()):
                entry = tarfile.TarInfo(f"{folder}/{path}")
                entry.mtime = self.commits[sha].seconds
                if mode == FILE:
                    data = self.raw[blob][1]
                    entry.size = len(data)
                    packed.addfile(entry, io.BytesIO(data))
                elif mode == LINK:
                    entry.type, entry.linkname = tarfile.SYMTYPE, self.raw[blob][1].decode()
                    packed.addfile(entry)
        return held.getvalue()
