"""Before the answer nothing tells the truth of an incident of weeks: no calendar, no dataset, no lineage, no page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import hunts
from tests.api_hunter import later_times, operations_asked
from tests.hunts import DECOY_ID, FAULT_ID, SEED, Hunt, hits, naming, statuses, told_as_json
from tests.investigating import Reply
from tests.segments import DAY_S, nights
from tests.simulated import NAME

pytestmark = pytest.mark.slow

DAYS = 14
KIND = "output-kept"
HINTS = ("Whoever asks in vain waits.", "Look at what is not made anew.")
CALLED_S, ONSET_S = 8 * DAY_S + 14 * 3600, 8 * DAY_S + 15 * 3600
"""The fault begins in the afternoon, an hour after the call; the jobs run in the night after."""
SEEN_S, FELT_S = 8 * DAY_S, 9 * DAY_S
"""Until when is seen what there is when somebody is called; and the last measurement before the fault is felt."""
FAULT = {
    "id": FAULT_ID, "type": KIND, "target": "features",
    "at": f"{ONSET_S:g}s", "for": f"{DAYS * DAY_S - ONSET_S:g}s",
}  # fmt: skip
DECOY = {"id": DECOY_ID, "type": "release", "target": "publish", "at": "8d11h"}
PARTS = ("indicators", "jobs", "datasets", "drift", "in_use", "stacks", "moved", "moments", "differences")
LATER = re.compile(r"(time|at|until|ended|starts|ends|written|partition)_s|eventTime")
"""Fields that tell when something was; a period ends where the recording does, by then."""


class HuntOfNights(Hunt):
    """Also for the parts of the calendar, each dataset and what runs wrote by themselves."""

    def answers(self, *guesses: str) -> dict[str, Reply]:
        found = super().answers(*guesses)
        base = f"/api/v1/sessions/{self.session}"
        datasets = found[f"{base}/datasets"].json["datasets"]
        runs = {run["trace_id"] for one in datasets for run in one["versions"] if run["trace_id"]}
        more = [f"{base}/calendar?part={part}" for part in PARTS]
        more += [f"{base}/{what}?dataset={one['dataset']}" for one in datasets for what in ("datasets", "lineage")]
        more += [f"{base}/{what}?trace_id={run}" for run in sorted(runs)[-20:] for what in ("datasets", "lineage")]
        return found | {path: self.client.ask("GET", path) for path in ["/", *more]}


def begun(directory: Path, *faults: Any) -> Hunt:
    directory.mkdir()
    told = {"title": "Letters", "brief": "Odd letters.", "hints": list(HINTS), "called_at": f"{CALLED_S:g}s"}
    loaded = nights(directory, DAYS, faults=list(faults), decoys=[DECOY], training=told)
    return hunts.begun(loaded, directory, HuntOfNights)


@pytest.fixture(scope="module", params=["fault", "control"])
def hunt(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hunt]:
    faults = [FAULT] if request.param == "fault" else []
    found = begun(tmp_path_factory.mktemp("hunt") / "incident", *faults)
    yield found
    found.training.close()


@pytest.fixture(scope="module")
def found(hunt: Hunt) -> dict[float, dict[str, Reply]]:
    """All answers, by the time on the clock: when called, as it is felt, and at the end."""
    guesses = (NAME, str(SEED), hunt.run, "features", KIND, FAULT_ID)
    return {hunt.move(periods, "period"): hunt.answers(*guesses) for periods in (0, 2, 4)}


def test_every_operation_that_looks_is_hunted(hunt: Hunt, found: dict[float, dict[str, Reply]]) -> None:
    openapi = hunt.client.ask("GET", "/api/openapi.json").json
    assert sorted(found) == [SEEN_S, 10 * DAY_S, DAYS * DAY_S]
    there, asked = operations_asked(openapi, hunt.session, found[DAYS * DAY_S])
    assert asked == there
    for part in ("calendar", "datasets", "lineage"):
        replies = [reply for path, reply in found[SEEN_S].items() if f"/{part}" in path.partition("?")[0]]
        assert sum(reply.status == 200 for reply in replies) > 5, part


def test_no_answer_tells_the_truth(hunt: Hunt, found: dict[float, dict[str, Reply]]) -> None:
    assert hits(found, hunt.needles(NAME, HINTS)) == []


def test_no_answer_but_the_vocabulary_names_the_kind_of_fault(found: dict[float, dict[str, Reply]]) -> None:
    assert naming(found, KIND) == {"/api/v1/vocabulary"}


def test_no_answer_is_an_error_of_the_server_and_none_a_debrief(found: dict[float, dict[str, Reply]]) -> None:
    assert max(statuses(found)) < 500
    assert statuses(found, "/debrief", "/postmortem") == {403}


def test_no_answer_reaches_beyond_the_clock(found: dict[float, dict[str, Reply]]) -> None:
    for as_of_s, replies in found.items():
        for path, content in told_as_json(replies):
            assert list(later_times(content, as_of_s)) == [], (as_of_s, path)
            if re.search(r"/(calendar|datasets|lineage|jobs|versions)\b", path):
                assert list(later(content, as_of_s)) == [], (as_of_s, path)


def test_what_is_felt_in_the_night_after_is_told_in_none_before(tmp_path: Path) -> None:
    """Byte for byte and header for header, but for the ids of the sessions; afterwards calendars differ."""
    one, other = begun(tmp_path / "guilty", FAULT), begun(tmp_path / "innocent")
    try:
        for periods, as_of_s in ((0, SEEN_S), (1, FELT_S)):
            assert one.move(periods, "period") == other.move(periods, "period") == as_of_s
            told = [of_all(run) for run in (one, other)]
            assert len(told[0]) > 400
            assert told[0].keys() == told[1].keys()
            assert [path for path in told[0] if told[0][path] != told[1][path]] == []
        one.move(1, "period")
        other.move(1, "period")
        for path in ("calendar", "datasets", "lineage"):
            answers = [run.client.get(f"/sessions/{run.session}/{path}") for run in (one, other)]
            assert answers[0] != answers[1], "the comparison can fail"
    finally:
        one.training.close()
        other.training.close()


def later(answer: Any, as_of_s: float) -> Iterator[tuple[str, float]]:
    """Times that a calendar, datasets or lineage tell beyond the clock."""
    if isinstance(answer, dict):
        for key, value in answer.items():
            if LATER.fullmatch(key) and isinstance(value, int | float) and value > as_of_s + 1e-6:
                yield key, value
            yield from later(value, as_of_s)
    elif isinstance(answer, list):
        for inner in answer:
            yield from later(inner, as_of_s)


def of_all(run: Hunt) -> dict[str, Any]:
    return {run.same(path): whole(run, reply) for path, reply in run.answers().items()}


def whole(run: Hunt, reply: Reply) -> tuple[int, dict[str, str], str]:
    """An answer with its headers, its length among them."""
    return reply.status, {name: run.same(value) for name, value in reply.headers.items()}, run.same(reply.text)
