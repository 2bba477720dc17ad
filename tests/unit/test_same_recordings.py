"""`make same-recordings` notices whatever differs under `observed/`, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.files.finding import shipped_names
from scripts.same_recordings import SUITES, differences, known

CHANGES: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "nothing": (lambda runs: None, []),
    "a byte": (
        lambda runs: (runs / "fraud/a/0-new/observed/spans.parquet").write_bytes(b"PAR0"),
        ["fraud/a/0/observed/spans.parquet: other bytes"],
    ),
    "a file that is gone": (
        lambda runs: (runs / "fraud/a/0-new/observed/reference/contract.json").unlink(),
        ["fraud/a/0/observed/reference/contract.json: only before"],
    ),
    "a further file": (
        lambda runs: (runs / "fraud/a/1-new/observed/.hidden").touch(), ["fraud/a/1/observed/.hidden: only after"],
    ),
    "a scenario that is gone, of a name that another system has too": (
        lambda runs: (runs / "recommender/a").rename(runs.parent / "elsewhere"),
        [
            "recommender/a/0/observed/reference/contract.json: only before",
            "recommender/a/0/observed/spans.parquet: only before",
        ],
    ),
    "the truth, which no engine sees": (
        lambda runs: (runs / "fraud/a/0-new/truth/faults.json").write_text("{}"), [],
    ),
}  # fmt: skip


def record(runs: Path, code: str) -> Path:
    for run in ("fraud/a/0", "fraud/a/1", "recommender/a/0"):
        for name in ("observed/spans.parquet", "observed/reference/contract.json", "truth/faults.json"):
            file = runs / f"{run}-{code}" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"PAR1")
    return runs


@pytest.mark.parametrize("change", CHANGES)
def test_what_differs_is_named_by_scenario_seed_and_file(tmp_path: Path, change: str) -> None:
    before, after = record(tmp_path / "before", "old"), record(tmp_path / "after", "new")
    act, expected = CHANGES[change]
    act(after)
    assert list(differences(before, after)) == expected


def test_unless_something_is_named_every_shipped_suite_is_compared() -> None:
    assert set(SUITES) == set(shipped_names(".suite.yaml"))


def test_a_suite_that_the_other_commit_has_not_is_left_out_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "old.suite.yaml").touch()
    assert known(("old", "new"), tmp_path) == ["old"]
    assert capsys.readouterr().err == "left out, for there is nothing to compare with: new\n"
