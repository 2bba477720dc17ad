"""Sampling of traces: failed and slow ones whole, the rest by rate, metrics exact, and weights without bias."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lab.clock import NS
from lab.recording.collected_sampling import sampled_tables
from lab.recording.cut import cut
from lab.recording.observed import Observed
from lab.recording.sampling import TraceSampler
from tests.recorded_runs import chain, made_up, system

pytestmark = pytest.mark.usefixtures("records_world")

END_NS = 600 * NS
SLOW_S, RATE, RECORDS = 0.05, 0.1, 0.2
COUNT = 12_000
SAMPLING = {"traces": RATE, "slow_s": SLOW_S, "records": RECORDS}


def recorded(*, seed: int = 1, observability: str = "rich", **sampling: float | None) -> Observed:
    recorder = chain(seed=seed, observability=observability, **sampling)
    recorder.take(made_up(seed, 0, COUNT))
    n = np.arange(COUNT)
    shown = {"time_s": n / 20, "request": n, "service.name": np.array(["front"])[n * 0], "score": n % 7 / 7}
    recorder.rows("answers", {**shown, "subject": n % 5, "rank": n % 5, "version": n * 0})
    recorder.log(3 * NS, "front", "INFO", "version_loaded", -1, 7)
    recorder.commit(END_NS)
    return recorder.observed(END_NS)


@pytest.fixture(scope="module")
def whole() -> Observed:
    return recorded()


@pytest.fixture(scope="module")
def sampled() -> Observed:
    return recorded(**SAMPLING)


def notable(spans: pd.DataFrame) -> set[str]:
    """Traces whose request failed or was slow, read from the spans of users."""
    root = spans[spans["service.name"] == "people"]
    return set(root.loc[~root["status"].isin(["ok", "miss"]) | (root["duration_s"] >= SLOW_S), "trace_id"])


def chosen(traces: pd.Series, share: float) -> pd.Series:
    """Traces that OpenTelemetry's ratio sampler keeps, by the last 56 bits of their ids."""
    return traces.map(lambda trace: int(trace[-14:], 16) < share * 2**56).astype(bool)


def test_failed_and_slow_traces_are_kept_whole_and_the_rest_by_rate(whole: Observed, sampled: Observed) -> None:
    every, kept = (found.frame("spans").astype({"trace_id": str}) for found in (whole, sampled))
    known = notable(every)
    assert 200 < len(known) < COUNT / 2
    expected = every[every["trace_id"].isin(known) | chosen(every["trace_id"], RATE)]
    assert set(kept["span_id"]) == set(expected["span_id"])
    weights = kept.set_index("trace_id")["sample_weight"]
    assert set(weights[weights.index.isin(known)]) == {1.0}
    assert set(weights[~weights.index.isin(known)]) == {1 / RATE}


def test_spans_that_end_after_their_request_follow_it(whole: Observed, sampled: Observed) -> None:
    every, kept = (found.frame("spans").astype({"trace_id": str}) for found in (whole, sampled))
    every["end_s"] = every["time_s"] + every["duration_s"]
    root = every[every["service.name"] == "people"].set_index("trace_id")
    late = every[(every["end_s"] > every["trace_id"].map(root["end_s"])) & every["trace_id"].isin(notable(every))]
    assert len(late) > 100
    assert set(late["span_id"]) <= set(kept["span_id"])


def test_metrics_are_exact(whole: Observed, sampled: Observed) -> None:
    assert sampled.tables["metrics"].equals(whole.tables["metrics"])
    assert sampled.alerts == whole.alerts


def test_warnings_are_all_kept_and_other_lines_follow_their_trace(whole: Observed, sampled: Observed) -> None:
    every, kept = whole.frame("logs"), sampled.frame("logs")
    known = notable(whole.frame("spans").astype({"trace_id": str}))
    severe, about = every["severity_text"] == "WARN", every["trace_id"].notna()
    follows = about & (every["trace_id"].isin(known) | chosen(every["trace_id"].fillna("f" * 32), RATE))
    assert severe.sum() > 100
    assert (follows & ~severe).sum() > 500
    assert sorted(kept["body"]) == sorted(every.loc[severe | ~about | follows, "body"])
    assert set(kept.loc[kept["severity_text"] == "WARN", "sample_weight"]) == {1.0}
    assert set(kept.loc[kept["event.name"] == "statement", "sample_weight"]) == {1.0, 1 / RATE}


def test_records_of_the_content_are_kept_by_rate_alone(whole: Observed, sampled: Observed) -> None:
    every, kept = (found.frame("answers").astype({"trace_id": str}) for found in (whole, sampled))
    assert kept["trace_id"].tolist() == every.loc[chosen(every["trace_id"], RECORDS), "trace_id"].tolist()
    assert set(kept["sample_weight"]) == {1 / RECORDS}


def test_a_recording_says_how_it_was_sampled_and_a_whole_one_has_no_weights(whole: Observed, sampled: Observed) -> None:
    assert sampled.system["sampling"] == {"traces": RATE, "slow_s": SLOW_S, "records": RECORDS}
    assert "sampling" not in whole.system
    assert not any("sample_weight" in table.column_names for table in whole.tables.values())
    assert set(whole.frame("spans")["sample_weight"]) == {1.0}, "as a data frame every row stands for itself"


@pytest.mark.parametrize("table", ["spans", "logs", "answers"])
def test_weights_are_without_bias(table: str) -> None:
    """The mean over 50 seeds of the sum of weights is the number of rows there were, within 4 standard errors."""
    estimates, counts = [], []
    for seed in range(50):
        sides = made_up(seed, 0, 600)
        pair = [chain(seed=seed, observability="rich"), chain(seed=seed, observability="rich", **SAMPLING)]
        n = np.arange(600)
        shown = {"time_s": n / 20, "request": n, "service.name": np.array(["front"])[n * 0], "score": n / 600}
        for recorder in pair:
            recorder.take(sides)
            recorder.rows("answers", {**shown, "subject": n, "rank": n, "version": n * 0})
        every, some = (recorder.observed(END_NS).frame(table) for recorder in pair)
        counts.append(len(every))
        estimates.append(float(some["sample_weight"].sum()))
    difference = np.array(estimates) - np.array(counts)
    assert difference.std() > 0
    assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(len(difference))


def test_a_cut_of_a_sampled_recording_has_what_was_visible_by_then(sampled: Observed) -> None:
    seen = cut(sampled, 300.0)
    spans = sampled.frame("spans")
    visible = spans[spans["time_s"] + spans["duration_s"] <= 300.0]
    assert seen.frame("spans")["span_id"].tolist() == visible["span_id"].tolist()
    assert seen.frame("spans")["sample_weight"].tolist() == visible["sample_weight"].tolist()


def test_poor_observability_keeps_its_share_unless_sampling_says_another() -> None:
    by_level = recorded(observability="poor").frame("spans").astype({"trace_id": str})
    assert chosen(by_level["trace_id"], 0.05).all()
    assert 400 < by_level["trace_id"].nunique() < 800
    by_sampling = recorded(observability="poor", traces=0.5, slow_s=None, records=1.0)
    assert 5_000 < by_sampling.frame("spans")["trace_id"].nunique() < 7_000


def test_collected_telemetry_is_sampled_by_the_same_rules(whole: Observed, sampled: Observed) -> None:
    found = sampled_tables(dict(whole.tables), system("rich", **SAMPLING))
    assert found["spans"].num_rows == sampled.tables["spans"].num_rows
    for name, key in (("spans", "span_id"), ("logs", "body"), ("answers", "time_s")):
        pairs = [
            sorted(zip(table[key].to_pylist(), table["sample_weight"].to_pylist(), strict=True))
            for table in (found[name], sampled.tables[name])
        ]
        assert pairs[0] == pairs[1], name


def test_what_the_sampler_remembers_does_not_grow_with_the_run() -> None:
    recorder = chain(**SAMPLING)
    held = []
    for minute in range(30):
        recorder.take(made_up(1, minute * 1200, 1200))
        recorder.commit((minute + 1) * 60 * NS)
        sampler = recorder._sampler
        assert isinstance(sampler, TraceSampler)
        held.append((len(sampler._sides), len(sampler._ended._above), len(sampler._notable)))
    waiting, above, remembered = zip(*held, strict=True)
    assert max(waiting) < 100
    assert max(above) < 100
    assert max(remembered[20:]) < 1.2 * max(remembered[9:12])
