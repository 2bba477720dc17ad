"""After a fault is reverted and its stated recovery time is over, the system is as if nothing had been.

Means of each SLI over 60 s are compared with those of controls, over seeds, in the same minute. The range of the
controls is widened on either side by half its width plus a tenth of its middle, and by a floor for what is zero in
most of them (an error in a thousand, half a millisecond): a handful of controls does not show the whole range.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lab.injection.faults import fault_type
from lab.injection.levers import lever_type
from lab.recording.observed import Observed
from lab.recording.slis import sli_series
from lab.systems.files import load_system
from tests.simulated import Use, observe, ran, scenario

AT_S, FOR_S, WINDOW_S = 20, 60, 60
RATE_PER_S = 40
CONTROL_SEEDS = range(100, 108)
FAULT_SEEDS = (1, 2)


class Recovering:
    """Runs of a system that last so long that each of these faults is gone for a while before they end.

    `floors`: by SLI what it may differ by in any case.
    """

    def __init__(self, folder: Path, system: str, faults: Mapping[str, Use], floors: Mapping[str, float]) -> None:
        self.system, self.faults, self.floors = system, faults, floors
        longest_s = max(fault_type(str(use["type"])).recovery_s for use in faults.values())
        self.duration_s = AT_S + FOR_S + longest_s + WINDOW_S
        loaded = scenario(folder, system=system, duration_s=self.duration_s, rate_per_s=RATE_PER_S)
        self._controls = [observe(loaded, seed) for seed in CONTROL_SEEDS]

    def means(self, of: Observed, from_s: float) -> Mapping[str, float]:
        """The mean of each SLI over a window that begins at this time."""
        slis = sli_series(of.tables["metrics"], load_system(self.system), self.floors)
        found = {}
        for name in self.floors:
            times_s, values = slis[name].known(from_s + WINDOW_S)
            found[name] = float(values[times_s > from_s].mean())
        return found

    def allowed(self, from_s: float, sli: str) -> tuple[float, float]:
        """Between what an SLI may lie: where the controls are, and some room."""
        usual = [self.means(control, from_s)[sli] for control in self._controls]
        room = (max(usual) - min(usual)) / 2 + 0.1 * (max(usual) + min(usual)) / 2 + self.floors[sli]
        return min(usual) - room, max(usual) + room

    def run_of(self, folder: Path, name: str, *, for_s: float) -> Observed:
        """What is observed of a run in which a fault stays for so long."""
        fault = {**self.faults[name], "at": f"{AT_S}s", "for": f"{for_s}s"}
        return observe(scenario(folder, system=self.system, duration_s=self.duration_s, rate_per_s=RATE_PER_S,
                                faults=[fault]))  # fmt: skip

    def check(self, folder: Path, name: str, seed: int) -> None:
        """Runs with a fault: when it has recovered, every SLI is as usual, and every lever where it was."""
        use = self.faults[name]
        fault = {**use, "at": f"{AT_S}s", "for": f"{FOR_S}s"}
        loaded = scenario(folder, system=self.system, duration_s=self.duration_s, rate_per_s=RATE_PER_S, faults=[fault])
        session, recorded = ran(loaded, seed)
        testbed = session.levers
        recovered_s = AT_S + FOR_S + fault_type(str(use["type"])).recovery_s
        for sli, value in self.means(recorded.observed, recovered_s).items():
            low, high = self.allowed(recovered_s, sli)
            assert low <= value <= high, f"{sli} {value:.4g} is outside of {low:.4g} to {high:.4g}"
        entries = testbed.journal_entries
        pulled = {(e["lever"], e["element"]): e["previous"] for e in reversed(entries) if e["event"] == "intent"}
        assert pulled
        for (lever, element), previous in pulled.items():
            left = testbed.read(lever_type(lever), element)
            assert (left.to_json() if left else None) == previous
        events = [entry["event"] for entry in entries]
        assert events.count("intent") == events.count("reverted") == events.count("applied")
