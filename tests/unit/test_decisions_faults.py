"""What can happen to fraud decisions alone: a wrong limit in the rules, and a harmless release that reads the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.errors import UserError
from lab.injection.faults import fault_types
from lab.recording.observed import Observed
from lab.runs.runner import run_scenario
from tests.sim_runs import observe, scenario

LIMITS = {"hold": 0.08, "refuse": 0.4}
"""Scores above which the rules of the shipped system act."""


def payments(directory: Path, **more: Any) -> Observed:
    return observe(scenario(directory, system="fraud", duration_s=120, rate_per_s=40, **more))


def released(kind: str, above: str, step: str = "hold") -> dict[str, Any]:
    return {"type": kind, "target": "rules", "at": "60s", "for": "40s", "with": {"step": step, "above": above}}


@pytest.mark.parametrize(
    ("step", "above", "decision"), [("hold", "1%", "review"), ("refuse", "2%", "decline")], ids=["hold", "refuse"]
)
def test_a_wrong_limit_decides_by_another_score_while_it_lasts(
    step: str, above: str, decision: str, tmp_path: Path
) -> None:
    observed = payments(tmp_path, faults=[released("threshold-change", above, step)])
    rows = observed.frame("predictions")
    between = rows[rows["score"].between(float(above.rstrip("%")) / 100 + 1e-6, LIMITS[step])]
    during = between["time_s"].between(60.1, 100)
    assert during.sum() > 10
    # Merchants on the block list are declined whatever the score.
    assert (between["decision"][during].isin([decision, "decline"])).all()
    assert (between["decision"][~during] == decision).mean() < 0.3


def test_a_wrong_limit_shows_by_payments_that_are_decided_otherwise(tmp_path: Path) -> None:
    use = {**released("threshold-change", "1%"), "for": "100s"}
    loaded = scenario(tmp_path, system="fraud", duration_s=160, rate_per_s=40, faults=[use])
    (fault,) = run_scenario(loaded, 1, tmp_path / "runs").truth().faults
    assert {witness["signal"] for witness in fault.witnesses if witness["shown"]} == {"limit_mismatch_ratio"}


def test_a_harmful_and_a_harmless_release_read_alike(tmp_path: Path) -> None:
    papers = []
    for name, uses in (
        ("bad", {"faults": [released("threshold-change", "1%")]}),
        ("good", {"decoys": [released("rules-release", "8.2%")]}),
    ):
        (tmp_path / name).mkdir()
        observed = payments(tmp_path / name, **uses)
        papers.append([(c["time_s"], c["service.name"], c["kind"], c["summary"]) for c in observed.changes])
    assert papers[0] == papers[1]
    assert [(time_s, name, kind) for time_s, name, kind, _ in papers[0]] == [
        (60.0, "rules", "deploy"),
        (100.0, "rules", "deploy"),
    ]
    named = [kind for kind, of in fault_types().items() if not of.is_decoy]
    assert not [kind for kind in named if kind in str(papers)]


@pytest.mark.parametrize(("step", "target"), [("hold", "payments"), ("blocked", "rules"), ("hols", "rules")])
def test_a_limit_that_is_not_there_is_refused(step: str, target: str, tmp_path: Path) -> None:
    use = {**released("threshold-change", "1%", step), "target": target}
    with pytest.raises(UserError, match=f"{target!r} has no configuration key 'steps.{step}.above'"):
        payments(tmp_path, faults=[use])
