"""Faults of other packages: what is said when one of them is broken, so that its author finds it and others go on."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from lab.cli import main
from lab.contracts import Boundary
from lab.errors import ParameterError, Problem, UserError
from lab.injection import faults
from lab.injection.faults import Witness, fault, fault_types
from lab.injection.levers import LinkCut, Testbed
from tests.simulated import scenario

SHOWS = (Witness("client_error_ratio", "{target}", 0.02),)


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "_registered", dict(fault_types()))


def declare(witnesses: tuple[Witness, ...] = SHOWS, *, announced_differently: bool = False) -> None:
    """A fault called `strange`, which fails as its parameter says."""

    @fault(
        "strange",
        boundary=Boundary.NETWORK,
        target="link",
        witnesses=witnesses,
        recovery_s=1,
        announced_differently=announced_differently,
    )
    def strange(testbed: Testbed, link: str, *, wrong: str = "nothing") -> Iterator[None]:
        """Strange."""
        if wrong == "crash":
            raise ZeroDivisionError("a stranger's mistake")
        if wrong == "never yields":
            return
        if wrong == "parameter":
            raise ParameterError("wrong", Problem("no such thing", seen=wrong, expected="nothing"))
        with testbed.pull(link, LinkCut(fraction=2.0 if wrong == "value" else 1.0)):
            yield


def problem(folder: Path, wrong: str = "nothing") -> Problem:
    """The one problem of a scenario that uses `strange`."""
    use = {"type": "strange", "target": "desk->db", "at": "30s", "for": "20s", "with": {"wrong": wrong}}
    with pytest.raises(UserError) as caught:
        scenario(folder, faults=[use])
    (found,) = caught.value.problems
    line = Path(found.file).read_text(encoding="utf-8").splitlines()[found.line - 1][found.column - 1 :]
    assert line.strip(",") == (f'"{wrong}"' if wrong == "parameter" else '"strange"')
    return found


@pytest.mark.parametrize(
    ("wrong", "shown"),
    [
        ("crash", "'strange' fails while it is planned: ZeroDivisionError: a stranger's mistake"),
        ("never yields", "'strange' fails while it is planned: RuntimeError: generator didn't yield"),
    ],
)
def test_a_fault_that_fails_is_named_with_its_module(tmp_path: Path, wrong: str, shown: str) -> None:
    declare()
    found = problem(tmp_path, wrong)
    assert found.what == shown
    assert found.hint == f"this is a defect of the module {__name__}"


def test_a_fault_that_pulls_a_lever_with_a_bad_value_is_named_with_the_lever(tmp_path: Path) -> None:
    declare()
    found = problem(tmp_path, "value")
    assert (found.what, found.seen, found.expected) == (
        "'strange' cannot be planned: bad value for 'fraction' of link.cut",
        "2.0",
        "less than or equal to 1",
    )


def test_a_fault_may_point_at_one_of_its_parameters(tmp_path: Path) -> None:
    declare()
    found = problem(tmp_path, "parameter")
    assert (found.what, found.seen, found.expected) == (
        "'strange' cannot be planned: no such thing",
        "parameter",
        "nothing",
    )


def test_a_witness_names_a_signal_of_the_catalogue(tmp_path: Path) -> None:
    declare((Witness("client_error_ration", "{target}", 0.02),))
    found = problem(tmp_path)
    assert found.what == "'strange' has a witness with the unknown signal 'client_error_ration'"
    assert found.hint == f"this is a defect of the module {__name__}; did you mean 'client_error_ratio'?"


def test_a_plug_in_that_cannot_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EntryPoint("stranger", "stranger.faults", "lab.injectors")
    monkeypatch.setattr(faults, "installed", lambda group, what: {"stranger": broken})
    faults._load.cache_clear()
    try:
        with pytest.raises(UserError, match=r"(?s)plug-in 'stranger' of lab.injectors cannot be loaded.*No module"):
            fault_types()
    finally:
        faults._load.cache_clear()


@pytest.mark.parametrize(
    ("announced_differently", "shown"), [(True, "reveals this fault"), (False, "the same as for a harmless change")]
)
def test_a_fault_says_whether_what_is_announced_reveals_it(
    announced_differently: bool, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    declare(announced_differently=announced_differently)
    assert main(["faults", "strange"]) == 0
    assert shown in capsys.readouterr().out
