"""What GDAL alone takes to read a file as Arrow batches: nothing that reads through it can be faster.

`python -m benchmarks.floor DATA COLUMN...`
"""

from __future__ import annotations

import os
import sys

from oa_pipeline.convert.drivers import gdal_environment

os.environ.update(gdal_environment())  # before pyogrio is imported: drivers register then


def main() -> None:
    import pyogrio.raw

    path, *columns = sys.argv[1:]
    with pyogrio.raw.open_arrow(path, columns=columns, batch_size=16_384, use_pyarrow=True) as (_, reader):
        for _batch in reader:
            pass


if __name__ == "__main__":
    main()
