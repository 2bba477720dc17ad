"""Before the answer nothing tells the truth, nor what comes later: no endpoint, id, error, header or file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.api.app import PAGES
from lab.investigation.exercises import Course, exercise_of
from lab.investigation.training import Training
from tests.api_hunter import hunted, later_times, operations_asked
from tests.investigating import Client, Reply, client, training
from tests.sim_runs import scenario

pytestmark = pytest.mark.slow

NAME, SEED = "needle-in-a-haystack", 7_654_321
HINTS = ("Whoever asks in vain waits.", "Look at the way to the database.")
ONSET_S, END_S = 70.0, 150.0
FAULT = {"id": "guilty-one", "type": "network-partition", "target": "features->db", "at": f"{ONSET_S}s", "for": "50s"}
DECOY = {"id": "harmless-one", "type": "deploy", "target": "model", "at": "40s"}
TRAINING = {
    "title": "Clicks",
    "brief": "Clicks are down.",
    "hints": list(HINTS),
    "remedies": [{"remedy": "restart", "place": "db"}],
}
TIMES = (0, 6, 12, 20, 40)
"""Ticks after which is hunted: before the fault, while it lasts, at the end."""


@dataclass
class Hunt:
    """A session on an incident, and the directory of the server."""

    training: Training
    client: Client
    session: str
    directory: Path

    def move(self, ticks: int) -> float:
        """Moves the clock; where it is then, rounded to what can be seen."""
        for _ in range(ticks):
            self.client.post(f"/sessions/{self.session}/clock", {"jump": "tick"})
        return float(self.client.get(f"/sessions/{self.session}")["clock"]["as_of_s"])

    def answers(self, *guesses: str) -> dict[str, Reply]:
        return hunted(self.client, self.session, guesses)


def begun(directory: Path, *faults: Any) -> Hunt:
    directory.mkdir()
    loaded = scenario(
        directory, name=NAME, duration_s=END_S, rate_per_s=15, faults=faults, decoys=[DECOY], training=TRAINING
    )
    course = Course("own", "Own scenarios", (exercise_of(loaded, "own", 1, SEED),))
    made = training(directory / "state", [course])
    asking = client(made)
    return Hunt(made, asking, asking.post("/sessions", {"exercise": "own-1"})["id"], directory)


@pytest.fixture(scope="module")
def hunt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hunt]:
    found = begun(tmp_path_factory.mktemp("hunt") / "guilty", FAULT)
    yield found
    found.training.close()


@pytest.fixture(scope="module")
def found(hunt: Hunt) -> dict[float, dict[str, Reply]]:
    """All answers, by the time on the clock."""
    run = next((hunt.directory / "state" / "incidents").glob("[!.]*")).name
    guesses = (NAME, str(SEED), run, "features->db", "network-partition", "guilty-one", "2")
    ended = {hunt.move(ticks): hunt.answers(*guesses) for ticks in TIMES}
    assert max(ended) == END_S
    return ended


def needles(hunt: Hunt) -> dict[str, str]:
    """What no answer may hold, as a regular expression, and what it is."""
    run = next((hunt.directory / "state" / "incidents").glob("[!.]*"))
    return {
        "the scenario's name": NAME,
        "the seed": rf"(?<![\d.]){SEED}(?!\d)",
        "the recording's directory": re.escape(run.name),
        "a directory of the server": re.escape(str(hunt.directory.parent)),
        "a fault's or decoy's id": "guilty-one|harmless-one",
        "a hint": "|".join(map(re.escape, HINTS)),
        "the truth": "injected_s|reverted_s|witnessed|counterfactual|decoy|faults.json|effects.json",
        "a traceback": r"Traceback|\.py\b|line \d+, in",
    }


def test_every_operation_that_looks_is_hunted(hunt: Hunt, found: dict[float, dict[str, Reply]]) -> None:
    openapi = hunt.client.ask("GET", "/api/openapi.json").json
    there, asked = operations_asked(openapi, hunt.session, found[END_S])
    assert asked == there
    assert sum(reply.status == 200 for reply in found[END_S].values()) > 200


def test_no_answer_tells_the_truth(hunt: Hunt, found: dict[float, dict[str, Reply]]) -> None:
    """Whoever puts a needle into the request may get it back as what was seen."""
    told = []
    for as_of_s, replies in found.items():
        for path, reply in replies.items():
            text = f"{json.dumps(dict(reply.headers))}\n{reply.body.decode('utf-8', 'replace')}"
            if path == "/api/openapi.json":
                continue
            for what, needle in needles(hunt).items():
                hits = {hit for hit in re.findall(needle, text) if hit not in _decoded(path)}
                told += [(as_of_s, path, what, hit) for hit in hits]
    assert told == []


def test_no_answer_but_the_vocabulary_names_the_kind_of_fault(found: dict[float, dict[str, Reply]]) -> None:
    naming = {
        path
        for replies in found.values()
        for path, reply in replies.items()
        if "network-partition" in reply.body.decode("utf-8", "replace") and "network-partition" not in _decoded(path)
    }
    assert naming == {"/api/v1/vocabulary"}


def test_nothing_is_refused_with_an_error_of_the_server(found: dict[float, dict[str, Reply]]) -> None:
    assert {path for replies in found.values() for path, reply in replies.items() if reply.status >= 500} == set()


def test_no_answer_reaches_beyond_the_clock(found: dict[float, dict[str, Reply]]) -> None:
    for as_of_s, replies in found.items():
        for path, reply in replies.items():
            if reply.status == 200 and "json" in reply.headers["content-type"] and path != "/api/openapi.json":
                assert list(later_times(reply.json, as_of_s)) == [], (as_of_s, path)


def test_before_the_answer_there_is_no_debrief(found: dict[float, dict[str, Reply]]) -> None:
    for replies in found.values():
        ends = {path: reply.status for path, reply in replies.items() if path.endswith(("/debrief", "/postmortem"))}
        assert set(ends.values()) == {403}


def test_what_is_described_and_what_is_served_as_files_knows_no_incident(hunt: Hunt) -> None:
    openapi = hunt.client.ask("GET", "/api/openapi.json").text
    files = {path: path.read_bytes().decode("utf-8", "replace") for path in PAGES.rglob("*") if path.is_file()}
    for name, text in {Path("openapi.json"): openapi, **files}.items():
        for what in ("the scenario's name", "the seed", "a fault's or decoy's id", "a hint"):
            assert not re.search(needles(hunt)[what], text), (name, what)
    assert "network-partition" not in openapi


def test_until_the_fault_began_its_incident_is_told_as_the_one_without_it(hunt: Hunt, tmp_path: Path) -> None:
    """Byte for byte, but for the ids of the sessions; afterwards they differ."""
    one, other = begun(tmp_path / "guilty", FAULT), begun(tmp_path / "innocent")
    try:
        for ticks in (0, 5, 4):
            as_of_s = one.move(ticks)
            assert other.move(ticks) == as_of_s <= ONSET_S
            told = [
                {_without(run, path): _without(run, reply.text) for path, reply in run.answers().items()}
                for run in (one, other)
            ]
            assert len(told[0]) > 300
            assert told[0] == told[1]
        one.move(6)
        other.move(6)
        system = [run.client.get(f"/sessions/{run.session}/system") for run in (one, other)]
        assert system[0] != system[1], "the comparison can fail"
    finally:
        one.training.close()
        other.training.close()


def test_after_the_answer_the_truth_is_told(tmp_path: Path) -> None:
    """So what is looked for above is what there is to find."""
    run = begun(tmp_path / "guilty", FAULT)
    try:
        run.client.post(f"/sessions/{run.session}/submit", {"verdict": "healthy", "findings": []})
        text = run.client.ask("GET", f"/api/v1/sessions/{run.session}/debrief").text
        assert re.search(needles(run)["the truth"], text)
        assert "network-partition" in text
    finally:
        run.training.close()


def test_a_blind_session_does_not_say_which_exercise_it_is_on(hunt: Hunt) -> None:
    session = hunt.client.post("/sessions", {"blind": 5})["id"]
    for path in (f"/sessions/{session}", "/sessions", "/exercises"):
        told = hunt.client.get(path)
        if path == "/exercises":
            assert session not in json.dumps(told)
        else:
            mine = next(one for one in (told if isinstance(told, list) else [told]) if one["id"] == session)
            assert not {"own-1", "Clicks"} & set(map(str, mine["exercise"].values())), mine["exercise"]


def _without(run: Hunt, text: str) -> str:
    """A text without the session's id, and without what of a caller's own token is in it."""
    return re.sub(r'"csrf":"[0-9a-f]+"', "", text.replace(run.session, "SESSION"))


def _decoded(path: str) -> str:
    from urllib.parse import unquote_plus

    return unquote_plus(path)
