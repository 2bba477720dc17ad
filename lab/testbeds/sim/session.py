"""A run on the simulator; it can be repeated without some of its faults."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa

from lab.recording.observed import Observed
from lab.scenario import DecoyUse, FaultUse, LoadedScenario
from lab.testbeds.driver import Deed, Progress, Recorded, Session, silent
from lab.testbeds.sim.branches import Branch, Done, latest
from lab.testbeds.sim.testbed import SimTestbed


class SimSession(Session):
    """One run of one scenario with one seed. `past`: a testbed on which it goes on, instead of from the start."""

    levers: SimTestbed

    def __init__(self, loaded: LoadedScenario, seed: int, *, past: SimTestbed | None = None) -> None:
        super().__init__()
        self.levers = past or SimTestbed(loaded, seed)
        self._loaded, self._seed = loaded, seed
        self._done: list[Done] = []
        self._branches: list[Branch] = []
        self._keeps_branches = True

    @property
    def now_s(self) -> float:
        return self.levers.now_s

    @property
    def duration_s(self) -> float:
        return self._loaded.scenario.duration_s

    def advance(self, until_s: float) -> None:
        self.levers.advance(until_s)
        self.ended = self.levers.stopped_because

    def observed(self, until_s: float) -> Observed:
        return self.levers.observed(until_s)

    def metrics(self, until_s: float) -> pa.Table:
        return self.levers.metrics(until_s)

    def inject(self, use: FaultUse | DecoyUse) -> None:
        if self._keeps_branches:
            self._branches.append(Branch(len(self._done), frozenset(self.active), self.levers.branch()))
        self._done.append(Done(self.now_s, use))
        super().inject(use)

    def revert(self, use: FaultUse | DecoyUse) -> None:
        self._done.append(Done(self.now_s, use, is_revert=True))
        super().revert(use)

    def act(self, deed: Deed) -> None:
        self._done.append(Done(self.now_s, deed))
        super().act(deed)

    def finish(self) -> Recorded:
        self.levers.tidy_up()
        self.revert_all()
        observed = self.levers.finish()
        return Recorded(
            observed, dict(self.windows), self._twin, counts_waiting_as_busy=True, events=self.levers.journal_entries
        )

    def _twin(self, without: Collection[str], progress: Progress = silent, /) -> Observed:
        """The same seed, with all that was done in this run but what is to be left out.

        It shares this run's past as far as they are the same; a run of its own from the start gives the same bytes.
        """
        what = f"twin without {', '.join(sorted(without))}"
        begin = latest(self._branches, self._done, without)
        past, position = (begin.testbed.branch(), begin.position) if begin else (None, 0)
        with SimSession(self._loaded, self._seed, past=past) as twin:
            twin._keeps_branches = False
            for done in self._done[position:]:
                if done.use not in without:
                    twin.advance_with_progress(done.at_s, what, progress)
                    if isinstance(done.what, Deed):
                        twin.act(done.what)
                    else:
                        (twin.revert if done.is_revert else twin.inject)(done.what)
            twin.advance_with_progress(self.duration_s, what, progress)
            return twin.finish().observed
