"""What a driver that breaks its promises leads to: it is named, with what it did, and nothing broken is kept."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.cli import main
from lab.errors import ExitCode, LabError, UserError
from lab.runs.runner import run_scenario
from lab.testbeds.installed import choose
from tests.distributions import write_distribution
from tests.simulated import scenario

CHAIN = str(Path(__file__).parents[1] / "systems" / "chain.system.yaml")
DRIVER = """
import dataclasses
from lab.errors import NotRevertedError, UserError
from lab.recording.cut import cut
from lab.recording.observed import Deferred, Observed
from lab.testbeds.driver import Recorded, Recovery
from lab.testbeds.sim.driver import SimDriver
from lab.testbeds.sim.session import SimSession

class Strange(SimSession):
    def finish(self):
        recorded = super().finish()
        {finish}
        return recorded
    {more}

class StrangeDriver(SimDriver):
    name = "strange"
    def open(self, scenario, seed, options, progress=None):
        return Strange(scenario, seed)
    {driver}
"""
MOOD = "column 'mood' of 'logs' becomes visible"
LATE = """tables=Deferred({
            **{name: (lambda name=name: recorded.observed.tables[name]) for name in recorded.observed.tables},
            'logs': lambda: (made := recorded.observed.tables['logs']).append_column('mood', made['body'])})"""
"""A table with a column too many, which shows only when the table is made."""
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a testbed `strange`: the simulator with these lines."""

    def installed(finish: str = "", more: str = "", driver: str = "") -> None:
        module = f"strange_driver_{tmp_path.name.replace('-', '_')}"
        (tmp_path / f"{module}.py").write_text(DRIVER.format(finish=finish, more=more, driver=driver), encoding="utf-8")
        write_distribution(tmp_path, "strange-things", {"lab.testbeds": {"strange": f"{module}:StrangeDriver"}})
        monkeypatch.syspath_prepend(str(tmp_path))
        for command in ("run", "plan", "evaluate", "recover"):  # made with the testbeds that were installed before
            monkeypatch.delitem(sys.modules, f"lab.cli.{command}", raising=False)

    return installed


def run(folder: Path, testbed: str = "strange") -> Any:
    cut = {"type": "network-partition", "target": "front->orders", "at": "10s", "for": "10s"}
    loaded = scenario(folder, system=CHAIN, duration_s=30, rate_per_s=5, faults=[cut])
    return run_scenario(loaded, 1, folder / "runs", choose(testbed))


@pytest.mark.parametrize(
    ("finish", "seen"),
    [
        ("return None", "`finish` gave None"),
        ("return recorded.observed", "`finish` gave Observed"),
        ("return Recorded(None, recorded.windows)", "`Recorded.observed` is None"),
        ("return Recorded(Observed({}, {}, [], []), {})", "`Observed.system`: name: field required"),
        ("recorded.observed.tables.pop('metrics')", "no table 'metrics'"),
        ("t = recorded.observed.tables; t['notes'] = t['logs']", "table 'notes' becomes visible"),
        ("t = recorded.observed.tables; t['logs'] = t['logs'].append_column('mood', t['logs']['body'])", MOOD),
        (f"return dataclasses.replace(recorded, observed=dataclasses.replace(recorded.observed, {LATE}))", MOOD),
        ("return dataclasses.replace(recorded, windows={})", "no window of 'f1'"),
        ("return dataclasses.replace(recorded, windows={'f1': (20.0, 10.0)})", "'f1' was in from 20 s to 10 s"),
        ("return dataclasses.replace(recorded, observed=cut(recorded.observed, 25.0))", "the recording ends at 25 s"),
        ("return dataclasses.replace(recorded, meta={'place': self})", "`Recorded.meta` cannot be written"),
        ("return dataclasses.replace(recorded, events=[{'time_s': float('nan')}])", "cannot be written"),
    ],
)
def test_what_is_no_recording_is_refused_with_what_was_wrong(
    install: Install, tmp_path: Path, finish: str, seen: str
) -> None:
    install(finish)
    with pytest.raises(LabError) as refused:
        run(tmp_path)
    said = str(refused.value)
    assert "testbed 'strange' of strange-things handed over what is no recording" in said
    assert seen in said
    assert "expected: " in said
    assert not list((tmp_path / "runs").glob("*/*/run.json"))


@pytest.mark.parametrize(
    ("more", "driver", "doing"),
    [
        ("def advance(self, until_s): raise KeyError('lost')", "", "making a run"),
        ("def inject(self, use): raise KeyError('lost')", "", "making a run"),
        ("def finish(self): raise KeyError('lost')", "", "finishing a run"),
        ("def _twin(self, *_): raise KeyError('lost')", "", "making a run again without some of its faults"),
        ("", "def check(self, scenario, options): raise KeyError('lost')", "checking a scenario"),
        ("", "open = lambda *_: {}['lost']", "making a run"),
    ],
)
def test_whatever_it_raises_names_it(install: Install, tmp_path: Path, more: str, driver: str, doing: str) -> None:
    install(more=more, driver=driver)
    with pytest.raises(LabError) as raised:
        run(tmp_path)
    assert raised.value.exit_code is ExitCode.INTERNAL
    assert f"testbed 'strange' of strange-things failed while {doing}: KeyError: 'lost'" in str(raised.value)


def test_what_is_held_over_several_runs_may_fail_too(
    install: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(driver="def holding(self, scenarios, options): raise KeyError('lost')")
    scenario(tmp_path, system=CHAIN, duration_s=30, rate_per_s=5)
    words = [str(next(tmp_path.glob("*.scenario.yaml"))), "--testbed", "strange", "--runs-dir", str(tmp_path / "runs")]
    assert main(["run", *words]) == ExitCode.INTERNAL
    said = capsys.readouterr().err
    assert "testbed 'strange' of strange-things failed while getting what several runs need: KeyError: 'lost'" in said


def test_what_it_says_to_the_user_stays_as_it_is(install: Install, tmp_path: Path) -> None:
    install(driver="def open(self, *_): raise UserError('the cluster is switched off')")
    with pytest.raises(UserError, match=r"^the cluster is switched off$"):
        run(tmp_path)


def test_one_that_cannot_recover_keeps_no_other_from_it(
    install: Install, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(driver="def recover(self, options): return [Recovery('component.pause', 'orders', None)]")

    def broken(*_: object) -> Any:
        raise KeyError("lost")

    monkeypatch.setattr(type(choose("sim").driver), "recover", broken)
    monkeypatch.setattr(type(choose("stack").driver), "recover", lambda *_: [])
    assert main(["recover"]) == ExitCode.INTERNAL
    said = capsys.readouterr()
    assert "reverted component.pause of orders to None (strange)" in said.out
    assert "testbed 'sim' of chaos-lab failed while putting back what was left: KeyError: 'lost'" in said.err


def test_a_good_one_beside_it_is_as_good_as_before(install: Install, tmp_path: Path) -> None:
    install(finish="pass")
    one, two = run(tmp_path), run(tmp_path, "sim")
    assert json.loads((one.path / "run.json").read_text())["testbed"] == "strange"
    files = [file.relative_to(two.path) for file in (two.path / "observed").rglob("*") if file.is_file()]
    assert all((one.path / file).read_bytes() == (two.path / file).read_bytes() for file in files)
