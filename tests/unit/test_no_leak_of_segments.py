"""Nothing observed of nights tells what the lab did, at any level; and what is announced of a fault is what a release,
a deploy or a market without one says too.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.injection.faults import fault_type, fault_types
from lab.registration.observability import LEVELS
from tests.leaks import DECOY_ID, FAULT_ID, leaks, needles, wordings
from tests.segments import DAY_S, DECOYS, FAULTS, nights
from tests.simulated import observe

DAYS, FROM, UNTIL = 9, 2, 5


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_nothing_observed_names_the_fault(name: str, tmp_path: Path) -> None:
    fault = {"id": FAULT_ID, **FAULTS[name], "at": f"{FROM}d", "for": f"{UNTIL - FROM}d"}
    after = {"at": f"{UNTIL * 24 + 12}h", "for": "2d"}
    decoys = [{"id": f"{DECOY_ID}{i}", **use, **after} for i, use in enumerate(DECOYS.values())]
    loaded = nights(tmp_path, DAYS, faults=[fault], decoys=decoys)
    for level in LEVELS:
        seen = observe(loaded.seen_by(level))
        seen.write(tmp_path / level)
        assert leaks(tmp_path / level, needles(tmp_path)) == set()
    if not fault_type(FAULTS[name]["type"]).announced_differently:
        of_fault = wordings(seen, (0, (UNTIL + 0.25) * DAY_S))
        assert of_fault <= wordings(seen, ((UNTIL + 0.25) * DAY_S, DAYS * DAY_S))


def test_every_fault_of_this_world_is_tried() -> None:
    tried = {use["type"] for use in FAULTS.values()}
    assert tried >= {
        kind.name for kind in fault_types().values() if "worlds.batch" in kind.module and not kind.is_decoy
    }
