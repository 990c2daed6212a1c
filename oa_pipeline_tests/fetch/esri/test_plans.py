"""Walks along a line of integers: nothing missed, nothing twice."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oa_pipeline.errors import FetchError
from oa_pipeline.fetch.esri.answers import Page
from oa_pipeline.fetch.esri.layer import Extent
from oa_pipeline.fetch.esri.plans import BoxPlan, IdsPlan, OffsetPlan, Piece, WindowPlan

FEATURE = msgspec.Raw(b"{}")


def page(*ids: int, exceeded: bool = False) -> Page:
    return Page([FEATURE] * len(ids), list(ids), exceeded, 0, 0.0)


def test_a_short_page_is_continued_where_it_ended() -> None:
    settled = OffsetPlan(100, "ID").settle(Piece(20, 30), page(1, 2, 3))
    assert (settled.kept, settled.rest, settled.dry) == (3, (Piece(23, 30),), False)


def test_an_empty_page_is_the_end() -> None:
    assert OffsetPlan(100, "ID").settle(Piece(20, 30), page()).dry


def test_more_than_was_asked_for_is_cut() -> None:
    assert OffsetPlan(100, "ID").settle(Piece(20, 22), page(1, 2, 3)).kept == 2


def test_a_full_window_of_sparse_ids_may_be_cut_off_and_is_halved() -> None:
    plan = WindowPlan("ID", 1, 1000, limit=3)
    assert plan.settle(Piece(1, 11), page(1, 5, 9)).rest == (Piece(1, 6), Piece(6, 11))
    assert plan.settle(Piece(1, 11), page(1, 5)).rest == ()


def test_a_dense_window_is_complete_whatever_the_server_says() -> None:
    assert WindowPlan("ID", 1, 1000, limit=3).settle(Piece(1, 4), page(1, 2, 3, exceeded=True)).kept == 3


def test_windows_widen_where_little_is_found() -> None:
    plan = WindowPlan("ID", 1, 10**9, limit=100)
    widths = []
    for _ in range(4):
        piece = plan.take(1, 100)
        widths.append(piece.width)
        plan.settle(piece, page(1))
    assert widths == [100, 200, 400, 800]


def test_an_id_page_cut_off_in_order_is_continued() -> None:
    plan = IdsPlan("ID", [1, 5, 9, 13], 4, "")
    settled = plan.settle(Piece(0, 4), page(1, 5))
    assert (settled.kept, settled.rest) == (2, (Piece(2, 4),))


def test_an_id_page_cut_off_anyhow_is_asked_for_in_halves() -> None:
    plan = IdsPlan("ID", [1, 5, 9, 13], 4, "")
    settled = plan.settle(Piece(0, 4), page(9, 1, exceeded=True))
    assert (settled.kept, settled.rest) == (0, (Piece(0, 2), Piece(2, 4)))


def test_features_deleted_meanwhile_do_not_stop_the_walk() -> None:
    assert IdsPlan("ID", [1, 5, 9], 3, "").settle(Piece(0, 3), page(1, 9)).rest == ()


def test_quarters_tile_their_box() -> None:
    plan = BoxPlan(Extent(-10, 40, 10, 60), 5)
    whole = plan.take(0, 1)
    assert whole.width == plan.stop
    corners = [json.loads(plan.parameters(q)["geometry"]) for q in plan.split(whole)]
    assert corners == [
        {"xmin": -10.0, "ymin": 40.0, "xmax": 0.0, "ymax": 50.0},
        {"xmin": 0.0, "ymin": 40.0, "xmax": 10.0, "ymax": 50.0},
        {"xmin": -10.0, "ymin": 50.0, "xmax": 0.0, "ymax": 60.0},
        {"xmin": 0.0, "ymin": 50.0, "xmax": 10.0, "ymax": 60.0},
    ]


def test_a_box_too_small_to_quarter_and_still_full_ends_the_walk() -> None:
    with pytest.raises(FetchError, match="at one place"):
        BoxPlan(Extent(0, 0, 1, 1), 2).settle(Piece(7, 8), page(1, 2))


@pytest.mark.parametrize("extent", [Extent(0, 0, 1, 1, "3857"), Extent(0, 0, 1, 1)], ids=["said", "not said"])
def test_boxes_are_asked_for_in_the_layers_own_system(extent: Extent) -> None:
    assert BoxPlan(extent, 5).parameters(Piece(0, 4)).get("inSR", "") == extent.system


@given(st.lists(st.integers(0, 3), max_size=30), st.data())
def test_boxes_taken_from_any_checkpoint_cover_the_rest_once(path: list[int], data: st.DataObject) -> None:
    plan = BoxPlan(Extent(0, 0, 1, 1), 5)
    place = data.draw(st.integers(0, plan.stop - 1))
    covered = place
    for _ in range(200):
        if covered == plan.stop:
            break
        piece = plan.take(covered, 1)
        assert piece.start == covered
        assert piece.start % piece.width == 0
        covered = piece.stop
    assert covered == plan.stop
