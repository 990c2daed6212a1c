"""Ready-made lines: how a published file is fetched, and how it is read with common programs."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote as shell_word

# How a file is read once it is there, by the end of its name: the program's name, and the line. `{}` is the file.
READ: Mapping[str, tuple[tuple[str, str], ...]] = {
    ".parquet": (
        ("DuckDB", "duckdb -c \"SELECT * FROM '{}' LIMIT 10\""),
        ("geopandas", "python -c \"import geopandas; print(geopandas.read_parquet('{}'))\""),
    ),
    ".geojson.gz": (
        (
            "DuckDB",
            "duckdb -c \"SELECT properties, geometry FROM read_json('{}', format='newline_delimited') LIMIT 10\"",
        ),
        ("geopandas", "python -c \"import geopandas; print(geopandas.read_file('/vsigzip/{}'))\""),
    ),
    ".zip": (("unzip", "unzip {}"),),
}


def commands(url: str, name: str) -> list[dict[str, str]]:
    """Lines for a shell, each with the program that it is for: the first fetches the file, the others read it.

    `name`: what the file shall be called; of letters, digits, dots, hyphens and underscores.
    """
    fetch = {"with": "curl", "line": f"curl -fL -o {name} {shell_word(url)}"}
    ways = next((ways for end, ways in READ.items() if name.endswith(end)), ())
    return [fetch, *({"with": program, "line": line.format(name)} for program, line in ways)]
