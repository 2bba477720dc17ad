"""Small systems of nightly segments, and what of a run of them can be looked at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import yaml

from lab.injection.levers import ActValue, LeverValue
from lab.recording.arrow import numbers
from lab.recording.observed import Observed
from lab.recording.slis import Samples, computed
from lab.scenario import LoadedScenario, load_scenario
from lab.systems import files
from lab.testbeds.sim import SimTestbed
from lab.worlds.batch.registration import WORLD
from tests.simulated import NAME, Use

DAY_S = 86_400.0
CUSTOMERS = 3000
_SHIPPED = Path(files.__file__).parent / "segmentation.system.yaml"


FAULTS: Mapping[str, Use] = {
    "output-kept": {"type": "output-kept", "target": "features"},
    "schema-corruption rescales": {
        "type": "schema-corruption", "target": "orders", "with": {"column": "amount", "change": "rescale"},
    },
    "join-key-retyped": {"type": "join-key-retyped", "target": "crm", "with": {"column": "customer_id"}},
    "late-partition": {"type": "late-partition", "target": "orders", "with": {"delay": "3h"}},
    "duplicated-rows": {
        "type": "duplicated-rows", "target": "extract", "with": {"step": "write_extract", "timeout": "6m"},
    },
    "default-for-new-country": {"type": "default-for-new-country", "target": "features", "with": {"country": "pl"}},
    "leaked-columns": {"type": "leaked-columns", "target": "segmenter"},
    "wrong-segment-list": {"type": "wrong-segment-list", "target": "publish"},
    "campaign-filter": {"type": "campaign-filter", "target": "campaigns"},
    "day-counted-twice": {"type": "day-counted-twice", "target": "extract"},
}  # fmt: skip
"""Every fault that only what jobs write and read can have."""
DECOYS: Mapping[str, Use] = {
    "release of a job": {"type": "release", "target": "extract"},
    "release of another": {"type": "release", "target": "publish"},
    "release of a third": {"type": "release", "target": "features"},
    "release of a service": {"type": "release", "target": "campaigns"},
    "deploy": {"type": "deploy", "target": "segmenter"},
    "new-source": {"type": "new-source", "target": "crm"},
    "holiday": {"type": "holiday", "target": "crm"},
    "sign-up-wave": {"type": "sign-up-wave", "target": "crm"},
    "campaign-flop": {"type": "campaign-flop", "target": "campaigns", "with": {"campaign": "bargain"}},
    "schema-migration of orders": {"type": "schema-migration", "target": "orders"},
    "schema-migration of customers": {"type": "schema-migration", "target": "crm"},
}
"""Every decoy of this world, and those of all that it can have."""


def nights(directory: Path, days: int, **content: Any) -> LoadedScenario:
    """A scenario of so many days of the shipped system with fewer customers. `content`: what else its file has."""
    system = yaml.safe_load(_SHIPPED.read_text(encoding="utf-8"))
    system |= {"name": "few", "world": {"name": "batch", "seed": 5, "settings": {"customers": CUSTOMERS}}}
    (directory / "few.system.yaml").write_text(yaml.safe_dump(system, sort_keys=False), encoding="utf-8")
    path = directory / f"{NAME}.scenario.yaml"
    scenario = {"schema_version": 1, "name": NAME, "system": "few.system.yaml", "duration": f"{days}d", **content}
    path.write_text(yaml.safe_dump(scenario), encoding="utf-8")
    return load_scenario(path).seen_by("rich")


class Nights:
    """A run of the shipped system with fewer customers, of so many days, on which levers are pulled by hand."""

    def __init__(self, directory: Path, days: int, seed: int = 1) -> None:
        self.bed = SimTestbed(nights(directory, days), seed)
        self.days = days

    def until(self, day: float) -> Self:
        """Lets time pass to the beginning of a day."""
        self.bed.advance(day * DAY_S)
        return self

    def pull(self, element: str, value: LeverValue | None, lever: type[LeverValue] | None = None) -> Self:
        """Sets a lever; None, of the type `lever`, is neutral."""
        self.bed.write(lever or type(value), element, value)  # type: ignore[arg-type]
        return self

    def act(self, element: str, act: ActValue) -> Self:
        """Does what has no undo."""
        self.bed.perform(element, act)
        return self

    def ended(self) -> Ended:
        """The whole run."""
        self.bed.advance(self.days * DAY_S)
        return Ended(self.bed.finish(), self.days)


class Ended:
    """What was recorded of a run."""

    def __init__(self, observed: Observed, days: int) -> None:
        self.observed, self._days = observed, days

    def sli(self, name: str) -> npt.NDArray[Any]:
        """An indicator at the end of each day."""
        samples = Samples.recorded(self.observed.tables["metrics"], self.observed.system)
        level = computed(next(sli for sli in WORLD.slis if sli.name == name), samples)
        found = np.full(self._days, np.nan)
        found[np.rint(level.times_s / DAY_S).astype(int) - 1] = level.values
        return found

    def metric(self, name: str, attribute: str | None = None) -> npt.NDArray[Any]:
        """A metric by day."""
        frame = self.observed.frame("metrics")
        mine = frame[(frame["metric"] == name) & ((frame["attribute"] == attribute) | (attribute is None))]
        return mine.sort_values("time_s")["value"].to_numpy()

    def versions(self, dataset: str) -> Mapping[str, npt.NDArray[Any]]:
        """Columns of what was written of a dataset, in order of time."""
        frame = self.observed.frame("dataset_versions")
        mine = frame[frame["dataset"] == dataset]
        return {name: mine[name].to_numpy() for name in ("time_s", "version", "rows", "partition_s")}

    def means(self, dataset: str, column: str) -> npt.NDArray[Any]:
        """The mean of a column in each version of a dataset."""
        frame = self.observed.frame("dataset_columns")
        return frame[(frame["dataset"] == dataset) & (frame["column"] == column)]["mean"].to_numpy()

    def failures(self) -> float:
        """Runs of jobs that failed."""
        return float(self.metric("job.failure.count").sum())

    def times_of(self, kind: str) -> list[float]:
        """When something of a kind was announced, in days."""
        return [entry["time_s"] / DAY_S for entry in self.observed.changes if entry["kind"] == kind]


__all__ = ["CUSTOMERS", "DAY_S", "Ended", "Nights", "numbers"]
