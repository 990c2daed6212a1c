"""Converts a dump that is already on disk: what `oa process-one` does after its download.

`python -m benchmarks.converted SOURCE.json DUMP OUT FORMATS`
"""

from __future__ import annotations

import sys
from pathlib import Path

from oa_pipeline.fetch import Fetched, Validators
from oa_pipeline.process import process
from oa_pipeline.settings import Settings
from oa_pipeline.sources.parse import parse_source


def main() -> None:
    source, dump, out = (Path(a) for a in sys.argv[1:4])
    data_source = parse_source(source.read_bytes(), source.stem).data_sources[0]
    out.mkdir(parents=True, exist_ok=True)
    cache = out / "cache.esri.jsonl.gz"
    cache.unlink(missing_ok=True)
    cache.hardlink_to(dump)
    fetched = Fetched(cache, "esri", dump.stat().st_size, "", "", "layer", "application/json", "", Validators())
    result = process(
        data_source,
        out,
        settings=Settings(),
        fetched=fetched,
        formats=tuple(sys.argv[4].split(",")),
        plain_geojson=True,
    )
    if result.outcome.problem is not None:
        sys.exit(f"{result.outcome.problem}: {result.outcome.detail}")


if __name__ == "__main__":
    main()
