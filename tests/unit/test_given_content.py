"""What a world's content gives the simulator is looked at before compiled code relies on it."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

from lab.content.operations import OP_CHANCE, OP_MARK, OP_NONE, OP_STORE_GET, OP_STORE_REFRESH, OP_TABLE_READ, Op
from lab.content.protocol import Arrivals, Content, Layout, StoreSpec, TableSpec
from lab.errors import UserError
from lab.injection.levers import CacheFreeze, CacheMixKeys, Place
from lab.recording.status import OK
from lab.systems.topology import World
from lab.testbeds.sim.given import CheckedContent
from tests.timelines import system

pytestmark = pytest.mark.usefixtures("records_world")

OPERATIONS = {"look": Op(OP_STORE_GET), "read": Op(OP_TABLE_READ), "take": Op(OP_NONE)}
LAYOUT = Layout(
    OPERATIONS, {"rows": StoreSpec(10, 5)}, {"rows": TableSpec(8), "others": TableSpec(4, slot=1)}, (), 2, own_count=1
)
TIMES = np.arange(3)
KEYS, OWN = np.array([[7, 3], [0, 0], [1, 2]]), np.array([[5], [6], [-7]])
ROWS = {
    "time_s": np.array([1.0, 2.0]), "request": np.array([1, 2]), "service.name": np.array(["front", "front"]),
    "subject": np.array([1, 2]),
}  # fmt: skip


class Some:
    """Content that gives what it was made with."""

    def __init__(self, layout: Layout = LAYOUT, **given: Any) -> None:
        self.layout = layout
        self._given = given

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self._given[name]


def checked(layout: Layout = LAYOUT, **given: Any) -> CheckedContent:
    of = system([{"name": "take", "call": "back", "operation": "take"}])
    of = of.model_copy(update={"world": World(name="records")})
    return CheckedContent(cast("Content", Some(layout, **given)), of)


def refused(*parts: str) -> Any:
    return pytest.raises(UserError, match="(?s)world 'records' gives what does not fit: " + ".*".join(parts))


def test_what_fits_is_handed_on() -> None:
    some = checked(
        arrive=Arrivals(KEYS, OWN), operate=OK, read=CacheFreeze(), final_rows={"answers": ROWS}, reference={},
        samples=[("front", "a.count", "", 1)], counts=[("front", "a.count", "", np.array([1.0, np.nan]))],
    )  # fmt: skip
    given = some.arrive(cast("Any", None), 0, TIMES)
    assert given.keys is KEYS
    assert some.operate("take", 0) == OK
    assert some.read(CacheFreeze, Place("back")) == CacheFreeze()
    assert some.final_rows(0) == {"answers": ROWS}
    assert some.samples(0)[0][3] == 1
    assert len(some.counts(np.array([0, 5, 10]))) == 1
    assert some.reference() == {}


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        (None, ["NoneType", "Arrivals"]),
        (Arrivals(KEYS[:2], OWN), ["keys", r"shape \(2, 2\)", r"shape \(3, 2\)"]),
        (Arrivals(KEYS[:, 0], OWN), ["keys", r"shape \(3,\)"]),
        (Arrivals(cast("Any", KEYS + 0.5), OWN), ["keys", "float64"]),
        (Arrivals(KEYS - 1, OWN), ["keys of slot 0", "-1 to 6", "0 to 7"]),
        (Arrivals(KEYS + np.array([1, 0]), OWN), ["keys of slot 0", "1 to 8", "0 to 7"]),
        (Arrivals(KEYS + np.array([0, 1]), OWN), ["keys of slot 1", "1 to 4", "0 to 3"]),
        (Arrivals(KEYS), ["own", "None"]),
        (Arrivals(KEYS, OWN[:, 0]), ["own", r"shape \(3,\)"]),
    ],
)
def test_keys_that_no_table_has_never_reach_the_plane(given: Any, parts: list[str]) -> None:
    with refused("`arrive`", *parts):
        checked(arrive=given).arrive(cast("Any", None), 0, TIMES)


@pytest.mark.parametrize(
    ("layout", "parts"),
    [
        (LAYOUT._replace(operations={**OPERATIONS, "x": Op(99)}), ["code of 'x'", "99"]),
        (LAYOUT._replace(operations={**OPERATIONS, "x": Op(OP_STORE_GET, 1)}), ["target of 'x'", "from 0 to 0"]),
        (LAYOUT._replace(operations={**OPERATIONS, "x": Op(OP_TABLE_READ, -1)}), ["target of 'x'", "from 0 to 1"]),
        (LAYOUT._replace(operations={**OPERATIONS, "x": Op(OP_STORE_REFRESH, 0, 2)}), ["argument of 'x'"]),
        (LAYOUT._replace(operations={**OPERATIONS, "x": Op(OP_MARK, 0, 16)}), ["argument of 'x'"]),
        (LAYOUT._replace(operations={**OPERATIONS, "x": Op(OP_CHANCE, 0, -1)}), ["argument of 'x'"]),
        (LAYOUT._replace(operations={**OPERATIONS, "x": cast("Any", "look")}), ["operation 'x'", "Op"]),
        (LAYOUT._replace(operations={}), ["none called 'take'"]),
        (LAYOUT._replace(slots_count=9), ["slots_count", "from 1 to 4"]),
        (LAYOUT._replace(slots_count=1), ["slot of the table 'others'"]),
        (LAYOUT._replace(own_count=8), ["own_count", "from 0 to 7"]),
        (LAYOUT._replace(stores={"rows": StoreSpec(0, 5)}), ["keys_count of the store 'rows'"]),
    ],
)
def test_a_layout_names_only_what_it_has(layout: Layout, parts: list[str]) -> None:
    with refused("layout", *parts):
        checked(layout)


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        (None, ["NoneType"]),
        ({"answers": None}, ["'answers'", "columns by name"]),
        ({"answers": {**ROWS, "subject": np.array([1])}}, ["subject 1", "columns of one length"]),
        ({"answers": {name: values for name, values in ROWS.items() if name != "request"}}, ["`request`"]),
        ({"answers": {**ROWS, "subject": np.array([1, 1.5])}}, ["subject", "whole numbers"]),
        ({"answers": {**ROWS, "time_s": np.array([1, np.nan])}}, ["time_s", "finite"]),
    ],
)
def test_rows_have_columns_as_they_are_registered(given: Any, parts: list[str]) -> None:
    for name in ("final_rows", "pending_rows"):
        with refused(f"`{name}`", *parts):
            getattr(checked(**{name: given}), name)(0)


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        (np.zeros(3), [r"shape \(3,\)", r"shape \(2,\)"]),
        (np.array([1, np.inf]), ["infinite"]),
        (["a", "b"], ["shape"]),
    ],
)
def test_counts_have_a_finite_number_for_each_interval(values: Any, parts: list[str]) -> None:
    with refused("`counts`", *parts):
        checked(counts=[("front", "a.count", "", values)]).counts(np.array([0, 5, 10]))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1", None])
def test_samples_are_finite_numbers(value: Any) -> None:
    with refused("`samples`: a.count of front"):
        checked(samples=[("front", "a.count", "", value)]).samples(0)


@pytest.mark.parametrize("given", [None, [("front", "a.count")], [("nobody", "a.count", "", 1.0)]])
def test_metrics_are_of_components(given: Any) -> None:
    with refused("`samples`"):
        checked(samples=given).samples(0)


def test_levers_statuses_and_files_are_what_they_are_asked_for() -> None:
    with refused("`read`: cache.freeze of back", "CacheFreeze, or None"):
        checked(read=CacheMixKeys(fraction=0.5)).read(CacheFreeze, Place("back"))
    with refused("`operate`: take", "a status"):
        checked(operate=99).operate("take", 0)
    with refused("`reference`", "files that it registers: none"):
        checked(reference={"../../x.json": {}}).reference()


def test_a_copy_is_looked_at_too() -> None:
    first = checked(branch=Some(arrive=None))
    context: Any = type("Context", (), {"system": first._system})
    with refused("`arrive`"):
        first.branch(context, cast("Any", None), []).arrive(cast("Any", None), 0, TIMES)
