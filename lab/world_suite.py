"""What holds for every world, as tests. A test module runs them on a scenario that it names by a fixture `loaded`:

    import pytest
    from lab.scenario import load_scenario
    from lab.world_suite import *

    @pytest.fixture(scope="module")
    def loaded():
        return load_scenario("mine-quiet.scenario.yaml")

The shorter the scenario, the quicker they are; two minutes show all that they look at. docs/plugins.md says more.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from lab.clock import to_ns
from lab.recording.cut import cut
from lab.recording.observed import Observed
from lab.recording.schema import CORE
from lab.scenario import LoadedScenario
from lab.testbeds.sim import SimTestbed, telemetry

CORE_TABLES = frozenset(table.name for table in CORE.tables)


def whole(loaded: LoadedScenario) -> Observed:
    """What a run records that nobody interrupts."""
    bed = SimTestbed(loaded, 1)
    bed.advance(loaded.scenario.duration_s)
    return bed.finish()


def written(observed: Observed, directory: Path) -> dict[str, str]:
    """SHA-256 of a recording's files by name."""
    observed.write(directory / "observed")
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def recorded(loaded: LoadedScenario) -> Observed:
    """One run of it."""
    return whole(loaded)


@pytest.fixture(scope="module")
def once(recorded: Observed, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Digests of what is recorded of it."""
    return written(recorded, tmp_path_factory.mktemp("once"))


@pytest.fixture
def often_final(loaded: LoadedScenario, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has ended is made final ten times in a run, which a short one does once: rows are asked for as often."""
    monkeypatch.setattr(telemetry, "COMMIT_NS", to_ns(loaded.scenario.duration_s) // 10)
    monkeypatch.setattr(telemetry, "ENOUGH_SIDES", 0)


def test_the_same_seed_gives_the_same_bytes(
    loaded: LoadedScenario, once: dict[str, str], tmp_path: Path
) -> None:  # fmt: skip
    """Draws have keys (`lab.draws`): nothing depends on the time of day, or on what was drawn before."""
    assert written(whole(loaded), tmp_path) == once


@pytest.mark.usefixtures("often_final")
def test_where_blocks_end_changes_nothing(loaded: LoadedScenario, once: dict[str, str], tmp_path: Path) -> None:
    """`settle` gets blocks that end anywhere: who looks at a run on its way does not change it."""
    bed, end_s = SimTestbed(loaded, 1), loaded.scenario.duration_s
    for share in (0.0, 0.0004, 0.13, 0.131, 0.39, 0.4, 0.999):
        bed.advance(share * end_s)
        bed.observed(share * end_s)
    bed.advance(end_s)
    assert written(bed.finish(), tmp_path) == once


def test_interpreted_it_records_the_same_bytes(
    loaded: LoadedScenario, once: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`decide`, where there is one, keeps to what kernels may use; interpreted, a wrong index is an error."""
    monkeypatch.setenv("LAB_KERNEL", "interpreted")
    assert written(whole(loaded), tmp_path) == once


@pytest.mark.parametrize("share", [-0.1, 0.45])
def test_a_branch_goes_on_as_the_run_it_comes_from_would(
    loaded: LoadedScenario, once: dict[str, str], tmp_path: Path, share: float
) -> None:
    """`branch` copies what changes in a run: a twin without the fault is such a branch."""
    bed, end_s = SimTestbed(loaded, 1), loaded.scenario.duration_s
    at_s = share * (end_s if share > 0 else loaded.system.warmup_s)
    bed.advance(at_s)
    other = bed.branch()
    bed.advance(at_s + end_s / 6)  # what the one does is nothing to the other
    other.advance(end_s)
    assert written(other.finish(), tmp_path / "other") == once
    bed.advance(end_s)
    assert written(bed.finish(), tmp_path / "one") == once


@pytest.mark.usefixtures("often_final")
@pytest.mark.parametrize("share", [0.35, 0.8])
def test_what_is_seen_on_the_way_is_what_the_recording_has_of_that_time(
    loaded: LoadedScenario, recorded: Observed, share: float
) -> None:
    """Rows are given once, none later than it was visible, and nothing is known before it could be."""
    from pandas.testing import assert_frame_equal

    at_s = round(share * loaded.scenario.duration_s)
    bed = SimTestbed(loaded, 1)
    bed.advance(at_s)
    seen, later = bed.observed(at_s), cut(recorded, at_s)
    for table in sorted(recorded.tables.keys() - CORE_TABLES):
        assert_frame_equal(seen.frame(table).astype(object), later.frame(table).astype(object), obj=table)
    assert seen.lineage == later.lineage
