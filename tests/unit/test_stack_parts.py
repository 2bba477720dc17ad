"""What a world brings to the stack: the shop's part fits its topology, and a world without one says what it needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from lab.cli import main
from lab.content import stack
from lab.content.stack import Counted, lacking, needed, part_for, parts
from lab.errors import UserError
from lab.registration.world import registration_of
from lab.systems.files import load_system
from lab.testbeds.stack import compose, lock
from lab.testbeds.stack.compose import OWNER_LABEL, PROJECT_LABEL
from lab.testbeds.stack.feasible import problems_of
from lab.testbeds.stack.secrets import CHECKOUT_ID, PROJECT
from lab.testbeds.stack.views import view_sql
from lab.worlds.shop.stack import STACK
from tests.sim_runs import scenario

SYSTEM = load_system("recommender")
SHOP = registration_of("shop")
NEEDS = "a payment service and a ledger, as images"


def without_services(monkeypatch: pytest.MonkeyPatch, needs: str = "") -> None:
    """The shop, as if it had no services."""
    assert SHOP is not None
    world = replace(SHOP, stack="", stack_needs=needs)
    monkeypatch.setattr(stack, "registration_of", lambda name: world)


@pytest.mark.parametrize("system", sorted(parts()))
def test_a_part_fits_the_topology_that_it_serves(system: str) -> None:
    topology = load_system(system)
    world, part = needed(topology)
    assert part is parts()[system] is part_for(topology)
    assert part.controls.keys() <= topology.components.keys()
    assert {name for name, c in topology.components.items() if c.kind == "job"} <= part.controls.keys()
    assert part.views.keys() <= world.tables.keys()
    assert {name for pair in part.ratios.values() for name in pair} <= part.counted.keys()
    assert part.cpu_s_per_request.keys() <= topology.components.keys()
    for table, view in part.views.items():
        assert view.columns == world.columns(table)


def test_an_event_counts_once_or_once_for_each_of_what_it_lists() -> None:
    assert Counted("clicks", "click").of({"item": 3}) == 1
    listed = Counted("shown", "page", each="items")
    assert (listed.of({"items": [4, 5, 6]}), listed.of({"items": []}), listed.of({})) == (3, 0, 0)
    of_one_kind = Counted("refusals", "answer", where=("word", "no"))
    assert [of_one_kind.of(attributes) for attributes in ({"word": "no"}, {"word": "yes"}, {})] == [1, 0, 0]


@pytest.mark.parametrize(("needs", "seen"), [(NEEDS, NEEDS), ("", "does not say what they would be")])
def test_a_world_without_services_says_what_they_would_need(
    needs: str, seen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_services(monkeypatch, needs)
    assert part_for(SYSTEM) is None
    with pytest.raises(UserError, match="is simulated only: its world 'shop' has no services for the stack") as refused:
        needed(SYSTEM)
    assert seen in str(refused.value)
    loaded = scenario(tmp_path, duration_s=300, rate_per_s=50)
    (problem,) = problems_of(loaded, 1.0)
    assert (problem.file, problem.expected) == (str(loaded.path), refused.value.problems[0].expected)


def test_what_is_not_measured_while_a_run_goes_on_judges_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = scenario(tmp_path, steady_state=[{"sli": "click_through_ratio", "above": "1%"}])
    assert not [problem for problem in problems_of(loaded, 1.0) if "is not measured" in problem.what]
    monkeypatch.setattr(STACK.__class__, "ratios", {})
    (problem,) = [problem for problem in problems_of(loaded, 1.0) if "is not measured" in problem.what]
    assert problem.what.startswith("click_through_ratio")
    assert "error_ratio, availability" in problem.expected


@pytest.mark.parametrize(
    "command", [["up", "recommender"], ["abort", "recommender"], ["logs", "--system", "recommender"]]
)
def test_the_stack_of_a_system_without_services_is_refused_by_what_they_would_need(
    command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    without_services(monkeypatch, NEEDS)
    assert main(["stack", *command]) == 2
    assert NEEDS in capsys.readouterr().err


def test_the_stack_is_of_the_systems_that_it_serves(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stack", "up", "recommender-days"]) == 2
    assert "does not serve the system 'recommender-days'" in capsys.readouterr().err


def test_a_system_without_a_world_has_no_services() -> None:
    problem = lacking(SYSTEM.model_copy(update={"world": None}))
    assert problem is not None
    assert "has no world that is installed" in problem.what


def test_a_view_is_put_over_its_relation_for_its_readers() -> None:
    view = stack.View("cards_base", "card", ("limit_eur", "country"), ("decisions", "rules"))
    plain = view_sql("cards", view, {})
    assert "CREATE VIEW cards AS SELECT card, limit_eur, country, updated_at FROM cards_base;" in plain
    assert plain.endswith("GRANT SELECT ON cards TO decisions, rules")
    changed = view_sql("cards", view, {"limit_eur": {"change": "rescale", "factor": 100, "fraction": 0.25}})
    assert "CASE WHEN mod(abs(hashint4(card)::bigint), 10000) < 2500 THEN limit_eur * 100.0 ELSE limit_eur" in changed
    with pytest.raises(ValueError, match="no column 'age' to change"):
        view_sql("cards", view, {"age": {"change": "null"}})


def test_stacks_of_two_systems_of_a_checkout_leave_each_other_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compose, "parts", lambda: {"recommender": STACK, "fraud": STACK})
    variables = {PROJECT: "mine", CHECKOUT_ID: "1"}
    projects = ("mine", "mine-fraud", "mine-older", "")
    there = [{"Labels": {OWNER_LABEL: "1", PROJECT_LABEL: project}} for project in projects]
    seen = {}
    for system in ("recommender", "fraud"):
        stack_of = compose.Compose(tmp_path, variables, system)
        stack_of.client = SimpleNamespace(api=SimpleNamespace(containers=lambda **_: there))
        seen[system] = [one["Labels"][PROJECT_LABEL] for one in stack_of.own_containers()]
        assert stack_of.variables[PROJECT] == stack_of.project
    assert seen == {"recommender": ["mine", "mine-older", ""], "fraud": ["mine-fraud"]}


def test_stacks_of_two_systems_have_locks_and_journals_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "checkout", lambda: tmp_path)
    for named in ("", str(tmp_path / "state")):
        monkeypatch.setenv("LAB_STATE_DIR", named)
        states = {lock.state_directory(tmp_path, system) for system in ("recommender", "fraud")}
        assert len(states) == 2
        shop, fraud = lock.stack_lock("recommender"), lock.stack_lock("fraud")
        with shop.held():
            assert fraud.look() == lock.Look(False, None, ())
            with fraud.held():
                assert shop.look().journals != fraud.look().journals
        assert lock.lock_to_look_at("fraud").path == fraud.path != shop.path
