"""Scenarios recorded on both testbeds, for tests that compare them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from lab.engines.host import EngineHost
from lab.recording.rundir import RunDirectory
from lab.scenario import LoadedScenario, load_scenario
from lab.scenario.load import parse_scenario
from scripts.pairs import Pair, record_pair

SEED = 21


class Pairs(dict[str, Pair]):
    """Pairs by scenario. A test that asks for one that the machine disturbed twice is skipped: it proves nothing."""

    def __getitem__(self, name: str) -> Pair:
        pair = super().__getitem__(name)
        if pair.stack.is_inconclusive:
            pytest.skip(f"{name}: {pair.stack.problem}")
        assert pair.stack.assessments, f"{name}: {pair.stack.problem}"
        return pair

    def on_sim(self, name: str) -> RunDirectory:
        return self[name].recordings[0]

    def on_stack(self, name: str) -> RunDirectory:
        return self[name].recordings[1]

    @property
    def disturbed(self) -> dict[str, str]:
        """What the machine did to the scenarios that it disturbed."""
        return {name: pair.stack.problem for name, pair in self.items() if pair.stack.is_inconclusive}


def record_all(system: str, shorter: Mapping[str, Mapping[str, str]], root: Path) -> Pairs:
    """Shipped scenarios of a system, one after the other: its stack, which is up, is one, and time on it is real.

    `shorter`: by scenario, what is written otherwise than in the shipped file.
    """
    with EngineHost() as host:
        return Pairs({n: record_pair(_rewritten(system, n, how), SEED, root, host) for n, how in shorter.items()})


def _rewritten(system: str, name: str, changes: Mapping[str, str]) -> LoadedScenario:
    shipped = load_scenario(f"{system}/{name}")
    text = shipped.text
    for written, instead in changes.items():
        assert written in text
        text = text.replace(written, instead)
    return parse_scenario(text, str(shipped.path))
