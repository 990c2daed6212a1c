"""Whole runs of conforms that others abort on: blanks in chains, missing columns, names that meet, odd patterns."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import geopandas
import pyogrio
import pytest
import shapely

from oa_pipeline.errors import Problem, SourceError
from oa_pipeline_tests.arcgis import Layer, metadata, serving
from oa_pipeline_tests.process.runs import Runs, collection, point


def fn(function: str, **more: Any) -> dict[str, Any]:
    return {"function": function, **more}


def chain(*steps: Any, **more: Any) -> dict[str, Any]:
    return fn("chain", functions=list(steps), **more)


def grab(field: str, pattern: str = "^(.*)$", **more: str) -> dict[str, Any]:
    return fn("regexp", field=field, pattern=pattern, **more)


def rows(*cells: str) -> str:
    """A csv of points with one column `a` beside `n`."""
    return "x,y,n,a\n" + "".join(f'{i},{i},{i},"{cell}"\n' for i, cell in enumerate(cells, 1))


# ---- chains --------------------------------------------------------------------------------------------

LATER_STEPS = {
    "regexp": grab("w", "(S.*)"),
    "replace": grab("w", "x", replace="y"),
    "format": fn("format", fields=["w"], format="$1"),
    "join": fn("join", fields=["w", "oa:w"]),
    "remove_prefix": fn("remove_prefix", field="w", field_to_remove="n"),
    "remove_postfix": fn("remove_postfix", field="w", field_to_remove="n"),
    "prefixed_number": fn("prefixed_number", field="w"),
    "postfixed_street": fn("postfixed_street", field="w"),
    "postfixed_unit": fn("postfixed_unit", field="w"),
    "first_non_empty": fn("first_non_empty", fields=["w", "oa:w"]),
    "map": fn("map", field="w", mapping={"a": "b"}),
    "mph_to_kph": fn("mph_to_kph", field="w"),
    "get": fn("get", field="w", index=0),
}


@pytest.mark.parametrize("step", LATER_STEPS)
def test_a_blank_inside_a_chain_gives_empty_text_and_ends_no_source(run: Runs, step: str) -> None:
    street = chain(grab("a", "^[0-9]+ (.*)$"), LATER_STEPS[step], variable="w")
    ran = run.csv(rows("1 Main St", "", "no number", "2 Second St"), street=street)
    assert ran.problem == ""
    assert ran.values("number") == ["1", "2", "3", "4"]
    assert ran.values("street")[1:3] == ["", ""]


def test_two_chains_with_one_variable_do_not_meet(run: Runs) -> None:
    street = chain(grab("a"), grab("oa:w", "St", replace="Street"), variable="w")
    unit = chain(grab("n"), grab("oa:w", "(.)$"), variable="w")
    ran = run.csv(rows("Main St", "", "Oak St"), street=street, unit=unit)
    assert ran.values("street") == ["Main Street", "", "Oak Street"]
    assert ran.values("unit") == ["1", "2", "3"]


@pytest.mark.parametrize("first", ["street", "city"])
def test_a_chain_leaves_the_column_that_is_named_like_its_attribute(run: Runs, first: str) -> None:
    chained = chain(grab("street"), grab("oa:street", "St", replace="Street"))
    attributes: dict[str, Any] = {"street": chained, "city": "street"}
    order = [first, *[name for name in attributes if name != first]]
    ran = run.csv("x,y,n,street\n1,2,3,Main St\n", **{name: attributes[name] for name in order})
    assert (ran.values("street"), ran.values("city")) == (["Main Street"], ["Main St"])


@pytest.mark.parametrize(
    "steps",
    [
        [fn("first_non_empty", fields=["a", "b"])],
        [fn("join", fields=["a", "absent"])],
        [fn("first_non_empty", fields=["absent"])],
        ["absent"],
    ],
    ids=["nothing found", "join of a missing column", "only missing columns", "a missing column"],
)
def test_a_chain_without_any_result_is_empty(run: Runs, steps: list[Any]) -> None:
    ran = run.csv("x,y,n,a,b\n1,2,3,,\n", street=chain(*steps))
    assert (ran.problem, ran.values("street")) == ("", [""])


def test_a_plain_column_is_a_step_like_others(run: Runs) -> None:
    ran = run.csv(rows("Main St"), street=chain("a", grab("oa:w", "St", replace="Street"), variable="w"))
    assert ran.values("street") == ["Main Street"]


def test_of_a_variable_only_the_prefix_is_taken_off(run: Runs) -> None:
    ran = run.csv(rows("Main"), street=chain(grab("a"), grab("oa:aloha", "M", replace="R"), variable="oa:aloha"))
    assert ran.values("street") == ["Rain"]


# ---- columns that are not there ------------------------------------------------------------------------

WITH_MISSING = {
    "regexp": (grab("absent", "(.*)"), ""),
    "replace": (grab("absent", "x", replace="y"), ""),
    "format": (fn("format", fields=["absent", "a"], format="$1-$2"), "Main"),
    "prefixed_number": (fn("prefixed_number", field="absent"), ""),
    "postfixed_street": (fn("postfixed_street", field="absent"), ""),
    "postfixed_unit": (fn("postfixed_unit", field="absent"), ""),
    "remove_prefix": (fn("remove_prefix", field="a", field_to_remove="absent"), "Main"),
    "remove_postfix": (fn("remove_postfix", field="absent", field_to_remove="a"), ""),
    "first_non_empty": (fn("first_non_empty", fields=["absent", "a"]), "Main"),
    "join": (fn("join", fields=["absent", "a"]), ""),
    "list": (["absent", "a"], "Main"),
    "map": (fn("map", field="absent", mapping={}, **{"else": "x"}), ""),
    "mph_to_kph": (fn("mph_to_kph", field="absent"), ""),
    "column": ("absent", ""),
}


@pytest.mark.parametrize("name", WITH_MISSING)
def test_a_column_that_is_not_there_is_empty_and_reported(run: Runs, name: str) -> None:
    value, expected = WITH_MISSING[name]
    ran = run.csv("x,y,n,a,absence\n1,2,3,Main,\n", street=value)
    assert (ran.problem, ran.values("street")) == ("", [expected])
    assert "street" in ran.warnings
    assert "'absent'" in ran.warnings
    assert "'absence'" in ran.warnings
    assert "'absent'" in ran.log
    assert ran.counters["field/street/missing-column"] == 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (fn("first_non_empty", fields=["only", "other"]), "Main"),
        (fn("remove_prefix", field="full", field_to_remove="only"), "St"),
    ],
    ids=["first_non_empty", "field_to_remove"],
)
def test_columns_of_an_arcgis_layer_are_there_for_every_function(run: Runs, value: Any, expected: str) -> None:
    names = ("only", "other", "full")
    fields = [{"name": "OBJECTID", "type": "esriFieldTypeOID"}]
    fields += [{"name": name, "type": "esriFieldTypeString"} for name in names]
    attributes = {"OBJECTID": 1, "only": "Main", "other": "Oak", "full": "Main St"}
    layer = Layer([{"attributes": attributes, "geometry": {"x": 1, "y": 2}}], metadata(fields=fields))
    with serving(layer) as served:
        ran = run(served.url, {"format": "geojson", "street": value}, protocol="ESRI")
    assert (ran.problem, ran.values("street")) == ("", [expected])


@pytest.mark.parametrize("cell", ["inf", "-inf", "1e400", "nan", "fast", ""], ids=repr)
def test_a_speed_that_is_no_number_is_empty(run: Runs, cell: str) -> None:
    text = json.dumps(collection(point(1, 2, s=cell), point(3, 4, s="30"))).encode()
    conform = {"format": "geojson", "speed": fn("mph_to_kph", field="s")}
    ran = run(text, conform, layer="centerlines")
    assert (ran.problem, ran.values("speed")) == ("", ["", "48"])


# ---- what the schema allows ----------------------------------------------------------------------------


def test_get_takes_one_of_several_values(run: Runs) -> None:
    ran = run.geojson(collection(point(1, 2, s=["Main St", "Oak St"])), street=fn("get", field="s", index=1))
    assert ran.values("street") == ["Oak St"]


def test_the_format_shapefile_polygon_is_a_shapefile(run: Runs, tmp_path: Path) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    frame = geopandas.GeoDataFrame({"n": ["7"]}, geometry=[shapely.box(0, 0, 2, 2)], crs=4326)
    pyogrio.write_dataframe(frame, folder / "d.shp", driver="ESRI Shapefile")
    archive = Path(shutil.make_archive(str(folder), "zip", folder))
    ran = run(archive, {"format": "shapefile-polygon", "number": "n"})
    assert (ran.values("number"), ran.places) == (["7"], [[1, 1]])


@pytest.mark.parametrize(
    "accuracy",
    [fn("map", field="a", mapping={"roof": 1}, **{"else": 5}), fn("constant", value=1)],
    ids=["map", "constant"],
)
def test_an_accuracy_that_is_a_number_stays_one(run: Runs, accuracy: Any) -> None:
    ran = run.csv(rows("roof"), accuracy=accuracy)
    assert ran.values("accuracy") == [1]


def test_the_id_of_a_building_is_written(run: Runs) -> None:
    text = json.dumps(collection(point(1, 2, i="B-7"))).encode()
    ran = run(text, {"format": "geojson", "id": "i"}, layer="buildings")
    assert ran.values("id") == ["B-7"]


@pytest.mark.parametrize("named", [{}, {"format": "xlsx"}], ids=["none", "one we cannot read"])
def test_a_format_that_is_none_of_ours_has_a_problem_of_its_own(run: Runs, named: dict[str, str]) -> None:
    ran = run(b"x,y\n1,2\n", {"lon": "x", "lat": "y", **named})
    assert ran.result.outcome.problem is Problem.UNKNOWN_FORMAT
    assert "geojson" in ran.result.outcome.cure


def test_an_unknown_function_is_empty_and_reported(run: Runs) -> None:
    ran = run.csv(rows("Main"), street=fn("titlecase", field="a"))
    assert (ran.problem, ran.values("street")) == ("", [""])
    assert "titlecase" in ran.warnings


def test_inputs_of_acceptance_tests_match_columns_in_any_case(run: Runs) -> None:
    test = {"acceptance-tests": [{"inputs": {"A": "Main"}, "expected": {"street": "Main"}}]}
    conform = {"format": "csv", "lon": "x", "lat": "y", "number": "n", "street": fn("first_non_empty", fields=["a"])}
    ran = run(rows("Oak").encode(), conform, name="data.csv", test=test)
    assert (ran.problem, ran.values("street")) == ("", ["Oak"])
    assert ran.result.index["tests"]["passed"] is True


def test_an_acceptance_test_that_cannot_run_is_a_failed_test(run: Runs) -> None:
    test = {"acceptance-tests": [{"inputs": {"a": "Main"}, "expected": {"street": "Main"}}]}
    conform = {"format": "csv", "lon": "x", "lat": "y", "number": "n", "street": grab("a", "(Main")}
    ran = run(rows("Oak").encode(), conform, name="data.csv", test=test)
    assert ran.result.outcome.problem is Problem.TEST_FAILED
    assert ran.result.index["tests"]["passed"] is False
    assert "conform.street" in ran.problem


# ---- patterns and replacements -------------------------------------------------------------------------


def test_a_pattern_that_backtracks_for_ever_fails_with_its_row(run: Runs) -> None:
    ran = run.csv(rows("aa", "b", "a" * 40 + "!", "a"), street=grab("a", "^(a+)+$"))
    assert ran.result.outcome.problem is Problem.CONFORM_FAILED
    assert "row 3" in ran.problem
    assert "conform.street" in ran.problem


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(a)" * 5000, "too large"),
        ("(?:(?:a{0,100000}){0,100000}){0,100000}", "too large"),
        ("(" * 400 + "a" + ")" * 400 + "(?", "does not compile"),
        (r"(\p{L}+)", "does not compile"),
        ("a(?i)b", "does not compile"),
        ("(a", "does not compile"),
        ("x" * 70_000, "more than 65536"),
    ],
    ids=["groups", "repeats", "nested", "unicode class", "flags inside", "open", "too long"],
)
def test_a_pattern_that_cannot_be_used_fails_with_place_and_cure(run: Runs, pattern: str, said: str) -> None:
    ran = run.csv(rows("Main"), street=grab("a", pattern))
    assert ran.result.outcome.problem is Problem.CONFORM_FAILED
    assert said in ran.problem
    assert "conform.street" in ran.problem
    assert ran.result.outcome.cure


@pytest.mark.parametrize("replacement", [r"\g<999>", "$10", "${10}", r"\q"])
def test_a_replacement_that_names_no_group_fails_with_place_and_cure(run: Runs, replacement: str) -> None:
    ran = run.csv(rows("Main"), street=grab("a", "(M)", replace=replacement))
    assert ran.result.outcome.problem is Problem.CONFORM_FAILED
    assert "conform.street" in ran.problem
    assert "$1 is the first" in ran.problem


@pytest.mark.parametrize(
    ("replacement", "text"),
    [
        (r"\\", "\\ain"),
        (r"[\1]", "[M]ain"),
        ("[${1}]", "[M]ain"),
        (r"\t", "\tain"),
        ("$name", "$nameain"),
        ("%s", "%sain"),
        ("{0.__init__}", "{0.__init__}ain"),
    ],
)
def test_a_replacement_means_what_it_says(run: Runs, replacement: str, text: str) -> None:
    assert run.csv(rows("Main"), city=grab("a", "(M)", replace=replacement)).values("city") == [text]


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{0.__init__} $1", "{0.__init__} Main"),
        ("__class__ $1", "__class__ Main"),
        ("%s %(a)s $1", "%s %(a)s Main"),
        ("$1 $9", "Main"),
        ("$0 $1", " Main"),
        ("$1 $name", "Main $name"),
        ("$99999999999999999999$1", "Main"),
    ],
)
def test_a_format_is_text_and_never_code(run: Runs, template: str, text: str) -> None:
    ran = run.csv(rows("Main"), city=fn("format", fields=["a"], format=template))
    assert (ran.problem, ran.values("city")) == ("", [text])


# ---- sizes ---------------------------------------------------------------------------------------------


def test_five_hundred_fields_are_joined_and_more_are_refused(run: Runs) -> None:
    names = [f"f{i}" for i in range(501)]
    text = ",".join(["x", "y", "n", *names]) + "\n" + ",".join(["1"] * 504) + "\n"
    assert run.csv(text, street=fn("join", fields=names[:500])).values("street") == [" ".join(["1"] * 500)]
    refused = run.csv(text, street=fn("join", fields=names))
    assert "501 fields" in refused.problem
    assert "conform.street" in refused.problem


def nested(depth: int) -> dict[str, Any]:
    value: Any = "a"
    for _ in range(depth):
        value = chain(value)
    return dict(value)


def test_chains_may_be_nested_as_deep_as_a_source_file_may(run: Runs) -> None:
    assert run.csv(rows("Main"), street=nested(40)).values("street") == ["Main"]
    with pytest.raises(SourceError, match="nested deeper"):
        run.csv(rows("Main"), street=nested(60))


def test_a_value_made_of_itself_is_refused_with_its_place(run: Runs) -> None:
    ran = run.csv(rows("Main"), street=fn("format", fields=["oa:street"], format="$1"))
    assert "conform.street" in ran.problem
    assert ran.result.outcome.problem is Problem.CONFORM_FAILED
