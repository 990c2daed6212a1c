from __future__ import annotations

import json
import subprocess
import sys

HEAVY = ("PIL", "boto3", "dagster", "numpy", "polars", "pyarrow", "pyogrio", "pyproj", "shapely")
CODE = (
    "import json, sys, oa_pipeline.web.serving.serve, oa_pipeline.web.app; "
    f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
)


def test_the_site_loads_nothing_of_what_data_are_processed_with() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
