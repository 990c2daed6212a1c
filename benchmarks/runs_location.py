"""A code location for the benchmark of runs: nothing to do, and a little to do with the geodata libraries."""

# Annotations are not postponed here: Dagster reads those of ops as they are.
from dagster import Definitions, in_process_executor, job, op

LIBRARIES = ("geopandas", "pyogrio", "pyarrow", "pyarrow.parquet", "polars", "shapely", "pyproj", "boto3")


@op(config_schema={"folder": str})
def nothing() -> None:
    pass


@op(config_schema={"folder": str})
def a_little_geodata() -> None:
    import boto3
    import geopandas
    import numpy
    import polars
    import pyogrio
    import shapely

    assert boto3.__version__
    assert pyogrio.list_drivers()
    points = shapely.points(numpy.linspace(-120, -119, 1000), numpy.linspace(40, 41, 1000))
    frame = geopandas.GeoDataFrame({"n": range(1000)}, geometry=points, crs=4326).to_crs(3857)
    table = frame.to_arrow()
    assert table is not None
    assert polars.from_pandas(frame[["n"]]).filter(polars.col("n") > 500).height == 499


@job(executor_def=in_process_executor)
def trivial() -> None:
    nothing()


@job(executor_def=in_process_executor)
def geodata() -> None:
    a_little_geodata()


defs = Definitions(jobs=[trivial, geodata])
