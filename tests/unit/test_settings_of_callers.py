"""An operation may bring settings for the component that calls for it: keys of its configuration, as its own are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lab.errors import UserError
from lab.registration.settings import Operation, Setting
from lab.registration.world import World, registration_of
from lab.systems import world_checks, worlds
from lab.systems.configuration import configuration
from lab.systems.files import load_system

SYSTEM = Path(worlds.__file__).with_name("fraud.system.yaml")
OPERATION, CALLER, CALLEE = "aggregate_payments", "aggregator", "db"
APPEND = Setting("1: what is written twice is there twice", at_least=0, at_most=1, is_whole=True, default=0)


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """The fraud system's world, whose aggregator has a setting of its own."""
    known = registration_of("decisions")
    assert known is not None
    operation: Operation = replace(known.operations[OPERATION], caller_settings={"append": APPEND})
    changed = replace(known, operations={**known.operations, OPERATION: operation})
    for module in (worlds, world_checks):
        monkeypatch.setattr(module, "registration_of", lambda name: changed)
    return changed


def written(folder: Path, setting: str) -> str:
    """The fraud system with a setting of its aggregator."""
    found = SYSTEM.read_text(encoding="utf-8").replace("kind: job\n", f"kind: job\n    settings: {{{setting}}}\n")
    path = folder / "own.system.yaml"
    path.write_text(found.replace("name: fraud\n", "name: own\n"), encoding="utf-8")
    return str(path)


def test_the_caller_has_the_key_and_who_is_called_has_not() -> None:
    system = load_system("fraud")
    assert configuration(system, CALLER)["settings.append"].value == 0
    assert "settings.append" not in configuration(system, CALLEE)


def test_a_systems_file_gives_it_a_value(tmp_path: Path) -> None:
    system = load_system(written(tmp_path, "append: 1"))
    assert configuration(system, CALLER)["settings.append"].value == 1


@pytest.mark.parametrize(
    ("setting", "message"),
    [("append: 2", "bad value for setting 'append' of 'aggregator'"), ("apend: 1", "did you mean 'append'")],
)
def test_a_value_or_name_that_does_not_fit_is_refused(setting: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        load_system(written(tmp_path, setting))
