"""Before the answer nothing tells the truth, nor what comes later: no endpoint, id, error, header or file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.api.app import PAGES
from tests import hunts
from tests.api_hunter import later_times, operations_asked
from tests.hunts import DECOY_ID, FAULT_ID, SEED, Hunt, hits, naming, statuses, told_as_json
from tests.investigating import Reply
from tests.sim_runs import scenario

pytestmark = pytest.mark.slow

NAME = "needle-in-a-haystack"
HINTS = ("Whoever asks in vain waits.", "Look at the way to the database.")
ONSET_S, END_S = 70.0, 150.0
FAULT = {"id": FAULT_ID, "type": "network-partition", "target": "features->db", "at": f"{ONSET_S}s", "for": "50s"}
DECOY = {"id": DECOY_ID, "type": "deploy", "target": "model", "at": "40s"}
TRAINING = {
    "title": "Clicks",
    "brief": "Clicks are down.",
    "hints": list(HINTS),
    "remedies": [{"remedy": "restart", "place": "db"}],
}
TIMES = (0, 6, 12, 20, 40)
"""Ticks after which is hunted: before the fault, while it lasts, at the end."""


def begun(directory: Path, *faults: Any) -> Hunt:
    directory.mkdir()
    loaded = scenario(
        directory, name=NAME, duration_s=END_S, rate_per_s=15, faults=faults, decoys=[DECOY], training=TRAINING
    )
    return hunts.begun(loaded, directory)


@pytest.fixture(scope="module")
def hunt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hunt]:
    found = begun(tmp_path_factory.mktemp("hunt") / "guilty", FAULT)
    yield found
    found.training.close()


@pytest.fixture(scope="module")
def found(hunt: Hunt) -> dict[float, dict[str, Reply]]:
    """All answers, by the time on the clock."""
    guesses = (NAME, str(SEED), hunt.run, "features->db", "network-partition", FAULT_ID, "2")
    ended = {hunt.move(ticks, "tick"): hunt.answers(*guesses) for ticks in TIMES}
    assert max(ended) == END_S
    return ended


def test_every_operation_that_looks_is_hunted(hunt: Hunt, found: dict[float, dict[str, Reply]]) -> None:
    openapi = hunt.client.ask("GET", "/api/openapi.json").json
    there, asked = operations_asked(openapi, hunt.session, found[END_S])
    assert asked == there
    assert sum(reply.status == 200 for reply in found[END_S].values()) > 200


def test_no_answer_tells_the_truth(hunt: Hunt, found: dict[float, dict[str, Reply]]) -> None:
    assert hits(found, hunt.needles(NAME, HINTS)) == []


def test_no_answer_but_the_vocabulary_names_the_kind_of_fault(found: dict[float, dict[str, Reply]]) -> None:
    assert naming(found, "network-partition") == {"/api/v1/vocabulary"}


def test_nothing_is_refused_with_an_error_of_the_server(found: dict[float, dict[str, Reply]]) -> None:
    assert max(statuses(found)) < 500


def test_no_answer_reaches_beyond_the_clock(found: dict[float, dict[str, Reply]]) -> None:
    for as_of_s, replies in found.items():
        for path, content in told_as_json(replies):
            assert list(later_times(content, as_of_s)) == [], (as_of_s, path)


def test_before_the_answer_there_is_no_debrief(found: dict[float, dict[str, Reply]]) -> None:
    assert statuses(found, "/debrief", "/postmortem") == {403}


def test_what_is_described_and_what_is_served_as_files_knows_no_incident(hunt: Hunt) -> None:
    openapi = hunt.client.ask("GET", "/api/openapi.json").text
    files = {path: path.read_bytes().decode("utf-8", "replace") for path in PAGES.rglob("*") if path.is_file()}
    for name, text in {Path("openapi.json"): openapi, **files}.items():
        for what in ("the scenario's name", "the seed", "a fault's or decoy's id", "a hint"):
            assert not re.search(hunt.needles(NAME, HINTS)[what], text), (name, what)
    assert "network-partition" not in openapi


def test_until_the_fault_began_its_incident_is_told_as_the_one_without_it(hunt: Hunt, tmp_path: Path) -> None:
    """Byte for byte, but for the ids of the sessions; afterwards they differ."""
    one, other = begun(tmp_path / "guilty", FAULT), begun(tmp_path / "innocent")
    try:
        for ticks in (0, 5, 4):
            as_of_s = one.move(ticks, "tick")
            assert other.move(ticks, "tick") == as_of_s <= ONSET_S
            told = [
                {run.same(path): run.same(reply.text) for path, reply in run.answers().items()} for run in (one, other)
            ]
            assert len(told[0]) > 300
            assert told[0] == told[1]
        one.move(6, "tick")
        other.move(6, "tick")
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
        assert re.search(run.needles(NAME, HINTS)["the truth"], text)
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
