"""`make same-recordings` notices whatever differs under `observed/`, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.same_recordings import differences

CHANGES: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "nothing": (lambda runs: None, []),
    "a byte": (
        lambda runs: (runs / "a/0-new/observed/spans.parquet").write_bytes(b"PAR0"),
        ["a/0/observed/spans.parquet: other bytes"],
    ),
    "a file that is gone": (
        lambda runs: (runs / "a/0-new/observed/reference/contract.json").unlink(),
        ["a/0/observed/reference/contract.json: only before"],
    ),
    "a further file": (
        lambda runs: (runs / "a/1-new/observed/.hidden").touch(), ["a/1/observed/.hidden: only after"],
    ),
    "a scenario that is gone": (
        lambda runs: (runs / "b").rename(runs.parent / "elsewhere"),
        ["b/0/observed/reference/contract.json: only before", "b/0/observed/spans.parquet: only before"],
    ),
    "the truth, which no engine sees": (
        lambda runs: (runs / "a/0-new/truth/faults.json").write_text("{}"), [],
    ),
}  # fmt: skip


def record(runs: Path, code: str) -> Path:
    for run in ("a/0", "a/1", "b/0"):
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
