"""A registration that is not well formed is refused where its name is used, by the place in it that is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.cli import main
from lab.errors import ExitCode, UserError
from lab.registration.checking import check_registration
from lab.registration.costs import Cost
from lab.registration.datasets import Dataset, DatasetColumn
from lab.registration.recorded import RIPE, Column, File, Metric, Recorded, Table, Visible, sample_weight
from lab.registration.settings import Operation, Setting
from lab.registration.signals import Signals, SignalSpec, Witness
from lab.registration.slis import Sli
from lab.registration.world import WORLD_GROUP, World, loaded, registrations
from tests.distributions import write_distribution
from tests.records import WORLD

RATIO = Sli(name="some_ratio", unit="ratio", doc="some of all", bad="rises", of="a.module:function")
LOSS = Cost(name="loss", unit="EUR", doc="what is lost", of="a.module:function")
TIME, TRACE, WEIGHT = (
    Column("time_s", "float", "when"),
    Column("trace_id", "category", "request"),
    sample_weight("poor"),
)
ANY: Any = None


def recording(*columns: Column, name: str = "rows", **more: Any) -> Recorded:
    return Recorded(tables=(Table(name, (TIME, TRACE, *columns, WEIGHT)),), **more)


def signals(name: str, spec: Any) -> tuple[Signals, ...]:
    return (Signals({name: spec}, "a.module:function"),)


def dataset(type_: str = "int", **more: Any) -> Dataset:
    return Dataset(doc="some rows", columns={"id": DatasetColumn(type_)}, **more)


@pytest.mark.parametrize("world", [WORLD, *registrations()], ids=lambda world: world.name)
def test_registrations_that_work_are_well_formed(world: World) -> None:
    check_registration(world, "here")


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"title": None}, "'title'", "a text"),
    ({"recording": recording(Column("is_late", "float", "late", null=True, visible=RIPE))}, "label_window_s", "ripens"),
    ({"rules": "a:rules.yaml"}, "'rules'", "a tuple, of a text"),
    ({"rules": ("rules.yaml",)}, "'rules[0]'", "package:file"),
    ({"open": "a.module"}, "'open'", "module:attribute"),
    ({"operations": {"ask": "service"}}, "\"operations['ask']\"", "Operation"),
    ({"operations": {"ask": Operation("servant")}}, "kind", "one of: service, database, cache, model"),
    ({"operations": {"Ask!": Operation("service")}}, "'operations'", "names in small letters"),
    ({"settings": {"size": 8}}, "\"settings['size']\"", "Setting"),
    ({"settings": {"size": Setting("how many", at_most=5, default=8)}}, "default", "a number, at most 5"),
    ({"settings": {"a.b": Setting("how many")}}, "'settings'", "names in small letters"),
    ({"value": 3.0}, "'value'", "Setting"),
    ({"datasets": {"Rows": dataset()}}, "'datasets'", "names in small letters"),
    ({"datasets": {"rows": dataset(key="name")}}, "datasets['rows'].key", "one of its columns"),
    ({"datasets": {"rows": dataset(of="write")}}, "datasets['rows'].of", "one of the world's operations"),
    ({"datasets": {"rows": dataset(source="read")}}, "datasets['rows'].source", "one of the world's operations"),
    ({"datasets": {"rows": dataset(inputs=("others",))}}, "datasets['rows'].inputs", "names of the world's datasets"),
    ({"datasets": {"rows": dataset("string")}}, "columns['id'].type", "one of: float, int, bool, text"),
    ({"model_versions": 0}, "'model_versions'", "at least 1"),
    ({"slis": (replace(RATIO, bad=ANY),)}, "'slis[0].bad'", "'rises', 'falls'"),
    ({"slis": (replace(RATIO, unit=""),)}, "'slis[0].unit'", "a unit"),
    ({"slis": (replace(RATIO, window_intervals=0),)}, "window_intervals", "at least 1"),
    ({"slis": (replace(RATIO, name="error_ratio"),)}, "'slis[0].name'", "another name"),
    ({"slis": (RATIO, RATIO)}, "'slis[1].name'", "no other SLI"),
    ({"costs": (replace(LOSS, bad=ANY),)}, "'costs[0].bad'", "'rises', 'falls'"),
    ({"costs": (replace(LOSS, unit=""),)}, "'costs[0].unit'", "a unit"),
    ({"costs": (replace(LOSS, name="failed_requests"),)}, "'costs[0].name'", "no other cost"),
    ({"costs": (LOSS, LOSS)}, "'costs[1].name'", "no other cost"),
    ({"costs": (replace(LOSS, of="a.module"),)}, "'costs[0].of'", "module:attribute"),
    ({"signals": signals("drift", "ratio")}, "catalogue['drift']", "SignalSpec"),
    ({"signals": signals("drift", SignalSpec("", "column", "drift"))}, "unit", "a unit"),
    ({"signals": signals("drift!", SignalSpec("1", "column", "drift"))}, "catalogue", "names in small letters"),
    ({"witnesses": {"some-fault": ("drift",)}}, "witnesses['some-fault'][0]", "Witness"),
    ({"witnesses": {"some-fault": (Witness("drift", "*", float("nan")),)}}, "at_least", "a finite number"),
    ({"recording": Recorded(tables=("rows",))}, "'recording.tables[0]'", "Table"),
    ({"recording": Recorded(tables=[])}, "'recording.tables'", "a tuple"),
    ({"recording": recording(name="../rows")}, "'recording.tables[0].name'", "it names a file"),
    ({"recording": recording(Column("x", "integer", "x"))}, "columns[2].type", "one of: float, int"),
    ({"recording": recording(Column("x", "int", "x"), Column("x", "int", "x"))}, "columns[3].name", "no other column"),
    ({"recording": recording(Column("x", "int", "x", level=ANY))}, "columns[2].level", "'poor', 'usual', 'rich'"),
    ({"recording": Recorded((Table("rows", (TIME,)),))}, "columns", "also trace_id and sample_weight"),
    ({"recording": Recorded(metrics=(Metric("a.count", "", "a"),))}, "'recording.metrics[0].unit'", "a unit"),
    ({"recording": Recorded(metrics=(Metric("a.count", ANY, "a"),))}, "'recording.metrics[0].unit'", "a text"),
    ({"recording": Recorded(files=(File("../x.json", "x", Visible("now")),))}, "files[0].name", "reference/NAME.json"),
    ({"recording": Recorded(label_window_s=-1)}, "label_window_s", "0 or more"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "place", "expected"), WRONG, ids=[place for _, place, _ in WRONG])
def test_what_is_wrong_is_named_by_its_place(changes: dict[str, Any], place: str, expected: str) -> None:
    with pytest.raises(UserError) as raised:
        check_registration(replace(WORLD, **changes), "some.module:WORLD")
    (problem,) = raised.value.problems
    assert problem.what.startswith("some.module:WORLD: bad value for ")
    assert place in problem.what
    assert expected in problem.expected
    assert problem.seen


def test_all_that_is_wrong_comes_at_once() -> None:
    with pytest.raises(UserError) as raised:
        check_registration(replace(WORLD, slis=(replace(RATIO, name="No", unit=""),), title=" "), "here")
    assert len(raised.value.problems) == 3


@pytest.fixture
def strangers_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A world of a stranger whose module is this."""
    (tmp_path / "stranger.py").write_text(request.param, encoding="utf-8")
    site = tmp_path / "site"
    site.mkdir()
    write_distribution(site, "some-stranger", {WORLD_GROUP: {"stranger": "stranger:WORLD"}})
    monkeypatch.syspath_prepend(site)
    monkeypatch.syspath_prepend(tmp_path)
    loaded.cache_clear()


SLI_OF_THE_CORE = (
    "from lab.registration.slis import Sli\nfrom lab.registration.world import World\n"
    "WORLD = World(name='stranger', title='x', open='a:b', slis=(Sli(name='error_ratio', unit='EUR', doc='x', "
    "bad='rises', of='a:b'),))\n"
)


@pytest.mark.parametrize(
    ("strangers_world", "why"),
    [
        ("import sys\nsys.exit(0)\n", "SystemExit: 0"),
        ("import sys\nsys.exit('needs a licence')\n", "SystemExit: needs a licence"),
        (SLI_OF_THE_CORE, "'slis[0].name'"),
    ],
    indirect=["strangers_world"],
)
@pytest.mark.usefixtures("strangers_world")
def test_it_ends_no_command_and_is_told_by_the_doctor(why: str, capsys: pytest.CaptureFixture[str]) -> None:
    quiet = Path(__file__).parents[1] / "scenarios" / "quiet.scenario.yaml"
    assert main(["validate", str(quiet)]) == ExitCode.OK
    assert "OK" in capsys.readouterr().out
    main(["doctor"])
    told = " ".join(capsys.readouterr().out.split())
    assert "world stranger cannot be used" in told
    assert why in told
