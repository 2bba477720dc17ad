"""System files: what is said about broken ones, each problem at its place, before anything is run."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from lab.errors import Problem, UserError
from lab.files.yamlsource import read_yaml
from lab.registration import world as registration
from lab.systems import world_checks
from lab.systems.checks import SystemChecks
from lab.systems.files import _parsed, load_system
from lab.testbeds.sim import SimTestbed
from lab.worlds.shop.registration import WORLD
from tests.expected_problems import check_expected
from tests.sim_runs import observe, scenario

ROOT = Path(__file__).parents[2]
BAD = Path(__file__).parent / "bad_systems"
CHAIN = ROOT / "tests" / "systems" / "chain.system.yaml"


def problems(path: Path) -> tuple[Problem, ...]:
    with pytest.raises(UserError) as caught:
        load_system(str(path))
    return caught.value.problems


def chain_of(length: int) -> str:
    """A system in which each of so many components calls the next."""
    names = [f"c{i}" for i in range(length)]
    parts = ["  people: {kind: users, steps: [{name: visit, call: c0}]}"]
    parts += [f"  {name}: {{kind: service, steps: [{{name: ask, call: {after}}}]}}" for name, after in pairwise(names)]
    parts.append(f"  {names[-1]}: {{kind: service}}")
    links = [f"  {a}->{b}: {{}}" for a, b in zip(["people", *names], names, strict=False)]
    return "\n".join(["schema_version: 1", "name: deep", "components:", *parts, "links:", *links, ""])


@pytest.mark.parametrize("path", sorted(BAD.glob("*.yaml")), ids=lambda path: path.name.split(".")[0])
def test_a_broken_system_gets_exactly_the_problems_its_first_lines_expect(path: Path) -> None:
    check_expected(path, problems(path))


def test_calls_nest_as_deeply_as_a_system_has_components(tmp_path: Path) -> None:
    path = tmp_path / "deep.system.yaml"
    path.write_text(chain_of(200), encoding="utf-8")
    loaded = scenario(tmp_path, system=str(path), duration_s=30, rate_per_s=1)
    spans = observe(loaded).frame("spans")
    assert set(spans["service.name"]) >= {f"c{i}" for i in range(200)}
    assert (spans["status"] == "ok").all()


def test_checks_run_on_whatever_a_file_holds(tmp_path: Path) -> None:
    path = tmp_path / "odd.system.yaml"
    for odd in ("5", "[]", "text", "{a: 1}", "{a: {steps: 3}}", "{a: {kind: [], steps: [1, {call: 2}]}}"):
        path.write_text(f"components: {odd}\nlinks: {odd}\nslos: {odd}\nworld: {odd}\n", encoding="utf-8")
        SystemChecks(read_yaml(path))
        assert problems(path)


def test_a_system_without_a_world_names_operations_and_fallbacks_freely() -> None:
    assert load_system(str(CHAIN)).components["front"].steps[0].operation == "list-orders"


def test_where_the_lab_is_not_installed_names_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration, "installed", lambda group, what: {})
    monkeypatch.setattr(world_checks, "is_installed", lambda: False)
    _parsed.cache_clear()  # as read with the worlds
    assert load_system("recommender").world is not None
    _parsed.cache_clear()


def test_the_shop_offers_what_it_does(tmp_path: Path) -> None:
    world = SimTestbed(scenario(tmp_path, duration_s=30), 1)._world
    assert world is not None
    assert {*WORLD.operations, *WORLD.own_code} == set(world.layout.operations)


def test_checking_a_system_loads_nothing_heavy() -> None:
    code = "import sys; from lab.systems.files import _read_system, _SYSTEMS;"
    code += "_read_system(_SYSTEMS / 'recommender.system.yaml'); import lab.worlds.shop.registration as s; s.WORLD;"
    code += "print(*({'numpy', 'pandas', 'sklearn', 'pyarrow', 'scipy', 'lab.worlds.shop.world'} & set(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == ""
