"""What holds for the content of any world: where blocks end, how kernels run and what branches do changes nothing."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from lab.recording.observed import Observed
from lab.scenario import LoadedScenario, load_scenario
from lab.testbeds.sim import SimTestbed

DURATION_S = 30.0


def quiet(directory: Path, system: str) -> LoadedScenario:
    """A control of `DURATION_S` on a system, of which everything can be seen."""
    path = directory / "quiet.scenario.yaml"
    stage = f"{{for: {DURATION_S}s, rate: 30/s}}"
    path.write_text(
        f"schema_version: 1\nname: quiet\nsystem: {system}\nduration: {DURATION_S}s\nload: {{stages: [{stage}]}}\n",
        encoding="utf-8",
    )
    return load_scenario(path).seen_by("rich")


def written(observed: Observed, directory: Path) -> dict[str, str]:
    """SHA-256 of a recording's files by name."""
    observed.write(directory / "observed")
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): sha256(path.read_bytes()).hexdigest() for path in files}


def whole(loaded: LoadedScenario) -> Observed:
    """What a run records that nobody interrupts."""
    bed = SimTestbed(loaded, 1)
    bed.advance(DURATION_S)
    return bed.finish()


class ContentContract:
    """Tests of a world's content; who derives from it gives the fixture `loaded`, a scenario of `DURATION_S`."""

    @pytest.fixture(scope="class")
    @classmethod
    def once(cls, loaded: LoadedScenario, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
        """Digests of what is recorded of it."""
        return written(whole(loaded), tmp_path_factory.mktemp("once"))

    def test_where_blocks_end_changes_nothing(self, loaded, once, tmp_path):
        bed = SimTestbed(loaded, 1)
        for moment in (0.0, 0.013, 4.0, 4.001, 11.7, 12.0, 29.99):
            bed.advance(moment)
            bed.observed(moment)
        bed.advance(DURATION_S)
        assert written(bed.finish(), tmp_path) == once

    def test_interpreted_it_records_the_same_bytes(self, loaded, once, tmp_path, monkeypatch):
        monkeypatch.setenv("LAB_KERNEL", "interpreted")
        assert written(whole(loaded), tmp_path) == once

    @pytest.mark.parametrize("at_s", [-3.0, 13.37])
    def test_a_branch_goes_on_as_the_run_it_comes_from_would(self, loaded, once, tmp_path, at_s):
        bed = SimTestbed(loaded, 1)
        bed.advance(at_s)
        other = bed.branch()
        bed.advance(at_s + 5)  # what the one does is nothing to the other
        other.advance(DURATION_S)
        assert written(other.finish(), tmp_path / "other") == once
        bed.advance(DURATION_S)
        assert written(bed.finish(), tmp_path / "one") == once
