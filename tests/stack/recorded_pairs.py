"""Scenarios recorded on both testbeds, for tests that compare them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from lab.engines.host import EngineHost
from lab.judging.steady import first_change_s
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


@dataclass(frozen=True)
class Shorter:
    """How much happens of a shipped scenario, in scenario seconds: time on the stack is real.

    Faults and decoys begin earlier by the same time, the first of them at `before_s`. Each lasts `for_s` at most (a
    decoy without an end until the end), and the recording ends `after_s` after the last fault. A scenario in which
    nothing is changed lasts `before_s`.
    """

    before_s: float
    for_s: float = 150.0
    after_s: float = 30.0

    def of(self, shipped: LoadedScenario) -> LoadedScenario:
        """The scenario, read again from its file with other times."""
        content, scenario = yaml.safe_load(shipped.text), shipped.scenario
        earlier_s = first_change_s(scenario) - self.before_s
        ends_s = [self.before_s]
        for use, written in zip(scenario.faults, content.get("faults", []), strict=True):
            at_s, for_s = use.at_s - earlier_s, min(use.for_s, self.for_s)
            written |= {"at": f"{at_s:g}s", "for": f"{for_s:g}s"}
            ends_s.append(at_s + for_s + self.after_s)
        for use, written in zip(scenario.decoys, content.get("decoys", []), strict=True):
            written["at"] = f"{use.at_s - earlier_s:g}s"
            if use.for_s is not None:
                written["for"] = f"{min(use.for_s, self.for_s):g}s"
        [stage] = content["load"]["stages"]
        content["duration"] = stage["for"] = f"{max(ends_s):g}s"
        return parse_scenario(json.dumps(content), str(shipped.path))


def record_all(system: str, shorter: Mapping[str, Shorter], root: Path) -> Pairs:
    """Shipped scenarios of a system, one after the other: its stack, which is up, is one."""
    with EngineHost() as host:
        return Pairs({
            name: record_pair(how.of(load_scenario(f"{system}/{name}")), SEED, root, host)
            for name, how in shorter.items()
        })  # fmt: skip
