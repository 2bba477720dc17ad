"""The course `nights`: what its texts say is true of what can be seen when somebody is called, on other seeds too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from lab.investigation.acting import played
from lab.investigation.exercises import Exercise, load_course
from lab.recording.cut import cut
from lab.recording.observed import Observed
from lab.signals import SignalTable, compute_signals
from lab.signals.periods import calendar_of
from lab.signals.periods.differences import LASTING
from lab.signals.periods.shapes import Difference
from lab.testbeds.installed import choose

pytestmark = pytest.mark.slow

THANKED, MISSED, RIVAL, BUDGET = load_course("training/nights").exercises
OTHER_SEEDS = (1, 2)


@dataclass(frozen=True)
class Seen:
    """What can be seen of an exercise when somebody is called."""

    observed: Observed
    signals: SignalTable
    lasting: tuple[Difference, ...]

    def of(self, signal: str) -> Mapping[str, Any]:
        """The values of a signal night by night, by the last word of its subject."""
        return {s.rpartition(".")[2]: self.signals.get(signal, s).values for s in self.signals.subjects(signal)}  # type: ignore[union-attr]

    def count(self, metric: str, of: str) -> Any:
        """A metric night by night, of the segment or campaign that its attribute names."""
        frame = self.observed.frame("metrics")
        rows = frame[(frame["metric"] == metric) & (frame["attribute"] == of)]
        return rows.sort_values("time_s")["value"].to_numpy()

    def announced(self, words: str) -> list[float]:
        """When something was announced, in days."""
        return [one["time_s"] / 86_400 for one in self.observed.changes if words in one["summary"]]


@pytest.fixture(scope="module", params=["own", *OTHER_SEEDS])
def seed(request: pytest.FixtureRequest) -> int | None:
    return None if request.param == "own" else request.param


def seen(exercise: Exercise, seed: int | None) -> Seen:
    whole = played(exercise.scenario, exercise.seed if seed is None else seed, (), choose()).observed
    assert exercise.called_at_s is not None
    observed = cut(whole, exercise.called_at_s)
    signals = compute_signals(observed)
    calendar = calendar_of(observed, signals)
    assert calendar is not None
    assert not observed.alerts, "no alert fired"
    failed = observed.frame("metrics").query("metric == 'job.failure.count'")["value"].sum()
    assert failed == 0, "every job has ended well"
    accuracy = signals.get("offline_accuracy", "segmentation")
    assert accuracy is not None
    assert np.nanmax(accuracy.values) - np.nanmin(accuracy.values) < 0.015, "accuracy is as it was"
    return Seen(observed, signals, tuple(one for one in calendar.differences if one.often >= LASTING))


def test_in_the_first_names_change_places_while_the_model_means_the_same(seed: int | None) -> None:
    found = seen(THANKED, seed)
    assert [round(at) for at in found.announced("Release of publish")] == [9]
    assert any(9 < at < 9.5 for at in found.announced("deployed")), "a model was deployed the day before"
    shares = found.of("segment_share")
    moved = {name: values[10:].mean() - values[:10].mean() for name, values in shares.items()}
    assert moved["lapsing"] > 0.05, "bargain hunters are among them"
    assert moved["loyal"] < -0.05
    assert abs(moved["new"]) < 0.02
    for meant, published in (("loyal", "bargain"), ("bargain", "lapsing"), ("lapsing", "loyal"), ("new", "new")):
        scored = found.count("segment.scored.count", meant)
        assert (scored[10:] == found.count("segment.published.count", published)[10:]).all(), (meant, published)
        assert abs(scored[10:].mean() / scored[:10].mean() - 1) < 0.12, "the classes are as many as before"
    assert {one.first for one in found.lasting if one.subject.startswith("segment_share")} == {10}
    assert not [one for one in found.lasting if one.subject.split(".")[0] in ("features", "scores")]


def test_in_the_second_one_dataset_stands_still_while_its_inputs_do_not(seed: int | None) -> None:
    found = seen(MISSED, seed)
    versions = found.observed.frame("dataset_versions").sort_values("time_s")
    last = {name: one["version"].tolist()[-8:] for name, one in versions.groupby("dataset")}
    assert len(set(last["features"])) == 1
    assert all(len(set(last[name])) == 8 for name in ("customers_snapshot", "orders_daily", "visits_daily"))
    rows = versions[versions["dataset"] == "segments"]["rows"].to_numpy()
    assert rows[-1] >= rows[:8].max(), "the list is no shorter"
    (released,) = found.announced("Release of publish")
    assert MISSED.called_at_s is not None
    assert 9.5 < MISSED.called_at_s / 86_400 - released < 10.5, "ten days ago"
    first = min(found.lasting, key=lambda one: one.first)
    assert (first.subject, first.what, first.first) == ("features", "content", 9)


def test_in_the_third_one_campaign_brings_a_third_and_nothing_else_moved(seed: int | None) -> None:
    found = seen(RIVAL, seed)
    returns = found.of("campaign_return")
    share = {name: values[-1] / values[9:16].mean() for name, values in returns.items()}
    assert 0.2 < share.pop("bargain") < 0.45
    assert min(share.values()) > 0.7
    contacts = found.observed.frame("contacts")
    mine = contacts[contacts["campaign"] == "bargain"].assign(night=lambda rows: rows["time_s"] // 86_400)
    answered = mine.groupby("night")[["responses", "contacts"]].sum(min_count=1).dropna()
    answered = answered["responses"] / answered["contacts"]
    (released,) = found.announced("Release of publish")
    assert answered[answered.index < int(released)].min() > answered[answered.index >= int(released)].max()
    assert (found.of("contacts_ratio")["bargain"] == 1).all()
    assert {one.what for one in found.lasting} <= {"level", "shares"}
    assert not [one for one in found.lasting if one.what == "level" and "return" not in one.subject]
    listed = found.of("segment_share")["bargain"]
    assert abs(listed[9:].mean() / listed[:9].mean() - 1) < 0.06, "as many are on the list"


def test_in_the_fourth_as_many_are_listed_as_ever_and_a_quarter_is_contacted(seed: int | None) -> None:
    found = seen(BUDGET, seed)
    days = [found.announced(words)[-1] for words in ("migration", "Release of campaigns")]
    assert [int(at) for at in days] == [9, 10]
    assert any(10 < at < 10.5 for at in found.announced("deployed"))
    kept = {name: (values[:11].min(), values[11:].mean()) for name, values in found.of("contacts_ratio").items()}
    assert {before for before, _ in kept.values()} == {1.0}
    after = {name: share for name, (_, share) in kept.items()}
    assert 0.2 < after["lapsing"] < 0.3
    assert after["lapsing"] < after["new"] < 0.6, "who just signed up has not ordered either"
    assert min(after["loyal"], after["premium"]) > 0.85, "they order often"
    for metric in ("segment.scored.count", "segment.published.count"):
        listed = found.count(metric, "lapsing")
        assert abs(listed[11:].mean() / listed[:11].mean() - 1) < 0.08


def test_who_noticed_first_and_why_so_late_is_asked_wherever_something_is_wrong() -> None:
    asked = {
        one.id
        for one in load_course("training/nights").exercises
        if "Who noticed first" in one.brief and "so late" in one.brief
    }
    assert asked == {THANKED.id, MISSED.id, BUDGET.id}
