"""What tells GDAL how to read a csv beside it: `{name}.csv` in the same folder."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr


def points_vrt(name: str) -> bytes:
    """Of rows with the columns LON and LAT."""
    return f"""<OGRVRTDataSource>
    <OGRVRTLayer name={quoteattr(name)}>
        <SrcDataSource relativeToVRT="1">{escape(name)}.csv</SrcDataSource>
        <GeometryType>wkbPoint</GeometryType>
        <LayerSRS>EPSG:4326</LayerSRS>
        <GeometryField encoding="PointFromColumns" x="LON" y="LAT"/>
    </OGRVRTLayer>
</OGRVRTDataSource>
""".encode()


def summary_vrt(name: str) -> bytes:
    """Of a summary's squares."""
    return f"""<OGRVRTDataSource>
    <OGRVRTLayer name={quoteattr(name)}>
        <SrcDataSource relativeToVRT="1">{escape(name)}.csv</SrcDataSource>
        <GeometryType>wkbPolygon</GeometryType>
        <LayerSRS>EPSG:4326</LayerSRS>
        <GeometryField encoding="WKT" field="area"/>
        <Field name="count" src="count" type="Integer64"/>
        <Field name="lon" src="lon" type="Real"/>
        <Field name="lat" src="lat" type="Real"/>
    </OGRVRTLayer>
</OGRVRTDataSource>
""".encode()
