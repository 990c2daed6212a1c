"""Which of GDAL's drivers may open a contributor's file, and the environment that makes it so.

GDAL registers its drivers once, while pyogrio is imported, so `gdal_environment()` must be in the process's
environment before that. Any driver can be made to read other files or addresses by a file that merely has the right
first bytes; therefore only those that the formats need are left, and a driver that nobody has looked at is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..errors import WallError
from ..sources.model import Format

ALLOWED = ("ESRI Shapefile", "OpenFileGDB", "GPKG", "GML", "KML", "LIBKML")

DRIVERS: Mapping[Format, tuple[str, ...]] = {
    Format.SHAPEFILE: ("ESRI Shapefile",),
    Format.SHAPEFILE_POLYGON: ("ESRI Shapefile",),
    Format.GDB: ("OpenFileGDB",),
    Format.GPKG: ("GPKG",),
    Format.XML: ("GML", "LIBKML", "KML"),
    Format.KML: ("LIBKML", "KML"),
}

# Every other vector driver of the pyogrio 0.13 wheel (GDAL 3.12.4). Only these: a name that GDAL does not know is
# a warning on standard error.
SKIPPED = (
    "ADBC,AIVector,AmigoCloud,AVCBin,AVCE00,Carto,CSV,CSW,DGN,DXF,EDIGEO,EEDA,Elasticsearch,ESRIJSON,"
    "FlatGeobuf,GDALG,GeoJSON,GeoJSONSeq,GeoRSS,GPSBabel,GPX,GTFS,HTTP,Idrisi,JML,JSONFG,LVBAG,"
    "MapInfo File,MapML,MBTiles,MEM,MiraMonVector,MVT,NGW,OAPIF,ODS,OGCAPI,OGR_GMT,OGR_PDS,OGR_VRT,"
    "OSM,PCIDSK,PDF,PDS4,PGDUMP,PLSCENES,PMTiles,S57,Selafin,SQLite,SXF,TopoJSON,VDV,VFK,VICAR,WAsP,"
    "WFS,XLSX"
)

_OPTIONS = {
    # Nothing may be fetched, whatever a file asks for.
    "PROJ_NETWORK": "OFF",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
    "GML_DOWNLOAD_SCHEMA": "NO",
    "GML_DOWNLOAD_WFS_SCHEMA": "NO",
    "GML_USE_SCHEMA_IMPORT": "NO",
    "GML_SKIP_RESOLVE_ELEMS": "ALL",
    "GDAL_HTTP_TIMEOUT": "1",
    "GDAL_HTTP_MAX_RETRY": "0",
    # Nothing else on this disk may be read or run.
    "OGR_SQLITE_ALLOW_EXTERNAL_ACCESS": "NO",
    "OGR_SQLITE_DIALECT_ALLOW_CREATE_VIRTUAL_TABLE": "NO",
    "OGR_SQLITE_LIST_VIRTUAL_OGR": "NO",
    "LIBKML_RESOLVE_STYLE": "NO",
    "GDAL_ENABLE_PYTHON_PATH": "NO",
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "GDAL_DRIVER_PATH": "disable",
    "GDAL_PAM_ENABLED": "NO",
    # Same rows and same memory on every machine.
    "GDAL_NUM_THREADS": "1",
    "OGR_GPKG_NUM_THREADS": "1",
    "OGR_SQLITE_CACHE": "16",
    "OGR_ARROW_MEM_LIMIT": str(128 * 1024**2),  # of one batch, however large its geometries
    "CPL_DEBUG": "OFF",
}


def gdal_environment() -> dict[str, str]:
    """The variables to set before pyogrio is imported in a process that reads contributors' files."""
    return {"GDAL_SKIP": SKIPPED, **_OPTIONS}


def check_registered(registered: Iterable[str]) -> None:
    """Raises WallError when GDAL holds a driver that is not allowed: its environment was set too late, or is old."""
    strangers = sorted(set(registered) - set(ALLOWED))
    if strangers:
        raise WallError(
            f"GDAL may open files with {', '.join(strangers)}",
            cure="start the process with gdal_environment() set; add a new GDAL's drivers to SKIPPED",
        )
