"""A small invented country, so that the first start has something to process. Its data is in the public domain.

`broken` is meant to fail: it shows what a contributor gets to read.
"""

from __future__ import annotations

from pathlib import Path

BUNDLED = Path(__file__).parent
PLACEHOLDER = "file:///samples/"  # in the bundled files; where the data really lies is known only here


def install(home: Path) -> Path:
    """The samples as a source repository below `home`, with the addresses of the bundled data written in.

    Files that are as they should be are left alone, so a second call changes nothing that a look at times would see.
    """
    folder = home.resolve() / "samples"
    data = (BUNDLED / "data").as_uri() + "/"
    for file in sorted((BUNDLED / "sources").rglob("*.json")):
        text = file.read_text(encoding="utf-8").replace(PLACEHOLDER, data)
        target = folder / file.relative_to(BUNDLED)
        if not target.is_file() or target.read_text(encoding="utf-8") != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    return folder
