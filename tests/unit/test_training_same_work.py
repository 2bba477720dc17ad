"""What is waited for before an answer is the same work whatever is wrong: else its time tells how many faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.investigation import work
from lab.investigation.recordings import answer, grade, observe, record
from lab.recording.rundir import SIGNALS_FILE
from lab.signals.kept import digests, load_kept
from lab.testbeds.sim.session import SimSession
from tests.investigating import JOINING, KIND, RIGHT, AtOnce, client, course, training

FAULTS: list[dict[str, Any]] = [
    {"type": KIND, "target": "desk->db", "at": "50s", "for": "100s"},
    {"type": "cpu-throttle", "target": "model", "at": "120s", "for": "60s"},
]


@pytest.fixture
def simulations(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one for each run that is simulated, twins included."""
    begun: list[int] = []
    init = SimSession.__init__

    def counting(*given: Any, **more: Any) -> None:
        begun.append(len(begun))
        init(*given, **more)

    monkeypatch.setattr(SimSession, "__init__", counting)
    return begun


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The incidents about which engines were asked; nobody waits for them here."""
    found: list[Path] = []
    monkeypatch.setattr(work, "engines_asked", lambda incident, hidden, progress: found.append(incident))
    return found


@pytest.mark.parametrize("count", [0, 1, 2])
def test_before_the_answer_as_much_is_simulated_for_every_number_of_faults(
    tmp_path: Path, simulations: list[int], asked: list[Path], count: int
):
    alone = client(training(tmp_path / "state", [course(tmp_path, faults=FAULTS[:count])]))
    session = alone.begin()
    assert (alone.get(session)["status"], len(simulations), len(asked)) == ("ready", 1, 1)
    other = alone.begin()
    alone.get(f"{session}/system")
    alone.post(f"{session}/actions", {"remedy": "restart", "place": "db"})
    assert (alone.get(other)["status"], len(simulations), len(asked)) == ("ready", 2, 1), "the action's, and no more"
    alone.post(f"{session}/submit", {"verdict": "healthy"} if count == 0 else RIGHT)
    assert alone.get(session)["status"] == "released"
    assert len(alone.get(f"{session}/debrief")["truth"]["faults"]) == count


def test_what_is_seen_is_the_recording_that_is_made_later(tmp_path: Path):
    exercise = course(tmp_path, faults=FAULTS).exercises[0]
    observe(exercise, tmp_path / "incident")
    assert digests(tmp_path / "incident" / "observed") == digests(record(exercise, tmp_path / "runs").observed)


def test_engines_are_asked_without_the_truth_and_graded_with_it(tmp_path: Path):
    exercise, incident = course(tmp_path).exercises[0], tmp_path / "incident"
    observe(exercise, incident)
    answer(incident, tmp_path)
    assert not (incident / "truth").exists()
    assert (incident / SIGNALS_FILE).is_file()
    assert load_kept(incident / "observed") is not None, "each engine would compute them again"
    run = record(exercise, tmp_path / "runs")
    grade(run, incident)
    assert run.engines() == ("chance", "constant", "loudest-anomaly", "naive-thresholds", "rules")
    assert run.grades().keys() == set(run.engines())


def test_how_far_a_withheld_debrief_is_is_told_to_nobody(prepared: Any, tmp_path: Path):
    workers = AtOnce()
    of = training(tmp_path, [prepared], is_group=True, workers=workers)
    token = client(of, JOINING).post("/participants", {"name": "Ada"})["token"]
    ada = client(of, token)
    session = ada.begin()
    ada.post(f"{session}/clock", {"jump": "end"})
    workers.held = True
    ada.post(f"{session}/submit", RIGHT)
    assert (ada.get(session)["status"], ada.get(session)["progress"]) == ("answered", None)
    workers.go_on()
    assert (ada.get(session)["status"], ada.get(session)["progress"]) == ("answered", None)
