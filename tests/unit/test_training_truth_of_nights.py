"""Before the answer nothing tells the truth of an incident of weeks: no calendar, no dataset, no lineage, no page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pytest

from lab.investigation.exercises import Course, exercise_of
from lab.investigation.training import Training
from tests.api_hunter import hunted, later_times, operations_asked
from tests.investigating import Client, Reply, client, training
from tests.segments import DAY_S, nights
from tests.simulated import NAME

pytestmark = pytest.mark.slow

SEED, DAYS = 7_654_321, 14
KIND = "output-kept"
HINTS = ("Whoever asks in vain waits.", "Look at what is not made anew.")
CALLED_S, ONSET_S = 8 * DAY_S + 14 * 3600, 8 * DAY_S + 15 * 3600
"""The fault begins in the afternoon, an hour after the call; the jobs run in the night after."""
SEEN_S, FELT_S = 8 * DAY_S, 9 * DAY_S
"""Until when is seen what there is when somebody is called; and the last measurement before the fault is felt."""
FAULT = {
    "id": "guilty-one", "type": KIND, "target": "features",
    "at": f"{ONSET_S:g}s", "for": f"{DAYS * DAY_S - ONSET_S:g}s",
}  # fmt: skip
DECOY = {"id": "harmless-one", "type": "release", "target": "publish", "at": "8d11h"}
PARTS = ("indicators", "jobs", "datasets", "drift", "in_use", "stacks", "moved", "moments", "differences")
LATER = re.compile(r"(time|at|until|ended|starts|ends|written|partition)_s|eventTime")
"""Fields that tell when something was; a period ends where the recording does, by then."""


@dataclass
class Hunt:
    """A session on an incident, and the directory of the server."""

    training: Training
    client: Client
    session: str
    directory: Path

    def move(self, periods: int) -> float:
        """Moves the clock on to whole periods; where it is then."""
        for _ in range(periods):
            self.client.post(f"/sessions/{self.session}/clock", {"jump": "period"})
        return float(self.client.get(f"/sessions/{self.session}")["clock"]["as_of_s"])

    def answers(self, *guesses: str) -> dict[str, Reply]:
        """What everything tells; the parts of the calendar, each dataset and what runs wrote by themselves, too."""
        found = hunted(self.client, self.session, guesses)
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
    course = Course("own", "Own scenarios", (exercise_of(loaded, "own", 1, SEED),))
    made = training(directory / "state", [course])
    asking = client(made)
    return Hunt(made, asking, asking.post("/sessions", {"exercise": "own-1"})["id"], directory)


@pytest.fixture(scope="module", params=["fault", "control"])
def hunt(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hunt]:
    faults = [FAULT] if request.param == "fault" else []
    found = begun(tmp_path_factory.mktemp("hunt") / "incident", *faults)
    yield found
    found.training.close()


@pytest.fixture(scope="module")
def found(hunt: Hunt) -> dict[float, dict[str, Reply]]:
    """All answers, by the time on the clock: when called, as it is felt, and at the end."""
    run = next((hunt.directory / "state" / "incidents").glob("[!.]*")).name
    guesses = (NAME, str(SEED), run, "features", KIND, "guilty-one")
    return {hunt.move(periods): hunt.answers(*guesses) for periods in (0, 2, 4)}


def needles(hunt: Hunt) -> dict[str, str]:
    """What no answer may hold, as a regular expression, and what it is."""
    run = next((hunt.directory / "state" / "incidents").glob("[!.]*"))
    return {
        "the scenario's name": rf"(?<!\w){re.escape(NAME)}(?!\w)",
        "the seed": rf"(?<![\d.]){SEED}(?!\d)",
        "the recording's directory": re.escape(run.name),
        "a directory of the server": re.escape(str(hunt.directory.parent)),
        "a fault's or decoy's id": "guilty-one|harmless-one",
        "a hint": "|".join(map(re.escape, HINTS)),
        "the truth": "injected_s|reverted_s|witnessed|counterfactual|decoy|faults.json|effects.json|courses.json",
        "a traceback": r"Traceback|\.py\b|line \d+, in",
    }


def test_every_operation_that_looks_is_hunted(hunt: Hunt, found: dict[float, dict[str, Reply]]) -> None:
    openapi = hunt.client.ask("GET", "/api/openapi.json").json
    assert sorted(found) == [SEEN_S, 10 * DAY_S, DAYS * DAY_S]
    there, asked = operations_asked(openapi, hunt.session, found[DAYS * DAY_S])
    assert asked == there
    for part in ("calendar", "datasets", "lineage"):
        replies = [reply for path, reply in found[SEEN_S].items() if f"/{part}" in path.partition("?")[0]]
        assert sum(reply.status == 200 for reply in replies) > 5, part


def test_no_answer_tells_the_truth(hunt: Hunt, found: dict[float, dict[str, Reply]]) -> None:
    """Whoever puts a needle into the request may get it back as what was seen."""
    told = []
    for as_of_s, replies in found.items():
        for path, reply in replies.items():
            text = f"{json.dumps(dict(reply.headers))}\n{reply.body.decode('utf-8', 'replace')}"
            if path != "/api/openapi.json":
                for what, needle in needles(hunt).items():
                    hits = {hit for hit in re.findall(needle, text) if hit not in unquote_plus(path)}
                    told += [(as_of_s, path, what, hit) for hit in hits]
    assert told == []


def test_no_answer_but_the_vocabulary_names_the_kind_of_fault(found: dict[float, dict[str, Reply]]) -> None:
    naming = {
        path
        for replies in found.values()
        for path, reply in replies.items()
        if KIND in reply.body.decode("utf-8", "replace") and KIND not in unquote_plus(path)
    }
    assert naming == {"/api/v1/vocabulary"}


def test_no_answer_is_an_error_of_the_server_and_none_a_debrief(found: dict[float, dict[str, Reply]]) -> None:
    for replies in found.values():
        assert {path for path, reply in replies.items() if reply.status >= 500} == set()
        ends = {reply.status for path, reply in replies.items() if path.endswith(("/debrief", "/postmortem"))}
        assert ends == {403}


def test_no_answer_reaches_beyond_the_clock(found: dict[float, dict[str, Reply]]) -> None:
    for as_of_s, replies in found.items():
        for path, reply in replies.items():
            if reply.status == 200 and "json" in reply.headers["content-type"] and path != "/api/openapi.json":
                assert list(later_times(reply.json, as_of_s)) == [], (as_of_s, path)
                if re.search(r"/(calendar|datasets|lineage|jobs|versions)\b", path):
                    assert list(later(reply.json, as_of_s)) == [], (as_of_s, path)


def test_what_is_felt_in_the_night_after_is_told_in_none_before(tmp_path: Path) -> None:
    """Byte for byte and header for header, but for the ids of the sessions; afterwards calendars differ."""
    one, other = begun(tmp_path / "guilty", FAULT), begun(tmp_path / "innocent")
    try:
        for periods, as_of_s in ((0, SEEN_S), (1, FELT_S)):
            assert one.move(periods) == other.move(periods) == as_of_s
            told = [of_all(run) for run in (one, other)]
            assert len(told[0]) > 400
            assert told[0].keys() == told[1].keys()
            assert [path for path in told[0] if told[0][path] != told[1][path]] == []
        one.move(1)
        other.move(1)
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
    return {same(run, path): whole(run, reply) for path, reply in run.answers().items()}


def same(run: Hunt, text: str) -> str:
    """A text without the session's id, and without what of a caller's own token is in it."""
    return re.sub(r'"csrf":"[0-9a-f]+"', "", text.replace(run.session, "SESSION"))


def whole(run: Hunt, reply: Reply) -> tuple[int, dict[str, str], str]:
    """An answer with its headers, its length among them."""
    return reply.status, {name: same(run, value) for name, value in reply.headers.items()}, same(run, reply.text)
