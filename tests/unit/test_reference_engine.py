"""The reference engine on what the shipped scenarios do not contain: other loads, other intensities, things twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from lab.contracts import Diagnosis, Finding, Verdict
from lab.engines.rules.alarms import unexplained
from lab.engines.rules.incidents import incidents_of
from lab.engines.rules.inference import infer
from lab.engines.rules.shipped import shipped_tree
from lab.engines.rules.trace import Trial
from lab.engines.rules.words import humanised
from lab.engines.shifts import Shift
from lab.signals import compute_signals
from lab.signals.windows import levels
from tests.planted import answered_late, late, stalled
from tests.sim_runs import observe, scenario

Use = Mapping[str, Any]


def diagnosis(directory: Path, *, seed: int = 1, **content: Any) -> Diagnosis:
    return infer(observe(scenario(directory, **content), seed), shipped_tree("shop"))


def corruption(at_s: int, **parameters: Any) -> Use:
    return {"type": "schema-corruption", "target": "db", "at": f"{at_s}s", "for": "90s", "with": parameters}


def surge(rate_per_s: int) -> Use:
    with_ = {"rate": f"{rate_per_s}/s"}
    return {"type": "traffic-surge", "target": "shoppers", "at": "120s", "for": "120s", "with": with_}


DEPLOY = {"type": "deploy", "target": "model", "at": "60s"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rate_per_s", "decoys"),
    [(40, [surge(80)]), (60, [surge(60)]), (120, []), (8, []), (8, [DEPLOY])],
    ids=["load tripled", "load doubled", "high load", "night", "night with a deploy"],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_traffic_is_no_fault(tmp_path: Path, seed: int, rate_per_s: int, decoys: list[Use]) -> None:
    answer = diagnosis(tmp_path, seed=seed, duration_s=360, rate_per_s=rate_per_s, decoys=decoys)
    assert answer.verdict is Verdict.HEALTHY, answer


@pytest.mark.slow
@pytest.mark.parametrize("fraction", ["10%", "20%", "100%"])
def test_a_rescaled_column_is_found_by_the_values_training_never_saw(tmp_path: Path, fraction: str) -> None:
    fault = corruption(130, column="avg_order_value_eur", change="rescale", fraction=fraction)
    [finding] = diagnosis(tmp_path, duration_s=300, rate_per_s=40, faults=[fault]).findings
    assert (finding.culprit, finding.kind) == ("db", "schema-corruption")


@pytest.mark.slow
def test_a_surge_excuses_counted_columns_only(tmp_path: Path) -> None:
    fault = corruption(130, column="account_age_days", change="rescale", factor=0.1)
    answer = diagnosis(tmp_path, duration_s=360, rate_per_s=40, faults=[fault], decoys=[surge(40)])
    assert [(f.culprit, f.kind) for f in answer.findings] == [("db", "schema-corruption")]


@pytest.mark.slow
@pytest.mark.parametrize("corrupted", ["60%", "75%", "90%"])
def test_a_version_whose_probabilities_are_wrong_is_worse_even_if_it_ranks_well(tmp_path: Path, corrupted: str) -> None:
    fault = {
        "type": "model-regression", "target": "model", "at": "140s", "for": "90s", "with": {"corrupted": corrupted},
    }  # fmt: skip
    [finding] = diagnosis(tmp_path, duration_s=300, rate_per_s=20, faults=[fault]).findings
    assert (finding.culprit, finding.kind) == ("model", "model-regression")
    assert finding.onset_s == pytest.approx(140, abs=15)


@pytest.mark.slow
def test_a_good_version_is_not_blamed_for_inputs_that_no_version_has_seen(tmp_path: Path) -> None:
    fault = corruption(140, column="avg_order_value_eur", change="rescale")
    deploy = {"type": "deploy", "target": "model", "at": "130s"}
    answer = diagnosis(tmp_path, duration_s=300, rate_per_s=40, faults=[fault], decoys=[deploy])
    assert answer.findings[0].culprit == "db"
    assert all(finding.confidence < answer.findings[0].confidence for finding in answer.findings[1:])


def test_the_same_fault_twice_is_found_twice(tmp_path: Path) -> None:
    cut = {"type": "network-partition", "target": "features->rules", "for": "60s"}
    faults = [{**cut, "at": "100s"}, {**cut, "at": "260s"}]
    answer = diagnosis(tmp_path, duration_s=420, rate_per_s=20, faults=faults)
    assert [finding.culprit for finding in answer.findings] == ["features->rules"] * 2
    assert sorted(f.onset_s or 0 for f in answer.findings) == pytest.approx([100, 260], abs=15)


@pytest.mark.slow
def test_what_grows_for_days_is_one_finding_that_began_when_it_began_to_show(tmp_path: Path) -> None:
    """A ramp stands out in several windows that touch."""
    falls_behind = {"type": "feed-stall", "target": "feed", "at": "8h", "for": "40h", "with": {"growth": "22.5s"}}
    found = diagnosis(tmp_path, system="recommender-days", duration_s=48 * 3600, rate_per_s=0.1, faults=[falls_behind])
    (finding,) = [f for f in found.findings if f.kind == "feed-stall"]
    assert finding.culprit == "feed"
    assert finding.onset_s is not None
    assert 8 * 3600 < finding.onset_s < 16 * 3600
    # Told are the levels of all that time: not the 90 s of its first hours, but 7 minutes at its end.
    assert finding.evidence[0].observed > 150


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("confidences", [(0.9, 0.9, 0.9), (0.9, 0.7, 0.8), (0.9, 0.6, 0.9)])
def test_windows_that_touch_in_a_chain_are_one_incident(order: Sequence[int], confidences: Sequence[float]) -> None:
    """The first and the last do not touch, and the one between them may be the least certain."""
    windows = [(36_780.0, 52_620.0), (52_680.0, 88_920.0), (89_040.0, 172_800.0)]
    trials = [named(*windows[n], 240.0, confidences[n]) for n in order]
    [(_, finding, joined)] = incidents_of(trials, 60.0)
    assert (finding.onset_s, len(joined)) == (36_780.0, 3)
    apart = [trials[at] for at, n in enumerate(order) if n != 1]
    assert {finding.onset_s for _, finding, _ in incidents_of(apart, 60.0)} == {36_780.0, 89_040.0}


def named(onset_s: float, end_s: float, step_s: float, confidence: float) -> Trial:
    """A trial that named one cause on one element in this window."""
    window = Shift("job_last_success_age_s", "feed", 10.0, 90.0, 50.0, onset_s, end_s, step_s=step_s)
    finding = Finding("feed", "data", "feed-stall", onset_s, confidence)
    return Trial(shipped_tree("shop").causes[0], {}, window, (), (), finding)


def test_two_columns_at_two_times_are_two_findings(tmp_path: Path) -> None:
    faults = [
        corruption(100, column="returns_ratio", change="rescale"),
        corruption(280, column="age_years", change="null"),
    ]
    answer = diagnosis(tmp_path, duration_s=420, rate_per_s=40, faults=faults)
    assert sorted(f.onset_s or 0 for f in answer.findings) == pytest.approx([100, 280], abs=20)


def test_no_improvement_is_reported_as_a_symptom(tmp_path: Path) -> None:
    cut = {"type": "network-partition", "target": "features->model", "at": "120s", "for": "90s"}
    answer = diagnosis(tmp_path, duration_s=300, rate_per_s=20, faults=[cut])
    [first, *_] = answer.findings[0].why
    assert "fell" not in first or first.startswith("Click-through")


def test_one_odd_interval_on_several_links_is_no_partition(tmp_path: Path) -> None:
    """A machine stalled for some seconds: a fifth of the calls to the cache and some to the database timed out."""
    quiet = observe(scenario(tmp_path, duration_s=300, rate_per_s=10), 3)
    assert not quiet.alerts
    odd = stalled(quiet, 185, {"features->cache": 17, "features->db": 2})
    assert infer(odd, shipped_tree("shop")).verdict is Verdict.HEALTHY


def test_a_few_late_answers_at_the_end_of_a_cut_do_not_excuse_the_link(tmp_path: Path) -> None:
    """The machine slowed down when the link came back: two of thirty intervals say `latency`, on every link."""
    cut = {"type": "network-partition", "target": "features->db", "at": "187s", "for": "150s"}
    observed = observe(scenario(tmp_path, duration_s=480, rate_per_s=10, faults=[cut]))
    slow = dict.fromkeys(("features->cache", "features->model", "features->rules"), 0.025)
    observed = late(answered_late(observed, 328, 336, "features->db", 0.093), 330, 345, slow | {"features->db": 0.09})
    [first, *others] = infer(observed, shipped_tree("shop")).findings
    assert (first.culprit, first.kind) == ("features->db", "network-partition")
    assert first.onset_s == pytest.approx(187, abs=10)
    assert {finding.culprit for finding in others} <= {"features->db"}


@pytest.mark.parametrize("link", ["features->cache", "features->db", "features->model", "features->rules"])
def test_a_short_cut_is_seen_that_two_intervals_precede(tmp_path: Path, link: str) -> None:
    cut = {"type": "network-partition", "target": link, "at": "12s", "for": "25s"}
    [first, *_] = diagnosis(tmp_path, duration_s=120, rate_per_s=20, faults=[cut]).findings
    assert (first.culprit, first.kind) == (link, "network-partition")
    assert first.onset_s == pytest.approx(12, abs=5)


@pytest.mark.parametrize("column", ["avg_order_value_eur", "age_years", "account_age_days"])
def test_a_rescaled_column_is_seen_at_a_few_requests_a_second(tmp_path: Path, column: str) -> None:
    fault = corruption(130, column=column, change="rescale", factor=100)
    [first, *_] = diagnosis(tmp_path, duration_s=300, rate_per_s=4, faults=[fault]).findings
    assert (first.culprit, first.kind) == ("db", "schema-corruption")
    assert first.onset_s == pytest.approx(130, abs=30)


def test_a_cut_that_leaves_nothing_to_compare_is_no_crash(tmp_path: Path) -> None:
    cut = {"type": "network-partition", "target": "features->rules", "at": "30s", "for": "160s"}
    answer = diagnosis(tmp_path, seed=3, duration_s=200, rate_per_s=50, faults=[cut])
    assert answer.findings[0].culprit == "features->rules"


def test_evidence_and_reasons_show_before_and_during(tmp_path: Path) -> None:
    """The same pair of numbers that witness, graders and report take from `lab.signals.windows`."""
    cut = {"type": "network-partition", "target": "features->model", "at": "120s", "for": "90s"}
    observed = observe(scenario(tmp_path, duration_s=300, rate_per_s=20, faults=[cut]))
    [first, *_] = infer(observed, shipped_tree("shop")).findings
    [cited] = [e for e in first.evidence if e.signal == "client_timeout_ratio"]
    series = compute_signals(observed).get(cited.signal, cited.subject)
    assert series is not None
    pair = levels(series.times_s, series.values, (120.0, 210.0))
    assert pair is not None
    assert (cited.baseline, cited.observed) == pytest.approx(tuple(pair), abs=0.05)
    assert any(humanised(cited.signal, cited.observed) in sentence for sentence in first.why)


@pytest.mark.parametrize("seed", [175, 242])
def test_an_alert_that_fired_by_chance_makes_nobody_unsure(tmp_path: Path, seed: int) -> None:
    """Two requests a second: the click-through of half a minute misses its limit without having moved."""
    observed = observe(scenario(tmp_path, duration_s=300, rate_per_s=2), seed)
    assert any(alert["state"] == "firing" for alert in observed.alerts)
    assert infer(observed, shipped_tree("shop")).verdict is Verdict.HEALTHY


def test_an_alert_that_fires_for_long_or_whose_indicator_moved_is_believed(tmp_path: Path) -> None:
    observed = observe(scenario(tmp_path, duration_s=300, rate_per_s=4))
    fired = {"slo": "click-through", "service.name": "features", "state": "firing", "value": 0.05}
    table = compute_signals(observed)
    assert unexplained(replace(observed, alerts=[{**fired, "time_s": 120.0}]), table)
    short = [{**fired, "time_s": 120.0}, {**fired, "time_s": 130.0, "state": "resolved"}]
    assert not unexplained(replace(observed, alerts=short), table)
    other = [{**fired, "service.name": "web", "time_s": 125.0}, {**short[1], "service.name": "web", "time_s": 126.0}]
    long = [{**fired, "time_s": 120.0}, *other, {**fired, "time_s": 220.0, "state": "resolved"}]
    assert unexplained(replace(observed, alerts=long), table)  # though another's was over at once
    clicks = table.get("click_through_ratio", "features")
    assert clicks is not None
    clicks.values[(clicks.times_s > 100) & (clicks.times_s <= 140)] = 0.0
    assert unexplained(replace(observed, alerts=short), table)
    assert unexplained(replace(observed, alerts=[{**a, "slo": "unheard-of"} for a in short]), table)
